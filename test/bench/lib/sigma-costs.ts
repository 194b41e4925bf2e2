// What the Sigma engine costs beyond events per second: a process start on Windows and on Linux, ten times as many rules, loading all rules,
// and the live agent's memory with them. Each figure beside its aim.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { Engine, NameSlots, parseSigma, type RuleIr, type SigmaEvent } from "../../../src/detect/sigma/mod.ts";
import { createCatalogue, FieldTable, replayCatalogue, sourceId } from "../../../src/event/mod.ts";
import { EvtxReader, JsonNormalizer, RecordedEvent } from "../../../src/normalize/mod.ts";
import { sharedData } from "../../data.ts";
import { agentCommand, LiveAgent } from "../../live/agent.ts";
import { needsBpf } from "../../needs.ts";
import { runOnCore } from "./core-run.ts";
import { execEvents } from "./linux-exec.ts";
import { memoryOf } from "./process-memory.ts";
import { type Figures, InvalidMeasurement, printTable, short, shown } from "./report.ts";
import { otrfLines } from "./sigma-lanes.ts";
import { type Estimate, estimate, seededRandom } from "./stats.ts";

const rounds = 21;
/** These compile the code, and are not counted. */
const warmRounds = 6;

interface Event {
  readonly source: number;
  readonly event: SigmaEvent;
}

/** Microseconds an event by round; `prepare` makes the events of a round, and is not in the figure. */
function timed(engine: Engine, prepare: (round: number) => readonly Event[]): number[] {
  const found: number[] = [];
  let matches = 0;
  for (let round = -warmRounds; round < rounds; round++) {
    const events = prepare(round);
    const start = performance.now();
    for (const { source, event } of events) engine.evaluate(source, event, () => void matches++);
    const us = ((performance.now() - start) * 1000) / events.length;
    if (round >= 0) found.push(us);
  }
  if (engine.stats.faultCount > 0) throw new InvalidMeasurement(`${engine.stats.faultCount} faults inside the engine`);
  return found;
}

function allRules(): RuleIr[] {
  const folder = sharedData("sigma") ?? "";
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .flatMap((name) => [...parseSigma(readFileSync(join(folder, name), "utf8"), name).rules]);
}

const replayEngine = (rules: readonly RuleIr[], slots: FieldTable): Engine => {
  const { route, fieldReason } = replayCatalogue;
  return new Engine(rules, { slots, route, fieldReason });
};

/** Process starts of real attacks and of the hosts around them, from event logs and OTRF's recordings. */
function windowsStarts(fields: FieldTable, lines: readonly string[]): RecordedEvent[] {
  const normalizer = new JsonNormalizer(fields);
  const wanted = sourceId("windows/process_creation");
  const security = sourceId("windows/security/4688");
  const found: RecordedEvent[] = [];
  const take = (event: RecordedEvent | undefined): void => {
    if (event?.source === wanted || event?.source === security) found.push(event);
  };
  const folder = sharedData("evtx") ?? "";
  for (const name of [...new Glob("**/*.evtx").scanSync(folder)].sort()) {
    const reader = new EvtxReader({ onRecord: (record) => take(normalizer.normalizeEvtx(record)), onDamage: () => {} });
    reader.push(readFileSync(join(folder, name)));
    reader.end();
  }
  for (const line of lines) if (/"EventID":"?(?:1|4688)"?[,}]/.test(line)) take(normalizer.normalize(JSON.parse(line)));
  return found;
}

function windowsCost(rules: readonly RuleIr[], lines: readonly string[]): { cost: Estimate; count: number } {
  const fields = new FieldTable();
  const engine = replayEngine(rules, fields);
  const starts = windowsStarts(fields, lines);
  let number = 0;
  // A new command line each time: in life half of them are.
  const renewed = ({ fields: old, origin, source }: RecordedEvent): Event => {
    const suffix = ` ${(++number).toString(36)}`;
    const more = typeof old.CommandLine === "string" ? { CommandLine: old.CommandLine + suffix } : {};
    return { source, event: new RecordedEvent(fields, { ...old, ...more }, origin) };
  };
  const passes = Math.ceil(10_000 / starts.length);
  const prepare = (): Event[] => Array.from({ length: passes }, () => starts.map(renewed)).flat();
  return { cost: estimate(timed(engine, prepare)), count: starts.length };
}

function linuxCost(rules: readonly RuleIr[]): Estimate {
  const slots = new NameSlots();
  const events = execEvents(20_000, slots);
  const catalogue = createCatalogue({ live: new Set(["linux/process_creation"]), platform: "linux" });
  const source = sourceId("linux/process_creation");
  const engine = new Engine(rules, {
    slots,
    route: (logsource) => catalogue.route(logsource),
    fieldReason: (id, field) => catalogue.fieldReason(id, field),
  });
  const all = events.map((event) => ({ source, event }));
  return estimate(timed(engine, () => all));
}

/** Cost with all rules as a multiple of the cost with a tenth of them, over several tenths. */
function growth(
  rules: readonly RuleIr[],
  lines: readonly string[],
): { ratio: Estimate; all: Estimate; tenth: Estimate } {
  const random = seededRandom(11);
  const fields = new FieldTable();
  const normalizer = new JsonNormalizer(fields);
  const events = lines
    .filter(() => random() < 0.2)
    .map((line) => {
      const event = normalizer.normalize(JSON.parse(line))!;
      return { source: event.source, event };
    });
  const whole = replayEngine(rules, fields);
  const tenths = Array.from({ length: 5 }, () =>
    replayEngine(
      rules.filter(() => random() < 0.1),
      fields,
    ),
  );
  const ofAll = timed(whole, () => events);
  const ofTenths = tenths.map((engine) => timed(engine, () => events));
  const ratios = ofTenths.flatMap((one) => one.map((it, i) => ofAll[i]! / it));
  return { ratio: estimate(ratios), all: estimate(ofAll), tenth: estimate(ofTenths.flat()) };
}

/** Wall seconds of a replay of nothing: start, all rules, end. */
async function loadCost(): Promise<{ all: Estimate; start: Estimate }> {
  const empty = join(tmpdir(), `sigil-bench-${process.pid}.ndjson`);
  const config = `${empty}.toml`;
  for (const path of [empty, config]) writeFileSync(path, "");
  const core = cpus().length - 1;
  const all: number[] = [];
  const start: number[] = [];
  const replay = ["replay", "--config", config, "--log-level", "error", "--alerts", "-"];
  try {
    for (let i = 0; i < 9; i++) {
      const rules = ["--rules", sharedData("sigma") ?? ""];
      all.push((await runOnCore(core, [...agentCommand(), ...replay, ...rules, empty], "/dev/null")).wallSeconds);
      start.push((await runOnCore(core, [...agentCommand(), "version"], "/dev/null")).wallSeconds);
    }
  } finally {
    for (const path of [empty, config]) rmSync(path, { force: true });
  }
  return { all: estimate(all), start: estimate(start) };
}

/** Sum of PSS over the live agent's processes with all rules, five seconds after it is ready. */
async function liveMemory(): Promise<number> {
  await using agent = await LiveAgent.start({ rules: [sharedData("sigma") ?? ""], args: ["--alerts", "/dev/null"] });
  await Bun.sleep(5_000);
  const { pssBytes, sharers } = memoryOf(agent.pid);
  if (sharers > 0) throw new InvalidMeasurement(`${sharers} other processes share the executable's pages`);
  return pssBytes;
}

export async function measureCosts(): Promise<Figures> {
  const rules = allRules();
  const lines = otrfLines();
  const windows = windowsCost(rules, lines);
  const linux = linuxCost(rules);
  const grown = growth(rules, lines);
  const load = await loadCost();
  const verdict = (value: number, aim: number): string => (value <= aim ? "reached" : "not reached");
  const rows = [
    [
      `process start on Windows, ${windows.count} real ones, new command lines, µs`,
      shown(windows.cost),
      "≤ 8",
      verdict(windows.cost.high, 8),
    ],
    ["process start on Linux, synthetic, µs", shown(linux), "≤ 1.5", verdict(linux.high, 1.5)],
    [`event of OTRF, ${rules.length} rules, µs`, shown(grown.all), "", ""],
    ["event of OTRF, a tenth of the rules, µs", shown(grown.tenth), "", ""],
    ["cost of all rules / of a tenth", shown(grown.ratio), "≤ 1.5", verdict(grown.ratio.high, 1.5)],
    [`start and load ${rules.length} rules, s`, shown(load.all), "≤ 0.6", verdict(load.all.high, 0.6)],
    ["start alone, s", shown(load.start), "", ""],
  ];
  const obstacle = needsBpf();
  let pss: Figures = {};
  if (obstacle === undefined) {
    const bytes = await liveMemory();
    rows.push(["live agent with all rules, PSS, MiB", short(bytes / 2 ** 20), "≤ 100 MB", verdict(bytes, 100e6)]);
    pss = { live_pss_bytes: bytes };
  } else console.log(`the live agent's memory is not measured: ${obstacle}`);
  console.log("");
  printTable(["", "measured [95 %]", "aim", ""], rows);
  return {
    rules: rules.length,
    windows_start_us: windows.cost,
    linux_start_us: linux,
    growth: grown.ratio,
    all_rules_us: grown.all,
    tenth_us: grown.tenth,
    load_seconds: load.all,
    start_seconds: load.start,
    ...pss,
  };
}
