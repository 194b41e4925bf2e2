// `agent run`: from flags and configuration to the agent of `control/agent`, which does the work.

import type { AgentEnd } from "../control/agent/mod.ts";
import type { AppConfig } from "../control/config/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, readConfig, requireConfig, usesColor } from "./context.ts";
import { ExitCode } from "./exit-code.ts";

export async function runEntry(args: CommandArgs<"run">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  return runCommand(args, config);
}

/** Runs until a signal, the end of `--duration`, or a closed stdout that was the only output. */
export async function runCommand(args: CommandArgs<"run">, config: AppConfig): Promise<ExitCode> {
  const { startAgent } = await import("../control/agent/mod.ts");
  const end = await startAgent({
    config,
    configFile: [...readConfig(args).sources.keys()].find((path) => path.startsWith("/")),
    // The same flags and environment over what the file says now.
    reloadConfig: () => readConfig(args),
    durationMs: args.duration,
    stdout: { isTerminal: isTerminal(1), color: usesColor(1) },
  });
  return exitCodeOf(end, args);
}

function exitCodeOf(end: AgentEnd, args: CommandArgs<"run">): ExitCode {
  switch (end) {
    case "done":
      return ExitCode.ok;
    case "permission":
      return ExitCode.noPermission;
    case "configuration":
      return ExitCode.config;
    case "unavailable":
      return ExitCode.unavailable;
    case "output":
      // Whoever named an output that cannot be opened has to name another: on the command line or in the configuration.
      return args.alerts === undefined ? ExitCode.config : ExitCode.usage;
    case "fault":
      return ExitCode.findings;
  }
}
