// Of ten thousand files, each made, written, closed, renamed and deleted, every step is seen once, as fast as this machine can and
// paced; and when there is no room, what is missing is what the account says, to the unit. The rings of the first tests hold
// all of it, so that no reader's pace decides.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { ActivityRecord, activityByKind, fileKind, fileSection } from "../../src/event/mod.ts";
import {
  lost,
  Sensor,
  type SensorCounters,
  type SensorOptions,
  unaccounted,
  waitResult,
} from "../../src/sensor/mod.ts";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { uniqueToken } from "./agent.ts";
import { compiler, TestFolder } from "./programs.ts";

const MiB = 1024 * 1024;
const options: SensorOptions = {
  kernelRingBytes: 64 * MiB,
  kernelBulkRingBytes: 32 * MiB,
  criticalRingBytes: 32 * MiB,
  bulkRingBytes: 32 * MiB,
  envNames: [],
  batchUs: 1000,
};
const kinds = [fileKind.create, fileKind.close, fileKind.rename, fileKind.delete];
const count = 10_000;
/** Of a storm and its reading; 10,000 files take a second or two on an idle machine. */
const timeoutMs = 150_000;

describeWhere("a storm of files", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("file-storm");
  let program = "";
  beforeAll(async () => {
    program = await folder.compile("filestorm");
  }, 60_000);
  afterAll(() => folder.dispose());

  interface Outcome {
    /** By kind of event, how often each file's number came. */
    readonly seen: Map<string, Map<number, number>>;
    readonly counters: SensorCounters;
  }

  /** Runs the storm under a sensor; `patience`: reads while it runs. */
  async function run(more: Partial<SensorOptions>, rate: number, patience: boolean): Promise<Outcome> {
    const prefix = uniqueToken("sigil-storm-");
    const sensor = Sensor.open({ ...options, ...more });
    const seen = new Map<string, Map<number, number>>();
    const record = new ActivityRecord();
    const number = new RegExp(`/${prefix}-(\\d{6})`);
    const take = (at: number): void => {
      record.bind(sensor.bulk.bytes, at);
      const found = number.exec(record.text(fileSection.path));
      if (found === null) return;
      const name = activityByKind[record.kind]!.name;
      const those = seen.get(name) ?? new Map<number, number>();
      seen.set(name, those);
      const file = Number(found[1]);
      those.set(file, (those.get(file) ?? 0) + 1);
    };
    const drain = (): void => {
      sensor.critical.drain(() => {});
      sensor.bulk.drain(take);
    };
    try {
      sensor.start();
      sensor.enable(kinds);
      for (const { name, state, message } of sensor.probes())
        if (name.startsWith("file_") && state === "failed") throw new Error(`${name}: ${message}`);
      const child = Bun.spawn([program, folder.path, prefix, String(count), "2", String(rate)], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      const until = performance.now() + timeoutMs;
      while (child.exitCode === null && performance.now() < until) {
        if (patience) drain();
        else sensor.critical.drain(() => {});
        await Bun.sleep(1);
      }
      expect(child.exitCode).toBe(0);
      sensor.detach();
      while ((sensor.wait(100) & waitResult.drained) === 0 && performance.now() < until) drain();
      drain();
      return { seen, counters: sensor.counters() };
    } finally {
      sensor.close();
    }
  }

  const names = kinds.map((kind) => activityByKind[kind]!.name);

  for (const [what, rate] of [
    ["as fast as this machine can", 0],
    ["at 2 500 files a second", 2500],
  ] as const)
    test(`every step of every file is seen once, ${what}`, async () => {
      const { seen, counters } = await run({}, rate, true);
      for (const name of names) {
        const account = counters.activities[name]!;
        expect([name, lost(account), unaccounted(account), account.inFlight]).toEqual([name, 0, 0, 0]);
        expect([name, seen.get(name)?.size]).toEqual([name, count]);
        expect([...(seen.get(name) ?? [])].filter(([, times]) => times !== 1)).toEqual([]);
      }
      expect(lost(counters.exec)).toBe(0);
    }, 200_000);

  test("program by program, the same are attached as together; what nobody needs is detached", () => {
    const attached = (sensor: Sensor): string[] =>
      sensor.probes().flatMap(({ name, state }) => (state === "attached" && name.startsWith("file_") ? [name] : []));
    const usual = Sensor.open(options);
    const apart = Sensor.open({ ...options, loadApart: true });
    try {
      expect(attached(usual)).toEqual([]);
      for (const sensor of [usual, apart]) sensor.enable(kinds);
      expect(attached(usual).length).toBeGreaterThan(5);
      expect(attached(apart)).toEqual(attached(usual));
      usual.enable([fileKind.close]);
      expect(attached(usual)).toEqual(["file_close"]);
      usual.enable([]);
      expect(attached(usual)).toEqual([]);
    } finally {
      usual.close();
      apart.close();
    }
  }, 120_000);

  test("when nobody reads, what is missing is what was dropped, and no process start is", async () => {
    const small = { kernelBulkRingBytes: 256 * 1024, bulkRingBytes: 256 * 1024 };
    const { seen, counters } = await run(small, 0, false);
    let dropped = 0;
    for (const name of names) {
      const account = counters.activities[name]!;
      expect([name, unaccounted(account), account.inFlight]).toEqual([name, 0, 0]);
      dropped += account.droppedKernelRing;
      // Others on this machine make files as well: the storm's missing ones are among the dropped.
      const missing = count - (seen.get(name)?.size ?? 0);
      expect([name, missing <= account.droppedKernelRing]).toEqual([name, true]);
      expect(account.seen).toBe(account.delivered + account.droppedKernelRing);
    }
    expect(dropped).toBeGreaterThan(0);
    for (const kind of ["exec", "fork", "exit"] as const) expect([kind, lost(counters[kind])]).toEqual([kind, 0]);
  }, 200_000);
});
