// The conditions that a processing item of a pipeline may have: on the rule, on items of its detection, on names of fields. Names and
// meanings as in pySigma; regular expressions match at the beginning.

import { parseCondition } from "../condition.ts";
import { levels } from "../header.ts";
import { type Condition, many, one } from "../ir.ts";
import { didYouMean } from "../nearest.ts";
import { parsePattern } from "../pattern.ts";
import { RuleError } from "../problem.ts";
import type { LogSource } from "../types.ts";
import { type PlainValue, plainValue, type YamlNode, type YamlScalar } from "../yaml.ts";
import { EditingRegex } from "./editing-regex.ts";
import { type DetectionItem, scalarsOf, someItem } from "./model.ts";
import { Params } from "./params.ts";
import type { Subject } from "./subject.ts";
import { isText, piecesOf, plainText } from "./text.ts";

export type RuleTest = (subject: Subject) => boolean;
export type ItemTest = (item: DetectionItem, subject: Subject) => boolean;
export type FieldTest = (field: string | null, subject: Subject) => boolean;

type Readers<Test> = Readonly<Record<string, (params: Params) => Test>>;

const relations = ["eq", "ne", "gte", "gt", "lte", "lt"] as const;

function compare(a: number | string, op: (typeof relations)[number], b: number | string): boolean {
  switch (op) {
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
    case "gte":
      return a >= b;
    case "gt":
      return a > b;
    case "lte":
      return a <= b;
    case "lt":
      return a < b;
  }
}

function stateTest(params: Params): (subject: Subject) => boolean {
  const key = params.text("key");
  const value = params.value("val");
  const op = params.choice("op", relations, "eq");
  return ({ state }) => {
    if (!state.has(key)) return false;
    const found = state.get(key);
    if (op === "eq" || op === "ne") return (found === value) === (op === "eq");
    if (typeof found === "number" && typeof value === "number") return compare(found, op, value);
    return typeof found === "string" && typeof value === "string" && compare(found, op, value);
  };
}

const sameWord = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined || a.toLowerCase() === b?.toLowerCase();

/** Worst first in neither list: the order that `rule_attribute` compares by. */
const statuses = ["unsupported", "deprecated", "experimental", "test", "stable"];

export const ruleConditions: Readers<RuleTest> = {
  __proto__: null as never,
  logsource: (params) => {
    const wanted: Record<string, string> = {};
    for (const key of ["category", "product", "service"]) if (params.has(key)) wanted[key] = params.text(key);
    if (Object.keys(wanted).length === 0) throw params.fault("type", "it names no category, product or service");
    const { category, product, service }: LogSource = wanted;
    return ({ logsources }) =>
      logsources.some(
        (one) => sameWord(category, one.category) && sameWord(product, one.product) && sameWord(service, one.service),
      );
  },
  contains_field: (params) => {
    const wanted = params.text("field");
    return (subject) => subject.nodes.some((node) => someItem(node, ({ plan }) => plan.field === wanted));
  },
  contains_detection_item: (params) => {
    const wanted = params.text("field");
    const value = params.scalar("value");
    return (subject) =>
      subject.nodes.some((node) =>
        someItem(node, (item) => item.plan.field === wanted && scalarsOf(item).some((one) => isSame(item, one, value))),
      );
  },
  processing_item_applied: (params) => {
    const id = params.text("processing_item_id");
    return ({ applied }) => applied.has(id);
  },
  processing_state: stateTest,
  is_sigma_rule: () => (subject) => subject.facts.kind !== "correlation",
  is_sigma_correlation_rule: () => (subject) => subject.facts.kind === "correlation",
  rule_attribute: readAttribute,
  tag: (params) => {
    const wanted = params.text("tag").toLowerCase();
    return ({ facts }) => facts.tags.some((tag) => tag.toLowerCase() === wanted);
  },
};

function readAttribute(params: Params): RuleTest {
  const name = params.text("attribute");
  const value = params.value("value");
  const op = params.choice("op", [...relations, "in", "not_in"], "eq");
  const order: readonly string[] | undefined = name === "level" ? levels : name === "status" ? statuses : undefined;
  const rank = order?.indexOf(String(value).toLowerCase()) ?? 0;
  if (rank === -1)
    throw params.fault("value", `'${String(value)}' is no ${name}`, didYouMean(String(value), order ?? []));
  return (subject) => {
    const found = subject.attribute(name);
    if (found === undefined || found === null) return false;
    if (typeof found === "object") {
      const isMember = found.includes(String(value));
      return op === "in" ? isMember : op === "not_in" ? !isMember : op === "ne";
    }
    if (op === "in" || op === "not_in") return false;
    if (order !== undefined) return compare(order.indexOf(String(found)), op, rank);
    // Dates of rules are written year first: as text they have the order of time.
    if (typeof found === "number") return compare(found, op, Number(value));
    return compare(String(found), op, String(value));
  };
}

/** Whether a value of a rule is the one that a pipeline names. */
function isSame(item: DetectionItem, scalar: YamlScalar, wanted: YamlScalar): boolean {
  const value: PlainValue = plainValue(wanted);
  if (typeof value !== "string") return item.plan.steps.length === 0 && plainValue(scalar) === value;
  if (!isText(item.plan)) return false;
  const pieces = piecesOf(item.plan, scalar);
  return pieces !== undefined && plainText(pieces) === plainText(parsePattern(value));
}

function overValues(params: Params, test: (scalar: YamlScalar, item: DetectionItem) => boolean): ItemTest {
  const isAll = params.choice("cond", ["any", "all"]) === "all";
  return (item) => {
    const scalars = scalarsOf(item);
    return isAll ? scalars.every((one) => test(one, item)) : scalars.some((one) => test(one, item));
  };
}

export const itemConditions: Readers<ItemTest> = {
  __proto__: null as never,
  match_string: (params) => {
    const regex = readRegex(params, "pattern", params.text("pattern"));
    const negate = params.flag("negate");
    return overValues(params, (scalar, { plan }) => {
      const pieces = isText(plan) ? piecesOf(plan, scalar) : undefined;
      return (pieces !== undefined && regex.matchesStart(plainText(pieces))) !== negate;
    });
  },
  match_value: (params) => {
    const value = params.scalar("value");
    return overValues(params, (scalar, item) => isSame(item, scalar, value));
  },
  contains_wildcard: (params) =>
    overValues(params, (scalar, { plan }) => {
      const pieces = isText(plan) ? piecesOf(plan, scalar) : undefined;
      return pieces?.some((piece) => piece === many || piece === one) === true;
    }),
  is_null: (params) =>
    overValues(
      params,
      (scalar, { plan }) => plan.kind === "string" && plan.steps.length === 0 && plainValue(scalar) === null,
    ),
  processing_item_applied: (params) => {
    const id = params.text("processing_item_id");
    return ({ applied }) => applied.has(id);
  },
  processing_state: (params) => {
    const test = stateTest(params);
    return (_, subject) => test(subject);
  },
};

function fieldList(params: Params): (field: string | null) => boolean {
  const fields = params.requiredTexts("fields");
  if (params.choice("mode", ["plain", "re"], "plain") === "plain") {
    const names = new Set(fields);
    return (field) => field !== null && names.has(field);
  }
  const patterns = fields.map((source) => readRegex(params, "fields", source));
  return (field) => field !== null && patterns.some((regex) => regex.matchesStart(field));
}

export const fieldConditions: Readers<FieldTest> = {
  __proto__: null as never,
  include_fields: fieldList,
  exclude_fields: (params) => {
    const isListed = fieldList(params);
    return (field) => !isListed(field);
  },
  processing_item_applied: (params) => {
    const id = params.text("processing_item_id");
    return (field, subject) => subject.wasApplied(field, id);
  },
  processing_state: (params) => {
    const test = stateTest(params);
    return (_, subject) => test(subject);
  },
};

/** Compiles a regular expression of a pipeline; throws at its place. */
export function readRegex(params: Params, key: string, source: string): EditingRegex {
  const regex = EditingRegex.compile(source);
  if ("fault" in regex)
    throw params.fault(
      key,
      `'${source}' is no regular expression: ${regex.fault}`,
      "RE2 syntax: no look-around, no back-references",
    );
  return regex;
}

/** Conditions of one kind and how they are linked. */
export class ConditionSet<Test> {
  readonly #tests: readonly Test[];
  readonly #tree: Condition;
  readonly #isNegated: boolean;

  private constructor(tests: readonly Test[], tree: Condition, isNegated: boolean) {
    this.#tests = tests;
    this.#tree = tree;
    this.#isNegated = isNegated;
  }

  /** Reads `PREFIX_conditions`, `PREFIX_cond_op`, `PREFIX_cond_not` and `PREFIX_cond_expr`. Throws {@link RuleError}. */
  static read<Test>(params: Params, prefix: string, readers: Readers<Test>): ConditionSet<Test> {
    const [listKey, opKey, notKey, expressionKey] = ["conditions", "cond_op", "cond_not", "cond_expr"].map(
      (key) => `${prefix}_${key}`,
    ) as [string, string, string, string];
    const node = params.node(listKey);
    const op = params.choice(opKey, ["and", "or"], "and");
    const isNegated = params.flag(notKey);
    const named = conditionNodes(params, listKey, node);
    const tests = named.map(([name, one]) => readCondition(params, name, one, readers));
    if (!params.has(expressionKey)) {
      const of = tests.map((_, selection): Condition => ({ kind: "selection", selection }));
      return new ConditionSet(tests, { kind: op, of }, isNegated && tests.length > 0);
    }
    const expression = params.scalar(expressionKey);
    if (params.has(opKey)) throw params.fault(opKey, `'${opKey}' and '${expressionKey}' exclude each other`);
    if (node?.kind !== "map")
      throw params.fault(expressionKey, `'${expressionKey}' needs '${listKey}' as a map of names`);
    const used = new Set<string>();
    const all = named.map(([name]) => name);
    const tree = parseCondition(expression.text, expression.offset, {
      all,
      index: (name) => {
        used.add(name);
        return all.indexOf(name);
      },
    });
    const spare = all.find((name) => !used.has(name));
    if (spare !== undefined) throw params.fault(expressionKey, `'${expressionKey}' does not use '${spare}'`);
    return new ConditionSet(tests, tree, isNegated);
  }

  get isEmpty(): boolean {
    return this.#tests.length === 0;
  }

  /** Whether they hold, given what each says; true without any. */
  holds(ask: (test: Test) => boolean): boolean {
    if (this.#tests.length === 0) return true;
    const evaluate = (node: Condition): boolean => {
      switch (node.kind) {
        case "and":
          return node.of.every(evaluate);
        case "or":
          return node.of.some(evaluate);
        case "not":
          return !evaluate(node.of);
        case "selection":
          return ask(this.#tests[node.selection]!);
        default:
          return false;
      }
    };
    return evaluate(this.#tree) !== this.#isNegated;
  }
}

function conditionNodes(params: Params, key: string, node: YamlNode | undefined): [string, YamlNode][] {
  if (node === undefined) return [];
  if (node.kind === "map") return node.entries.map((entry) => [entry.key, entry.value]);
  if (node.kind === "list") return node.items.map((one, at) => [String(at + 1), one]);
  throw params.fault(key, `'${key}' is neither a list nor a map`);
}

function readCondition<Test>(outer: Params, name: string, node: YamlNode, readers: Readers<Test>): Test {
  if (node.kind !== "map")
    throw new RuleError("bad_pipeline", node.offset, `Cannot read ${outer.what}: condition '${name}' is not a map`);
  const type = new Params(node, `condition '${name}'`).text("type");
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  const params = new Params(node, `condition '${type}'`);
  if (read === undefined)
    throw params.fault(
      "type",
      "there is no such condition here",
      didYouMean(type, Object.keys(readers)) || `one of ${Object.keys(readers).join(", ")}`,
    );
  params.known("type");
  const test = read(params);
  params.finish();
  return test;
}
