// `--help`: fits a screen of 80 columns and 30 lines. What does not fit stands in the manual page.

import { families, programName, topFlags } from "../commands.ts";
import type { Command } from "../spec.ts";
import { allCommands, familyMembers, flagsOf, flagText, topEntries, usageText, wrap } from "./layout.ts";

const width = 80;

/** Help on a topic: a command id, a family, or "" for the program. The topic must exist. */
export function helpText(topic: string): string {
  if (topic === "") return programHelp();
  if (Object.hasOwn(families, topic)) return familyHelp(topic);
  return commandHelp(allCommands.find(({ id }) => id === topic)!);
}

function programHelp(): string {
  const lines = [
    "Sigil watches a machine and reports what its rules match.",
    "",
    `Usage: ${programName} [COMMAND] [FLAGS]`,
    "",
    "Commands:",
    ...columns(topEntries().map(({ words, summary }) => [words, summary])),
    "",
    "Flags:",
    ...columns([...topFlags, { name: "help", short: "h", doc: "explain the program or a command" }].map(flagLine)),
    "",
    ...wrap(
      `Without a command: ${programName} run. Alerts go to stdout, the log to stderr. Explain a command: ${programName} COMMAND --help`,
      width,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function familyHelp(family: string): string {
  const members = familyMembers(family);
  const lines = [
    `${families[family]!}.`,
    "",
    `Usage: ${programName} ${family} COMMAND [FLAGS]`,
    "",
    "Commands:",
    ...columns(members.map((word) => [word, allCommands.find(({ id }) => id === `${family} ${word}`)!.summary])),
    "",
    `Explain one: ${programName} ${family} COMMAND --help`,
  ];
  return `${lines.join("\n")}\n`;
}

function commandHelp(command: Command): string {
  const lines = [`${command.summary}.`, "", `Usage: ${usageText(command)}`];
  const { operand } = command;
  if (operand !== undefined) lines.push("", ...columns([[operand.value.name, operand.doc]]));
  lines.push("", "Flags:", ...columns(flagsOf(command).map(flagLine)));
  if (command.examples.length > 0) {
    lines.push("", "Examples:");
    for (const { line, doc } of command.examples) lines.push(`  # ${doc}`, `  ${line}`);
  }
  return `${lines.join("\n")}\n`;
}

function flagLine(flag: Parameters<typeof flagText>[0]): [string, string] {
  return [flagText(flag), `${flag.doc}${flag.repeat ? " (repeatable)" : ""}`];
}

/** Two columns, the second wrapped beside the first. */
function columns(entries: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...entries.map(([first]) => first.length)) + 2;
  return entries.flatMap(([first, second]) =>
    wrap(second, width - left - 2).map((line, index) => `  ${(index === 0 ? first : "").padEnd(left)}${line}`),
  );
}
