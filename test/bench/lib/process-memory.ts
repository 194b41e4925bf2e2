// Memory and processor time of a program with all its processes, as the kernel tells them: PSS, the memory of BPF maps that it
// holds, and the time that its threads ran.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Processes end while one looks.
    return undefined;
  }
};

/** The process and all its descendants. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : undefined;
    // The name of a program may hold anything, parentheses included.
    const parent = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const tree = [pid];
  for (const one of tree) for (const [child, parent] of parents) if (parent === one) tree.push(child);
  return tree;
}

export interface Memory {
  readonly processes: number;
  /** Sum over all processes; pages shared with k programs count one k-th each. */
  readonly pssBytes: number;
  /** Of that: not backed by a file. */
  readonly anonymousBytes: number;
  /** Memory of the kernel for BPF maps, which no process is charged with. */
  readonly mapsBytes: number;
  /** Processes outside of the tree that run the same file: they make PSS look smaller than it is. */
  readonly sharers: number;
}

/** Memory of a program by its first process. Throws when it is gone. */
export function memoryOf(pid: number): Memory {
  const tree = processTree(pid);
  let pss = 0;
  let anonymous = 0;
  const maps = new Map<string, number>();
  for (const one of tree) {
    const rollup = read(`/proc/${one}/smaps_rollup`);
    if (rollup === undefined) {
      if (one === pid) throw new Error(`Cannot read the memory of process ${pid}: it is gone`);
      continue;
    }
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
    pss += field("Pss");
    anonymous += field("Pss_Anon");
    for (const fd of entries(`/proc/${one}/fdinfo`)) {
      const info = read(`/proc/${one}/fdinfo/${fd}`) ?? "";
      const id = /^map_id:\s+(\d+)/m.exec(info)?.[1];
      const bytes = /^memlock:\s+(\d+)/m.exec(info)?.[1];
      if (id !== undefined && bytes !== undefined) maps.set(id, Number(bytes));
    }
  }
  const mapsBytes = [...maps.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { processes: tree.length, pssBytes: pss, anonymousBytes: anonymous, mapsBytes, sharers: sharers(pid, tree) };
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sharers(pid: number, tree: readonly number[]): number {
  const exe = readlinkSync(`/proc/${pid}/exe`);
  return entries("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || tree.includes(Number(name))) return false;
    try {
      return readlinkSync(`/proc/${name}/exe`) === exe;
    } catch {
      return false;
    }
  }).length;
}

/** Nanoseconds that all threads of a program ran so far, by the scheduler's own clock. Threads that ended are not in it. */
export function processorTimeNs(pid: number): number {
  let sum = 0;
  for (const one of processTree(pid))
    for (const thread of entries(`/proc/${one}/task`))
      sum += Number(read(`/proc/${one}/task/${thread}/schedstat`)?.split(" ")[0] ?? 0);
  return sum;
}

/**
 * Milliseconds that all processors together were idle since boot. Kernels with CONFIG_NO_HZ measure idle time and do not sample it,
 * so that wall time times processors less idle time counts everything: programs, the kernel, interrupts, BPF programs. In steps of
 * 10 ms a processor.
 */
export function idleMs(): number {
  const fields = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))![1]!.split(" ").map(Number);
  // idle and iowait, in hundredths of a second.
  return (fields[3]! + fields[4]!) * 10;
}
