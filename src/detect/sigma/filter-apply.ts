// A rule with its filters: one rule again, so that nothing behind this knows of filters.

import type { Condition, FilterIr, RuleIr } from "./ir.ts";
import type { LogSource } from "./types.ts";

/** Whether every event of `narrow` is one of `wide`, as far as the words say. */
export function contains(wide: LogSource, narrow: LogSource): boolean {
  for (const key of ["product", "category", "service"] as const) {
    const wanted = wide[key];
    if (wanted !== undefined && wanted.toLowerCase() !== narrow[key]?.toLowerCase()) return false;
  }
  return true;
}

/**
 * The rule AND each filter. Selections are numbers by now, so that those of one cannot be taken for those of another, not even by
 * `them` or a pattern; the names of a filter's get its title in front, for explanations.
 */
export function addFilters(rule: RuleIr, filters: readonly FilterIr[]): RuleIr {
  let conditions = rule.conditions;
  const predicates = [...rule.predicates];
  const selections = [...rule.selections];
  const parts = [rule.condition];
  for (const filter of filters) {
    const shift = shifter(predicates.length, selections.length);
    const named = (name: string): string => `${filter.title}: ${name}`;
    const added = filter.conditions.map((one) => `(${one})`).join(" or ");
    conditions = conditions.map((one) => `(${one}) and (${added})`);
    parts.push(shift(filter.condition));
    for (const { name, condition } of filter.selections)
      selections.push({ name: named(name), condition: shift(condition) });
    for (const predicate of filter.predicates) predicates.push({ ...predicate, selection: named(predicate.selection) });
  }
  return { ...rule, conditions, predicates, selections, condition: { kind: "and", of: parts } };
}

/** Moves a condition to lists that have so many predicates and selections before its own. */
function shifter(predicateBase: number, selectionBase: number): (node: Condition) => Condition {
  const shift = (node: Condition): Condition => {
    switch (node.kind) {
      case "and":
      case "or":
        return { kind: node.kind, of: node.of.map(shift) };
      case "not":
        return { kind: "not", of: shift(node.of) };
      case "test":
        return { kind: "test", predicate: node.predicate + predicateBase };
      case "selection":
        return { kind: "selection", selection: node.selection + selectionBase };
      case "const":
        return node;
    }
  };
  return shift;
}
