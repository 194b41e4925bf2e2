// The file that `agent capture` writes: a head, then blocks, each sealed by a hash that includes the one before it. So damage is
// noticed where it is, everything before it stays usable, and nobody can take a block out unseen. Little-endian.
//
//   head, 16:   "SIGILCAP" │ version u32 │ 0D 0A 1A 0A   (the last four tell a transfer as text, as PNG's do)
//   block:      ┌────────────┬──────────────────────────┐
//               │ header, 64 │ payload, zstd            │   first block: manifest; then entries; last: end
//               └────────────┴──────────────────────────┘
//   header:     magic u32 │ type u16 │ 0 u16 │ stored bytes u32 │ plain bytes u32 │ entries before u64 │ entries u32 │ 0 u32 │ SHA-256
//   payload of entries: one after another, 8 bytes (type u8, ring u8, 0 u16, length u32), then the bytes, padded to 8

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { captureBlockPlainMaxBytes } from "../config/limits.ts";

export const captureVersion = 1;
export const captureMagic = "SIGILCAP";
const textDamage = "\r\n\x1a\n";
export const headBytes = 16;
export const blockHeaderBytes = 64;
export const entryHeaderBytes = 8;

const blockMagic = 0x314b_4253; // "SBK1"
const hashAt = 32;
export const hashBytes = 32;

export const blockType = { manifest: 1, entries: 2, end: 3 } as const;

/** What an entry is. `ring` says where a record came from ({@link recordRing}); it is 0 for all else. */
export const entryType = {
  /** A sensor record, as it left the ring. */
  record: 1,
  /** JSON: a table of user names, or word that there is none. */
  users: 2,
  /** f64: milliseconds since the epoch at CLOCK_BOOTTIME 0, measured now. */
  clock: 3,
  /** JSON: the loss account so far. */
  counters: 4,
  /** The inventory of running processes is complete; empty. */
  ready: 5,
} as const;

export const recordRing = { critical: 0, bulk: 1, proc: 2 } as const;

/** Not a capture, or one that this program must not read. */
export class CaptureError extends Error {
  readonly code = "E_CAPTURE";
}

export interface BlockHeader {
  readonly type: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly entriesBefore: number;
  readonly entries: number;
}

export function encodeHead(): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(captureMagic, 0, "latin1");
  head.writeUInt32LE(captureVersion, 8);
  head.write(textDamage, 12, "latin1");
  return head;
}

/** Throws {@link CaptureError} unless `head` begins a capture of this version. */
export function checkHead(head: Buffer): void {
  if (head.length < headBytes || head.toString("latin1", 0, 8) !== captureMagic)
    throw new CaptureError("it is not a capture");
  const version = head.readUInt32LE(8);
  if (head.toString("latin1", 12, 16) !== textDamage)
    throw new CaptureError("it was transferred as text, which changed its bytes: transfer it as binary");
  if (version !== captureVersion)
    throw new CaptureError(`its format has version ${version}; this program reads version ${captureVersion}`);
}

/** One block with its seal; `previous` is the hash of the block before, or zeros. */
export function encodeBlock(
  type: number,
  plain: Buffer,
  entriesBefore: number,
  entries: number,
  previous: Buffer,
): { readonly block: Buffer; readonly hash: Buffer } {
  const stored = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const block = Buffer.alloc(blockHeaderBytes + stored.length);
  block.writeUInt32LE(blockMagic, 0);
  block.writeUInt16LE(type, 4);
  block.writeUInt32LE(stored.length, 8);
  block.writeUInt32LE(plain.length, 12);
  block.writeBigUInt64LE(BigInt(entriesBefore), 16);
  block.writeUInt32LE(entries, 24);
  stored.copy(block, blockHeaderBytes);
  const hash = sealOf(previous, block, stored);
  hash.copy(block, hashAt);
  return { block, hash };
}

/** The header at the start of `bytes` ({@link blockHeaderBytes} of them); `undefined` when it cannot be one. */
export function decodeHeader(bytes: Buffer): BlockHeader | undefined {
  const storedBytes = bytes.readUInt32LE(8);
  const plainBytes = bytes.readUInt32LE(12);
  const before = bytes.readBigUInt64LE(16);
  const entries = bytes.readUInt32LE(24);
  const isSane =
    bytes.readUInt32LE(0) === blockMagic &&
    plainBytes <= captureBlockPlainMaxBytes &&
    // zstd adds at most a 256th and some bytes to what it cannot make smaller (ZSTD_COMPRESSBOUND).
    storedBytes <= plainBytes + (plainBytes >> 8) + 512 &&
    entries <= plainBytes / entryHeaderBytes + 1 &&
    before <= BigInt(Number.MAX_SAFE_INTEGER);
  if (!isSane) return undefined;
  return { type: bytes.readUInt16LE(4), storedBytes, plainBytes, entriesBefore: Number(before), entries };
}

/** Does the block's hash follow from the one before it and from its bytes? */
export function isSealed(block: Buffer, previous: Buffer): boolean {
  return sealOf(previous, block, block.subarray(blockHeaderBytes)).equals(block.subarray(hashAt, hashAt + hashBytes));
}

function sealOf(previous: Buffer, header: Buffer, stored: Buffer): Buffer {
  return new Bun.CryptoHasher("sha256").update(previous).update(header.subarray(0, hashAt)).update(stored).digest();
}

/** The payload of a sealed block; `undefined` when it is not what the header promises. Never larger than that. */
export function decodePayload(block: Buffer, { plainBytes }: BlockHeader): Buffer | undefined {
  try {
    const plain = zstdDecompressSync(block.subarray(blockHeaderBytes), { maxOutputLength: Math.max(plainBytes, 1) });
    return plain.length === plainBytes ? plain : undefined;
  } catch {
    return undefined;
  }
}

export interface CaptureEntry {
  readonly type: number;
  readonly ring: number;
  readonly bytes: Buffer;
}

/** The entries of a payload, in order. Ends early, with an entry of type 0, where the payload contradicts itself. */
export function* entriesOf(plain: Buffer): Iterable<CaptureEntry> {
  for (let at = 0; at < plain.length; ) {
    const length = at + entryHeaderBytes <= plain.length ? plain.readUInt32LE(at + 4) : Number.POSITIVE_INFINITY;
    const end = at + entryHeaderBytes + length;
    if (end > plain.length) {
      yield { type: 0, ring: 0, bytes: Buffer.alloc(0) };
      return;
    }
    // A view that ends where the entry ends: a record that lies about its sections reads nothing of its neighbours.
    const type = plain[at] as number;
    yield { type, ring: plain[at + 1] as number, bytes: plain.subarray(at + entryHeaderBytes, end) };
    at = (end + 7) & ~7;
  }
}
