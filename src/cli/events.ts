// `agent events`: the alerts of the running agent, as they are made.

import { followEvents } from "../control/observe/mod.ts";
import { printable, shorten } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, terminalWidth, usesColor } from "./context.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";
import { withAgent } from "./status.ts";

export function eventsEntry(args: CommandArgs<"events">): Promise<ExitCode> {
  return withAgent(args, async (path) => {
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    const asLines = args.json || !isTerminal(1);
    let count = 0;
    for await (const line of followEvents(path, abort.signal)) {
      const missed = /^\{"missed":(\d+)\}$/.exec(line)?.[1];
      if (missed !== undefined) {
        writeErr(`agent: ${missed} lines were missed: this reader is too slow\n`);
        continue;
      }
      writeOut(asLines ? `${line}\n` : `${compact(line)}\n`);
      if (++count === args.count) break;
    }
    abort.abort();
    return ExitCode.ok;
  });
}

const colors: Readonly<Record<string, string>> = { low: "36", medium: "33", high: "31", critical: "1;97;41" };

interface AlertDocument {
  readonly "@timestamp"?: string;
  readonly message?: string;
  readonly user?: { readonly name?: string };
  readonly process?: { readonly command_line?: string; readonly executable?: string };
  readonly sigil?: { readonly level?: string };
}

/** One line for a person. The words of an event are an attacker's: they are made harmless. */
export function compact(line: string): string {
  const document = JSON.parse(line) as AlertDocument;
  const level = document.sigil?.level ?? "";
  const what = document.process?.command_line ?? document.process?.executable ?? "";
  const word = level === "" ? "state" : level.slice(0, 4).padEnd(5);
  const color = usesColor(1) ? colors[level] : undefined;
  const head = `${(document["@timestamp"] ?? "").slice(11, 23)} ${color === undefined ? word : `\x1b[${color}m${word}\x1b[0m`}`;
  const parts = [document.message, document.user?.name, what].filter((part) => part !== undefined && part !== "");
  return `${head} ${shorten(printable(parts.join(" | ")), Math.max(20, terminalWidth() - 20))}`;
}
