// What happened in one group of a correlation during its timespan. The window ends at the newest event of the group; an event that
// comes late is put in its place as long as that place is inside. Each kind keeps as little as decides its condition.

import type { LinkedCorrelation } from "./ir.ts";

/** An event as a window takes it. */
export interface Sample {
  /** Which feeds it is an event of, ascending; at least one. */
  readonly feeds: readonly number[];
  /** What value_count counts. */
  readonly text: string;
  /** What the other value types look at. */
  readonly number: number;
}

/** An event as a window gives it back, and as it is written to disk: time, feed, value. */
export type Entry = readonly [timeMs: number, feed: number, value: string | number];

export interface Window {
  /**
   * Takes an event at `timeMs`, of which the newest in the group is at `newestMs`: at most a timespan later, never earlier. In order
   * O(1) amortized (percentile and median: O(log n) and a move of memory), late O(n).
   */
  add(timeMs: number, newestMs: number, sample: Sample): void;
  /** Whether the condition is true of the window that ended with the last event. */
  holds(): boolean;
  /** Count, sum, average … of that window; how many rules occurred, for temporal types. */
  value(): number;
  /** Entries that mattered and had to go for want of room, since it was made. */
  readonly overflowCount: number;
  /** Entries held, in order of time. Replaying them into an empty window gives the same window, but for what overflowed. */
  entries(): Entry[];
  /** Estimate of memory. */
  readonly byteLength: number;
}

/** What all windows of one correlation share. */
export type WindowPlan = Pick<LinkedCorrelation, "type" | "timespanMs" | "condition" | "percentile"> & {
  readonly feedCount: number;
};

/** Entries in order of time, from `head` on; growing at the back, shrinking at the front. */
export class TimeRing {
  readonly times: number[] = [];
  readonly feeds: number[] = [];
  readonly values: number[] = [];
  head = 0;

  get length(): number {
    return this.times.length - this.head;
  }

  /** Puts an entry behind all that are not later; gives back its index. */
  insert(timeMs: number, feed: number, value: number): number {
    let at = this.times.length;
    while (at > this.head && this.times[at - 1]! > timeMs) at--;
    if (at === this.times.length) {
      this.times.push(timeMs);
      this.feeds.push(feed);
      this.values.push(value);
    } else {
      this.times.splice(at, 0, timeMs);
      this.feeds.splice(at, 0, feed);
      this.values.splice(at, 0, value);
    }
    return at;
  }

  /** Whether the first entry is before `minMs`. */
  isStale(minMs: number): boolean {
    return this.head < this.times.length && this.times[this.head]! < minMs;
  }

  /** Gives up what was shifted out, now and then; returns by how much indices shrank. */
  compact(): number {
    const { head } = this;
    if (head < 32 || head * 2 < this.times.length) return 0;
    this.times.splice(0, head);
    this.feeds.splice(0, head);
    this.values.splice(0, head);
    this.head = 0;
    return head;
  }

  entries(): Entry[] {
    const result: Entry[] = [];
    for (let i = this.head; i < this.times.length; i++) result.push([this.times[i]!, this.feeds[i]!, this.values[i]!]);
    return result;
  }

  /** Three arrays of doubles, grown by half. */
  get byteLength(): number {
    return 200 + this.times.length * 36;
  }
}
