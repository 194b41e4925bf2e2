// The groups of one correlation: one window for each combination of group-by values, the group that was quiet longest first in
// line to go when room is needed.

import { EventCountWindow, ValueCountWindow } from "./counting.ts";
import type { LinkedCorrelation } from "./ir.ts";
import { lateRunMax } from "./limits.ts";
import { PercentileWindow, SumWindow } from "./measuring.ts";
import { OrderedWindow, TemporalWindow } from "./temporal.ts";
import type { Entry, Sample, Window, WindowPlan } from "./window.ts";

/** What became of an event: it changed the window, or came too late for it. */
export type Taken = "in" | "late";

export class Group {
  readonly key: string;
  /** In the order of `group-by`. */
  readonly values: readonly string[];
  newestMs = Number.NEGATIVE_INFINITY;
  /** The newest time when it fired last. */
  firedMs = Number.NEGATIVE_INFINITY;
  window: Window;
  /** Estimate of memory, as last counted by {@link CorrelationState}. */
  byteLength = 0;
  /** Neighbours by when they were last used. */
  older: Group | undefined;
  newer: Group | undefined;
  #lateRun = 0;
  readonly #plan: WindowPlan;

  constructor(key: string, values: readonly string[], plan: WindowPlan) {
    this.key = key;
    this.values = values;
    this.#plan = plan;
    this.window = makeWindow(plan);
  }

  /**
   * Takes an event. One that is more than a timespan older than the newest has no place in the window; after {@link lateRunMax} of
   * these in a row the newest is taken to have been wrong, and the group starts over.
   */
  take(timeMs: number, sample: Sample): Taken {
    if (timeMs < this.newestMs - this.#plan.timespanMs) {
      if (++this.#lateRun < lateRunMax) return "late";
      this.newestMs = timeMs;
      this.firedMs = Number.NEGATIVE_INFINITY;
      this.window = makeWindow(this.#plan);
    }
    this.#lateRun = 0;
    if (timeMs > this.newestMs) this.newestMs = timeMs;
    this.window.add(timeMs, this.newestMs, sample);
    return "in";
  }

  /** Whether the group may fire: not within a timespan after it last did, so that no event counts for two hits. */
  get isArmed(): boolean {
    return this.newestMs > this.firedMs + this.#plan.timespanMs;
  }

  restore(newestMs: number, firedMs: number, entries: readonly Entry[]): void {
    for (const [timeMs, feed, value] of entries) {
      if (timeMs > this.newestMs) this.newestMs = timeMs;
      const sample = { feeds: [feed], text: String(value), number: typeof value === "number" ? value : 0 };
      this.window.add(timeMs, this.newestMs, sample);
    }
    this.newestMs = Math.max(newestMs, this.newestMs);
    this.firedMs = firedMs;
  }
}

function makeWindow(plan: WindowPlan): Window {
  switch (plan.type) {
    case "event_count":
      return new EventCountWindow(plan);
    case "value_count":
      return new ValueCountWindow(plan);
    case "temporal":
      return new TemporalWindow(plan);
    case "temporal_ordered":
      return new OrderedWindow(plan);
    case "value_sum":
    case "value_avg":
      return new SumWindow(plan);
    case "value_percentile":
    case "value_median":
      return new PercentileWindow(plan);
  }
}

/** Why groups went, and what was not taken. Counters are totals since the state was made. */
export interface CorrelationCounts {
  /** Events, or hits of other correlations, taken into a window. */
  taken: number;
  fired: number;
  /** Groups that were given up while they could still have fired: detections may be lost. */
  evicted: number;
  /** Groups whose window had run out: nothing is lost. */
  expired: number;
  /** Events older than the window of their group. */
  late: number;
  /** Events without a group-by field, or without the field or number that is looked at. */
  missing: number;
}

/** What one correlation remembers. Knows no engine, no slots and no header, so that it moves from engine to engine. */
export class CorrelationState {
  readonly counts: CorrelationCounts;
  readonly plan: WindowPlan;
  readonly #groups = new Map<string, Group>();
  #oldest: Group | undefined;
  #newest: Group | undefined;
  /** Estimate of memory. */
  byteLength = 0;
  /** Entries that overflowed in groups that are gone. */
  #overflowBefore = 0;

  /** Empty; counts may go on from those of a state that this one replaces. */
  constructor({ type, timespanMs, condition, percentile, feeds }: LinkedCorrelation, before?: CorrelationState) {
    this.counts = before?.counts ?? { taken: 0, fired: 0, evicted: 0, expired: 0, late: 0, missing: 0 };
    this.#overflowBefore = before?.overflowCount ?? 0;
    this.plan = { type, timespanMs, condition, percentile, feedCount: feeds.length };
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Entries that windows had to give up while they were inside the timespan. Linear in groups. */
  get overflowCount(): number {
    let sum = this.#overflowBefore;
    for (const { window } of this.#groups.values()) sum += window.overflowCount;
    return sum;
  }

  /** The group of a key, made when it is not there, and now the one used last. */
  use(key: string, values: readonly string[]): Group {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new Group(key, values, this.plan);
      this.#groups.set(key, group);
    } else if (group === this.#newest) return group;
    else this.#unlink(group);
    group.older = this.#newest;
    group.newer = undefined;
    if (this.#newest === undefined) this.#oldest = group;
    else this.#newest.newer = group;
    this.#newest = group;
    return group;
  }

  /** Counts a group's memory anew; call after it took an event. Returns the change. */
  measure(group: Group): number {
    // Map entry, group, its links; two bytes a character of the key and its values.
    const byteLength = 400 + group.key.length * 4 + group.window.byteLength;
    const change = byteLength - group.byteLength;
    group.byteLength = byteLength;
    this.byteLength += change;
    return change;
  }

  /**
   * Gives up the group that was quiet longest, or only if it cannot matter any more: an event at most a timespan older than `nowMs` finds
   * nothing in it. False when nothing was given up.
   */
  drop(nowMs: number, onlyExpired: boolean): boolean {
    const group = this.#oldest;
    if (group === undefined) return false;
    const isExpired = group.newestMs < nowMs - 2 * this.plan.timespanMs;
    if (onlyExpired && !isExpired) return false;
    this.#unlink(group);
    this.#groups.delete(group.key);
    this.byteLength -= group.byteLength;
    this.#overflowBefore += group.window.overflowCount;
    if (isExpired) this.counts.expired++;
    else this.counts.evicted++;
    return true;
  }

  /** Groups, the one that was quiet longest first. */
  *groups(): Generator<Group> {
    for (let group = this.#oldest; group !== undefined; group = group.newer) yield group;
  }

  #unlink(group: Group): void {
    const { older, newer } = group;
    // One that is gone must not hold on to all that came after it, should anything still refer to it.
    group.older = undefined;
    group.newer = undefined;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
