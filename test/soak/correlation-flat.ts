// Ten million events through correlations of every type over nearly endless groups: memory is flat, and every group that had to go is counted.
//
//   bun test/soak/correlation-flat.ts [--events 10000000] [--users 1000000] [--seed 1]

import { numberArgument } from "../bench/lib/report.ts";
import { seededRandom } from "../bench/lib/stats.ts";
import { flatFaults, runFlat } from "./lib/correlation-flat.ts";

const events = numberArgument("events", 10_000_000);
const users = numberArgument("users", 1_000_000);
const seed = numberArgument("seed", 1);
/** Heaps breathe; what a leak of one byte an event would be is 5 MB in the second half, and nothing leaks so little. */
const growthMaxBytes = 16 * 1024 * 1024;

const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;
const startMs = performance.now();
const report = runFlat({
  events,
  users,
  sampleEvery: Math.max(1, Math.floor(events / 20)),
  random: seededRandom(seed),
  onSample: (sample) =>
    console.log(
      `${sample.events} events: ${sample.eventsPerSecond} a second, heap ${mib(sample.heapBytes)}, resident ${mib(sample.rssBytes)}, ${sample.groups} groups of ${mib(sample.windowBytes)} by estimate`,
    ),
});
const seconds = (performance.now() - startMs) / 1000;
const { stats, fired } = report;
console.log(`${events} events in ${seconds.toFixed(0)} s: ${fired} alerts; ${JSON.stringify(stats)}`);
console.log(
  JSON.stringify({
    soak: "correlation-flat",
    events,
    users,
    seed,
    fired,
    eventsPerSecond: Math.round(events / seconds),
    last: report.samples.at(-1),
  }),
);
const faults = flatFaults(report, growthMaxBytes);
for (const fault of faults) console.error(`correlation-flat: ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
