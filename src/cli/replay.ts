// `agent replay`: from flags and configuration to `control/replay`, which does the work.

import type { AppConfig } from "../control/config/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { UsageError } from "./parse.ts";

export async function replayEntry(args: CommandArgs<"replay">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  return replayCommand(args, config);
}

export async function replayCommand(args: CommandArgs<"replay">, config: AppConfig): Promise<ExitCode> {
  if (args.follow && args.perFile)
    throw new UsageError(
      "Cannot follow inputs one by one: --follow and --per-file exclude each other",
      "leave one of them out",
      "replay",
    );
  const { replay } = await import("../control/replay/mod.ts");
  return replay({
    paths: args.operands,
    input: args.input ?? "auto",
    // Never the configured file: a replay must not write into the alerts of the live agent.
    output: args.alerts ?? "-",
    report: args.report,
    summary: args.summary,
    perFile: args.perFile,
    follow: args.follow,
    sinceMs: args.since,
    untilMs: args.until,
    failOnAlert: args.failOnAlert,
    config,
  });
}
