// The page docs/reference/sigmahq-linux.md: what becomes of every rule of SigmaHQ for Linux on a live agent. Run it to write the page
// anew (`bun test/corpus/sigmahq-linux.ts`) after a change that makes rules run, or stop running; its test fails while the page is stale.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { builtKinds, loadRuleFiles, parseSigmaFiles, type RuleState, ruleStates } from "../../src/control/rules/mod.ts";
import { sharedData } from "../data.ts";

export const pagePath: string = join(root, "docs/reference/sigmahq-linux.md");
const folders = ["rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"];

export interface LinuxRules {
  readonly states: readonly RuleState[];
  /** Documents that name the product Linux and do not load. */
  readonly rejected: readonly string[];
  /** As the data set names its version. */
  readonly version: string;
}

/** `undefined` where the data set is not beside the repository. */
export async function linuxRules(): Promise<LinuxRules | undefined> {
  const data = sharedData("sigma");
  if (data === undefined) return undefined;
  const files = await loadRuleFiles(
    folders.map((folder) => join(data, folder)),
    builtKinds,
  );
  const sigma = parseSigmaFiles(files, {});
  const states = ruleStates(sigma, "linux").filter(({ logsource }) => logsource?.product?.toLowerCase() === "linux");
  const isLinux = (file: string): boolean => /^ *product: *['"]?linux/m.test(readFileSync(file, "utf8"));
  const errors = sigma.diagnostics.filter(({ severity, file }) => severity === "error" && isLinux(file));
  return {
    states,
    rejected: errors.map(({ file, message }) => `${file}: ${message}`),
    version: /\b[0-9a-f]{40}\b/.exec(readFileSync(join(data, "VERSION"), "utf8"))?.[0].slice(0, 12) ?? "",
  };
}

const sourceOf = ({ logsource }: RuleState): string => logsource?.category ?? logsource?.service ?? "(any)";

export function linuxPage({ states, rejected, version }: LinuxRules): string {
  const active = states.filter(({ state }) => state === "active");
  const inert = states.filter(({ state }) => state === "inert");
  const lines = [
    "# SigmaHQ's rules for Linux",
    "",
    `What becomes of every rule of [SigmaHQ](https://github.com/SigmaHQ/sigma) whose log source names Linux, on a live agent (version \`${version}\`).`,
    "Written by `test/corpus/sigmahq-linux.ts`; a test fails when it is stale.",
    "",
    `${states.length + rejected.length} rules: **${active.length} active**, ${inert.length} inert with a reason, ${rejected.length} rejected.`,
    "",
    "| log source | active | inert |",
    "|---|---:|---:|",
  ];
  for (const source of [...new Set(states.map(sourceOf))].sort()) {
    const of = (list: readonly RuleState[]): number => list.filter((one) => sourceOf(one) === source).length;
    lines.push(`| \`${source}\` | ${of(active)} | ${of(inert)} |`);
  }
  lines.push("", "## Inert", "");
  if (inert.length === 0) lines.push("None.");
  else {
    lines.push("| rule | log source | why |", "|---|---|---|");
    const rows = inert.map((one) => `| ${one.rule.title} | \`${sourceOf(one)}\` | ${one.reason} |`);
    lines.push(...rows.sort());
  }
  if (rejected.length > 0) lines.push("", "## Rejected", "", ...rejected.map((one) => `- ${one}`));
  return `${lines.join("\n")}\n`;
}

if (import.meta.main) {
  const rules = await linuxRules();
  if (rules === undefined) throw new Error("Cannot write the page: ../shared/data/sigma is not there");
  writeFileSync(pagePath, linuxPage(rules));
}
