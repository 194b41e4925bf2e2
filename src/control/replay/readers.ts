// The readers of inputs: from the bytes of each format to events in the sorter. What is damaged is counted and told, never
// thrown; only an input that is something else altogether is an error.

import type { FieldTable } from "../../event/mod.ts";
import { EvtxReader, JsonNormalizer, type RecordedEvent } from "../../normalize/mod.ts";
import type { Format } from "./format.ts";
import type { Pending } from "./order.ts";
import { LineSplitter, type OnRecord, ValueSplitter } from "./records.ts";

export interface InputReader {
  /** Takes the next bytes; they are not kept after the call. Throws EvtxError when an event log was promised and is none. */
  push(chunk: Buffer): void;
  /** The input has ended, or cannot be read any further. Throws like `push`. */
  end(): void;
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
  return format === "evtx" ? new EvtxInput(options) : new JsonInput(format, options);
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

  add(event: RecordedEvent, bytes: number): void {
    if (event.undated) {
      this.undated++;
      event.timeMs = this.#lastMs;
    } else this.#lastMs = event.timeMs;
    this.#onEvent({ event, input: this.#input, sequence: this.#sequence++ }, bytes);
  }
}

class JsonInput implements InputReader {
  malformed = 0;
  readonly #intake: Intake;
  readonly #splitter: LineSplitter | ValueSplitter;

  constructor(format: "ndjson" | "json", options: ReaderOptions) {
    const { onDamage } = options;
    const normalizer = new JsonNormalizer(options.table);
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
      const event = normalizer.normalize(value);
      if (event === undefined) malformed(line, "not a JSON object");
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
