// Event log files with random damage through the reader, for a long time: nothing may be thrown, hang, grow, or reach beyond the
// damaged chunk. Says the mutation that broke it, to be run again by its seed.
//
//   bun test/soak/evtx-fuzz.ts [--runs 2000000] [--seed 1]

import { numberArgument } from "../bench/lib/report.ts";
import { seededRandom } from "../bench/lib/stats.ts";
import { sharedData } from "../data.ts";
import { needsData } from "../needs.ts";
import { controlOf, fuzzOnce, type Mutation, mutationKinds, seedChunks } from "./lib/evtx-fuzz.ts";

const obstacle = needsData("evtx");
if (obstacle !== undefined) {
  console.log(`evtx-fuzz cannot run here: ${obstacle}`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}
const runs = numberArgument("runs", 2_000_000);
const seed = numberArgument("seed", 1);
const chunks = seedChunks(sharedData("evtx") ?? "");
const control = controlOf(chunks[0]!);
const random = seededRandom(seed);
const below = (count: number): number => Math.floor(random() * count);

/** Heaps breathe; what is kept of a file would be far more than this after a million. */
const growthMaxBytes = 64 * 1024 * 1024;
const warmRuns = Math.min(20_000, Math.floor(runs / 4));
let warmRss = 0;
let [records, lost, refused, slowestMs] = [0, 0, 0, 0];
const startMs = performance.now();

for (let run = 0; run < runs; run++) {
  const chunk = chunks[below(chunks.length)]!;
  const mutations = Array.from({ length: 1 + below(6) }, (): Mutation => {
    // A third of the places in the headers of the chunk and of its first records, where templates are.
    const where = random() < 0.33 ? random() * 0.08 : random();
    return { kind: mutationKinds[below(mutationKinds.length)]!, where, value: below(2 ** 32) };
  });
  const [repairs, inHeader] = [random() < 0.5, random() < 0.05];
  try {
    const result = fuzzOnce(chunk, mutations, repairs, inHeader, control);
    records += result.records;
    lost += result.lost;
    refused += result.refused ? 1 : 0;
    slowestMs = Math.max(slowestMs, result.ms);
  } catch (error) {
    console.error(`evtx-fuzz: run ${run} of seed ${seed}: ${JSON.stringify({ mutations, repairs, inHeader })}`);
    throw error;
  }
  if (run === warmRuns) {
    Bun.gc(true);
    warmRss = process.memoryUsage.rss();
  }
  if ((run + 1) % 100_000 === 0) console.log(`${run + 1} files, ${records} records read, ${lost} lost`);
}

Bun.gc(true);
const grownBytes = process.memoryUsage.rss() - warmRss;
const seconds = (performance.now() - startMs) / 1000;
const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;
console.log(
  `${runs} damaged files in ${seconds.toFixed(0)} s: ${records} records read, ${lost} lost and counted, ${refused} files refused; slowest ${slowestMs.toFixed(1)} ms; memory grown by ${mib(grownBytes)}`,
);
console.log(JSON.stringify({ soak: "evtx-fuzz", runs, seed, records, lost, refused, slowestMs, grownBytes }));
if (grownBytes > growthMaxBytes) {
  console.error(`evtx-fuzz: memory grew by ${mib(grownBytes)}`);
  process.exit(1);
}
