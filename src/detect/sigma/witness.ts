// Which flags can make a rule true at all. A rule is looked at only when one of its witnesses is set, so the choice of rare
// witnesses decides what an event costs.

import type { Expression, Groups, Literal } from "./expression.ts";

/** Groups of which at least one is set whenever the expression is true, or `undefined` when there is no such set. */
export function witnesses(expression: Expression, groups: Groups): readonly number[] | undefined {
  switch (expression.kind) {
    case "const":
      return expression.value ? undefined : [];
    case "flag":
      return [expression.group];
    case "residual":
      return expression.gate < 0 ? undefined : [expression.gate];
    case "not":
      return undefined;
    case "or": {
      const all: number[] = [];
      for (const part of expression.of) {
        const found = witnesses(part, groups);
        if (found === undefined) return undefined;
        all.push(...found);
      }
      return [...new Set(all)];
    }
    case "and": {
      let best: readonly number[] | undefined;
      let bestShare = Number.POSITIVE_INFINITY;
      for (const part of expression.of) {
        const found = witnesses(part, groups);
        if (found === undefined) continue;
        const share = found.reduce((sum, group) => sum + groupShare(group, groups), 0);
        if (share < bestShare) {
          best = found;
          bestShare = share;
        }
      }
      return best;
    }
  }
}

/** A guess at the share of events that set a group. */
function groupShare(group: number, groups: Groups): number {
  return groups.members[group]!.reduce((sum, number) => sum + literalShare(groups.literals[number]!), 0);
}

/** Longer is rarer; the end of a path (a program's name) says more than its start, and a value inside text says least. */
function literalShare({ how, text }: Literal): number {
  const base = 2 ** -Math.min(text.length, 10);
  return how === "equals" ? base / 4 : how === "endswith" ? base / 2 : how === "startswith" ? base * 2 : base;
}
