// Reads passwd files for the detect worker: the host's, and those that containers have at their root. A container's file
// system is hostile: only a regular file of bounded size is read, opened without waiting and without following a link.

import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { passwdSizeMaxBytes } from "../../state/mod.ts";

/** Text of a passwd file, cut at the limit; empty when it is not there, not regular or not readable. */
export function readPasswd(root: string): string {
  let fd: number;
  try {
    fd = openSync(
      `${root}/etc/passwd`,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(fd);
    if (!fstatSync(fd).isFile()) return "";
    const bytes = Buffer.alloc(Math.min(size, passwdSizeMaxBytes));
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    return "";
  } finally {
    closeSync(fd);
  }
}

/** Inode of a process's mount namespace, which is its number; 0 when it cannot be read. */
export function mountNamespace(pid: number | "self"): number {
  try {
    return statSync(`/proc/${pid}/ns/mnt`).ino;
  } catch {
    return 0;
  }
}

/**
 * passwd as processes in `mountNs` see it, taken from the first of `pids` that lives there; `undefined` when none does. The namespace is
 * looked at again after reading: a pid may have passed to a process of another one.
 */
export function readPasswdOf(mountNs: number, pids: readonly number[]): string | undefined {
  // A process of the host's namespace may have another root of its own choosing.
  if (mountNs === mountNamespace("self")) return readPasswd("");
  for (const pid of pids) {
    if (mountNamespace(pid) !== mountNs) continue;
    const passwd = readPasswd(`/proc/${pid}/root`);
    if (mountNamespace(pid) === mountNs) return passwd;
  }
  return undefined;
}
