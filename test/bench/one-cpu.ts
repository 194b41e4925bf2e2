// The whole way on one processor: recorded starts, forks and ends of processes are injected at the ring, and everything that follows
// (shim thread, decoding, process table, all Linux rules of SigmaHQ, and for one start in a thousand an alert from hit to a line in a file)
// shares one CPU with it. Wall time, collection of garbage included.
//
//   bun test/bench/one-cpu.ts [--turns 20] [--seconds 5]

import { closeSync, openSync, writeSync } from "node:fs";
import { AlertEncoder, type LiveContextSources, liveEventContext, processContext } from "../../src/alert/mod.ts";
import { sensorBatchUs } from "../../src/control/config/limits.ts";
import type { Hit } from "../../src/detect/mod.ts";
import type { AnyLiveEvent } from "../../src/normalize/mod.ts";
import { Sensor, type SensorOptions } from "../../src/sensor/mod.ts";
import { needsBpf, needsData, needsProgram } from "../needs.ts";
import { captureRecords, Replay } from "./lib/capture.ts";
import { pipeline } from "./lib/pipeline.ts";
import { benchmark, InvalidMeasurement, numberArgument, shown } from "./lib/report.ts";
import { sigmaHqLinux } from "./lib/rules.ts";
import { estimate } from "./lib/stats.ts";

const aim = 100_000;
/** One start in this many makes an alert. */
const alertEvery = 1_000;
const warmUpTurns = 4;
const roundsPerTurn = 8;
const MiB = 1024 * 1024;
const options: SensorOptions = {
  kernelRingBytes: 32 * MiB,
  criticalRingBytes: 4 * MiB,
  kernelBulkRingBytes: MiB,
  bulkRingBytes: MiB,
  envNames: ["LD_PRELOAD", "LD_LIBRARY_PATH", "SSH_CONNECTION", "SUDO_USER"],
  batchUs: sensorBatchUs,
};

// Every thread that this process makes from here on runs on one CPU: it starts itself again under taskset.
if (process.env.SIGIL_BENCH_PINNED === undefined) {
  const again = Bun.spawnSync(["taskset", "-c", "0", process.execPath, ...process.argv.slice(1)], {
    env: { ...process.env, SIGIL_BENCH_PINNED: "1" },
    stdio: ["inherit", "inherit", "inherit"],
  });
  process.exit(again.exitCode);
}

await benchmark("one-cpu", [needsBpf(), needsData("sigma"), needsProgram("git"), needsProgram("gcc")], async () => {
  const turns = numberArgument("turns", 20);
  const capture = await captureRecords(options, numberArgument("seconds", 5));
  const replay = new Replay(capture);
  const { forks, execs, exits } = replay;
  if (execs.length < 200) throw new InvalidMeasurement(`the workload started only ${execs.length} programs`);
  const sensor = Sensor.open({ ...options, injectOnly: true });
  sensor.start();

  const output = openSync("/dev/null", "w");
  const encoder = new AlertEncoder({ agent: { type: "sigil", version: "0.0.0" } });
  let alerts = 0;
  const alert = (event: AnyLiveEvent, hit: Hit, sources: LiveContextSources): void => {
    if (event.entry === undefined) throw new InvalidMeasurement("an event has no process");
    alerts++;
    // As it crosses from the detect worker to the main thread.
    const message = JSON.stringify({ event: liveEventContext(event), process: processContext(event.entry, sources) });
    const { event: context, process } = JSON.parse(message);
    const { line } = encoder.alert({ hit, event: context, process, createdMs: Date.now() });
    writeSync(output, `${line}\n`);
  };
  const stage = await pipeline("all Linux SigmaHQ rules", sensor, sigmaHqLinux(), alert, alertEvery);
  const drainAll = (records: readonly Buffer[]): void => {
    for (let at = 0; at < records.length; ) {
      while (at < records.length && sensor.inject(records[at]!)) at++;
      if (sensor.critical.drain(stage.take) === 0) throw new InvalidMeasurement("the ring gave nothing");
    }
  };
  drainAll(capture.inventory);
  const rates: number[] = [];
  let taken = 0;
  for (let turn = 0; turn < warmUpTurns + turns; turn++) {
    const before = alerts;
    const began = Bun.nanoseconds();
    for (let round = 0; round < roundsPerTurn; round++) {
      replay.next();
      drainAll(forks);
      drainAll(execs);
      drainAll(exits);
    }
    const seconds = (Bun.nanoseconds() - began) / 1e9;
    const records = (forks.length + execs.length + exits.length) * roundsPerTurn;
    taken += execs.length * roundsPerTurn;
    if (turn >= warmUpTurns) rates.push(records / seconds);
    if (alerts - before < (execs.length * roundsPerTurn) / alertEvery - 1)
      throw new InvalidMeasurement(`only ${alerts - before} alerts were made`);
  }
  stage.check(taken);
  sensor.close();
  closeSync(output);
  const rate = estimate(rates);
  console.log(`${shown(rate)} events a second on one CPU (aim ${aim}); ${alerts} alerts for ${taken} starts`);
  return { events_per_second: rate, alerts_per_1000_starts: (alerts * 1000) / taken, aim };
});
