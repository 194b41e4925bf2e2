// One output: a bounded queue of lines, and a loop that writes them in batches of whole lines. A slow reader fills the queue;
// then the newest lines are dropped and counted. A line is in exactly one of the counters at any time:
// offered = filtered + written + dropped + failed + queued.

import { lineSizeMaxBytes, type OutputRecord, reachesLevel } from "../alert/mod.ts";
import type { Level } from "../detect/mod.ts";
import {
  batchSizeBytes,
  dropReportIntervalMs,
  highWaterBytes,
  queueLineCountMax,
  queueSizeMaxBytes,
  retryFirstMs,
  retryLongestMs,
} from "./limits.ts";
import { SinkError, type Target, targetOfDescriptor, targetOfPath } from "./target.ts";

export interface OutputOptions {
  /** `-` is stdout; anything else is a path that is appended to. */
  readonly path: string;
  readonly format: "ndjson" | "compact";
  /** Alerts below it are left out of this output (counted as `filtered`). States, metrics and telemetry always pass. */
  readonly minLevel?: Level;
  /** Whether to colour compact lines. */
  readonly color?: boolean;
  /** Columns of the terminal, asked for each line; 0 or absent for no limit. */
  readonly width?: () => number;
  /**
   * What a failing file does: `retry` (default) keeps lines and tries again with growing pauses, `close` gives up at once, as a replay
   * must, whose caller waits.
   */
  readonly onFailure?: "retry" | "close";
  /** Bytes that may wait; the default is {@link queueSizeMaxBytes}, at least the high-water mark and one line. */
  readonly queueSizeMaxBytes?: number;
}

export interface OutputStats {
  readonly name: string;
  readonly state: "open" | "failing" | "closed";
  /** All lines that came to this output. */
  readonly offered: number;
  /** Below the minimum level. */
  readonly filtered: number;
  readonly written: number;
  readonly writtenBytes: number;
  /** Not taken because the queue was full. */
  readonly dropped: number;
  /** Taken or offered, and lost because the output is closed or did not drain before the deadline. */
  readonly failed: number;
  readonly queued: number;
  readonly queuedBytes: number;
  /** Failed attempts to write. */
  readonly errors: number;
}

/** What happened to an output; told after the fact, never from inside `write`. */
export type OutputNotice =
  | { readonly state: "failing" | "closed"; readonly output: OutputStats; readonly error: SinkError }
  | { readonly state: "recovered" | "dropping"; readonly output: OutputStats };

export class Output {
  readonly name: string;
  readonly #options: OutputOptions;
  readonly #notify: (notice: OutputNotice) => void;
  readonly #queueMaxBytes: number;
  #target: Target;
  #state: OutputStats["state"] = "open";

  /** Lines with their newline, from `#head` on. */
  #lines: string[] = [];
  #sizes: number[] = [];
  #head = 0;
  #queuedBytes = 0;
  /** The batch that is being written, and how many lines it holds. */
  #batch: Uint8Array | undefined;
  #batchSizes: number[] = [];
  #isPumping = false;

  #offered = 0;
  #filtered = 0;
  #written = 0;
  #writtenBytes = 0;
  #dropped = 0;
  #failed = 0;
  #errors = 0;
  #lastDropReportMs = Number.NEGATIVE_INFINITY;

  #waiters: (() => void)[] = [];
  #wake: (() => void) | undefined;
  #reopens: { resolve: () => void; reject: (error: SinkError) => void }[] = [];

  /** Opens the output; throws {@link SinkError} when that cannot be done. */
  constructor(options: OutputOptions, notify: (notice: OutputNotice) => void) {
    this.name = options.path === "-" ? "stdout" : options.path;
    this.#options = options;
    this.#notify = notify;
    this.#queueMaxBytes = Math.max(options.queueSizeMaxBytes ?? queueSizeMaxBytes, highWaterBytes + lineSizeMaxBytes);
    this.#target = options.path === "-" ? targetOfDescriptor(1, this.name) : targetOfPath(options.path);
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether a caller that may not lose lines should wait before the next one. */
  get isFull(): boolean {
    return (
      this.#state !== "closed" && (this.#queuedBytes > highWaterBytes || this.#queuedCount() > queueLineCountMax / 2)
    );
  }

  stats(): OutputStats {
    return {
      name: this.name,
      state: this.#state,
      offered: this.#offered,
      filtered: this.#filtered,
      written: this.#written,
      writtenBytes: this.#writtenBytes,
      dropped: this.#dropped,
      failed: this.#failed,
      queued: this.#queuedCount(),
      queuedBytes: this.#queuedBytes,
      errors: this.#errors,
    };
  }

  /** Takes a record, or counts why not. Returns at once; O(size of the record). */
  write(record: OutputRecord): void {
    this.#offered++;
    const { minLevel } = this.#options;
    if (record.level !== undefined && minLevel !== undefined && !reachesLevel(record.level, minLevel)) {
      this.#filtered++;
      return;
    }
    if (this.#state === "closed") {
      this.#failed++;
      return;
    }
    // Full is full before the line is made: a storm costs no formatting.
    if (this.#queuedBytes >= this.#queueMaxBytes || this.#queuedCount() >= queueLineCountMax) {
      this.#drop();
      return;
    }
    const line = `${this.#format(record)}\n`;
    const size = Buffer.byteLength(line);
    if (this.#queuedBytes + size > this.#queueMaxBytes) {
      this.#drop();
      return;
    }
    this.#lines.push(line);
    this.#sizes.push(size);
    this.#queuedBytes += size;
    if (!this.#isPumping) {
      this.#isPumping = true;
      // Lines of one turn leave in one call.
      queueMicrotask(() => void this.#pump());
    }
  }

  /** Resolves when there is room again or the output is closed. */
  async drained(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves `true` when everything is written, `false` at the deadline or when the output is closed with lines lost. */
  async flushed(deadlineMs: number): Promise<boolean> {
    while (this.#state !== "closed" && this.#queuedCount() > 0) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        timer = setTimeout(resolve, leftMs);
      });
      clearTimeout(timer);
    }
    return this.#queuedCount() === 0 && this.#state !== "closed";
  }

  /** Opens the path again (after a rotation). Rejects with why not, and then the old file stays in use. */
  reopen(): Promise<void> {
    if (this.#options.path === "-" || this.#state === "closed") return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#reopens.push({ resolve, reject });
      if (!this.#isPumping) this.#reopenNow();
      else this.#wake?.();
    });
  }

  /** Closes the output; what is queued counts as failed. */
  close(): void {
    if (this.#state !== "closed") this.#close();
  }

  #format(record: OutputRecord): string {
    const { format, color, width } = this.#options;
    return format === "ndjson" ? record.line : record.compact({ color: color ?? false, width: width?.() ?? 0 });
  }

  #queuedCount(): number {
    return this.#lines.length - this.#head + this.#batchSizes.length;
  }

  #drop(): void {
    this.#dropped++;
    const now = performance.now();
    if (now - this.#lastDropReportMs < dropReportIntervalMs) return;
    this.#lastDropReportMs = now;
    queueMicrotask(() => this.#notify({ state: "dropping", output: this.stats() }));
  }

  async #pump(): Promise<void> {
    let pauseMs = retryFirstMs;
    for (;;) {
      if (this.#reopens.length > 0) this.#reopenNow();
      if (this.#isClosedNow()) break;
      const batch = this.#batch ?? this.#takeBatch();
      if (batch === undefined) break;
      const target = this.#target;
      try {
        await target.write(batch);
      } catch (error) {
        if (this.#isClosedNow()) break;
        this.#errors++;
        const reason = error instanceof SinkError ? error : new SinkError("EIO", String(error));
        if (target.canRecover && (reason.code === "EAGAIN" || reason.code === "EINTR")) {
          await this.#pause(1);
          continue;
        }
        if (!target.canRecover || this.#options.onFailure === "close") {
          this.#close(reason);
          break;
        }
        if (this.#state === "open") {
          this.#state = "failing";
          this.#notify({ state: "failing", output: this.stats(), error: reason });
        }
        await this.#pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, retryLongestMs);
        continue;
      }
      if (this.#isClosedNow()) break;
      pauseMs = retryFirstMs;
      this.#written += this.#batchSizes.length;
      this.#writtenBytes += batch.length;
      this.#queuedBytes -= batch.length;
      this.#batch = undefined;
      this.#batchSizes = [];
      if (this.#state === "failing") {
        this.#state = "open";
        this.#notify({ state: "recovered", output: this.stats() });
      }
      this.#release();
    }
    this.#isPumping = false;
    this.#release();
  }

  /** Whole lines up to the batch size, at least one; `undefined` when none wait. */
  #takeBatch(): Uint8Array | undefined {
    const start = this.#head;
    let end = start;
    let size = 0;
    while (end < this.#lines.length && (size === 0 || size + (this.#sizes[end] ?? 0) <= batchSizeBytes))
      size += this.#sizes[end++] ?? 0;
    if (end === start) return undefined;
    const lines = this.#lines.slice(start, end);
    this.#batchSizes = this.#sizes.slice(start, end);
    this.#batch = Buffer.from(lines.length === 1 ? (lines[0] ?? "") : lines.join(""));
    if (end === this.#lines.length) {
      this.#lines = [];
      this.#sizes = [];
      this.#head = 0;
    } else {
      // What is behind the head is let go in strides, so that neither memory nor time is spent on each line.
      this.#lines.fill("", start, end);
      this.#head = end;
      if (end >= 4096) {
        this.#lines = this.#lines.slice(end);
        this.#sizes = this.#sizes.slice(end);
        this.#head = 0;
      }
    }
    return this.#batch;
  }

  #reopenNow(): void {
    const asked = this.#reopens.splice(0);
    try {
      const next = targetOfPath(this.#options.path);
      this.#restartBatch();
      this.#target.close();
      this.#target = next;
      for (const { resolve } of asked) resolve();
    } catch (error) {
      const reason = error instanceof SinkError ? error : new SinkError("EIO", String(error));
      for (const { reject } of asked) reject(reason);
    }
  }

  /** The lines of a half-written batch that did not arrive whole, for the new file: none begins in the middle. */
  #restartBatch(): void {
    const batch = this.#batch;
    const arrived = this.#target.arrivedBytes;
    if (batch === undefined || arrived === 0) return;
    let whole = 0;
    let count = 0;
    for (const size of this.#batchSizes) {
      if (whole + size > arrived) break;
      whole += size;
      count++;
    }
    this.#batch = batch.subarray(whole);
    this.#batchSizes = this.#batchSizes.slice(count);
    this.#written += count;
    this.#writtenBytes += whole;
    this.#queuedBytes -= whole;
  }

  #close(error?: SinkError): void {
    this.#failed += this.#queuedCount();
    this.#lines = [];
    this.#sizes = [];
    this.#head = 0;
    this.#batch = undefined;
    this.#batchSizes = [];
    this.#queuedBytes = 0;
    this.#state = "closed";
    this.#target.close();
    this.#wake?.();
    for (const { resolve } of this.#reopens.splice(0)) resolve();
    this.#release();
    if (error !== undefined) this.#notify({ state: "closed", output: this.stats(), error });
  }

  /** As a call, because the state changes while a write is awaited. */
  #isClosedNow(): boolean {
    return this.#state === "closed";
  }

  #release(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Sleeps, unless a reopening or the end wakes it. */
  #pause(timeMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, timeMs);
      this.#wake = done;
    });
  }
}
