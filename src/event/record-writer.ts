// Writes a TASK or EXEC record as the kernel side would: for the inventory from /proc where the task iterator does not load,
// and for tests and benchmarks that need records of their own.

import { headerLayout, processLayout, sectionLayout, sectionType as sectionTypes } from "./layout.gen.ts";
import { type ProcessSection, processSections } from "./process-record.ts";

/** Fields of struct sigil_process by their name in `processLayout`; what is left out is 0. 64-bit fields take a bigint. */
export type ProcessFields = Partial<
  Record<Exclude<keyof typeof processLayout, "bytes" | "fdKind" | "comm">, number | bigint>
>;

export interface ProcessRecordParts {
  readonly kind: number;
  readonly pid: number;
  readonly timeNs: bigint;
  readonly sequence?: bigint;
  /** enum sigil_record_flag */
  readonly flags?: number;
  readonly fields: ProcessFields;
  readonly fdKinds?: readonly [number, number, number];
  readonly comm?: string;
  /** Bytes of each section; absent ones are empty. */
  readonly sections: Partial<Record<ProcessSection, string | Uint8Array>>;
  /** enum sigil_section_flag, by section. */
  readonly sectionFlags?: Partial<Record<ProcessSection, number>>;
}

const wide: ReadonlySet<string> = new Set([
  "startNs",
  "parentStartNs",
  "capEffective",
  "capPermitted",
  "cgroupId",
  "exeInode",
  "exeSize",
  "exeCtimeS",
  "exeMtimeS",
]);

/** The record as bytes, its size a multiple of 8. Sections are taken as they are: limits are the caller's. */
export function writeProcessRecord(parts: ProcessRecordParts): Buffer {
  const names = Object.keys(processSections) as ProcessSection[];
  const contents = names.map((name) => Buffer.from((parts.sections[name] ?? "") as string));
  const table = headerLayout.bytes + processLayout.bytes;
  const data = table + names.length * sectionLayout.bytes;
  const length = contents.reduce((sum, content) => sum + content.length, data);
  const record = Buffer.alloc((length + 7) & ~7);
  record.writeUInt32LE(record.length, headerLayout.size);
  record.writeUInt16LE(parts.kind, headerLayout.kind);
  record.writeUInt16LE(names.length, headerLayout.sections);
  record.writeUInt32LE(parts.flags ?? 0, headerLayout.flags);
  record.writeBigUInt64LE(parts.sequence ?? 0n, headerLayout.sequence);
  record.writeBigUInt64LE(parts.timeNs, headerLayout.timeNs);
  record.writeUInt32LE(parts.pid, headerLayout.pid);
  record.writeUInt32LE(parts.pid, headerLayout.tid);
  for (const [name, value] of Object.entries(parts.fields)) {
    const at = headerLayout.bytes + processLayout[name as keyof ProcessFields];
    if (wide.has(name)) record.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
    else record.writeUInt32LE(Number(value) >>> 0, at);
  }
  for (const [fd, kind] of (parts.fdKinds ?? []).entries())
    record[headerLayout.bytes + processLayout.fdKind + fd] = kind;
  record.write((parts.comm ?? "").slice(0, 15), headerLayout.bytes + processLayout.comm, "latin1");
  let at = data;
  for (const [index, content] of contents.entries()) {
    const name = names[index] as ProcessSection;
    const entry = table + index * sectionLayout.bytes;
    record.writeUInt16LE(sectionTypes[name], entry + sectionLayout.type);
    record.writeUInt16LE(parts.sectionFlags?.[name] ?? 0, entry + sectionLayout.flags);
    record.writeUInt32LE(at, entry + sectionLayout.offset);
    record.writeUInt32LE(content.length, entry + sectionLayout.length);
    content.copy(record, at);
    at += content.length;
  }
  return record;
}
