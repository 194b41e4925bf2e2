// The readers of inputs: from the bytes of each format to events in the sorter. What is damaged is counted and told, never
// thrown; only an input that is something else altogether is an error.

import type { FieldTable } from "../../event/mod.ts";
import {
  AuditNormalizer,
  EvtxReader,
  type Fields,
  JsonNormalizer,
  type RecordedEvent,
  SyslogNormalizer,
} from "../../normalize/mod.ts";
import type { Format } from "./format.ts";
import type { Pending } from "./order.ts";
import { LineSplitter, type OnRecord, ValueSplitter } from "./records.ts";

export interface InputReader {
  /** Takes the next bytes; they are not kept after the call. Throws EvtxError when an event log was promised and is none. */
  push(chunk: Buffer): void;
  /** The input has ended, or cannot be read any further. Throws like `push`. */
  end(): void;
  /** Nothing came for some time: gives what is whole and was held for more to come. */
  idle?(): void;
  /** Records lost so far. */
  readonly malformed: number;
  /** How often damage was told of. */
  readonly damageCount: number;
  /** Events without a time. */
  readonly undated: number;
}

export interface ReaderOptions {
  /** The table that the rules were compiled against. */
  readonly table: FieldTable;
  /** Gets each event, in order; `bytes` is the size of its record. */
  readonly onEvent: (record: Pending, bytes: number) => void;
  /** Index of the input. */
  readonly input: number;
  /** As alerts name it: tells the service of log lines that do not. */
  readonly path: string;
  /** When the input was last changed, milliseconds since the epoch: decides the year of log lines without one. */
  readonly modifiedMs: number | undefined;
  /** Where in the input (a line, or a byte), why, and how many records it cost. */
  readonly onDamage: (
    where: { readonly line: number } | { readonly offset: number },
    problem: string,
    lost: number,
  ) => void;
}

/** Formats whose events come while they are read. */
export type DirectFormat = Exclude<Format, "capture">;

export function openReader(format: DirectFormat, options: ReaderOptions): InputReader {
  switch (format) {
    case "evtx":
      return new EvtxInput(options);
    case "auditd":
      return new AuditInput(options);
    case "syslog":
      return new SyslogInput(options);
    default:
      return new JsonInput(format, options);
  }
}

/** Numbers the events of one input and gives undated ones the time of those before them. */
class Intake {
  undated = 0;
  readonly #onEvent: ReaderOptions["onEvent"];
  readonly #input: number;
  #sequence = 0;
  #lastMs = 0;

  constructor({ onEvent, input }: ReaderOptions) {
    this.#onEvent = onEvent;
    this.#input = input;
  }

  /** `sequence` is given by formats whose events do not come in the order of the input. */
  add(event: RecordedEvent, bytes: number, sequence: number = this.#sequence++): void {
    if (event.undated) {
      this.undated++;
      event.timeMs = this.#lastMs;
    } else this.#lastMs = event.timeMs;
    this.#onEvent({ event, input: this.#input, sequence }, bytes);
  }
}

/** A record of `journalctl --output=json` that has a message. */
const isJournal = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && "__REALTIME_TIMESTAMP" in value && "MESSAGE" in value;

class JsonInput implements InputReader {
  malformed = 0;
  readonly #intake: Intake;
  readonly #splitter: LineSplitter | ValueSplitter;

  constructor(format: "ndjson" | "json", options: ReaderOptions) {
    const { onDamage } = options;
    const normalizer = new JsonNormalizer(options.table);
    const journal = new SyslogNormalizer(options.table);
    this.#intake = new Intake(options);
    const malformed = (line: number, problem: string): void => {
      this.malformed++;
      onDamage({ line }, problem, 1);
    };
    const onRecord: OnRecord = (text, line, problem) => {
      if (text === undefined) {
        malformed(line, problem);
        return;
      }
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        malformed(line, "not valid JSON");
        return;
      }
      const event = isJournal(value) ? journal.journal(value) : normalizer.normalize(value);
      if (event === undefined)
        malformed(line, isJournal(value) ? "a journal record without a message" : "not a JSON object");
      else this.#intake.add(event, text.length);
    };
    this.#splitter = format === "ndjson" ? new LineSplitter(onRecord) : new ValueSplitter(onRecord);
  }

  get damageCount(): number {
    return this.malformed;
  }

  get undated(): number {
    return this.#intake.undated;
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }

  end(): void {
    this.#splitter.end();
  }
}

/** Records of the audit log. The position of an event is the number of its line, from 0. */
class AuditInput implements InputReader {
  malformed = 0;
  damageCount = 0;
  readonly #intake: Intake;
  readonly #splitter: LineSplitter;
  readonly #normalizer: AuditNormalizer;

  constructor(options: ReaderOptions) {
    const tell = (line: number, problem: string, lost: number): void => {
      this.malformed += lost;
      this.damageCount++;
      options.onDamage({ line }, problem, lost);
    };
    this.#intake = new Intake(options);
    this.#normalizer = new AuditNormalizer({
      table: options.table,
      onEvent: (event, position) => this.#intake.add(event, averageLineBytes, position),
      onDamage: (position, problem) => tell(position + 1, problem, 0),
    });
    this.#splitter = new LineSplitter((text, line, problem) => {
      const wrong = text === undefined ? problem : this.#normalizer.line(withoutReturn(text), line - 1);
      if (wrong !== undefined) tell(line, wrong, 1);
    });
  }

  get undated(): number {
    return this.#intake.undated;
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }

  idle(): void {
    this.#normalizer.flush();
  }

  end(): void {
    this.#splitter.end();
    this.#normalizer.flush();
  }
}

/** What an audit record takes in memory beside its object, roughly: it decides when to write to disk, no more. */
const averageLineBytes = 400;

/** Lines of syslog files. The position of an event is the number of its line, from 0. */
class SyslogInput implements InputReader {
  malformed = 0;
  readonly #intake: Intake;
  readonly #splitter: LineSplitter;

  constructor(options: ReaderOptions) {
    const { path, modifiedMs = yearlessMs } = options;
    const normalizer = new SyslogNormalizer(options.table);
    const place = { path: path.replace(/\.(?:gz|zst|zstd)$/i, ""), referenceMs: modifiedMs, zone: "utc" } as const;
    this.#intake = new Intake(options);
    this.#splitter = new LineSplitter((text, line, problem) => {
      const event = text === undefined ? undefined : normalizer.line(withoutReturn(text), place);
      if (event !== undefined) this.#intake.add(event, text?.length ?? 0, line - 1);
      if (text !== undefined) return;
      this.malformed++;
      options.onDamage({ line }, problem, 1);
    });
  }

  get damageCount(): number {
    return this.malformed;
  }

  get undated(): number {
    return this.#intake.undated;
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }

  end(): void {
    this.#splitter.end();
  }
}

/** Times without a year, of a stream that nobody knows the age of, are of 1970: not of whatever year the replay is made in. */
const yearlessMs = Date.UTC(1970, 11, 31);

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

class EvtxInput implements InputReader {
  damageCount = 0;
  readonly #intake: Intake;
  readonly #reader: EvtxReader;

  constructor(options: ReaderOptions) {
    const { onDamage } = options;
    const normalizer = new JsonNormalizer(options.table);
    this.#intake = new Intake(options);
    this.#reader = new EvtxReader({
      onRecord: (record) => this.#intake.add(normalizer.normalizeEvtx(record), record.sizeBytes),
      onDamage: ({ offset, problem, lost }) => {
        this.damageCount++;
        onDamage({ offset }, problem, lost);
      },
    });
  }

  get malformed(): number {
    return this.#reader.stats.lost;
  }

  get undated(): number {
    return this.#intake.undated;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  end(): void {
    this.#reader.end();
  }
}
