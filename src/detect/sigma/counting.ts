// Windows that count: events (event_count) and different values (value_count). A count is kept only as far as the condition can tell it
// from a higher one: a window that asks for 5 holds 6 entries, however many events there are.

import { satisfies } from "./correlation.ts";
import type { CorrelationCondition } from "./ir.ts";
import { type Entry, type Sample, TimeRing, type Window, type WindowPlan } from "./window.ts";

type Comparisons = Extract<CorrelationCondition, { kind: "compare" }>["all"];

/** From this count on, the condition never changes its mind. */
function decisiveCount(all: Comparisons): number {
  return Math.max(...all.map(({ value }) => value)) + 1;
}

function comparisonsOf({ condition, type }: WindowPlan): Comparisons {
  if (condition.kind !== "compare") throw new TypeError(`${type} compares with numbers`);
  return condition.all;
}

export class EventCountWindow implements Window {
  readonly overflowCount = 0;
  readonly #spanMs: number;
  readonly #all: Comparisons;
  readonly #capacity: number;
  readonly #ring = new TimeRing();

  constructor(plan: WindowPlan) {
    this.#spanMs = plan.timespanMs;
    this.#all = comparisonsOf(plan);
    this.#capacity = decisiveCount(this.#all);
  }

  add(timeMs: number, newestMs: number, { feeds }: Sample): void {
    const ring = this.#ring;
    ring.insert(timeMs, feeds[0]!, 0);
    while (ring.isStale(newestMs - this.#spanMs) || ring.length > this.#capacity) ring.head++;
    ring.compact();
  }

  holds(): boolean {
    return satisfies(this.#ring.length, this.#all);
  }

  /** At most the count from which on the condition is decided. */
  value(): number {
    return this.#ring.length;
  }

  entries(): Entry[] {
    return this.#ring.entries();
  }

  get byteLength(): number {
    return this.#ring.byteLength;
  }
}

/** A value, in a list by the time it last occurred. */
interface Seen {
  readonly text: string;
  timeMs: number;
  feed: number;
  older: Seen | undefined;
  newer: Seen | undefined;
}

export class ValueCountWindow implements Window {
  readonly overflowCount = 0;
  readonly #spanMs: number;
  readonly #all: Comparisons;
  readonly #capacity: number;
  readonly #byText = new Map<string, Seen>();
  #oldest: Seen | undefined;
  #newest: Seen | undefined;
  #textLength = 0;

  constructor(plan: WindowPlan) {
    this.#spanMs = plan.timespanMs;
    this.#all = comparisonsOf(plan);
    this.#capacity = decisiveCount(this.#all);
  }

  add(timeMs: number, newestMs: number, { feeds, text }: Sample): void {
    let seen = this.#byText.get(text);
    if (seen === undefined) {
      seen = { text, timeMs, feed: feeds[0]!, older: undefined, newer: undefined };
      this.#byText.set(text, seen);
      this.#textLength += text.length;
      this.#link(seen);
    } else if (timeMs >= seen.timeMs) {
      this.#unlink(seen);
      seen.timeMs = timeMs;
      seen.feed = feeds[0]!;
      this.#link(seen);
    }
    const minMs = newestMs - this.#spanMs;
    for (
      let first = this.#oldest;
      first !== undefined && (first.timeMs < minMs || this.#byText.size > this.#capacity);
      first = this.#oldest
    ) {
      this.#unlink(first);
      this.#byText.delete(first.text);
      this.#textLength -= first.text.length;
    }
  }

  /** From the newest end: in order that is the place itself. */
  #link(seen: Seen): void {
    let before = this.#newest;
    while (before !== undefined && before.timeMs > seen.timeMs) before = before.older;
    const after = before === undefined ? this.#oldest : before.newer;
    seen.older = before;
    seen.newer = after;
    if (before === undefined) this.#oldest = seen;
    else before.newer = seen;
    if (after === undefined) this.#newest = seen;
    else after.older = seen;
  }

  #unlink(seen: Seen): void {
    const { older, newer } = seen;
    // One that is gone must not hold on to all that came after it, should anything still refer to it.
    seen.older = undefined;
    seen.newer = undefined;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }

  holds(): boolean {
    return satisfies(this.#byText.size, this.#all);
  }

  /** At most the count from which on the condition is decided. */
  value(): number {
    return this.#byText.size;
  }

  entries(): Entry[] {
    const result: Entry[] = [];
    for (let seen = this.#oldest; seen !== undefined; seen = seen.newer)
      result.push([seen.timeMs, seen.feed, seen.text]);
    return result;
  }

  get byteLength(): number {
    return 300 + this.#byText.size * 120 + this.#textLength * 2;
  }
}
