// Where bytes go: a regular file or a stream (pipe, socket, terminal). The two fail differently. A file that cannot be written
// may be writable again (a disk that was full), and every byte that arrived is known; a stream that fails is gone.
//
// Streams are written through Bun's file sink, which waits in epoll. `fs.write` would hold one of the few threads of the pool
// for as long as a reader sleeps: two such pipes starve all file reading of the process (seen on two cores). The sink sets
// O_NONBLOCK on its descriptor, which every process that shares the pipe would see (a shell, our own stderr after `2>&1`), so
// it gets a description of its own, opened through /proc/self/fd. Sockets cannot be opened again and are used as they are.

import { close, closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, write } from "node:fs";
import { dirname } from "node:path";
import { isatty } from "node:tty";

/** An output that cannot be opened, or that failed. `code` is ours (`E_SINK_…`) or the system's (`EPIPE`, `ENOSPC` …). */
export class SinkError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "SinkError";
    this.code = code;
  }
}

export interface Target {
  /** Whether a failed write may succeed later. */
  readonly canRecover: boolean;
  /**
   * Writes all of `bytes`, waiting as long as that takes. Rejects with a {@link SinkError}; a recoverable target remembers how
   * far it got, and the next call with the same bytes goes on from there.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** How many bytes of the batch that failed had arrived. */
  readonly arrivedBytes: number;
  /** Lets go of the descriptor. Does not wait for a reader. */
  close(): void;
}

/** The target behind a descriptor that this process was given (stdout); it is never closed. */
export function targetOfDescriptor(fd: number, name: string): Target {
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    throw new SinkError("E_SINK_CLOSED", `Cannot write to ${name}: ${reasonOf(error)}`);
  }
  if (stats.isDirectory()) throw new SinkError("E_SINK_NOT_FILE", `Cannot write to ${name}: it is a directory`);
  if (!isStream(stats, fd)) return new FileTarget(fd, false);
  if (stats.isFIFO() && process.platform === "linux") {
    try {
      const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
      return new StreamTarget(openSync(`/proc/self/fd/${fd}`, flags), true);
    } catch {
      // A pipe of another user, or no /proc: the descriptor itself works, at the price named above.
    }
  }
  return new StreamTarget(fd, false);
}

/**
 * Opens `path` for appending, creating it with mode 0600; its folder must exist. Refuses a symbolic link that belongs neither to this
 * user nor to root, and whatever is not a file, a pipe or a device. Never truncates. When the file ends in half a line (a
 * crash, a full disk), a newline is put first, so that the half stays alone.
 */
export function targetOfPath(path: string): Target {
  const fd = openAppending(path);
  try {
    const stats = fstatSync(fd);
    if (isStream(stats, fd)) return new StreamTarget(fd, true);
    const target = new FileTarget(fd, true);
    if (stats.isFile() && stats.size > 0 && !endsLine(path, stats)) target.startWithNewline();
    return target;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openAppending(path: string): number {
  const follow =
    constants.O_WRONLY |
    constants.O_APPEND |
    constants.O_CREAT |
    (constants.O_NONBLOCK ?? 0) |
    (constants.O_NOCTTY ?? 0);
  const cannot = (code: string, reason: string): SinkError =>
    new SinkError(code, `Cannot write alerts to '${path}': ${reason}`);
  try {
    // O_NONBLOCK: a named pipe without a reader is an error here, not a wait without end. Files do not mind.
    return openSync(path, follow | (constants.O_NOFOLLOW ?? 0), 0o600);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ELOOP") {
      const owner = lstatSync(path).uid;
      if (owner !== 0 && owner !== process.geteuid?.())
        throw cannot("E_SINK_SYMLINK", `it is a symbolic link that belongs to uid ${owner}`);
      try {
        return openSync(path, follow, 0o600);
      } catch (inner) {
        throw cannot(codeOf(inner), reasonOf(inner));
      }
    }
    if (code === "ENOENT") throw cannot("E_SINK_NO_FOLDER", `the folder '${dirname(path)}' does not exist`);
    if (code === "EISDIR") throw cannot("E_SINK_NOT_FILE", "it is a directory");
    if (code === "ENXIO") throw cannot("E_SINK_NO_READER", "nobody reads from the named pipe");
    throw cannot(code, reasonOf(error));
  }
}

function isStream(stats: Stats, fd: number): boolean {
  if (stats.isFIFO() || stats.isSocket()) return true;
  if (!stats.isCharacterDevice()) return false;
  // Terminals are streams; /dev/null and /dev/full behave like files.
  return isatty(fd);
}

/** Whether the last byte is a newline. What cannot be read (a file that others may only write) counts as ending well. */
function endsLine(path: string, stats: Stats): boolean {
  let fd = -1;
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const now = fstatSync(fd);
    if (now.ino !== stats.ino || now.dev !== stats.dev) return true;
    const last = new Uint8Array(1);
    return readSync(fd, last, 0, 1, now.size - 1) !== 1 || last[0] === 0x0a;
  } catch {
    return true;
  } finally {
    if (fd !== -1) closeSync(fd);
  }
}

const newline = new Uint8Array([0x0a]);

class FileTarget implements Target {
  readonly canRecover = true;
  readonly #fd: number;
  readonly #owned: boolean;
  #arrived = 0;
  #owesNewline = false;
  #isBusy = false;
  #isClosed = false;

  constructor(fd: number, owned: boolean) {
    this.#fd = fd;
    this.#owned = owned;
  }

  startWithNewline(): void {
    this.#owesNewline = true;
  }

  get arrivedBytes(): number {
    return this.#arrived;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new SinkError("EBADF", "the file is closed");
    this.#isBusy = true;
    try {
      if (this.#owesNewline) {
        await writeOnce(this.#fd, newline, 0);
        this.#owesNewline = false;
      }
      // O_APPEND makes each call one piece even beside other writers; a short count means that the disk is filling up.
      while (this.#arrived < bytes.length) this.#arrived += await writeOnce(this.#fd, bytes, this.#arrived);
      this.#arrived = 0;
    } finally {
      this.#isBusy = false;
      if (this.#isClosed) this.#release();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A write under way still uses the descriptor; its number must not be given to another file meanwhile.
    if (!this.#isBusy) this.#release();
  }

  #release(): void {
    if (this.#owned) close(this.#fd, () => {});
  }
}

function writeOnce(fd: number, bytes: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, null, (error, count) => {
      if (error !== null && error !== undefined) reject(new SinkError(codeOf(error), reasonOf(error)));
      else if (count === 0) reject(new SinkError("EIO", "nothing was written"));
      else resolve(count);
    });
  });
}

class StreamTarget implements Target {
  readonly canRecover = false;
  readonly arrivedBytes = 0;
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #sink: Bun.FileSink;
  #isBusy = false;
  #isClosed = false;

  constructor(fd: number, owned: boolean) {
    this.#fd = fd;
    this.#owned = owned;
    this.#sink = Bun.file(fd).writer({ highWaterMark: 65_536 });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new SinkError("EBADF", "the stream is closed");
    this.#isBusy = true;
    try {
      // Both promises must be awaited: the error of a closed pipe comes through the first, the end through the second.
      const written = this.#sink.write(bytes);
      const flushed = this.#sink.flush();
      const results = await Promise.allSettled([written, flushed]);
      for (const result of results)
        if (result.status === "rejected") throw new SinkError(codeOf(result.reason), reasonOf(result.reason));
    } catch (error) {
      throw error instanceof SinkError ? error : new SinkError(codeOf(error), reasonOf(error));
    } finally {
      this.#isBusy = false;
      if (this.#isClosed) this.#release();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink.unref();
    if (!this.#isBusy) this.#release();
  }

  #release(): void {
    if (this.#owned) close(this.#fd, () => {});
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "EIO";
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // "ENOSPC: no space left on device, write" → "no space left on device".
  return message.replace(/^[A-Z0-9]+: /, "").replace(/, (?:open|write|fstat|lstat).*$/, "");
}
