// `agent capture`: from flags and configuration to `control/capture`, which does the work.

import { captureSizeMaxBytes } from "../control/config/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { UsageError } from "./parse.ts";

export async function captureEntry(args: CommandArgs<"capture">): Promise<ExitCode> {
  if (args.output === undefined)
    throw new UsageError("capture needs to know where to write", "add --output FILE", "capture");
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const { captureCommand } = await import("../control/capture/mod.ts");
  return captureCommand({
    output: args.output,
    durationMs: args.duration,
    sizeMaxBytes: args.maxSize ?? captureSizeMaxBytes,
    config,
  });
}
