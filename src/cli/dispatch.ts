// From argv to an exit status. Only what every command needs is imported here; a command's own module is loaded when it
// was asked for, so that `agent version` does not pay for the detectors.

import { printable } from "../std/mod.ts";
import { scanWorkerVerb } from "../workers.ts";
import { type CommandArgs, type CommandId, programName } from "./commands.ts";
import { helpText } from "./doc/help.ts";
import { ExitCode } from "./exit-code.ts";
import { isClosedOutput, writeErr, writeOut } from "./output.ts";
import { helpTopic, parseArgv, UsageError } from "./parse.ts";

type Entry<Id extends CommandId> = (args: CommandArgs<Id>) => ExitCode | Promise<ExitCode>;

/** A module for each command; the specifiers are literal so that the bundler embeds them. */
const loaders: { readonly [Id in CommandId]: () => Promise<Entry<Id>> } = {
  run: async () => (await import("./run.ts")).runEntry,
  replay: async () => (await import("./replay.ts")).replayEntry,
  capture: async () => (await import("./capture.ts")).captureEntry,
  scan: async () => (await import("./scan.ts")).scanEntry,
  status: async () => (await import("./status.ts")).statusEntry,
  events: async () => (await import("./events.ts")).eventsEntry,
  top: async () => (await import("./top.ts")).topEntry,
  reload: async () => (await import("./status.ts")).reloadEntry,
  doctor: async () => (await import("./doctor.ts")).doctorEntry,
  "rules list": async () => (await import("./rules-list.ts")).listEntry,
  "rules explain": async () => (await import("./rules-explain.ts")).explainEntry,
  "rules test": async () => (await import("./rules-test.ts")).testEntry,
  "rules coverage": async () => (await import("./rules-coverage.ts")).coverageEntry,
  "rules validate": async () => (await import("./rules.ts")).validateEntry,
  "config check": async () => (await import("./config.ts")).checkEntry,
  "config show": async () => (await import("./config.ts")).showEntry,
  "config init": async () => (await import("./config.ts")).initEntry,
  "config schema": async () => (await import("./config.ts")).schemaEntry,
  completion: async () => (await import("./completion.ts")).completionEntry,
  man: async () => (await import("./man.ts")).manEntry,
  version: async () => (await import("./version.ts")).versionEntry,
  help: async () => helpEntry,
};

function helpEntry({ operands }: CommandArgs<"help">): ExitCode {
  writeOut(helpText(helpTopic(operands)));
  return ExitCode.ok;
}

/** Does what `argv` asks for. Never rejects: whatever goes wrong is said on stderr and becomes an exit status. */
export async function dispatch(argv: readonly string[]): Promise<ExitCode> {
  try {
    // Not in the table: only the agent itself says it, to a copy of itself.
    if (argv[0] === scanWorkerVerb) {
      await (await import("../control/scan/mod.ts")).runScanWorker();
      return ExitCode.ok;
    }
    const request = parseArgv(argv);
    if (request.kind === "help") {
      writeOut(helpText(request.topic));
      return ExitCode.ok;
    }
    if (request.kind === "version") {
      const { versionLine } = await import("./version.ts");
      writeOut(versionLine());
      return ExitCode.ok;
    }
    // The arguments were made from the row with this id, so they have the type that the row implies.
    const entry = (await loaders[request.id]()) as (args: unknown) => ExitCode | Promise<ExitCode>;
    return await entry(request.args);
  } catch (error) {
    return report(error);
  }
}

/** Says what went wrong, with all its causes, and gives the exit status that it means. */
export function report(error: unknown): ExitCode {
  if (isClosedOutput(error)) return ExitCode.ok;
  if (error instanceof UsageError) {
    const hint = error.hint === "" ? "" : `\n  hint: ${error.hint}`;
    const topic = error.topic === "" ? "" : ` ${error.topic}`;
    writeErr(`${programName}: ${error.message}${hint}\nTry '${programName}${topic} --help'.\n`);
    return ExitCode.usage;
  }
  let text = `${programName}: ${messageOf(error)}\n`;
  // The chain of causes may be a circle.
  let cause = error instanceof Error ? error.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < 8; depth++) {
    text += `  because: ${messageOf(cause)}\n`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  // What a system call said is understood without a stack; everything else is a fault of ours and wants one.
  const isSystem = error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
  if (!isSystem && error instanceof Error && error.stack !== undefined) {
    text += `${error.stack.split("\n").map(printable).join("\n")}\n`;
  }
  writeErr(text);
  return ExitCode.findings;
}

function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
