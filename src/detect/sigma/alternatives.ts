// A boolean condition as alternatives (disjunctive normal form): what must occur, and what must not.

import type { Condition } from "./ir.ts";

export interface Alternative {
  /** Indices of rules, ascending; each stands in one of the lists at most. */
  readonly present: readonly number[];
  readonly absent: readonly number[];
}

/** The alternatives of a tree of and, or, not over `selection` leaves; `undefined` when more than `max` come up on the way. */
export function alternativesOf(tree: Condition, max: number): Alternative[] | undefined {
  return expand(tree, false, max);
}

/** Depth is bounded by `conditionDepthMax`. */
function expand(node: Condition, negated: boolean, max: number): Alternative[] | undefined {
  switch (node.kind) {
    case "selection":
      return [negated ? { present: [], absent: [node.selection] } : { present: [node.selection], absent: [] }];
    case "not":
      return expand(node.of, !negated, max);
    case "and":
    case "or": {
      const isProduct = (node.kind === "and") !== negated;
      let result: Alternative[] = isProduct ? [{ present: [], absent: [] }] : [];
      for (const part of node.of) {
        const found = expand(part, negated, max);
        if (found === undefined) return undefined;
        result = isProduct
          ? result.flatMap((left) => found.flatMap((right) => both(left, right)))
          : [...result, ...found];
        if (result.length > max) return undefined;
      }
      return result;
    }
    default:
      return undefined;
  }
}

/** Two alternatives at once: none when they contradict each other. */
function both(left: Alternative, right: Alternative): Alternative[] {
  const present = union(left.present, right.present);
  const absent = union(left.absent, right.absent);
  return present.some((rule) => absent.includes(rule)) ? [] : [{ present, absent }];
}

function union(left: readonly number[], right: readonly number[]): number[] {
  return [...new Set([...left, ...right])].sort((a, b) => a - b);
}
