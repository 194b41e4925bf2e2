// Hash tables over packed values. Values are hashed from their last byte to their first, so that one pass over a domain name
// has the hash of each of its suffixes on the way.

import type { HashIndex } from "./model.ts";

/** A step of the hash: `hash` of the bytes behind, with one more in front of them (FNV-1a). */
export function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x0100_0193);
}

/** Spreads what {@link step} gathered over all bits (the finalizer of MurmurHash3); never 0, which marks an empty place. */
export function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  mixed ^= mixed >>> 16;
  return (mixed | 1) >>> 0;
}

/** The hash of `bytes[from, to)`. */
export function hashOf(seed: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = seed;
  for (let at = to - 1; at >= from; at--) hash = step(hash, bytes[at]!);
  return finish(hash);
}

/** The hash of `bytes[from, to)` from the first byte to the last: for values that are looked up by how a text begins. */
export function forwardHashOf(seed: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = seed;
  for (let at = from; at < to; at++) hash = step(hash, bytes[at]!);
  return finish(hash);
}

/** A typed array over memory that threads share. */
export function sharedUint32(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * 4));
}

/** What a table is read against: where the values of entries lie. */
export interface Values {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly valueLengths: Uint16Array;
}

/** Puts an entry (plus 1) at the first free place for its hash. There must be one. */
export function place(hashes: Uint32Array, entries: Uint32Array, hash: number, entry: number): void {
  const mask = hashes.length - 1;
  // The lowest bit of a hash is always set: it says nothing about where to start.
  let at = (hash >>> 1) & mask;
  while (hashes[at] !== 0) at = (at + 1) & mask;
  hashes[at] = hash;
  entries[at] = entry;
}

/** The entry whose value is `bytes[from, to)`, or -1. */
export function findEntry(
  index: HashIndex,
  values: Values,
  hash: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const { hashes } = index;
  const mask = hashes.length - 1;
  for (let at = (hash >>> 1) & mask; ; at = (at + 1) & mask) {
    const found = hashes[at]!;
    if (found === 0) return -1;
    if (found !== hash) continue;
    const entry = index.entries[at]! - 1;
    if (values.valueLengths[entry] === to - from && sameBytes(values.bytes, values.starts[entry]!, bytes, from, to))
      return entry;
  }
}

function sameBytes(values: Uint8Array, start: number, bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from, value = start; at < to; at++, value++) if (values[value] !== bytes[at]) return false;
  return true;
}
