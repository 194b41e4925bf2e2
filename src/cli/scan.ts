// `agent scan`: from flags and configuration to `control/scan`, which does the work.

import type { CommandArgs } from "./commands.ts";
import { isTerminal, requireConfig, usesColor } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { UsageError } from "./parse.ts";

export async function scanEntry(args: CommandArgs<"scan">): Promise<ExitCode> {
  if (args.operands.length === 0 && args.pid.length === 0)
    throw new UsageError("nothing to scan: name a file, a folder, or a process with --pid", "", "scan");
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const { scan } = await import("../control/scan/mod.ts");
  return scan({
    paths: args.operands,
    pids: args.pid,
    json: args.json,
    config,
    stdout: { isTerminal: isTerminal(1), color: usesColor(1) },
    showsProgress: isTerminal(2),
  });
}
