// Feeds the matches of an event to the correlations that wait for them, and these to one another. Looked at only for events that
// matched a rule that feeds one: all other events do not come here.

import { type CorrelationCounts, CorrelationState, type Group } from "./group.ts";
import { keyOf, type Reader, readerOf, sampleOf, textsOf } from "./group-key.ts";
import type { LinkedCorrelation, RuleIr } from "./ir.ts";
import { groupCountMax, summaryCountMax, windowsSizeMaxBytes } from "./limits.ts";
import type { SigmaEvent, SlotTable } from "./types.ts";

/** A correlation fired. */
export interface CorrelationMatch {
  /** Values of the group-by fields, by the names that the correlation gives them; long ones shortened. */
  readonly group: Readonly<Record<string, string>>;
  /** What was compared: a count, a sum …; for temporal types the number of rules that occurred. */
  readonly value: number;
  /** The newest events that led here, oldest first, at most 16. */
  readonly events: readonly EventSummary[];
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface EventSummary {
  readonly timeMs: number;
  /** As the correlation refers to it. */
  readonly rule: string;
  /** Of value types, what was looked at. */
  readonly value?: string | number;
}

export type EmitCorrelation = (correlation: LinkedCorrelation, match: CorrelationMatch) => void;

/** What correlations did and hold, over all of them; see `CorrelationCounts`. */
export interface CorrelationStats {
  readonly correlationCount: number;
  readonly groupCount: number;
  readonly byteLength: number;
  readonly takenCount: number;
  readonly firedCount: number;
  readonly evictedCount: number;
  readonly expiredCount: number;
  readonly lateCount: number;
  readonly missingCount: number;
  readonly overflowCount: number;
}

/** Memory and groups that are allowed; the defaults are those of `limits.ts`. */
export interface CorrelationLimits {
  readonly sizeMaxBytes?: number;
  readonly groupCountMax?: number;
}

/** One of a correlation's rules occurred; `group` when that rule is a correlation. */
interface Input {
  readonly reader: Reader;
  readonly group: Group | undefined;
}

interface Link {
  readonly correlation: number;
  readonly reader: Reader;
}

/** An event as one group of a correlation sees it. */
interface Occurrence {
  readonly key: string;
  readonly values: readonly string[];
  readonly feeds: number[];
  readonly text: string;
  readonly number: number;
}

export class Correlator {
  readonly correlations: readonly LinkedCorrelation[];
  /** By correlation. Another correlator may take them over (`adopt`). */
  readonly states: CorrelationState[];
  readonly #byRule = new Map<RuleIr, Link[]>();
  /** Per correlation, those it feeds. */
  readonly #above: readonly Link[][];
  readonly #sizeMaxBytes: number;
  readonly #groupCountMax: number;
  #byteLength = 0;
  /** Newest time of all events, for those that have none. */
  #newestMs = 0;
  /** Of states that were not taken over from correlators before this one: counters never go back. */
  #countsBefore: CountedStats = { taken: 0, fired: 0, evicted: 0, expired: 0, late: 0, missing: 0, overflowed: 0 };
  /** The correlation that was cleared last without anything having happened to it. */
  #turn = 0;

  constructor(
    rules: readonly RuleIr[],
    correlations: readonly LinkedCorrelation[],
    slots: SlotTable,
    limits: CorrelationLimits = {},
  ) {
    this.correlations = correlations;
    this.states = correlations.map((correlation) => new CorrelationState(correlation));
    this.#above = correlations.map((): Link[] => []);
    this.#sizeMaxBytes = limits.sizeMaxBytes ?? windowsSizeMaxBytes;
    this.#groupCountMax = limits.groupCountMax ?? groupCountMax;
    for (const [index, correlation] of correlations.entries()) {
      for (const [feed, from] of correlation.feeds.entries()) {
        const inner = from.correlation === undefined ? [] : correlations[from.correlation]!.groupBy;
        const link = { correlation: index, reader: readerOf(from, feed, inner, slots) };
        if (from.correlation !== undefined) this.#above[from.correlation]!.push(link);
        else {
          const rule = rules[from.rule!]!;
          const links = this.#byRule.get(rule);
          if (links === undefined) this.#byRule.set(rule, [link]);
          else links.push(link);
        }
      }
    }
  }

  /** Takes the rules that an event matched; calls `emit` for each correlation that fires and is not silent, those below first. */
  take(matched: readonly RuleIr[], event: SigmaEvent, emit: EmitCorrelation | undefined): void {
    let inputs: Map<number, Input[]> | undefined;
    for (const rule of matched) {
      const links = this.#byRule.get(rule);
      if (links === undefined) continue;
      inputs ??= new Map();
      for (const { correlation, reader } of links) put(inputs, correlation, { reader, group: undefined });
    }
    if (inputs === undefined) return;
    const timeMs = this.#timeOf(event);
    const fired: [LinkedCorrelation, CorrelationMatch][] = [];
    // A correlation's number is above those of all that feed it: in this order each is complete when its turn comes.
    while (inputs.size > 0) {
      const index = Math.min(...inputs.keys());
      const list = inputs.get(index)!;
      inputs.delete(index);
      this.#run(index, list, event, timeMs, inputs, fired);
      this.#clear(index, timeMs);
    }
    // Correlations that nothing happens to any more give back their memory too.
    this.#turn = (this.#turn + 1) % this.states.length;
    this.#clear(this.#turn, timeMs);
    this.#makeRoom(timeMs);
    if (emit !== undefined) for (const [correlation, match] of fired) emit(correlation, match);
  }

  #run(
    index: number,
    list: readonly Input[],
    event: SigmaEvent,
    timeMs: number,
    inputs: Map<number, Input[]>,
    fired: [LinkedCorrelation, CorrelationMatch][],
  ): void {
    const correlation = this.correlations[index]!;
    const state = this.states[index]!;
    const { counts } = state;
    for (const occurrence of this.#occurrences(correlation, list, event, counts)) {
      const group = state.use(occurrence.key, occurrence.values);
      const taken = group.take(timeMs, occurrence);
      this.#byteLength += state.measure(group);
      if (taken === "late") {
        counts.late++;
        continue;
      }
      counts.taken++;
      if (!group.window.holds()) continue;
      const fires = group.isArmed;
      // To one that waits for it to occur it occurs as long as it holds; to one that counts, once a hit.
      for (const { correlation: above, reader } of this.#above[index]!)
        if (fires || this.correlations[above]!.type.startsWith("temporal")) put(inputs, above, { reader, group });
      if (!fires) continue;
      group.firedMs = group.newestMs;
      counts.fired++;
      if (!correlation.silent) fired.push([correlation, matchOf(correlation, group)]);
    }
  }

  /** An event counts once in each group, whichever of the rules it matched. */
  #occurrences(
    correlation: LinkedCorrelation,
    list: readonly Input[],
    event: SigmaEvent,
    counts: { missing: number },
  ): Occurrence[] {
    const found: Occurrence[] = [];
    let missing = false;
    for (const { reader, group } of list) {
      const values = textsOf(reader.groupBy, event, group);
      const key = values === undefined ? undefined : keyOf(values);
      const known = found.find((one) => one.key === key);
      if (known !== undefined) {
        known.feeds.push(reader.feed);
        continue;
      }
      const sample = values === undefined ? undefined : sampleOf(correlation.type, reader, event, group);
      if (values === undefined || key === undefined || sample === undefined) missing = true;
      else found.push({ key, values, feeds: [reader.feed], ...sample });
    }
    if (missing && found.length === 0) counts.missing++;
    for (const { feeds } of found) if (feeds.length > 1) feeds.sort((a, b) => a - b);
    return found;
  }

  #timeOf(event: SigmaEvent): number {
    const timeMs = event.timeMs;
    // An event without a time happened now, which is when the newest did.
    if (timeMs === undefined || !Number.isFinite(timeMs)) return this.#newestMs;
    if (timeMs > this.#newestMs) this.#newestMs = timeMs;
    return timeMs;
  }

  /** Clears away groups that have run out, a few at most, and those beyond the limit of groups. */
  #clear(index: number, nowMs: number): void {
    const state = this.states[index]!;
    // Two: a new group for each event must not outrun the clearing.
    for (let i = 0; i < 2; i++) this.#drop(state, nowMs, true);
    while (state.groupCount > this.#groupCountMax) this.#drop(state, nowMs, false);
  }

  /** Gives up what was quiet longest in the correlation that holds most, until all fits. */
  #makeRoom(nowMs: number): void {
    while (this.#byteLength > this.#sizeMaxBytes) {
      const largest = this.states.reduce((a, b) => (b.byteLength > a.byteLength ? b : a));
      if (!this.#drop(largest, nowMs, false)) break;
    }
  }

  #drop(state: CorrelationState, nowMs: number, onlyExpired: boolean): boolean {
    const before = state.byteLength;
    const isDropped = state.drop(nowMs, onlyExpired);
    this.#byteLength += state.byteLength - before;
    return isDropped;
  }

  /**
   * Takes over the windows of every correlation that fires by the same (`digest`); they are then shared, so the other correlator must
   * not run any more. Windows of the others are gone with it. Returns how many were taken over.
   */
  adopt(previous: Correlator): number {
    const byDigest = new Map<string, CorrelationState[]>();
    for (const [index, { digest }] of previous.correlations.entries()) {
      const list = byDigest.get(digest);
      if (list === undefined) byDigest.set(digest, [previous.states[index]!]);
      else list.push(previous.states[index]!);
    }
    let adopted = 0;
    for (const [index, { digest }] of this.correlations.entries()) {
      const state = byDigest.get(digest)?.shift();
      if (state === undefined) continue;
      this.#byteLength += state.byteLength - this.states[index]!.byteLength;
      this.states[index] = state;
      this.#clear(index, previous.#newestMs);
      adopted++;
    }
    const left = [...byDigest.values()].flat().map(countsOf);
    this.#countsBefore = [previous.#countsBefore, ...left].reduce(sumOf, this.#countsBefore);
    this.#newestMs = Math.max(this.#newestMs, previous.#newestMs);
    this.#makeRoom(this.#newestMs);
    return adopted;
  }

  /** Empties all windows; counters go on. */
  forget(): void {
    for (const [index, correlation] of this.correlations.entries())
      this.states[index] = new CorrelationState(correlation, this.states[index]);
    this.#byteLength = 0;
    this.#newestMs = 0;
  }

  /** Puts a group back that was written out; see correlation-state.ts. */
  restore(index: number, values: readonly string[], fill: (group: Group) => void): void {
    const state = this.states[index]!;
    const group = state.use(keyOf(values), values);
    fill(group);
    this.#byteLength += state.measure(group);
    this.#newestMs = Math.max(this.#newestMs, group.newestMs);
    while (state.groupCount > this.#groupCountMax) this.#drop(state, this.#newestMs, false);
    this.#makeRoom(this.#newestMs);
  }

  get stats(): CorrelationStats {
    const counts = this.states.map(countsOf).reduce(sumOf, this.#countsBefore);
    return {
      correlationCount: this.correlations.length,
      groupCount: this.states.reduce((sum, { groupCount }) => sum + groupCount, 0),
      byteLength: this.#byteLength,
      takenCount: counts.taken,
      firedCount: counts.fired,
      evictedCount: counts.evicted,
      expiredCount: counts.expired,
      lateCount: counts.late,
      missingCount: counts.missing,
      overflowCount: counts.overflowed,
    };
  }
}

type CountedStats = Readonly<CorrelationCounts> & { readonly overflowed: number };

function countsOf(state: CorrelationState): CountedStats {
  return { ...state.counts, overflowed: state.overflowCount };
}

function sumOf(left: CountedStats, right: CountedStats): CountedStats {
  return {
    taken: left.taken + right.taken,
    fired: left.fired + right.fired,
    evicted: left.evicted + right.evicted,
    expired: left.expired + right.expired,
    late: left.late + right.late,
    missing: left.missing + right.missing,
    overflowed: left.overflowed + right.overflowed,
  };
}

function put(inputs: Map<number, Input[]>, correlation: number, input: Input): void {
  const list = inputs.get(correlation);
  if (list === undefined) inputs.set(correlation, [input]);
  else list.push(input);
}

function matchOf(correlation: LinkedCorrelation, group: Group): CorrelationMatch {
  const { type, groupBy, feeds, timespanMs } = correlation;
  const entries = group.window.entries().filter(([timeMs]) => timeMs >= group.newestMs - timespanMs);
  const events = entries.slice(-summaryCountMax).map(([timeMs, feed, value]): EventSummary => {
    const rule = feeds[feed]!.name;
    return type.startsWith("value_") ? { timeMs, rule, value } : { timeMs, rule };
  });
  return {
    group: Object.fromEntries(groupBy.map((field, i) => [field, group.values[i]!])),
    value: group.window.value(),
    events,
    firstMs: entries[0]?.[0] ?? group.newestMs,
    lastMs: group.newestMs,
  };
}
