// What every document tells people: title, level, author … The same for rules, filters and correlations.

import { createHash } from "node:crypto";
import type { RuleHeader, RuleIr } from "./ir.ts";
import { didYouMean } from "./nearest.ts";
import { type Problems, RuleError } from "./problem.ts";
import type { Level } from "./types.ts";
import { child, type YamlMap, type YamlNode } from "./yaml.ts";

export const levels: readonly Level[] = ["informational", "low", "medium", "high", "critical"];
const statuses: readonly string[] = ["stable", "test", "experimental", "deprecated", "unsupported"];

/** Reads the header of a document. Throws {@link RuleError}; adds warnings to `problems`. */
export function readHeader(root: YamlMap, file: string, problems: Problems): RuleHeader {
  const title = text(root, "title");
  if (title === "") throw missing(root, "title");
  return {
    id: text(root, "id") || derivedId(root),
    title,
    name: text(root, "name"),
    level: readLevel(root),
    status: readStatus(root, problems),
    description: text(root, "description").trim(),
    author: readAuthors(root),
    references: texts(root, "references"),
    tags: texts(root, "tags"),
    falsepositives: texts(root, "falsepositives"),
    version: text(root, "modified") || text(root, "date"),
    license: text(root, "license"),
    file,
    line: problems.line(root.entries[0]?.keyOffset ?? root.offset),
  };
}

/** A document that lacks what it cannot be read without. */
export function missing(root: YamlMap, key: string): RuleError {
  const at = root.entries[0]?.keyOffset ?? root.offset;
  const others = root.entries.map((entry) => entry.key);
  return new RuleError(
    `no_${key}`,
    at,
    `Cannot read rule: it has no '${key}'`,
    didYouMean(key, others).replace("did you mean", "is it"),
  );
}

/** `logsource`, with at least one of its parts. Throws {@link RuleError}. */
export function readLogSource(root: YamlMap): RuleIr["logsource"] {
  const node = child(root, "logsource");
  if (node === undefined) throw missing(root, "logsource");
  if (node.kind !== "map") throw new RuleError("wrong_type", node.offset, "Cannot read rule: 'logsource' is not a map");
  const parts: Record<string, string> = {};
  for (const key of ["product", "category", "service", "definition"] as const) {
    const value = text(node, key);
    if (value !== "") parts[key] = value;
  }
  if (parts.product === undefined && parts.category === undefined && parts.service === undefined) {
    const keys = node.entries.map((entry) => entry.key);
    const hint = didYouMean(keys[0] ?? "", ["product", "category", "service"]);
    throw new RuleError(
      "empty_logsource",
      node.offset,
      "Cannot read rule: 'logsource' names no product, category or service",
      hint,
    );
  }
  return parts;
}

function readLevel(root: YamlMap): Level {
  const node = child(root, "level");
  const written = text(root, "level").toLowerCase();
  if (node === undefined || written === "") return "medium";
  const level = levels.find((candidate) => candidate === written);
  if (level !== undefined) return level;
  const hint = didYouMean(written, levels) || `one of ${levels.join(", ")}`;
  throw new RuleError("unknown_level", node.offset, `Cannot read rule: unknown level '${written}'`, hint);
}

function readStatus(root: YamlMap, problems: Problems): string {
  const node = child(root, "status");
  const written = text(root, "status").toLowerCase();
  if (node !== undefined && written !== "" && !statuses.includes(written)) {
    problems.warning("unknown_status", node.offset, `Unknown status '${written}'`, didYouMean(written, statuses));
  }
  return written;
}

/** The specification has one text; people write lists too, and separate names by commas. */
function readAuthors(root: YamlMap): string[] {
  return texts(root, "author").flatMap((author) =>
    author
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
}

/** The scalar under a key, or empty: headers inform people, so that a wrong type there is no reason to lose a detection. */
export function text(map: YamlMap, key: string): string {
  const node = child(map, key);
  return node?.kind === "scalar" ? node.text : "";
}

/** The scalars under a key, one or a list of them. */
export function texts(map: YamlMap, key: string): string[] {
  const node = child(map, key);
  const nodes: readonly YamlNode[] = node === undefined ? [] : node.kind === "list" ? node.items : [node];
  return nodes.flatMap((item) => (item.kind === "scalar" && item.text !== "" ? [item.text] : []));
}

/** A UUID of version 8 (RFC 9562) from what the document says, regardless of where it lies and how it is laid out. */
function derivedId(root: YamlMap): string {
  const bytes = createHash("sha256")
    .update(JSON.stringify(canonical(root)))
    .digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

function canonical(node: YamlNode): unknown {
  if (node.kind === "scalar") return node.plain ? node.text : [node.text];
  if (node.kind === "list") return node.items.map(canonical);
  return { map: node.entries.map((entry) => [entry.key, canonical(entry.value)]) };
}
