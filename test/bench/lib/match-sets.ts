// Which rules two engines say match which events, and why they differ: a difference that nobody can explain is a bug of one of them.

import { readFileSync } from "node:fs";
import { interpret, NameSlots, RecordEvent, type RuleIr } from "../../../src/detect/sigma/mod.ts";
import { replayCatalogue, sourceRow } from "../../../src/event/mod.ts";
import { InvalidMeasurement } from "./report.ts";
import { eventOf } from "./sigma-lanes.ts";

/** Number of an event, and rule. */
export type Matches = ReadonlyMap<string, { readonly event: number; readonly rule: string }>;

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const put = (into: Map<string, { event: number; rule: string }>, event: unknown, rule: unknown): void => {
  if (typeof event !== "number" || typeof rule !== "string")
    throw new InvalidMeasurement(`a match without its event or rule: ${event}, ${rule}`);
  into.set(`${event} ${rule}`, { event, rule });
};

/** From the alerts of `agent replay`: events are numbered by their place in the input. */
export function agentMatches(alerts: string): Matches {
  const found = new Map<string, { event: number; rule: string }>();
  for (const { event, rule } of linesOf(alerts))
    put(found, (event as Record<string, unknown>).sequence, (rule as Record<string, unknown>).id);
  return found;
}

/** The field that events are numbered by for RSigma, which tells of a match nothing but the event. */
export const numberField = "sigil_bench_number";

export function rsigmaMatches(results: string): Matches {
  const found = new Map<string, { event: number; rule: string }>();
  for (const { event, rule_id } of linesOf(results))
    put(found, (event as Record<string, unknown>)[numberField], rule_id);
  return found;
}

export interface Difference {
  readonly side: "only ours" | "only RSigma";
  readonly reason: string;
  readonly count: number;
  /** Rules it is about, most frequent first. */
  readonly rules: readonly string[];
}

/**
 * Every pair of event and rule that only one engine has, by reason. Decided from the rule and the event themselves: where its log source
 * leads, and what the interpreter, which knows no index, says of its condition.
 */
export function explainDifferences(
  ours: Matches,
  theirs: Matches,
  lines: readonly string[],
  rules: readonly RuleIr[],
): Difference[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const classes = new Map<string, { side: Difference["side"]; reason: string; rules: Map<string, number> }>();
  const sides = [
    ["only ours", ours, theirs],
    ["only RSigma", theirs, ours],
  ] as const;
  for (const [side, has, lacks] of sides)
    for (const [key, { event, rule }] of has) {
      if (lacks.has(key)) continue;
      const known = byId.get(rule);
      const line = lines[event];
      if (known === undefined || line === undefined)
        throw new InvalidMeasurement(`a match of a rule or event that was not given: ${key}`);
      const reason = reasonOf(side, known, line);
      const of = classes.get(side + reason) ?? { side, reason, rules: new Map<string, number>() };
      of.rules.set(known.title, (of.rules.get(known.title) ?? 0) + 1);
      classes.set(side + reason, of);
    }
  return [...classes.values()]
    .map(({ side, reason, rules: titles }) => {
      const sorted = [...titles].sort((a, b) => b[1] - a[1]);
      return {
        side,
        reason,
        count: sorted.reduce((sum, [, n]) => sum + n, 0),
        rules: sorted.map(([it, n]) => `${it} (${n})`),
      };
    })
    .sort((a, b) => b.count - a.count);
}

function reasonOf(side: Difference["side"], rule: RuleIr, line: string): string {
  const event = eventOf(line);
  const route = replayCatalogue.route(rule.logsource);
  const sees = "sources" in route && route.sources.includes(event.source);
  const slots = new NameSlots();
  // As recorded, without the names that normalization adds.
  const plain = interpret(rule, new RecordEvent(JSON.parse(line), slots), slots);
  const row = sourceRow(event.source);
  if (side === "only RSigma") {
    if (!sees) return "the rule is for another log source than the event's";
    return plain ? "UNEXPLAINED: the interpreter says it matches" : "the rule's condition is not true of the event";
  }
  if (!sees) return "UNEXPLAINED: the rule is not for this event";
  if (!plain) return "built-in events (4688, 5156 …) under the names that Sysmon has for their fields";
  const { category, service } = rule.logsource;
  if (category !== undefined && category !== row.categories[0])
    return `every ${row.categories[0] ?? row.name} is a ${category} too`;
  if (service !== undefined && service !== row.services[0])
    return `${row.name} is seen by rules for the service ${service} too`;
  return "the rule's condition is true of the event";
}
