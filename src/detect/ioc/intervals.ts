// Networks as disjoint intervals in order: a look-up is one binary search, whatever their number and nesting.

import { sharedUint32 } from "./hash-index.ts";
import type { IntervalIndex } from "./model.ts";

/** A network: its first and last address, each one word (IPv4) or four (IPv6). */
export interface Network {
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  readonly entry: number;
}

/** -1, 0 or 1: `a` at `i` against `b` at `j`, word by word. */
function compare(a: Uint32Array, i: number, b: Uint32Array, j: number, words: number): number {
  for (let word = 0; word < words; word++) {
    const left = a[i + word]!;
    const right = b[j + word]!;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** The address after `address`, or `undefined` behind the last one. */
function next(address: Uint32Array): Uint32Array | undefined {
  const after = address.slice();
  for (let word = after.length - 1; word >= 0; word--) {
    after[word] = (after[word]! + 1) >>> 0;
    if (after[word] !== 0) return after;
  }
  return undefined;
}

/** Networks nest or lie apart (they come from prefix lengths) and are all different. O(n log n). */
export function buildIntervals(words: 1 | 4, networks: readonly Network[]): IntervalIndex {
  const sorted = [...networks].sort(
    (a, b) => compare(a.first, 0, b.first, 0, words) || compare(b.last, 0, a.last, 0, words),
  );
  const starts: Uint32Array[] = [];
  const entries: number[] = [];
  const mark = (start: Uint32Array, entry: number): void => {
    // What starts where another starts is within it: the narrower one counts.
    if (starts.length > 0 && compare(starts.at(-1)!, 0, start, 0, words) === 0) entries[entries.length - 1] = entry;
    else {
      starts.push(start);
      entries.push(entry);
    }
  };
  const open: Network[] = [];
  const close = (): void => {
    const closed = open.pop()!;
    const after = next(closed.last);
    if (after !== undefined) mark(after, (open.at(-1)?.entry ?? -1) + 1);
  };
  for (const network of sorted) {
    while (open.length > 0 && compare(open.at(-1)!.last, 0, network.first, 0, words) < 0) close();
    mark(network.first, network.entry + 1);
    open.push(network);
  }
  while (open.length > 0) close();
  const index = { words, starts: sharedUint32(starts.length * words), entries: sharedUint32(starts.length) };
  for (const [i, start] of starts.entries()) index.starts.set(start, i * words);
  index.entries.set(entries);
  return index;
}

/** The entry of the narrowest network that holds `address`, or -1. O(log n). */
export function findNetwork(index: IntervalIndex, address: Uint32Array): number {
  const { starts, words } = index;
  let low = 0;
  let high = index.entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(starts, middle * words, address, 0, words) <= 0) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? -1 : index.entries[low - 1]! - 1;
}
