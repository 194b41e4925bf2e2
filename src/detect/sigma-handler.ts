// SigmaDetectionHandler: evaluates Sigma on every event with the live engine of the DetectorStore, then looks the event up in the
// indicators, and tells each hit. What a rule matched on is worked out only for hits.

import type { NormalizedEvent } from "../event/mod.ts";
import type { Hit, Match, RuleInfo } from "./detector.ts";
import { indicatorHit } from "./indicator-hit.ts";
import type { IndicatorHit } from "./ioc/mod.ts";
import type { StagedHandler } from "./router.ts";
import {
  type CorrelationMatch,
  type LinkedCorrelation,
  matchesOf,
  type RuleHeader,
  type RuleIr,
  type SlotTable,
} from "./sigma/mod.ts";
import type { DetectorStore } from "./store.ts";

/** What an event is by itself: the rules whose conditions it meets, and the indicators that it holds. */
interface Found {
  readonly rules: readonly RuleIr[];
  readonly indicators: readonly IndicatorHit[];
}

const none: readonly never[] = [];

export class SigmaDetectionHandler<Event extends NormalizedEvent> implements StagedHandler<Event, Found> {
  readonly name = "sigma";
  readonly #store: DetectorStore;
  readonly #slots: SlotTable;
  readonly #emit: (event: Event, hit: Hit) => void;
  readonly #hits: RuleIr[] = [];
  readonly #correlationHits: [LinkedCorrelation, CorrelationMatch][] = [];
  /** Of the event at hand; made anew when there was one. */
  #indicatorHits: IndicatorHit[] = [];

  constructor(store: DetectorStore, slots: SlotTable, emit: (event: Event, hit: Hit) => void) {
    this.#store = store;
    this.#slots = slots;
    this.#emit = emit;
  }

  handle(event: Event): void {
    const found = this.examine(event);
    if (found !== undefined) this.conclude(event, found);
  }

  examine(event: Event): Found | undefined {
    const rules = this.#store.sigma.match(event.source, event);
    this.#store.ioc?.match(event, this.#keepIndicator);
    const indicators = this.#indicatorHits;
    if (indicators.length > 0) this.#indicatorHits = [];
    else if (rules === undefined) return undefined;
    return { rules: rules ?? none, indicators };
  }

  conclude(event: Event, { rules, indicators }: Found): void {
    const hits = this.#hits;
    const correlationHits = this.#correlationHits;
    try {
      if (rules.length > 0) this.#store.sigma.conclude(rules, event, this.#keep, this.#keepCorrelation);
      for (const rule of hits)
        this.#emit(event, { engine: "sigma", rule: ruleInfo(rule), matches: matchesOf(rule, event, this.#slots) });
      for (const [index, [correlation, match]] of correlationHits.entries())
        this.#emit(event, {
          engine: "sigma",
          rule: ruleInfo(correlation),
          matches: correlationMatches(correlation, match),
          ...groupOf(correlationHits, index),
        });
      for (const hit of indicators) this.#emit(event, indicatorHit(hit));
    } finally {
      // Also after a fault: what this event hit must never be told of the next one.
      if (hits.length > 0) hits.length = 0;
      if (correlationHits.length > 0) correlationHits.length = 0;
    }
  }

  readonly #keep = (rule: RuleIr): void => {
    this.#hits.push(rule);
  };

  readonly #keepCorrelation = (correlation: LinkedCorrelation, match: CorrelationMatch): void => {
    this.#correlationHits.push([correlation, match]);
  };

  readonly #keepIndicator = (hit: IndicatorHit): void => {
    this.#indicatorHits.push(hit);
  };
}

/** Tells hit number `index` from the others of its correlation on the same event. Groups whose long values were shortened to the same are numbered. */
function groupOf(hits: readonly (readonly [LinkedCorrelation, CorrelationMatch])[], index: number): { group?: string } {
  const textOf = (match: CorrelationMatch): string => JSON.stringify(Object.entries(match.group));
  const hit = hits[index];
  if (hit === undefined) return {};
  const [correlation, match] = hit;
  const group = textOf(match);
  const before = hits.slice(0, index).filter(([other, its]) => other === correlation && textOf(its) === group).length;
  if (before > 0) return { group: `${group}#${before}` };
  return group === "[]" ? {} : { group };
}

/** What an alert shows of a correlation's hit: its group, its condition with what was counted, and the newest of its events. */
function correlationMatches({ type, conditionText, valueFields }: LinkedCorrelation, match: CorrelationMatch): Match[] {
  const field = valueFields.join(", ");
  const group = Object.entries(match.group).map(
    ([name, value]): Match => ({ selection: "group-by", field: name, modifier: "", pattern: "", value }),
  );
  const condition: Match = {
    selection: "condition",
    field,
    modifier: type,
    pattern: conditionText,
    value: String(match.value),
  };
  const events = match.events.map(({ timeMs, rule, value }): Match => {
    const when = isoTime(timeMs);
    return {
      selection: "event",
      field,
      modifier: "",
      pattern: rule,
      value: value === undefined ? when : `${when} ${value}`,
    };
  });
  return [...group, condition, ...events];
}

/** Times beyond what a Date holds (8.64e15 ms) stay numbers. */
function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

/**
 * What of a Sigma rule or correlation an alert shows, without what evaluates it. The same object for the same rule: encoders
 * cache by it.
 */
export function ruleInfo(rule: RuleIr | LinkedCorrelation): RuleInfo {
  const known = infos.get(rule);
  if (known !== undefined) return known;
  const { id, title, description, level, status, author, references, tags, falsepositives, version, license, file } =
    rule;
  const category = "logsource" in rule ? (rule.logsource.category ?? rule.logsource.service) : undefined;
  const base = {
    id,
    title,
    description,
    level,
    status,
    author,
    references,
    tags,
    falsepositives,
    version,
    license,
    file,
  };
  const info = category === undefined ? base : { ...base, category };
  infos.set(rule, info);
  return info;
}

const infos = new WeakMap<RuleHeader, RuleInfo>();
