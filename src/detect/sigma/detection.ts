// The `detection` section of a rule as predicates and a condition tree. Names are resolved and selections built only as far
// as the condition reaches, but every selection is checked, so that a slip in an unused one is still told.

import { type Names, parseCondition } from "./condition.ts";
import type { Condition, Predicate, Selection } from "./ir.ts";
import { conditionWeightMax, predicateCountMax } from "./limits.ts";
import { type ItemPlan, readItemKey } from "./modifiers.ts";
import { type DetectionBody, type DetectionItem, type DetectionNode, readModel } from "./pipeline/model.ts";
import { type Problems, RuleError } from "./problem.ts";
import { type Placeholders, readValue } from "./values.ts";
import { child, plainValue, type YamlMap, type YamlNode, type YamlScalar } from "./yaml.ts";

export interface Detection {
  readonly conditions: readonly string[];
  readonly predicates: readonly Predicate[];
  readonly selections: readonly Selection[];
  readonly condition: Condition;
}

/** Keys of `detection` that are no selections. */
const reserved: ReadonlySet<string> = new Set(["condition", "timeframe"]);

/** Selections as pipelines changed them, and conditions that they add to the rule's own. */
export interface TransformedDetection {
  readonly bodies: readonly DetectionBody[];
  readonly added: readonly { readonly node: DetectionNode; readonly negated: boolean }[];
}

/**
 * Throws {@link RuleError}; adds warnings to `problems`. `source` is the whole file; `notSelections` are the keys of `map` that
 * mean something else.
 */
export function readDetection(
  map: YamlMap,
  source: string,
  problems: Problems,
  placeholders: Placeholders,
  notSelections: ReadonlySet<string> = reserved,
  transform?: (bodies: readonly DetectionBody[]) => TransformedDetection,
): Detection {
  const bodies = map.entries.filter((entry) => !notSelections.has(entry.key));
  if (bodies.length === 0)
    throw new RuleError("no_selection", map.offset, "Cannot read detection: it has no selection");
  const used = new Map<string, number>();
  const names: Names = {
    all: bodies.map((entry) => entry.key),
    index(name) {
      const known = used.get(name);
      if (known !== undefined) return known;
      used.set(name, used.size);
      return used.size - 1;
    },
  };
  const written = conditionScalars(map);
  const parsed = written.map((scalar) => parseCondition(scalar.text, textOffset(scalar, source), names));
  let condition: Condition = parsed.length === 1 ? parsed[0]! : { kind: "or", of: parsed };

  const transformed = transform?.(bodies.map(({ key, value }) => ({ name: key, node: readModel(value, source) })));
  const bodyOf = (name: string): YamlNode | DetectionNode =>
    transformed?.bodies.find((body) => body.name === name)?.node ?? bodies.find(({ key }) => key === name)!.value;
  const builder = new DetectionBuilder(source, problems, placeholders);
  const selections: Selection[] = [];
  for (const name of used.keys()) selections.push({ name, condition: builder.selection(name, bodyOf(name)) });
  if (transformed !== undefined) condition = withPipelines(condition, transformed, selections, builder, map.offset);
  if (weight(condition, selections) > conditionWeightMax) {
    const message = `Cannot read condition: it comes to more than ${conditionWeightMax} values, those of repeated selections included`;
    throw new RuleError("condition_too_large", written[0]!.offset, message);
  }
  const spare = new DetectionBuilder(source, problems, placeholders);
  for (const body of bodies) {
    if (used.has(body.key)) continue;
    spare.selection(body.key, bodyOf(body.key));
    problems.warning("unused_selection", body.keyOffset, `The condition does not use '${body.key}'`);
  }
  return { conditions: written.map((scalar) => scalar.text), predicates: builder.predicates, selections, condition };
}

/**
 * The condition with those that pipelines added, and without the selections that they emptied: these have no say any more, as if they had not
 * been mentioned. Throws when nothing is left.
 */
function withPipelines(
  condition: Condition,
  { added }: TransformedDetection,
  selections: Selection[],
  builder: DetectionBuilder,
  offset: number,
): Condition {
  const extra = added.map(({ node, negated }, at): Condition => {
    const name = `_pipeline_${at + 1}`;
    const selection = selections.push({ name, condition: builder.selection(name, node) }) - 1;
    return negated ? { kind: "not", of: { kind: "selection", selection } } : { kind: "selection", selection };
  });
  const isEmpty = (selection: number): boolean => {
    const of = selections[selection]!.condition;
    return of.kind === "and" && of.of.length === 0;
  };
  const of = [...extra, condition].map((part) => pruned(part, isEmpty)).filter((part) => part !== undefined);
  if (of.length === 0)
    throw new RuleError("pipeline_failure", offset, "The pipeline leaves nothing of this rule's condition");
  return of.length === 1 ? of[0]! : { kind: "and", of };
}

function pruned(node: Condition, isEmpty: (selection: number) => boolean): Condition | undefined {
  switch (node.kind) {
    case "and":
    case "or": {
      const of = node.of.map((part) => pruned(part, isEmpty)).filter((part) => part !== undefined);
      return of.length === 0 ? undefined : of.length === 1 ? of[0] : { kind: node.kind, of };
    }
    case "not": {
      const of = pruned(node.of, isEmpty);
      return of === undefined ? undefined : { kind: "not", of };
    }
    case "selection":
      return isEmpty(node.selection) ? undefined : node;
    default:
      return node;
  }
}

/** Predicates in a condition, counted as often as they are mentioned. */
export function weight(node: Condition, selections: readonly Selection[]): number {
  const weights = selections.map((selection) => leaves(selection.condition, () => 0));
  return leaves(node, (selection) => weights[selection]!);
}

function leaves(node: Condition, ofSelection: (selection: number) => number): number {
  switch (node.kind) {
    case "and":
    case "or":
      return node.of.reduce((sum, part) => sum + leaves(part, ofSelection), 0);
    case "not":
      return leaves(node.of, ofSelection);
    case "selection":
      return ofSelection(node.selection);
    default:
      return 1;
  }
}

function conditionScalars(map: YamlMap): YamlScalar[] {
  const node = child(map, "condition");
  if (node === undefined) throw new RuleError("no_condition", map.offset, "Cannot read detection: it has no condition");
  const nodes = node.kind === "list" ? node.items : [node];
  if (nodes.length === 0)
    throw new RuleError("no_condition", node.offset, "Cannot read detection: its list of conditions is empty");
  return nodes.map((item) => {
    if (item.kind !== "scalar") throw new RuleError("wrong_type", item.offset, "Cannot read condition: it is not text");
    return item;
  });
}

/** Where a scalar's text begins: behind its quote. Block scalars are reported at their indicator. */
export function textOffset(scalar: YamlScalar, source: string): number {
  const first = source[scalar.offset];
  return first === '"' || first === "'" ? scalar.offset + 1 : scalar.offset;
}

class DetectionBuilder {
  readonly predicates: Predicate[] = [];
  readonly #source: string;
  readonly #problems: Problems;
  #placeholders: Placeholders;
  /** Predicates of one selection by what they are, so that a repeated value is one predicate. */
  #known = new Map<string, number>();

  constructor(source: string, problems: Problems, placeholders: Placeholders) {
    this.#source = source;
    this.#problems = problems;
    this.#placeholders = placeholders;
  }

  selection(name: string, body: YamlNode | DetectionNode): Condition {
    this.#known = new Map();
    return this.#any(name, body);
  }

  #any(name: string, node: YamlNode | DetectionNode): Condition {
    switch (node.kind) {
      case "item":
        return this.#transformed(name, node);
      case "and":
      case "or": {
        const of = node.of.map((part) => this.#any(name, part));
        return of.length === 1 ? of[0]! : { kind: node.kind, of };
      }
      default:
        return this.#detection(name, node);
    }
  }

  /** An item that pipelines had in their hands. */
  #transformed(name: string, { plan, values, keyOffset, placeholders }: DetectionItem): Condition {
    const before = this.#placeholders;
    this.#placeholders = { ...before, ...placeholders };
    try {
      if (plan.field === null && plan.modifier === "") return this.#detection(name, values);
      const link = this.#values(name, plan, values, keyOffset);
      return plan.negated ? { kind: "not", of: link } : link;
    } finally {
      this.#placeholders = before;
    }
  }

  /** A map links its items by AND; a list is keywords, maps or lists, linked by OR; a scalar is a keyword. */
  #detection(name: string, node: YamlNode): Condition {
    if (node.kind === "scalar") {
      if (plainValue(node) === null)
        throw new RuleError("empty_selection", node.offset, `Cannot read selection '${name}': it is empty`);
      return this.#value(name, keywordPlan, node);
    }
    const isMap = node.kind === "map";
    const of = isMap
      ? node.entries.map((entry) => this.#item(name, entry.key, entry.keyOffset, entry.value))
      : node.items.map((item) => this.#detection(name, item));
    if (of.length === 0)
      throw new RuleError("empty_selection", node.offset, `Cannot read selection '${name}': it is empty`);
    return of.length === 1 ? of[0]! : { kind: isMap ? "and" : "or", of };
  }

  #item(name: string, key: string, keyOffset: number, node: YamlNode): Condition {
    const first = this.#source[keyOffset];
    const plan = readItemKey(key, first === '"' || first === "'" ? keyOffset + 1 : keyOffset);
    const link = this.#values(name, plan, node, keyOffset);
    return plan.negated ? { kind: "not", of: link } : link;
  }

  #values(name: string, plan: ItemPlan, node: YamlNode, keyOffset: number): Condition {
    if (node.kind === "map") {
      throw new RuleError(
        "wrong_type",
        node.offset,
        `Cannot read item '${plan.field ?? ""}': its value is a map`,
        "dots reach into objects: write 'outer.inner'",
      );
    }
    if (node.kind === "scalar") {
      if (plan.all) this.#problems.warning("all_on_single", keyOffset, "'all' on a single value says nothing");
      return this.#value(name, plan, node);
    }
    if (node.items.length === 0) {
      // The reference implementation reads an empty list as null.
      this.#problems.warning("empty_list", node.offset, "An empty list means that the field is absent or null");
      return this.#value(name, plan, { kind: "scalar", text: "", plain: true, offset: node.offset });
    }
    const of = node.items.map((item) => {
      if (item.kind !== "scalar")
        throw new RuleError(
          "wrong_type",
          item.offset,
          "Cannot read value: lists of values hold text, numbers, true, false or null",
        );
      return this.#value(name, plan, item);
    });
    return of.length === 1 ? of[0]! : { kind: plan.all ? "and" : "or", of };
  }

  #value(name: string, plan: ItemPlan, scalar: YamlScalar): Condition {
    const { tests, negated } = readValue(plan, scalar, this.#placeholders);
    const of = tests.map((test): Condition => {
      const predicate: Predicate = {
        field: plan.field,
        test,
        selection: name,
        modifier: plan.modifier,
        pattern: scalar.text,
      };
      return { kind: "test", predicate: this.#intern(predicate, scalar) };
    });
    const any: Condition = of.length === 1 ? of[0]! : { kind: "or", of };
    return negated ? { kind: "not", of: any } : any;
  }

  #intern(predicate: Predicate, scalar: YamlScalar): number {
    const key = `${predicate.field ?? ""}|${predicate.modifier} ${scalar.plain ? "p" : "q"}${predicate.pattern}\u0000${predicate.test.op}`;
    const known = this.#known.get(key);
    // An expanded placeholder gives several tests of one text; only equal tests are one predicate.
    if (known !== undefined && JSON.stringify(this.predicates[known]) === JSON.stringify(predicate)) return known;
    if (this.predicates.length >= predicateCountMax) {
      throw new RuleError(
        "too_many_values",
        scalar.offset,
        `Cannot read rule: it has more than ${predicateCountMax} values`,
      );
    }
    const index = this.predicates.push(predicate) - 1;
    this.#known.set(key, index);
    return index;
  }
}

const keywordPlan: ItemPlan = readItemKey("", 0);
