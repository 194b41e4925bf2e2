// A view over the bytes of an EXEC or TASK record (native/abi.h): nothing is decoded until it is asked for. One instance is
// moved from record to record; a copy of the bytes can be viewed as well, which is how the process table keeps them.

import { headerLayout, processLayout, recordFlag, sectionFlag, sectionLayout } from "./layout.gen.ts";

const fixed = headerLayout.bytes;
const table = fixed + processLayout.bytes;

/** Position of each section in the table of a process record: the order that native/bpf/process.bpf.c writes. */
export const processSections = { exe: 0, cwd: 1, filename: 2, interp: 3, cgroup: 4, args: 5, env: 6 } as const;
export type ProcessSection = keyof typeof processSections;

/** A clock tick of /proc. */
export const coarseStartNs = 10_000_000;

export class ProcessRecord {
  #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  /** Moves the view to the record at `at` of `buffer`. */
  bind(buffer: Buffer, at: number): void {
    this.#buffer = buffer;
    this.#at = at;
  }

  /** The record's bytes, copied out of the ring. */
  copy(): Buffer {
    const size = this.#buffer.readUInt32LE(this.#at + headerLayout.size);
    return Buffer.from(this.#buffer.subarray(this.#at, this.#at + size));
  }

  #u32(offset: number): number {
    return this.#buffer.readUInt32LE(this.#at + offset);
  }

  /** 64 bits as a double: exact below 2^53, the nearest double (always the same one) above. */
  #u64(offset: number): number {
    const at = this.#at + offset;
    return this.#buffer.readUInt32LE(at) + this.#buffer.readUInt32LE(at + 4) * 2 ** 32;
  }

  /** Likewise, signed: file times lie before 1970 when somebody says so. */
  #s64(offset: number): number {
    const at = this.#at + offset;
    return this.#buffer.readUInt32LE(at) + this.#buffer.readInt32LE(at + 4) * 2 ** 32;
  }

  get pid(): number {
    return this.#u32(headerLayout.pid);
  }
  /** Is the start cut to clock ticks? Then it is below the true one by less than {@link coarseStartNs}. */
  get isCoarse(): boolean {
    return (this.#u32(headerLayout.flags) & recordFlag.coarseStart) !== 0;
  }
  /** Nanoseconds of CLOCK_BOOTTIME at the event. */
  get timeNs(): number {
    return this.#u64(headerLayout.timeNs);
  }
  get sequence(): number {
    return this.#u64(headerLayout.sequence);
  }
  get cpu(): number {
    return this.#u32(headerLayout.cpu);
  }
  /** Nanoseconds of CLOCK_BOOTTIME at the start of the process; with the pid, its identity. */
  get startNs(): number {
    return this.#u64(fixed + processLayout.startNs);
  }
  /** The same, exact. */
  get startExactNs(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixed + processLayout.startNs);
  }
  get parentStartNs(): number {
    return this.#u64(fixed + processLayout.parentStartNs);
  }
  get capEffective(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixed + processLayout.capEffective);
  }
  get capPermitted(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixed + processLayout.capPermitted);
  }
  get cgroupId(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixed + processLayout.cgroupId);
  }
  get exeInode(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixed + processLayout.exeInode);
  }
  get exeSize(): number {
    return this.#u64(fixed + processLayout.exeSize);
  }
  /** Whole milliseconds, as stat(2) cut short: with the rest a sum this large would round up to the next. */
  get exeCtimeMs(): number {
    return (
      this.#s64(fixed + processLayout.exeCtimeS) * 1000 + Math.floor(this.#u32(fixed + processLayout.exeCtimeNs) / 1e6)
    );
  }
  get exeMtimeMs(): number {
    return (
      this.#s64(fixed + processLayout.exeMtimeS) * 1000 + Math.floor(this.#u32(fixed + processLayout.exeMtimeNs) / 1e6)
    );
  }

  /**
   * A copy without environment and with at most `argsMaxBytes` of the command line (its tail, marked as cut): what is worth keeping of a
   * large record when memory is short.
   */
  compact(argsMaxBytes: number): Buffer {
    const args = this.#section("args");
    const from = this.#buffer.readUInt32LE(args + sectionLayout.offset);
    const length = this.#buffer.readUInt32LE(args + sectionLayout.length);
    const kept = Math.min(length, argsMaxBytes);
    const record = Buffer.alloc((from + kept + 7) & ~7);
    this.#buffer.copy(record, 0, this.#at, this.#at + from);
    this.#buffer.copy(record, from, this.#at + from + length - kept, this.#at + from + length);
    const entry = (name: ProcessSection): number => table + processSections[name] * sectionLayout.bytes;
    record.writeUInt32LE(record.length, headerLayout.size);
    record.writeUInt32LE(kept, entry("args") + sectionLayout.length);
    if (kept < length) record.writeUInt16LE(this.flags("args") | sectionFlag.cut, entry("args") + sectionLayout.flags);
    record.writeUInt32LE(from + kept, entry("env") + sectionLayout.offset);
    record.writeUInt32LE(0, entry("env") + sectionLayout.length);
    return record;
  }

  /** A 32-bit field of struct sigil_process by its offset in `processLayout`. */
  field(offset: number): number {
    return this.#u32(fixed + offset);
  }

  /** Kind of descriptor 0, 1 or 2 (`fdKind`). */
  fdKind(fd: 0 | 1 | 2): number {
    return this.#buffer[this.#at + fixed + processLayout.fdKind + fd] as number;
  }

  get comm(): string {
    const start = this.#at + fixed + processLayout.comm;
    let end = start;
    while (end < start + 16 && this.#buffer[end] !== 0) end++;
    return this.#buffer.toString("utf8", start, end);
  }

  #section(name: ProcessSection): number {
    return this.#at + table + processSections[name] * sectionLayout.bytes;
  }

  /** Flags of a section (`sectionFlag`). */
  flags(name: ProcessSection): number {
    return this.#buffer.readUInt16LE(this.#section(name) + sectionLayout.flags);
  }

  /** Was the section longer than its limit? Its tail is what there is. */
  isCut(name: ProcessSection): boolean {
    return (this.flags(name) & sectionFlag.cut) !== 0;
  }

  lengthOf(name: ProcessSection): number {
    return this.#buffer.readUInt32LE(this.#section(name) + sectionLayout.length);
  }

  /** The section as text; bytes that are not UTF-8 become U+FFFD. Empty when the record has none. */
  text(name: ProcessSection): string {
    const at = this.#section(name);
    const start = this.#at + this.#buffer.readUInt32LE(at + sectionLayout.offset);
    return this.#buffer.toString("utf8", start, start + this.#buffer.readUInt32LE(at + sectionLayout.length));
  }

  /** The NUL-ended strings of a section, one by one. */
  list(name: "args" | "env"): string[] {
    const text = this.text(name);
    if (text === "") return [];
    return (text.endsWith("\0") ? text.slice(0, -1) : text).split("\0");
  }

  /** The arguments joined by one space, as Sysmon shows a command line. */
  get commandLine(): string {
    const text = this.text("args");
    return (text.endsWith("\0") ? text.slice(0, -1) : text).replaceAll("\0", " ");
  }
}
