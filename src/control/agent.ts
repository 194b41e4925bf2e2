// The seam between `agent run` and the agent. The command line has done its part when it calls `startAgent`: flags and
// configuration are resolved and checked.

import { ExitCode } from "../cli/mod.ts";
import type { AppConfig, LoadedConfig } from "./config/mod.ts";

export interface AgentOptions {
  readonly config: AppConfig;
  /** Reads file, environment and flags again, for SIGHUP. A result without `config` leaves the running one in place. */
  readonly reloadConfig: () => LoadedConfig;
  /** Stop after this time; `undefined`: run until told to stop. */
  readonly durationMs: number | undefined;
  readonly stdout: { readonly isTerminal: boolean; readonly color: boolean };
}

/** Runs until a signal, the end of `durationMs`, or a closed stdout that was the only output. */
export async function startAgent(_options: AgentOptions): Promise<ExitCode> {
  process.stderr.write("agent: this build has no sensor\n");
  return ExitCode.unavailable;
}
