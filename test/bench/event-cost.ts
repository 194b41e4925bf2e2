import { sensorBatchUs } from "../../src/control/config/limits.ts";
import { headerLayout } from "../../src/event/mod.ts";
import { Sensor, type SensorOptions } from "../../src/sensor/mod.ts";
import { needsBpf, needsData, needsProgram } from "../needs.ts";
import { captureRecords, Replay } from "./lib/capture.ts";
import { pipeline, type Stage } from "./lib/pipeline.ts";
import { benchmark, type Figures, InvalidMeasurement, numberArgument, printTable, shown } from "./lib/report.ts";
import { sigmaHqLinux, starterRules } from "./lib/rules.ts";
import { estimate, mean, median, seededRandom } from "./lib/stats.ts";

const aimNs = 5_000;
const MiB = 1024 * 1024;
const options: SensorOptions = {
  kernelRingBytes: 32 * MiB,
  kernelBulkRingBytes: 32 * MiB,
  criticalRingBytes: 4 * MiB,
  bulkRingBytes: MiB,
  envNames: ["LD_PRELOAD", "LD_LIBRARY_PATH", "SSH_CONNECTION", "SUDO_USER"],
  batchUs: sensorBatchUs,
};
const warmUpTurns = 8;
/** Rounds of one stage in a row, after a full collection: long enough that a stage pays for its own garbage. */
const roundsPerTurn = 4;

function limits(sensor: Sensor): Stage[] {
  const bytes = sensor.critical.bytes;
  const scratch = Buffer.alloc(65_536);
  let seen = 0;
  let sum = 0;
  const check = (): void => {
    if (sum === 0) throw new InvalidMeasurement("no record was read");
  };
  return [
    {
      name: "drain",
      take: (at) => {
        seen++;
        sum += bytes.readUInt32LE(at + headerLayout.pid);
      },
      check,
      hits: () => 0,
    },
    {
      name: "drain, copy",
      take: (at) => {
        seen++;
        bytes.copy(scratch, 0, at, at + bytes.readUInt32LE(at + headerLayout.size));
        sum += scratch.readUInt32LE(headerLayout.pid);
      },
      check: () => {
        check();
        if (seen === 0) throw new InvalidMeasurement("no record was copied");
      },
      hits: () => 0,
    },
  ];
}

/** Nanoseconds of taking all records off the ring; putting them in is not timed. */
function through(sensor: Sensor, records: readonly Buffer[], take: (at: number) => void): number {
  let ns = 0;
  let drained = 0;
  for (let at = 0; at < records.length; ) {
    while (at < records.length && sensor.inject(records[at]!)) at++;
    const began = Bun.nanoseconds();
    const count = sensor.critical.drain(take);
    ns += Bun.nanoseconds() - began;
    if (count === 0) throw new InvalidMeasurement("the ring gave nothing");
    drained += count;
  }
  if (drained !== records.length) throw new InvalidMeasurement(`${drained} of ${records.length} records came out`);
  return ns;
}

await benchmark("event-cost", [needsBpf(), needsData("sigma"), needsProgram("git"), needsProgram("gcc")], async () => {
  const turns = numberArgument("turns", 30);
  const capture = await captureRecords(options, numberArgument("seconds", 5));
  const replay = new Replay(capture);
  const { forks, execs, exits } = replay;
  if (execs.length < 500) throw new InvalidMeasurement(`the workload started only ${execs.length} programs`);
  const sensor = Sensor.open({ ...options, injectOnly: true });
  sensor.start();
  const stages = [
    ...limits(sensor),
    await pipeline("normalize", sensor, undefined),
    await pipeline("starter rules", sensor, [starterRules]),
    await pipeline("all Linux SigmaHQ rules", sensor, sigmaHqLinux()),
  ];
  for (const stage of stages.slice(2)) through(sensor, capture.inventory, stage.take);

  const kinds = { start: execs, fork: forks, exit: exits };
  type Kind = keyof typeof kinds;
  const times = stages.map(() => ({ start: [] as number[], fork: [] as number[], exit: [] as number[] }));
  let taken = 0;
  const random = seededRandom(4);
  for (let turn = 0; turn < warmUpTurns + turns; turn++) {
    const order = stages.map((_, index) => index).sort(() => random() - 0.5);
    for (const index of order) {
      const { take } = stages[index]!;
      const ns: Record<Kind, number> = { start: 0, fork: 0, exit: 0 };
      Bun.gc(true);
      for (let round = 0; round < roundsPerTurn; round++) {
        replay.next();
        ns.fork += through(sensor, forks, take);
        ns.start += through(sensor, execs, take);
        ns.exit += through(sensor, exits, take);
      }
      if (turn >= warmUpTurns)
        for (const kind of Object.keys(kinds) as Kind[])
          times[index]![kind].push(ns[kind] / (kinds[kind].length * roundsPerTurn));
    }
    taken += execs.length * roundsPerTurn;
  }
  for (const stage of stages) stage.check(taken);
  sensor.close();

  const figures: Record<string, Figures> = {};
  const rows = stages.map((stage, i) => {
    const of = times[i]!;
    const start = estimate(of.start, mean);
    const lifetimeNs = (median(of.fork) * forks.length + median(of.exit) * exits.length) / execs.length + start.value;
    figures[stage.name] = {
      start_ns: start,
      start_median_ns: median(of.start),
      fork_ns: estimate(of.fork, mean),
      exit_ns: estimate(of.exit, mean),
      starts_per_second: 1e9 / lifetimeNs,
      hits_per_1000_starts: (stage.hits() * 1000) / taken,
    };
    const aim = i < 2 ? "limit" : start.high <= aimNs ? "≤ 5 µs" : "above 5 µs";
    return [
      stage.name,
      shown(start, 1e-3),
      shown(estimate(of.fork, mean), 1e-3),
      shown(estimate(of.exit, mean), 1e-3),
      String(Math.round(1e9 / lifetimeNs)),
      aim,
    ];
  });
  printTable(["µs a record, mean [95 %]", "start", "fork", "exit", "processes/s", "aim"], rows);
  const part = (from: number, to: number): number => mean(times[to]!.start) - mean(times[from]!.start);
  const stagesNs = {
    drain: mean(times[0]!.start),
    normalize: part(0, 2),
    starter_rules: part(2, 3),
    sigma_hq: part(2, 4),
  };
  const of = (ns: number): string => (ns / 1e3).toFixed(2);
  console.log(
    `a start: drain ${of(stagesNs.drain)} + normalize ${of(stagesNs.normalize)} + Sigma ${of(stagesNs.sigma_hq)} µs (starter rules ${of(stagesNs.starter_rules)} µs)`,
  );
  const bytes = mean(execs.map((it) => it.length));
  console.log(
    `${execs.length} starts, ${forks.length} forks, ${exits.length} exits captured; a start record has ${Math.round(bytes)} bytes; ${taken} starts a stage, every command line different`,
  );
  return {
    turns,
    aim_ns: aimNs,
    captured_starts: execs.length,
    record_bytes: bytes,
    stages_ns: stagesNs,
    results: figures,
  };
});
