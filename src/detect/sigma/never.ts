// Which correlations can never fire, because the rules that feed them cannot.

import { satisfies } from "./correlation.ts";
import type { Condition, LinkedCorrelation } from "./ir.ts";

/** Per correlation why it cannot fire, or `undefined`; `dead` says the same of the rules. */
export function whyNever(correlations: readonly LinkedCorrelation[], dead: readonly boolean[]): (string | undefined)[] {
  const reasons: (string | undefined)[] = [];
  for (const correlation of correlations) {
    const gone = correlation.feeds.map(({ rule, correlation: below }) =>
      rule === undefined ? reasons[below!] !== undefined : dead[rule]!,
    );
    const names = correlation.feeds.flatMap(({ name }, feed) => (gone[feed] ? [`'${name}'`] : []));
    const why = `${names.join(", ")} can never match here`;
    reasons.push(names.length > 0 && !canHold(correlation, gone) ? why : undefined);
  }
  return reasons;
}

function canHold({ type, condition, feeds }: LinkedCorrelation, gone: readonly boolean[]): boolean {
  const left = gone.filter((one) => !one).length;
  if (left === 0) return false;
  if (type !== "temporal" && type !== "temporal_ordered") return true;
  switch (condition.kind) {
    case "every":
      return left === feeds.length;
    case "compare":
      return Array.from({ length: left }, (_, i) => i + 1).some((count) => satisfies(count, condition.all));
    case "boolean":
      return possible(condition.tree, gone) !== "never";
  }
}

type Possible = "always" | "never" | "open";

function possible(node: Condition, gone: readonly boolean[]): Possible {
  switch (node.kind) {
    case "selection":
      return gone[node.selection] ? "never" : "open";
    case "not": {
      const of = possible(node.of, gone);
      return of === "open" ? of : of === "never" ? "always" : "never";
    }
    case "and":
    case "or": {
      const parts = node.of.map((part) => possible(part, gone));
      const [wins, loses]: [Possible, Possible] = node.kind === "and" ? ["never", "always"] : ["always", "never"];
      if (parts.includes(wins)) return wins;
      return parts.every((part) => part === loses) ? loses : "open";
    }
    default:
      return "open";
  }
}
