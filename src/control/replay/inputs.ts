// The inputs of a replay: the paths of the command line, directories walked in sorted order, the same on every machine.

import { fstatSync, lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { errorCode, reasonOf } from "./input-error.ts";
import { compressionUsual, directoryDepthMax, filesMax, skippedNamedMax } from "./limits.ts";

export interface InputFile {
  /** As given; below a directory, the directory as given with the rest after `/`. */
  readonly path: string;
  /** Named on the command line: what cannot be read is then an error, not skipped. */
  readonly named: boolean;
}

export interface Inputs {
  readonly files: readonly InputFile[];
  /** Recordings below a directory that were left out, and why; the first {@link skippedNamedMax} by name. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly skippedCount: number;
  /**
   * Paths that cannot be looked into, and why; below a directory the first {@link skippedNamedMax}. `isUsage` when another path was meant:
   * it does not exist, or alerts go there.
   */
  readonly failed: readonly { readonly path: string; readonly reason: string; readonly isUsage: boolean }[];
  readonly failedCount: number;
}

/** Names below a directory that hold recorded events. */
const recordings = /\.(?:(?:capture|evtx|json|jsonl|ndjson)(?:\.(?:gz|zst|zstd))?|zip)$/i;
/** Recordings that this version does not read: left out aloud. */
const notYet = /\.(?:etl|tar|tgz|tar\.(?:gz|zst))$/i;

/** Names of log files; others have such names too, so what is in them decides. */
const logs =
  /(?:^|\/)(?:audit|auth|cron|maillog|messages|secure|syslog|[^/]*\.log)(?:\.log)?(?:[.-]\d{1,10})?(?:\.(?:gz|zst|zstd))?$/i;

/** Whether a file, or a member of an archive, holds recorded events by its name. */
export const isRecording = (name: string): boolean => recordings.test(name) || logs.test(name);

/** Whether it is looked at only because it is named like a log. */
export const isLogName = (name: string): boolean => !recordings.test(name) && logs.test(name);

/** Whether a member of an archive is none that somebody put there: hidden, or what macOS adds to archives. */
export const isHidden = (name: string): boolean => /(?:^|[/\\])(?:\.(?!\.?[/\\])|__MACOSX[/\\])/.test(name);

/** A regular file, whatever leads to it. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** Which files outputs are: paths, `-` for standard output. Those that are no regular files, or not there yet, are none. */
export function identitiesOf(outputs: readonly string[]): readonly FileIdentity[] {
  const found: FileIdentity[] = [];
  for (const path of outputs) {
    try {
      const stat = path === "-" ? fstatSync(1) : statSync(path);
      if (stat.isFile()) found.push(stat);
    } catch {
      // What is not there cannot be read either; what is wrong with it is told when it is opened.
    }
  }
  return found;
}

/** Why an input is refused that is an output too: its alerts would be read as events, and made alerts of again. */
export const isOutputReason = "the alerts or the report go there";

/** Finds what there is to read. What is among `outputs` is left out. Nothing that is below a directory ends the search. */
export function findInputs(paths: readonly string[], outputs: readonly FileIdentity[] = []): Inputs {
  const isOutput = (stat: Stats): boolean => outputs.some(({ dev, ino }) => stat.dev === dev && stat.ino === ino);
  const files: InputFile[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const failed: { path: string; reason: string; isUsage: boolean }[] = [];
  let skippedCount = 0;
  const skip = (path: string, reason: string): void => {
    skippedCount++;
    if (skipped.length < skippedNamedMax) skipped.push({ path, reason });
  };
  let failedBelow = 0;
  const fail = (path: string, error: unknown): void => {
    if (++failedBelow <= skippedNamedMax) failed.push({ path, reason: reasonOf(errorCode(error)), isUsage: false });
  };
  /** Of a file that went away meanwhile, and of a link to nowhere: nothing. */
  const stated = (path: string, of: typeof statSync): Stats | undefined => {
    try {
      return of(path, { throwIfNoEntry: false });
    } catch (error) {
      fail(path, error);
      return undefined;
    }
  };
  const walk = (directory: string, depth: number): void => {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      fail(directory, error);
      return;
    }
    // By code unit: a locale would order differently elsewhere.
    for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
      const path = directory.endsWith("/") ? directory + name : `${directory}/${name}`;
      if (name.startsWith(".")) continue;
      const stat = stated(path, lstatSync);
      if (stat?.isDirectory() === true) {
        if (depth >= directoryDepthMax) skip(path, `directories are nested deeper than ${directoryDepthMax}`);
        else walk(path, depth + 1);
        continue;
      }
      if (stat === undefined || !(notYet.test(name) || isRecording(name))) continue;
      const file = stat.isSymbolicLink() ? stated(path, statSync) : stat;
      if (file?.isFile() !== true) continue;
      if (isOutput(file)) skip(path, isOutputReason);
      else if (notYet.test(name)) skip(path, "this version does not read its format");
      else if (files.length >= filesMax) skip(path, `more than ${filesMax} files`);
      else files.push({ path, named: false });
    }
  };
  for (const path of paths) {
    if (path === "-") {
      files.push({ path, named: true });
      continue;
    }
    try {
      const stat = statSync(path);
      if (stat.isDirectory()) walk(path, 0);
      else if (isOutput(stat)) failed.push({ path, reason: isOutputReason, isUsage: true });
      else files.push({ path, named: true });
    } catch (error) {
      const code = errorCode(error);
      failed.push({ path, reason: reasonOf(code), isUsage: code === "ENOENT" });
    }
  }
  const failedCount = failed.length + Math.max(0, failedBelow - skippedNamedMax);
  return { files, skipped, skippedCount, failed, failedCount };
}

/** Bytes of all inputs together; 0 when one has no size that could be asked for. */
export function sizeOf(files: readonly InputFile[]): number {
  let bytes = 0;
  for (const { path } of files) {
    const stat = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) return 0;
    bytes += stat.size;
  }
  return bytes;
}

/** Bytes that there are to read in the inputs, roughly: compressed ones by what they usually become. */
export function workOf(files: readonly InputFile[]): number {
  let bytes = 0;
  for (const file of files)
    bytes += sizeOf([file]) * (/\.(?:gz|zst|zstd|zip)$/i.test(file.path) ? compressionUsual : 1);
  return bytes;
}
