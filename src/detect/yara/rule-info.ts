// What an alert says about a YARA rule: from its namespace, name, tags and meta entries. Rule authors agree on few names, so those in
// wide use are read and everything else is left in the hit's meta.

import { printable } from "../../std/mod.ts";
import type { Level, RuleInfo } from "../detector.ts";

type MetaValue = string | number | boolean;
export type Meta = readonly (readonly [string, MetaValue])[];

const levels: Readonly<Record<string, Level>> = {
  informational: "informational",
  info: "informational",
  notice: "informational",
  low: "low",
  medium: "medium",
  moderate: "medium",
  high: "high",
  critical: "critical",
};

/** A rule that says nothing about its severity: a file that matches malware is worth looking at today. */
const levelOfSilentRule: Level = "high";

/**
 * Severity by `severity`, `level`, `threat_level` or `score`: a word, or a number of 100 (90 critical, 70 high, 50 medium, 30 low).
 */
export function levelOf(meta: Meta): Level {
  for (const name of ["severity", "level", "threat_level", "score"]) {
    const value = meta.find(([key]) => key.toLowerCase() === name)?.[1];
    if (value === undefined) continue;
    const word = levels[String(value).trim().toLowerCase()];
    if (word !== undefined) return word;
    const number = typeof value === "number" ? value : Number.parseFloat(String(value));
    if (!Number.isFinite(number)) continue;
    return number >= 90
      ? "critical"
      : number >= 70
        ? "high"
        : number >= 50
          ? "medium"
          : number >= 30
            ? "low"
            : "informational";
  }
  return levelOfSilentRule;
}

/** An id made from namespace and name, in the shape of a UUID (version 8, RFC 9562): the same wherever the rule is loaded. */
export function ruleId(namespace: string, name: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(`yara\0${namespace}\0${name}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export interface RuleSource {
  readonly namespace: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly meta: Meta;
  readonly file: string;
}

export function yaraRuleInfo({ namespace, name, tags, meta, file }: RuleSource): RuleInfo {
  const texts = (...names: readonly string[]): string[] =>
    meta.flatMap(([key, value]) => (names.includes(key.toLowerCase()) && value !== "" ? [String(value)] : []));
  const techniques = texts("attack", "mitre_attack", "mitre_att", "mitre").flatMap((text) =>
    [...text.matchAll(/\bT\d{4}(?:\.\d{3})?\b/gi)].map(([id]) => `attack.${id.toLowerCase()}`),
  );
  return {
    id: ruleId(namespace, name),
    title: name,
    description: texts("description", "desc")[0] ?? "",
    level: levelOf(meta),
    status: "",
    author: texts("author"),
    references: texts("reference", "references", "ref", "url"),
    tags: [...new Set([...tags, ...techniques])],
    falsepositives: [],
    version: texts("modified", "date")[0]?.match(/^\d{4}-\d{2}-\d{2}/)?.[0] ?? "",
    license: texts("license")[0] ?? "",
    category: printable(namespace),
    file,
  };
}
