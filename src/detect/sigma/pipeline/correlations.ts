// Pipelines on correlations: the fields that they group by and count are renamed as those of the rules that feed them.

import type { CorrelationIr, RuleIr } from "../ir.ts";
import { oneLine } from "../problem.ts";
import type { Diagnostic, LogSource } from "../types.ts";
import type { Pipelines } from "./pipeline.ts";
import { Subject } from "./subject.ts";

export interface MappedCorrelations {
  readonly correlations: readonly CorrelationIr[];
  /** Correlations that cannot be mapped are left out, with an error. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Applies pipelines to correlations, whose rules have been through them. Never throws. Linear in correlations and references. */
export function mapCorrelations(
  pipelines: Pipelines,
  rules: readonly RuleIr[],
  correlations: readonly CorrelationIr[],
): MappedCorrelations {
  const sources = new LogSources(rules, correlations);
  const diagnostics: Diagnostic[] = [];
  const mapped: CorrelationIr[] = [];
  for (const correlation of correlations) {
    try {
      mapped.push(mapOne(pipelines, correlation, sources.of(correlation)));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { file, line } = correlation;
      const message = oneLine(`Cannot apply pipeline to correlation '${correlation.title}': ${error.message}`);
      diagnostics.push({ file, line, column: 1, severity: "error", code: "pipeline_failure", message, hint: "" });
    }
  }
  return { correlations: mapped, diagnostics };
}

class Refusal extends Error {}

function mapOne(pipelines: Pipelines, correlation: CorrelationIr, logsources: readonly LogSource[]): CorrelationIr {
  const { tags, level, status } = correlation;
  const subject = new Subject({
    kind: "correlation",
    logsources,
    bodies: [],
    fields: [],
    tags,
    level,
    status,
    offset: -1,
  });
  let { groupBy, valueFields, aliases } = correlation;
  const names = new Set(aliases.map(({ alias }) => alias));
  for (const step of pipelines.steps) {
    const all = (field: string): readonly string[] => step.rename(subject, field) ?? [field];
    const only = (field: string): string => {
      const [first, ...more] = all(field);
      if (first === undefined || more.length > 0)
        throw new Refusal(`'${field}' becomes ${more.length + (first === undefined ? 0 : 1)} fields, and it takes one`);
      return first;
    };
    groupBy = [...new Set(groupBy.flatMap((field) => (names.has(field) ? [field] : all(field))))];
    valueFields = valueFields.map(only);
    aliases = aliases.map(({ alias, fields }) => ({
      alias,
      fields: fields.map(({ rule, field }) => ({ rule, field: only(field) })),
    }));
    try {
      step.apply(subject);
    } catch (error) {
      throw new Refusal(error instanceof Error ? error.message : String(error));
    }
  }
  return { ...correlation, groupBy, valueFields, aliases };
}

/** The log sources of the rules behind a correlation, also through others. */
class LogSources {
  readonly #rules = new Map<string, RuleIr>();
  readonly #correlations = new Map<string, CorrelationIr>();

  constructor(rules: readonly RuleIr[], correlations: readonly CorrelationIr[]) {
    for (const rule of rules) index(this.#rules, rule);
    for (const correlation of correlations) index(this.#correlations, correlation);
  }

  of(correlation: CorrelationIr, seen: Set<CorrelationIr> = new Set()): LogSource[] {
    // Circles are told when correlations are linked.
    if (seen.has(correlation)) return [];
    seen.add(correlation);
    return correlation.rules.flatMap(({ name }) => {
      const rule = this.#rules.get(name.toLowerCase()) ?? this.#rules.get(`=${name}`);
      if (rule !== undefined) return [rule.logsource];
      const below = this.#correlations.get(name.toLowerCase()) ?? this.#correlations.get(`=${name}`);
      return below === undefined ? [] : this.of(below, seen);
    });
  }
}

/** By id, and by name behind `=`, which no id begins with; the first wins, as in linking. */
function index<Document extends { readonly id: string; readonly name: string }>(
  map: Map<string, Document>,
  document: Document,
): void {
  const id = document.id.toLowerCase();
  if (!map.has(id)) map.set(id, document);
  if (document.name !== "" && !map.has(`=${document.name}`)) map.set(`=${document.name}`, document);
}
