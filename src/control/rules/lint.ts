// The lints of `rules validate`: those of the Sigma room with what the agent knows about fields and tags, and what only shows when
// all files are seen together.

import { lintSigma } from "../../detect/sigma/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { checkField } from "./known-fields.ts";
import type { RuleFiles } from "./load.ts";
import { checkTag } from "./tags.ts";

/** Warnings that are kept: one for each rule of SigmaHQ three times over. The rest is counted. */
const warningsMax = 10_000;

export interface LintReport {
  /** In the order of files; at most {@link warningsMax}. */
  readonly warnings: readonly Diagnostic[];
  /** Those that are not in `warnings`. */
  readonly omitted: number;
}

/** Warnings about rules that load. Linear in the texts. */
export function lintRules(files: RuleFiles, placeholders: Readonly<Record<string, readonly string[]>>): LintReport {
  const warnings: Diagnostic[] = [];
  let omitted = 0;
  const add = (one: Diagnostic): void => {
    if (warnings.length < warningsMax) warnings.push(one);
    else omitted++;
  };
  const firstByTitle = new Map<string, string>();
  for (const { path, kind, text } of files.files) {
    if (kind !== "sigma") continue;
    const { diagnostics, titles } = lintSigma(text, path, { placeholders, field: checkField, tag: checkTag });
    for (const one of diagnostics) add(one);
    for (const { title, line, column } of titles) {
      const key = title.trim().toLowerCase();
      const first = firstByTitle.get(key);
      if (first === undefined) {
        firstByTitle.set(key, `${path}:${line}`);
        continue;
      }
      // One title in a template stands in all of its rules.
      if (first === `${path}:${line}`) continue;
      const message = `Another document has the title '${title}'`;
      const hint = `first in ${first}; in a list of alerts the two cannot be told apart`;
      add({ file: path, line, column, severity: "warning", code: "duplicate_title", message, hint });
    }
  }
  return { warnings, omitted };
}
