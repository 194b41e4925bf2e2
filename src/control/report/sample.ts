// Which alerts a report keeps in full: of each rule an even sample over all that it had, and of all rules together no more text than
// the report may hold. Depends on nothing but the order of alerts, so the same replay keeps the same ones.

import { alertsPerRuleMax, keptMaxChars } from "./limits.ts";

/** An event that may be kept by several rules. */
export interface Sampled<Event> {
  readonly event: Event;
  /** Characters of the event. */
  readonly chars: number;
  /** How many kept alerts refer to it. */
  uses: number;
}

interface Kept<Event, Detail> {
  readonly on: Sampled<Event>;
  readonly detail: Detail;
  readonly chars: number;
}

class RuleSample<Event, Detail> {
  /** Every `stride`-th alert is kept: a power of two. */
  stride = 1;
  seen = 0;
  kept: Kept<Event, Detail>[] = [];
}

export class AlertSample<Event, Detail> {
  /** Alerts kept of one rule at most; halved when all together are too large. */
  limit: number;
  readonly #maxChars: number;
  readonly #rules: RuleSample<Event, Detail>[] = [];
  #chars = 0;

  constructor(limit: number = alertsPerRuleMax, maxChars: number = keptMaxChars) {
    this.limit = limit;
    this.#maxChars = maxChars;
  }

  /** Counts an alert of a rule (a small index); true when {@link keep} is to be called with it. */
  wants(rule: number): boolean {
    let sample = this.#rules[rule];
    if (sample === undefined) {
      sample = new RuleSample();
      this.#rules[rule] = sample;
    }
    return sample.seen++ % sample.stride === 0;
  }

  /** Keeps the alert that was just wanted; it, or others, are let go when that is too much. */
  keep(rule: number, on: Sampled<Event>, detail: Detail, chars: number): void {
    const sample = this.#rules[rule]!;
    if (on.uses++ === 0) this.#chars += on.chars;
    this.#chars += chars;
    sample.kept.push({ on, detail, chars });
    while (sample.kept.length > this.limit) this.#thin(sample);
    while (this.#chars > this.#maxChars && this.limit > 1) {
      this.limit = Math.floor(this.limit / 2);
      for (const each of this.#rules) while (each !== undefined && each.kept.length > this.limit) this.#thin(each);
    }
    // One alert each is too much already: rules that fire for the first time late have none.
    if (this.#chars > this.#maxChars && sample.kept.length > 0) this.#release(sample.kept.pop()!);
  }

  /** What is kept of a rule, in order. */
  of(rule: number): readonly { readonly on: Sampled<Event>; readonly detail: Detail }[] {
    return this.#rules[rule]?.kept ?? [];
  }

  #thin(sample: RuleSample<Event, Detail>): void {
    sample.stride *= 2;
    sample.kept = sample.kept.filter((kept, at) => {
      if (at % 2 === 0) return true;
      this.#release(kept);
      return false;
    });
  }

  #release({ on, chars }: Kept<Event, Detail>): void {
    this.#chars -= chars;
    if (--on.uses === 0) this.#chars -= on.chars;
  }
}
