// A WebAssembly module, put together here byte by byte, that takes the place of YARA-X's most frequent host calls. The compiled
// conditions ask for `uint16(0)` and the like once a rule; through JavaScript each costs some 20 µs, here a few nanoseconds,
// because the module reads YARA-X's own memory. Format: WebAssembly core specification 2.0, chapter 5.

const i32 = 0x7f;
const i64 = 0x7e;

/** Unsigned LEB128. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
const name = (text: string): number[] => vector([...new TextEncoder().encode(text)].map((byte) => [byte]));

const op = {
  localGet0: [0x20, 0],
  localGet1: [0x20, 1],
  localGet2: [0x20, 2],
  localGet3: [0x20, 3],
  localSet0: [0x21, 0],
  localSet3: [0x21, 3],
  globalBase: [0x23, 0],
  globalAt: [0x23, 1],
  globalSize: [0x23, 2],
  i32Const: (value: number): number[] => [0x41, ...leb(value)],
  i64Const: (value: number): number[] => [0x42, value],
  i32Add: [0x6a],
  i32And: [0x71],
  i32Or: [0x72],
  i32Shl: [0x74],
  i32ShrU: [0x76],
  i32GtU: [0x4b],
  i32Eqz: [0x45],
  i64Add: [0x7c],
  i64GeS: [0x59],
  i64LeS: [0x57],
  wrap: [0xa7],
  extendU: [0xad],
  /** `if` without a result; `then` must end in `return`. */
  when: (then: readonly number[]): number[] => [0x04, 0x40, ...then, 0x0b],
  return: [0x0f],
  end: [0x0b],
} as const;

/** `memory` 0 is YARA-X's with the scanned bytes, 1 the one with the bitmap of patterns that matched. */
function load(opcode: number, memory: 0 | 1): number[] {
  // Bit 6 of the alignment says that the index of a memory follows (multi-memory, core specification 3.0).
  return memory === 0 ? [opcode, 0, 0] : [opcode, 0x40, 1, 0];
}

interface Reader {
  readonly name: string;
  readonly sizeBytes: 1 | 2 | 4;
  /** An i64 load of little-endian bytes. */
  readonly opcode: number;
  readonly isBigEndian?: true;
}

const readers: readonly Reader[] = [
  { name: "uint8", sizeBytes: 1, opcode: 0x31 },
  { name: "int8", sizeBytes: 1, opcode: 0x30 },
  { name: "uint8be", sizeBytes: 1, opcode: 0x31 },
  { name: "int8be", sizeBytes: 1, opcode: 0x30 },
  { name: "uint16", sizeBytes: 2, opcode: 0x33 },
  { name: "int16", sizeBytes: 2, opcode: 0x32 },
  { name: "uint32", sizeBytes: 4, opcode: 0x35 },
  { name: "int32", sizeBytes: 4, opcode: 0x34 },
  { name: "uint16be", sizeBytes: 2, opcode: 0x33, isBigEndian: true },
  { name: "uint32be", sizeBytes: 4, opcode: 0x35, isBigEndian: true },
];

/** `(offset: i64) -> (value: i64, isUndefined: i32)`. */
function readerBody({ sizeBytes, opcode, isBigEndian }: Reader): number[] {
  const address = [...op.globalAt, ...op.localGet0, ...op.wrap, ...op.i32Add];
  const value = isBigEndian
    ? bigEndian(sizeBytes, address)
    : // Alignment 0: scanned bytes lie anywhere.
      [...address, ...load(opcode, 0)];
  return [
    // offset < 0
    ...[...op.localGet0, ...op.i64Const(0), ...op.i64GeS, ...op.i32Eqz],
    ...op.when([...op.i64Const(0), ...op.i32Const(1), ...op.return]),
    // offset > size - sizeBytes, without the sum that could overflow
    ...[...op.localGet0, ...op.globalSize, ...op.i64LeS, ...op.i32Eqz],
    ...op.when([...op.i64Const(0), ...op.i32Const(1), ...op.return]),
    ...[...op.localGet0, ...op.i64Const(sizeBytes), ...op.i64Add, ...op.globalSize, ...op.i64LeS, ...op.i32Eqz],
    ...op.when([...op.i64Const(0), ...op.i32Const(1), ...op.return]),
    ...value,
    ...op.i32Const(0),
    ...op.end,
  ];
}

/** Byte by byte: the shorter swaps are not worth their table. */
function bigEndian(sizeBytes: number, address: readonly number[]): number[] {
  const load8 = 0x2d;
  const code: number[] = [];
  for (let i = 0; i < sizeBytes; i++) {
    if (i > 0) code.push(...op.i32Const(8), ...op.i32Shl);
    code.push(...address, load8, 0, ...leb(i));
    if (i > 0) code.push(...op.i32Or);
  }
  return [...code, ...op.extendU];
}

/** `(first: i32, last: i32, required: i64) -> i32`: do at least `required` of the patterns first..last match? */
function rangeBody(): number[] {
  const bit = [
    ...[...op.globalBase, ...op.localGet0, ...op.i32Const(3), ...op.i32ShrU, ...op.i32Add, ...load(0x2d, 1)],
    ...[...op.localGet0, ...op.i32Const(7), ...op.i32And, ...op.i32ShrU, ...op.i32Const(1), ...op.i32And],
  ];
  return [
    // block, loop
    ...[0x02, 0x40, 0x03, 0x40],
    ...[...op.localGet0, ...op.localGet1, ...op.i32GtU, 0x0d, 1],
    ...[...op.localGet3, ...bit, ...op.extendU, ...op.i64Add, ...op.localSet3],
    ...[...op.localGet0, ...op.i32Const(1), ...op.i32Add, ...op.localSet0, 0x0c, 0],
    ...[0x0b, 0x0b],
    ...[...op.localGet3, ...op.localGet2, ...op.i64GeS],
    ...op.end,
  ];
}

/** Names of what {@link hotImportsModule} exports in place of a host call: a host name up to its first `@`. */
export const hotImportNames: ReadonlySet<string> = new Set([...readers.map((it) => it.name), "pat_range_match"]);

/**
 * The module's bytes. It imports `engine.memory`, `rules.main_memory` and `rules.matching_patterns_bitmap_base`, and exports
 * {@link hotImportNames} and two globals to set before a scan: `at`, where the scanned bytes lie, and `size`, how many they are.
 */
export function hotImportsModule(): Uint8Array<ArrayBuffer> {
  const types = [
    [0x60, ...vector([[i64]]), ...vector([[i64], [i32]])],
    [0x60, ...vector([[i32], [i32], [i64]]), ...vector([[i32]])],
  ];
  const imports = [
    [...name("engine"), ...name("memory"), 0x02, 0x00, 1],
    [...name("rules"), ...name("main_memory"), 0x02, 0x00, 1],
    [...name("rules"), ...name("matching_patterns_bitmap_base"), 0x03, i32, 0],
  ];
  const globals = [
    [i32, 1, ...op.i32Const(0), ...op.end],
    [i64, 1, ...op.i64Const(0), ...op.end],
  ];
  const exports = [
    ...readers.map((reader, index) => [...name(reader.name), 0, ...leb(index)]),
    [...name("pat_range_match"), 0, ...leb(readers.length)],
    [...name("at"), 3, 1],
    [...name("size"), 3, 2],
  ];
  const body = (locals: readonly (readonly number[])[], code: readonly number[]): number[] => {
    const full = [...vector(locals), ...code];
    return [...leb(full.length), ...full];
  };
  const code = [...readers.map((reader) => body([], readerBody(reader))), body([[1, i64]], rangeBody())];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector(imports)),
    ...section(3, vector([...readers.map(() => [0]), [1]])),
    ...section(6, vector(globals)),
    ...section(7, vector(exports)),
    ...section(10, vector(code)),
  ]);
}
