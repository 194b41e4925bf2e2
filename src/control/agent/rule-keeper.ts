// The rules that are live and those on their way to the worker: by generation, so that an alert finds the rule that it names, also
// while one set takes the place of another.

import { type IndicatorSet, type RuleInfo, ruleInfo } from "../../detect/mod.ts";
import type { RuleIr } from "../../detect/sigma/mod.ts";
import { createCatalogue, liveSources } from "../../event/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import type { RulesMessage } from "../detect/mod.ts";
import type { Log } from "../log/mod.ts";
import type { AgentStatus } from "../observe/mod.ts";
import { type Indicators, packIndicators, type SigmaRules } from "../rules/mod.ts";

const catalogue = createCatalogue({ live: liveSources.linux, platform: "linux" });

/**
 * What the worker needs of a rule: of one for events that no sensor here ever delivers, what it is called, and not what it asks. The worker
 * tells such a rule as inert by its log source alone. Nine of ten public rules are for other platforms; their values are most of the memory.
 */
export function withoutUseless(rule: RuleIr): RuleIr {
  if ("sources" in catalogue.route(rule.logsource)) return rule;
  return { ...rule, conditions: [], predicates: [], selections: [], condition: { kind: "const", value: false } };
}

export class RuleKeeper {
  readonly #log: Log;
  readonly #send: (message: RulesMessage) => void;
  /** By generation: the live set, and those sent since that the worker has not confirmed. */
  readonly #rules = new Map<number, readonly RuleInfo[]>();
  #generation = 0;
  #counts: Omit<AgentStatus["rules"], "generation"> = {
    loaded: 0,
    active: 0,
    inert: 0,
    rejected: 0,
    indicators: 0,
    digest: "",
  };

  constructor(log: Log, send: (message: RulesMessage) => void) {
    this.#log = log;
    this.#send = send;
  }

  /** Rules of the set that was sent last. */
  get count(): number {
    return this.#rules.get(this.#generation)?.length ?? 0;
  }

  get counts(): AgentStatus["rules"] {
    return { ...this.#counts, generation: this.#generation };
  }

  /** The rule that an alert names; `undefined` for a set that nobody knows. */
  ruleOf(generation: number, index: number): RuleInfo | undefined {
    return this.#rules.get(generation)?.[index];
  }

  /** Sends a set to the worker, and says in the log what of it was not taken. Returns its indicators. */
  put(loaded: SigmaRules, config: AppConfig): IndicatorSet | undefined {
    for (const { file, line, column, severity, message, hint } of loaded.diagnostics)
      this.#log.warn(severity === "error" ? "rule rejected" : "rule warning", {
        file,
        line,
        column,
        reason: message,
        hint,
      });
    const indicators = packIndicators(loaded.files.files, config.ioc, Date.now());
    this.#sayIndicators(indicators);
    if (loaded.rules.length === 0) this.#log.warn("no rule is loaded", { documents: loaded.documents });
    const { rules, correlations, files } = loaded;
    const faults = [...loaded.diagnostics, ...indicators.diagnostics].filter(({ severity }) => severity === "error");
    this.#counts = {
      ...this.#counts,
      loaded: rules.length + correlations.length,
      rejected: faults.length,
      indicators: indicators.count,
      digest: files.digest,
    };
    const generation = ++this.#generation;
    this.#rules.set(generation, [...rules, ...correlations].map(ruleInfo));
    this.#send({
      type: "rules",
      generation,
      digest: files.digest,
      rules: rules.map(withoutUseless),
      correlations,
      indicators: indicators.set,
    });
    return indicators.set;
  }

  /** The worker runs a set: those before it are forgotten. Whether it is the one that was sent last. */
  live(generation: number, active: number, inert: number): boolean {
    this.#counts = { ...this.#counts, active, inert };
    for (const known of this.#rules.keys()) if (known < generation) this.#rules.delete(known);
    return this.isNewest(generation);
  }

  isNewest(generation: number): boolean {
    return generation === this.#generation;
  }

  #sayIndicators({ count, reports, diagnostics }: Indicators): void {
    for (const { file, line, column, message, hint } of diagnostics)
      this.#log.warn("indicators", { file, line, column, reason: message, hint });
    if (reports.length === 0) return;
    const sum = (name: "duplicates" | "skipped" | "rejected"): number =>
      reports.reduce((total, report) => total + report[name], 0);
    this.#log.info("indicators loaded", {
      files: reports.length,
      count,
      duplicates: sum("duplicates"),
      skipped: sum("skipped"),
      rejected: sum("rejected"),
    });
  }
}
