// `agent rules coverage`: which techniques of ATT&CK the rules are about, as a layer for the Navigator and as numbers.

import {
  type Coverage,
  coverageOf,
  navigatorLayer,
  parseSigmaFiles,
  readRuleFiles,
  ruleStates,
} from "../control/rules/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, requireConfig, terminalWidth, usesColor } from "./context.ts";
import { sayRejected } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeFile, writeOut } from "./output.ts";
import { type Column, tabLines, textTable } from "./text-table.ts";

export async function coverageEntry(args: CommandArgs<"rules coverage">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const { platform, output } = args;
  const sigma = parseSigmaFiles(await readRuleFiles(config), config.sigma.placeholders);
  const all = [...sigma.rules, ...sigma.correlations];
  const rules =
    platform === undefined
      ? all
      : ruleStates(sigma, platform).flatMap(({ rule, state }) => (state === "active" ? [rule] : []));
  const coverage = coverageOf(rules);
  const which = platform === undefined ? "all rules loaded" : `rules that can fire on ${platform}`;
  const layer = `${JSON.stringify(navigatorLayer(coverage, "Sigil", `The score is the number of rules: ${which}.`), null, 1)}\n`;
  const rejected = sigma.diagnostics.filter(({ severity }) => severity === "error").length;
  if (output === undefined) {
    // A summary beside the layer would spoil it for whoever reads it.
    writeOut(args.json ? `${JSON.stringify(summaryJson(coverage))}\n` : layer);
    return sayRejected(rejected);
  }
  const written = writeFile(output, layer);
  if (written !== ExitCode.ok) return written;
  if (args.json) writeOut(`${JSON.stringify(summaryJson(coverage))}\n`);
  else {
    const rows = coverage.tactics.map(({ name, ruleCount, techniqueCount }) => [
      name,
      String(ruleCount),
      String(techniqueCount),
    ]);
    if (isTerminal(1)) writeOut(textTable(columns, rows, { width: terminalWidth(), color: usesColor(1) }));
    else writeOut(tabLines(rows));
    const untagged = coverage.untaggedCount === 0 ? "" : `; ${coverage.untaggedCount} name none`;
    writeErr(`${coverage.techniques.length} techniques in ${coverage.ruleCount} rules (${which})${untagged}\n`);
  }
  return sayRejected(rejected);
}

const columns: readonly Column[] = [
  { head: "TACTIC", widthMin: 24, rank: 0 },
  { head: "RULES", widthMin: 5, rank: 0, alignRight: true, paint: (cell) => (cell === "0" ? "2" : undefined) },
  { head: "TECHNIQUES", widthMin: 10, rank: 0, alignRight: true, paint: (cell) => (cell === "0" ? "2" : undefined) },
];

function summaryJson({ ruleCount, untaggedCount, techniques, tactics }: Coverage): Readonly<Record<string, unknown>> {
  return {
    rules: ruleCount,
    untagged: untaggedCount,
    techniques: techniques.map(({ id, name, rules }) => ({ id, name, rules: rules.length })),
    tactics: tactics.map(({ id, name, ruleCount: rules, techniqueCount }) => ({
      id,
      name,
      rules,
      techniques: techniqueCount,
    })),
  };
}
