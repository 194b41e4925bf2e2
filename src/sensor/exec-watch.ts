// ExecWatch: the files that processes open to execute, each with a descriptor, kept for a moment for whoever wants to read one. The
// kernel hands a descriptor over with each event, so the file can be read when its process and its name are gone.

import { closeSync, read, readFileSync } from "node:fs";
import { loadShim, ptr } from "./shim.ts";

export interface ExecOpen {
  readonly descriptor: number;
  readonly pid: number;
}

/** Descriptors kept at once, and for how long: the record of the same execution comes within milliseconds. */
const keptMax = 128;
const keptMs = 3000;
/** Files that are ignored at once, and for how long: each mark keeps an inode in the kernel's memory. */
const ignoredMax = 2048;
const ignoredMs = 60 * 60 * 1000;
/** Bytes of events read at once: each is 24. */
const readBytes = 24 * 64;
/** As in linux/fanotify.h: the kernel's queue overflowed. */
const overflowMask = 0x4000n;
/** File systems that hold no programs. */
const ignoredTypes = new Set(
  "proc sysfs cgroup cgroup2 devpts mqueue debugfs tracefs securityfs pstore bpf configfs fusectl hugetlbfs nsfs binfmt_misc autofs rpc_pipefs efivarfs selinuxfs".split(
    " ",
  ),
);

interface Kept {
  readonly descriptor: number;
  readonly atMs: number;
}

export class ExecWatch {
  readonly #fd: number;
  readonly #byPid = new Map<number, Kept[]>();
  readonly #watched = new Set<string>();
  #kept = 0;
  #mounts = "";
  #isClosed = false;
  #ignored = 0;
  #ignoredSinceMs = performance.now();
  #timer: Timer;
  /** Executions seen, and those of which the kernel's queue had no room. */
  seen = 0;
  overflows = 0;

  /** `undefined` where the kernel has no such thing (before 5.0) or does not let us. */
  static open(): ExecWatch | undefined {
    const fd = loadShim().sigil_exec_watch_open();
    return fd < 0 ? undefined : new ExecWatch(fd);
  }

  private constructor(fd: number) {
    this.#fd = fd;
    this.watchMounts();
    // Bun's timers do not keep the program alive once it is told to end.
    this.#timer = setInterval(() => this.#forget(), keptMs);
    this.#timer.unref();
    void this.#listen();
  }

  /** How many file systems are watched. */
  get watched(): number {
    return this.#watched.size;
  }

  /** Watches file systems that were mounted since. Cheap when none was. */
  watchMounts(): void {
    let text: string;
    try {
      text = readFileSync("/proc/self/mountinfo", "utf8");
    } catch {
      return;
    }
    if (text === this.#mounts) return;
    this.#mounts = text;
    for (const line of text.split("\n")) {
      // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw (proc_pid_mountinfo(5))
      const [left = "", right = ""] = line.split(" - ");
      const [, , device, , mount] = left.split(" ");
      const type = right.split(" ", 1)[0] ?? "";
      if (device === undefined || mount === undefined || ignoredTypes.has(type) || this.#watched.has(device)) continue;
      const path = Buffer.from(
        `${mount.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))}\0`,
      );
      if (loadShim().sigil_exec_watch_add(this.#fd, ptr(path)) === 0) this.#watched.add(device);
    }
  }

  /**
   * What a process opened to execute in the last moment: its program, before it the script that named the program, behind it the dynamic
   * loader. The descriptors are the caller's to close, and nobody gets them twice.
   */
  claim(pid: number): number[] {
    const kept = this.#byPid.get(pid) ?? [];
    this.#byPid.delete(pid);
    this.#kept -= kept.length;
    return kept.map(({ descriptor }) => descriptor);
  }

  /** A claimed descriptor that somebody else may come for. */
  giveBack(pid: number, descriptor: number): void {
    this.#keep(pid, descriptor);
    this.seen--;
  }

  /** The file is known: its executions are not told until it is written to, so that starting it over and over costs nothing here. */
  ignore(descriptor: number): void {
    if (this.#ignored >= ignoredMax || performance.now() - this.#ignoredSinceMs > ignoredMs) this.forgetIgnored();
    if (loadShim().sigil_exec_watch_ignore(this.#fd, descriptor) === 0) this.#ignored++;
  }

  /** Every file is told of again. */
  forgetIgnored(): void {
    loadShim().sigil_exec_watch_forget(this.#fd);
    this.#ignored = 0;
    this.#ignoredSinceMs = performance.now();
  }

  /** No more events are read. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const pid of [...this.#byPid.keys()]) for (const fd of this.claim(pid)) closeSync(fd);
    // A read may be under way: it ends with the next execution, or with the program.
    this.forgetIgnored();
  }

  async #listen(): Promise<void> {
    const buffer = Buffer.alloc(readBytes);
    while (!this.#isClosed) {
      // Blocks a thread of the pool, not this one.
      const size = await new Promise<number>((resolve) =>
        read(this.#fd, buffer, 0, buffer.length, null, (error, got) => resolve(error === null ? got : -1)),
      );
      if (size <= 0) {
        if (!this.#isClosed) await Bun.sleep(100);
        continue;
      }
      for (let at = 0; at + 24 <= size; ) {
        // struct fanotify_event_metadata
        const length = buffer.readUInt32LE(at);
        if (length < 24) break;
        if ((buffer.readBigUInt64LE(at + 8) & overflowMask) !== 0n) this.overflows++;
        this.#keep(buffer.readInt32LE(at + 20), buffer.readInt32LE(at + 16));
        at += length;
      }
    }
  }

  #keep(pid: number, descriptor: number): void {
    if (descriptor < 0) return;
    this.seen++;
    if (this.#isClosed || pid === process.pid) {
      closeSync(descriptor);
      return;
    }
    const kept = this.#byPid.get(pid);
    const entry = { descriptor, atMs: performance.now() };
    if (kept === undefined) this.#byPid.set(pid, [entry]);
    else kept.push(entry);
    this.#kept++;
    // The oldest go first: nobody came for them.
    while (this.#kept > keptMax) {
      const [oldest] = this.#byPid.keys();
      for (const fd of this.claim(oldest!)) closeSync(fd);
    }
  }

  #forget(): void {
    const before = performance.now() - keptMs;
    for (const [pid, kept] of this.#byPid)
      if (kept.every(({ atMs }) => atMs < before)) for (const fd of this.claim(pid)) closeSync(fd);
  }
}
