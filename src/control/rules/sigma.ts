// Sigma rules ready for an engine: read, parsed, filtered by level, status and tags. Nothing is left out silently: every
// rule that is not in the result is counted under its reason.

import { parseSigma, type RuleIr } from "../../detect/sigma/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { type AppConfig, levels, ruleStatuses } from "../config/mod.ts";
import { loadEmbeddedRules, loadRuleFiles, type RuleFiles, type RuleKind } from "./load.ts";

/** Kinds of rules that this version evaluates. */
export const builtKinds: ReadonlySet<RuleKind> = new Set<RuleKind>(["sigma"]);

export interface SigmaRules {
  /** Where they came from, skipped files included. */
  readonly files: RuleFiles;
  /** YAML documents in all files. */
  readonly documents: number;
  /** What passed the filter, in order of file and position. */
  readonly rules: readonly RuleIr[];
  /** Rules that the configuration leaves out, by the key that did. */
  readonly filtered: { readonly level: number; readonly status: number; readonly tags: number };
  /** Of files that could not be read and of rules; errors name what was rejected. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface SigmaFilter {
  readonly minLevel: AppConfig["sigma"]["minLevel"];
  readonly statuses: AppConfig["sigma"]["statuses"];
  readonly includeTags: readonly string[];
  readonly excludeTags: readonly string[];
}

/** The rule files that the configuration names, or those inside the binary when it names none. */
export function readRuleFiles(sigma: Pick<AppConfig["sigma"], "rulesPaths">): Promise<RuleFiles> {
  if (sigma.rulesPaths.length === 0) return loadEmbeddedRules(builtKinds);
  return Promise.resolve(loadRuleFiles(sigma.rulesPaths, builtKinds));
}

/** Reads, parses and filters the rules that the configuration asks for. Never rejects for what is in a file. */
export async function loadSigmaRules(sigma: AppConfig["sigma"]): Promise<SigmaRules> {
  return parseSigmaFiles(await readRuleFiles(sigma), sigma.placeholders, sigma);
}

/** Without `filter` every rule is taken: for `rules validate`. */
export function parseSigmaFiles(
  files: RuleFiles,
  placeholders: Readonly<Record<string, readonly string[]>>,
  filter?: SigmaFilter,
): SigmaRules {
  const rules: RuleIr[] = [];
  const diagnostics = [...files.diagnostics];
  const filtered = { level: 0, status: 0, tags: 0 };
  const firstById = new Map<string, RuleIr>();
  let documents = 0;
  for (const { path, kind, text } of files.files) {
    if (kind !== "sigma") continue;
    const parsed = parseSigma(text, path, { placeholders });
    documents += parsed.documents;
    diagnostics.push(...parsed.diagnostics);
    for (const rule of parsed.rules) {
      const why = filter === undefined ? undefined : excludedBy(rule, filter);
      if (why !== undefined) {
        filtered[why]++;
        continue;
      }
      const first = firstById.get(rule.id);
      if (first === undefined) firstById.set(rule.id, rule);
      else diagnostics.push(duplicate(rule, first));
      rules.push(rule);
    }
  }
  return { files, documents, rules, filtered, diagnostics };
}

/** The filter that leaves `rule` out, or `undefined`. */
export function excludedBy(rule: RuleIr, filter: SigmaFilter): "level" | "status" | "tags" | undefined {
  if (levels.indexOf(rule.level) < levels.indexOf(filter.minLevel)) return "level";
  const status = rule.status.toLowerCase();
  // Statuses that the specification does not know are a matter for `rules validate`, not a reason to be blind.
  const isKnown = (ruleStatuses as readonly string[]).includes(status);
  if (isKnown && !(filter.statuses as readonly string[]).includes(status)) return "status";
  const carries = (pattern: string) => rule.tags.some((tag) => tagMatches(tag, pattern));
  if (filter.includeTags.length > 0 && !filter.includeTags.some(carries)) return "tags";
  if (filter.excludeTags.some(carries)) return "tags";
  return undefined;
}

function tagMatches(tag: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase();
  const found = tag.toLowerCase();
  return wanted.endsWith("*") ? found.startsWith(wanted.slice(0, -1)) : found === wanted;
}

function duplicate(rule: RuleIr, first: RuleIr): Diagnostic {
  return {
    file: rule.file,
    line: rule.line,
    column: 1,
    severity: "warning",
    code: "duplicate_id",
    message: `rule id ${rule.id} is used by another rule as well`,
    hint: `first in ${first.file}:${first.line}; both are loaded`,
  };
}
