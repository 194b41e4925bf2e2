// The inventory of running processes from /proc: all of it for kernels where the task iterator does not load, and what that
// iterator left out (some kernels hide processes from it). Read once at start, off the hot path. What /proc tells is less than the kernel: start times are cut to clock ticks (the record says so), and a
// process that ends while it is read is left out.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { exeFlag, recordFlag, recordKind, writeProcessRecord } from "../event/mod.ts";

/** Clock ticks a second in /proc (USER_HZ): 100 on every architecture that Linux runs on today. */
const ticksPerSecond = 100;
const tickNs = BigInt(1_000_000_000 / ticksPerSecond);
/** As SIGIL_ARGS_MAX of the kernel side. */
const argsMaxBytes = 16_383;

interface Stat {
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  readonly processGroup: number;
  readonly session: number;
  readonly ttyDevice: number;
  readonly flags: number;
  readonly threads: number;
  readonly startTicks: bigint;
}

/** proc_pid_stat(5). The name stands in parentheses and may hold anything, parentheses too. */
function readStat(pid: number): Stat | undefined {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const rest = text.slice(close + 2).split(" ");
  if (open < 0 || rest.length < 20) return undefined;
  const field = (number: number): string => rest[number - 3] ?? "0";
  return {
    comm: text.slice(open + 1, close),
    state: field(3),
    ppid: Number(field(4)),
    processGroup: Number(field(5)),
    session: Number(field(6)),
    ttyDevice: Number(field(7)),
    flags: Number(field(9)),
    threads: Number(field(20)),
    startTicks: BigInt(field(22)),
  };
}

function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Four numbers of a Uid or Gid line: real, effective, saved, file system. */
function ids(status: string, name: string): number[] {
  return (new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1] ?? "").split(/\s+/).map(Number);
}

function namespace(pid: number, name: string): number {
  return attempt(() => statSync(`/proc/${pid}/ns/${name}`).ino, 0);
}

/** Path of the v2 hierarchy, or of the first v1 one that says more (proc_pid_cgroup(5)). */
function cgroupPath(pid: number): string {
  const lines = attempt(() => readFileSync(`/proc/${pid}/cgroup`, "utf8"), "").split("\n");
  const paths = lines.map((line) => line.split(":").slice(2).join(":")).filter((path) => path !== "");
  const unified = lines.find((line) => line.startsWith("0::"))?.slice(3) ?? "";
  return unified.length > 1 ? unified : (paths.find((path) => path !== "/") ?? "/");
}

const kernelThread = 0x0020_0000;
const deletedMark = " (deleted)";

function record(pid: number, stat: Stat, parentTicks: bigint): Buffer {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, "utf8"), "");
  const [uid = 0, euid = 0, suid = 0] = ids(status, "Uid");
  const [gid = 0, egid = 0, sgid = 0] = ids(status, "Gid");
  const link = attempt(() => readlinkSync(`/proc/${pid}/exe`), "");
  const file = attempt(() => statSync(`/proc/${pid}/exe`), undefined);
  const args = attempt(() => readFileSync(`/proc/${pid}/cmdline`), Buffer.alloc(0));
  // A name may really end like that.
  const isDeleted = link.endsWith(deletedMark) && file?.nlink === 0;
  const isThread = (stat.flags & kernelThread) !== 0;
  const flags =
    (isThread ? exeFlag.none : 0) | (link.startsWith("/memfd:") ? exeFlag.memfd : isDeleted ? exeFlag.deleted : 0);
  const number = (path: string): number =>
    attempt(() => Number(readFileSync(`/proc/${pid}/${path}`, "utf8")), 0xffff_ffff);
  return writeProcessRecord({
    kind: recordKind.task,
    pid,
    timeNs: stat.startTicks * tickNs,
    flags: recordFlag.coarseStart,
    comm: stat.comm,
    fields: {
      startNs: stat.startTicks * tickNs,
      parentStartNs: parentTicks * tickNs,
      ppid: stat.ppid,
      ...{ uid, euid, suid, gid, egid, sgid },
      loginUid: number("loginuid"),
      auditSession: number("sessionid"),
      session: stat.session,
      processGroup: stat.processGroup,
      // tty_nr has the minor in two pieces around the major.
      ttyMajor: (stat.ttyDevice >> 8) & 0xfff,
      ttyMinor: (stat.ttyDevice & 0xff) | ((stat.ttyDevice >> 12) & 0xfff00),
      capEffective: BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
      capPermitted: BigInt(`0x${/^CapPrm:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
      mntNs: namespace(pid, "mnt"),
      pidNs: namespace(pid, "pid"),
      netNs: namespace(pid, "net"),
      userNs: namespace(pid, "user"),
      utsNs: namespace(pid, "uts"),
      ipcNs: namespace(pid, "ipc"),
      cgroupNs: namespace(pid, "cgroup"),
      nsPid: Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? pid),
      argsBytes: args.length,
      exeFlags: flags,
      ...(file === undefined ? {} : exeFields(file)),
    },
    sections: {
      exe: isDeleted ? link.slice(0, -deletedMark.length) : link,
      cwd: attempt(() => readlinkSync(`/proc/${pid}/cwd`), ""),
      cgroup: cgroupPath(pid),
      args: args.subarray(0, argsMaxBytes),
    },
  });
}

function exeFields(file: {
  ino: number;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  dev: number;
  ctimeMs: number;
  mtimeMs: number;
}) {
  return {
    exeInode: BigInt(file.ino),
    exeSize: BigInt(file.size),
    exeMode: file.mode,
    exeUid: file.uid,
    exeGid: file.gid,
    exeLinks: file.nlink,
    // As glibc's gnu_dev_major and gnu_dev_minor take a device number apart.
    exeMajor: (file.dev >>> 8) & 0xfff,
    exeMinor: (file.dev & 0xff) | ((file.dev >>> 12) & 0xfff00),
    exeCtimeS: BigInt(Math.floor(file.ctimeMs / 1000)),
    exeMtimeS: BigInt(Math.floor(file.mtimeMs / 1000)),
  };
}

/**
 * TASK records of the processes that /proc shows, parents before their children where start times tell; `isKnown` leaves out
 * those that the kernel's own inventory had.
 */
export function procInventory(isKnown: (pid: number) => boolean = () => false): Buffer[] {
  const stats = new Map<number, Stat>();
  // A zombie has ended, and nobody is its child; one with threads is a process whose first thread ended before the others.
  for (const name of readdirSync("/proc")) {
    const pid = /^\d+$/.test(name) ? Number(name) : 0;
    const stat = pid === 0 ? undefined : attempt(() => readStat(pid), undefined);
    if (stat !== undefined && !(/[ZX]/.test(stat.state) && stat.threads <= 1)) stats.set(pid, stat);
  }
  return [...stats]
    .filter(([pid]) => !isKnown(pid))
    .sort(([, a], [, b]) => (a.startTicks < b.startTicks ? -1 : a.startTicks > b.startTicks ? 1 : 0))
    .map(([pid, stat]) => record(pid, stat, stats.get(stat.ppid)?.startTicks ?? 0n));
}
