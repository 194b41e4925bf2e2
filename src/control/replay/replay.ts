// `agent replay`: recorded events through the detectors that the agent uses live. All inputs are read first: their digest is part of
// every alert's id, and their records must be sorted by time. Detectors that can look at an event by itself do so while it is read,
// so that only what they found something in is kept and sorted.

import type { AlertInput } from "../../alert/mod.ts";
import { type EventHandler, type Hit, isStaged } from "../../detect/mod.ts";
import type { FieldTable, NormalizedEvent } from "../../event/mod.ts";
import { EvtxError, JsonNormalizer } from "../../normalize/mod.ts";
import { CaptureError } from "../capture/mod.ts";
import type { Log } from "../log/mod.ts";
import { openBytes, take } from "./bytes.ts";
import { CaptureScan, CaptureStream } from "./capture.ts";
import { eventContext, Hosts } from "./context.ts";
import { detectFormat, type Format } from "./format.ts";
import { errorCode, findInputs, type InputFile } from "./inputs.ts";
import { malformedLoggedMax, probeBytes } from "./limits.ts";
import { type Pending, TimeSorter } from "./order.ts";
import { type InputReader, openReader, type ReaderOptions } from "./readers.ts";

export const inputKinds = ["auto", "ndjson", "json", "evtx", "capture"] as const;
export type InputKind = (typeof inputKinds)[number];

export interface ReplayOptions {
  /** Files, directories, or `-` for standard input; in this order. */
  readonly paths: readonly string[];
  readonly input: InputKind;
  /** Each input is a stream of its own, with detectors of its own, in the order of inputs. */
  readonly perFile: boolean;
  /** Milliseconds since the epoch: only events at or after `sinceMs` and before `untilMs`. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly failOnAlert: boolean;
  /** The table that the rules were compiled against. */
  readonly fields: FieldTable;
  /**
   * Makes the detectors, with no state from earlier events, that call `emit` while they handle an event; once, or once for
   * each input when they are kept apart.
   */
  readonly makeHandler: (emit: (event: NormalizedEvent, hit: Hit) => void) => EventHandler<NormalizedEvent>;
  /** Gets every alert, in order; a promise is waited for, so that a slow output slows the replay down. `false` stops the replay. */
  readonly emit: (alert: AlertInput) => boolean | Promise<boolean>;
  readonly log: Log;
  readonly stdin?: NodeJS.ReadableStream;
  /** Bytes and records that are sorted in memory; for tests. */
  readonly sortMemory?: { readonly maxBytes: number; readonly maxRecords: number };
}

/** What was done, and the exit status. */
export interface ReplayResult {
  readonly summary: {
    readonly files: number;
    readonly events: number;
    readonly malformed: number;
    readonly alerts: number;
    readonly seconds: number;
    readonly events_per_second: number;
  };
  /** In the order of reading. */
  readonly inputs: readonly ReadInput[];
  /** 0, or 1 with `failOnAlert` and an alert; 2 when an input could not be read to its end; 64 when a path cannot be an input. */
  readonly exitCode: 0 | 1 | 2 | 64;
}

/** An input that was read. */
export interface ReadInput {
  readonly path: string;
  /** SHA-256, hex; empty when it could not be read to its end. */
  digest: string;
  /** Events in it, and records that were lost. */
  events: number;
  malformed: number;
}

/** Replays the inputs. Rejects only for faults outside of them: of the output, of the temporary directory, of a detector. */
export async function replayEvents(options: ReplayOptions): Promise<ReplayResult> {
  return await new Replay(options).run();
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #normalizer: JsonNormalizer;
  readonly #hosts = new Hosts();
  readonly #inputs: ReadInput[] = [];
  /** Captures of the stream that is being read, by their first reading. */
  #captures: { readonly scan: CaptureScan; readonly input: number }[] = [];
  readonly #startedMs = performance.now();
  #events = 0;
  #malformed = 0;
  #alerts = 0;
  #isStopped = false;
  #isPartial = false;
  #isUsage = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#normalizer = new JsonNormalizer(options.fields);
  }

  async run(): Promise<ReplayResult> {
    const { paths, perFile, log } = this.#options;
    const { files, skipped, skippedCount, failed } = findInputs(paths);
    for (const { path, code } of failed) {
      log.error("input cannot be read", { path, reason: reasonOf(code) });
      if (code === "ENOENT") this.#isUsage = true;
      else this.#isPartial = true;
    }
    for (const { path, reason } of skipped) log.warn("input skipped", { path, reason });
    if (skippedCount > skipped.length) log.warn("inputs skipped", { count: skippedCount });
    if (files.length === 0 && failed.length === 0) log.warn("no recording found below the given paths");
    // A path that was mistyped would otherwise look like a recording without a finding.
    if (!this.#isUsage) {
      const streams = perFile ? files.map((file) => [file]) : [files];
      for (const stream of streams) if (!this.#isStopped) await this.#stream(stream);
    }
    return this.#result(files.length);
  }

  async #stream(files: readonly InputFile[]): Promise<void> {
    const { sortMemory, makeHandler } = this.#options;
    const sorter = new TimeSorter(this.#normalizer, sortMemory?.maxBytes, sortMemory?.maxRecords);
    const hits: Hit[] = [];
    const handler = makeHandler((_, hit) => {
      hits.push(hit);
    });
    const sieve = this.#sieve(handler, sorter);
    try {
      for (const file of files) await this.#read(file, sieve);
      await this.#evaluate(sorter, handler, hits);
    } finally {
      sorter.close();
      for (const { scan } of this.#captures) scan.close();
      this.#captures = [];
    }
  }

  /** Keeps what is to be evaluated in order: of the events in the time asked for, those that the handler has found something in. */
  #sieve(handler: EventHandler<NormalizedEvent>, sorter: TimeSorter): Pick<TimeSorter, "add"> {
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    const staged = isStaged(handler) ? handler : undefined;
    return {
      add: (record: Pending, bytes: number) => {
        const { event } = record;
        if (event.timeMs < sinceMs || event.timeMs >= untilMs) return;
        this.#events++;
        if (staged === undefined) {
          sorter.add(record, bytes);
          return;
        }
        const found = staged.examine(event);
        if (found !== undefined) sorter.add({ event, input: record.input, sequence: record.sequence, found }, bytes);
      },
    };
  }

  /** Reads one input into the sorter. */
  async #read(file: InputFile, sorter: Pick<TimeSorter, "add">): Promise<void> {
    const { log, stdin } = this.#options;
    const input: ReadInput = { path: file.path, digest: "", events: 0, malformed: 0 };
    const index = this.#inputs.push(input) - 1;
    const isText = this.#options.input !== "evtx" && this.#options.input !== "capture";
    const source = openBytes(file.path, stdin ?? process.stdin, isText);
    const { path } = file;
    try {
      const { head, rest, close } = await take(source.chunks, probeBytes);
      const format = this.#format(head, file);
      if (format === undefined) {
        await close();
        return;
      }
      const onDamage: ReaderOptions["onDamage"] = (where, reason, lost) => {
        if (reader.damageCount > malformedLoggedMax) return;
        if (lost === 0) log.warn("input is damaged", { path, ...where, reason });
        else log.warn("malformed record skipped", { path, ...where, reason, ...(lost === 1 ? {} : { count: lost }) });
      };
      const scan = format === "capture" ? new CaptureScan({ onDamage }, path === "-") : undefined;
      if (scan !== undefined) this.#captures.push({ scan, input: index });
      const counted: Pick<TimeSorter, "add"> = {
        add: (pending, bytes) => {
          input.events++;
          sorter.add(pending, bytes);
        },
      };
      const reader =
        format === "capture"
          ? (scan as CaptureScan)
          : openReader(format, { normalizer: this.#normalizer, sorter: counted, input: index, onDamage });
      try {
        for await (const chunk of rest) reader.push(chunk);
        reader.end();
      } catch (error) {
        if (!isInputError(error)) throw error;
        reader.end();
        log.error("input cannot be read to its end", { path, reason: reasonOf(errorCode(error)) });
        this.#isPartial = true;
      }
      this.#sayDamage(path, reader);
      input.malformed = reader.malformed;
      input.digest = source.digest();
      // What comes after the damage, or after the end that is missing, is not there.
      if (scan !== undefined && scan.damageCount > 0) this.#isPartial = true;
    } catch (error) {
      if (error instanceof EvtxError || error instanceof CaptureError) {
        this.#unreadable(file, error.message);
        return;
      }
      if (!isInputError(error)) throw error;
      log.error("input cannot be read", { path, reason: reasonOf(errorCode(error)) });
      this.#isPartial = true;
    }
  }

  /** Counts what was lost of an input, and says it. */
  #sayDamage(path: string, reader: InputReader): void {
    const { log } = this.#options;
    this.#malformed += reader.malformed;
    if (reader.damageCount > malformedLoggedMax)
      log.warn("malformed records skipped", { path, count: reader.malformed, places: reader.damageCount });
    if (reader.undated > 0)
      log.warn("records without a time follow the record before them", { path, count: reader.undated });
  }

  #format(head: Buffer, file: InputFile): Format | undefined {
    const { input } = this.#options;
    if (input !== "auto") return input;
    const found = detectFormat(head);
    if ("format" in found) return found.format;
    this.#unreadable(
      file,
      `this version does not read ${found.unsupported}; it reads EVTX, NDJSON and JSON, also gzipped`,
    );
    return undefined;
  }

  #unreadable({ path, named }: InputFile, reason: string): void {
    const { log } = this.#options;
    if (named) {
      log.error("input cannot be read", { path, reason });
      this.#isUsage = true;
    } else log.warn("input skipped", { path, reason });
  }

  async #evaluate(sorter: TimeSorter, handler: EventHandler<NormalizedEvent>, hits: Hit[]): Promise<void> {
    const captures = await this.#openCaptures();
    try {
      for (const pending of sorter.drain()) {
        if (captures.length > 0) await this.#captured(captures, pending, handler, hits);
        if (this.#isStopped) return;
        const { event, input, found } = pending;
        if (found !== undefined && isStaged(handler)) handler.conclude(event, found);
        else handler.handle(event);
        if (hits.length > 0 && !(await this.#tell(hits, input, this.#recorded(pending)))) return;
        hits.length = 0;
      }
      await this.#captured(captures, undefined, handler, hits);
    } finally {
      for (const stream of captures) {
        await stream.close();
        this.#sayCapture(stream);
      }
    }
  }

  /** Evaluates what captures have before a recorded event, or all that is left of them. */
  async #captured(
    captures: readonly CaptureStream[],
    until: Pending | undefined,
    handler: EventHandler<NormalizedEvent>,
    hits: Hit[],
  ): Promise<void> {
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    while (!this.#isStopped) {
      let first: CaptureStream | undefined;
      for (const stream of captures)
        if (stream.head !== undefined && (first?.head === undefined || isBefore(stream.head, first.head)))
          first = stream;
      const head = first?.head;
      if (first === undefined || head === undefined || (until !== undefined && !isBefore(head, until))) return;
      const { timeMs } = head.event;
      if (timeMs >= sinceMs && timeMs < untilMs) {
        this.#events++;
        const from = this.#inputs[head.input];
        if (from !== undefined) from.events++;
        handler.handle(head.event);
        if (hits.length > 0) {
          const { event, process } = first.context();
          await this.#tell(hits, head.input, { event, process, host: first.host, sequence: head.sequence });
          hits.length = 0;
        }
      }
      await first.advance();
    }
  }

  async #openCaptures(): Promise<CaptureStream[]> {
    const streams: CaptureStream[] = [];
    for (const { scan, input } of this.#captures) {
      const path = scan.spooled ?? this.#inputs[input]?.path;
      if (scan.manifest === undefined || path === undefined) continue;
      const { chunks } = openBytes(path, process.stdin, false);
      const { fields } = this.#options;
      const stream = new CaptureStream({ fields, input, manifest: scan.manifest, blocks: scan.blocks, chunks });
      await stream.advance();
      streams.push(stream);
    }
    return streams;
  }

  #sayCapture(stream: CaptureStream): void {
    const input = this.#inputs[stream.input];
    const path = input?.path ?? "";
    this.#malformed += stream.malformed;
    if (input !== undefined) input.malformed += stream.malformed;
    if (stream.malformed > 0)
      this.#options.log.warn("malformed records skipped", { path, count: stream.malformed, places: stream.malformed });
    if (Object.keys(stream.lost).length > 0)
      this.#options.log.warn("the sensor lost events while this was recorded", { path, ...stream.lost });
  }

  #recorded({
    event,
    sequence,
  }: Pending): Omit<AlertInput, "hit" | "replay"> & { readonly sequence: number; readonly recordId: string } {
    const host = this.#hosts.of(event);
    const { recordId } = event.origin;
    return { event: eventContext(event), ...(host === undefined ? {} : { host }), sequence, recordId };
  }

  /** Gives the alerts of an event to the output; false when it wants no more. */
  async #tell(
    hits: readonly Hit[],
    input: number,
    about: Omit<AlertInput, "hit" | "replay"> & { readonly sequence: number; readonly recordId?: string },
  ): Promise<boolean> {
    const from = this.#inputs[input];
    if (from === undefined) throw new Error(`Cannot find input ${input}`);
    const { sequence, recordId = "", ...context } = about;
    const replay = { path: from.path, sequence, digest: from.digest, ...(recordId === "" ? {} : { recordId }) };
    for (const hit of hits) {
      this.#alerts++;
      const wanted = this.#options.emit({ hit, ...context, replay });
      if ((typeof wanted === "boolean" ? wanted : await wanted) === false) {
        this.#isStopped = true;
        return false;
      }
    }
    return true;
  }

  #result(files: number): ReplayResult {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const summary = {
      files,
      events: this.#events,
      malformed: this.#malformed,
      alerts: this.#alerts,
      seconds: Math.round(seconds * 1000) / 1000,
      events_per_second: seconds > 0 ? Math.round(this.#events / seconds) : 0,
    };
    const found = this.#options.failOnAlert && this.#alerts > 0;
    return { summary, inputs: this.#inputs, exitCode: this.#isUsage ? 64 : found ? 1 : this.#isPartial ? 2 : 0 };
  }
}

/** Whether an error is the input's own: the system refused it, or its compression is damaged. */
function isInputError(error: unknown): boolean {
  const code = errorCode(error);
  return inputErrors.has(code) || code.startsWith("Z_") || code === "ERR_ENCODING_INVALID_ENCODED_DATA";
}
const inputErrors: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EIO",
  "EISDIR",
  "ENOENT",
  "ESTALE",
  "ENXIO",
  "ENODEV",
  "ELOOP",
  "EINVAL",
  "ECONNRESET",
]);

function reasonOf(code: string): string {
  if (code === "ENOENT") return "there is no such file or directory";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "Z_BUF_ERROR") return "the compressed data ends early";
  if (code.startsWith("Z_")) return "the compressed data is damaged";
  return code;
}

/** Order of events of several inputs: by time; what happened at the same time keeps the order of the inputs. */
function isBefore(a: Place, b: Place): boolean {
  return (a.event.timeMs - b.event.timeMs || a.input - b.input || a.sequence - b.sequence) < 0;
}

interface Place {
  readonly event: NormalizedEvent;
  readonly input: number;
  readonly sequence: number;
}
