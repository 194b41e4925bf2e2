// Finds and opens what is to be scanned. A file is opened once, without waiting and without side effects; everything that is said about
// it afterwards is about what was opened. Folders are walked without following links.

import {
  type BigIntStats,
  closeSync,
  constants,
  type Dir,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  statfsSync,
  statSync,
} from "node:fs";
import { walkDepthMax, walkEntriesMax } from "./limits.ts";

export interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly stat: BigIntStats;
}

const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Opens a regular file, or says why not. What is no file is not even opened: that may rewind a tape or wake a pipe. */
export function openForScan(path: string, followsLinks: boolean): OpenFile | string {
  let fd: number | undefined;
  try {
    // Looked at, opened, looked at again: between the two it may have become something else.
    if (!(followsLinks ? statSync(path) : lstatSync(path)).isFile()) return "not a regular file";
    fd = openSync(path, followsLinks ? readFlags : readFlags | constants.O_NOFOLLOW);
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) {
      closeSync(fd);
      return "not a regular file";
    }
    return { path, descriptor: fd, stat };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return reasonOf(error);
  }
}

export const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file or folder",
    EACCES: "permission denied",
    EPERM: "permission denied",
    ELOOP: "a symbolic link",
    ETXTBSY: "it is being written",
    EMFILE: "too many open files",
    ENXIO: "not a regular file",
  };
  return code === undefined ? message : (words[code] ?? code);
};

/** Magic numbers of file systems that hold no files (linux/magic.h): walking them reads the kernel's mind, not a disk. */
const pseudoTypes: ReadonlySet<number> = new Set([
  ...[0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0x6165676c, 0xcafe4a11],
  ...[0x1cd1, 0x19800202, 0x42494e4d, 0x62656570, 0x65735543, 0x6e736673, 0xf97cff8c, 0x43415d53, 0xde5e81e4],
]);

function isPseudo(path: string): boolean {
  try {
    return pseudoTypes.has(Number(statfsSync(path).type));
  } catch {
    return false;
  }
}

export type Found =
  | { readonly path: string; readonly isOperand: boolean }
  /** A folder or entry that is passed over; `isFault` when it should have been readable. */
  | { readonly path: string; readonly skipped: string; readonly isFault: boolean };

/**
 * Everything at and below the paths, folders read as they are walked: memory is one open folder a level. Links below a given path are
 * not followed; a file system without files is left out unless it was named itself.
 */
export function* walk(paths: readonly string[]): Generator<Found> {
  let entries = 0;
  for (const path of paths) {
    let device: bigint;
    try {
      const stat = lstatSync(path, { bigint: true });
      const isLinkedFolder = stat.isSymbolicLink() && isFolder(path);
      if (!stat.isDirectory() && !isLinkedFolder) {
        yield { path, isOperand: true };
        continue;
      }
      device = stat.dev;
    } catch (error) {
      yield { path, skipped: reasonOf(error), isFault: true };
      continue;
    }
    const stack: { readonly path: string; readonly dir: Dir; readonly device: bigint }[] = [];
    const enter = (folder: string, on: bigint): string => {
      try {
        stack.push({ path: folder, dir: opendirSync(folder, { bufferSize: 256 }), device: on });
        return "";
      } catch (error) {
        return reasonOf(error);
      }
    };
    const refused = enter(path, device);
    if (refused !== "") yield { path, skipped: refused, isFault: true };
    try {
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        let entry: ReturnType<Dir["readSync"]>;
        try {
          entry = top.dir.readSync();
        } catch (error) {
          yield { path: top.path, skipped: reasonOf(error), isFault: true };
          entry = null;
        }
        if (entry === null) {
          top.dir.closeSync();
          stack.pop();
          continue;
        }
        if (++entries > walkEntriesMax) {
          yield { path: top.path, skipped: `more than ${walkEntriesMax} entries`, isFault: true };
          return;
        }
        const below = top.path.endsWith("/") ? `${top.path}${entry.name}` : `${top.path}/${entry.name}`;
        if (entry.isSymbolicLink()) continue;
        if (!entry.isDirectory()) {
          if (entry.isFile()) yield { path: below, isOperand: false };
          else yield { path: below, skipped: "not a regular file", isFault: false };
          continue;
        }
        let on = top.device;
        try {
          on = lstatSync(below, { bigint: true }).dev;
        } catch (error) {
          yield { path: below, skipped: reasonOf(error), isFault: true };
          continue;
        }
        if (on !== top.device && isPseudo(below)) {
          yield { path: below, skipped: "a file system without files", isFault: false };
          continue;
        }
        const reason = stack.length >= walkDepthMax ? `more than ${walkDepthMax} folders deep` : enter(below, on);
        if (reason !== "") yield { path: below, skipped: reason, isFault: true };
      }
    } finally {
      for (const { dir } of stack) dir.closeSync();
    }
  }
}

function isFolder(path: string): boolean {
  try {
    opendirSync(path).closeSync();
    return true;
  } catch {
    return false;
  }
}
