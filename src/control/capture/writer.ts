// Writes a capture: entries gather in a block, a full block is compressed, sealed and written. Everything is synchronous: the
// sensor's rings hold what happens meanwhile, and what they cannot hold is counted by them.

import { writeSync } from "node:fs";
import { captureBlockBytes } from "../config/limits.ts";
import { blockType, encodeBlock, encodeHead, entryHeaderBytes, entryType, hashBytes, recordRing } from "./format.ts";

export class CaptureWriter {
  /** Entries put in so far, and the bytes that are in the file. */
  entries = 0;
  writtenBytes = 0;
  readonly #write: (bytes: Buffer) => void;
  readonly #block = Buffer.allocUnsafeSlow(captureBlockBytes);
  #used = 0;
  #inBlock = 0;
  #hash: Buffer = Buffer.alloc(hashBytes);

  /** `write` takes all bytes, in order, or throws. */
  constructor(manifest: Buffer, write: (bytes: Buffer) => void) {
    this.#write = write;
    this.#out(encodeHead());
    this.#seal(blockType.manifest, manifest, 0, 0);
  }

  /** Appends an entry; `bytes` is copied. Throws what `write` throws, RangeError for an entry larger than a block. */
  add(type: number, ring: number, bytes: Uint8Array): void {
    const size = (entryHeaderBytes + bytes.length + 7) & ~7;
    if (size > this.#block.length) throw new RangeError(`Cannot put ${bytes.length} bytes into a block`);
    if (this.#used + size > this.#block.length) this.flush();
    const at = this.#used;
    this.#block.fill(0, at, at + entryHeaderBytes);
    this.#block[at] = type;
    this.#block[at + 1] = ring;
    this.#block.writeUInt32LE(bytes.length, at + 4);
    this.#block.set(bytes, at + entryHeaderBytes);
    this.#block.fill(0, at + entryHeaderBytes + bytes.length, at + size);
    this.#used += size;
    this.#inBlock++;
    this.entries++;
  }

  record(ring: keyof typeof recordRing, bytes: Uint8Array): void {
    this.add(entryType.record, recordRing[ring], bytes);
  }

  json(type: number, value: unknown): void {
    this.add(type, 0, Buffer.from(JSON.stringify(value)));
  }

  clock(offsetMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(offsetMs);
    this.add(entryType.clock, 0, bytes);
  }

  /** Writes the block begun, so that a crash loses little. */
  flush(): void {
    if (this.#inBlock === 0) return;
    const [used, entries] = [this.#used, this.#inBlock];
    // Forgotten first: a block that could not be written must not be tried again behind another.
    this.#used = 0;
    this.#inBlock = 0;
    this.#seal(blockType.entries, this.#block.subarray(0, used), this.entries - entries, entries);
  }

  /** The last block. Returns the hash that stands for the whole file, hex. */
  end(summary: Readonly<Record<string, unknown>>): string {
    this.flush();
    this.#seal(blockType.end, Buffer.from(JSON.stringify(summary)), this.entries, 0);
    return this.#hash.toString("hex");
  }

  #seal(type: number, plain: Buffer, before: number, entries: number): void {
    const { block, hash } = encodeBlock(type, plain, before, entries, this.#hash);
    this.#out(block);
    this.#hash = hash;
  }

  #out(bytes: Buffer): void {
    this.#write(bytes);
    this.writtenBytes += bytes.length;
  }
}

/** Writes all of `bytes` to a descriptor; a short write goes on, an error is thrown. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}
