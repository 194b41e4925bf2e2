// What help, man page and reference share: how commands and flags are written out.

import { commands, commonFlags, families, programName } from "../commands.ts";
import type { Command, Flag } from "../spec.ts";

export const allCommands: readonly Command[] = commands;

/** First words in the order of the table, families once: the lines of `agent --help`. */
export function topEntries(): readonly { readonly words: string; readonly summary: string }[] {
  const entries = new Map<string, string>();
  for (const command of allCommands) {
    const first = command.id.split(" ")[0]!;
    if (!Object.hasOwn(families, first)) entries.set(first, command.summary);
    else if (!entries.has(first)) entries.set(first, `${families[first]!}: ${familyMembers(first).join(", ")}`);
  }
  return [...entries].map(([words, summary]) => ({ words, summary }));
}

export function familyMembers(family: string): readonly string[] {
  return allCommands.filter(({ id }) => id.startsWith(`${family} `)).map(({ id }) => id.slice(family.length + 1));
}

/** Own flags and those that all commands have. */
export function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, ...commonFlags];
}

/** `-h, --help`, `--rules PATH`. */
export function flagText(flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value.name}`}`;
}

/** `agent replay [FLAGS] PATH...`. */
export function usageText(command: Command): string {
  const words = command.id === "run" ? "[run]" : command.id;
  const flags = command.flags.length === 0 ? "" : " [FLAGS]";
  const { operand } = command;
  if (operand === undefined) return `${programName} ${words}${flags}`;
  const name = `${operand.value.name}${operand.countMax > 1 ? "..." : ""}`;
  return `${programName} ${words}${flags} ${operand.countMin === 0 ? `[${name}]` : name}`;
}

/** Words broken into lines of at most `widthMax` characters; a longer word stands alone. */
export function wrap(text: string, widthMax: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > widthMax) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
