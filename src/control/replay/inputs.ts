// The inputs of a replay: the paths of the command line, directories walked in sorted order, the same on every machine.

import { lstatSync, readdirSync, statSync } from "node:fs";
import { errorCode } from "./input-error.ts";
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
  /** Paths that do not exist or cannot be looked into. */
  readonly failed: readonly { readonly path: string; readonly code: string }[];
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

export function findInputs(paths: readonly string[]): Inputs {
  const files: InputFile[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const failed: { path: string; code: string }[] = [];
  let skippedCount = 0;
  const skip = (path: string, reason: string): void => {
    skippedCount++;
    if (skipped.length < skippedNamedMax) skipped.push({ path, reason });
  };
  const walk = (directory: string, depth: number): void => {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      failed.push({ path: directory, code: errorCode(error) });
      return;
    }
    // By code unit: a locale would order differently elsewhere.
    for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
      const path = directory.endsWith("/") ? directory + name : `${directory}/${name}`;
      if (name.startsWith(".")) continue;
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory() === true) {
        if (depth >= directoryDepthMax) skip(path, `directories are nested deeper than ${directoryDepthMax}`);
        else walk(path, depth + 1);
        continue;
      }
      const isFile =
        stat?.isFile() === true ||
        (stat?.isSymbolicLink() === true && statSync(path, { throwIfNoEntry: false })?.isFile() === true);
      if (!isFile) continue;
      if (notYet.test(name)) skip(path, "this version does not read its format");
      else if (!isRecording(name)) continue;
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
      if (statSync(path).isDirectory()) walk(path, 0);
      else files.push({ path, named: true });
    } catch (error) {
      failed.push({ path, code: errorCode(error) });
    }
  }
  return { files, skipped, skippedCount, failed };
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
