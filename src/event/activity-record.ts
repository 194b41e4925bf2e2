// A view over the bytes of an activity's record (native/abi.h): header, actor, the kind's own fixed part, sections. One instance
// is moved from record to record; nothing is decoded until it is asked for.

import { actorLayout, headerLayout, sectionFlag, sectionLayout } from "./layout.gen.ts";

const actorAt = headerLayout.bytes;
const fixedAt = actorAt + actorLayout.bytes;

export class ActivityRecord {
  #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer = Buffer.alloc(fixedAt), at = 0) {
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
    return Buffer.from(this.#buffer.subarray(this.#at, this.#at + this.#u32(headerLayout.size)));
  }

  #u32(offset: number): number {
    return this.#buffer.readUInt32LE(this.#at + offset);
  }

  /** 64 bits as a double: exact below 2^53, the nearest double above. */
  #u64(offset: number): number {
    return this.#u32(offset) + this.#u32(offset + 4) * 2 ** 32;
  }

  get kind(): number {
    return this.#buffer.readUInt16LE(this.#at + headerLayout.kind);
  }
  /** Nanoseconds of CLOCK_BOOTTIME at the event. */
  get timeNs(): number {
    return this.#u64(headerLayout.timeNs);
  }
  get sequence(): number {
    return this.#u64(headerLayout.sequence);
  }
  get pid(): number {
    return this.#u32(headerLayout.pid);
  }
  get tid(): number {
    return this.#u32(headerLayout.tid);
  }
  /** With the pid, the identity of the process that acted. */
  get startNs(): number {
    return this.#u64(actorAt + actorLayout.startNs);
  }
  get cgroupId(): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + actorAt + actorLayout.cgroupId);
  }
  /** Name of the thread that acted. */
  get comm(): string {
    const start = this.#at + actorAt + actorLayout.comm;
    let end = start;
    while (end < start + 16 && this.#buffer[end] !== 0) end++;
    return this.#buffer.toString("utf8", start, end);
  }

  /** A 32-bit field of the actor by its offset in `actorLayout`. */
  actor(offset: number): number {
    return this.#u32(actorAt + offset);
  }

  /** A field of the kind's own part by its offset in that part's layout: 32 bits, unsigned. */
  field(offset: number): number {
    return this.#u32(fixedAt + offset);
  }
  /** 32 bits, signed. */
  signed(offset: number): number {
    return this.#buffer.readInt32LE(this.#at + fixedAt + offset);
  }
  /** 64 bits, as a double. */
  wide(offset: number): number {
    return this.#u64(fixedAt + offset);
  }
  /** 64 bits, exact. */
  exact(offset: number): bigint {
    return this.#buffer.readBigUInt64LE(this.#at + fixedAt + offset);
  }
  /** Bytes of the kind's own part, valid as long as the record. */
  bytes(offset: number, length: number): Buffer {
    const start = this.#at + fixedAt + offset;
    return this.#buffer.subarray(start, start + length);
  }

  /** Place of the section's entry in the table, -1 when the record has none of this type. Records have at most a handful. */
  #section(type: number): number {
    let at = this.#at + fixedAt + this.#u32(actorAt + actorLayout.fixedBytes);
    for (let left = this.#buffer.readUInt16LE(this.#at + headerLayout.sections); left > 0; left--) {
      if (this.#buffer.readUInt16LE(at + sectionLayout.type) === type) return at;
      at += sectionLayout.bytes;
    }
    return -1;
  }

  has(type: number): boolean {
    return this.#section(type) >= 0;
  }

  /** Flags of a section (`sectionFlag`); 0 when there is none. */
  flags(type: number): number {
    const at = this.#section(type);
    return at < 0 ? 0 : this.#buffer.readUInt16LE(at + sectionLayout.flags);
  }

  /** Was the section longer than its limit? Its tail is what there is. */
  isCut(type: number): boolean {
    return (this.flags(type) & sectionFlag.cut) !== 0;
  }

  /** The section's bytes, valid as long as the record; empty when there is none. */
  section(type: number): Buffer {
    const at = this.#section(type);
    if (at < 0) return this.#buffer.subarray(0, 0);
    const start = this.#at + this.#buffer.readUInt32LE(at + sectionLayout.offset);
    return this.#buffer.subarray(start, start + this.#buffer.readUInt32LE(at + sectionLayout.length));
  }

  /** The section as text; bytes that are not UTF-8 become U+FFFD. Empty when there is none. */
  text(type: number): string {
    const at = this.#section(type);
    if (at < 0) return "";
    const start = this.#at + this.#buffer.readUInt32LE(at + sectionLayout.offset);
    return this.#buffer.toString("utf8", start, start + this.#buffer.readUInt32LE(at + sectionLayout.length));
  }
}
