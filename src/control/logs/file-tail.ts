// Follows one log file by its path: what is appended, line by line. Knows rotation by renaming (another file stands under the
// path: the old one is read to its end first), rotation by copying and truncating, and a file that comes later.

import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { logLineSizeMaxBytes, logReadSizeBytes, logTurnSizeMaxBytes } from "./limits.ts";

export interface TailStats {
  lines: number;
  /** Lines that were longer than kept. */
  cut: number;
  /** Times another file stood under the path. */
  rotations: number;
  /** Times the file became shorter: what was in it and not yet read is gone. */
  truncations: number;
}

/** Takes a line without its end, valid only inside the call; false: no room, it will be offered again. */
export type TakeLine = (line: Buffer) => boolean;

const newline = 10;

export class FileTail {
  readonly path: string;
  readonly stats: TailStats = { lines: 0, cut: 0, rotations: 0, truncations: 0 };
  /** Why the file cannot be read; empty while it can, or is not there. */
  problem = "";
  #fd: number | undefined;
  #device = 0n;
  #inode = 0n;
  #offset = 0;
  /** Read and not yet given away: never more than one read and one line. */
  #held: Buffer = Buffer.alloc(0);
  /** Inside a line of which the rest is not wanted. */
  #isSkipping = false;
  #isFailed = false;

  /** Begins at the end of the file: what was written before is not news. A file that is not there yet will be read whole. */
  constructor(path: string) {
    this.path = path;
    if (this.#open()) this.#toEnd();
  }

  /** Gives all new lines to `take`, up to a turn's worth. True when there may be more at once. */
  poll(take: TakeLine): boolean {
    if (this.#fd === undefined && !this.#open()) return false;
    const fd = this.#fd as number;
    let left = logTurnSizeMaxBytes;
    for (;;) {
      if (!this.#giveLines(take)) return true;
      if (left <= 0) return true;
      const size = Number(fstatSync(fd, { bigint: true }).size);
      if (size < this.#offset) {
        this.stats.truncations++;
        this.#offset = 0;
        this.#held = Buffer.alloc(0);
        this.#isSkipping = false;
      }
      const read = this.#read(fd);
      left -= read;
      if (read === 0) break;
    }
    return this.#followRotation(take);
  }

  /** After an error of {@link poll}: the next poll begins anew, at the end of the file. */
  fail(): void {
    this.close();
    this.#isFailed = true;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#held = Buffer.alloc(0);
    this.#isSkipping = false;
    this.#offset = 0;
  }

  #open(): boolean {
    let fd: number | undefined;
    try {
      // Not blocking: somebody may have put a FIFO there.
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      const { dev, ino, isFile } = identify(fd);
      if (!isFile) throw new Error("not a regular file");
      this.#device = dev;
      this.#inode = ino;
      this.#fd = fd;
      this.#offset = 0;
      this.problem = "";
      if (this.#isFailed) this.#toEnd();
      this.#isFailed = false;
      return true;
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      this.problem = (error as NodeJS.ErrnoException).code === "ENOENT" ? "" : (error as Error).message;
      return false;
    }
  }

  #toEnd(): void {
    const fd = this.#fd as number;
    this.#offset = Number(fstatSync(fd, { bigint: true }).size);
    if (this.#offset === 0) return;
    const last = Buffer.alloc(1);
    // Somebody is in the middle of a line: its end alone says nothing.
    this.#isSkipping = readSync(fd, last, 0, 1, this.#offset - 1) === 1 && last[0] !== newline;
  }

  #read(fd: number): number {
    const chunk = Buffer.allocUnsafe(logReadSizeBytes);
    const count = readSync(fd, chunk, 0, chunk.length, this.#offset);
    if (count === 0) return 0;
    this.#offset += count;
    const fresh = chunk.subarray(0, count);
    this.#held = this.#held.length === 0 ? fresh : Buffer.concat([this.#held, fresh]);
    return count;
  }

  /** Gives the whole lines of what is held; false when the taker has no room. */
  #giveLines(take: TakeLine): boolean {
    let from = 0;
    try {
      for (;;) {
        const end = this.#held.indexOf(newline, from);
        if (end === -1) break;
        if (this.#isSkipping) this.#isSkipping = false;
        else if (!this.#give(this.#held.subarray(from, end), take)) return false;
        from = end + 1;
      }
      if (this.#isSkipping) from = this.#held.length;
      else if (this.#held.length - from > logLineSizeMaxBytes) {
        if (!this.#give(this.#held.subarray(from), take)) return false;
        this.#isSkipping = true;
        from = this.#held.length;
      }
      return true;
    } finally {
      if (from > 0) this.#held = this.#held.subarray(from);
    }
  }

  #give(line: Buffer, take: TakeLine): boolean {
    const isCut = line.length > logLineSizeMaxBytes;
    if (!take(isCut ? line.subarray(0, logLineSizeMaxBytes) : line)) return false;
    this.stats.lines++;
    if (isCut) this.stats.cut++;
    return true;
  }

  /** At the end of the file: is it still the one of this path? */
  #followRotation(take: TakeLine): boolean {
    const there = identify(this.path);
    // Renamed, and nothing in its place yet: whoever writes it may go on for a while.
    if (there === undefined || (there.dev === this.#device && there.ino === this.#inode)) return false;
    // A last line without an end: nobody will end it now.
    if (this.#held.length > 0 && !this.#isSkipping && !this.#give(this.#held, take)) return true;
    this.close();
    this.stats.rotations++;
    return this.#open();
  }
}

function identify(file: number): { dev: bigint; ino: bigint; isFile: boolean };
function identify(file: string): { dev: bigint; ino: bigint; isFile: boolean } | undefined;
function identify(file: number | string): { dev: bigint; ino: bigint; isFile: boolean } | undefined {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const found = typeof file === "number" ? fstatSync(file, { bigint: true }) : statSync(file, options);
  return found === undefined ? undefined : { dev: found.dev, ino: found.ino, isFile: found.isFile() };
}
