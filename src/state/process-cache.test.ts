import { describe, expect, test } from "bun:test";
import { ProcessRecord, recordFlag, recordKind, writeProcessRecord } from "../event/mod.ts";
import { ProcessCache } from "./mod.ts";

const options = { entriesMax: 1000, bytesMax: 1 << 20, exitedMax: 8, ancestorsMax: 4 };

function record(pid: number, startNs: number, parentPid: number, parentStartNs: number, exe = "/bin/x", flags = 0) {
  const fields = { startNs: BigInt(startNs), parentStartNs: BigInt(parentStartNs), ppid: parentPid };
  const parts = { kind: recordKind.exec, pid, timeNs: BigInt(startNs), fields, flags };
  return new ProcessRecord(writeProcessRecord({ ...parts, sections: { exe, args: Buffer.alloc(16_000, 65) } }));
}

/** A chain of processes that each start the next; all but the last exit. Returns the last. */
function chain(cache: ProcessCache, firstPid: number, length: number) {
  for (let i = 0; i < length; i++) cache.exec(record(firstPid + i, firstPid + i, firstPid + i - 1, firstPid + i - 1));
  for (let i = 0; i < length - 1; i++) cache.exit(firstPid + i, firstPid + i, 1e9, 0);
  const last = cache.find(firstPid + length - 1, -1);
  if (last === undefined) throw new Error("the last of the chain runs");
  return last;
}

describe("ProcessCache", () => {
  test("what ancestors of running processes hold stays in the account of bytes", () => {
    const cache = new ProcessCache(options);
    const last = Array.from({ length: 20 }, (_, i) => chain(cache, 10_000 * (i + 1), 50));
    const held = new Set<object>();
    for (const entry of last)
      for (let at: typeof entry | undefined = entry; at !== undefined; at = at.parent)
        if (at.program) held.add(at.program);
    expect(held.size * 16_000).toBeLessThanOrEqual(cache.stats.bytes);
    expect(cache.stats.bytes).toBeLessThanOrEqual(options.bytesMax);
    expect(cache.stats.evictedAncestors).toBeGreaterThan(0);
  });

  test("a parent that was forgotten is still its child's parent, and goes with it", () => {
    const cache = new ProcessCache(options);
    const child = chain(cache, 100, 2);
    for (let pid = 1000; pid < 1020; pid++) {
      cache.exec(record(pid, pid, 1, 1));
      cache.exit(pid, pid, 1e9, 0);
    }
    expect(cache.find(100, 100)).toBeUndefined();
    expect(cache.parentOf(child)?.program?.image).toBe("/bin/x");
    const before = cache.stats.bytes;
    cache.exec(record(child.pid, child.startNs + 1, 1, 1)); // its pid is used anew
    expect(cache.stats.bytes).toBeLessThan(before);
  });

  test("a process met in /proc is found by its exact start, and finds its parent", () => {
    const cache = new ProcessCache(options);
    cache.exec(record(10, 70_000_123, 1, 0, "/bin/parent"));
    cache.exec(record(11, 90_000_000, 10, 70_000_000, "/bin/child", recordFlag.coarseStart));
    const child = cache.find(11, 90_000_456);
    expect(child?.startNs).toBe(90_000_456);
    expect(child && cache.parentOf(child)?.program?.image).toBe("/bin/parent");
    expect(cache.exit(11, 90_000_456, 1e9, 0)).toBe(child as NonNullable<typeof child>);
    expect(cache.stats.unknownExits).toBe(0);
    expect(cache.find(11, 100_000_001)).toBeUndefined();
  });

  test("a fork does not take the program of a process that had the parent's pid before", () => {
    const cache = new ProcessCache(options);
    cache.exec(record(10, 1000, 1, 1, "/bin/old"));
    cache.exit(10, 1000, 2000, 0);
    expect(cache.fork(11, 6000, 10, 5000, 10).program).toBeUndefined();
  });
});
