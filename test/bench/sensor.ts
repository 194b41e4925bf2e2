// What watching costs the machine that is watched: the same work with nobody looking, with the agent (all Linux rules of SigmaHQ, so
// that every family of events is on), and with Debian's auditd recording the same classes of events; in turns, in random order within
// a turn, in one run. Wall time of the work, and processor time of the whole system: what eBPF programs and audit rules cost is spent in
// the processes that are watched. Then what the agent saw of it, and how long an alert takes from the act to the byte on stdout.
//
//   bun test/bench/sensor.ts [--turns 30] [--scale 1]

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { root, run } from "../../native/build-steps.ts";
import { LiveAgent } from "../live/agent.ts";
import { needsBpf, needsData, needsProgram } from "../needs.ts";
import { closedAgentAccount } from "./lib/account.ts";
import { latencies } from "./lib/alert-latency.ts";
import { Auditd } from "./lib/auditd.ts";
import { idleMs, memoryOf, processorTimeNs } from "./lib/process-memory.ts";
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
import { type Estimate, estimate, isHidden, median, pairedChange, quantile, seededRandom } from "./lib/stats.ts";

interface Load {
  readonly name: string;
  readonly count: number;
  /** Times a second; 0: as fast as it goes. */
  readonly rate: number;
  readonly run: (load: Load, tools: Tools) => Promise<number>;
  /** Wall time means something: the work is not paced. */
  readonly isFull: boolean;
  /** Columns of the account that must hold at least this many for each time the work was done. */
  readonly seen: Readonly<Record<string, number>>;
  /** Largest slow-down that is aimed at. */
  readonly aim?: number;
}

interface Tools {
  readonly spawner: Spawner;
  readonly activity: string;
  readonly folder: string;
}

const scale = numberArgument("scale", 1);

const activity =
  (what: string) =>
  async ({ count, rate }: Load, { activity: program, folder }: Tools): Promise<number> => {
    const text = await run([program, what, String(count), String(rate), folder]);
    return (JSON.parse(text) as { wallNs: number }).wallNs;
  };

const starts =
  (program: "true" | "compile", lanes: number) =>
  async ({ count, rate }: Load, { spawner }: Tools): Promise<number> => {
    const { started, wallNs } = await spawner.storm({ count, lanes, rate, prefix: "sensor", program });
    if (started !== count) throw new InvalidMeasurement(`${started} of ${count} processes were started`);
    return wallNs;
  };

const load = (name: string, count: number, rate: number, run: Load["run"], more: Partial<Load> = {}): Load => ({
  name,
  count: Math.max(1, Math.round(count * scale)),
  rate,
  run,
  isFull: rate === 0,
  seen: {},
  ...more,
});

const files = { file_create: 1, file_rename: 1, file_delete: 1 };
const loads: readonly Load[] = [
  load("exec storm", 2_000, 0, starts("true", 1), { aim: 0.02, seen: { exec: 1 } }),
  load("exec, 400/s", 400, 400, starts("true", 1), { seen: { exec: 1 } }),
  load("open and close", 100_000, 0, activity("open")),
  load("create write close rename unlink", 10_000, 0, activity("files"), { aim: 0.04, seen: files }),
  load("files, 2000/s", 2_000, 2_000, activity("files"), { seen: files }),
  load("connect and accept", 5_000, 0, activity("connect"), { seen: { network_connect: 1, network_accept: 1 } }),
  load("names by UDP", 10_000, 0, activity("names"), { seen: { dns_answer: 1 } }),
  load("getppid", 3_000_000, 0, activity("getppid")),
  load("gcc -c", 40, 0, starts("compile", cpus().length), { seen: { exec: 4 } }),
  load("idle, 3 s", 1, 1, async () => {
    await Bun.sleep(3_000);
    return 0;
  }),
];

/** What a watcher was told belongs to the cost of the work: it works that off within this time. */
const tailMs = 250;
const settleMs = 1_000;

interface Sample {
  readonly wallUs: number;
  readonly systemUs: number;
}

type Arm = "nobody" | "agent" | "auditd";
const arms = ["nobody", "agent", "auditd"] as const;

async function measure(one: Load, tools: Tools): Promise<Sample> {
  const idleBefore = idleMs();
  const began = performance.now();
  const wallNs = await one.run(one, tools);
  await Bun.sleep(tailMs);
  const elapsedMs = performance.now() - began;
  const busyMs = elapsedMs * cpus().length - (idleMs() - idleBefore);
  return { wallUs: wallNs / 1e3 / one.count, systemUs: (busyMs * 1e3) / one.count };
}

const obstacles = [
  needsBpf(),
  needsData("sigma"),
  needsProgram("gcc"),
  needsProgram("auditd"),
  needsProgram("auditctl"),
];
await benchmark("sensor", obstacles, async () => {
  const turns = numberArgument("turns", 30);
  const rules = sigmaHqLinux();
  mkdirSync(join(root, "build/bench"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/bench/sensor-"));
  const program = join(folder, "activity");
  const source = join(import.meta.dir, "programs/activity.c");
  await run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", program, source]);
  const tools: Tools = { spawner: await Spawner.compile(), activity: program, folder };
  const samples: Record<Arm, Map<Load, Sample[]>> = { nobody: new Map(), agent: new Map(), auditd: new Map() };
  const account: Record<string, number> = {};
  let auditLost = 0;
  let memory = { pss: 0, maps: 0 };
  let idleShare: number[] = [];

  const play = async (arm: Arm, agentPid?: number): Promise<void> => {
    for (const one of loads) {
      const before = agentPid === undefined ? 0 : processorTimeNs(agentPid);
      const sample = await measure(one, tools);
      if (agentPid !== undefined && one.name.startsWith("idle"))
        idleShare.push((processorTimeNs(agentPid) - before) / 1e6 / (3_000 + tailMs));
      const known = samples[arm].get(one);
      if (known === undefined) samples[arm].set(one, [sample]);
      else known.push(sample);
    }
  };
  const runs: Record<Arm, () => Promise<void>> = {
    async nobody() {
      await Bun.sleep(settleMs);
      await play("nobody");
    },
    async agent() {
      await using agent = await LiveAgent.start({ rules, args: ["--alerts", join(folder, "alerts.ndjson")] });
      await Bun.sleep(settleMs);
      await play("agent", agent.pid);
      const { pssBytes, mapsBytes } = memoryOf(agent.pid);
      memory = { pss: pssBytes, maps: mapsBytes };
      const closed = closedAgentAccount((await agent.stop()).log);
      for (const [name, value] of Object.entries(closed)) account[name] = (account[name] ?? 0) + value;
    },
    async auditd() {
      await using auditd = await Auditd.start();
      await Bun.sleep(settleMs);
      const lost = await auditd.lost();
      await play("auditd");
      auditLost += (await auditd.lost()) - lost;
    },
  };
  try {
    await play("nobody");
    samples.nobody.clear();
    const random = seededRandom(3);
    for (let turn = 0; turn < turns; turn++) {
      const order = [...arms].sort(() => random() - 0.5);
      for (const arm of order) await runs[arm]();
    }
    idleShare = idleShare.filter((share) => share >= 0);
    const late = await latencies(tools.spawner);
    return summary(samples, account, auditLost, turns, { ...memory, idle: idleShare, late });
  } finally {
    tools.spawner.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
});

function summary(
  samples: Record<Arm, Map<Load, Sample[]>>,
  account: Readonly<Record<string, number>>,
  auditLost: number,
  turns: number,
  more: { pss: number; maps: number; idle: number[]; late: number[] },
): Figures {
  const figures: Record<string, Figures> = {};
  const column = (arm: Arm, one: Load, key: keyof Sample): number[] => samples[arm].get(one)!.map((it) => it[key]);
  const rows = loads.flatMap((one) =>
    (one.isFull ? (["wallUs", "systemUs"] as const) : (["systemUs"] as const)).map((key) => {
      const nobody = column("nobody", one, key);
      const changes = (["agent", "auditd"] as const).map((arm) => pairedChange(column(arm, one, key), nobody));
      const added = (["agent", "auditd"] as const).map((arm) =>
        estimate(column(arm, one, key).map((value, i) => value - nobody[i]!)),
      );
      const name = `${one.name}: ${key === "wallUs" ? "wall time" : "CPU, whole system"}`;
      const [agent, auditd] = changes as [Estimate, Estimate];
      figures[name] = {
        nobody_us: estimate(nobody),
        agent_change: agent,
        agent_added_us: added[0]!,
        agent_hidden: isHidden(agent),
        auditd_change: auditd,
        auditd_added_us: added[1]!,
      };
      const verdict =
        one.aim === undefined || key !== "wallUs"
          ? ""
          : `${agent.high <= one.aim ? "within" : agent.low > one.aim ? "above" : "about"} ${one.aim * 100} %`;
      return [name, shown(estimate(nobody)), shownChange(agent), shownChange(auditd), shown(added[0]!), verdict];
    }),
  );
  printTable(["µs, median [95 %]", "nobody", "agent", "auditd", "agent adds", "aim"], rows);

  const completeness = loads.flatMap((one) =>
    Object.entries(one.seen).map(([kind, times]) => ({ kind, wanted: one.count * times * turns })),
  );
  const wanted = new Map<string, number>();
  for (const { kind, wanted: count } of completeness) wanted.set(kind, (wanted.get(kind) ?? 0) + count);
  printTable(
    ["events", "done", "seen", "delivered", "lost"],
    [...wanted].map(([kind, count]) => [
      kind,
      String(count),
      String(account[`${kind}_seen`] ?? 0),
      String(account[`${kind}_delivered`] ?? 0),
      String(account[`${kind}_lost`] ?? 0),
    ]),
  );
  console.log(`auditd: the kernel could not hand over ${auditLost} records`);
  const idle = estimate(more.idle);
  console.log(`idle: ${shown(idle, 100)} % of one core (aim 0.3); PSS ${mb(more.pss)}, BPF maps ${mb(more.maps)}`);
  const late = { p50: median(more.late), p99: quantile(more.late, 0.99) };
  console.log(
    `from the act to the byte: median ${late.p50.toFixed(1)} ms (aim 10), p99 ${late.p99.toFixed(1)} ms (aim 50)`,
  );
  return {
    turns,
    results: figures,
    seen: Object.fromEntries([...wanted].map(([kind, count]) => [kind, (account[`${kind}_seen`] ?? 0) / count])),
    lost: Object.fromEntries([...wanted.keys()].map((kind) => [kind, account[`${kind}_lost`] ?? 0])),
    auditd_lost: auditLost,
    idle_share: idle,
    pss_bytes: more.pss,
    bpf_map_bytes: more.maps,
    latency_ms: late,
  };
}

function mb(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
