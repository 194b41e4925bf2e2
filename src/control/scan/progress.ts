// How far a scan is, on one line of a terminal's stderr. A second walk ahead of the scan counts what there is, so that the line can say
// how long it will take; on anything but a terminal nothing of this happens.

import { lstatSync } from "node:fs";
import { walk } from "./files.ts";

export interface Counts {
  readonly files: number;
  readonly bytes: number;
  readonly findings: number;
  readonly unscannable: number;
}

const redrawMs = 250;
/** Entries counted before the scan gets its turn again. */
const countedAtOnce = 200;

export class Progress {
  readonly #isOn: boolean;
  readonly #counts: () => Counts;
  readonly #ahead: Iterator<unknown>;
  #total = 0;
  #totalBytes = 0;
  #isCounted = false;
  #isStopped = false;
  #timer: Timer | undefined;
  #beganMs = 0;

  constructor(isOn: boolean, paths: readonly string[], counts: () => Counts) {
    this.#isOn = isOn;
    this.#counts = counts;
    this.#ahead = walk(paths);
  }

  start(): void {
    if (!this.#isOn) return;
    this.#beganMs = performance.now();
    this.#timer = setInterval(() => this.#draw(), redrawMs);
    this.#count();
  }

  /** Clears the line. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    process.stderr.write("\r\x1b[K");
  }

  #count(): void {
    for (let i = 0; i < countedAtOnce; i++) {
      const { done, value } = this.#ahead.next() as { done?: boolean; value?: { path: string; skipped?: string } };
      if (done === true || value === undefined) {
        this.#isCounted = true;
        return;
      }
      if (value.skipped !== undefined) continue;
      this.#total++;
      try {
        this.#totalBytes += lstatSync(value.path).size;
      } catch {
        // Gone.
      }
    }
    if (!this.#isStopped) setImmediate(() => this.#count());
  }

  #draw(): void {
    const { files, bytes, findings, unscannable } = this.#counts();
    const seconds = (performance.now() - this.#beganMs) / 1000;
    const line = progressLine({
      ...{ files, bytes, findings, unscannable, seconds, total: this.#total, totalBytes: this.#totalBytes },
      isCounted: this.#isCounted,
    });
    process.stderr.write(`\r${line.slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1))}\x1b[K`);
  }
}

export interface ProgressState extends Counts {
  readonly seconds: number;
  readonly total: number;
  readonly totalBytes: number;
  /** The totals are final. */
  readonly isCounted: boolean;
}

/** `1,234 of 5,678 files  1.2 GB  85 MB/s  3 findings  0:42 left`. */
export function progressLine(state: ProgressState): string {
  const { files, bytes, findings, unscannable, seconds, total, totalBytes, isCounted } = state;
  const number = (value: number): string => value.toLocaleString("en-US");
  const rate = bytes / Math.max(seconds, 0.001);
  const parts = [
    `${number(files)} of ${number(Math.max(total, files))}${isCounted ? "" : "+"} files`,
    `${(bytes / 1e6).toFixed(0)} MB`,
    `${(rate / 1e6).toFixed(0)} MB/s`,
    `${number(findings)} findings`,
  ];
  if (unscannable > 0) parts.push(`${number(unscannable)} not scanned`);
  if (isCounted && rate > 0) {
    const left = Math.max(0, Math.round((totalBytes - bytes) / rate));
    parts.push(`${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`);
  }
  return parts.join("  ");
}
