// Digests among the indicators, alone: what hashed files are looked up in, by threads that have no use for the rest of an engine.

import { findEntry, hashOf } from "./hash-index.ts";
import { indicatorAt, isExpired } from "./indicator-at.ts";
import type { HashKind, Indicator, IndicatorSet } from "./model.ts";
import { digestSizes } from "./values.ts";

const sizeMaxBytes = Math.max(...Object.values(digestSizes));

/** Finds the entry of a digest. Not for use from several threads at once; sets may be shared. */
export class DigestTable {
  readonly #set: IndicatorSet;
  readonly #bytes = new Uint8Array(sizeMaxBytes);

  constructor(set: IndicatorSet) {
    this.#set = set;
  }

  /** The entry of a digest in hex of either case, or -1. O(1). */
  entry(kind: HashKind, hex: string): number {
    const index = this.#set.hashes[kind];
    const size = digestSizes[kind];
    if (index.count === 0 || hex.length !== size * 2) return -1;
    const bytes = this.#bytes;
    for (let i = 0; i < size; i++) {
      const high = hexDigit(hex.charCodeAt(i * 2));
      const low = hexDigit(hex.charCodeAt(i * 2 + 1));
      if (high === -1 || low === -1) return -1;
      bytes[i] = (high << 4) | low;
    }
    return findEntry(index, this.#set, hashOf(this.#set.seed, bytes, 0, size), bytes, 0, size);
  }

  /** The indicator of a digest, unless there is none or it has expired. */
  find(kind: HashKind, hex: string, nowMs: number): Indicator | undefined {
    const entry = this.entry(kind, hex);
    return entry === -1 || isExpired(this.#set, entry, nowMs) ? undefined : indicatorAt(this.#set, entry);
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
