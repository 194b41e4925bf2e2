// Rule files in, rules and diagnostics out. A fault rejects the document it stands in; the other documents load.

import type { RuleIr } from "./ir.ts";
import { Problems, RuleError } from "./problem.ts";
import { readRule } from "./rule.ts";
import type { Diagnostic } from "./types.ts";
import type { Placeholders } from "./values.ts";
import { readDocuments, type YamlMap } from "./yaml.ts";

export interface ParseOptions {
  /** Values for `%name%` in items with `|expand`. */
  readonly placeholders?: Placeholders;
}

export interface ParseResult {
  /** Documents that were not empty: `rules.length` plus the rejected ones. */
  readonly documents: number;
  readonly rules: readonly RuleIr[];
  /** Errors name what was rejected; warnings are about rules that did load. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Kinds of documents that are Sigma but no plain rules. */
const otherKinds: Readonly<Record<string, string>> = {
  correlation: "correlation rules",
  filter: "filters",
  action: "rule collections",
};

/**
 * Parses the text of one rule file. Never throws; every limit of `limits.ts` ends in a diagnostic. `file` is only copied into
 * the results. The time is linear in the text.
 */
export function parseSigma(text: string, file: string, options: ParseOptions = {}): ParseResult {
  const problems = new Problems(text, file);
  const rules: RuleIr[] = [];
  const documents = readDocuments(text);
  for (const document of documents) {
    if ("error" in document) {
      report(problems, document.error);
      continue;
    }
    try {
      const { root } = document;
      if (root.kind !== "map")
        throw new RuleError("not_a_rule", root.offset, "Cannot read rule: the document is not a map");
      rejectOtherKinds(root);
      rules.push(readRule(root, text, file, problems, options.placeholders ?? {}));
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      report(problems, cause);
    }
  }
  return { documents: documents.length, rules, diagnostics: problems.finish() };
}

function report(problems: Problems, error: RuleError): void {
  problems.error(error.code, error.offset, error.message, error.hint);
}

function rejectOtherKinds(root: YamlMap): void {
  for (const entry of root.entries) {
    const kind = Object.hasOwn(otherKinds, entry.key) ? otherKinds[entry.key] : undefined;
    if (kind !== undefined)
      throw new RuleError(
        "unsupported_document",
        entry.keyOffset,
        `Cannot load document: ${kind} are not supported yet`,
      );
  }
}
