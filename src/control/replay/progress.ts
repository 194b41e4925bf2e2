// One line on a terminal that says how far a replay is. It is gone when it ends, and never mixes with the log: both go through here.

import type { LineWriter } from "../log/mod.ts";

/** How often the line is drawn anew: faster is not seen. */
const drawEveryMs = 100;

/** The part of a terminal's stream that is used. */
export interface Terminal {
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly terminal: Terminal;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

const clearLine = "\r\x1b[K";

export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #startedMs: number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor({ terminal, now = () => performance.now() }: ProgressOptions) {
    this.#terminal = terminal;
    this.#now = now;
    this.#startedMs = now();
  }

  /** Shows that `doneBytes` of `totalBytes` (0 when it is not known) were read, and `events` found in them. */
  update(doneBytes: number, totalBytes: number, events: number): void {
    const nowMs = this.#now();
    if (nowMs - this.#drawnMs < drawEveryMs) return;
    this.#drawnMs = nowMs;
    this.#isShown = true;
    const text = progressText(doneBytes, totalBytes, events, (nowMs - this.#startedMs) / 1000);
    // One column is left free: a full line wraps on some terminals, and could not be taken back.
    this.#terminal.write(clearLine + text.slice(0, Math.max(0, (this.#terminal.columns ?? 80) - 1)));
  }

  /** Takes the line away. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#drawnMs = Number.NEGATIVE_INFINITY;
    this.#terminal.write(clearLine);
  }

  /** A writer for the same terminal that takes the line away before each of its own. */
  around(writer: LineWriter): LineWriter {
    return {
      write: (line) => {
        this.clear();
        writer.write(line);
      },
      reopen: () => writer.reopen(),
      flush: (timeoutMs) => writer.flush(timeoutMs),
      get lost() {
        return writer.lost;
      },
    };
  }
}

/** `42 %  1.2 of 2.9 GB  213,000 events/s  0:12 left`; what is not known is left out. */
export function progressText(doneBytes: number, totalBytes: number, events: number, seconds: number): string {
  const rate = seconds > 0 ? Math.round(events / seconds) : 0;
  const parts: string[] = [];
  const isKnown = totalBytes > 0 && doneBytes <= totalBytes;
  if (isKnown) parts.push(`${Math.floor((100 * doneBytes) / totalBytes)} %`);
  parts.push(isKnown ? `${size(doneBytes)} of ${size(totalBytes)}` : size(doneBytes));
  parts.push(`${events.toLocaleString("en-US")} events`, `${rate.toLocaleString("en-US")}/s`);
  if (isKnown && doneBytes > 0 && seconds >= 1) {
    const left = Math.ceil((seconds * (totalBytes - doneBytes)) / doneBytes);
    parts.push(`${clock(left)} left`);
  }
  return parts.join("  ");
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
