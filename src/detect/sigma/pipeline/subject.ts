// What a pipeline works on: a rule, a filter or a correlation while it is being changed, and what pipelines remember of it.

import { RuleError } from "../problem.ts";
import type { Level, LogSource } from "../types.ts";
import { child, type PlainValue, plainValue, type YamlMap } from "../yaml.ts";
import { type DetectionBody, type DetectionItem, type DetectionNode, mapItems } from "./model.ts";

export interface AddedCondition {
  readonly node: DetectionNode;
  readonly negated: boolean;
}

export interface SubjectFacts {
  readonly kind: "rule" | "filter" | "correlation";
  /** Of a correlation, those of the rules that it refers to. */
  readonly logsources: readonly LogSource[];
  readonly bodies: readonly DetectionBody[];
  readonly fields: readonly string[];
  readonly tags: readonly string[];
  readonly level: Level;
  readonly status: string;
  /** The document; absent for correlations, which are changed when their file is no longer at hand. */
  readonly root?: YamlMap;
  /** Where faults are told that are about all of it. */
  readonly offset: number;
}

export class Subject {
  readonly facts: SubjectFacts;
  logsources: readonly LogSource[];
  bodies: readonly DetectionBody[];
  fields: readonly string[];
  readonly added: AddedCondition[] = [];
  /** What `set_state` and `set_custom_attribute` put down. */
  readonly state = new Map<string, PlainValue>();
  readonly attributes = new Map<string, PlainValue>();
  /** Ids of the processing items that were applied to it, and to each field's name. */
  readonly applied = new Set<string>();
  readonly #fieldApplied = new Map<string, Set<string>>();
  /** Names that a mapping was found for, before and after. */
  readonly mapped = new Set<string>();

  constructor(facts: SubjectFacts) {
    this.facts = facts;
    this.logsources = facts.logsources;
    this.bodies = facts.bodies;
    this.fields = facts.fields;
  }

  /** A value that the document has at its top, or that a pipeline set; lists are lists of texts. */
  attribute(name: string): PlainValue | readonly string[] | undefined {
    if (name === "level") return this.facts.level;
    if (name === "status") return this.facts.status;
    if (name === "tags") return this.facts.tags;
    const node = this.facts.root === undefined ? undefined : child(this.facts.root, name);
    if (node?.kind === "scalar") return plainValue(node);
    if (node?.kind === "list") return node.items.flatMap((one) => (one.kind === "scalar" ? [one.text] : []));
    return this.attributes.get(name);
  }

  wasApplied(field: string | null, id: string): boolean {
    return field !== null && this.#fieldApplied.get(field)?.has(id) === true;
  }

  /** Notes that `id` made `to` of a field's name: what was known of the name before is known of these. */
  renamed(from: string | null, to: readonly string[], id: string): void {
    const before = from === null ? [] : [...(this.#fieldApplied.get(from) ?? [])];
    for (const name of to) {
      const known = this.#fieldApplied.get(name) ?? new Set();
      this.#fieldApplied.set(name, known);
      for (const one of [...before, id]) known.add(one);
      this.mapped.add(name);
    }
    if (from !== null) this.mapped.add(from);
  }

  /** Replaces items in all selections, those that pipelines added included; `undefined` drops one. */
  mapItems(change: (item: DetectionItem) => DetectionNode | undefined): void {
    const empty: DetectionNode = { kind: "and", of: [] };
    this.bodies = this.bodies.map(({ name, node }) => ({ name, node: mapItems(node, change) ?? empty }));
    for (const [at, { node, negated }] of this.added.entries())
      this.added[at] = { node: mapItems(node, change) ?? empty, negated };
    const count = this.#count();
    if (count > itemsMax)
      throw new RuleError(
        "pipeline_too_large",
        this.facts.offset,
        `Cannot apply pipeline: it makes more than ${itemsMax} items of this rule`,
      );
  }

  /** All trees, whoever wrote them. */
  get nodes(): readonly DetectionNode[] {
    return [...this.bodies.map(({ node }) => node), ...this.added.map(({ node }) => node)];
  }

  #count(): number {
    const count = (node: DetectionNode): number =>
      node.kind === "item" ? 1 : node.of.reduce((sum, one) => sum + count(one), 0);
    return this.nodes.reduce((sum, node) => sum + count(node), 0);
  }
}

/** Items of one rule: mappings to several fields multiply them, one after another. Real rules have tens. */
const itemsMax = 20_000;
