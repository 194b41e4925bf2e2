// Indicators of a STIX 2.1 bundle (OASIS, sections 4.7 and 9). Of the pattern language, what single observables need: comparisons
// of one object path with a constant, joined by OR. What asks for several things at once is no list entry, and is left out by name.

import type { IndicatorBuilder } from "./builder.ts";
import { type ListDefaults, levelOf, noteOf } from "./feed.ts";
import type { FileReporter } from "./file-report.ts";
import type { Attributes, IndicatorKind } from "./model.ts";

/** Object paths that can be looked for, in lower case without quotes. */
const paths: Readonly<Record<string, IndicatorKind>> = {
  "domain-name:value": "domain",
  "ipv4-addr:value": "ip",
  "ipv6-addr:value": "ip",
  "network-traffic:dst_ref.value": "ip",
  "network-traffic:src_ref.value": "ip",
  "url:value": "url",
  "file:hashes.md5": "md5",
  "file:hashes.sha-1": "sha1",
  "file:hashes.sha1": "sha1",
  "file:hashes.sha-256": "sha256",
  "file:hashes.sha256": "sha256",
  "file:hashes.imphash": "imphash",
};

const patternLengthMax = 262_144;

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function readStix(
  document: unknown,
  defaults: ListDefaults,
  builder: IndicatorBuilder,
  report: FileReporter,
  nowMs: number,
): void {
  const objects = isObject(document) && Array.isArray(document.objects) ? (document.objects as unknown[]) : undefined;
  if (objects === undefined) {
    report.report(0, 0, "error", "no_bundle", "not a STIX bundle: it has no list `objects`", "");
    return;
  }
  const names = identities(objects);
  for (const object of objects) {
    if (report.isFull) return;
    if (!isObject(object) || object.type !== "indicator") continue;
    const id = text(object.id);
    const expiresMs = Date.parse(text(object.valid_until));
    if (object.revoked === true || expiresMs <= nowMs) {
      report.skipped++;
      continue;
    }
    const kind = text(object.pattern_type);
    const found = kind === "stix" || kind === "" ? observablesOf(text(object.pattern)) : undefined;
    if (found === undefined) {
      report.skipped++;
      report.report(
        0,
        0,
        "warning",
        "unknown_pattern",
        `indicator '${id.slice(0, 80)}' asks for more than one single observable, or for one that nothing looks for`,
        "comparisons of domain-name, ipv4-addr, ipv6-addr, url or file:hashes joined by OR are taken",
      );
      continue;
    }
    const attributes: Attributes = {
      level: levelFrom(object) ?? defaults.level,
      reference: referenceOf(object),
      provider: names.get(text(object.created_by_ref)) ?? "",
      expiresMs: Number.isNaN(expiresMs) ? undefined : expiresMs,
      file: defaults.file,
    };
    const number = builder.attributes(attributes);
    const name = text(object.name);
    const description = text(object.description);
    const note = noteOf(name === "" || description === "" ? name + description : `${name}: ${description}`, id);
    for (const { kind, value } of found) {
      const refusal = builder.add(kind, value, note, number);
      if (refusal === undefined) report.taken++;
      else report.refuse(0, 0, value, refusal);
    }
  }
}

function identities(objects: readonly unknown[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const object of objects)
    if (isObject(object) && object.type === "identity") names.set(text(object.id), text(object.name));
  return names;
}

/** `severity` as several producers write it; else the level that a label names. `confidence` is how sure, not how bad. */
function levelFrom(object: Fields): Attributes["level"] | undefined {
  for (const value of [object.severity, object.x_severity, object.x_opencti_score]) {
    const level = typeof value === "number" || typeof value === "string" ? levelOf(String(value)) : undefined;
    if (level !== undefined) return level;
  }
  return undefined;
}

function referenceOf(object: Fields): string {
  const references = Array.isArray(object.external_references) ? (object.external_references as unknown[]) : [];
  for (const one of references) if (isObject(one) && text(one.url) !== "") return text(one.url);
  return "";
}

/**
 * The observables of a pattern, any of which is the indicator; `undefined` when it says anything else. `[a = 'x' OR b = 'y']`,
 * `[a = 'x'] OR [b = 'y']` and `a IN ('x', 'y')`; ISSUBSET for networks. Linear in the pattern.
 */
export function observablesOf(pattern: string): { kind: IndicatorKind; value: string }[] | undefined {
  if (pattern.length > patternLengthMax) return undefined;
  const found: { kind: IndicatorKind; value: string }[] = [];
  const tokens = tokenize(pattern);
  if (tokens === undefined) return undefined;
  let depth = 0;
  let at = 0;
  let needsOperand = true;
  while (at < tokens.length) {
    const token = tokens[at]!;
    if (token === "[" || token === "(") {
      if (!needsOperand) return undefined;
      depth++;
      at++;
    } else if (token === "]" || token === ")") {
      if (needsOperand || --depth < 0) return undefined;
      at++;
    } else if (token.toUpperCase() === "OR") {
      if (needsOperand) return undefined;
      needsOperand = true;
      at++;
    } else {
      if (!needsOperand) return undefined;
      const kind = paths[token.toLowerCase().replaceAll("'", "")];
      const operator = tokens[at + 1]?.toUpperCase();
      if (kind === undefined || operator === undefined) return undefined;
      at += 2;
      if (operator === "IN") {
        if (tokens[at] !== "(") return undefined;
        for (at++; tokens[at] !== ")"; at++) {
          const value = constant(tokens[at]);
          if (value !== undefined) found.push({ kind, value });
          else if (tokens[at] !== ",") return undefined;
        }
        at++;
      } else {
        const value = constant(tokens[at]);
        if (value === undefined || !(operator === "=" || (operator === "ISSUBSET" && kind === "ip"))) return undefined;
        found.push({ kind, value });
        at++;
      }
      needsOperand = false;
    }
  }
  return depth === 0 && !needsOperand ? found : undefined;
}

/** A quoted constant without its quotes and escapes. */
function constant(token: string | undefined): string | undefined {
  return token?.startsWith("'") ? token.slice(1, -1).replaceAll(/\\(['\\])/g, "$1") : undefined;
}

const tokenPattern =
  /\s+|'(?:[^'\\]|\\.)*'|[a-z][a-z0-9-]*:[a-z0-9_.[\]*-]*(?:'[^'\\]*')?[a-z0-9_.-]*|[a-z]+|[[\](),=]/giy;

function tokenize(pattern: string): string[] | undefined {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < pattern.length) {
    const match = tokenPattern.exec(pattern);
    if (match === null) return undefined;
    if (match[0].trim() !== "") tokens.push(match[0]);
  }
  return tokens;
}
