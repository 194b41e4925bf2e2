// Writes lines to one file descriptor without ever holding up the program: one write at a time on the thread pool, a
// bounded queue before it, and a count of what did not fit. A descriptor that is closed makes it silent, nothing more.

import { closeSync, openSync, write, writeSync } from "node:fs";
import { logQueueSizeMaxBytes } from "../config/limits.ts";

export interface LineWriter {
  /** Takes a line without its line break. Never throws, never blocks. */
  write(line: string): void;
  /** Opens the file anew, after it was moved away. Lines that wait go to the new file. No effect without a path. */
  reopen(): void;
  /** Resolves when everything taken so far was written, was lost, or `timeoutMs` are over; what remains is lost. */
  flush(timeoutMs: number): Promise<void>;
  /** Writes what waits, blocking for as long as the descriptor does: for the last words of a program that is falling. */
  flushSync(): void;
  readonly lost: number;
}

/** Who may call for the path of a log file: read and written by its owner only. */
const fileMode = 0o600;

/** For an open descriptor such as 2. */
export function descriptorWriter(fd: number): LineWriter {
  return new QueuedWriter(fd, undefined);
}

/** Appends to a file, created when it is missing. Throws what the system says when it cannot be opened. */
export function fileWriter(path: string): LineWriter {
  return new QueuedWriter(openSync(path, "a", fileMode), path);
}

class QueuedWriter implements LineWriter {
  #fd: number;
  readonly #path: string | undefined;
  #lines: Buffer[] = [];
  #waitingBytes = 0;
  /** The batch that a write is under way for, from `#batchAt` on. */
  #batch: Buffer | undefined;
  #batchAt = 0;
  #isClosed = false;
  /** A descriptor to close once the write under way has ended. */
  #retired: number | undefined;
  #lost = 0;
  /** Lost lines that the stream itself was not told of yet. */
  #untold = 0;
  #idle: (() => void)[] = [];

  constructor(fd: number, path: string | undefined) {
    this.#fd = fd;
    this.#path = path;
  }

  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    if (this.#isClosed) {
      this.#lost++;
      return;
    }
    const bytes = Buffer.from(`${line}\n`);
    if (this.#waitingBytes + bytes.length > logQueueSizeMaxBytes) {
      this.#lost++;
      this.#untold++;
      return;
    }
    if (this.#untold > 0) this.#push(Buffer.from(`(${this.#untold} log lines lost: the reader was too slow)\n`));
    this.#untold = 0;
    this.#push(bytes);
    this.#start();
  }

  reopen(): void {
    if (this.#path === undefined) return;
    let fd: number;
    try {
      fd = openSync(this.#path, "a", fileMode);
    } catch {
      // The old file is still there to be written to; the next signal tries again.
      this.write(`(cannot reopen the log file ${this.#path})`);
      return;
    }
    if (this.#batch === undefined) closeSync(this.#fd);
    else {
      if (this.#retired !== undefined) closeSync(this.#retired);
      this.#retired = this.#fd;
    }
    this.#fd = fd;
    this.#isClosed = false;
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.#batch === undefined && this.#lines.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([timeout, new Promise<void>((resolve) => this.#idle.push(resolve))]);
    clearTimeout(timer);
  }

  flushSync(): void {
    // What the thread pool holds may or may not get through; it is not written twice.
    try {
      for (const line of this.#lines.splice(0)) {
        for (let at = 0; at < line.length; ) at += writeSync(this.#fd, line, at);
      }
    } catch {
      this.#isClosed = true;
    }
    this.#waitingBytes = 0;
  }

  #push(bytes: Buffer): void {
    this.#lines.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #start(): void {
    if (this.#batch !== undefined) return;
    if (this.#lines.length === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#batch = this.#lines.length === 1 ? this.#lines[0]! : Buffer.concat(this.#lines);
    this.#lines = [];
    this.#batchAt = 0;
    this.#continue();
  }

  #continue(): void {
    const batch = this.#batch!;
    const fd = this.#retired ?? this.#fd;
    write(fd, batch, this.#batchAt, batch.length - this.#batchAt, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#continue(), 10);
        return;
      }
      this.#batchAt += written ?? 0;
      if (error === null || error === undefined) {
        if (this.#batchAt < batch.length) {
          this.#continue();
          return;
        }
      } else {
        // Closed pipe, full disk, revoked terminal: the batch is lost. Only a pipe that is gone stays gone.
        const count = countLines(batch, this.#batchAt);
        this.#lost += count;
        if (error.code === "EPIPE" || error.code === "EBADF" || error.code === "EIO") this.#close();
        else this.#untold += count;
      }
      this.#waitingBytes -= batch.length;
      this.#batch = undefined;
      if (this.#retired !== undefined) closeSync(this.#retired);
      this.#retired = undefined;
      this.#start();
    });
  }

  #close(): void {
    this.#isClosed = true;
    for (const line of this.#lines.splice(0)) {
      this.#lost++;
      this.#waitingBytes -= line.length;
    }
  }
}

function countLines(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
