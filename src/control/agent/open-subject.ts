// Descriptors of what is to be scanned. They come from the kernel's own event about an execution, else from /proc, else by name; in each
// case what was opened is held against what the event said, so that nothing else is scanned in its place.

import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs";
import type { ScanSubject } from "../../detect/mod.ts";
import type { ExecWatch } from "../../sensor/mod.ts";

export interface Opened {
  readonly descriptor: number;
  readonly stat: BigIntStats;
}

/** How long an execution's descriptor is waited for: the record of the start may come before it. */
const descriptorWaitMs = 25;
const descriptorTurnsMax = 6;
/** A written file counts as finished when nothing changed it for so long; one that never rests is scanned as it is after so many turns. */
const settledMs = 500;
const settleTurnsMax = 10;

/** Opens the file of a subject, or not: it is gone, or another lies in its place. The descriptor is the caller's. */
export async function openSubject(subject: ScanSubject, watch: ExecWatch | undefined): Promise<Opened | undefined> {
  const { origin, pid, path, isHostView } = subject;
  if (origin !== "program") {
    for (let turn = 0; turn < (origin === "script" ? descriptorTurnsMax : 1); turn++) {
      if (turn > 0) await Bun.sleep(descriptorWaitMs);
      const claimed = origin === "script" ? claimedOf(subject, watch) : undefined;
      const seen = claimed ?? openedAs(subject, `/proc/${pid}/root${path}`);
      const opened = seen ?? (isHostView ? openedAs(subject, path) : undefined);
      if (opened !== undefined) return opened;
    }
    return undefined;
  }
  for (let turn = 0; turn < descriptorTurnsMax; turn++) {
    const opened = claimedOf(subject, watch) ?? openedAs(subject, `/proc/${pid}/exe`);
    if (opened !== undefined) return opened;
    if (watch === undefined) break;
    await Bun.sleep(descriptorWaitMs);
  }
  return openedAs(subject, path);
}

/** Waits until a file is at rest, and tells what it is then. */
export async function settledStat({ descriptor, stat }: Opened): Promise<BigIntStats> {
  let now = stat;
  for (let turn = 0; turn < settleTurnsMax; turn++) {
    const restMs = Date.now() - Number(now.mtimeMs);
    if (restMs >= settledMs) break;
    // A clock that was set back must not make anybody wait.
    await Bun.sleep(Math.min(settledMs, settledMs - restMs));
    now = statOf(descriptor) ?? now;
  }
  return now;
}

/** The same file, opened once more: it needs no name. */
export function copyOf(descriptor: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY);
  } catch {
    return undefined;
  }
}

/** Changes whenever the content of a file may have. */
export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

/** Among what the process opened to execute: script, program, dynamic loader. */
function claimedOf(subject: ScanSubject, watch: ExecWatch | undefined): Opened | undefined {
  let found: Opened | undefined;
  for (const descriptor of watch?.claim(subject.pid) ?? []) {
    const stat = found === undefined ? statOf(descriptor) : undefined;
    const name = nameOf(descriptor);
    const isIt = stat !== undefined && (name === subject.path || (subject.inode !== "" && isSubject(stat, subject)));
    if (isIt) found = { descriptor, stat };
    else if (/\/ld[-.][^/]*$/.test(name)) {
      // The dynamic loader comes with every start.
      watch?.ignore(descriptor);
      closeSync(descriptor);
    } else watch?.giveBack(subject.pid, descriptor);
  }
  return found;
}

function openedAs(subject: ScanSubject, path: string): Opened | undefined {
  if (path === "") return undefined;
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
  const stat = statOf(descriptor);
  if (stat !== undefined && isSubject(stat, subject)) return { descriptor, stat };
  closeSync(descriptor);
  return undefined;
}

function statOf(descriptor: number): BigIntStats | undefined {
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    return stat.isFile() ? stat : undefined;
  } catch {
    return undefined;
  }
}

/** Whether this is the file that was executed. Not by device: an overlay shows another than the kernel works with. */
function isSubject(stat: BigIntStats, { inode, sizeBytes, mtimeMs }: ScanSubject): boolean {
  if (inode !== "" && String(stat.ino) !== inode) return false;
  if (sizeBytes !== undefined && Number(stat.size) !== sizeBytes) return false;
  return mtimeMs === undefined || Math.abs(Number(stat.mtimeMs) - mtimeMs) < 2;
}

/** The name that the kernel has for an open file; one that is deleted says so. */
function nameOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).replace(/ \(deleted\)$/, "");
  } catch {
    return "";
  }
}
