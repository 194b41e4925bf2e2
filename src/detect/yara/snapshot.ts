// Compiled rules kept across starts: the engine's memory as it was after compiling, in compressed blocks without the pages that are
// zero. A snapshot is memory that will be trusted, so it is bound to the engine's digest and to the rules' digest, and whoever
// stores it signs it (`snapshotKey`): a file of another version, of another program or of another hand is refused, never misread.
//
//   "SIGILYR1"  u32 size of the head  head (JSON)  { u32 first page, u32 bytes, u32 compressed bytes, zstd data } …  HMAC-SHA256

import { timingSafeEqual } from "node:crypto";
import { type FileClass, fileClasses } from "./file-class.ts";
import { matchesPerPatternMax, snapshotSizeMaxBytes } from "./limits.ts";
import { LoadedRules, YaraRuntime } from "./runtime.ts";

const magic = "SIGILYR1";
const pageBytes = 65_536;
/** Pages of one block: large enough to compress well, small enough that reading back costs little memory. */
const blockPages = 64;
/** Of all sets: addresses, and nothing that grows with the rules. */
const headSizeMaxBytes = 65_536;
export const signatureBytes = 32;

interface Head {
  readonly engine: string;
  readonly rules: string;
  readonly memoryBytes: number;
  readonly references: number;
  readonly sets: readonly (readonly [FileClass, number])[];
}

/** Why a snapshot cannot be used; the rules are compiled instead. */
export class SnapshotError extends Error {
  readonly code = "E_SNAPSHOT";
}

/** Writes everything but the signature, in pieces. Before the first scan of this thread. */
export function writeSnapshot(
  runtime: YaraRuntime,
  sets: ReadonlyMap<FileClass, LoadedRules>,
  rulesDigest: string,
  write: (bytes: Uint8Array) => void,
): void {
  const { memory, references } = runtime.dump();
  const head: Head = {
    engine: runtime.engineDigest,
    rules: rulesDigest,
    memoryBytes: memory.length,
    references,
    sets: [...sets].map(([fileClass, set]) => [fileClass, YaraRuntime.addressOf(set.rules)]),
  };
  const text = Buffer.from(JSON.stringify(head));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  write(Buffer.concat([Buffer.from(magic), size, text]));
  const pages = memory.length / pageBytes;
  const isZero = (page: number): boolean => {
    const words = new BigUint64Array(memory.buffer, page * pageBytes, pageBytes / 8);
    return !words.some((word) => word !== 0n);
  };
  for (let page = 0; page < pages; ) {
    if (isZero(page)) {
      page++;
      continue;
    }
    let end = page + 1;
    while (end < pages && end - page < blockPages && !isZero(end)) end++;
    const raw = memory.subarray(page * pageBytes, end * pageBytes);
    const packed = Bun.zstdCompressSync(raw, { level: 1 });
    const block = Buffer.alloc(12);
    block.writeUInt32LE(page, 0);
    block.writeUInt32LE(raw.length, 4);
    block.writeUInt32LE(packed.length, 8);
    write(block);
    write(packed);
    page = end;
  }
}

/** The sets of a snapshot, signature already checked and cut off. Throws {@link SnapshotError} before anything is touched or RangeError-free after. */
export function readSnapshot(
  runtime: YaraRuntime,
  bytes: Uint8Array,
  rulesDigest: string,
): ReadonlyMap<FileClass, LoadedRules> {
  const head = headOf(bytes);
  if (head.engine !== runtime.engineDigest) throw new SnapshotError("it was made by another version of YARA-X");
  if (head.rules !== rulesDigest) throw new SnapshotError("it was made from other rules");
  const memory = runtime.beginRestore(head.memoryBytes, head.references);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = magic.length + 4 + view.readUInt32LE(magic.length);
  while (at < view.length) {
    if (at + 12 > view.length) throw new SnapshotError("it is cut off");
    const from = view.readUInt32LE(at) * pageBytes;
    const size = view.readUInt32LE(at + 4);
    const packed = view.readUInt32LE(at + 8);
    at += 12;
    if (size > blockPages * pageBytes || from + size > memory.length || at + packed > view.length)
      throw new SnapshotError("a block is out of bounds");
    const raw = Bun.zstdDecompressSync(view.subarray(at, at + packed));
    if (raw.length !== size) throw new SnapshotError("a block has the wrong size");
    memory.set(raw, from);
    at += packed;
  }
  return new Map(
    head.sets.map(([fileClass, address]) => [
      fileClass,
      new LoadedRules(runtime.restored(address), matchesPerPatternMax),
    ]),
  );
}

function headOf(bytes: Uint8Array): Head {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < magic.length + 4 || view.toString("latin1", 0, magic.length) !== magic)
    throw new SnapshotError("it is not a snapshot of this version");
  const size = view.readUInt32LE(magic.length);
  if (size > headSizeMaxBytes || magic.length + 4 + size > view.length) throw new SnapshotError("it is cut off");
  let head: Partial<Head>;
  try {
    head = JSON.parse(view.toString("utf8", magic.length + 4, magic.length + 4 + size)) as Partial<Head>;
  } catch {
    throw new SnapshotError("its head is not readable");
  }
  const { engine, rules, memoryBytes, references, sets } = head;
  const isSound =
    typeof engine === "string" &&
    typeof rules === "string" &&
    Number.isSafeInteger(memoryBytes) &&
    (memoryBytes as number) % pageBytes === 0 &&
    (memoryBytes as number) <= snapshotSizeMaxBytes &&
    Number.isSafeInteger(references) &&
    (references as number) <= 1_000_000 &&
    Array.isArray(sets) &&
    sets.every(([name, address]) => fileClasses.includes(name) && Number.isSafeInteger(address));
  if (!isSound) throw new SnapshotError("its head makes no sense");
  return head as Head;
}

/** The signature of a snapshot's bytes under a key that only its owner has. */
export function signSnapshot(bytes: Uint8Array, key: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256", key).update(bytes).digest();
}

/** The bytes without their signature; throws {@link SnapshotError} when it is not by this key. */
export function checkedSnapshot(signed: Uint8Array, key: Uint8Array): Uint8Array {
  const bytes = signed.subarray(0, Math.max(0, signed.length - signatureBytes));
  const signature = signed.subarray(bytes.length);
  if (signature.length !== signatureBytes || !timingSafeEqual(signature, signSnapshot(bytes, key)))
    throw new SnapshotError("its signature is not this installation's");
  headOf(bytes);
  return bytes;
}
