// One rule document: its header and, through detection.ts, what it looks for.

import { readDetection } from "./detection.ts";
import { missing, readHeader, readLogSource, texts } from "./header.ts";
import type { RuleIr } from "./ir.ts";
import { type Problems, RuleError } from "./problem.ts";
import type { Placeholders } from "./values.ts";
import { child, type YamlMap } from "./yaml.ts";

/** Reads a document that is a plain rule. Throws {@link RuleError}; adds warnings to `problems`. */
export function readRule(
  root: YamlMap,
  source: string,
  file: string,
  problems: Problems,
  placeholders: Placeholders,
): RuleIr {
  const header = readHeader(root, file, problems);
  const logsource = readLogSource(root);
  const detectionNode = child(root, "detection");
  if (detectionNode === undefined) throw missing(root, "detection");
  if (detectionNode.kind !== "map")
    throw new RuleError("wrong_type", detectionNode.offset, "Cannot read rule: 'detection' is not a map");
  const detection = readDetection(detectionNode, source, problems, placeholders);
  return { ...header, fields: texts(root, "fields"), logsource, ...detection };
}
