// Windows over numbers: value_sum, value_avg, value_percentile, value_median.

import { satisfies } from "./correlation.ts";
import type { CorrelationCondition } from "./ir.ts";
import { sampleCountMax } from "./limits.ts";
import { type Entry, type Sample, TimeRing, type Window, type WindowPlan } from "./window.ts";

abstract class NumberWindow implements Window {
  overflowCount = 0;
  readonly #spanMs: number;
  readonly #condition: CorrelationCondition;
  protected readonly ring = new TimeRing();

  constructor(plan: WindowPlan) {
    this.#spanMs = plan.timespanMs;
    this.#condition = plan.condition;
  }

  add(timeMs: number, newestMs: number, { feeds, number }: Sample): void {
    const { ring } = this;
    this.added(ring.insert(timeMs, feeds[0]!, number), number);
    const minMs = newestMs - this.#spanMs;
    for (let isStale = ring.isStale(minMs); isStale || ring.length > sampleCountMax; isStale = ring.isStale(minMs)) {
      if (!isStale) this.overflowCount++;
      const gone = ring.values[ring.head++]!;
      this.removed(gone);
    }
    const by = ring.compact();
    if (by > 0) this.compacted(by);
  }

  holds(): boolean {
    return this.ring.length > 0 && this.#condition.kind === "compare" && satisfies(this.value(), this.#condition.all);
  }

  abstract value(): number;
  /** An entry was put at an index of the ring. */
  protected abstract added(at: number, number: number): void;
  /** The first entry has gone. */
  protected abstract removed(number: number): void;
  /** Indices of the ring shrank. */
  protected compacted(_by: number): void {}

  entries(): Entry[] {
    return this.ring.entries();
  }

  get byteLength(): number {
    return 200 + this.ring.byteLength + this.ring.length * 12;
  }
}

/**
 * Sum or average. Nothing is ever subtracted, because what a large number took from a small one would not come back: the older
 * half is kept as sums from each entry to the half's end, the younger as one sum; when the older is used up, all becomes older.
 */
export class SumWindow extends NumberWindow {
  readonly #isAverage: boolean;
  /** `#sums[i]` is the sum of the entries i … #middle - 1. */
  #sums: number[] = [];
  #middle = 0;
  #youngSum = 0;

  constructor(plan: WindowPlan) {
    super(plan);
    this.#isAverage = plan.type === "value_avg";
  }

  value(): number {
    const { head, length } = this.ring;
    const sum = (head < this.#middle ? this.#sums[head]! : 0) + this.#youngSum;
    return this.#isAverage ? sum / length : sum;
  }

  protected added(at: number, number: number): void {
    if (at >= this.#middle) this.#youngSum += number;
    else this.#rebuild();
  }

  protected removed(): void {
    if (this.ring.head > this.#middle) this.#rebuild();
  }

  protected override compacted(by: number): void {
    this.#sums.splice(0, by);
    this.#middle = Math.max(0, this.#middle - by);
  }

  #rebuild(): void {
    const { values, head } = this.ring;
    this.#middle = values.length;
    this.#youngSum = 0;
    this.#sums.length = values.length;
    let sum = 0;
    for (let i = values.length - 1; i >= 0; i--) {
      if (i >= head) sum += values[i]!;
      this.#sums[i] = i >= head ? sum : 0;
    }
  }
}

/** A percentile, between two numbers by linear interpolation (as SQL's percentile_cont has it); the median is the 50th. */
export class PercentileWindow extends NumberWindow {
  readonly #fraction: number;
  /** The numbers in the window, ascending. */
  readonly #sorted: number[] = [];

  constructor(plan: WindowPlan) {
    super(plan);
    this.#fraction = plan.percentile / 100;
  }

  value(): number {
    return percentileOf(this.#sorted, this.#fraction);
  }

  protected added(_at: number, number: number): void {
    this.#sorted.splice(this.#place(number), 0, number);
  }

  protected removed(number: number): void {
    this.#sorted.splice(this.#place(number), 1);
  }

  /** Index of the first number that is not smaller. */
  #place(number: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of numbers in ascending order; `fraction` from 0 (the smallest) to 1 (the largest). NaN of none. */
export function percentileOf(sorted: readonly number[], fraction: number): number {
  const rank = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below === above ? below : below + (above - below) * (rank - Math.floor(rank));
}
