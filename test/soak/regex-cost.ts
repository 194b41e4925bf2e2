// Every regular expression of the public rules against 40 KB of text made to hurt it, warm: the dearest ones by name. The goal is one millisecond; a failure is when one costs more than two,
// because machines that others share are slower.
//
//   bun test/soak/regex-cost.ts [--seed 1] [--max-ms 2]

import { loadRuleFiles, parseSigmaFiles } from "../../src/control/rules/mod.ts";
import { numberArgument } from "../bench/lib/report.ts";
import { seededRandom } from "../bench/lib/stats.ts";
import { sharedData } from "../data.ts";
import { needsData } from "../needs.ts";
import { dearest, regexesOf } from "./lib/regex-cost.ts";

const obstacle = needsData("sigma");
if (obstacle !== undefined) {
  console.log(`regex-cost cannot run here: ${obstacle}`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}
const seed = numberArgument("seed", 1);
const maxMs = numberArgument("max-ms", 2);
const { rules } = parseSigmaFiles(loadRuleFiles([sharedData("sigma") ?? ""], new Set(["sigma"])), {});
const regexes = regexesOf(rules);
const random = seededRandom(seed);
const worst = regexes.map((regex) => dearest(regex, random));
worst.sort((a, b) => b.ms - a.ms);
for (const { regex, name, ms } of worst.slice(0, 15))
  console.log(`${ms.toFixed(3)} ms  ${regex.title}: ${regex.flags}/${regex.source.slice(0, 100)}  (${name})`);
const over = worst.filter(({ ms }) => ms > maxMs);
console.log(`${regexes.length} regular expressions; ${over.length} cost more than ${maxMs} ms for 40 KB`);
console.log(
  JSON.stringify({ soak: "regex-cost", seed, regexes: regexes.length, over: over.length, worstMs: worst[0]?.ms }),
);
process.exit(over.length > 0 ? 1 : 0);
