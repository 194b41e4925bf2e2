// Writing results to stdout and messages to stderr, for commands that end by themselves. Synchronous on purpose: nothing
// is lost when the process exits right after. (`run` writes alerts through its own bounded sink, not through this.)

import { writeSync } from "node:fs";

/** The reader of stdout went away. Ends a command quietly, exit status 0. */
export class ClosedOutputError extends Error {
  override readonly name = "ClosedOutputError";
}

const closedCodes = new Set(["EPIPE", "ECONNRESET", "EOF", "ERR_STREAM_DESTROYED"]);

/** Whether `error` says that the other end of a pipe or socket is gone. */
export function isClosedOutput(error: unknown): boolean {
  if (error instanceof ClosedOutputError) return true;
  return error instanceof Error && closedCodes.has((error as NodeJS.ErrnoException).code ?? "");
}

/** Writes all of `text` to stdout; waits for a slow reader. Throws {@link ClosedOutputError}, or what the system said. */
export function writeOut(text: string): void {
  try {
    writeAll(1, text);
  } catch (error) {
    throw isClosedOutput(error) ? new ClosedOutputError("stdout is closed") : error;
  }
}

/** Writes to stderr. Never throws: there is nobody left to tell. */
export function writeErr(text: string): void {
  try {
    writeAll(2, text);
  } catch {}
}

const sleepCell = new Int32Array(new SharedArrayBuffer(4));

function writeAll(fd: number, text: string): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      // A pipe that someone made non-blocking and whose reader is slow: wait, as a blocking write would.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(sleepCell, 0, 0, 5);
    }
  }
}
