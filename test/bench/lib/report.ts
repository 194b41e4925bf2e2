// How a benchmark speaks: what machine and what build it ran on, a compact table, and one line of JSON with the same figures at
// the end. Figures never fail a benchmark; a measurement that is not valid does.

import { cpus, loadavg, release } from "node:os";
import { root } from "../../../native/build-steps.ts";
import { agentCommand } from "../../live/agent.ts";
import type { Obstacle } from "../../needs.ts";
import type { Estimate } from "./stats.ts";

/** The measurement means nothing: events were lost, the workload is incomplete, another program was measured. */
export class InvalidMeasurement extends Error {}

export interface Figures {
  readonly [name: string]: number | string | boolean | Estimate | Figures;
}

/** Runs the body of a benchmark: says why it cannot run here (an error with CI=true), or why its measurement is invalid. */
export async function benchmark(
  name: string,
  obstacles: readonly Obstacle[],
  body: () => Promise<Figures>,
): Promise<void> {
  const reasons = [...new Set(obstacles.filter((it) => it !== undefined))];
  if (reasons.length > 0) {
    console.log(`${name} cannot run here: ${reasons.join(", ")}`);
    process.exit(process.env.CI === "true" ? 1 : 0);
  }
  try {
    const figures = await body();
    console.log(JSON.stringify(rounded({ benchmark: name, ...machine(), figures })));
    process.exit(0);
  } catch (error) {
    if (!(error instanceof InvalidMeasurement)) throw error;
    console.error(`${name}: invalid measurement: ${error.message}`);
    process.exit(1);
  }
}

/** Machine, kernel, build and load: what a figure means nothing without. */
export function machine(): Figures {
  const version = Bun.spawnSync([...agentCommand(), "version", "--json"], { cwd: root }).stdout.toString();
  let agent: { version?: string; commit?: string } = {};
  try {
    agent = JSON.parse(version);
  } catch {
    // Said below as unknown.
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? "unknown",
    cpus: cpus().length,
    kernel: release(),
    // Of the last minute, this benchmark included: other people's work makes figures worse and intervals wide.
    load: loadavg()[0]!,
    bun: Bun.version,
    agent: `${agent.version ?? "unknown"} ${agent.commit?.replace(/^([0-9a-f]{12})[0-9a-f]*/, "$1") ?? "unknown"}`,
  };
}

/** Four significant digits: more would be noise. */
function rounded(value: Figures): Figures {
  return JSON.parse(
    JSON.stringify(value, (_, it: unknown) =>
      typeof it === "number" && !Number.isInteger(it) ? Number(it.toPrecision(4)) : it,
    ),
  );
}

/** A number for a person: three significant digits and no exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** `12.3 [11.9, 12.8]`: a figure with its 95 % interval, each times `scale`. */
export function shown({ value, low, high }: Estimate, scale = 1): string {
  return `${short(value * scale)} [${short(low * scale)}, ${short(high * scale)}]`;
}

/** `+3.1 % [2.0, 4.2]`, with the verdict against the noise. */
export function shownChange(change: Estimate): string {
  const percent = (value: number): string => (value * 100).toFixed(1);
  const sign = change.value >= 0 ? "+" : "";
  const hidden = change.low <= 0 && change.high >= 0 ? ", hidden by noise" : "";
  return `${sign}${percent(change.value)} % [${percent(change.low)}, ${percent(change.high)}]${hidden}`;
}

/** Columns as wide as their widest cell; the first is left-aligned, the others right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    console.log(cells.join("  ").trimEnd());
  }
}

/** The number after `--name`, or `fallback`. Exits with 64 for anything that is not a positive number. */
export function numberArgument(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`--${name} needs a positive number`);
  process.exit(64);
}
