// Event log files with damage, over and over: real recordings are mutated where it hurts (sizes, offsets, counts, types, text), their
// checksums repaired half of the time so that the damage is believed, and read. Whatever comes, the reader must give an account of it,
// end in time, stay small, and lose nothing of the chunk behind the damaged one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Glob } from "bun";
import { type EvtxDamage, EvtxError, EvtxReader, type EvtxRecord } from "../../../src/normalize/mod.ts";
import { fileHeader } from "../../fixtures/evtx-writer.ts";

const headerBytes = 4096;
const chunkBytes = 65_536;
/** Longer than this for a file of two chunks is a hang in the making, also on a busy machine. */
const fileMaxMs = 3000;
/** Characters that one record may come to; the reader's own bound, with room for names. */
const recordMaxChars = 2 * 1024 * 1024;

/** One change: what, where (a share of the chunk), and with what. */
export interface Mutation {
  readonly kind: (typeof mutationKinds)[number];
  /** 0 to 1. */
  readonly where: number;
  readonly value: number;
}
export const mutationKinds = [
  "bit",
  "byte",
  "u16",
  "u32",
  "interesting",
  "fill",
  "copy",
  "delete",
  "truncate",
  "record size",
] as const;
const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

export interface FuzzResult {
  readonly records: number;
  readonly lost: number;
  readonly refused: boolean;
  readonly ms: number;
}

/** The first chunks of real files, one each. */
export function seedChunks(folder: string): Buffer[] {
  return [...new Glob("**/*.evtx").scanSync(folder)]
    .sort()
    .map((name) => readFileSync(join(folder, name)).subarray(headerBytes, headerBytes + chunkBytes))
    .filter((chunk) => chunk.length === chunkBytes);
}

export interface Control {
  readonly chunk: Buffer;
  readonly records: readonly string[];
}

/** The chunk that stands behind the damaged one, and what is in it. */
export function controlOf(chunk: Buffer): Control {
  const { records } = read(Buffer.concat([fileHeader(1), chunk]));
  if (records.length === 0) throw new Error("Cannot fuzz: the control chunk holds nothing");
  return { chunk, records: records.map((record) => JSON.stringify(record)) };
}

/** Reads `seed` with `mutations` and the control chunk behind it. Throws what is wrong, if anything is. */
export function fuzzOnce(
  seed: Buffer,
  mutations: readonly Mutation[],
  repairs: boolean,
  inHeader: boolean,
  control: Control,
): FuzzResult {
  let damaged: Buffer = Buffer.from(seed);
  for (const mutation of mutations) damaged = mutate(damaged, mutation);
  if (repairs && damaged.length === chunkBytes) repair(damaged);
  const header = fileHeader(2);
  if (inHeader)
    for (const mutation of mutations) header.set(mutate(header.subarray(0, 128), mutation).subarray(0, 128));
  const file = Buffer.concat([header, damaged, control.chunk]);
  const startMs = performance.now();
  let result: ReturnType<typeof read>;
  try {
    result = read(file);
  } catch (error) {
    if (!(error instanceof EvtxError)) throw error;
    if (!inHeader) throw new Error("a file with a whole header was refused", { cause: error });
    return { records: 0, lost: 0, refused: true, ms: performance.now() - startMs };
  }
  const ms = performance.now() - startMs;
  if (ms > fileMaxMs) throw new Error(`${Math.round(ms)} ms for one file`);
  const { records, damage, stats } = result;
  if (stats.records !== records.length) throw new Error("records are miscounted");
  if (stats.lost !== damage.reduce((sum, { lost }) => sum + lost, 0)) throw new Error("losses are miscounted");
  for (const { offset, lost, problem } of damage)
    if (!(offset >= 0 && offset <= file.length) || !(lost >= 0 && lost <= 20_000) || problem === "")
      throw new Error(`an account of damage makes no sense: ${JSON.stringify({ offset, lost, problem })}`);
  for (const record of records) check(record);
  const kept = records.slice(-control.records.length).map((record) => JSON.stringify(record));
  if (!Bun.deepEquals(kept, control.records)) throw new Error("damage reached the chunk behind it");
  return { records: records.length, lost: stats.lost, refused: false, ms };
}

function read(file: Buffer): {
  readonly records: EvtxRecord[];
  readonly damage: EvtxDamage[];
  readonly stats: EvtxReader["stats"];
} {
  const records: EvtxRecord[] = [];
  const damage: EvtxDamage[] = [];
  const reader = new EvtxReader({
    onRecord: (record) => records.push(record),
    onDamage: (it) => damage.push(it),
  });
  reader.push(file);
  reader.end();
  return { records, damage, stats: reader.stats };
}

function check(record: EvtxRecord): void {
  if (typeof record.channel !== "string" || typeof record.recordId !== "string" || Number.isNaN(record.timeMs))
    throw new Error(`a record's facts are not what they must be: ${JSON.stringify(record).slice(0, 500)}`);
  if (JSON.stringify(record.fields).length > recordMaxChars) throw new Error("a record is larger than it may be");
  if (Object.getPrototypeOf(record.fields) !== Object.prototype) throw new Error("a record has another prototype");
}

function mutate(bytes: Buffer, { kind, where, value }: Mutation): Buffer {
  if (bytes.length < 16) return bytes;
  const at = Math.min(bytes.length - 8, Math.floor(where * bytes.length));
  const length = 1 + (value % 300);
  switch (kind) {
    case "bit":
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (value & 7));
      return bytes;
    case "byte":
      bytes[at] = value;
      return bytes;
    case "u16":
      bytes.writeUInt16LE(value & 0xffff, at);
      return bytes;
    case "u32":
      bytes.writeUInt32LE(value >>> 0, at);
      return bytes;
    case "interesting":
      bytes.writeUInt32LE(interesting[value % interesting.length] ?? 0, at);
      return bytes;
    case "fill":
      bytes.fill(value, at, Math.min(bytes.length, at + length));
      return bytes;
    case "copy":
      bytes.copy(bytes, at, value % bytes.length, (value % bytes.length) + length);
      return bytes;
    case "delete":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case "truncate":
      return Buffer.from(bytes.subarray(0, at));
    case "record size": {
      // The signature nearest behind the place.
      const record = bytes.indexOf(Buffer.from([0x2a, 0x2a, 0, 0]), at);
      if (record !== -1 && record + 8 <= bytes.length) bytes.writeUInt32LE(value % 5000, record + 4);
      return bytes;
    }
  }
}

/** Makes the checksums of a chunk fit what it holds now. */
function repair(chunk: Buffer): void {
  const free = Math.min(chunkBytes, Math.max(512, chunk.readUInt32LE(48)));
  chunk.writeUInt32LE(crc32(chunk.subarray(512, free)), 52);
  chunk.writeUInt32LE(crc32(chunk.subarray(128, 512), crc32(chunk.subarray(0, 120))), 124);
}
