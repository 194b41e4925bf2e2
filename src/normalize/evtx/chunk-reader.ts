// One chunk: its header, its records, and how to go on behind what is damaged.
//
//   0    "ElfChnk\0"                           44   offset of the last record u32
//   8    first and last number of records      48   offset of the free space u32
//   24   first and last record id, u64 each    52   CRC-32 of the records u32
//   40   header size u32                       120  flags u32: 4 no checksums
//                                              124  CRC-32 of 0..119 and 128..511 u32
//   record: 2a 2a 00 00, size u32, id u64, FILETIME, fragment, size again

import { crc32 } from "node:zlib";
import { BodyReader } from "./binxml.ts";
import type { Chunk } from "./chunk-bytes.ts";
import { chunkBytes, chunkHeaderBytes, chunkRecordsMax, recordMinBytes } from "./limits.ts";
import { Damage, type EvtxDamage, type EvtxRecord, type EvtxStats } from "./record.ts";
import { fileTimeMicros } from "./values.ts";

export const chunkMagic: Buffer = Buffer.from("ElfChnk\0", "latin1");
const recordMagic: Buffer = Buffer.from([0x2a, 0x2a, 0, 0]);

/** In the flags of a chunk and of a file: its writer made no checksums. */
export const noChecksumsFlag = 4;

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
  #hasNoChecksums = false;
  /** Id of the last record read, in any chunk; -1 before the first. */
  #lastId = -1;

  constructor(chunk: Chunk, stats: EvtxStats, handlers: ChunkHandlers) {
    this.#chunk = chunk;
    this.#bodies = new BodyReader(chunk);
    this.#stats = stats;
    this.#handlers = handlers;
  }

  /** The file says that its writer made no checksums. */
  expectNoChecksums(): void {
    this.#hasNoChecksums = true;
  }

  /** Whether the block looks like a chunk: by its own signature, or, when that is damaged, by its first record's. */
  isChunk(): boolean {
    const { size } = this.#chunk;
    if (this.#isSigned()) return true;
    return size > chunkHeaderBytes + recordMinBytes && this.#recordSize(chunkHeaderBytes) > 0;
  }

  /** Records that are missing between the last one read and the chunk in the buffer, which begins behind `gapBytes` of no chunk. */
  missingBefore(gapBytes: number): number {
    if (this.#lastId < 0 || this.#chunk.size < chunkHeaderBytes || !this.#isSigned() || !this.#headerFits()) return 0;
    const missing = this.#id(24) - this.#lastId - 1;
    // A log that was written around has its chunks in another order.
    return missing >= 1 && missing <= gapBytes / recordMinBytes + chunkRecordsMax ? missing : 0;
  }

  /**
   * How much of the block belongs to the chunk that it begins with: less than all when something was cut out of the file, so that the next
   * chunk begins early. O(bytes).
   */
  ownBytes(): number {
    const { bytes, size, filled } = this.#chunk;
    // What a sound chunk holds is its own, whatever it looks like. Only checksums show that it is sound.
    const isSound = this.#isSigned() && size >= chunkHeaderBytes && this.#isHeaderProven(0) && this.#areRecordsProven();
    const from = isSound ? Math.max(chunkHeaderBytes, this.#usedBytes()) : 1;
    let unproven = size;
    for (let at = bytes.indexOf(chunkMagic, from); at !== -1 && at < size; at = bytes.indexOf(chunkMagic, at + 1)) {
      if (at + chunkHeaderBytes > filled || this.#isHeaderProven(at)) return at;
      unproven = Math.min(unproven, at);
    }
    return isSound ? size : unproven;
  }

  /** Reads the records of the chunk in the buffer, which begins at `offset` in the file. */
  read(offset: number): void {
    const { size } = this.#chunk;
    this.#offset = offset;
    this.#isDamaged = false;
    this.#bodies.renew();
    this.#stats.chunks++;
    const isSigned = this.#isSigned();
    const isTrusted = isSigned && size >= chunkHeaderBytes && this.#headerFits();
    if (!isSigned) this.#damage(0, "the signature of a chunk is damaged", 0);
    else if (!isTrusted) this.#mismatch("the checksum of a chunk's header does not fit");
    if (size < chunkBytes) this.#damage(size, "the file ends inside of a chunk, or the chunk was cut short", 0);
    else if (isTrusted && !this.#recordsFit()) this.#mismatch("the checksum of the records does not fit");
    // A header with another fault can still say where the records end: if they do end there, that is not a loss.
    const hint = isSigned && size >= chunkHeaderBytes ? this.#usedBytes() : chunkBytes;
    const used = isTrusted ? hint : chunkBytes;
    // A chunk that was just begun counts nothing yet.
    const isCounted = isTrusted && used > chunkHeaderBytes;
    this.#records(
      Math.min(used, size),
      Math.min(hint, size),
      isCounted ? this.#id(24) : -1,
      isCounted ? this.#id(32) : -1,
    );
    if (this.#isDamaged) this.#stats.damagedChunks++;
  }

  #isSigned(): boolean {
    const { bytes, size } = this.#chunk;
    const { length } = chunkMagic;
    return size >= length && bytes.compare(chunkMagic, 0, length, 0, length) === 0;
  }

  /** Whether the checksums fit, or there are none. */
  #headerFits(): boolean {
    return this.#hasNone() || this.#isHeaderProven(0);
  }

  #recordsFit(): boolean {
    return this.#hasNone() || this.#areRecordsProven();
  }

  #hasNone(): boolean {
    return this.#hasNoChecksums || (this.#chunk.view.getUint32(120, true) & noChecksumsFlag) !== 0;
  }

  #isHeaderProven(at: number): boolean {
    const { bytes, view } = this.#chunk;
    const first = crc32(bytes.subarray(at, at + 120));
    return crc32(bytes.subarray(at + 128, at + chunkHeaderBytes), first) === view.getUint32(at + 124, true);
  }

  #areRecordsProven(): boolean {
    const { bytes, view } = this.#chunk;
    return crc32(bytes.subarray(chunkHeaderBytes, this.#usedBytes())) === view.getUint32(52, true);
  }

  /** Where the free space begins, as the header has it; the end of the chunk when that cannot be. */
  #usedBytes(): number {
    const free = this.#chunk.view.getUint32(48, true);
    return free >= chunkHeaderBytes && free <= chunkBytes ? free : chunkBytes;
  }

  #mismatch(problem: string): void {
    this.#stats.checksumMismatches++;
    this.#damage(0, problem, 0);
  }

  /**
   * Walks the records up to `used`, or `hint` if a record ends there, and on as long as they follow without a gap: the log may not have been
   * closed. The header says that they are numbered from `firstId` to `finalId`, or nothing (-1).
   */
  #records(used: number, hint: number, firstId: number, finalId: number): void {
    const { bytes, view, size } = this.#chunk;
    let at = chunkHeaderBytes;
    let lastId = -1;
    /** A piece that could not be read, whose loss is known once the next record tells its number. */
    let gapAt = -1;
    let gapProblem = "";
    for (;;) {
      const recordSize = at + recordMinBytes <= size ? this.#recordSize(at) : 0;
      if (recordSize === 0) {
        if (at >= used || (at === hint && gapAt === -1)) break;
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
        const before = lastId >= 0 ? lastId : firstId - 1;
        this.#damage(gapAt, gapProblem, Math.max(1, plausible(before < 0 ? 1 : id - before - 1)));
        gapAt = -1;
      }
      this.#record(at, recordSize, view);
      lastId = id;
      this.#lastId = id;
      at += recordSize;
    }
    // What the header counts and the walk did not meet: zeros where records were, or the end of the file.
    const missing = finalId < 0 ? 0 : plausible(finalId - (lastId >= 0 ? lastId : firstId - 1));
    if (gapAt !== -1) this.#damage(gapAt, gapProblem, Math.max(1, missing));
    else if (missing > 0) this.#damage(at, "the last records of the chunk are missing", missing);
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

/** A number of lost records that a chunk can have had, else 0: the numbers themselves may be damaged. */
const plausible = (count: number): number => (count >= 1 && count <= chunkRecordsMax ? count : 0);

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
