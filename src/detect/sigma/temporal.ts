// Windows in which different rules must meet: temporal, in any order, and temporal_ordered.

import { type Alternative, alternativesOf } from "./alternatives.ts";
import { satisfies } from "./correlation.ts";
import type { Condition, CorrelationCondition } from "./ir.ts";
import { orderedAlternativeMax, orderedEventCountMax } from "./limits.ts";
import { type Entry, type Sample, TimeRing, type Window, type WindowPlan } from "./window.ts";

const never = Number.NEGATIVE_INFINITY;

/** When each feed last occurred decides everything: an earlier occurrence is in the window only if the last one is. */
class LastTimes {
  readonly times: number[];
  minMs = never;

  constructor(feedCount: number) {
    this.times = new Array<number>(feedCount).fill(never);
  }

  add(timeMs: number, minMs: number, feeds: readonly number[]): void {
    this.minMs = minMs;
    for (const feed of feeds) if (timeMs > this.times[feed]!) this.times[feed] = timeMs;
  }

  has(feed: number): boolean {
    return this.times[feed]! >= this.minMs && this.times[feed] !== never;
  }

  count(): number {
    let count = 0;
    for (let feed = 0; feed < this.times.length; feed++) if (this.has(feed)) count++;
    return count;
  }

  entries(): Entry[] {
    const found = [...this.times.entries()].filter(([feed]) => this.has(feed));
    return found.map(([feed, timeMs]): Entry => [timeMs, feed, 0]).sort((a, b) => a[0] - b[0]);
  }
}

export class TemporalWindow implements Window {
  readonly overflowCount = 0;
  readonly #spanMs: number;
  readonly #condition: CorrelationCondition;
  readonly #last: LastTimes;

  constructor({ timespanMs, condition, feedCount }: WindowPlan) {
    this.#spanMs = timespanMs;
    this.#condition = condition;
    this.#last = new LastTimes(feedCount);
  }

  add(timeMs: number, newestMs: number, { feeds }: Sample): void {
    this.#last.add(timeMs, newestMs - this.#spanMs, feeds);
  }

  holds(): boolean {
    const condition = this.#condition;
    if (condition.kind === "every") return this.#last.count() === this.#last.times.length;
    if (condition.kind === "compare") return satisfies(this.#last.count(), condition.all);
    return this.#isTrue(condition.tree);
  }

  #isTrue(node: Condition): boolean {
    switch (node.kind) {
      case "and":
        return node.of.every((part) => this.#isTrue(part));
      case "or":
        return node.of.some((part) => this.#isTrue(part));
      case "not":
        return !this.#isTrue(node.of);
      case "selection":
        return this.#last.has(node.selection);
      default:
        return false;
    }
  }

  value(): number {
    return this.#last.count();
  }

  entries(): Entry[] {
    return this.#last.entries();
  }

  get byteLength(): number {
    return 200 + this.#last.times.length * 8;
  }
}

/** One list for all groups of a correlation. */
const alternatives = new WeakMap<WindowPlan, readonly Alternative[]>();
const noLengths: number[][] = [];

function alternativesFor(plan: WindowPlan): readonly Alternative[] {
  const known = alternatives.get(plan);
  if (known !== undefined) return known;
  const { condition, feedCount } = plan;
  const every: Alternative = { present: Array.from({ length: feedCount }, (_, feed) => feed), absent: [] };
  const tree = condition.kind === "boolean" ? alternativesOf(condition.tree, orderedAlternativeMax) : undefined;
  const list = tree ?? (condition.kind === "every" ? [every] : []);
  alternatives.set(plan, list);
  return list;
}

/**
 * Rules in the order listed; events of equal time count as in order. For each beginning of an order the latest possible start is kept
 * (`starts`): a later start is better, whatever follows. An event in order of time moves these on; a late one makes them anew
 * from the events kept.
 */
export class OrderedWindow implements Window {
  /** Late events for which not all was kept that they could have been put between. */
  overflowCount = 0;
  readonly #spanMs: number;
  readonly #condition: CorrelationCondition;
  readonly #feedCount: number;
  readonly #alternatives: readonly Alternative[];
  readonly #last: LastTimes;
  readonly #ring = new TimeRing();
  /** Per alternative and step: the latest start of its first steps, in order. */
  readonly #starts: number[][];
  /** Per length - 1 and last rule: the latest start of any such order; only where a number of rules is asked for. */
  readonly #lengths: number[][];
  /** The newest event, and the highest feed of those at that time: what is not before these moves the orders on. */
  #lastMs = never;
  #lastFeed = -1;
  /** The newest event that had to go for want of room. */
  #droppedMs = never;

  constructor(plan: WindowPlan) {
    const { timespanMs, condition, feedCount } = plan;
    this.#spanMs = timespanMs;
    this.#condition = condition;
    this.#feedCount = feedCount;
    this.#last = new LastTimes(feedCount);
    this.#alternatives = alternativesFor(plan);
    this.#starts = this.#alternatives.map(({ present }) => present.map(() => never));
    this.#lengths =
      condition.kind === "compare"
        ? Array.from({ length: feedCount }, () => new Array<number>(feedCount).fill(never))
        : noLengths;
  }

  add(timeMs: number, newestMs: number, { feeds }: Sample): void {
    const minMs = newestMs - this.#spanMs;
    const ring = this.#ring;
    for (const feed of feeds) ring.insert(timeMs, feed, 0);
    while (ring.isStale(minMs)) ring.head++;
    while (ring.length > orderedEventCountMax) this.#droppedMs = ring.times[ring.head++]!;
    ring.compact();
    this.#last.add(timeMs, minMs, feeds);
    if (timeMs > this.#lastMs || (timeMs === this.#lastMs && feeds[0]! >= this.#lastFeed)) {
      this.#lastMs = timeMs;
      this.#lastFeed = feeds.at(-1)!;
      for (const feed of feeds) this.#step(timeMs, feed);
      return;
    }
    if (timeMs === this.#lastMs) this.#lastFeed = Math.max(this.#lastFeed, feeds.at(-1)!);
    if (this.#droppedMs >= minMs) this.overflowCount++;
    this.#replay();
  }

  /** Moves all orders on by an event that is not earlier than those before it; `feed` ascends among events of equal time. */
  #step(timeMs: number, feed: number): void {
    for (const [index, { present }] of this.#alternatives.entries()) {
      const starts = this.#starts[index]!;
      const at = present.indexOf(feed);
      if (at === -1) continue;
      const start = at === 0 ? timeMs : starts[at - 1]!;
      if (start > starts[at]!) starts[at] = start;
    }
    for (let length = this.#lengths.length - 1; length >= 0; length--) {
      const row = this.#lengths[length]!;
      let start = length === 0 ? timeMs : never;
      if (length > 0)
        for (let before = 0; before < feed; before++) start = Math.max(start, this.#lengths[length - 1]![before]!);
      if (start > row[feed]!) row[feed] = start;
    }
  }

  /** From the events kept; what was known stays true, so that events that overflowed are not lost to it. */
  #replay(): void {
    const known = [...this.#starts, ...this.#lengths].map((row) => [...row]);
    for (const row of [...this.#starts, ...this.#lengths]) row.fill(never);
    const entries = this.#ring.entries().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [timeMs, feed] of entries) this.#step(timeMs, feed);
    for (const [index, row] of [...this.#starts, ...this.#lengths].entries())
      for (const [at, start] of known[index]!.entries()) if (start > row[at]!) row[at] = start;
  }

  holds(): boolean {
    if (this.#condition.kind === "compare") return satisfies(this.value(), this.#condition.all);
    const { minMs } = this.#last;
    return this.#alternatives.some(
      ({ present, absent }, index) =>
        (present.length === 0 || this.#starts[index]!.at(-1)! >= minMs) && !absent.some((feed) => this.#last.has(feed)),
    );
  }

  /** Of a number condition: the length of the longest order; else how many rules occurred. */
  value(): number {
    if (this.#condition.kind !== "compare") return this.#last.count();
    const { minMs } = this.#last;
    for (let length = this.#feedCount; length > 0; length--)
      if (this.#lengths[length - 1]!.some((start) => start >= minMs)) return length;
    return 0;
  }

  entries(): Entry[] {
    return this.#ring.entries();
  }

  get byteLength(): number {
    const states = this.#starts.reduce((sum, { length }) => sum + length, 0) + this.#lengths.length ** 2;
    return 900 + this.#ring.byteLength + states * 8;
  }
}
