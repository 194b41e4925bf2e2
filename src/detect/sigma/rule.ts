// One rule document: its header and, through detection.ts, what it looks for.

import { readDetection } from "./detection.ts";
import { missing, readHeader, readLogSource, texts } from "./header.ts";
import type { RuleIr } from "./ir.ts";
import { applyPipelines, type Pipelines } from "./pipeline/pipeline.ts";
import { Subject } from "./pipeline/subject.ts";
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
  pipelines?: Pipelines,
): RuleIr {
  const header = readHeader(root, file, problems);
  const logsource = readLogSource(root);
  const detectionNode = child(root, "detection");
  if (detectionNode === undefined) throw missing(root, "detection");
  if (detectionNode.kind !== "map")
    throw new RuleError("wrong_type", detectionNode.offset, "Cannot read rule: 'detection' is not a map");
  const fields = texts(root, "fields");
  if (pipelines === undefined) {
    const detection = readDetection(detectionNode, source, problems, placeholders);
    return { ...header, fields, logsource, ...detection };
  }
  const { tags, level, status } = header;
  let subject: Subject | undefined;
  const detection = readDetection(detectionNode, source, problems, placeholders, undefined, (bodies) => {
    const offset = detectionNode.offset;
    subject = new Subject({ kind: "rule", logsources: [logsource], bodies, fields, tags, level, status, root, offset });
    applyPipelines(pipelines, subject);
    return subject;
  });
  return { ...header, fields: subject?.fields ?? fields, logsource: subject?.logsources[0] ?? logsource, ...detection };
}
