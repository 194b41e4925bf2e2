// A filter document (Sigma filters specification 2.1.0, with `any` of 2.2.0): which rules it is about and what it adds to them.

import { readDetection } from "./detection.ts";
import { missing, readHeader, readLogSource } from "./header.ts";
import type { Condition, FilterIr, Reference, Selection } from "./ir.ts";
import { referenceCountMax } from "./limits.ts";
import type { DetectionBody } from "./pipeline/model.ts";
import { applyPipelines, type Pipelines } from "./pipeline/pipeline.ts";
import { Subject } from "./pipeline/subject.ts";
import { type Problems, RuleError } from "./problem.ts";
import type { Placeholders } from "./values.ts";
import { child, type YamlMap, type YamlNode, type YamlScalar } from "./yaml.ts";

/** Keys of `filter` that are no selections. */
const reserved: ReadonlySet<string> = new Set(["condition", "rules"]);

/** Throws {@link RuleError}; adds warnings to `problems`. */
export function readFilter(
  root: YamlMap,
  source: string,
  file: string,
  problems: Problems,
  placeholders: Placeholders,
  pipelines?: Pipelines,
): FilterIr {
  const header = readHeader(root, file, problems);
  let logsource: FilterIr["logsource"] = readLogSource(root);
  const node = child(root, "filter");
  if (node?.kind !== "map")
    throw new RuleError("wrong_type", node?.offset ?? root.offset, "Cannot read filter: 'filter' is not a map");
  const rulesNode = child(node, "rules");
  if (rulesNode === undefined) {
    const error = missing(node, "rules");
    throw new RuleError(
      error.code,
      error.offset,
      "Cannot read filter: it has no 'rules'",
      error.hint || "write 'rules: any' for all rules of its log source",
    );
  }
  const transform = (bodies: readonly DetectionBody[]): Subject => {
    const { tags, level, status } = header;
    const { offset } = node;
    const facts = {
      kind: "filter",
      logsources: [logsource],
      bodies,
      fields: [],
      tags,
      level,
      status,
      root,
      offset,
    } as const;
    const subject = new Subject(facts);
    if (pipelines !== undefined) applyPipelines(pipelines, subject);
    [logsource = logsource] = subject.logsources;
    return subject;
  };
  const detection = readDetection(node, source, problems, placeholders, reserved, pipelines && transform);
  if (!mentionsNot(detection.condition, detection.selections)) {
    problems.warning(
      "filter_without_not",
      child(node, "condition")?.offset ?? node.offset,
      "The filter's condition has no 'not': its rules will fire only on what it describes",
      "write 'not selection' to leave out what the selection describes",
    );
  }
  return { ...header, logsource, rules: readRules(rulesNode, problems), ...detection };
}

function readRules(node: YamlNode, problems: Problems): FilterIr["rules"] {
  if (node.kind === "scalar" && node.text.toLowerCase() === "any") return "any";
  if (node.kind === "list" && node.items.length === 0) {
    problems.warning(
      "empty_rules",
      node.offset,
      "An empty list of rules means all rules of the log source",
      "write 'any'",
    );
    return "any";
  }
  return readReferences(node, "filter", problems);
}

/** One name or id, or a list of them; each at most once. */
export function readReferences(node: YamlNode, what: string, problems: Problems): Reference[] {
  const nodes = node.kind === "list" ? node.items : [node];
  const scalars = nodes.map((item) => {
    if (item.kind !== "scalar" || item.text === "")
      throw new RuleError("wrong_type", item.offset, `Cannot read ${what}: 'rules' holds names and ids of rules`);
    return item;
  });
  if (scalars.length === 0) throw new RuleError("empty_rules", node.offset, `Cannot read ${what}: 'rules' is empty`);
  if (scalars.length > referenceCountMax) {
    const message = `Cannot read ${what}: it refers to more than ${referenceCountMax} rules`;
    throw new RuleError("too_many_rules", node.offset, message);
  }
  const found = new Map<string, Reference>();
  for (const scalar of scalars) {
    if (found.has(scalar.text)) problems.warning("repeated_rule", scalar.offset, `'${scalar.text}' is listed twice`);
    else found.set(scalar.text, reference(scalar, problems));
  }
  return [...found.values()];
}

/** A reference with its position. */
export function reference(scalar: Pick<YamlScalar, "text" | "offset">, problems: Problems): Reference {
  return { name: scalar.text, ...problems.position(scalar.offset) };
}

/** Whether the condition, or a selection it uses, negates anything on its upper levels. */
function mentionsNot(node: Condition, selections: readonly Selection[]): boolean {
  switch (node.kind) {
    case "not":
      return true;
    case "and":
    case "or":
      return node.of.some((part) => mentionsNot(part, selections));
    case "selection":
      return mentionsNot(selections[node.selection]!.condition, selections);
    default:
      return false;
  }
}
