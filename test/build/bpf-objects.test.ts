// The base tier runs on kernel 5.8: what the objects call and where they attach is read from the objects themselves, so that a
// newer helper cannot slip in by way of a header. A helper that is newer may be called behind bpf_core_enum_value_exists only.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { describeWhere } from "../needs.ts";

/** BPF_FUNC_csum_level, the last of 5.8 (include/uapi/linux/bpf.h of that version). */
const lastHelper = 135;
/** Where programs of 5.8 attach, by the start of their section's name (libbpf's table of sections). */
const baseSections =
  /^(?:tp_btf|raw_tp|tracepoint|iter|cgroup_skb|cgroup\/(?:connect[46]|sendmsg[46]|recvmsg[46]|sock_create|post_bind[46]|bind[46]|getpeername[46]|getsockname[46])|socket)(?:\/|$)/;
/** What may attach elsewhere: programs whose row says `.optional = 1`, by name. */
const optionalPrograms = (): ReadonlySet<string> => {
  const table = readFileSync(join(root, "native/shim/programs.c"), "utf8");
  return new Set([...table.matchAll(/"(\w+)"[^\n]*\.optional = 1/g)].map((match) => match[1] as string));
};

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly bytes: Buffer;
}

/** Sections of an ELF64 little-endian file. */
function sectionsOf(elf: Buffer): Section[] {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entry = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const raw = Array.from({ length: count }, (_, i) => {
    const at = table + i * entry;
    const offset = Number(elf.readBigUInt64LE(at + 0x18));
    const size = Number(elf.readBigUInt64LE(at + 0x20));
    const type = elf.readUInt32LE(at + 4);
    const bytes = type === 8 ? Buffer.alloc(0) : elf.subarray(offset, offset + size);
    return { name: elf.readUInt32LE(at), type, flags: elf.readBigUInt64LE(at + 8), bytes };
  });
  const names = raw[elf.readUInt16LE(0x3e)]!.bytes;
  return raw.map((one) => ({ ...one, name: cString(names, one.name) }));
}

function cString(bytes: Buffer, at: number): string {
  return bytes.toString("latin1", at, bytes.indexOf(0, at));
}

/** Enumerators of every enum of the object, by type id; and the strings. Documentation/bpf/btf.rst. */
function enumsOf(btf: Buffer): { enums: ReadonlyMap<number, readonly [string, number][]>; strings: Buffer } {
  const header = btf.readUInt32LE(4);
  const types = header + btf.readUInt32LE(8);
  const strings = btf.subarray(header + btf.readUInt32LE(16));
  const enums = new Map<number, [string, number][]>();
  const extraBytes = (kind: number, count: number): number =>
    ({
      1: 4,
      3: 12,
      4: count * 12,
      5: count * 12,
      6: count * 8,
      13: count * 8,
      14: 4,
      15: count * 12,
      17: 4,
      19: count * 12,
    })[kind] ?? 0;
  for (let at = types, id = 1; at < types + btf.readUInt32LE(12); id++) {
    const info = btf.readUInt32LE(at + 4);
    const kind = (info >>> 24) & 31;
    const count = info & 0xffff;
    if (kind === 6)
      enums.set(
        id,
        Array.from({ length: count }, (_, i) => [
          cString(strings, btf.readUInt32LE(at + 12 + i * 8)),
          btf.readUInt32LE(at + 16 + i * 8),
        ]),
      );
    at += 12 + extraBytes(kind, count);
  }
  return { enums, strings };
}

// Numbers are given in the order of addition, so a kernel that has one has those before it.
/** Helpers that a section asks for before it calls them, with the offset where it asks. */
function guardsOf(sections: readonly Section[]): Map<string, { helper: number; at: number }[]> {
  const btf = sections.find(({ name }) => name === ".BTF")!.bytes;
  const ext = sections.find(({ name }) => name === ".BTF.ext")!.bytes;
  const { enums, strings } = enumsOf(btf);
  const guards = new Map<string, { helper: number; at: number }[]>();
  const start = ext.readUInt32LE(4) + ext.readUInt32LE(24);
  const end = start + ext.readUInt32LE(28);
  const size = ext.readUInt32LE(start);
  for (let at = start + 4; at < end; ) {
    const name = cString(strings, ext.readUInt32LE(at));
    const count = ext.readUInt32LE(at + 4);
    at += 8;
    for (let i = 0; i < count; i++, at += size) {
      if (ext.readUInt32LE(at + 12) !== 10) continue; // BPF_CORE_ENUMVAL_EXISTS
      const index = Number(cString(strings, ext.readUInt32LE(at + 8)));
      const [enumerator, helper] = enums.get(ext.readUInt32LE(at + 4))?.[index] ?? ["", 0];
      if (!enumerator.startsWith("BPF_FUNC_")) continue;
      guards.set(name, [...(guards.get(name) ?? []), { helper, at: ext.readUInt32LE(at) }]);
    }
  }
  return guards;
}

const folder = join(root, `build/native/${arch()}`);
const objects = (): string[] => {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".bpf.o"));
  } catch {
    return [];
  }
};

describeWhere("eBPF objects", [objects().length > 0 ? undefined : "needs a build"], () => {
  for (const object of objects()) {
    const sections = sectionsOf(readFileSync(join(folder, object)));
    const code = sections.filter(({ type, flags, bytes }) => type === 1 && (flags & 4n) !== 0n && bytes.length > 0);

    test(`${object}: helpers are those of 5.8, newer ones only where the kernel has them`, () => {
      const guards = guardsOf(sections);
      const faults: string[] = [];
      let calls = 0;
      for (const { name, bytes } of code)
        for (let at = 0; at < bytes.length; at += 8) {
          // BPF_JMP | BPF_CALL with a helper's number; source register 1 is a function of the object, 2 one of the kernel.
          if (bytes[at] !== 0x85) continue;
          const source = (bytes[at + 1] as number) >> 4;
          const helper = bytes.readInt32LE(at + 4);
          if (source === 1) continue;
          calls++;
          if (source !== 0) faults.push(`${name}+${at}: calls a function of the kernel`);
          else if (helper > lastHelper && !guards.get(name)?.some((guard) => guard.helper >= helper && guard.at < at))
            faults.push(`${name}+${at}: helper ${helper} is newer, and nothing asks for it`);
        }
      expect(faults).toEqual([]);
      expect(calls).toBeGreaterThan(0);
    });

    test(`${object}: programs attach where 5.8 lets them`, () => {
      const optional = optionalPrograms();
      const names = code.map(({ name }) => name).filter((name) => name !== ".text");
      expect(names.length).toBeGreaterThan(0);
      expect(
        names.filter((name) => !baseSections.test(name) && !optional.has(name.split("/").at(-1) as string)),
      ).toEqual([]);
    });
  }
});
