// A correlation document (Sigma correlation rules specification 2.1.0; value_median, `percentile` and boolean conditions as in
// pySigma and the approved SEP 198): everything is checked here but whether the rules it names exist.

import { alternativesOf } from "./alternatives.ts";
import { parseCondition } from "./condition.ts";
import { textOffset } from "./detection.ts";
import { readReferences, reference } from "./filter.ts";
import { missing, readHeader, text } from "./header.ts";
import type { Comparison, Condition, CorrelationCondition, CorrelationIr, CorrelationType, Reference } from "./ir.ts";
import {
  conditionLengthMax,
  countThresholdMax,
  groupFieldCountMax,
  orderedAlternativeMax,
  referenceCountMax,
  timespanMaxMs,
} from "./limits.ts";
import { didYouMean } from "./nearest.ts";
import { type Problems, RuleError } from "./problem.ts";
import { child, plainValue, type YamlMap, type YamlNode, type YamlScalar } from "./yaml.ts";

const types: readonly CorrelationType[] = [
  "event_count",
  "value_count",
  "temporal",
  "temporal_ordered",
  "value_sum",
  "value_avg",
  "value_percentile",
  "value_median",
];
const comparisons: readonly Comparison[] = ["gt", "gte", "lt", "lte", "eq", "neq"];
const keys = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];

/** A month and a year are the Gregorian calendar's mean ones. */
const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_629_746_000,
  y: 31_556_952_000,
};

/** Throws {@link RuleError}; adds warnings to `problems`. `source` is the whole file. */
export function readCorrelation(root: YamlMap, source: string, file: string, problems: Problems): CorrelationIr {
  const header = readHeader(root, file, problems);
  const map = child(root, "correlation");
  if (map?.kind !== "map") throw fault("wrong_type", map ?? root, "'correlation' is not a map");
  for (const { key, keyOffset } of map.entries) {
    if (!keys.includes(key))
      problems.warning("unknown_key", keyOffset, `A correlation has no '${key}'`, didYouMean(key, keys));
  }
  const type = readType(map);
  const isTemporal = type === "temporal" || type === "temporal_ordered";
  const rulesNode = child(map, "rules");
  const conditionNode = child(map, "condition");
  const listed = rulesNode === undefined ? undefined : readReferences(rulesNode, "correlation", problems);
  const shared = { valueFields: [], percentile: 50 };
  let body: Pick<CorrelationIr, "rules" | "condition" | "conditionText" | "valueFields" | "percentile">;
  if (conditionNode?.kind === "scalar") {
    if (!isTemporal)
      throw fault(
        "bad_condition",
        conditionNode,
        `a condition in words belongs to temporal types, not to ${type}`,
        "write 'gte: 10'",
      );
    body = { ...shared, ...readBoolean(conditionNode, listed, source, problems) };
    if (type === "temporal_ordered" && body.condition.kind === "boolean")
      requireFewAlternatives(body.condition.tree, conditionNode);
  } else {
    if (listed === undefined) throw lacks(map, "rules");
    if (conditionNode === undefined) {
      if (!isTemporal) throw lacks(map, "condition");
      body = { ...shared, rules: listed, condition: { kind: "every" }, conditionText: "all rules" };
    } else if (conditionNode.kind === "map")
      body = { rules: listed, ...readComparison(conditionNode, type, listed.length, problems) };
    else throw fault("wrong_type", conditionNode, "'condition' is neither a map nor text");
  }
  const groupBy = readFields(map, "group-by");
  if (groupBy.length > groupFieldCountMax)
    throw fault("too_many_fields", child(map, "group-by")!, `'group-by' has more than ${groupFieldCountMax} fields`);
  return {
    ...header,
    type,
    groupBy,
    timespanMs: readTimespan(map),
    ...body,
    aliases: readAliases(map, body.rules, [...groupBy, ...body.valueFields], problems),
    generate: readGenerate(map) ?? readGenerate(root) ?? false,
    hasLevel: text(root, "level") !== "",
  };
}

function fault(code: string, at: { readonly offset: number }, what: string, hint = ""): RuleError {
  return new RuleError(code, at.offset, `Cannot read correlation: ${what}`, hint);
}

function lacks(map: YamlMap, key: string): RuleError {
  const { code, offset, hint } = missing(map, key);
  return new RuleError(code, offset, `Cannot read correlation: it has no '${key}'`, hint);
}

function readType(map: YamlMap): CorrelationType {
  const node = child(map, "type");
  if (node === undefined) throw lacks(map, "type");
  const written = node.kind === "scalar" ? node.text : "";
  const type = types.find((one) => one === written.toLowerCase());
  if (type !== undefined) return type;
  throw fault(
    "unknown_type",
    node,
    `unknown type '${written}'`,
    didYouMean(written, types) || `one of ${types.join(", ")}`,
  );
}

function readTimespan(map: YamlMap): number {
  const node = child(map, "timespan");
  if (node === undefined) throw lacks(map, "timespan");
  const written = node.kind === "scalar" ? node.text : "";
  const match = /^(\d{1,12})([smhdwMy])$/.exec(written);
  const spanMs = match === null ? 0 : Number(match[1]) * unitsMs[match[2]!]!;
  if (spanMs === 0) {
    const hint = "a number and one of s, m, h, d, w, M (month), y: 90m";
    throw fault("bad_timespan", node, `'${written}' is no timespan`, hint);
  }
  if (spanMs > timespanMaxMs) throw fault("bad_timespan", node, `'${written}' is longer than ten years`);
  return spanMs;
}

function readGenerate(map: YamlMap): boolean | undefined {
  const node = child(map, "generate");
  if (node === undefined) return undefined;
  const value = node.kind === "scalar" ? plainValue(node) : undefined;
  if (typeof value !== "boolean") throw fault("wrong_type", node, "'generate' is neither true nor false");
  return value;
}

/** A field or a list of fields; repeated ones once. */
function readFields(map: YamlMap, key: string): string[] {
  const node = child(map, key);
  if (node === undefined) return [];
  const nodes: readonly YamlNode[] = node.kind === "list" ? node.items : [node];
  const names = nodes.map((item) => {
    if (item.kind !== "scalar" || item.text === "") throw fault("wrong_type", item, `'${key}' holds names of fields`);
    return item.text;
  });
  return [...new Set(names)];
}

type Comparing = Pick<CorrelationIr, "condition" | "conditionText" | "valueFields" | "percentile">;

function readComparison(map: YamlMap, type: CorrelationType, ruleCount: number, problems: Problems): Comparing {
  const isValue = type.startsWith("value_");
  const isCount = type === "event_count" || type === "value_count" || !isValue;
  const known = [...comparisons, ...(isValue ? ["field"] : []), ...(type === "value_percentile" ? ["percentile"] : [])];
  const all: { relation: Comparison; value: number }[] = [];
  for (const { key, keyOffset, value: node } of map.entries) {
    if (!known.includes(key)) {
      const hint = didYouMean(key, known) || `one of ${known.join(", ")}`;
      throw new RuleError(
        "bad_condition",
        keyOffset,
        `Cannot read correlation: '${key}' is no condition of ${type}`,
        hint,
      );
    }
    const relation = comparisons.find((one) => one === key);
    if (relation === undefined) continue;
    const value = node.kind === "scalar" ? Number(node.text.trim() === "" ? Number.NaN : node.text) : Number.NaN;
    if (!Number.isFinite(value)) throw fault("bad_condition", node, `'${key}' is no number`);
    if (isCount && (!Number.isInteger(value) || value < 0))
      throw fault("bad_condition", node, `'${key}' of ${type} is no whole number`);
    if (isCount && value > countThresholdMax)
      throw fault("threshold_too_large", node, `more than ${countThresholdMax} cannot be counted`);
    all.push({ relation, value });
  }
  if (all.length === 0) throw fault("bad_condition", map, "'condition' compares with nothing", "write 'gte: 10'");
  if (isEmptyRange(all)) throw fault("bad_condition", map, "no number satisfies 'condition'");
  if ((type === "event_count" || type === "value_count") && satisfies(1, all))
    problems.warning(
      "condition_at_once",
      map.offset,
      "One event satisfies the condition already: it is looked at after each event, not when the timespan is over",
    );
  if (
    !isValue &&
    type !== "event_count" &&
    !Array.from({ length: ruleCount }, (_, i) => i + 1).some((n) => satisfies(n, all))
  )
    throw fault("bad_condition", map, `the condition never holds: at most ${ruleCount} different rules can occur`);
  const valueFields = readFields(map, "field");
  if (isValue && valueFields.length === 0)
    throw fault("no_field", map, `'condition' of ${type} names no field`, "write 'field: User' beside the number");
  if (type !== "value_count" && valueFields.length > 1)
    throw fault("too_many_fields", child(map, "field")!, `${type} looks at one field`);
  if (valueFields.length > groupFieldCountMax)
    throw fault("too_many_fields", child(map, "field")!, `'field' has more than ${groupFieldCountMax} fields`);
  return {
    condition: { kind: "compare", all },
    conditionText: all.map(({ relation, value }) => `${relation} ${value}`).join(" and "),
    valueFields,
    percentile: type === "value_percentile" ? readPercentile(map, problems) : 50,
  };
}

function readPercentile(map: YamlMap, problems: Problems): number {
  const node = child(map, "percentile");
  if (node === undefined) {
    problems.warning("no_percentile", map.offset, "'percentile' is not given: 50, the median, is taken");
    return 50;
  }
  const value = node.kind === "scalar" ? plainValue(node) : undefined;
  if (typeof value !== "number" || value < 0 || value > 100)
    throw fault("bad_percentile", node, "'percentile' is no number from 0 to 100");
  return value;
}

type Bounds = readonly { readonly relation: Comparison; readonly value: number }[];

/** Whether a number satisfies all comparisons. */
export function satisfies(number: number, all: Bounds): boolean {
  for (let i = 0; i < all.length; i++) {
    const { relation, value } = all[i]!;
    if (!compares(number, relation, value)) return false;
  }
  return true;
}

function compares(number: number, relation: Comparison, value: number): boolean {
  switch (relation) {
    case "gt":
      return number > value;
    case "gte":
      return number >= value;
    case "lt":
      return number < value;
    case "lte":
      return number <= value;
    case "eq":
      return number === value;
    case "neq":
      return number !== value;
  }
}

/** Only bounds and points decide: tries each, and the middle and the outside of them. */
function isEmptyRange(all: Bounds): boolean {
  const values = all.map(({ value }) => value).sort((a, b) => a - b);
  const tries = values.flatMap((value, i) => [value, (value + (values[i + 1] ?? value)) / 2]);
  return ![...tries, values[0]! - 1, values.at(-1)! + 1].some((number) => satisfies(number, all));
}

type Boolean = Pick<CorrelationIr, "rules" | "condition" | "conditionText">;

/** `a and (b or not c)` over names of rules, which are those listed, when any are. */
function readBoolean(
  scalar: YamlScalar,
  listed: readonly Reference[] | undefined,
  source: string,
  problems: Problems,
): Boolean {
  const offset = textOffset(scalar, source);
  if (scalar.text.length > conditionLengthMax) throw fault("condition_too_long", scalar, "'condition' is too long");
  const rules = new Map<string, Reference>((listed ?? []).map((one) => [one.name, one]));
  const used = new Set<string>();
  for (const { 0: word, index } of scalar.text.matchAll(/[^\s()]+/g)) {
    if (word === "and" || word === "or" || word === "not") continue;
    const at = { offset: offset + index };
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(word))
      throw fault("bad_condition", at, `'${word}' is no name of a rule`, "names have letters, digits and underscores");
    if (listed !== undefined && !rules.has(word))
      throw fault("unknown_rule", at, `'rules' does not list '${word}'`, didYouMean(word, rules.keys()));
    if (!rules.has(word)) rules.set(word, reference({ text: word, ...at }, problems));
    used.add(word);
  }
  for (const [name] of rules)
    if (!used.has(name))
      throw fault("unused_rule", scalar, `the condition does not use '${name}', which 'rules' lists`);
  if (rules.size > referenceCountMax)
    throw fault("too_many_rules", scalar, `it refers to more than ${referenceCountMax} rules`);
  const all = [...rules.keys()];
  const tree = parseCondition(scalar.text, offset, { all, index: (name) => all.indexOf(name) });
  const condition: CorrelationCondition = { kind: "boolean", tree };
  return { rules: [...rules.values()], condition, conditionText: scalar.text.trim() };
}

/** Each alternative is an order of its own to be followed. */
function requireFewAlternatives(tree: Condition, at: YamlScalar): void {
  if (alternativesOf(tree, orderedAlternativeMax) !== undefined) return;
  const what = `the condition comes to more than ${orderedAlternativeMax} alternatives when it is written out`;
  throw fault("condition_too_large", at, what);
}

function readAliases(
  map: YamlMap,
  rules: readonly Reference[],
  usedFields: readonly string[],
  problems: Problems,
): CorrelationIr["aliases"] {
  const node = child(map, "aliases");
  if (node === undefined) return [];
  if (node.kind !== "map") throw fault("wrong_type", node, "'aliases' is not a map");
  const names = rules.map(({ name }) => name);
  return node.entries.map(({ key, keyOffset, value }) => {
    if (value.kind !== "map") throw fault("wrong_type", value, `alias '${key}' is not a map from rules to fields`);
    if (!usedFields.includes(key))
      problems.warning("unused_alias", keyOffset, `Nothing uses the alias '${key}'`, didYouMean(key, usedFields));
    const fields = value.entries.map((entry) => {
      if (entry.value.kind !== "scalar" || entry.value.text === "")
        throw fault("wrong_type", entry.value, `alias '${key}' names no field for '${entry.key}'`);
      return { rule: reference({ text: entry.key, offset: entry.keyOffset }, problems), field: entry.value.text };
    });
    for (const name of names) {
      if (!fields.some(({ rule }) => rule.name === name))
        problems.warning(
          "incomplete_alias",
          keyOffset,
          `Alias '${key}' has no field for '${name}': '${key}' itself is looked up there`,
        );
    }
    return { alias: key, fields };
  });
}
