// Runs a program on one processor and says what it cost: processor time, which other people's work does not lengthen, and wall time.

import { closeSync, openSync } from "node:fs";
import { InvalidMeasurement } from "./report.ts";

export interface CoreRun {
  /** Of all its threads and what the kernel did for them. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakBytes: number;
  /** The end of its standard error. */
  readonly errors: string;
}

const timeoutMs = 20 * 60_000;

/** Pinned to processor `cpu`; standard output goes to the file `output`. Throws InvalidMeasurement when the program fails. */
export async function runOnCore(cpu: number, command: readonly string[], output: string): Promise<CoreRun> {
  const file = openSync(output, "w", 0o600);
  try {
    const start = performance.now();
    const child = Bun.spawn(["taskset", "-c", String(cpu), ...command], {
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", TMPDIR: process.env.TMPDIR ?? "/tmp" },
      stdin: "ignore",
      stdout: file,
      stderr: "pipe",
      timeout: timeoutMs,
    });
    const errors = (await new Response(child.stderr).text()).slice(-4096);
    const code = await child.exited;
    const wallSeconds = (performance.now() - start) / 1000;
    const usage = child.resourceUsage();
    if (code !== 0 || usage === undefined)
      throw new InvalidMeasurement(`${command.slice(0, 3).join(" ")} ended with ${code}: ${errors.trim()}`);
    return { cpuSeconds: Number(usage.cpuTime.total) / 1e6, wallSeconds, peakBytes: usage.maxRSS, errors };
  } finally {
    closeSync(file);
  }
}
