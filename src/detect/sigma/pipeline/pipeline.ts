// Processing pipelines (pySigma's YAML): how rules that were written for one naming of fields and log sources are read for another. A pipeline is read
// once and applied to each rule before its values are; what it cannot do is a diagnostic with its place in the pipeline's file.

import { didYouMean } from "../nearest.ts";
import { Problems, RuleError } from "../problem.ts";
import type { Diagnostic } from "../types.ts";
import { child, plainValue, readDocuments, type YamlMap, type YamlNode } from "../yaml.ts";
import {
  ConditionSet,
  type FieldTest,
  fieldConditions,
  type ItemTest,
  itemConditions,
  type RuleTest,
  ruleConditions,
} from "./conditions.ts";
import { type DetectionItem, scalarsOf } from "./model.ts";
import { Params } from "./params.ts";
import type { Subject } from "./subject.ts";
import {
  type FieldTransformation,
  refused,
  renameFields,
  type Step,
  type Transformation,
  type TransformationContext,
  transformations,
} from "./transformations.ts";

/** Processing items of all pipelines together; each looks at each rule. */
const stepsMax = 2_000;
/** Pipelines within pipelines: real ones have one level. */
const nestingMax = 8;

/** Pipelines ready to be applied, in their order. */
export interface Pipelines {
  readonly names: readonly string[];
  readonly steps: readonly PipelineStep[];
}

export interface PipelinesResult {
  /** Absent when there are none, or when one of them cannot be used: rules must not be read without it then. */
  readonly pipelines?: Pipelines;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads pipeline files. Lower `priority` goes first, the order given decides between equals. Never throws. */
export function readPipelines(files: readonly { readonly path: string; readonly text: string }[]): PipelinesResult {
  const diagnostics: Diagnostic[] = [];
  const read: { name: string; priority: number; steps: PipelineStep[] }[] = [];
  for (const { path, text } of files) {
    const problems = new Problems(text, path);
    for (const document of readDocuments(text)) {
      try {
        if ("error" in document) throw document.error;
        const { root } = document;
        if (root.kind !== "map")
          throw new RuleError("not_a_pipeline", root.offset, "Cannot read pipeline: the document is not a map");
        read.push(new PipelineReader(text, path, problems).read(root));
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        problems.error(error.code, error.offset, error.message, error.hint);
      }
    }
    diagnostics.push(...problems.finish());
  }
  const isBad = diagnostics.some(({ severity }) => severity === "error");
  if (isBad || read.length === 0) return { diagnostics };
  read.sort((a, b) => a.priority - b.priority);
  return { pipelines: { names: read.map(({ name }) => name), steps: read.flatMap(({ steps }) => steps) }, diagnostics };
}

const itemKeys = ["id", "type"];

class PipelineReader {
  readonly #source: string;
  readonly #file: string;
  readonly #problems: Problems;
  #count = 0;

  constructor(source: string, file: string, problems: Problems) {
    this.#source = source;
    this.#file = file;
    this.#problems = problems;
  }

  read(root: YamlMap): { name: string; priority: number; steps: PipelineStep[] } {
    const params = new Params(root, "pipeline");
    const name = params.text("name", this.#file);
    const priority = params.has("priority") ? params.value("priority") : 0;
    if (typeof priority !== "number") throw params.fault("priority", "'priority' is no number");
    for (const key of ["postprocessing", "finalizers", "allowed_backends"]) {
      const node = params.node(key);
      if (node !== undefined && !(node.kind === "list" && node.items.length === 0))
        this.#problems.warning(
          "no_meaning",
          node.offset,
          `'${key}' is about queries of other programs and has no meaning here`,
        );
    }
    const vars = params.has("vars") ? params.mapping("vars") : new Map<string, string[]>();
    const node = params.node("transformations");
    params.finish();
    return { name, priority, steps: node === undefined ? [] : this.#steps(node, vars, 0) };
  }

  #steps(node: YamlNode, vars: ReadonlyMap<string, readonly string[]>, depth: number): PipelineStep[] {
    if (node.kind !== "list")
      throw new RuleError("bad_pipeline", node.offset, "Cannot read pipeline: its transformations are not a list");
    if (depth > nestingMax)
      throw new RuleError("bad_pipeline", node.offset, `Cannot read pipeline: nested deeper than ${nestingMax}`);
    const steps: PipelineStep[] = [];
    for (const item of node.items) {
      // Each for itself, so that all that is wrong with a pipeline is told at once.
      try {
        if (item.kind !== "map")
          throw new RuleError("bad_pipeline", item.offset, "Cannot read transformation: it is not a map");
        if (++this.#count > stepsMax)
          throw new RuleError(
            "bad_pipeline",
            item.offset,
            `Cannot read pipeline: it has more than ${stepsMax} transformations`,
          );
        steps.push(this.#step(item, vars, depth));
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        this.#problems.error(error.code, error.offset, error.message, error.hint);
      }
    }
    return steps;
  }

  #step(map: YamlMap, vars: ReadonlyMap<string, readonly string[]>, depth: number): PipelineStep {
    const type = new Params(map, "transformation").text("type");
    const params = new Params(map, `transformation '${type}'`);
    const why = Object.hasOwn(refused, type) ? refused[type] : undefined;
    if (why !== undefined) throw params.fault("type", why);
    const read = Object.hasOwn(transformations, type) ? transformations[type] : undefined;
    if (read === undefined)
      throw params.fault("type", "there is no such transformation", didYouMean(type, Object.keys(transformations)));
    params.known(...itemKeys);
    const idNode = child(map, "id");
    const id = idNode?.kind === "scalar" && plainValue(idNode) !== null ? idNode.text : `#${map.offset}`;
    const ruleSet = ConditionSet.read(params, "rule", ruleConditions);
    const itemSet = ConditionSet.read(params, "detection_item", itemConditions);
    const fieldSet = ConditionSet.read(params, "field_name", fieldConditions);
    const context: TransformationContext = {
      source: this.#source,
      vars,
      nest: (node) => {
        const steps = this.#steps(node, vars, depth + 1);
        return (subject) => {
          for (const step of steps) step.apply(subject);
        };
      },
    };
    const transformation = read(params, context);
    params.finish();
    return new PipelineStep(id, vars, ruleSet, itemSet, fieldSet, transformation);
  }
}

/** One processing item: a transformation and when it applies. */
export class PipelineStep {
  readonly #id: string;
  readonly #vars: ReadonlyMap<string, readonly string[]>;
  readonly #rules: ConditionSet<RuleTest>;
  readonly #items: ConditionSet<ItemTest>;
  readonly #fields: ConditionSet<FieldTest>;
  readonly #transformation: Transformation | FieldTransformation;

  constructor(
    id: string,
    vars: ReadonlyMap<string, readonly string[]>,
    rules: ConditionSet<RuleTest>,
    items: ConditionSet<ItemTest>,
    fields: ConditionSet<FieldTest>,
    transformation: Transformation | FieldTransformation,
  ) {
    this.#id = id;
    this.#vars = vars;
    this.#rules = rules;
    this.#items = items;
    this.#fields = fields;
    this.#transformation = transformation;
  }

  /** Throws {@link RuleError} when the pipeline refuses the rule. */
  apply(subject: Subject): void {
    if (!this.#rules.holds((test) => test(subject))) return;
    const transformation = this.#transformation;
    if (typeof transformation === "function") transformation(subject, this.#step(subject));
    else renameFields(subject, this.#step(subject), transformation.rename);
    subject.applied.add(this.#id);
  }

  /** The names of a field of a correlation; `undefined` when this step does not rename it. */
  rename(subject: Subject, field: string): readonly string[] | undefined {
    const transformation = this.#transformation;
    if (typeof transformation === "function" || !this.#rules.holds((test) => test(subject))) return undefined;
    const names = transformation.rename(field);
    if (names === undefined || !this.#step(subject).matchesField(field)) return undefined;
    subject.renamed(field, names, this.#id);
    return names;
  }

  #step(subject: Subject): Step {
    const fieldsOf = ({ plan, ...item }: DetectionItem): readonly (string | null)[] =>
      plan.kind === "fieldref" ? [plan.field, ...scalarsOf({ plan, ...item }).map(({ text }) => text)] : [plan.field];
    return {
      id: this.#id,
      vars: this.#vars,
      matchesField: (field) => this.#fields.holds((test) => test(field, subject)),
      matchesItem: (item) =>
        this.#items.holds((test) => test(item, subject)) &&
        this.#fields.holds((test) => fieldsOf(item).some((field) => test(field, subject))),
    };
  }
}

/** Applies all pipelines. Throws {@link RuleError} when one refuses the rule. */
export function applyPipelines({ steps }: Pipelines, subject: Subject): void {
  for (const step of steps) step.apply(subject);
}
