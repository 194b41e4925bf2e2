// `agent rules list`: every rule with what becomes of it here.

import { parseSigmaFiles, type RuleState, readRuleFiles, ruleStates } from "../control/rules/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, requireConfig, terminalWidth, thisPlatform, usesColor } from "./context.ts";
import { levelColor, sayRejected } from "./diagnostics.ts";
import type { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";
import { type Column, tabLines, textTable } from "./text-table.ts";

export async function listEntry(args: CommandArgs<"rules list">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const platform = args.platform ?? thisPlatform();
  const sigma = parseSigmaFiles(await readRuleFiles(config), config.sigma.placeholders);
  const states = ruleStates(sigma, platform, config.sigma);
  const rejected = sigma.diagnostics.filter(({ severity }) => severity === "error").length;
  if (args.json) {
    writeOut(`${JSON.stringify({ platform, rules: states.map(asJson), rejected })}\n`);
  } else if (isTerminal(1)) {
    writeOut(textTable(columns, states.map(row), { width: terminalWidth(), color: usesColor(1) }));
    const count = (state: RuleState["state"]): number => states.filter((one) => one.state === state).length;
    const filtered = count("filtered") === 0 ? "" : `, ${count("filtered")} left out by the configuration`;
    writeErr(`${states.length} rules: ${count("active")} active on ${platform}, ${count("inert")} inert${filtered}\n`);
  } else writeOut(tabLines(states.map(plainRow)));
  return sayRejected(rejected);
}

function asJson({ rule, kind, logsource, state, reason }: RuleState): Readonly<Record<string, unknown>> {
  const { id, title, level, status, file, line } = rule;
  return { id, title, kind, level, status, logsource: logsource ?? null, state, reason, file, line };
}

const columns: readonly Column[] = [
  { head: "LEVEL", widthMin: 8, rank: 0, paint: levelColor },
  {
    head: "STATE",
    widthMin: 8,
    rank: 0,
    paint: (state) => (state === "active" ? "32" : state === "inert" ? "33" : "2"),
  },
  { head: "TITLE", widthMin: 36, rank: 0 },
  { head: "LOG SOURCE", widthMin: 20, rank: 1 },
  { head: "STATUS", widthMin: 8, rank: 2 },
  { head: "REASON", widthMin: 24, rank: 3 },
  { head: "ID", widthMin: 36, rank: 4 },
  { head: "FILE", widthMin: 24, rank: 5 },
];

function row({ rule, logsource, state, reason, kind }: RuleState): string[] {
  const { level, title, status, id, file } = rule;
  return [level, state, title, sourceText(logsource, kind), status, reason, id, file];
}

/** Everything: what `cut -f` finds must not depend on a terminal. */
function plainRow({ rule, logsource, state, reason, kind }: RuleState): string[] {
  const { level, title, status, id, file } = rule;
  return [id, title, level, status, sourceText(logsource, kind), state, reason, file];
}

export function sourceText(logsource: RuleState["logsource"], kind: RuleState["kind"] = "rule"): string {
  if (logsource === undefined) return kind;
  const { product, category, service } = logsource;
  return [product, category, service].filter((part) => part !== undefined).join("/");
}
