// Makes an event that satisfies a rule, and near misses that lack one thing: for testing rules without the attack they look
// for. Every result is checked with the interpreter before it is given out, so that the search below may be as simple as it is.

import { interpret } from "./interpret.ts";
import type { Condition, Predicate, RuleIr } from "./ir.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { sampleValue } from "./sample.ts";
import type { Value } from "./types.ts";

export type Fields = Readonly<Record<string, Value>>;

export interface Solution {
  /** A smallest event we found that satisfies the rule. */
  readonly fields: Fields;
  /**
   * Events that do not satisfy it, each with one demand of the rule missed or one filter met; fewer than there are demands
   * when some have substitutes.
   */
  readonly nearMisses: readonly Fields[];
}

/** A predicate that is to be true, or false. */
interface Demand {
  readonly predicate: Predicate;
  readonly wanted: boolean;
}

/** Sets of demands that are tried before a rule counts as unsolved. */
const attemptCountMax = 2_000;

/** Alternatives of one `or` that are tried: long lists differ only in their text. */
const alternativeCountMax = 12;

/** Near misses given for one rule: filters list up to hundreds of values. */
const nearMissCountMax = 64;

/** The field that keywords are put in. */
const keywordField = "Message";

/** An event for the rule, or `undefined` when none was found (the rule may still be satisfiable). Deterministic. */
export function solve(rule: RuleIr): Solution | undefined {
  let attempts = 0;
  for (const demands of ways(rule.condition, true, rule, [])) {
    for (const fields of events(demands)) {
      if (satisfied(rule, fields)) return { fields, nearMisses: nearMisses(rule, demands, fields) };
      if (++attempts >= attemptCountMax) return undefined;
    }
  }
  return undefined;
}

function satisfied(rule: RuleIr, fields: Fields): boolean {
  const slots = new NameSlots();
  return interpret(rule, new RecordEvent(fields, slots), slots);
}

/** Ways to make a condition true or false, as sets of demands added to `before`; lazily, simplest first. */
function* ways(
  node: Condition,
  wanted: boolean,
  rule: RuleIr,
  before: readonly Demand[],
): Generator<readonly Demand[]> {
  switch (node.kind) {
    case "const":
      if (node.value === wanted) yield before;
      return;
    case "not":
      yield* ways(node.of, !wanted, rule, before);
      return;
    case "selection":
      yield* ways(rule.selections[node.selection]!.condition, wanted, rule, before);
      return;
    case "test":
      yield [...before, { predicate: rule.predicates[node.predicate]!, wanted }];
      return;
    case "and":
    case "or": {
      if ((node.kind === "and") === wanted) yield* allOf(node.of, 0, wanted, rule, before);
      else for (const part of node.of.slice(0, alternativeCountMax)) yield* ways(part, wanted, rule, before);
      return;
    }
  }
}

function* allOf(
  parts: readonly Condition[],
  at: number,
  wanted: boolean,
  rule: RuleIr,
  before: readonly Demand[],
): Generator<readonly Demand[]> {
  if (at === parts.length) yield before;
  // Long lists of values would nest as deep as they are long; their predicates need no search.
  else if (parts.length > 200) yield [...before, ...parts.flatMap((part) => plainDemands(part, wanted, rule))];
  else for (const demands of ways(parts[at]!, wanted, rule, before)) yield* allOf(parts, at + 1, wanted, rule, demands);
}

function plainDemands(node: Condition, wanted: boolean, rule: RuleIr): Demand[] {
  return node.kind === "test" ? [{ predicate: rule.predicates[node.predicate]!, wanted }] : [];
}

/** Text put where a rule does not care; several, because one may be what a filter asks for. */
const fillers = ["", "x", " ", "0", "zq "];

/** Events that may meet the demands. */
function* events(demands: readonly Demand[]): Generator<Fields> {
  const byField = new Map<string, Predicate[]>();
  const refused = new Map<string, Predicate[]>();
  for (const { predicate, wanted } of demands) {
    const map = wanted ? byField : refused;
    const field = predicate.field ?? keywordField;
    map.set(field, [...(map.get(field) ?? []), predicate]);
  }
  for (const filler of fillers) {
    const fields: Record<string, Value> = {};
    for (const [field, predicates] of byField) {
      const value = sampleValue(predicates, filler);
      if (value !== undefined) fields[field] = value;
    }
    // Only null is true of an absent field: to make it false, the field must have something.
    for (const [field, predicates] of refused) {
      if (!(field in fields) && predicates.some(({ test }) => test.op === "null")) fields[field] = `${filler}x${field}`;
    }
    for (const [field, predicates] of byField) {
      for (const { test } of predicates)
        if (test.op === "fieldref") fields[field] = fields[test.other] ??= `${filler}x`;
    }
    yield fields;
  }
}

function nearMisses(rule: RuleIr, demands: readonly Demand[], fields: Fields): Fields[] {
  const misses: Fields[] = [];
  for (const demand of demands) {
    if (misses.length >= nearMissCountMax) break;
    const miss = demand.wanted ? withoutDemand(rule, demand, demands, fields) : withRefused(rule, demand, demands);
    if (miss !== undefined) misses.push(miss);
  }
  return misses;
}

/** The same event, but what a filter asks for is there. */
function withRefused(rule: RuleIr, demand: Demand, demands: readonly Demand[]): Fields | undefined {
  const turned = demands.map((other) => (other === demand ? { ...demand, wanted: true } : other));
  for (const candidate of events(turned)) if (!satisfied(rule, candidate)) return candidate;
  return undefined;
}

/** The same event without one demand: its field keeps a value wherever it can, absent would be too easy. */
function withoutDemand(rule: RuleIr, demand: Demand, demands: readonly Demand[], fields: Fields): Fields | undefined {
  const field = demand.predicate.field ?? keywordField;
  const others = demands.filter((other) => other !== demand);
  for (const changed of events(others)) {
    if (field in changed && !satisfied(rule, changed)) return changed;
    for (const value of nearly(fields[field])) {
      const candidate = { ...changed, [field]: value };
      if (!satisfied(rule, candidate)) return candidate;
    }
  }
  const { [field]: _, ...rest } = fields;
  return satisfied(rule, rest) ? undefined : rest;
}

/** Values close to the given one: a character replaced, halves of it, something else. */
function nearly(value: Value): Value[] {
  const text = String(value ?? "");
  const middle = text.length >> 1;
  if (text === "") return ["~"];
  return [`${text.slice(0, middle)}~${text.slice(middle + 1)}`, text.slice(0, middle), text.slice(middle), "~"];
}
