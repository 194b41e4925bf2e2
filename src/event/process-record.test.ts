import { expect, test } from "bun:test";
import fc from "fast-check";
import { fdKind, headerLayout, kind, processLayout, sectionFlag, sectionLayout } from "./layout.gen.ts";
import { ProcessRecord, type ProcessSection, processSections } from "./process-record.ts";
import { writeProcessRecord } from "./record-writer.ts";

const names = Object.keys(processSections) as ProcessSection[];

/** Built here by hand from native/abi.h: header, fixed part, table, bytes. */
function byHand(sections: Readonly<Partial<Record<ProcessSection, Uint8Array>>>, flags = 0): Buffer {
  const header = Buffer.alloc(headerLayout.bytes);
  const fixed = Buffer.alloc(processLayout.bytes);
  const table = Buffer.alloc(names.length * sectionLayout.bytes);
  const parts: Uint8Array[] = [];
  let at = header.length + fixed.length + table.length;
  for (const [i, name] of names.entries()) {
    const bytes = sections[name] ?? new Uint8Array();
    table.writeUInt16LE(i + 1, i * sectionLayout.bytes + sectionLayout.type);
    table.writeUInt16LE(flags, i * sectionLayout.bytes + sectionLayout.flags);
    table.writeUInt32LE(at, i * sectionLayout.bytes + sectionLayout.offset);
    table.writeUInt32LE(bytes.length, i * sectionLayout.bytes + sectionLayout.length);
    parts.push(bytes);
    at += bytes.length;
  }
  const record = Buffer.concat([header, fixed, table, ...parts, Buffer.alloc(-at & 7)]);
  record.writeUInt32LE(record.length, headerLayout.size);
  record.writeUInt16LE(kind.exec, headerLayout.kind);
  record.writeUInt16LE(names.length, headerLayout.sections);
  return record;
}

test("every 32-bit field is read from its own place", () => {
  const record = byHand({});
  const offsets = Object.entries(processLayout).filter(([name]) => !["bytes", "fdKind", "comm"].includes(name));
  for (const [i, [, offset]] of offsets.entries()) record.writeUInt32LE(0xf000_0000 + i, headerLayout.bytes + offset);
  const view = new ProcessRecord(record);
  for (const [i, [, offset]] of offsets.entries()) expect(view.field(offset)).toBe(0xf000_0000 + i);
});

test("64-bit values: exact where they identify, the nearest double elsewhere", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const record = byHand({});
      for (const offset of [processLayout.startNs, processLayout.parentStartNs, processLayout.capEffective])
        record.writeBigUInt64LE(value, headerLayout.bytes + offset);
      for (const offset of [processLayout.capPermitted, processLayout.cgroupId, processLayout.exeInode])
        record.writeBigUInt64LE(value ^ 1n, headerLayout.bytes + offset);
      record.writeBigUInt64LE(value, headerLayout.timeNs);
      record.writeBigUInt64LE(value, headerLayout.sequence);
      const view = new ProcessRecord(record);
      expect(view.startExactNs).toBe(value);
      expect(view.capEffective).toBe(value);
      expect([view.capPermitted, view.cgroupId, view.exeInode]).toEqual([value ^ 1n, value ^ 1n, value ^ 1n]);
      for (const read of [view.startNs, view.parentStartNs, view.timeNs, view.sequence])
        expect(Math.abs(read - Number(value))).toBeLessThanOrEqual(Number(value) * 2 ** -52);
      if (value < 2n ** 53n) expect(view.startNs).toBe(Number(value));
    }),
  );
});

test("sections are read as text, their flags with them, at any place of a larger buffer", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), fc.string({ maxLength: 300, unit: "grapheme" })),
      fc.integer({ min: 0, max: 64 }),
      fc.constantFrom(0, sectionFlag.cut, sectionFlag.unreadable, sectionFlag.cut | sectionFlag.detached),
      (texts, offset, flags) => {
        const sections = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
        const record = byHand(sections, flags);
        const buffer = Buffer.concat([Buffer.alloc(offset, 0xff), record, Buffer.alloc(9, 0xff)]);
        const view = new ProcessRecord(Buffer.alloc(0));
        view.bind(buffer, offset);
        for (const name of names) {
          // What Buffer makes of half surrogates is what a kernel's bytes could hold.
          expect(view.text(name)).toBe(Buffer.from(texts[name] ?? "").toString());
          expect(view.flags(name)).toBe(flags);
          expect(view.isCut(name)).toBe((flags & sectionFlag.cut) !== 0);
          expect(view.lengthOf(name)).toBe(Buffer.byteLength(texts[name] ?? ""));
        }
        expect(view.copy().equals(record)).toBe(true);
      },
    ),
  );
});

test("arguments: joined for the command line, one by one for the list, empty ones kept", () => {
  for (const [args, list] of [
    ["", []],
    ["\0", [""]],
    ["a\0", ["a"]],
    ["a\0b\0", ["a", "b"]],
    ["a\0\0b\0", ["a", "", "b"]],
    ["a\0b", ["a", "b"]],
    ["a\0\0", ["a", ""]],
  ] as const) {
    const view = new ProcessRecord(byHand({ args: Buffer.from(args) }));
    expect(view.list("args")).toEqual([...list]);
    expect(view.commandLine).toBe(list.join(" "));
  }
});

test("bytes that are no UTF-8 become U+FFFD, also where a cut fell into a character", () => {
  const view = new ProcessRecord(
    byHand({ exe: Buffer.from([0x2f, 0xff, 0xc3, 0x28]), args: Buffer.from("€uro\0").subarray(1) }),
  );
  expect(view.text("exe")).toBe("/\ufffd\ufffd(");
  expect(view.commandLine).toBe("\ufffd\ufffduro");
});

test("the task name ends at its NUL or after 16 bytes", () => {
  for (const [bytes, text] of [
    ["sh\0junk", "sh"],
    ["fifteen letters", "fifteen letters"],
    ["sixteen letters!more", "sixteen letters!"],
    ["", ""],
  ] as const) {
    const record = byHand({});
    record.write(bytes, headerLayout.bytes + processLayout.comm, "latin1");
    expect(new ProcessRecord(record).comm).toBe(text);
  }
});

test("kinds of descriptors are one byte each", () => {
  const record = byHand({});
  for (const fd of [0, 1, 2] as const) record[headerLayout.bytes + processLayout.fdKind + fd] = fdKind.socket + fd;
  const view = new ProcessRecord(record);
  expect([view.fdKind(0), view.fdKind(1), view.fdKind(2)]).toEqual([
    fdKind.socket,
    fdKind.socket + 1,
    fdKind.socket + 2,
  ]);
});

test("no lengths and offsets, however impossible, read outside the buffer, hang or crash", () => {
  // The shim lets only possible ones through; a fault there must not become one here.
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 14, maxLength: 14 }), (numbers) => {
      const record = byHand({ exe: Buffer.from("/bin/sh"), args: Buffer.from("sh\0-c\0"), env: Buffer.from("A=b\0") });
      const table = headerLayout.bytes + processLayout.bytes;
      for (const [i] of names.entries()) {
        record.writeUInt32LE(numbers[2 * i]!, table + i * sectionLayout.bytes + sectionLayout.offset);
        record.writeUInt32LE(numbers[2 * i + 1]!, table + i * sectionLayout.bytes + sectionLayout.length);
      }
      const view = new ProcessRecord(record);
      for (const name of names) {
        try {
          expect(view.text(name).length).toBeLessThanOrEqual(record.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }
    }),
  );
});

test("what the writer of records writes, the view reads", () => {
  const record = writeProcessRecord({
    kind: kind.task,
    pid: 4711,
    timeNs: 5n,
    comm: "a name that is too long",
    fields: { startNs: 2n ** 60n, ppid: 3, euid: 0xffff_ffff, capEffective: 2n ** 63n },
    fdKinds: [1, 2, 3],
    sections: { exe: "/bin/true", args: Buffer.from("true\0"), cgroup: "/x" },
    sectionFlags: { args: sectionFlag.cut },
  });
  expect(record.length % 8).toBe(0);
  const view = new ProcessRecord(record);
  expect([view.pid, view.timeNs, view.comm]).toEqual([4711, 5, "a name that is "]);
  expect(view.startExactNs).toBe(2n ** 60n);
  expect(view.capEffective).toBe(2n ** 63n);
  expect([view.field(processLayout.ppid), view.field(processLayout.euid)]).toEqual([3, 0xffff_ffff]);
  expect([view.text("exe"), view.text("cwd"), view.text("cgroup"), view.commandLine]).toEqual([
    "/bin/true",
    "",
    "/x",
    "true",
  ]);
  expect([view.isCut("args"), view.isCut("exe")]).toEqual([true, false]);
  expect([view.fdKind(0), view.fdKind(1), view.fdKind(2)]).toEqual([1, 2, 3]);
});
