// Why a rule matched: the predicates that made its condition true. Runs once per hit, so it interprets.

import { holds, satisfies, valueSatisfies } from "./interpret.ts";
import type { Condition, Predicate, RuleIr } from "./ir.ts";
import { matchCountMax, matchValueLengthMax } from "./limits.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { scalarText } from "./value.ts";

/** One matched predicate. `modifier` and `pattern` are as written in the rule. */
export interface RuleMatch {
  readonly selection: string;
  /** Empty for a keyword. */
  readonly field: string;
  readonly modifier: string;
  readonly pattern: string;
  /** What the event had, at most 4 KiB of it; empty when the field is absent. */
  readonly value: string;
}

/**
 * The true predicates in the true parts of the condition, in the order of the rule, at most {@link matchCountMax}. What stands
 * under `not` is left out: it is the absence of a match. Empty when the rule does not match, or matches by absence alone.
 */
export function matchesOf(rule: RuleIr, event: SigmaEvent, slots: SlotTable): RuleMatch[] {
  const found = new Map<number, RuleMatch>();
  collect(rule.condition, rule, event, slots, found);
  return [...found.values()];
}

function collect(
  node: Condition,
  rule: RuleIr,
  event: SigmaEvent,
  slots: SlotTable,
  found: Map<number, RuleMatch>,
): void {
  if (found.size >= matchCountMax) return;
  switch (node.kind) {
    case "not":
    case "const":
      return;
    case "test": {
      const predicate = rule.predicates[node.predicate]!;
      if (!found.has(node.predicate) && satisfies(predicate, event, slots))
        found.set(node.predicate, describe(predicate, event, slots));
      return;
    }
    case "selection":
      collect(rule.selections[node.selection]!.condition, rule, event, slots, found);
      return;
    case "and":
      if (holds(node, rule, event, slots)) for (const part of node.of) collect(part, rule, event, slots, found);
      return;
    case "or":
      for (const part of node.of) collect(part, rule, event, slots, found);
      return;
  }
}

function describe(predicate: Predicate, event: SigmaEvent, slots: SlotTable): RuleMatch {
  const { field, selection, modifier, pattern } = predicate;
  let value = "";
  if (field !== null) value = matchedText(predicate, event.get(slots.slot(field)), event, slots) ?? "";
  else {
    let first: string | undefined;
    event.eachText((text) => {
      if (first === undefined && valueSatisfies(predicate.test, text, event, slots)) first = text;
    });
    value = first ?? "";
  }
  return { selection, field: field ?? "", modifier, pattern: cut(pattern), value: cut(value) };
}

/** The member of an array that matched; the value itself when it is none. */
function matchedText(predicate: Predicate, value: Value, event: SigmaEvent, slots: SlotTable): string | undefined {
  if (!Array.isArray(value)) return scalarText(value);
  const member = value.find((one: Value) => valueSatisfies(predicate.test, one, event, slots));
  return Array.isArray(member) ? matchedText(predicate, member, event, slots) : scalarText(member);
}

/** Never cuts a surrogate pair in half: the result must be valid text in JSON. */
function cut(text: string): string {
  if (text.length <= matchValueLengthMax) return text;
  const code = text.charCodeAt(matchValueLengthMax - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? matchValueLengthMax - 1 : matchValueLengthMax);
}
