// Writing results to stdout and messages to stderr, for commands that end by themselves. Synchronous on purpose: nothing
// is lost when the process exits right after. (`run` writes alerts through its own bounded sink, not through this.)

import { writeFileSync, writeSync } from "node:fs";
import { printable } from "../std/mod.ts";
import { ExitCode } from "./exit-code.ts";

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
  } catch {
    // stderr is closed.
  }
}

/**
 * Writes a result to a file, over what stood there; `-` is stdout. Says what went wrong, and gives the exit status that it means. (A
 * plain write: whoever names a device or a pipe wants it written to, not replaced.)
 */
export function writeFile(path: string, text: string): ExitCode {
  if (path === "-") {
    writeOut(text);
    return ExitCode.ok;
  }
  try {
    writeFileSync(path, text);
    return ExitCode.ok;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isPermission = code === "EACCES" || code === "EPERM";
    const reasons: Readonly<Record<string, string>> = {
      EACCES: "permission denied",
      EPERM: "permission denied",
      ENOENT: "there is no such folder",
      EISDIR: "it is a folder",
      ENOSPC: "no space is left",
    };
    if (code === undefined) throw error;
    writeErr(`agent: cannot write ${printable(path)}: ${reasons[code] ?? code}\n`);
    return isPermission ? ExitCode.noPermission : ExitCode.findings;
  }
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
