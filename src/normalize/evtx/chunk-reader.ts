// One chunk: its header, its records, and how to go on behind what is damaged.
//
//   0    "ElfChnk\0"                           44   offset of the last record u32
//   8    first and last number of records      48   offset of the free space u32
//   24   first and last record id, u64 each    52   CRC-32 of the records u32
//   40   header size u32                       124  CRC-32 of 0..119 and 128..511 u32
//   record: 2a 2a 00 00, size u32, id u64, FILETIME, fragment, size again

import { crc32 } from "node:zlib";
import { BodyReader } from "./binxml.ts";
import type { Chunk } from "./chunk-bytes.ts";
import { chunkBytes, chunkHeaderBytes, chunkRecordsMax, recordMinBytes } from "./limits.ts";
import { Damage, type EvtxDamage, type EvtxRecord, type EvtxStats } from "./record.ts";
import { fileTimeMicros } from "./values.ts";

export const chunkMagic: Buffer = Buffer.from("ElfChnk\0", "latin1");
const recordMagic: Buffer = Buffer.from([0x2a, 0x2a, 0, 0]);

export interface ChunkHandlers {
  readonly onRecord: (record: EvtxRecord) => void;
  readonly onDamage: (damage: EvtxDamage) => void;
}

export class ChunkReader {
  readonly #chunk: Chunk;
  readonly #bodies: BodyReader;
  readonly #stats: EvtxStats;
  readonly #handlers: ChunkHandlers;
  /** Where the chunk begins in the file. */
  #offset = 0;
  #isDamaged = false;
  /** Id of the last record read, in any chunk; -1 before the first. */
  #lastId = -1;

  constructor(chunk: Chunk, stats: EvtxStats, handlers: ChunkHandlers) {
    this.#chunk = chunk;
    this.#bodies = new BodyReader(chunk);
    this.#stats = stats;
    this.#handlers = handlers;
  }

  /** Whether the block looks like a chunk: by its own signature, or, when that is damaged, by its first record's. */
  isChunk(): boolean {
    const { bytes, size } = this.#chunk;
    if (size >= chunkMagic.length && bytes.compare(chunkMagic, 0, chunkMagic.length, 0, chunkMagic.length) === 0)
      return true;
    return size > chunkHeaderBytes + recordMinBytes && this.#recordSize(chunkHeaderBytes) > 0;
  }

  /** Reads the records of the chunk in the buffer, which begins at `offset` in the file. */
  read(offset: number): void {
    const chunk = this.#chunk;
    const { bytes, view, size } = chunk;
    this.#offset = offset;
    this.#isDamaged = false;
    this.#bodies.renew();
    this.#stats.chunks++;
    const isSigned = bytes.compare(chunkMagic, 0, chunkMagic.length, 0, chunkMagic.length) === 0;
    const isTrusted = isSigned && size >= chunkHeaderBytes && this.#headerFits();
    if (size < chunkBytes) this.#damage(size, "the file ends inside of a chunk", 0);
    const free = isTrusted ? view.getUint32(48, true) : chunkBytes;
    const used = free >= chunkHeaderBytes && free <= chunkBytes ? free : chunkBytes;
    if (
      isTrusted &&
      size === chunkBytes &&
      crc32(bytes.subarray(chunkHeaderBytes, used)) !== view.getUint32(52, true)
    ) {
      this.#stats.checksumMismatches++;
      this.#damage(0, "the checksum of the records does not fit", 0);
    }
    const end = this.#records(Math.min(used, size), size);
    // What the header counts and the walk did not meet: zeros where records were, or the end of the file.
    if (isTrusted) {
      const missing = this.#id(32) - end.lastId;
      const wasMet = end.lastId >= 0 || this.#id(24) <= this.#id(32);
      if (wasMet && used > chunkHeaderBytes && missing > 0) {
        const lost = end.lastId >= 0 ? missing : this.#id(32) - this.#id(24) + 1;
        if (lost <= chunkRecordsMax) this.#damage(end.at, "the last records of the chunk are missing", lost);
      }
    }
    if (this.#isDamaged) this.#stats.damagedChunks++;
  }

  #headerFits(): boolean {
    const { bytes, view } = this.#chunk;
    if (crc32(bytes.subarray(128, chunkHeaderBytes), crc32(bytes.subarray(0, 120))) === view.getUint32(124, true))
      return true;
    this.#stats.checksumMismatches++;
    this.#damage(0, "the checksum of a chunk's header does not fit", 0);
    return false;
  }

  /** Walks the records up to `used`, and on as long as they follow without a gap: the log may not have been closed. */
  #records(used: number, size: number): { readonly at: number; readonly lastId: number } {
    const { bytes, view } = this.#chunk;
    let at = chunkHeaderBytes;
    let lastId = -1;
    /** A piece that could not be read, whose loss is known once the next record tells its number. */
    let gapAt = -1;
    let gapProblem = "";
    for (;;) {
      const recordSize = at + recordMinBytes <= size ? this.#recordSize(at) : 0;
      if (recordSize === 0) {
        if (at >= used) break;
        if (isZero(bytes, at, used)) break;
        if (gapAt === -1) {
          gapAt = at;
          gapProblem = this.#problem(at);
        }
        const next = bytes.indexOf(recordMagic, at + 1);
        if (next === -1 || next >= used) break;
        at = next;
        continue;
      }
      const id = this.#id(at + 8);
      // Behind the used part lie remains of an earlier round, unless the numbers go on.
      if (at >= used && (lastId >= 0 ? id !== lastId + 1 : id <= this.#lastId)) break;
      if (gapAt !== -1) {
        const between = lastId >= 0 ? id - lastId - 1 : 1;
        this.#damage(gapAt, gapProblem, between >= 1 && between <= chunkRecordsMax ? between : 1);
        gapAt = -1;
      }
      this.#record(at, recordSize, view);
      lastId = id;
      this.#lastId = id;
      at += recordSize;
    }
    if (gapAt !== -1) this.#damage(gapAt, gapProblem, 1);
    return { at, lastId: gapAt === -1 || lastId === -1 ? lastId : lastId + 1 };
  }

  /** The size of the record at `at`; 0 when there is none, or its size cannot be. */
  #recordSize(at: number): number {
    const { view, size } = this.#chunk;
    if (view.getUint32(at, true) !== 0x2a2a) return 0;
    const recordSize = view.getUint32(at + 4, true);
    if (recordSize < recordMinBytes || at + recordSize > size) return 0;
    if (view.getUint32(at + recordSize - 4, true) === recordSize) return recordSize;
    // The copy at the end is damaged, but another record begins where this one ends.
    const behind = at + recordSize;
    return behind + 4 <= size && view.getUint32(behind, true) === 0x2a2a ? recordSize : 0;
  }

  #problem(at: number): string {
    const { view, size } = this.#chunk;
    if (at + 8 <= size && view.getUint32(at, true) === 0x2a2a) return "the size of a record is wrong";
    return "there is no record where one should begin";
  }

  #record(at: number, size: number, view: DataView): void {
    const id = view.getBigUint64(at + 8, true);
    let record: EvtxRecord;
    try {
      record = this.#bodies.read(at + 24, at + size - 4, String(id), fileTimeMicros(view, at + 16), size);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.#damage(at, error.message, 1);
      return;
    }
    this.#stats.records++;
    this.#handlers.onRecord(record);
  }

  #id(at: number): number {
    return Number(this.#chunk.view.getBigUint64(at, true));
  }

  #damage(at: number, problem: string, lost: number): void {
    this.#isDamaged = true;
    this.#stats.lost += lost;
    this.#handlers.onDamage({ offset: this.#offset + at, problem, lost });
  }
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
