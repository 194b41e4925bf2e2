// A hundred thousand scans through one worker: memory is flat, and each finds what is there.
//
//   bun test/soak/scan-flat.ts [--scans 100000] [--seed 1]

import { numberArgument } from "../bench/lib/report.ts";
import { seededRandom } from "../bench/lib/stats.ts";
import { runScanFlat, scanFlatFaults } from "./lib/scan-flat.ts";

const scans = numberArgument("scans", 100_000);
const seed = numberArgument("seed", 1);
/** Heaps breathe; an engine as it comes keeps 70 KiB a scan, which is gigabytes here. */
const growthMaxBytes = 32 * 1024 * 1024;

const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;
const report = await runScanFlat({
  scans,
  sampleEvery: Math.max(1, Math.floor(scans / 20)),
  random: seededRandom(seed),
  onSample: ({ scans: done, scansPerSecond, workerPeakBytes, ownBytes }) =>
    console.log(
      `${done} scans: ${scansPerSecond} a second, worker at most ${mib(workerPeakBytes)}, here ${mib(ownBytes)}`,
    ),
});
const { findings, workersStarted } = report;
console.log(JSON.stringify({ soak: "scan-flat", scans, seed, findings, workersStarted, last: report.samples.at(-1) }));
const faults = scanFlatFaults(report, growthMaxBytes);
for (const fault of faults) console.error(`scan-flat: ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
