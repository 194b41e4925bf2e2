// Ten minutes of process storms at changing rates against one running agent: every marked start one alert, the account closed to the
// unit, memory flat. With nobody else at work on the machine nothing may be lost either.
//
//   bun test/soak/process-storm.ts [--seconds 600] [--seed 1]

import { numberArgument } from "../bench/lib/report.ts";
import { median } from "../bench/lib/stats.ts";
import { needsBpf, needsProgram } from "../needs.ts";
import { processStorm, stormFaults } from "./lib/process-storm.ts";

/** Heaps breathe; a leak of a hundred bytes a process start would be far more than this in ten minutes. */
const growthMax = 0.1;
/** Shorter runs are over before a fresh process's heap has found its size. */
const memorySecondsMin = 120;

const obstacles = [needsBpf(), needsProgram("gcc")].filter((it) => it !== undefined);
if (obstacles.length > 0) {
  console.log(`process-storm cannot run here: ${obstacles.join(", ")}`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}
const seconds = numberArgument("seconds", 600);
const seed = numberArgument("seed", 1);
const report = await processStorm({ seconds, seed, progress: console.log });
const faults = stormFaults(report);
if (report.lost > 0) faults.push(`${report.lost} starts were lost, and counted`);
if (report.outputDropped > 0)
  faults.push(`${report.outputDropped} alerts found no room in the output, and were counted`);
const typical = median(report.memory.map(([, bytes]) => bytes));
if (seconds >= memorySecondsMin && report.grownBytes > typical * growthMax)
  faults.push(
    `memory grew by ${(report.grownBytes / 1048576).toFixed(1)} MiB at ${(typical / 1048576).toFixed(1)} MiB`,
  );

const { memory, ...rest } = report;
const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;
console.log(
  `${report.started} starts in ${report.phases} storms, ${report.reloads} reloads; ${report.marked} marked, ${report.missing} missing, ${report.doubled} double; ${report.lost} lost, ${report.outputDropped} dropped by the output; anonymous memory ${mib(typical)}, grown by ${mib(report.grownBytes)}, peak of PSS ${mib(report.pssPeakBytes)}`,
);
console.log(JSON.stringify({ soak: "process-storm", seconds, seed, ...rest, memorySamples: memory.length, faults }));
for (const fault of faults) console.error(`process-storm: ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);
