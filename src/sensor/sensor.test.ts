// The shim without eBPF: records go in through `inject` as its thread would put them, and come out as they went in.

import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { countersLayout, headerLayout, recordMax } from "../event/layout.gen.ts";
import { recordKind } from "../event/mod.ts";
import { countersBytes, decodeCounters, lost, recordKinds, unaccounted } from "./counters.ts";
import { Sensor, type SensorOptions, waitResult, wakeSensor } from "./mod.ts";

const options: SensorOptions = {
  kernelRingBytes: 64 * 1024,
  kernelBulkRingBytes: 64 * 1024,
  criticalRingBytes: 256 * 1024,
  bulkRingBytes: 256 * 1024,
  envNames: ["LD_PRELOAD", "SUDO_*"],
  batchUs: 1000,
  injectOnly: true,
};

const open: Sensor[] = [];
function sensor(more: Partial<SensorOptions> = {}): Sensor {
  const one = Sensor.open({ ...options, ...more });
  open.push(one);
  one.start();
  return one;
}
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function record(fill: Uint8Array, kind: number = recordKind.exec): Buffer {
  const bytes = Buffer.alloc((headerLayout.bytes + fill.length + 7) & ~7);
  bytes.writeUInt32LE(bytes.length, headerLayout.size);
  bytes.writeUInt16LE(kind, headerLayout.kind);
  bytes.set(fill, headerLayout.bytes);
  return bytes;
}

/** The bytes behind the header up to the padding. */
const text = (bytes: Buffer): string => bytes.toString("latin1", headerLayout.bytes).replace(/\0+$/, "");

function drain(one: Sensor, ring: "critical" | "bulk" = "critical"): Buffer[] {
  const records: Buffer[] = [];
  const { bytes } = one[ring];
  one[ring].drain((at) => {
    records.push(Buffer.from(bytes.subarray(at, at + bytes.readUInt32LE(at))));
  });
  return records;
}

describe("Sensor in inject-only mode", () => {
  test("records of any size arrive whole and in order, also around the end of the ring", () => {
    const one = sensor();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 20 }), (sizes) => {
        const sent = sizes.map((size, i) => record(Buffer.alloc(size, i + 1)));
        for (const bytes of sent) expect(one.inject(bytes)).toBe(true);
        expect(one.wait(0) & waitResult.critical).toBe(sent.length > 0 ? waitResult.critical : 0);
        const got = drain(one);
        expect(got.length).toBe(sent.length);
        for (const [i, bytes] of got.entries()) expect(bytes.equals(sent[i]!)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("the largest record goes through, a larger or crooked one is refused", () => {
    const one = sensor();
    const largest = Buffer.alloc(recordMax);
    largest.writeUInt32LE(recordMax, headerLayout.size);
    largest.writeUInt16LE(recordKind.exec, headerLayout.kind);
    expect(one.inject(largest)).toBe(true);
    expect(drain(one)[0]?.length).toBe(recordMax);
    for (const size of [recordMax + 8, 47, 50, 0 + 8]) expect(() => one.inject(Buffer.alloc(size))).toThrow(RangeError);
  });

  test("the two rings are apart", () => {
    const one = sensor();
    one.inject(record(Buffer.from("critical")));
    one.inject(record(Buffer.from("bulk")), "bulk");
    expect(one.wait(0)).toBe(waitResult.critical | waitResult.bulk);
    expect(drain(one, "bulk").map((bytes) => text(bytes))).toEqual(["bulk"]);
    expect(one.wait(0)).toBe(waitResult.critical);
    expect(drain(one).map((bytes) => text(bytes))).toEqual(["critical"]);
    expect(one.wait(0)).toBe(0);
  });

  test("a full ring takes no more until it is read", () => {
    const one = sensor();
    const bytes = record(Buffer.alloc(8144));
    let count = 0;
    while (one.inject(bytes)) count++;
    expect(count).toBe(Math.floor(options.criticalRingBytes / bytes.length));
    expect(one.critical.drain(() => {}, 1)).toBe(1);
    expect(one.inject(bytes)).toBe(true);
    expect(one.inject(bytes)).toBe(false);
  });

  test("wait sleeps until its time is up, and no longer", () => {
    const one = sensor();
    const beganMs = performance.now();
    expect(one.wait(60)).toBe(0);
    const tookMs = performance.now() - beganMs;
    expect(tookMs).toBeGreaterThanOrEqual(55);
    expect(tookMs).toBeLessThan(5000);
  });

  test("a wake-up ends a wait that comes after it, once", () => {
    const one = sensor();
    wakeSensor(one.handle);
    expect(one.wait(10_000)).toBe(waitResult.woken);
    expect(one.wait(0)).toBe(0);
  });

  test("a wake-up of another thread ends a wait that sleeps, and so does a record", async () => {
    const one = sensor();
    const code = `
      import { wakeSensor } from ${JSON.stringify(import.meta.resolve("./mod.ts"))};
      self.onmessage = ({ data }) => { setTimeout(() => wakeSensor(data), 100); };
      self.postMessage("ready");
    `;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    try {
      await new Promise<void>((resolve, reject) => {
        worker.onerror = (event) => reject(new Error(event.message));
        worker.onmessage = () => resolve();
      });
      worker.postMessage(one.handle);
      // The message leaves before this thread blocks.
      await new Promise((resolve) => setImmediate(resolve));
      const beganMs = performance.now();
      expect(one.wait(10_000)).toBe(waitResult.woken);
      expect(performance.now() - beganMs).toBeLessThan(5000);
    } finally {
      worker.terminate();
    }
  });

  test("after detach what lies in the ring is still there, and then it is drained", () => {
    const one = sensor();
    one.inject(record(Buffer.from("last")));
    one.detach();
    expect(one.wait(1000) & waitResult.critical).toBe(waitResult.critical);
    expect(drain(one).length).toBe(1);
    const endMs = performance.now() + 5000;
    let answer = 0;
    while ((answer & waitResult.drained) === 0 && performance.now() < endMs) answer = one.wait(100);
    expect(answer & waitResult.drained).toBe(waitResult.drained);
  });

  test("close may be called twice, and many instances live side by side", () => {
    const many = Array.from({ length: 8 }, () => sensor());
    for (const [i, one] of many.entries()) one.inject(record(Buffer.from(`${i}`)));
    for (const [i, one] of many.entries()) expect(text(drain(one)[0]!)).toBe(`${i}`);
    many[0]!.close();
    many[0]!.close();
  });

  test("a sensor with a ring that is too small does not start", () => {
    const one = Sensor.open({ ...options, criticalRingBytes: 65_536 });
    open.push(one);
    expect(() => one.start()).toThrow("EINVAL");
  });

  test("without eBPF there are no programs and no counts, and only such an instance takes records", () => {
    const one = sensor();
    expect(one.probes()).toEqual([]);
    for (const kind of recordKinds) expect(one.counters()[kind].seen).toBe(0);
  });
});

describe("the loss account", () => {
  const column = fc.integer({ min: 0, max: 2 ** 40 });
  const columns = [
    "submitted",
    "filtered",
    "ringFull",
    "oversized",
    "mapFull",
    "recursion",
    "delivered",
    "ring2Full",
    "malformed",
  ] as const;

  test("every column is in the sum: what is seen and in none is unaccounted, to the unit", () => {
    fc.assert(
      fc.property(
        fc.record({
          pending: column,
          missing: fc.integer({ min: 0, max: 5 }),
          ...Object.fromEntries(columns.map((name) => [name, column])),
        }),
        (random) => {
          const value = random as Record<(typeof columns)[number] | "pending" | "missing", number>;
          // Whatever the kernel submitted was delivered, had no room in the second ring, was malformed, or is on its way.
          const submitted = value.delivered + value.ring2Full + value.malformed + value.pending;
          const missed = value.oversized + value.mapFull + value.recursion;
          const seen = submitted + value.filtered + value.ringFull + missed + value.missing;
          const bytes = Buffer.alloc(countersBytes);
          const at = recordKind.exec * countersLayout.bytes;
          const all = { ...value, submitted, seen };
          for (const name of [...columns, "seen"] as const)
            bytes.writeBigUInt64LE(BigInt(all[name]), at + countersLayout[name]);
          const { exec, fork, exit, task } = decodeCounters(bytes);
          expect(exec.seen).toBe(seen);
          expect(exec.inFlight).toBe(value.pending);
          expect(exec.missed).toBe(missed);
          expect(unaccounted(exec)).toBe(value.missing);
          expect(lost(exec)).toBe(value.ringFull + value.ring2Full + missed + value.malformed);
          for (const other of [fork, exit, task])
            expect([other.seen, unaccounted(other), lost(other)]).toEqual([0, 0, 0]);
        },
      ),
    );
  });
});
