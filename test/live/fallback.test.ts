// What a kernel that refuses some programs gets: each is loaded for itself, and the inventory comes from /proc. Here the kernel
// takes them all, so the fallbacks are asked for, and compared with what the usual way says.

import { afterAll, expect, test } from "bun:test";
import { ProcessRecord, processLayout } from "../../src/event/mod.ts";
import { procInventory, recordKind, Sensor, type SensorOptions, waitResult } from "../../src/sensor/mod.ts";
import { describeWhere, needsBpf } from "../needs.ts";

const options: SensorOptions = {
  kernelRingBytes: 1 << 20,
  kernelBulkRingBytes: 1 << 20,
  criticalRingBytes: 1 << 20,
  bulkRingBytes: 1 << 18,
  envNames: [],
  batchUs: 1000,
};

/** The inventory of a sensor: records of running processes by pid. */
function inventoryOf(sensor: Sensor): Map<number, ProcessRecord> {
  const found = new Map<number, ProcessRecord>();
  let isDone = false;
  const { bytes } = sensor.critical;
  for (const until = performance.now() + 5000; !isDone && performance.now() < until; ) {
    sensor.wait(100);
    sensor.critical.drain((at) => {
      const kind = bytes.readUInt16LE(at + 4);
      if (kind === recordKind.inventoryEnd) isDone = true;
      if (kind !== recordKind.task) return;
      const record = new ProcessRecord(new ProcessRecord(bytes, at).copy());
      found.set(record.pid, record);
    });
  }
  expect(isDone).toBe(true);
  return found;
}

describeWhere("a sensor whose programs do not all load", [needsBpf()], () => {
  const open: Sensor[] = [];
  const start = (more: Partial<SensorOptions>): Sensor => {
    const sensor = Sensor.open({ ...options, ...more });
    open.push(sensor);
    sensor.start();
    return sensor;
  };
  afterAll(() => {
    for (const sensor of open) sensor.close();
  });

  test("program by program, the same are attached, on the same maps: starts and ends are counted together", async () => {
    const sensor = start({ loadApart: true });
    const usual = start({});
    const attached = (one: Sensor): string[] =>
      one.probes().flatMap(({ name, state }) => (state === "attached" ? [name] : []));
    expect(attached(sensor)).toEqual(attached(usual));
    inventoryOf(sensor);
    for (let i = 0; i < 20; i++) Bun.spawnSync(["/bin/true"]);
    sensor.detach();
    for (let turns = 0; turns < 100 && (sensor.wait(100) & waitResult.drained) === 0; turns++)
      sensor.critical.drain(() => {});
    const { exec, exit, fork } = sensor.counters();
    expect([exec.delivered, exit.delivered, fork.delivered].every((count) => count >= 20)).toBe(true);
    expect([exec.seen - exec.delivered, exit.seen - exit.delivered]).toEqual([0, 0]);
  });

  test("without the iterator the inventory is empty, and /proc says the same of this process and its child", () => {
    expect(inventoryOf(start({ withoutIterator: true })).size).toBe(0);
    const child = Bun.spawn(["/bin/sleep", "30"], { cwd: "/usr" });
    try {
      const kernel = inventoryOf(start({}));
      const proc = new Map(procInventory().map((bytes) => [new ProcessRecord(bytes).pid, new ProcessRecord(bytes)]));
      for (const pid of [process.pid, child.pid]) {
        const one = proc.get(pid)!;
        const other = kernel.get(pid)!;
        for (const section of ["exe", "cwd", "args", "cgroup"] as const)
          expect([section, one.text(section)]).toEqual([section, other.text(section)]);
        for (const name of [
          "ppid",
          "uid",
          "egid",
          "session",
          "mntNs",
          "pidNs",
          "userNs",
          "exeMode",
          "exeMajor",
        ] as const)
          expect([name, one.field(processLayout[name])]).toEqual([name, other.field(processLayout[name])]);
        expect(one.exeInode).toBe(other.exeInode);
        expect(one.capEffective).toBe(other.capEffective);
        expect(one.isCoarse).toBe(true);
        expect(other.startNs - one.startNs).toBeWithin(0, 1e7);
      }
      expect(proc.get(child.pid)?.text("cwd")).toBe("/usr");
    } finally {
      child.kill();
    }
  });

  test("who is known is left out", () => {
    const all = procInventory().map((bytes) => new ProcessRecord(bytes).pid);
    const rest = procInventory((pid) => pid !== process.pid).map((bytes) => new ProcessRecord(bytes).pid);
    expect(all).toContain(process.pid);
    expect(rest).toEqual([process.pid]);
  });
});
