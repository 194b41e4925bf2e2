// What becomes of each loaded rule on a platform: it runs, it can never fire there (and why), or the configuration leaves it out.

import { Engine, type LogSource, type RuleHeader } from "../../detect/sigma/mod.ts";
import { createCatalogue, FieldTable, liveSources, type Platform } from "../../event/mod.ts";
import { excludedBy, type SigmaFilter, type SigmaRules } from "./sigma.ts";

export interface RuleState {
  readonly rule: RuleHeader;
  readonly kind: "rule" | "correlation";
  /** Of a rule; a correlation has none of its own. */
  readonly logsource?: LogSource;
  readonly state: "active" | "inert" | "filtered";
  /** Why it is inert, or the configuration key that leaves it out; empty for active ones. */
  readonly reason: string;
}

const filterKeys = {
  level: "sigma.min_level",
  status: "sigma.statuses",
  tags: "sigma.include_tags or sigma.exclude_tags",
};

/** Judges rules that were parsed without a filter, in their order, correlations last. Linear in rules. */
export function ruleStates(
  sigma: Pick<SigmaRules, "rules" | "correlations">,
  platform: Platform,
  filter?: SigmaFilter,
): readonly RuleState[] {
  const { route, fieldReason } = createCatalogue({ live: liveSources[platform], platform });
  const slots = new FieldTable();
  const judged = (rule: RuleHeader, reason: string | undefined): Pick<RuleState, "rule" | "state" | "reason"> => {
    const why = filter === undefined ? undefined : excludedBy(rule, filter);
    if (why !== undefined) return { rule, state: "filtered", reason: filterKeys[why] };
    return reason === undefined ? { rule, state: "active", reason: "" } : { rule, state: "inert", reason };
  };
  let inertCount = 0;
  const states = sigma.rules.map((rule): RuleState => {
    // Each by itself: ids and titles need not be unique, so that a list of inert ones would not say which are meant.
    const reason = new Engine([rule], { slots, route, fieldReason }).inert[0]?.reason;
    if (reason !== undefined) inertCount++;
    return { kind: "rule", logsource: rule.logsource, ...judged(rule, reason) };
  });
  const { rules, correlations } = sigma;
  if (correlations.length === 0) return states;
  const rest = new Engine(rules, { slots, route, fieldReason, correlations }).inert.slice(inertCount);
  let next = 0;
  for (const rule of correlations) {
    const candidate = rest[next];
    const isInert = candidate?.id === rule.id && candidate.title === rule.title;
    if (isInert) next++;
    states.push({ kind: "correlation", ...judged(rule, isInert ? candidate.reason : undefined) });
  }
  return states;
}
