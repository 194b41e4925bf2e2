// SigmaDetectionHandler: evaluates Sigma on every event with the live engine of the DetectorStore, and tells each hit. What a
// rule matched on is worked out only for hits.

import type { NormalizedEvent } from "../event/mod.ts";
import type { Hit, RuleInfo } from "./detector.ts";
import type { EventHandler } from "./router.ts";
import { matchesOf, type RuleIr, type SlotTable } from "./sigma/mod.ts";
import type { DetectorStore } from "./store.ts";

export class SigmaDetectionHandler<Event extends NormalizedEvent> implements EventHandler<Event> {
  readonly name = "sigma";
  readonly #store: DetectorStore;
  readonly #slots: SlotTable;
  readonly #emit: (event: Event, hit: Hit) => void;
  readonly #hits: RuleIr[] = [];

  constructor(store: DetectorStore, slots: SlotTable, emit: (event: Event, hit: Hit) => void) {
    this.#store = store;
    this.#slots = slots;
    this.#emit = emit;
  }

  handle(event: Event): void {
    const hits = this.#hits;
    try {
      this.#store.sigma.evaluate(event.source, event, this.#keep);
      for (const rule of hits)
        this.#emit(event, { engine: "sigma", rule: ruleInfo(rule), matches: matchesOf(rule, event, this.#slots) });
    } finally {
      // Also after a fault: what this event hit must never be told of the next one.
      if (hits.length > 0) hits.length = 0;
    }
  }

  readonly #keep = (rule: RuleIr): void => {
    this.#hits.push(rule);
  };
}

/** What of a Sigma rule an alert shows, without what evaluates it. The same object for the same rule: encoders cache by it. */
export function ruleInfo(rule: RuleIr): RuleInfo {
  const known = infos.get(rule);
  if (known !== undefined) return known;
  const { id, title, description, level, status, author, references, tags, falsepositives, version, license, file } =
    rule;
  const category = rule.logsource.category ?? rule.logsource.service;
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

const infos = new WeakMap<RuleIr, RuleInfo>();
