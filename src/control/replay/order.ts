// All records of a replay in order of event time, with bounded memory: what does not fit is written to a temporary directory
// in sorted runs, and the runs are merged. Records of equal time keep the order of the inputs.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonNormalizer, RecordedEvent } from "../../normalize/mod.ts";
import { chunkBytes, recordMaxBytes, runsMax, sortMemoryMaxBytes, sortMemoryMaxRecords } from "./limits.ts";

/** A record on its way to the detector. */
export interface Pending {
  readonly event: RecordedEvent;
  /** Number of the input: larger for later ones. */
  readonly input: number;
  /** Position of the event in its input, 0-based. */
  readonly sequence: number;
  /** What the detector found in the event by itself; absent when nobody looked, or when the record has been on disk. */
  readonly found?: unknown;
}

interface Place {
  readonly event: { readonly timeMs: number };
  readonly input: number;
  readonly sequence: number;
}

/** Negative when the first comes before the second. */
export type Before = (a: Place, b: Place) => number;
const byTime: Before = (a, b) => a.event.timeMs - b.event.timeMs || a.input - b.input || a.sequence - b.sequence;
const byInput: Before = (a, b) => a.input - b.input || a.event.timeMs - b.event.timeMs || a.sequence - b.sequence;

/** All inputs by time, what happened at the same time in the order of the inputs; or one input after another, each by time. */
export const orderOf = (perInput: boolean): Before => (perInput ? byInput : byTime);

/** A record as it is on disk: in a buffer that is valid until the next one is asked for. */
interface Packed extends Place {
  readonly text: string | Buffer;
}

export interface SortOptions {
  /** All inputs by time, by default. */
  readonly before?: Before;
  readonly maxBytes?: number;
  readonly maxRecords?: number;
  /** Runs that are merged into one. */
  readonly fanIn?: number;
}

export class TimeSorter {
  readonly #normalizer: JsonNormalizer;
  readonly #before: Before;
  readonly #maxBytes: number;
  readonly #maxRecords: number;
  #held: Pending[] = [];
  #heldBytes = 0;
  #directory: string | undefined;
  /** Sorted runs on disk; those of one level are merged into one of the next when there are many. */
  readonly #levels: string[][] = [];
  #written = 0;
  readonly #fanIn: number;

  constructor(normalizer: JsonNormalizer, options: SortOptions = {}) {
    this.#normalizer = normalizer;
    this.#before = options.before ?? byTime;
    this.#maxBytes = options.maxBytes ?? sortMemoryMaxBytes;
    this.#maxRecords = options.maxRecords ?? sortMemoryMaxRecords;
    this.#fanIn = options.fanIn ?? runsMax;
  }

  /** Takes a record over; `bytes` is the size of its text. Throws when the temporary directory cannot be written. */
  add(record: Pending, bytes: number): void {
    this.#held.push(record);
    this.#heldBytes += bytes;
    if (this.#heldBytes >= this.#maxBytes || this.#held.length >= this.#maxRecords) this.#spill();
  }

  /** All records in order, once. */
  *drain(): Iterable<Pending> {
    sort(this.#held, this.#before);
    const held = this.#held;
    this.#held = [];
    const runs = this.#levels.flat();
    if (runs.length === 0) {
      yield* held;
      return;
    }
    const iterators = [held.values(), ...runs.map((path) => readRun(path, runs.length))];
    for (const record of merge<Pending | Packed>(iterators, this.#before)) {
      if (!("text" in record)) yield record;
      else {
        const { input, sequence } = record;
        const event = this.#normalizer.unpack(record.text.toString("utf8"), record.event.timeMs);
        yield { event, input, sequence };
      }
    }
  }

  /** Removes what was written. Safe to call twice. */
  close(): void {
    this.#held = [];
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  #spill(): void {
    sort(this.#held, this.#before);
    try {
      this.#directory ??= mkdtempSync(join(tmpdir(), "sigil-replay-"));
      const path = this.#newPath(this.#directory);
      writeRun(path, this.#packed());
      this.#keep(path, 0, this.#directory);
    } catch (error) {
      throw new Error(`Cannot sort the records: nothing can be written below ${tmpdir()}`, { cause: error });
    }
    this.#held = [];
    this.#heldBytes = 0;
  }

  *#packed(): Iterable<Packed> {
    for (const { event, input, sequence } of this.#held)
      yield { event: { timeMs: event.timeMs }, input, sequence, text: this.#normalizer.pack(event) };
  }

  #newPath(directory: string): string {
    return join(directory, String(this.#written++));
  }

  /** So few runs are open at once that no limit of the system is near, and each record is written only a few times. */
  #keep(path: string, level: number, directory: string): void {
    this.#levels[level] ??= [];
    const runs = this.#levels[level];
    runs.push(path);
    if (runs.length < this.#fanIn) return;
    const merged = this.#newPath(directory);
    writeRun(
      merged,
      merge(
        runs.map((run) => readRun(run, runs.length)),
        this.#before,
      ),
    );
    for (const run of runs) rmSync(run);
    this.#levels[level] = [];
    this.#keep(merged, level + 1, directory);
  }
}

function sort(records: Pending[], before: Before): void {
  for (let i = 1; i < records.length; i++) {
    const last = records[i - 1];
    const next = records[i];
    if (last === undefined || next === undefined || before(last, next) <= 0) continue;
    records.sort(before);
    return;
  }
}

// A run: records one after another, each a header (text bytes f64, input f64, time f64, sequence f64, all little-endian) and
// the event packed as text. Read only by the process that wrote it.
const headerBytes = 32;

function writeRun(path: string, records: Iterable<Packed>): void {
  const file = openSync(path, "wx", 0o600);
  try {
    let buffer = Buffer.allocUnsafe(2 * chunkBytes);
    let used = 0;
    const flush = (): void => {
      for (let at = 0; at < used; ) at += writeSync(file, buffer, at, used - at);
      used = 0;
    };
    for (const { event, input, sequence, text } of records) {
      const room = headerBytes + text.length * (typeof text === "string" ? 3 : 1);
      if (used + room > buffer.length) {
        flush();
        if (room > buffer.length) buffer = Buffer.allocUnsafe(room);
      }
      const at = used + headerBytes;
      const bytes = typeof text === "string" ? buffer.write(text, at, "utf8") : text.copy(buffer, at);
      buffer.writeDoubleLE(bytes, used);
      buffer.writeDoubleLE(input, used + 8);
      buffer.writeDoubleLE(event.timeMs, used + 16);
      buffer.writeDoubleLE(sequence, used + 24);
      used += headerBytes + bytes;
    }
    flush();
  } finally {
    closeSync(file);
  }
}

function* readRun(path: string, runs: number): Generator<Packed, void> {
  const file = openSync(path, "r");
  try {
    // All runs are open at once: together their buffers stay below half of the memory for sorting.
    let buffer = Buffer.allocUnsafe(
      Math.max(64 * 1024, Math.min(chunkBytes, Math.floor(sortMemoryMaxBytes / 2 / runs))),
    );
    let from = 0;
    let to = 0;
    const need = (bytes: number): boolean => {
      if (to - from >= bytes) return true;
      buffer.copyWithin(0, from, to);
      to -= from;
      from = 0;
      if (bytes > buffer.length) {
        const larger = Buffer.allocUnsafe(bytes);
        buffer.copy(larger, 0, 0, to);
        buffer = larger;
      }
      while (to < bytes) {
        const read = readSync(file, buffer, to, buffer.length - to, null);
        if (read === 0) return false;
        to += read;
      }
      return true;
    };
    while (need(headerBytes)) {
      const bytes = buffer.readDoubleLE(from);
      const input = buffer.readDoubleLE(from + 8);
      const timeMs = buffer.readDoubleLE(from + 16);
      const sequence = buffer.readDoubleLE(from + 24);
      if (bytes > 8 * recordMaxBytes || !need(headerBytes + bytes))
        throw new Error(`Cannot read ${path}: the run was cut short`);
      const text = buffer.subarray(from + headerBytes, from + headerBytes + bytes);
      from += headerBytes + bytes;
      yield { event: { timeMs }, input, sequence, text };
    }
  } finally {
    closeSync(file);
  }
}

/** Merges sorted iterators with a binary heap of their heads: O(log inputs) a record. */
function* merge<Record extends Place>(iterators: readonly Iterator<Record>[], before: Before): Iterable<Record> {
  const heap: { head: Record; readonly rest: Iterator<Record> }[] = [];
  const down = (from: number): void => {
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const a = heap[child];
        const b = heap[least];
        if (a !== undefined && b !== undefined && before(a.head, b.head) < 0) least = child;
      }
      const here = heap[at];
      const there = heap[least];
      if (least === at || here === undefined || there === undefined) return;
      heap[at] = there;
      heap[least] = here;
      at = least;
    }
  };
  for (const rest of iterators) {
    const next = rest.next();
    if (next.done !== true) heap.push({ head: next.value, rest });
  }
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) down(at);
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top.head;
    const next = top.rest.next();
    if (next.done === true) {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) heap[0] = last;
    } else top.head = next.value;
    down(0);
  }
}
