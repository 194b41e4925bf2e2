// Sigma rules ready for an engine: read, parsed, linked with their filters and correlations, filtered by level, status and tags.
// Nothing is left out silently: every document that is not in the result is counted under its reason.

import { createHash } from "node:crypto";
import {
  type CorrelationIr,
  type FilterIr,
  type LinkedCorrelation,
  linkSigma,
  mapCorrelations,
  parseSigma,
  type RuleHeader,
  type RuleIr,
} from "../../detect/sigma/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { ruleSkippedNamedMax } from "../config/limits.ts";
import { type AppConfig, levels, ruleStatuses } from "../config/mod.ts";
import { loadEmbeddedRules, loadRuleFiles, type RuleFiles, type RuleKind } from "./load.ts";
import { withPipelines } from "./pipelines.ts";

/** Kinds of rules that this version evaluates. */
export const builtKinds: ReadonlySet<RuleKind> = new Set<RuleKind>(["sigma", "ioc"]);

export interface SigmaRules {
  /** Where they came from, skipped files included. */
  readonly files: RuleFiles;
  /** YAML documents in all files. */
  readonly documents: number;
  /** What passed the filter, in order of file and position; and, `silent`, what did not but feeds a correlation that did. */
  readonly rules: readonly RuleIr[];
  /** Correlations that passed the filter, each after those that feed it. */
  readonly correlations: readonly LinkedCorrelation[];
  /** Documents that only change others: filters, and the templates of collections. */
  readonly filters: number;
  readonly templates: number;
  /** Rules and correlations that the configuration leaves out, by the key that did. */
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

/** The rule files that the configuration names; those inside the binary when it names no rules; with its pipelines. */
export async function readRuleFiles({ sigma, ioc }: Pick<AppConfig, "sigma" | "ioc">): Promise<RuleFiles> {
  return withPipelines(await filesOf(sigma, ioc), sigma.pipelines);
}

async function filesOf(sigma: AppConfig["sigma"], ioc: AppConfig["ioc"]): Promise<RuleFiles> {
  const paths = [...sigma.rulesPaths, ...ioc.paths];
  if (sigma.rulesPaths.length > 0) return loadRuleFiles(paths, builtKinds);
  const embedded = await loadEmbeddedRules(builtKinds);
  return ioc.paths.length === 0 ? embedded : joined(embedded, loadRuleFiles(ioc.paths, new Set<RuleKind>(["ioc"])));
}

function joined(first: RuleFiles, second: RuleFiles): RuleFiles {
  return {
    files: [...first.files, ...second.files],
    skipped: [...first.skipped, ...second.skipped].slice(0, ruleSkippedNamedMax),
    skippedCount: first.skippedCount + second.skippedCount,
    diagnostics: [...first.diagnostics, ...second.diagnostics],
    digest: createHash("sha256").update(`${first.digest}\n${second.digest}`).digest("hex"),
  };
}

/** Reads, parses and filters the rules that the configuration asks for. Never rejects for what is in a file. */
export async function loadSigmaRules(config: Pick<AppConfig, "sigma" | "ioc">): Promise<SigmaRules> {
  return parseSigmaFiles(await readRuleFiles(config), config.sigma.placeholders, config.sigma);
}

/** Without `filter` every rule is taken: for `rules validate`. */
export function parseSigmaFiles(
  files: RuleFiles,
  placeholders: Readonly<Record<string, readonly string[]>>,
  filter?: SigmaFilter,
): SigmaRules {
  const rules: RuleIr[] = [];
  const filters: FilterIr[] = [];
  const correlations: CorrelationIr[] = [];
  const diagnostics = [...files.diagnostics];
  let documents = 0;
  let templates = 0;
  for (const { path, kind, text } of files.files) {
    if (kind !== "sigma") continue;
    const parsed = parseSigma(text, path, { placeholders, pipelines: files.pipelines });
    documents += parsed.documents;
    templates += parsed.templates;
    for (const rule of parsed.rules) rules.push(rule);
    filters.push(...parsed.filters);
    correlations.push(...parsed.correlations);
    diagnostics.push(...parsed.diagnostics);
  }
  const excluded = new Map<RuleHeader, Excluded | undefined>();
  const wanted = (header: RuleHeader): boolean => {
    if (!excluded.has(header)) excluded.set(header, filter === undefined ? undefined : excludedBy(header, filter));
    return excluded.get(header) === undefined;
  };
  const mapped = files.pipelines === undefined ? undefined : mapCorrelations(files.pipelines, rules, correlations);
  diagnostics.push(...(mapped?.diagnostics ?? []));
  const linked = linkSigma({ rules, filters, correlations: mapped?.correlations ?? correlations }, { wanted });
  diagnostics.push(...linked.diagnostics);
  const filtered = { level: 0, status: 0, tags: 0 };
  for (const why of excluded.values()) if (why !== undefined) filtered[why]++;
  const firstById = new Map<string, RuleHeader>();
  for (const loaded of [...linked.rules, ...linked.correlations]) {
    const why = filter === undefined || loaded.silent !== true ? undefined : excludedBy(loaded, filter);
    // Not wanted, but loaded: a correlation needs it.
    if (why !== undefined) filtered[why]--;
    const first = firstById.get(loaded.id);
    if (first === undefined) firstById.set(loaded.id, loaded);
    else diagnostics.push(duplicate(loaded, first));
  }
  const { rules: loaded, correlations: above } = linked;
  return {
    files,
    documents,
    rules: loaded,
    correlations: above,
    filters: filters.length,
    templates,
    filtered,
    diagnostics,
  };
}

type Excluded = "level" | "status" | "tags";

/** The filter that leaves `rule` out, or `undefined`. */
export function excludedBy(rule: RuleHeader, filter: SigmaFilter): Excluded | undefined {
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

function duplicate(rule: RuleHeader, first: RuleHeader): Diagnostic {
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
