// A seeded slice of each long run (test/soak), so that the long runs cannot rot between two of them. Memory is not judged here: a
// few seconds are over before the heap of a fresh process has found its size.

import { expect, test } from "bun:test";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { processStorm, type StormReport, stormFaults } from "../soak/lib/process-storm.ts";

describeWhere("the long run of process storms", [needsBpf(), needsProgram("gcc")], () => {
  test("holds for some seconds: every marked start an alert or a counted loss, the account closed", async () => {
    const report = await processStorm({ seconds: 8, seed: 5 });
    expect(stormFaults(report)).toEqual([]);
    expect(report.marked).toBeGreaterThan(0);
    expect(report.memory.length).toBe(report.phases);
    expect(report.pssPeakBytes).toBeLessThan(512 * 1024 * 1024);
  }, 120_000);
});

test("the long run of process storms sees what is wrong", () => {
  const good: StormReport = {
    phases: 1,
    reloads: 0,
    started: 10,
    marked: 5,
    missing: 0,
    doubled: 0,
    lost: 0,
    outputDropped: 0,
    account: { exec_seen: 12, exec_lost: 0, alerts_sent: 7, alerts_dropped: 0 },
    alertLines: 8,
    stateLines: 1,
    states: [],
    memory: [[1, 1]],
    pssPeakBytes: 1,
    grownBytes: 0,
  };
  expect(stormFaults(good)).toEqual([]);
  const faulty: Partial<StormReport>[] = [
    { started: 13 },
    { missing: 1 },
    { doubled: 1 },
    { marked: 0 },
    { alertLines: 7 },
    { alertLines: 9 },
    { outputDropped: 1, alertLines: 6 },
    { account: { ...good.account, alerts_dropped: 1 } },
  ];
  for (const fault of faulty) expect(stormFaults({ ...good, ...fault })).toHaveLength(1);
  expect(stormFaults({ ...good, missing: 2, lost: 2 })).toEqual([]);
  expect(stormFaults({ ...good, missing: 2, outputDropped: 2, alertLines: 6 })).toEqual([]);
});
