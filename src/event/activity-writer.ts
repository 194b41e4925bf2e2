// Writes an activity's record as a program would: for tests and benchmarks that need records of their own.

import { actorLayout, headerLayout, sectionLayout } from "./layout.gen.ts";

export interface ActivityParts {
  readonly kind: number;
  readonly pid: number;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly sequence?: bigint;
  readonly actor?: Partial<Record<"ppid" | "uid" | "euid" | "mntNs" | "flags", number>>;
  readonly comm?: string;
  /** The kind's own part, as bytes. */
  readonly fixed: Uint8Array;
  readonly sections?: readonly {
    readonly type: number;
    readonly flags?: number;
    readonly bytes: string | Uint8Array;
  }[];
}

/** The record as bytes, its size a multiple of 8. Limits are the caller's. */
export function writeActivityRecord(parts: ActivityParts): Buffer {
  const sections = (parts.sections ?? []).map((one) => ({ ...one, content: Buffer.from(one.bytes as string) }));
  const table = headerLayout.bytes + actorLayout.bytes + parts.fixed.length;
  const data = table + sections.length * sectionLayout.bytes;
  const length = sections.reduce((sum, { content }) => sum + content.length, data);
  const record = Buffer.alloc((length + 7) & ~7);
  record.writeUInt32LE(record.length, headerLayout.size);
  record.writeUInt16LE(parts.kind, headerLayout.kind);
  record.writeUInt16LE(sections.length, headerLayout.sections);
  record.writeBigUInt64LE(parts.sequence ?? 0n, headerLayout.sequence);
  record.writeBigUInt64LE(parts.timeNs, headerLayout.timeNs);
  record.writeUInt32LE(parts.pid, headerLayout.pid);
  record.writeUInt32LE(parts.pid, headerLayout.tid);
  const actor = headerLayout.bytes;
  record.writeBigUInt64LE(parts.startNs, actor + actorLayout.startNs);
  record.writeUInt32LE(parts.fixed.length, actor + actorLayout.fixedBytes);
  for (const [name, value] of Object.entries(parts.actor ?? {}))
    record.writeUInt32LE(value, actor + actorLayout[name as "uid"]);
  record.write((parts.comm ?? "").slice(0, 15), actor + actorLayout.comm, "latin1");
  record.set(parts.fixed, actor + actorLayout.bytes);
  let at = data;
  for (const [index, { type, flags, content }] of sections.entries()) {
    const entry = table + index * sectionLayout.bytes;
    record.writeUInt16LE(type, entry + sectionLayout.type);
    record.writeUInt16LE(flags ?? 0, entry + sectionLayout.flags);
    record.writeUInt32LE(at, entry + sectionLayout.offset);
    record.writeUInt32LE(content.length, entry + sectionLayout.length);
    content.copy(record, at);
    at += content.length;
  }
  return record;
}
