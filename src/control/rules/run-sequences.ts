// Runs the sequences that test a correlation: events with times of their own, evaluated with everything that was loaded, each sequence from empty windows.

import { Engine, type LinkedCorrelation, RecordEvent, type RuleIr } from "../../detect/sigma/mod.ts";
import { FieldTable, replayCatalogue } from "../../event/mod.ts";
import { eventFields, type RuleSequence } from "./tests.ts";

/** When sequences begin: any time will do, always the same one. */
const beginMs = Date.UTC(2026, 0, 1);

/** What a sequence came to. */
export interface SequenceOutcome {
  readonly fired: boolean;
  /** How often each rule below the correlation matched, for people: `a 3, b 0`. */
  readonly matches: string;
  /** Set when it could not be run. */
  readonly fault?: string;
}

export class SequenceRunner {
  readonly #rules: readonly RuleIr[];
  readonly #correlations: readonly LinkedCorrelation[];
  readonly #slots = new FieldTable();
  #engine: Engine | undefined;

  constructor(rules: readonly RuleIr[], correlations: readonly LinkedCorrelation[]) {
    this.#rules = rules;
    // One that only feeds another is tested like any other.
    this.#correlations = correlations.map((one) => ({ ...one, silent: false }));
  }

  /** `index` is that of the correlation among those given. */
  run(index: number, { events }: RuleSequence): SequenceOutcome {
    this.#engine ??= new Engine(
      this.#rules.map(({ silent: _, ...rule }) => rule),
      { slots: this.#slots, route: replayCatalogue.route, correlations: this.#correlations },
    );
    const engine = this.#engine;
    engine.forgetState();
    const below = this.#below(index);
    const counts = new Map(below.map((rule) => [rule, 0]));
    const loud = new Map<string, RuleIr>();
    for (const rule of below) loud.set(`${rule.id}\n${rule.file}\n${rule.line}`, rule);
    const target = this.#correlations[index];
    let fired = false;
    for (const { atMs, times, everyMs, of, fields } of events) {
      const rule =
        of === "" ? below[0] : below.find(({ id, name }) => name === of || id.toLowerCase() === of.toLowerCase());
      if (rule === undefined) return { fired, matches: "", fault: `the correlation refers to no rule '${of}'` };
      const route = replayCatalogue.route(rule.logsource);
      const source = "sources" in route ? route.sources[0] : undefined;
      if (source === undefined) return { fired, matches: "", fault: `events of rule '${rule.title}' do not exist` };
      for (let time = 0; time < times; time++) {
        const event = new RecordEvent(eventFields(rule, { fields }), this.#slots, beginMs + atMs + time * everyMs);
        engine.evaluate(
          source,
          event,
          (hit) => {
            const known = loud.get(`${hit.id}\n${hit.file}\n${hit.line}`);
            if (known !== undefined) counts.set(known, (counts.get(known) ?? 0) + 1);
          },
          (hit) => {
            if (hit === target) fired = true;
          },
        );
      }
    }
    return { fired, matches: [...counts].map(([rule, count]) => `${rule.name || rule.title} ${count}`).join(", ") };
  }

  /** The plain rules below a correlation, in order. */
  #below(index: number): RuleIr[] {
    const found = new Set<RuleIr>();
    const walk = (at: number): void => {
      for (const { rule, correlation } of this.#correlations[at]?.feeds ?? []) {
        if (rule !== undefined) found.add(this.#rules[rule]!);
        if (correlation !== undefined) walk(correlation);
      }
    };
    walk(index);
    return [...found];
  }
}
