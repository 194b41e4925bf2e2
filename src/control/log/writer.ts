// Writes lines to one file descriptor without ever holding up the program: what a pipe or a terminal does not take at once
// waits in a bounded queue, and what does not fit is counted. A descriptor that is closed makes it silent, nothing more.
//
// The descriptor we are given is shared with others (a shell, our own stdout after `2>&1`), so it is not switched to
// non-blocking: pipes and terminals are opened a second time through /proc/self/fd. What cannot be opened again (a socket,
// a platform without /proc) is written on the thread pool, one write at a time.

import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { logQueueSizeMaxBytes } from "../config/limits.ts";

export interface LineWriter {
  /** Takes a line without its line break. Never throws, never blocks. */
  write(line: string): void;
  /** Opens the file anew, after it was moved away. No effect without a path. */
  reopen(): void;
  /** Resolves when everything taken so far was written or lost, at the latest after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Lines that no reader got. */
  readonly lost: number;
}

/** Mode of a log file: it names users, paths and commands. */
const fileMode = 0o600;
/** Pause before a full pipe is tried again. */
const retryMs = 20;

/** For an open descriptor such as 2, which is never closed. */
export function descriptorWriter(fd: number): LineWriter {
  return new QueuedWriter(undefined, fd);
}

/** Appends to a file, created when it is missing. Throws what the system says when it cannot be opened. */
export function fileWriter(path: string): LineWriter {
  return new QueuedWriter(path, openSync(path, "a", fileMode));
}

class QueuedWriter implements LineWriter {
  readonly #path: string | undefined;
  #fd: number;
  /** Whether a write returns at once: non-blocking, or a regular file. */
  #isPrompt: boolean;
  #lines: Buffer[] = [];
  #waitingBytes = 0;
  /** What is being written, from `#batchAt` on. */
  #batch: Buffer | undefined;
  #batchAt = 0;
  #batchCount = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A write on the thread pool that has not ended; its descriptor must stay open. */
  #isWriting = false;
  #isReopening = false;
  #isClosed = false;
  #lost = 0;
  /** Lost lines that the stream itself was not told of yet, and those that a line on its way tells of. */
  #untold = 0;
  #telling = 0;
  #idle: (() => void)[] = [];

  constructor(path: string | undefined, fd: number) {
    this.#path = path;
    const target = path === undefined ? promptDescriptor(fd) : { fd, isPrompt: true };
    this.#fd = target.fd;
    this.#isPrompt = target.isPrompt;
  }

  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    if (this.#isClosed) {
      this.#lost++;
      return;
    }
    const notice = this.#untold === 0 ? "" : `(${this.#untold} log lines lost here)\n`;
    const bytes = Buffer.from(`${notice}${line}\n`);
    if (this.#waitingBytes + bytes.length > logQueueSizeMaxBytes) {
      this.#lost++;
      this.#untold++;
      return;
    }
    this.#lines.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#telling += this.#untold;
    this.#untold = 0;
    this.#pump();
  }

  reopen(): void {
    if (this.#path === undefined) return;
    if (this.#isWriting) {
      this.#isReopening = true;
      return;
    }
    let fd: number;
    try {
      fd = openSync(this.#path, "a", fileMode);
    } catch {
      // The old file is still there to be written to; the next signal tries again.
      this.write(`(cannot reopen the log file ${JSON.stringify(this.#path)})`);
      return;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.#isClosed = false;
  }

  async flush(timeoutMs: number): Promise<void> {
    this.#pump();
    if (this.#batch === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([timeout, new Promise<void>((resolve) => this.#idle.push(resolve))]);
    clearTimeout(timer);
  }

  /** Writes for as long as the descriptor takes something. */
  #pump(): void {
    while (!this.#isWriting && this.#timer === undefined && this.#next()) {
      const batch = this.#batch!;
      if (!this.#isPrompt) {
        this.#isWriting = true;
        write(this.#fd, batch, this.#batchAt, batch.length - this.#batchAt, null, (error, written) => {
          this.#isWriting = false;
          this.#settle(error ?? undefined, written ?? 0);
          if (this.#isReopening) {
            this.#isReopening = false;
            this.reopen();
          }
          this.#pump();
        });
        return;
      }
      try {
        this.#settle(undefined, writeSync(this.#fd, batch, this.#batchAt));
      } catch (error) {
        this.#settle(error as NodeJS.ErrnoException, 0);
      }
    }
  }

  /** Makes sure that there is a batch; `false` when nothing waits. */
  #next(): boolean {
    if (this.#batch !== undefined) return true;
    if (this.#lines.length === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return false;
    }
    this.#batch = this.#lines.length === 1 ? this.#lines[0]! : Buffer.concat(this.#lines);
    this.#batchAt = 0;
    this.#batchCount = this.#lines.length;
    this.#lines = [];
    return true;
  }

  #settle(error: NodeJS.ErrnoException | undefined, written: number): void {
    const batch = this.#batch!;
    this.#batchAt += written;
    if (error?.code === "EAGAIN") {
      // Keeps the program alive no longer than `flush` waits for it.
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#pump();
      }, retryMs);
      this.#timer.unref?.();
      return;
    }
    if (error === undefined && this.#batchAt < batch.length) return;
    this.#batch = undefined;
    this.#waitingBytes -= batch.length;
    const told = this.#telling;
    this.#telling = 0;
    if (error === undefined) return;
    // A full disk may have room again; whoever read a pipe or a terminal does not come back.
    const lines = Math.min(this.#batchCount, countLines(batch, this.#batchAt));
    this.#lost += lines;
    if (this.#path !== undefined) {
      this.#untold += lines + told;
      return;
    }
    this.#isClosed = true;
    this.#lost += this.#lines.length;
    this.#lines = [];
    this.#waitingBytes = 0;
  }
}

/** A descriptor for the same target that never blocks, where there can be one. */
function promptDescriptor(fd: number): { readonly fd: number; readonly isPrompt: boolean } {
  try {
    const stat = fstatSync(fd);
    // A file has no reader to wait for, and a second description would have an offset of its own.
    if (stat.isFile()) return { fd, isPrompt: true };
    if (process.platform === "linux" && (stat.isFIFO() || stat.isCharacterDevice())) {
      const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
      return { fd: openSync(`/proc/self/fd/${fd}`, flags), isPrompt: true };
    }
  } catch {
    // Not open, or not ours to open again (a terminal of another user).
  }
  return { fd, isPrompt: false };
}

function countLines(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
