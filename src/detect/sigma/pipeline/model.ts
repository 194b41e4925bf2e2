// The detection of one rule on its way through pipelines: a tree of items that can be renamed, multiplied, rewritten and dropped. It stands
// between YAML and predicates; without pipelines a rule never becomes one.

import { type ItemPlan, readItemKey } from "../modifiers.ts";
import type { YamlNode, YamlScalar } from "../yaml.ts";

/** A field (or keywords) and what its values are compared with. */
export interface DetectionItem {
  readonly kind: "item";
  readonly plan: ItemPlan;
  /** A scalar or a list; anything else is refused when it is read. */
  readonly values: YamlNode;
  readonly keyOffset: number;
  /** Ids of the processing items that changed it. */
  readonly applied: ReadonlySet<string>;
  /** Values for placeholders, beside those of the configuration. */
  readonly placeholders: Readonly<Record<string, readonly string[]>>;
}

/** Items linked; without any, it has no say in what it stands in. */
export interface DetectionLink {
  readonly kind: "and" | "or";
  readonly of: readonly DetectionNode[];
}

export type DetectionNode = DetectionItem | DetectionLink;

/** A selection of a rule. */
export interface DetectionBody {
  readonly name: string;
  readonly node: DetectionNode;
}

/** Reads a selection. Throws `RuleError` at modifiers that are wrong. `source` is the text that offsets refer to. */
export function readModel(node: YamlNode, source: string): DetectionNode {
  switch (node.kind) {
    case "scalar":
      return item("", node.offset, node);
    case "list":
      // Keywords are the values of one item without a field, as in the reference implementation.
      if (node.items.length > 0 && node.items.every(({ kind }) => kind === "scalar"))
        return item("", node.offset, node);
      return { kind: "or", of: node.items.map((one) => readModel(one, source)) };
    case "map":
      return {
        kind: "and",
        of: node.entries.map(({ key, keyOffset, value }) => item(key, textStart(keyOffset, source), value)),
      };
  }
}

function item(key: string, keyOffset: number, values: YamlNode): DetectionItem {
  return { kind: "item", plan: readItemKey(key, keyOffset), values, keyOffset, applied: new Set(), placeholders: {} };
}

function textStart(offset: number, source: string): number {
  const first = source[offset];
  return first === '"' || first === "'" ? offset + 1 : offset;
}

/** The tree with each item replaced; `undefined` drops it. Links that lose all their items go too. */
export function mapItems(
  node: DetectionNode,
  change: (item: DetectionItem) => DetectionNode | undefined,
): DetectionNode | undefined {
  if (node.kind === "item") return change(node);
  const of: DetectionNode[] = [];
  let isSame = true;
  for (const one of node.of) {
    const next = mapItems(one, change);
    if (next !== one) isSame = false;
    if (next !== undefined) of.push(next);
  }
  if (isSame) return node;
  return of.length === 0 ? undefined : { kind: node.kind, of };
}

/** Whether any item satisfies a test. */
export function someItem(node: DetectionNode, test: (item: DetectionItem) => boolean): boolean {
  return node.kind === "item" ? test(node) : node.of.some((one) => someItem(one, test));
}

/** The scalars of an item; empty when its value is something that rules may not hold. */
export function scalarsOf({ values }: DetectionItem): readonly YamlScalar[] {
  if (values.kind === "scalar") return [values];
  if (values.kind === "map") return [];
  return values.items.filter((one) => one.kind === "scalar");
}
