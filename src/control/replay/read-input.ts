// One input from its bytes to events: what is in it, of which format each of that is, and what was wrong. It writes no log and keeps
// no event, so that it can run on any thread.

import type { FieldTable } from "../../event/mod.ts";
import { EvtxError } from "../../normalize/mod.ts";
import { CaptureError } from "../capture/mod.ts";
import { take } from "./bytes.ts";
import { type CapturedSource, CaptureScan } from "./capture.ts";
import { detectFormat, type Format } from "./format.ts";
import { inputReason, isInputError } from "./input-error.ts";
import { type InputFile, isLogName } from "./inputs.ts";
import { malformedLoggedMax, probeBytes, sourcesMax } from "./limits.ts";
import type { Pending } from "./order.ts";
import { type DirectFormat, type InputReader, openReader, type ReaderOptions } from "./readers.ts";
import { openSources, type Source } from "./sources.ts";
import { UnpackBudget } from "./unpack.ts";

export const inputKinds = ["auto", "ndjson", "json", "evtx", "auditd", "syslog", "capture"] as const;
export type InputKind = (typeof inputKinds)[number];

/** A line for the log. */
export interface InputMessage {
  readonly level: "warn" | "error";
  readonly message: string;
  readonly data: Readonly<Record<string, string | number>>;
}

export interface ReadOptions {
  readonly input: InputKind;
  /** The table that the rules were compiled against. */
  readonly fields: FieldTable;
  readonly stdin: NodeJS.ReadableStream;
  /** Gets each event in the order of the input; `bytes` is the size of its record. */
  readonly onEvent: (record: Pending, bytes: number) => void;
  /** Gets captures: their events come from a second reading. Without it they are left out. */
  readonly onCapture?: (capture: CapturedSource) => void;
  readonly onMessage: (message: InputMessage) => void;
  /** Gets how much of the stored bytes was read, after each chunk; a promise is waited for before the next. */
  readonly onProgress?: (storedBytes: number) => Promise<void> | undefined;
  readonly budget?: UnpackBudget;
}

/** Something that was read: the input, or a member of it. */
export interface SourceRead {
  /** The number that its events have as `input`: larger for later inputs, and for later members of one input. */
  readonly input: number;
  readonly path: string;
  /** SHA-256 of its bytes, hex; empty of an input that is followed. */
  readonly digest: string;
  /** Events in it, and records that were lost; of captures, as far as they were read. */
  events: number;
  malformed: number;
}

export interface ReadResult {
  readonly sources: readonly SourceRead[];
  /** Recordings that were opened: 1, or the members of an archive. */
  readonly files: number;
  readonly malformed: number;
  /** Bytes that were read of it as it is stored. */
  readonly storedBytes: number;
  /** Something could not be read to its end. */
  readonly isPartial: boolean;
  /** It was named by the user and is nothing that can be read. */
  readonly isUsage: boolean;
  /** There are captures in it, and they were left out. */
  readonly hasCaptures: boolean;
}

/** Reads input number `index`. Rejects only for faults outside of it, as of the temporary directory. */
export async function readInput(file: InputFile, index: number, options: ReadOptions): Promise<ReadResult> {
  return await new Reading(file, index, options).run();
}

class Reading {
  readonly #file: InputFile;
  readonly #index: number;
  readonly #options: ReadOptions;
  readonly #budget: UnpackBudget;
  readonly #sources: SourceRead[] = [];
  #files = 0;
  #malformed = 0;
  #isPartial = false;
  #isUsage = false;
  #hasCaptures = false;

  constructor(file: InputFile, index: number, options: ReadOptions) {
    this.#file = file;
    this.#index = index;
    this.#options = options;
    this.#budget = options.budget ?? new UnpackBudget();
  }

  async run(): Promise<ReadResult> {
    const { path } = this.#file;
    const { input, stdin } = this.#options;
    const isText = input !== "evtx" && input !== "capture";
    try {
      for await (const found of openSources(path, stdin, isText, this.#budget)) {
        if ("problem" in found) this.#say("warn", "part of an input cannot be read", found.path, found.problem);
        if ("problem" in found) this.#isPartial ||= found.isLoss;
        else if (this.#files >= sourcesMax) {
          this.#say("error", "input cannot be read to its end", path, `more than ${sourcesMax} members`);
          this.#isPartial = true;
          break;
        } else await this.#read(found, found.path !== path);
      }
    } catch (error) {
      if (!isInputError(error)) throw error;
      this.#say("error", "input cannot be read", path, inputReason(error));
      this.#isPartial = true;
    }
    return {
      sources: this.#sources,
      files: this.#files,
      malformed: this.#malformed,
      storedBytes: this.#budget.storedBytes,
      isPartial: this.#isPartial,
      isUsage: this.#isUsage,
      hasCaptures: this.#hasCaptures,
    };
  }

  async #read(source: Source, isMember: boolean): Promise<void> {
    const { path } = source;
    const number = this.#index * sourcesMax + this.#files++;
    const { head, rest, close } = await take(source.chunks, probeBytes);
    const format = this.#format(head, path, isMember);
    if (format === undefined) {
      await close();
      return;
    }
    const { onCapture } = this.#options;
    if (format === "capture" && onCapture === undefined) {
      this.#hasCaptures = true;
      await close();
      return;
    }
    let events = 0;
    const onDamage: ReaderOptions["onDamage"] = (where, reason, lost) => {
      if (reader.damageCount > malformedLoggedMax) return;
      const data = { path, ...where, reason };
      if (lost === 0) this.#tell("warn", "input is damaged", data);
      else this.#tell("warn", "malformed record skipped", lost === 1 ? data : { ...data, count: lost });
    };
    const onEvent: ReaderOptions["onEvent"] = (record, bytes) => {
      events++;
      this.#options.onEvent(record, bytes);
    };
    const scan = format === "capture" ? new CaptureScan({ onDamage }, path === "-" || isMember) : undefined;
    if (scan !== undefined) onCapture?.({ scan, input: number, path });
    const reader: InputReader =
      scan ??
      openReader(format as DirectFormat, {
        table: this.#options.fields,
        input: number,
        path,
        modifiedMs: source.modifiedMs,
        onEvent,
        onDamage,
      });
    let isRead = false;
    try {
      for await (const chunk of rest) {
        const before = events;
        reader.push(chunk);
        const wait = this.#options.onProgress?.(this.#budget.storedBytes);
        if (wait !== undefined) await wait;
        if (source.isPacked) this.#budget.delivered(chunk.length, events > before || (scan?.blocks ?? 0) > 0);
      }
      isRead = true;
      reader.end();
    } catch (error) {
      if (isForeign(error)) {
        this.#refuse(path, isMember, error.message);
        return;
      }
      if (!isInputError(error)) throw error;
      this.#say("error", "input cannot be read to its end", path, inputReason(error));
      this.#isPartial = true;
      if (!isRead) this.#end(reader, path);
    }
    this.#sayDamage(path, reader);
    // What comes after the damage of a capture, or after the end that is missing, is not there.
    if (scan !== undefined && scan.damageCount > 0) this.#isPartial = true;
    this.#sources.push({ input: number, path, digest: source.digest(), events, malformed: reader.malformed });
  }

  /** Lets the reader give what it has of an input that broke off. */
  #end(reader: InputReader, path: string): void {
    try {
      reader.end();
    } catch (error) {
      if (!isForeign(error)) throw error;
      this.#say("error", "input cannot be read", path, error.message);
    }
  }

  /** Counts what was lost of a source, and says it. */
  #sayDamage(path: string, reader: InputReader): void {
    this.#malformed += reader.malformed;
    if (reader.damageCount > malformedLoggedMax)
      this.#tell("warn", "malformed records skipped", { path, count: reader.malformed, places: reader.damageCount });
    if (reader.undated > 0)
      this.#tell("warn", "records without a time follow the record before them", { path, count: reader.undated });
  }

  #format(head: Buffer, path: string, isMember: boolean): Format | undefined {
    const { input } = this.#options;
    if (input !== "auto") return input;
    const found = detectFormat(head);
    if ("format" in found) {
      if (found.isGuess !== true || !this.#isTried(path, isMember)) return found.format;
      this.#say("warn", "input skipped", path, "it is no log of a known form");
      return undefined;
    }
    const readable = "EVTX, NDJSON, JSON, logs of auditd and syslog, and captures, also in gzip, zstd and zip";
    this.#refuse(path, isMember, `this version does not read ${found.unsupported}; it reads ${readable}`);
    return undefined;
  }

  /** It is only looked at because of its name, which other files have too. */
  #isTried(path: string, isMember: boolean): boolean {
    return (isMember || !this.#file.named) && isLogName(path);
  }

  /** What is no recording: the user's mistake when it was named, a loss in an archive, and below a folder to be expected. */
  #refuse(path: string, isMember: boolean, reason: string): void {
    const isTried = this.#isTried(path, isMember);
    if (isMember && !isTried) this.#isPartial = true;
    else if (!isMember && this.#file.named) this.#isUsage = true;
    if ((isMember && !isTried) || (!isMember && this.#file.named))
      this.#say("error", "input cannot be read", path, reason);
    else this.#say("warn", "input skipped", path, reason);
  }

  #say(level: InputMessage["level"], message: string, path: string, reason: string): void {
    this.#tell(level, message, { path, reason });
  }

  #tell(level: InputMessage["level"], message: string, data: InputMessage["data"]): void {
    this.#options.onMessage({ level, message, data });
  }
}

/** The input is something else altogether than was promised. */
const isForeign = (error: unknown): error is Error => error instanceof EvtxError || error instanceof CaptureError;
