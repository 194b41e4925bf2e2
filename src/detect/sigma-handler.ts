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
    this.#store.sigma.evaluate(event.source, event, this.#keep);
    if (hits.length === 0) return;
    for (const rule of hits)
      this.#emit(event, { engine: "sigma", rule: ruleInfo(rule), matches: matchesOf(rule, event, this.#slots) });
    hits.length = 0;
  }

  readonly #keep = (rule: RuleIr): void => {
    this.#hits.push(rule);
  };
}

/** What of a Sigma rule an alert shows. */
export function ruleInfo(rule: RuleIr): RuleInfo {
  return rule;
}
