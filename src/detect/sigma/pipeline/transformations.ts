// The transformations of pipelines. Names and meanings as in pySigma, where they make sense for an engine that evaluates rules itself; those that do
// not are refused by name, with the reason.

import { many, type Piece } from "../ir.ts";
import { readItemKey } from "../modifiers.ts";
import { parsePattern } from "../pattern.ts";
import { RuleError } from "../problem.ts";
import type { YamlNode, YamlScalar } from "../yaml.ts";
import { readRegex } from "./conditions.ts";
import type { DetectionItem, DetectionNode } from "./model.ts";
import { readModel, scalarsOf } from "./model.ts";
import type { Params } from "./params.ts";
import type { Subject } from "./subject.ts";
import { asPattern, isText, piecesOf, plainText, textScalar, withoutAnchors, writePattern } from "./text.ts";

/** What a transformation may ask of the processing item that it belongs to. */
export interface Step {
  readonly id: string;
  /** Values for placeholders that the pipeline gives. */
  readonly vars: ReadonlyMap<string, readonly string[]>;
  matchesItem(item: DetectionItem): boolean;
  matchesField(field: string | null): boolean;
}

/** Changes a rule; throws {@link RuleError} when the rule cannot be used. */
export type Transformation = (subject: Subject, step: Step) => void;

/** Gives other names for a field, none to drop it, `undefined` to leave it. */
export type Rename = (field: string | null) => readonly string[] | undefined;

/** Renames; kept apart because it also applies to correlations. */
export interface FieldTransformation {
  readonly rename: Rename;
}

export interface TransformationContext {
  /** The pipeline's text, that offsets of added conditions refer to. */
  readonly source: string;
  readonly vars: ReadonlyMap<string, readonly string[]>;
  /** Reads the items of a nested pipeline. */
  nest(node: YamlNode): (subject: Subject) => void;
}

export type ReadTransformation = (
  params: Params,
  context: TransformationContext,
) => Transformation | FieldTransformation;

const noField: Rename = () => undefined;

export const transformations: Readonly<Record<string, ReadTransformation>> = {
  __proto__: null as never,
  field_name_mapping: (params) => {
    const mapping = params.mapping("mapping");
    return { rename: (field) => (field === null ? undefined : mapping.get(field)) };
  },
  field_name_prefix_mapping: (params) => {
    const mapping = [...params.mapping("mapping")];
    return {
      rename: (field) => {
        const found = field === null ? undefined : mapping.find(([prefix]) => field.startsWith(prefix));
        return found?.[1].map((prefix) => prefix + field!.slice(found[0].length));
      },
    };
  },
  field_name_prefix: (params) => {
    const prefix = params.text("prefix");
    return { rename: (field) => (field === null ? undefined : [prefix + field]) };
  },
  field_name_suffix: (params) => {
    const suffix = params.text("suffix");
    return { rename: (field) => (field === null ? undefined : [field + suffix]) };
  },
  drop_detection_item: () => (subject, step) => {
    subject.mapItems((item) => (step.matchesItem(item) ? undefined : item));
  },
  hashes_fields: readHashesFields,
  add_condition: readAddCondition,
  change_logsource: (params) => {
    const logsource: Record<string, string> = {};
    for (const key of ["category", "product", "service"]) if (params.has(key)) logsource[key] = params.text(key);
    if (Object.keys(logsource).length === 0) throw params.fault("type", "it names no category, product or service");
    return (subject) => {
      if (subject.facts.kind !== "correlation") subject.logsources = [logsource];
    };
  },
  replace_string: readReplaceString,
  map_string: (params) => {
    const mapping = params.mapping("mapping");
    return onTexts((pieces) => mapping.get(plainText(pieces)));
  },
  case: (params) => {
    const method = params.choice("method", ["lower", "upper"], "lower");
    const change = (text: string): string => (method === "lower" ? text.toLowerCase() : text.toUpperCase());
    return onTexts((pieces) => [
      writePattern(pieces.map((piece) => (typeof piece === "string" ? change(piece) : piece))),
    ]);
  },
  set_value: (params) => {
    const value = params.scalar("value");
    params.choice("force_type", ["str", "num"], "str");
    return onItems((item) => {
      const plain = readItemKey(item.plan.field ?? "", item.keyOffset);
      const values: YamlNode = { ...value, offset: item.values.offset };
      return { ...item, plan: { ...plain, negated: item.plan.negated }, values };
    });
  },
  value_placeholders: (params, { vars }) => {
    const isHandled = readIncludes(params);
    return onItems((item) =>
      withPlaceholders(item, (name, at) => {
        if (!isHandled(name)) return undefined;
        const values = vars.get(name);
        if (values === undefined)
          throw new RuleError(
            "unresolved_placeholder",
            at.offset,
            `Cannot expand '%${name}%': the pipeline's 'vars' have no values for it`,
          );
        return values;
      }),
    );
  },
  wildcard_placeholders: (params) => {
    const isHandled = readIncludes(params);
    return onItems((item) => withPlaceholders(item, (name) => (isHandled(name) ? ["*"] : undefined)));
  },
  set_state: (params) => {
    const key = params.text("key");
    const value = params.value("val");
    return ({ state }) => void state.set(key, value);
  },
  set_custom_attribute: (params) => {
    const name = params.text("attribute");
    const value = params.value("value");
    return ({ attributes }) => void attributes.set(name, value);
  },
  add_field: (params) => {
    const fields = params.requiredTexts("field");
    return (subject) => {
      subject.fields = [...subject.fields, ...fields];
    };
  },
  remove_field: (params) => {
    const fields = params.requiredTexts("field");
    return (subject) => {
      subject.fields = subject.fields.filter((field) => !fields.includes(field));
    };
  },
  set_field: (params) => {
    const fields = params.requiredTexts("fields");
    return (subject) => {
      subject.fields = fields;
    };
  },
  rule_failure: (params) => {
    const message = params.text("message");
    return ({ facts }) => {
      throw new RuleError("pipeline_failure", facts.offset, `The pipeline refuses this rule: ${message}`);
    };
  },
  detection_item_failure: (params) => {
    const message = params.text("message");
    return (subject, step) =>
      subject.mapItems((item) => {
        if (!step.matchesItem(item)) return item;
        throw new RuleError("pipeline_failure", item.keyOffset, `The pipeline refuses this item: ${message}`);
      });
  },
  strict_field_mapping_failure: () => (subject) => {
    subject.mapItems((item) => {
      const { field } = item.plan;
      if (field === null || subject.mapped.has(field)) return item;
      throw new RuleError(
        "pipeline_failure",
        item.keyOffset,
        `The pipeline refuses this rule: it has no mapping for '${field}'`,
      );
    });
  },
  nest: (params, context) => context.nest(params.required("items")),
};

/** Known to pySigma, and without a meaning here. */
export const refused: Readonly<Record<string, string>> = {
  __proto__: null as never,
  query_expression_placeholders: "there is no query language here; give values with value_placeholders and vars",
  file_placeholders: "pipelines read no other files here; give values with value_placeholders and vars",
  http_placeholders: "pipelines ask nobody here; give values with value_placeholders and vars",
  command_placeholders: "pipelines run nothing here; give values with value_placeholders and vars",
  regex: "matching ignores case already; leave it out",
  convert_type: "numbers and their texts are compared as equals already; leave it out",
  extract_fields: "it is not supported",
  field_name_transform: "it calls a function of Python; use field_name_mapping, field_name_prefix or field_name_suffix",
};

/** Applies a rename to the items of a rule, to fields that other fields are compared with, and to the rule's own list. */
export function renameFields(subject: Subject, step: Step, rename: Rename = noField): void {
  const apply = (field: string | null): readonly string[] | undefined => {
    const names = rename(field);
    if (names === undefined || !step.matchesField(field)) return undefined;
    subject.renamed(field, names, step.id);
    return names;
  };
  subject.fields = subject.fields.flatMap((field) => apply(field) ?? [field]);
  subject.mapItems((item) => {
    if (!step.matchesItem(item)) return item;
    let current = item;
    if (item.plan.kind === "fieldref") {
      const values = replaceScalars(item.values, (scalar) =>
        apply(scalar.text)?.map((name) => textScalar(name, scalar)),
      );
      if (values !== item.values) current = mark({ ...item, values }, step);
    }
    const names = apply(item.plan.field);
    if (names === undefined) return current;
    const items = names.map((field) => mark({ ...current, plan: { ...current.plan, field } }, step));
    // `not (a or b)`, for an item that is negated as a whole, is what its author meant by `not a` when a is called a or b.
    return items.length === 0
      ? undefined
      : items.length === 1
        ? items[0]
        : { kind: item.plan.negated ? "and" : "or", of: items };
  });
}

const mark = (item: DetectionItem, { id }: Step): DetectionItem => ({
  ...item,
  applied: new Set([...item.applied, id]),
});

function onItems(change: (item: DetectionItem) => DetectionNode): Transformation {
  return (subject, step) =>
    subject.mapItems((item) => {
      if (!step.matchesItem(item)) return item;
      const next = change(item);
      return next.kind === "item" && next !== item ? mark(next, step) : next;
    });
}

/** Rewrites values that are text; `undefined` leaves one as it is. What comes back is written as in a rule. */
function onTexts(
  change: (pieces: readonly Piece[]) => readonly string[] | undefined,
  withNumbers = false,
): Transformation {
  return onItems((item) => {
    if (!isText(item.plan)) return item;
    const changed = replaceScalars(item.values, (scalar) => {
      const pieces = piecesOf(item.plan, scalar, withNumbers);
      return pieces === undefined ? undefined : change(pieces)?.map((text) => textScalar(text, scalar));
    });
    if (changed === item.values) return item;
    // What was left as it is needs its wildcards too, now that the modifiers that stood for them go.
    const values = replaceScalars(item.values, (scalar) => {
      const pieces = piecesOf(item.plan, scalar, withNumbers);
      if (pieces === undefined) return undefined;
      return (change(pieces) ?? [writePattern(pieces)]).map((text) => textScalar(text, scalar));
    });
    return { ...item, plan: withoutAnchors(item.plan), values };
  });
}

/** The same node when nothing changes. */
function replaceScalars(node: YamlNode, change: (scalar: YamlScalar) => readonly YamlScalar[] | undefined): YamlNode {
  if (node.kind === "map") return node;
  const scalars = node.kind === "scalar" ? [node] : node.items;
  let isSame = true;
  const items = scalars.flatMap((one): readonly YamlNode[] => {
    const next = one.kind === "scalar" ? change(one) : undefined;
    if (next === undefined) return [one];
    isSame = false;
    return next;
  });
  if (isSame) return node;
  return items.length === 1 && node.kind === "scalar" ? items[0]! : { kind: "list", items, offset: node.offset };
}

function readReplaceString(params: Params): Transformation {
  const regex = readRegex(params, "regex", params.text("regex"));
  const replacement = params.text("replacement");
  const skipSpecial = params.flag("skip_special");
  const interpretSpecial = params.flag("interpret_special");
  const fault = regex.replacementFault(replacement);
  if (fault !== undefined) throw params.fault("replacement", `'replacement' cannot be used: ${fault}`);
  return onTexts((pieces) => {
    if (!skipSpecial) {
      const before = plainText(pieces);
      const after = regex.replaceAll(before, replacement);
      return after === before ? undefined : [asPattern(after)];
    }
    const parts = pieces.flatMap((piece): Piece[] => {
      if (typeof piece !== "string") return [piece];
      const text = regex.replaceAll(piece, replacement);
      return interpretSpecial ? parsePattern(asPattern(text)) : [text];
    });
    return [writePattern(parts)];
  }, true);
}

function readIncludes(params: Params): (name: string) => boolean {
  const include = params.texts("include");
  const exclude = params.texts("exclude");
  if (include !== undefined && exclude !== undefined)
    throw params.fault("exclude", "'include' and 'exclude' exclude each other");
  return (name) => (include === undefined || include.includes(name)) && exclude?.includes(name) !== true;
}

/** Gives values for the placeholders in an item; they are put in when its values are read. */
function withPlaceholders(
  item: DetectionItem,
  valuesOf: (name: string, at: YamlScalar) => readonly string[] | undefined,
): DetectionItem {
  if (!item.plan.steps.includes("expand")) return item;
  const placeholders: Record<string, readonly string[]> = {};
  for (const scalar of scalarsOf(item)) {
    for (const { 1: name = "" } of scalar.text.matchAll(/%([^%\s\\]+)%/g)) {
      if (Object.hasOwn(item.placeholders, name)) continue;
      const values = valuesOf(name, scalar);
      if (values !== undefined) placeholders[name] = values;
    }
  }
  if (Object.keys(placeholders).length === 0) return item;
  return { ...item, placeholders: { ...item.placeholders, ...placeholders } };
}

function readAddCondition(params: Params, { source }: TransformationContext): Transformation {
  const node = params.required("conditions");
  const isTemplate = params.flag("template");
  const negated = params.flag("negated");
  params.text("name", "");
  if (node.kind !== "map" || node.entries.length === 0)
    throw params.fault("conditions", "'conditions' is not a map of fields");
  const model = readModel(node, source);
  return (subject, step) => {
    // A filter is added to rules, which have the condition themselves.
    if (subject.facts.kind !== "rule") return;
    const [logsource = {}] = subject.logsources;
    const fill = (text: string): string =>
      text.replaceAll(
        /\$\{?(category|product|service)\b\}?/g,
        (_, key: "category" | "product" | "service") => logsource[key] ?? "",
      );
    // Faults of what was added are told at the rule: the pipeline is another file.
    const place = (one: DetectionNode): DetectionNode => {
      if (one.kind !== "item") return { ...one, of: one.of.map(place) };
      const values = replaceScalars(one.values, (scalar) => [
        { ...scalar, text: isTemplate ? fill(scalar.text) : scalar.text, offset: subject.facts.offset },
      ]);
      return mark({ ...one, values, keyOffset: subject.facts.offset }, step);
    };
    subject.added.push({ node: place(model), negated });
  };
}

const hashLengths: Readonly<Record<number, string>> = { 32: "MD5", 40: "SHA1", 64: "SHA256", 128: "SHA512" };

function readHashesFields(params: Params): Transformation {
  const algorithms = params.requiredTexts("valid_hash_algos").map((name) => name.toUpperCase());
  const prefix = params.text("field_prefix", "");
  const dropsName = params.flag("drop_algo_prefix");
  const fields = params.texts("field_to_parse") ?? ["Hashes", "Hash"];
  return (subject, step) =>
    subject.mapItems((item) => {
      const { field } = item.plan;
      if (field === null || !fields.includes(field) || !isText(item.plan) || !step.matchesItem(item)) return item;
      const byField = new Map<string, YamlScalar[]>();
      for (const scalar of scalarsOf(item)) {
        const pieces = piecesOf(item.plan, scalar);
        if (pieces === undefined) return item;
        const text = pieces.map((piece) => (typeof piece === "string" ? piece : piece === many ? "*" : "?")).join("");
        const [first = "", second] = text.split(text.includes("|") ? "|" : "=");
        const digest = (second ?? first).replaceAll(/^[*?]+|[*?]+$/g, "");
        const algorithm =
          second === undefined ? (hashLengths[digest.length] ?? "") : first.replace(/^\*+/, "").toUpperCase();
        if (!algorithms.includes(algorithm)) continue;
        const name = prefix + (dropsName ? "" : algorithm);
        const list = byField.get(name) ?? [];
        byField.set(name, list);
        list.push(textScalar(digest, scalar));
      }
      if (byField.size === 0)
        throw new RuleError(
          "pipeline_failure",
          item.keyOffset,
          `The pipeline refuses this item: it has no digest of ${algorithms.join(", ")}`,
        );
      const of = [...byField].map(([name, items]): DetectionItem => {
        subject.renamed(field, [name], step.id);
        const plan = { ...readItemKey(name, item.keyOffset), negated: item.plan.negated };
        return mark({ ...item, plan, values: { kind: "list", items, offset: item.values.offset } }, step);
      });
      return { kind: item.plan.negated ? "and" : "or", of };
    });
}
