// What the agent costs the machine it watches: a storm of process starts with the agent (all Linux rules of SigmaHQ) and without it,
// in pairs, in random order within a pair. Wall time, and processor time of the whole system: what the eBPF programs cost is spent in
// the processes that are watched, and only the whole shows it. Three programs: one that does nothing at all, the worst case in
// proportion; a dynamically linked one, as nearly all are; and a compiler at work. Without the agent means that its process has
// ended.
//
//   bun test/bench/exec-storm.ts [--pairs 30] [--processes 2000]

import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { LiveAgent } from "../live/agent.ts";
import { needsBpf, needsData, needsProgram } from "../needs.ts";
import { closedAgentAccount } from "./lib/account.ts";
import { idleMs, processorTimeNs } from "./lib/process-memory.ts";
import {
  benchmark,
  type Figures,
  InvalidMeasurement,
  numberArgument,
  printTable,
  shown,
  shownChange,
} from "./lib/report.ts";
import { sigmaHqLinux } from "./lib/rules.ts";
import { Spawner } from "./lib/spawner.ts";
import { type Estimate, estimate, isHidden, pairedChange, seededRandom } from "./lib/stats.ts";

const aim = 0.03;
const all = cpus().length;
/** One lane leaves a processor to the agent, as on a host with something to spare; all lanes leave it nothing. */
const loads = [
  { name: "nothing, one lane", program: "nothing", lanes: 1, share: 1, starts: 1 },
  { name: `nothing, ${all} lanes`, program: "nothing", lanes: all, share: 1, starts: 1 },
  { name: "true, one lane", program: "true", lanes: 1, share: 1, starts: 1 },
  { name: `true, ${all} lanes`, program: "true", lanes: all, share: 1, starts: 1 },
  // The shell that execs gcc, cc1 and as: four starts.
  { name: `gcc -c, ${all} lanes`, program: "compile", lanes: all, share: 0.02, starts: 4 },
] as const;
type Load = (typeof loads)[number];
/** After `agent ready` the agent collects its garbage; a storm before that would measure starting up. */
const settleMs = 1_000;
/**
 * An agent that has run for a while has compiled what it runs; one that was just started compiles for some tens of thousands of
 * events. The figures are those of the former; the same programs are run before, because the compilers learn from them.
 */
const warmUp = [
  { program: "nothing", count: 20_000 },
  { program: "true", count: 30_000 },
] as const;
const warmUpProcesses = warmUp.reduce((sum, { count }) => sum + count, 0);
/** The agent works off what it was sent within milliseconds; its end belongs to the cost of the storm. */
const tailMs = 200;

interface Sample {
  readonly wallUs: number;
  readonly systemUs: number;
  /** The storm's own processes and the agent's threads, by the scheduler's clock: finer, without interrupts. */
  readonly tasksUs: number;
  /** Of that, the agent's. */
  readonly agentUs: number;
}

type Arm = Map<Load, Sample>;

const countOf = (load: Load, processes: number): number => Math.ceil(processes * load.share);

async function measure(spawner: Spawner, load: Load, processes: number, agent: number | undefined): Promise<Sample> {
  const { program, lanes } = load;
  const count = countOf(load, processes);
  const time = (): number => (agent === undefined ? 0 : processorTimeNs(agent));
  const beforeNs = time();
  const idleBefore = idleMs();
  const began = performance.now();
  const { started, wallNs, cpuNs } = await spawner.storm({ count, lanes, program, prefix: "exec-storm" });
  await Bun.sleep(tailMs);
  const elapsedMs = performance.now() - began;
  const agentNs = time() - beforeNs;
  const busyMs = elapsedMs * cpus().length - (idleMs() - idleBefore);
  if (started !== count) throw new InvalidMeasurement(`${started} of ${count} processes were started`);
  return {
    wallUs: wallNs / 1e3 / count,
    systemUs: (busyMs * 1e3) / count,
    tasksUs: (cpuNs + agentNs) / 1e3 / count,
    agentUs: agentNs / 1e3 / count,
  };
}

async function arm(spawner: Spawner, processes: number, agent: number | undefined): Promise<Arm> {
  // Warms up the compilers of a fresh agent, and does the same to the caches of the arm without it.
  for (const { program, count } of warmUp) await spawner.storm({ count, lanes: all, program, prefix: "warm-up" });
  await Bun.sleep(tailMs);
  const samples: Arm = new Map();
  for (const load of loads) samples.set(load, await measure(spawner, load, processes, agent));
  return samples;
}

await benchmark("exec-storm", [needsBpf(), needsData("sigma"), needsProgram("gcc")], async () => {
  const pairs = numberArgument("pairs", 30);
  const count = numberArgument("processes", 2000);
  const rules = sigmaHqLinux();
  const alerts = join(tmpdir(), `sigil-exec-storm-${process.pid}.ndjson`);
  const spawner = await Spawner.compile();
  const withAgent: Arm[] = [];
  const without: Arm[] = [];
  let seen = 0;
  let alertsSent = 0;

  const runs = {
    async with(): Promise<void> {
      await using agent = await LiveAgent.start({ rules, args: ["--alerts", alerts] });
      await Bun.sleep(settleMs);
      withAgent.push(await arm(spawner, count, agent.pid));
      const account = closedAgentAccount((await agent.stop()).log);
      const expected = warmUpProcesses + loads.reduce((sum, load) => sum + countOf(load, count) * load.starts, 0);
      if (account.exec_lost !== 0 || account.exec_seen! < expected)
        throw new InvalidMeasurement(
          `of at least ${expected} starts the agent saw ${account.exec_seen} and lost ${account.exec_lost}`,
        );
      seen += account.exec_seen!;
      alertsSent += account.alerts_sent!;
    },
    async without(): Promise<void> {
      await Bun.sleep(settleMs);
      without.push(await arm(spawner, count, undefined));
    },
  };
  try {
    await spawner.storm({ count, lanes: 2, prefix: "warm-up" });
    const random = seededRandom(2);
    for (let pair = 0; pair < pairs; pair++) {
      const order = random() < 0.5 ? (["with", "without"] as const) : (["without", "with"] as const);
      for (const which of order) await runs[which]();
    }
  } finally {
    spawner.dispose();
    await Bun.file(alerts).delete();
  }

  const measures = [
    ["wall time", "wallUs"],
    ["CPU, whole system", "systemUs"],
    ["CPU, storm and agent", "tasksUs"],
  ] as const;
  const figures: Record<string, Figures> = {};
  const rows = loads.flatMap((load) =>
    measures.map(([label, key]) => {
      const yes = withAgent.map((one) => one.get(load)![key]);
      const no = without.map((one) => one.get(load)![key]);
      const change = pairedChange(yes, no);
      const added: Estimate = estimate(yes.map((value, i) => value - no[i]!));
      figures[`${load.name}: ${label}`] = {
        change,
        added_us: added,
        without_us: estimate(no),
        hidden: isHidden(change),
      };
      const verdict = change.high <= aim ? "≤ 3 %" : change.low > aim ? "above 3 %" : "open";
      return [
        `${load.name}: ${label}`,
        shown(estimate(no)),
        shown(estimate(yes)),
        shown(added),
        shownChange(change),
        verdict,
      ];
    }),
  );
  printTable(["µs a process, median [95 %]", "without", "with", "added", "change of a pair", "aim"], rows);
  const shares = loads.map((load) => {
    const agent = estimate(withAgent.map((one) => one.get(load)!.agentUs));
    const watched = estimate(
      withAgent.map((one, i) => one.get(load)!.tasksUs - one.get(load)!.agentUs - without[i]!.get(load)!.tasksUs),
    );
    figures[`${load.name}: added by`] = { watched_us: watched, agent_us: agent };
    return [load.name, shown(watched), shown(agent)];
  });
  printTable(["CPU added, µs a process [95 %]", "in the watched processes", "by the agent's threads"], shares);
  console.log(
    `${pairs} pairs of ${count} processes; the agent saw ${seen} starts, lost none, sent ${alertsSent} alerts`,
  );
  return { pairs, processes: count, aim, starts_seen: seen, alerts: alertsSent, results: figures };
});
