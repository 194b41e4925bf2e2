// `docs/reference/cli.md`.

import { programName, topFlags } from "../commands.ts";
import { exitCodeDocs } from "../exit-code.ts";
import type { Command, Flag } from "../spec.ts";
import { allCommands, flagsOf, flagText, usageText } from "./layout.ts";

export function cliReference(): string {
  const lines = [
    "# Command line",
    "",
    "<!-- Made from src/cli/commands.ts; do not edit. -->",
    "",
    `\`${programName} [COMMAND] [FLAGS]\`. Without a command: \`${programName} run\`. Alerts and results go to stdout, everything else to stderr.`,
    "",
    "| command | |",
    "| --- | --- |",
    ...allCommands.map(({ id, summary }) => `| [\`${id}\`](#${id.replaceAll(" ", "-")}) | ${cell(summary)} |`),
    "",
    ...flagTable(topFlags),
  ];
  for (const command of allCommands) lines.push("", ...commandSection(command));
  lines.push("", "## Exit status", "", "| status | |", "| --- | --- |");
  for (const [code, doc] of exitCodeDocs) lines.push(`| ${code} | ${cell(doc)} |`);
  return `${lines.join("\n")}\n`;
}

function commandSection(command: Command): string[] {
  const lines = [`## ${command.id}`, "", `\`${usageText(command)}\``, "", `${command.summary}.`];
  for (const paragraph of command.description) lines.push("", paragraph);
  const { operand } = command;
  if (operand !== undefined) lines.push("", `\`${operand.value.name}\`: ${operand.doc}.`);
  lines.push("", ...flagTable(flagsOf(command)));
  if (command.examples.length > 0) {
    lines.push("", "```sh", ...command.examples.flatMap(({ line, doc }) => [`# ${doc}`, line]), "```");
  }
  return lines;
}

function flagTable(flags: readonly Flag[]): string[] {
  return ["| flag | | configuration |", "| --- | --- | --- |", ...flags.map(flagRow)];
}

function flagRow(flag: Flag): string {
  const words = flag.value?.choices === undefined ? "" : ` One of ${flag.value.choices.map(code).join(", ")}.`;
  const more = flag.more === undefined ? "" : ` ${flag.more}`;
  const doc = `${flag.doc[0]!.toUpperCase()}${flag.doc.slice(1)}${flag.repeat ? " (repeatable)" : ""}.${words}${more}`;
  return `| ${code(flagText(flag))} | ${cell(doc)} | ${(flag.keys ?? []).map(code).join(", ")} |`;
}

const code = (text: string) => `\`${text}\``;

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
