// Reads a descriptor once and takes digests on the way. Positions are explicit, so that a job can be given to another worker.

import { readSync } from "node:fs";
import { chunkSizeBytes } from "./limits.ts";
import type { Hashes, HashName } from "./protocol.ts";

/** Digests of `data`. */
export function hashesOf(data: Uint8Array, names: readonly HashName[]): Hashes {
  const hashers = names.map((name) => new Bun.CryptoHasher(name));
  // In chunks: each stays in the cache while all of them look at it.
  for (let at = 0; at < data.length; at += chunkSizeBytes) {
    const chunk = data.subarray(at, at + chunkSizeBytes);
    for (const hasher of hashers) hasher.update(chunk);
  }
  return Object.fromEntries(names.map((name, index) => [name, hashers[index]!.digest("hex")]));
}

/** Digests of everything that can be read from `fd`, and how much that was; `undefined` when it is more than the limit. */
export function hashDescriptor(
  fd: number,
  names: readonly HashName[],
  sizeMaxBytes: number,
): { readonly hash: Hashes; readonly sizeBytes: number } | undefined {
  const hashers = names.map((name) => new Bun.CryptoHasher(name));
  const chunk = Buffer.allocUnsafe(chunkSizeBytes);
  let at = 0;
  for (;;) {
    const got = readSync(fd, chunk, 0, chunk.length, at);
    if (got === 0) break;
    const part = chunk.subarray(0, got);
    for (const hasher of hashers) hasher.update(part);
    at += got;
    // It grows while it is read.
    if (at > sizeMaxBytes) return undefined;
  }
  return { hash: Object.fromEntries(names.map((name, index) => [name, hashers[index]!.digest("hex")])), sizeBytes: at };
}
