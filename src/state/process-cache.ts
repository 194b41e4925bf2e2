// Who is who: every process by pid and start time, with the program it runs, its parent and a few ancestors. Filled from
// the inventory and from fork, exec and exit records; never from /proc. A program's record is kept as bytes and decoded
// only when somebody asks, so that a storm of short processes costs a copy each and nothing more.
//
// Bounds: `entriesMax` processes, of which the exited are forgotten first (oldest first), then the oldest of all, counted.
// Programs' bytes are bounded the same way by `bytesMax`. An ancestor further away than `ancestorsMax` that has exited is
// cut off, so that a chain of processes that each start the next and exit cannot grow. Who is forgotten and still somebody's
// parent goes on as an ancestor: its program stays in the account, and there are `exitedMax` of those at most.

import { coarseStartNs, ProcessRecord, processLayout } from "../event/mod.ts";

const parentPidAt = processLayout.ppid;

/** Command line that a compacted record keeps. */
const compactArgsMaxBytes = 1024;
/** Records up to this size are not worth compacting: most are a third of it. */
const compactFromBytes = 3 * 1024;

/** What a process runs: the copy of its EXEC or TASK record, shared with children until they exec. */
export class Program {
  #record: ProcessRecord;
  #bytes: number;
  /** Entries of the table that run it: forks share it. Kept by the table. */
  holders = 0;
  #image: string | undefined;
  #commandLine: string | undefined;
  #env: Map<string, string> | undefined;

  constructor(copy: Buffer) {
    this.#record = new ProcessRecord(copy);
    this.#bytes = copy.length;
  }

  get record(): ProcessRecord {
    return this.#record;
  }

  /** Size of the record. What was decoded from it comes on top, up to the same again. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Gives up the environment and all but the end of a long command line; returns the bytes saved. */
  compact(): number {
    const copy = this.#record.compact(compactArgsMaxBytes);
    const saved = this.#bytes - copy.length;
    if (saved <= 0) return 0;
    this.#record = new ProcessRecord(copy);
    this.#bytes = copy.length;
    this.#commandLine = undefined;
    this.#env = undefined;
    return saved;
  }

  /** Absolute path of the executable; empty for a kernel thread. */
  get image(): string {
    this.#image ??= this.record.text("exe");
    return this.#image;
  }

  get commandLine(): string {
    this.#commandLine ??= this.record.commandLine;
    return this.#commandLine;
  }

  /** Value of one of the chosen environment variables, or `undefined`. */
  env(name: string): string | undefined {
    if (this.#env === undefined) {
      this.#env = new Map();
      for (const pair of this.record.list("env")) {
        const at = pair.indexOf("=");
        // getenv(3) takes the first of several.
        if (at > 0 && !this.#env.has(pair.slice(0, at))) this.#env.set(pair.slice(0, at), pair.slice(at + 1));
      }
    }
    return this.#env.get(name);
  }
}

export interface ProcessEntry {
  readonly pid: number;
  /** CLOCK_BOOTTIME of its start; with the pid, its identity. Made exact by the first record that knows it exactly. */
  startNs: number;
  /** `startNs` is cut to clock ticks: the process was met in /proc. */
  isCoarse: boolean;
  parentPid: number;
  parentStartNs: number;
  /** Likewise `parentStartNs`. */
  isParentCoarse: boolean;
  /** Set by the table only, which counts in `children` who points here. */
  parent: ProcessEntry | undefined;
  children: number;
  /** Undefined when neither its exec nor its inventory was seen. */
  program: Program | undefined;
  /** What it ran before that: events of another ring may be older than its last start of a program. */
  before: Program | undefined;
  /** Undefined while it runs. */
  endNs: number | undefined;
  /** Wait status, when it has ended. */
  exitStatus: number | undefined;
}

export interface ProcessCacheOptions {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Exited processes to remember: their children's events and late alerts name them. */
  readonly exitedMax: number;
  readonly ancestorsMax: number;
}

/** Counters of what the table could not know or keep. */
export interface ProcessCacheStats {
  size: number;
  bytes: number;
  /** Look-ups of a parent, and how many found none. */
  parentLookups: number;
  parentMisses: number;
  /** Forgotten although they still ran, because the table was full. */
  evictedLive: number;
  /** Large records that gave up their environment and most of their command line, because the table was full. */
  compacted: number;
  evictedExited: number;
  /** Forgotten ancestors of processes that still run: those have no known parent any more. */
  evictedAncestors: number;
  /** Ends of processes whose start was never seen. */
  unknownExits: number;
}

export class ProcessCache {
  readonly #options: ProcessCacheOptions;
  readonly #byPid = new Map<number, ProcessEntry>();
  /** Ring of exited entries, oldest at `#exitedAt`; its length is `exitedMax`. */
  readonly #exited: (ProcessEntry | undefined)[];
  #exitedAt = 0;
  /** Entries in that ring, so that a table full of running processes does not search it. */
  #exitedCount = 0;
  /** Programs with large records, oldest first: they are made smaller before anybody is forgotten who still runs. */
  readonly #large = new Set<Program>();
  /** Who still has the program before the one it runs, oldest first: `exitedMax` at most, and the first to go when bytes are short. */
  readonly #changed = new Set<ProcessEntry>();
  /** Forgotten, but parents of others; oldest first. */
  readonly #ancestors = new Set<ProcessEntry>();
  readonly stats: ProcessCacheStats = {
    size: 0,
    bytes: 0,
    parentLookups: 0,
    parentMisses: 0,
    evictedLive: 0,
    compacted: 0,
    evictedExited: 0,
    evictedAncestors: 0,
    unknownExits: 0,
  };

  constructor(options: ProcessCacheOptions) {
    this.#options = options;
    this.#exited = new Array(options.exitedMax);
  }

  /**
   * The process with this identity, or `undefined`. A start of -1 takes whoever has the pid; a coarse one is cut to clock ticks, and
   * so is below the true one. O(1).
   */
  find(pid: number, startNs: number, isCoarse = false): ProcessEntry | undefined {
    const entry = this.#byPid.get(pid);
    if (entry === undefined) return undefined;
    if (entry.startNs === startNs || startNs < 0) return entry;
    if (isCoarse) return entry.startNs >= startNs && entry.startNs < startNs + coarseStartNs ? entry : undefined;
    if (!entry.isCoarse || startNs < entry.startNs || startNs >= entry.startNs + coarseStartNs) return undefined;
    entry.startNs = startNs;
    entry.isCoarse = false;
    return entry;
  }

  /** A fork: the child runs what its creator runs. */
  fork(pid: number, startNs: number, parentPid: number, parentStartNs: number, creatorPid: number): ProcessEntry {
    // Only under CLONE_PARENT is the creator another than the parent, and its start not known; who has ended made nobody.
    const creator = creatorPid === parentPid ? this.find(parentPid, parentStartNs) : this.#byPid.get(creatorPid);
    return this.#insert(
      pid,
      startNs,
      parentPid,
      parentStartNs,
      creator?.endNs === undefined ? creator?.program : undefined,
    );
  }

  /**
   * An exec, or a process of the inventory: `record` is copied. The entry keeps its parent when it is known already (a process
   * whose parent died has another parent by the time it execs; who started it is what counts).
   */
  exec(record: ProcessRecord): ProcessEntry {
    const pid = record.pid;
    const startNs = record.startNs;
    const program = new Program(record.copy());
    let entry = this.find(pid, startNs, record.isCoarse);
    if (entry === undefined) {
      const isCoarse = record.isCoarse;
      entry = this.#insert(pid, startNs, record.field(parentPidAt), record.parentStartNs, program, isCoarse);
    } else {
      this.#setProgram(entry, program);
      this.#makeRoom(entry);
    }
    return entry;
  }

  /** The end of a process; `undefined` when it was never seen, or has ended already. The entry stays for a while. */
  exit(pid: number, startNs: number, endNs: number, status: number): ProcessEntry | undefined {
    const entry = this.find(pid, startNs);
    if (entry === undefined) {
      this.stats.unknownExits++;
      return undefined;
    }
    if (entry.endNs !== undefined) return undefined;
    entry.endNs = endNs;
    entry.exitStatus = status;
    const oldest = this.#exited[this.#exitedAt];
    this.#exited[this.#exitedAt] = entry;
    this.#exitedAt = (this.#exitedAt + 1) % this.#exited.length;
    if (oldest === undefined) this.#exitedCount++;
    else this.#forget(oldest, "evictedExited");
    return entry;
  }

  /** The parent of an entry, or `undefined`; counted, so that what was never known is visible. */
  parentOf(entry: ProcessEntry): ProcessEntry | undefined {
    this.stats.parentLookups++;
    // The inventory comes in any order: a parent may be known by now that was not when the child was met.
    const parent = entry.parent ?? this.find(entry.parentPid, entry.parentStartNs, entry.isParentCoarse);
    if (parent === undefined && entry.parentPid !== 0) this.stats.parentMisses++;
    if (entry.parent === undefined && this.#byPid.get(entry.pid) === entry) this.#link(entry, parent);
    return parent;
  }

  #insert(
    pid: number,
    startNs: number,
    parentPid: number,
    parentStartNs: number,
    program: Program | undefined,
    isCoarse = false,
  ): ProcessEntry {
    const same = this.find(pid, startNs, isCoarse);
    if (same !== undefined) return same;
    const before = this.#byPid.get(pid);
    if (before !== undefined) this.#drop(before);
    const parent = this.find(parentPid, parentStartNs, isCoarse);
    const entry: ProcessEntry = {
      pid,
      startNs,
      isCoarse,
      parentPid,
      parentStartNs,
      isParentCoarse: isCoarse,
      parent: undefined,
      children: 0,
      program: undefined,
      before: undefined,
      endNs: undefined,
      exitStatus: undefined,
    };
    this.#byPid.set(pid, entry);
    this.#link(entry, parent);
    this.stats.size = this.#byPid.size;
    if (program !== undefined) this.#setProgram(entry, program);
    this.#trimAncestors(entry);
    this.#makeRoom(entry);
    return entry;
  }

  /** What a process ran at a moment of CLOCK_BOOTTIME, as far as the last two programs tell. */
  programAt(entry: ProcessEntry, timeNs: number): Program | undefined {
    const { program, before } = entry;
    return before !== undefined && program !== undefined && timeNs < program.record.timeNs ? before : program;
  }

  #setProgram(entry: ProcessEntry, program: Program): void {
    if (program.holders++ === 0) {
      this.stats.bytes += program.bytes;
      if (program.bytes > compactFromBytes) this.#large.add(program);
    }
    this.#forgetBefore(entry);
    if (entry.program !== undefined) {
      entry.before = entry.program;
      this.#changed.add(entry);
      if (this.#changed.size > this.#options.exitedMax) this.#forgetOldestBefore();
    }
    entry.program = program;
  }

  #forgetBefore(entry: ProcessEntry): void {
    if (!this.#changed.delete(entry)) return;
    this.#unhold(entry.before);
    entry.before = undefined;
  }

  #forgetOldestBefore(): boolean {
    const oldest = this.#changed.values().next().value;
    if (oldest === undefined) return false;
    this.#forgetBefore(oldest);
    return true;
  }

  #release(entry: ProcessEntry): void {
    this.#forgetBefore(entry);
    this.#unhold(entry.program);
    entry.program = undefined;
  }

  #unhold(program: Program | undefined): void {
    if (program === undefined || --program.holders > 0) return;
    this.stats.bytes -= program.bytes;
    this.#large.delete(program);
  }

  #link(entry: ProcessEntry, parent: ProcessEntry | undefined): void {
    if (parent === undefined || parent === entry) return;
    entry.parent = parent;
    parent.children++;
  }

  /** Takes an entry off its parent; ancestors that were kept for it alone go too. */
  #unlink(entry: ProcessEntry): void {
    let child: ProcessEntry = entry;
    while (child.parent !== undefined) {
      const parent: ProcessEntry = child.parent;
      child.parent = undefined;
      if (--parent.children > 0 || !this.#ancestors.delete(parent)) return;
      this.#release(parent);
      child = parent;
    }
  }

  /** Forgets the ancestor that was kept longest; whoever points to it has its pid and start, and nothing behind it. */
  #cutAncestor(): boolean {
    const oldest = this.#ancestors.values().next().value;
    if (oldest === undefined) return false;
    this.#ancestors.delete(oldest);
    this.#release(oldest);
    this.#unlink(oldest);
    this.stats.evictedAncestors++;
    return true;
  }

  #trimAncestors(entry: ProcessEntry): void {
    let ancestor: ProcessEntry | undefined = entry;
    for (let i = 0; i < this.#options.ancestorsMax && ancestor !== undefined; i++) ancestor = ancestor.parent;
    if (ancestor?.endNs !== undefined) this.#unlink(ancestor);
  }

  #makeRoom(fresh: ProcessEntry): void {
    const { entriesMax, bytesMax } = this.#options;
    while ((this.#byPid.size > entriesMax || this.stats.bytes > bytesMax) && this.#byPid.size > 1) {
      if (this.stats.bytes > bytesMax && this.#forgetOldestBefore()) continue;
      const oldestExited = this.#oldestExited(fresh);
      if (oldestExited !== undefined) {
        this.#forget(oldestExited, "evictedExited");
        continue;
      }
      if (this.stats.bytes > bytesMax && (this.#compactOldest(fresh.program) || this.#cutAncestor())) continue;
      // All that is left runs. The first key is the oldest; this is rare and may be slow.
      const oldest = this.#byPid.values().next().value;
      if (oldest === undefined || oldest === fresh) return;
      this.#forget(oldest, "evictedLive");
    }
  }

  /** Makes the record that has been large for longest smaller, but for `spared`: the event of the day shows it whole. */
  #compactOldest(spared: Program | undefined): boolean {
    for (const program of this.#large) {
      if (program === spared) continue;
      this.#large.delete(program);
      this.stats.bytes -= program.compact();
      this.stats.compacted++;
      return true;
    }
    return false;
  }

  /** Takes the entry that exited first off the ring, but not `spared`. */
  #oldestExited(spared: ProcessEntry): ProcessEntry | undefined {
    if (this.#exitedCount === 0) return undefined;
    for (let i = 0; i < this.#exited.length; i++) {
      const at = (this.#exitedAt + i) % this.#exited.length;
      const entry = this.#exited[at];
      if (entry === undefined || entry === spared) continue;
      this.#exited[at] = undefined;
      this.#exitedCount--;
      if (this.#byPid.get(entry.pid) === entry) return entry;
    }
    return undefined;
  }

  #forget(entry: ProcessEntry, counter: "evictedLive" | "evictedExited"): void {
    if (this.#byPid.get(entry.pid) !== entry) return;
    this.#drop(entry);
    this.stats[counter]++;
  }

  #drop(entry: ProcessEntry): void {
    this.#byPid.delete(entry.pid);
    this.stats.size = this.#byPid.size;
    if (entry.children > 0) {
      this.#ancestors.add(entry);
      if (this.#ancestors.size > this.#options.exitedMax) this.#cutAncestor();
    } else {
      this.#release(entry);
      this.#unlink(entry);
    }
  }
}
