// Random rules against random events for a long time: generated code, closures and interpreter must agree on every pair. Says the seed of the round that
// broke it, to be run again.
//
//   bun test/soak/sigma-random.ts [--minutes 10] [--seed 1] [--rounds 0]

import { numberArgument } from "../bench/lib/report.ts";
import { seededRandom } from "../bench/lib/stats.ts";
import { checkRandomRules } from "./lib/sigma-random.ts";

const minutes = numberArgument("minutes", 10);
const seed = numberArgument("seed", 1);
const roundsMax = numberArgument("rounds", 0) || Number.POSITIVE_INFINITY;
const endMs = performance.now() + minutes * 60_000;
let [rounds, rules, pairs, matches, refused] = [0, 0, 0, 0, 0];
for (; rounds < roundsMax && performance.now() < endMs; rounds++) {
  const own = seed + rounds;
  try {
    const checked = checkRandomRules(seededRandom(own * 2_654_435_761), 20 + (own % 100), 200);
    rules += checked.rules;
    pairs += checked.pairs;
    matches += checked.matches;
    refused += checked.refused;
  } catch (error) {
    console.error(`sigma-random: --seed ${own} --rounds 1`);
    throw error;
  }
  if ((rounds + 1) % 500 === 0)
    console.log(`${rounds + 1} rounds, ${pairs} pairs of a rule and an event, ${matches} matches`);
}
console.log(`${rounds} rounds: ${rules} rules (${refused} refused), ${pairs} pairs, ${matches} matches; all agree`);
console.log(JSON.stringify({ soak: "sigma-random", seed, rounds, rules, refused, pairs, matches }));
