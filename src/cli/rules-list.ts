// `agent rules list`: every rule with what becomes of it here.

import type { AppConfig } from "../control/config/mod.ts";
import { parseSigmaFiles, type RuleState, readRuleFiles, ruleStates } from "../control/rules/mod.ts";
import type { RuleHeader } from "../detect/sigma/mod.ts";
import { levelOf, ruleId } from "../detect/yara/mod.ts";
import type { Diagnostic } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, requireConfig, terminalWidth, thisPlatform, usesColor } from "./context.ts";
import { levelColor, sayRejected } from "./diagnostics.ts";
import type { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";
import { type Column, tabLines, textTable } from "./text-table.ts";

/** What the list shows of a rule of any kind. */
interface Listed extends Pick<RuleState, "state" | "reason" | "logsource"> {
  readonly rule: Pick<RuleHeader, "id" | "title" | "level" | "status" | "file" | "line">;
  readonly kind: RuleState["kind"] | "yara";
}

export async function listEntry(args: CommandArgs<"rules list">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const platform = args.platform ?? thisPlatform();
  const sigma = parseSigmaFiles(await readRuleFiles(config), config.sigma.placeholders);
  const yara = await yaraRules(config);
  const states: readonly Listed[] = [...ruleStates(sigma, platform, config.sigma), ...yara.rules];
  const isError = ({ severity }: Diagnostic): boolean => severity === "error";
  const rejected = [...sigma.diagnostics, ...yara.diagnostics].filter(isError).length;
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

/** YARA rules judge files, which every platform has. */
async function yaraRules({ yara }: AppConfig): Promise<{ rules: Listed[]; diagnostics: readonly Diagnostic[] }> {
  const { checkYara, loadYara } = await import("../control/scan/mod.ts");
  const { files, set } = await loadYara(yara);
  const { rules, diagnostics } = await checkYara(set, false);
  const listed = rules.filter((rule) => !rule.isPrivate);
  const state = yara.enabled
    ? ({ state: "active", reason: "" } as const)
    : ({ state: "filtered", reason: "yara.enabled" } as const);
  return {
    rules: listed.map(({ namespace, name, meta, file, line }): Listed => {
      const rule = { id: ruleId(namespace, name), title: name, level: levelOf(meta), status: "", file, line };
      return { rule, kind: "yara", ...state };
    }),
    diagnostics: [...files.diagnostics, ...diagnostics],
  };
}

function asJson({ rule, kind, logsource, state, reason }: Listed): Readonly<Record<string, unknown>> {
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

function row({ rule, logsource, state, reason, kind }: Listed): string[] {
  const { level, title, status, id, file } = rule;
  return [level, state, title, sourceText(logsource, kind), status, reason, id, file];
}

/** Everything: what `cut -f` finds must not depend on a terminal. */
function plainRow({ rule, logsource, state, reason, kind }: Listed): string[] {
  const { level, title, status, id, file } = rule;
  return [id, title, level, status, sourceText(logsource, kind), state, reason, file];
}

export function sourceText(logsource: RuleState["logsource"], kind: Listed["kind"] = "rule"): string {
  if (logsource === undefined) return kind;
  const { product, category, service } = logsource;
  return [product, category, service].filter((part) => part !== undefined).join("/");
}
