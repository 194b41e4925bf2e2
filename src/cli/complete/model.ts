// What all completion scripts know: a tree of words, the flags at its leaves, what may follow them.

import { families, topFlags } from "../commands.ts";
import { allCommands, familyMembers, flagsOf, topEntries } from "../doc/layout.ts";
import type { ArgumentType, Command, Flag } from "../spec.ts";

export interface Node {
  /** Words typed so far, joined by a space; "" is the program itself. */
  readonly words: string;
  /** Words that may come next, with what they do. */
  readonly next: readonly { readonly word: string; readonly doc: string }[];
  readonly flags: readonly Flag[];
  readonly operand: ArgumentType<unknown> | undefined;
}

/** The program, the families and the commands, in the order of the table. Without a command, flags of `run` are offered. */
export function completionNodes(): readonly Node[] {
  const run: Command = allCommands.find(({ id }) => id === "run")!;
  const top = topEntries().map(({ words, summary }) => ({ word: words, doc: summary }));
  const nodes: Node[] = [{ words: "", next: top, flags: [...flagsOf(run), ...topFlags], operand: undefined }];
  for (const family of Object.keys(families)) {
    const next = familyMembers(family).map((word) => ({
      word,
      doc: allCommands.find(({ id }) => id === `${family} ${word}`)!.summary,
    }));
    nodes.push({ words: family, next, flags: flagsOf({ flags: [] } as unknown as Command), operand: undefined });
  }
  for (const command of allCommands) {
    nodes.push({ words: command.id, next: [], flags: flagsOf(command), operand: command.operand?.value });
  }
  return nodes;
}

/** Words that complete a value of this type; empty when they are files or unknown. */
export function wordsFor(type: ArgumentType<unknown>): readonly string[] {
  if (type.complete === "command") return topEntries().map(({ words }) => words);
  return type.choices ?? [];
}
