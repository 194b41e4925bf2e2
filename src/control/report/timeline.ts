// Alerts by rule and time in bounded memory, whatever the times are: only stretches with an alert cost anything, and when there are
// too many, stretches become twice as long. A lone time of the year 9999 therefore costs one entry, not the resolution of all others.

import { timelinePairsMax, timelineWidthMinMs } from "./limits.ts";

export class Timeline {
  /** Length of a stretch: {@link timelineWidthMinMs} times a power of two. */
  widthMs: number = timelineWidthMinMs;
  readonly #pairsMax: number;
  readonly #byRule: Map<number, number>[] = [];
  #pairs = 0;

  constructor(pairsMax: number = timelinePairsMax) {
    this.#pairsMax = pairsMax;
  }

  /** Counts an alert; `rule` is a small index. O(1), and now and then O(pairs). */
  add(rule: number, timeMs: number): void {
    let bins = this.#byRule[rule];
    if (bins === undefined) {
      bins = new Map();
      this.#byRule[rule] = bins;
    }
    const bin = Math.floor(timeMs / this.widthMs);
    const before = bins.get(bin);
    bins.set(bin, (before ?? 0) + 1);
    if (before !== undefined) return;
    this.#pairs++;
    // Rules alone may exceed the limit: then one or two stretches each is what it comes to.
    while (this.#pairs > this.#pairsMax && this.widthMs < Number.MAX_SAFE_INTEGER / 4) this.#double();
  }

  /** Number of the stretch and alerts in it, in order of time. */
  bins(rule: number): [number, number][] {
    return [...(this.#byRule[rule] ?? [])].sort(([a], [b]) => a - b);
  }

  #double(): void {
    this.widthMs *= 2;
    this.#pairs = 0;
    for (const [rule, bins] of this.#byRule.entries()) {
      if (bins === undefined) continue;
      const merged = new Map<number, number>();
      for (const [bin, count] of bins) {
        const half = Math.floor(bin / 2);
        merged.set(half, (merged.get(half) ?? 0) + count);
      }
      this.#byRule[rule] = merged;
      this.#pairs += merged.size;
    }
  }
}
