// The Sigma engine against the fastest other one, RSigma: the same files and rules, one processor each, turn by turn in one run. Recorded
// events in, alerts out; what both cost before the first event is measured too and taken off both. Then what single events cost, how cost
// grows with the number of rules, how long all rules take to load, and what the live agent occupies with them.
//
//   bun test/bench/sigma.ts [--rounds 5] [--seconds 10] [--lanes 99] [--rsigma PATH]

import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { agentCommand } from "../live/agent.ts";
import { needsData, needsProgram } from "../needs.ts";
import { type CoreRun, runOnCore } from "./lib/core-run.ts";
import { agentMatches, explainDifferences, numberField, rsigmaMatches } from "./lib/match-sets.ts";
import { benchmark, type Figures, InvalidMeasurement, numberArgument, printTable, short, shown } from "./lib/report.ts";
import { getRsigma, plainVariants, type Rsigma, rsigmaCommand, taggedVariants, type Variant } from "./lib/rsigma.ts";
import { measureCosts } from "./lib/sigma-costs.ts";
import { type Lane, lanes, type RuleFolder, ruleFolder, shortPath } from "./lib/sigma-lanes.ts";
import { type Estimate, estimate, median, seededRandom } from "./lib/stats.ts";

const aimRatio = 5;
const aimPerSecond = 200_000;
/** The last one: the first is where interrupts are. */
const core = cpus().length - 1;
const folder = join(root, "build/bench/sigma");
const random = seededRandom(3);

const agent = (rules: string, events: string, alerts: string): string[] => [
  ...agentCommand(),
  "replay",
  ...[
    "--config",
    file("empty.toml"),
    "--rules",
    rules,
    "--alerts",
    alerts,
    "--summary",
    "--log-level",
    "error",
    events,
  ],
];

const file = (name: string): string => shortPath(join(folder, name));

function write(name: string, lines: readonly string[], repeats: number): string {
  const path = file(name);
  const block = Buffer.from(`${lines.join("\n")}\n`);
  rmSync(path, { force: true });
  for (let i = 0; i < repeats; i++) writeFileSync(path, block, { flag: "a" });
  return path;
}

const agentRun = (rules: RuleFolder, events: string): Promise<CoreRun> => {
  const alerts = file("agent.ndjson");
  rmSync(alerts, { force: true });
  return runOnCore(core, agent(rules.path, events, alerts), file("agent.out"));
};

interface Best {
  readonly variant: Variant;
  readonly rows: readonly string[][];
}

/** The flags that RSigma is fastest with on these events. */
async function bestVariant(peer: Rsigma, lane: Lane, rules: RuleFolder, events: string, count: number): Promise<Best> {
  const rows: string[][] = [];
  let best: { variant: Variant; seconds: number } | undefined;
  for (const variant of lane.tagged ? taggedVariants : plainVariants) {
    const costs: number[] = [];
    for (let i = 0; i < 2; i++) {
      const load = await runOnCore(
        core,
        rsigmaCommand(peer, variant, rules.path, file("empty.ndjson")),
        file("peer.out"),
      );
      const run = await runOnCore(core, rsigmaCommand(peer, variant, rules.path, events), file("peer.out"));
      costs.push(run.cpuSeconds - load.cpuSeconds);
    }
    const seconds = median(costs);
    rows.push([variant.name, short(count / seconds / 1000)]);
    if (best === undefined || seconds < best.seconds) best = { variant, seconds };
  }
  return { variant: best!.variant, rows };
}

interface Turns {
  readonly load: number[];
  readonly run: number[];
  readonly wall: number[];
}

/** Events per second of processor time, load taken off; a pair gives one ratio. */
async function measure(lane: Lane, rules: RuleFolder, peer: Rsigma | undefined): Promise<Figures> {
  const lines = lane.lines();
  const once = write("once.ndjson", lines, 1);
  writeFileSync(file("empty.ndjson"), "");
  console.log(
    `\n${lane.name}${lane.decides ? " (decides)" : ""}: ${lines.length} events of ${short(statSync(once).size / lines.length)} bytes, ${rules.rules.length} rules`,
  );

  let variant: Variant | undefined;
  let differences: Figures = {};
  if (peer !== undefined) {
    const best = await bestVariant(peer, lane, rules, once, lines.length);
    variant = best.variant;
    printTable(["RSigma's flags", "thousand events/s"], best.rows);
    differences = await compare(lane, rules, lines, peer, variant);
  }

  const seconds = numberArgument("seconds", 10);
  // The first events are the slowest: code is compiled while they flow. What a pass costs later says how many make a run.
  const first = await agentRun(rules, once);
  const probePasses = 6;
  const probe = await agentRun(rules, write("events.ndjson", lines, probePasses));
  const perPass = Math.max(0.01, (probe.cpuSeconds - first.cpuSeconds) / (probePasses - 1));
  const repeats = Math.max(1, Math.ceil(seconds / perPass));
  const events = write("events.ndjson", lines, repeats);
  const count = lines.length * repeats;

  const ours: Turns = { load: [], run: [], wall: [] };
  const theirs: Turns = { load: [], run: [], wall: [] };
  const turn = async (of: Turns, run: (events: string) => Promise<CoreRun>): Promise<void> => {
    of.load.push((await run(file("empty.ndjson"))).cpuSeconds);
    const { cpuSeconds, wallSeconds } = await run(events);
    of.run.push(cpuSeconds);
    of.wall.push(wallSeconds);
  };
  for (let round = numberArgument("rounds", 5); round > 0; round--) {
    const turns = [() => turn(ours, (path) => agentRun(rules, path))];
    if (peer !== undefined && variant !== undefined) {
      const flags = variant;
      turns.push(() =>
        turn(theirs, (path) => runOnCore(core, rsigmaCommand(peer, flags, rules.path, path), file("peer.out"))),
      );
    }
    if (random() < 0.5) turns.reverse();
    for (const each of turns) await each();
  }
  rmSync(events, { force: true });

  const net = ({ load, run }: Turns): number[] => run.map((it, i) => it - load[i]!);
  const rate = (of: Turns): Estimate => estimate(net(of).map((it) => count / it));
  const row = (name: string, of: Turns): string[] => {
    const { value } = rate(of);
    return [
      name,
      shown(rate(of), 1e-3),
      short(1e6 / value),
      shown(estimate(of.load)),
      short(median(of.run)),
      short(median(of.wall)),
    ];
  };
  const rows = [row("agent replay", ours)];
  const figures: Record<string, Figures | Estimate | number | string | boolean> = {
    events: count,
    decides: lane.decides,
    events_per_second: rate(ours),
    load_seconds: estimate(ours.load),
    differences,
  };
  if (theirs.run.length > 0) {
    rows.push(row(`rsigma ${variant?.name}`, theirs));
    figures.rsigma_flags = variant?.name ?? "";
    figures.rsigma_events_per_second = rate(theirs);
    const ratio = estimate(net(theirs).map((it, i) => it / net(ours)[i]!));
    figures.ratio = ratio;
    printTable(["", "thousand events/s [95 %]", "µs an event", "load, s", "run, CPU s", "wall s"], rows);
    const aim = lane.decides ? `, aim ≥ ${aimRatio}: ${ratio.low >= aimRatio ? "reached" : "not reached"}` : "";
    console.log(`ratio ${shown(ratio)}${aim}`);
  } else printTable(["", "thousand events/s [95 %]", "µs an event", "load, s", "run, CPU s", "wall s"], rows);
  if (lane.name.startsWith("structured"))
    console.log(
      `aim ≥ ${aimPerSecond / 1000} thousand/s: ${rate(ours).low >= aimPerSecond ? "reached" : "not reached"}`,
    );
  return figures as Figures;
}

/** Both engines on the same numbered events: what only one finds, by reason. */
async function compare(
  lane: Lane,
  rules: RuleFolder,
  lines: readonly string[],
  peer: Rsigma,
  variant: Variant,
): Promise<Figures> {
  const numbered = lines.map((line, i) => JSON.stringify({ ...JSON.parse(line), [numberField]: i }));
  const events = write("numbered.ndjson", numbered, 1);
  await agentRun(rules, events);
  await runOnCore(core, rsigmaCommand(peer, variant, rules.path, events, ["--include-event"]), file("peer.out"));
  const ours = agentMatches(file("agent.ndjson"));
  const theirs = rsigmaMatches(file("peer.out"));
  const differences = explainDifferences(ours, theirs, lines, rules.rules);
  const both = [...ours.keys()].filter((key) => theirs.has(key)).length;
  console.log(
    `matches (event × rule): ${both} of both, ${ours.size - both} only ours, ${theirs.size - both} only RSigma's`,
  );
  for (const { side, reason, count, rules: titles } of differences)
    console.log(`  ${side} ${count}: ${reason}: ${titles.slice(0, 3).join("; ")}${titles.length > 3 ? "; …" : ""}`);
  const unexplained = differences.filter(({ reason }) => reason.startsWith("UNEXPLAINED"));
  if (unexplained.length > 0)
    throw new InvalidMeasurement(`${lane.name}: differences of match sets that have no reason`);
  return { both, only_ours: ours.size - both, only_rsigma: theirs.size - both };
}

await benchmark(
  "sigma",
  [needsData("sigma"), needsData("otrf"), needsData("evtx"), needsProgram("taskset")],
  async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file("empty.toml"), "");
    const at = process.argv.indexOf("--rsigma");
    const found = await getRsigma(at < 0 ? undefined : process.argv[at + 1]);
    const peer = "missing" in found ? undefined : found;
    if ("missing" in found) console.log(`RSigma is NOT measured: ${found.missing}`);
    else console.log(`${found.version} (${found.build}); one processor (${core}) for each engine`);
    const folders = { windows: ruleFolder("windows", folder), linux: ruleFolder("linux", folder) };
    const figures: Record<string, Figures> = {};
    try {
      for (const lane of lanes.slice(0, numberArgument("lanes", lanes.length)))
        figures[lane.name] = await measure(
          lane,
          { ...folders[lane.rules], path: shortPath(folders[lane.rules].path) },
          peer,
        );
    } finally {
      for (const name of ["events", "once", "numbered", "agent", "empty"])
        rmSync(file(`${name}.ndjson`), { force: true });
      for (const name of ["agent", "peer"]) rmSync(file(`${name}.out`), { force: true });
    }
    const costs = await measureCosts();
    return { peer: peer?.version ?? "not available", aim_ratio: aimRatio, lanes: figures, costs };
  },
);
