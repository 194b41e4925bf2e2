// Rule files in, rules and diagnostics out. A fault rejects the document it stands in; the other documents load.

import { Collection } from "./collection.ts";
import { readCorrelation } from "./correlation.ts";
import { readFilter } from "./filter.ts";
import type { CorrelationIr, FilterIr, RuleIr } from "./ir.ts";
import type { Pipelines } from "./pipeline/pipeline.ts";
import { Problems, RuleError } from "./problem.ts";
import { readRule } from "./rule.ts";
import type { Diagnostic } from "./types.ts";
import type { Placeholders } from "./values.ts";
import { child, readDocuments } from "./yaml.ts";

export interface ParseOptions {
  /** Values for `%name%` in items with `|expand`. */
  readonly placeholders?: Placeholders;
  /** Applied to rules and filters; correlations are mapped by {@link mapCorrelations} when all rules are known. */
  readonly pipelines?: Pipelines | undefined;
}

export interface ParseResult {
  /** Documents that were not empty: rules, filters, correlations, templates and the rejected ones. */
  readonly documents: number;
  readonly rules: readonly RuleIr[];
  /** What refers to rules of this or other files: `linkSigma` brings all together. */
  readonly filters: readonly FilterIr[];
  readonly correlations: readonly CorrelationIr[];
  /** Documents that only change others: `action: global` and `reset`. */
  readonly templates: number;
  /** Errors name what was rejected; warnings are about rules that did load. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Parses the text of one rule file. Never throws; every limit of `limits.ts` ends in a diagnostic. `file` is only copied into
 * the results. The time is linear in the text.
 */
export function parseSigma(text: string, file: string, options: ParseOptions = {}): ParseResult {
  const problems = new Problems(text, file);
  const rules: RuleIr[] = [];
  const filters: FilterIr[] = [];
  const correlations: CorrelationIr[] = [];
  let templates = 0;
  const { placeholders = {}, pipelines } = options;
  const collection = new Collection();
  const documents = readDocuments(text);
  for (const document of documents) {
    if ("error" in document) {
      report(problems, document.error);
      collection.forget();
      continue;
    }
    try {
      if (document.root.kind !== "map")
        throw new RuleError("not_a_rule", document.root.offset, "Cannot read rule: the document is not a map");
      const root = collection.resolve(document.root);
      if (root === undefined) templates++;
      else if (child(root, "correlation") !== undefined) correlations.push(readCorrelation(root, text, file, problems));
      else if (child(root, "filter") !== undefined)
        filters.push(readFilter(root, text, file, problems, placeholders, pipelines));
      else rules.push(readRule(root, text, file, problems, placeholders, pipelines));
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      report(problems, cause);
    }
  }
  return { documents: documents.length, rules, filters, correlations, templates, diagnostics: problems.finish() };
}

function report(problems: Problems, error: RuleError): void {
  problems.error(error.code, error.offset, error.message, error.hint);
}
