// How long the agent takes from its start to `agent ready` (the sensor delivers, the inventory is read, the rules are live), with
// the starter rules and with all Linux rules of SigmaHQ. Beside it, in the same run and turn by turn: an empty compiled Bun program,
// without and with one worker, which is as fast as this could be.
//
//   bun test/bench/startup.ts [--rounds 20]

import { LiveAgent } from "../live/agent.ts";
import { logValues } from "../live/programs.ts";
import { needsBpf, needsData } from "../needs.ts";
import { EmptyProgram } from "./lib/empty-program.ts";
import { benchmark, InvalidMeasurement, numberArgument, printTable, shown } from "./lib/report.ts";
import { ruleSets } from "./lib/rules.ts";
import { type Estimate, estimate, seededRandom } from "./lib/stats.ts";

const aimMs = 300;

await benchmark("startup", [needsBpf(), needsData("sigma")], async () => {
  const rounds = numberArgument("rounds", 20);
  const empty = await EmptyProgram.compile();
  const times = new Map<string, number[]>();
  const rules = new Map<string, number>();
  const put = (name: string, ms: number): void => void times.set(name, [...(times.get(name) ?? []), ms]);

  const runs: (() => Promise<void>)[] = [false, true].map((withWorker) => async () => {
    const { child, readyMs } = await empty.start(withWorker);
    child.kill("SIGKILL");
    await child.exited;
    put(withWorker ? "empty Bun program, one worker" : "empty Bun program", readyMs);
  });
  for (const { name, paths } of ruleSets())
    runs.push(async () => {
      await using agent = await LiveAgent.start(paths === undefined ? {} : { rules: paths });
      put(name, agent.readyMs);
      const loaded = Number(logValues(agent.log, "agent ready").rules);
      if (!(loaded > 0)) throw new InvalidMeasurement(`the agent was ready with ${loaded} rules`);
      rules.set(name, loaded);
      await agent.stop();
    });

  try {
    const random = seededRandom(1);
    for (const run of runs) await run();
    // The first turn filled the page cache.
    times.clear();
    for (let round = 0; round < rounds; round++) {
      const turn = [...runs];
      while (turn.length > 0) await turn.splice(Math.floor(random() * turn.length), 1)[0]!();
    }
  } finally {
    empty.dispose();
  }

  const figures: Record<string, Estimate> = {};
  const rows = [...times].sort().map(([name, ms]) => {
    const ready = estimate(ms);
    figures[name] = ready;
    const limit = rules.has(name) ? (ready.high < aimMs ? `< ${aimMs} ms` : `above ${aimMs} ms`) : "limit";
    return [name, String(rules.get(name) ?? ""), shown(ready), String(Math.round(Math.max(...ms))), limit];
  });
  printTable(["start to ready", "rules", "median ms [95 %]", "worst ms", "aim"], rows);
  return { rounds, aim_ms: aimMs, ready_ms: figures, rules: Object.fromEntries(rules) };
});
