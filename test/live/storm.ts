// Starts many processes at once through programs/storm.c and says which.

import { runProgram } from "./agent.ts";

export interface StormOptions {
  /** What is started. */
  readonly program: string;
  readonly prefix: string;
  readonly count: number;
  /** How many at a time. */
  readonly lanes: number;
  /** Letters of a second argument. */
  readonly paddingBytes?: number;
  readonly timeoutMs?: number;
}

export interface Started {
  /** The first argument of the process: `PREFIX-000017`. */
  readonly token: string;
  readonly pid: number;
  readonly parent: number;
}

/** Runs the storm to its end. Throws when a process could not be started. */
export async function storm(stormProgram: string, options: StormOptions): Promise<Started[]> {
  const { program, prefix, count, lanes, paddingBytes = 0, timeoutMs = 90_000 } = options;
  const command = [stormProgram, program, prefix, ...[count, lanes, paddingBytes].map(String)];
  const { exitCode, output } = await runProgram(command, { timeoutMs });
  if (exitCode !== 0) throw new Error(`The storm ended with ${exitCode}`);
  return output
    .trim()
    .split("\n")
    .map((line) => {
      const [index = "", pid, parent] = line.split(" ");
      return { token: `${prefix}-${index.padStart(6, "0")}`, pid: Number(pid), parent: Number(parent) };
    });
}
