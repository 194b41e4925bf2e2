// The memory of a running process as regions to scan, and what an alert says of that process.

import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import type { ProcessContext } from "../../alert/mod.ts";
import { processIdentity } from "../../event/mod.ts";
import { reasonOf } from "./files.ts";
import { processMemoryMaxBytes, regionSizeMaxBytes, regionsMax } from "./limits.ts";

export interface Region {
  readonly address: number;
  readonly sizeBytes: number;
  /** Of the mapping, as in proc_pid_maps(5): a path, `[heap]`, or empty. */
  readonly name: string;
}

export interface ProcessMemory {
  /** `/proc/PID/mem`, open; the caller's to close. Names the same process whatever becomes of the pid. */
  readonly descriptor: number;
  readonly regions: readonly Region[];
  /** Bytes beyond the limits, and mappings that were left out. */
  readonly leftOutBytes: number;
  readonly process: ProcessContext;
}

/** A pattern that spans two pieces of a large mapping is found when it is not longer than this. */
const overlapBytes = 4096;

/** Opens a process's memory, or says why not: needs the right to trace it. */
export function openMemory(pid: number, hostId: string): ProcessMemory | string {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/mem`, "r");
    const regions: Region[] = [];
    let leftOutBytes = 0;
    let bytes = 0;
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const fields = /^([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \S+\s*(.*)$/.exec(line);
      if (fields === null) continue;
      const [, from = "", to = "", rights = "", name = ""] = fields;
      // Mapped devices: reading may block or act. Pages of the kernel: the same in every process.
      if (rights[0] !== "r" || name.startsWith("/dev/") || /^\[v(var|syscall|dso|var_vclock)\]$/.test(name)) continue;
      const start = Number.parseInt(from, 16);
      const end = Number.parseInt(to, 16);
      for (let at = start; at < end; at += regionSizeMaxBytes) {
        const sizeBytes = Math.min(end - at, regionSizeMaxBytes + overlapBytes);
        if (regions.length >= regionsMax || bytes + sizeBytes > processMemoryMaxBytes) leftOutBytes += end - at;
        else regions.push({ address: at, sizeBytes, name });
        bytes += sizeBytes;
      }
    }
    return { descriptor: fd, regions, leftOutBytes, process: describe(pid, hostId) };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such process" : reasonOf(error);
  }
}

/** Bytes of a command line that are shown. */
const commandLineMaxBytes = 32_768;

function describe(pid: number, hostId: string): ProcessContext {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  // Field 22, in ticks of 10 ms (proc_pid_stat(5)); this list begins with field 3.
  const startNs = Number(fields[19]) * 10_000_000;
  const args = readFileSync(`/proc/${pid}/cmdline`).subarray(0, commandLineMaxBytes).toString("utf8").split("\0");
  if (args.at(-1) === "") args.pop();
  let executable = "";
  try {
    executable = readlinkSync(`/proc/${pid}/exe`);
  } catch {
    // A kernel thread, or gone.
  }
  const name =
    executable === "" ? stat.slice(stat.indexOf("(") + 1, close) : executable.slice(executable.lastIndexOf("/") + 1);
  return {
    entityId: processIdentity(hostId, pid, startNs).entityId,
    pid,
    name,
    ...(executable === "" ? {} : { executable }),
    ...(args.length === 0 ? {} : { args, commandLine: args.join(" ") }),
  };
}
