import { describe, expect, test } from "bun:test";
import { NetworkMemory } from "../../normalize/mod.ts";
import type { KindCounters, RecordKind } from "../../sensor/mod.ts";
import { ProcessCache } from "../../state/mod.ts";
import { lossReportMs } from "../config/limits.ts";
import type { DetectReport } from "../detect/mod.ts";
import { LossWatch } from "./loss.ts";

const none: KindCounters = {
  seen: 0,
  delivered: 0,
  filtered: 0,
  droppedKernelRing: 0,
  droppedSharedRing: 0,
  missed: 0,
  malformed: 0,
  inFlight: 0,
};

const idleTable = new ProcessCache({ entriesMax: 1, bytesMax: 1, exitedMax: 1, ancestorsMax: 1 }).stats;

function report(
  counters: Partial<Record<RecordKind, Partial<KindCounters>>>,
  more: Partial<DetectReport> = {},
): DetectReport {
  const of = (kind: RecordKind): KindCounters => ({ ...none, ...counters[kind] });
  return {
    counters: { exec: of("exec"), fork: of("fork"), exit: of("exit"), task: of("task"), activities: {} },
    network: new NetworkMemory().report(),
    processes: { ...idleTable },
    normalized: { exec: 0, fork: 0, exit: 0, task: 0, recovered: 0, malformed: 0, compat: 0, activities: {} },
    routed: 0,
    faults: 0,
    lastFault: "",
    hits: 0,
    alertsSent: 0,
    alertsDropped: 0,
    throttled: {},
    swaps: 0,
    ownLoads: 0,
    logs: { taken: 0, malformed: 0 },
    ...more,
  };
}

function watch() {
  const told: Record<string, unknown>[] = [];
  return { told, loss: new LossWatch((action, message, values) => void told.push({ action, message, ...values })) };
}

describe("LossWatch", () => {
  test("says nothing while nothing is lost, whatever is on its way or was filtered", () => {
    const { told, loss } = watch();
    for (let i = 0; i < 5; i++)
      loss.take(report({ exec: { seen: 100, delivered: 90, inFlight: 5, filtered: 5 } }), i * lossReportMs);
    expect(told).toEqual([]);
  });

  test("tells every stage of a loss by kind, with what is new and what it is in all", () => {
    const { told, loss } = watch();
    loss.take(
      report(
        { exec: { droppedKernelRing: 3, missed: 1 }, exit: { droppedSharedRing: 2 }, fork: { malformed: 4 } },
        {
          alertsDropped: 5,
          normalized: { exec: 0, fork: 0, exit: 0, task: 0, recovered: 0, malformed: 6, compat: 0, activities: {} },
        },
      ),
      0,
    );
    expect(told).toEqual([
      {
        action: "events_dropped",
        message: expect.stringContaining("21 events"),
        new: 21,
        total: 21,
        "exec.droppedKernelRing": 3,
        "exec.missed": 1,
        "exit.droppedSharedRing": 2,
        "fork.malformed": 4,
        "normalize.malformed": 6,
        "alerts.dropped": 5,
      },
    ]);
  });

  test("processes that were forgotten while they ran are told like lost events", () => {
    const { told, loss } = watch();
    loss.take(report({}, { processes: { ...idleTable, evictedLive: 7, evictedExited: 1000 } }), 0);
    expect(told).toEqual([expect.objectContaining({ total: 7, "processes.evicted": 7 })]);
  });

  test("tells a flood once in a while, and nothing of it is left out in the end", () => {
    const { told, loss } = watch();
    let dropped = 0;
    for (let ms = 0; ms < 3 * lossReportMs; ms += 5000)
      loss.take(report({ exec: { droppedKernelRing: ++dropped } }), ms);
    expect(told.length).toBe(3);
    loss.take(report({ exec: { droppedKernelRing: ++dropped } }), 3 * lossReportMs - 1, true);
    expect(told.length).toBe(4);
    expect(told.reduce((sum, line) => sum + Number(line.new), 0)).toBe(dropped);
    expect(told.at(-1)).toMatchObject({ total: dropped });
  });

  test("the same losses are told once", () => {
    const { told, loss } = watch();
    for (let i = 0; i < 5; i++) loss.take(report({ task: { missed: 2 } }), i * lossReportMs);
    expect(told.length).toBe(1);
  });

  test("after a restart of the worker its counters begin anew, and so do the losses", () => {
    const { told, loss } = watch();
    loss.take(report({ exec: { missed: 10 } }), 0);
    loss.restart();
    loss.take(report({ exec: { missed: 3 } }), lossReportMs);
    expect(told.map(({ new: fresh, total }) => [fresh, total])).toEqual([
      [10, 10],
      [3, 3],
    ]);
  });
});

describe("the account at the end", () => {
  const sound = { seen: 10, delivered: 6, droppedKernelRing: 1, droppedSharedRing: 1, missed: 1, malformed: 1 };
  const through = { exec: 6, fork: 0, exit: 0, task: 0, recovered: 9, malformed: 0, compat: 0, activities: {} };

  test("closes when everything seen is delivered or lost, and everything delivered came through", () => {
    const { loss } = watch();
    const account = loss.account(report({ exec: sound }, { normalized: through, alertsSent: 3, alertsDropped: 1 }));
    expect(account).toMatchObject({
      exec_seen: 10,
      exec_delivered: 6,
      exec_lost: 4,
      exec_unaccounted: 0,
      fork_unaccounted: 0,
      task_unaccounted: 0,
      alerts_sent: 3,
      alerts_dropped: 1,
    });
  });

  for (const [what, counters, normalized] of [
    ["one event is in no column", { ...sound, seen: 11 }, through],
    ["one is in two columns", { ...sound, missed: 2 }, through],
    ["one is still on its way", { ...sound, seen: 11, inFlight: 1 }, through],
    ["one was delivered and did not come through", sound, { ...through, exec: 5 }],
  ] as const)
    test(`does not close when ${what}`, () => {
      const { loss } = watch();
      expect(loss.account(report({ exec: counters }, { normalized })).exec_unaccounted).not.toBe(0);
    });
});
