// An event log file (.evtx) as a stream of bytes: cuts it into chunks, finds chunks again behind what is none, and reads to the end
// whatever the header counts.
//
//   0   "ElfFile\0"                    36  version u16 u16     120  flags u32: 1 not closed, 2 full, 4 no checksums
//   8   first and last chunk u64 u64   40  offset of chunks u16  124  CRC-32 of 0..119 u32
//   24  next record id u64             42  number of chunks u16

import { crc32 } from "node:zlib";
import { Chunk } from "./chunk-bytes.ts";
import { type ChunkHandlers, ChunkReader, chunkMagic, noChecksumsFlag } from "./chunk-reader.ts";
import { fileHeaderBytes } from "./limits.ts";
import { EvtxError, type EvtxStats } from "./record.ts";

/** The first bytes of an event log file. */
export const fileMagic = "ElfFile\0";

/** What is needed to tell what a file is: the header's block, and the signature of the first chunk behind it. */
const openBytes = fileHeaderBytes + chunkMagic.length;

/**
 * Takes a file in pieces, in order. Records and damage are handed over while `push` and `end` run, in the order of the file. Memory is one
 * chunk and what its templates compile to. Throws {@link EvtxError} when the first {@link openBytes} bytes, or all there are, are no event
 * log; after that nothing is thrown, what cannot be read is counted.
 */
export class EvtxReader {
  readonly stats: EvtxStats = {
    chunks: 0,
    records: 0,
    lost: 0,
    damagedChunks: 0,
    checksumMismatches: 0,
    skippedBytes: 0,
    isDirty: false,
  };
  readonly #chunk = new Chunk();
  readonly #reader: ChunkReader;
  readonly #handlers: ChunkHandlers;
  #isOpen = false;
  /** Where the chunk that is being filled begins in the file. */
  #offset = 0;
  /** Where bytes that are no chunk began, and how many; -1 when the last block was one. */
  #garbageAt = -1;
  #garbageBytes = 0;

  constructor(handlers: ChunkHandlers) {
    this.#handlers = handlers;
    this.#reader = new ChunkReader(this.#chunk, this.stats, handlers);
  }

  /** Takes the next bytes; they are not kept after the call. */
  push(bytes: Uint8Array): void {
    const chunk = this.#chunk;
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(chunk.bytes.length - chunk.filled, bytes.length - at);
      chunk.bytes.set(bytes.subarray(at, at + count), chunk.filled);
      chunk.filled += count;
      at += count;
      if (!this.#isOpen && chunk.filled >= openBytes) this.#open();
      if (this.#isOpen && chunk.filled === chunk.bytes.length) this.#block();
    }
  }

  /** The input has ended. */
  end(): void {
    if (!this.#isOpen) this.#open();
    while (this.#chunk.filled > 0) this.#block();
    this.#endGarbage(0);
  }

  /** Looks at the beginning, and leaves in the buffer what belongs to the first chunk. */
  #open(): void {
    const { bytes, view, filled } = this.#chunk;
    const has = (text: string, at: number): boolean =>
      filled >= at + text.length && bytes.toString("latin1", at, at + text.length) === text;
    const magic = chunkMagic.toString("latin1");
    this.#isOpen = true;
    // Chunks without a file around them, as recovered from free space.
    if (has(magic, 0)) return;
    if (!has(fileMagic, 0)) {
      if (!has(magic, fileHeaderBytes)) throw new EvtxError("not an event log file");
      this.#damage(0, "the signature of the file is damaged");
      this.#drop(fileHeaderBytes);
      return;
    }
    let chunksAt = fileHeaderBytes;
    if (filled < 128) this.#damage(0, "the file ends inside of its header");
    else {
      const flags = view.getUint32(120, true);
      this.stats.isDirty = (flags & 1) !== 0;
      const hasNoChecksums = (flags & noChecksumsFlag) !== 0;
      if (hasNoChecksums) this.#reader.expectNoChecksums();
      if (!hasNoChecksums && crc32(bytes.subarray(0, 120)) !== view.getUint32(124, true)) {
        this.stats.checksumMismatches++;
        this.#damage(0, "the checksum of the file header does not fit");
      } else chunksAt = Math.max(128, view.getUint16(40, true));
    }
    // A header that says otherwise and is wrong would hide the first chunk.
    if (has(magic, fileHeaderBytes)) chunksAt = fileHeaderBytes;
    this.#drop(Math.min(chunksAt, filled));
  }

  /** Takes the block in the buffer: a chunk, unused space, or bytes in which the next chunk is looked for. */
  #block(): void {
    this.#chunk.renew();
    const { bytes, size } = this.#chunk;
    if (this.#reader.isChunk()) {
      this.#endGarbage(this.#garbageAt === -1 ? 0 : this.#reader.missingBefore(this.#garbageBytes));
      const own = this.#reader.ownBytes();
      this.#chunk.size = own;
      this.#reader.read(this.#offset);
      this.#drop(own);
      return;
    }
    const next = bytes.indexOf(chunkMagic, 1);
    const skipped = next === -1 ? size : Math.min(next, size);
    if (this.#garbageAt !== -1 || !isZero(bytes, skipped)) {
      if (this.#garbageAt === -1) this.#garbageAt = this.#offset;
      this.#garbageBytes += skipped;
    }
    this.#drop(skipped);
  }

  #endGarbage(lost: number): void {
    if (this.#garbageAt === -1) return;
    this.stats.skippedBytes += this.#garbageBytes;
    this.#damage(this.#garbageAt, `${this.#garbageBytes} bytes are no chunk`, lost);
    this.#garbageAt = -1;
    this.#garbageBytes = 0;
  }

  #drop(count: number): void {
    this.#chunk.bytes.copyWithin(0, count, this.#chunk.filled);
    this.#chunk.filled -= count;
    this.#offset += count;
  }

  #damage(offset: number, problem: string, lost = 0): void {
    this.stats.lost += lost;
    this.#handlers.onDamage({ offset, problem, lost });
  }
}

function isZero(bytes: Buffer, to: number): boolean {
  for (let at = 0; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
