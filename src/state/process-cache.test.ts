import { describe, expect, test } from "bun:test";
import { ProcessRecord, processLayout, recordFlag, recordKind, writeProcessRecord } from "../event/mod.ts";
import { ProcessCache, type ProcessCacheOptions, Program } from "./process-cache.ts";

const roomy: ProcessCacheOptions = { entriesMax: 10_000, bytesMax: 1 << 28, exitedMax: 5000, ancestorsMax: 16 };

interface Started {
  readonly pid: number;
  readonly startNs: number;
  readonly ppid?: number;
  readonly parentStartNs?: number;
  readonly exe?: string;
  readonly args?: string;
  readonly env?: string;
  readonly isCoarse?: boolean;
}

function record({
  pid,
  startNs,
  ppid = 0,
  parentStartNs = 0,
  exe = "/x",
  args = "",
  env = "",
  isCoarse,
}: Started): ProcessRecord {
  const bytes = writeProcessRecord({
    kind: recordKind.exec,
    pid,
    timeNs: 0n,
    flags: isCoarse ? recordFlag.coarseStart : 0,
    fields: { startNs: BigInt(startNs), ppid, parentStartNs: BigInt(parentStartNs) },
    sections: { exe, args, env },
  });
  return new ProcessRecord(bytes);
}

describe("ProcessCache", () => {
  test("a child runs what its parent runs until it execs, and then its own", () => {
    const cache = new ProcessCache(roomy);
    const parent = cache.exec(record({ pid: 1, startNs: 10, exe: "/sbin/init" }));
    const child = cache.fork(2, 20, 1, 10, 1);
    expect(child.program).toBe(parent.program);
    expect(cache.parentOf(child)).toBe(parent);
    cache.exec(record({ pid: 2, startNs: 20, ppid: 1, parentStartNs: 10, exe: "/bin/sh" }));
    expect([child.program?.image, parent.program?.image]).toEqual(["/bin/sh", "/sbin/init"]);
    // And the grandchild takes the new one.
    expect(cache.fork(3, 30, 2, 20, 2).program?.image).toBe("/bin/sh");
  });

  test("under CLONE_PARENT the parent is the real one, the program the creator's", () => {
    const cache = new ProcessCache(roomy);
    const init = cache.exec(record({ pid: 1, startNs: 10, exe: "/sbin/init" }));
    cache.exec(record({ pid: 2, startNs: 20, ppid: 1, parentStartNs: 10, exe: "/bin/runc" }));
    const sibling = cache.fork(3, 30, 1, 10, 2);
    expect(cache.parentOf(sibling)).toBe(init);
    expect(sibling.program?.image).toBe("/bin/runc");
  });

  test("a process whose parent died before its exec keeps who started it", () => {
    const cache = new ProcessCache(roomy);
    cache.exec(record({ pid: 1, startNs: 10, exe: "/sbin/init" }));
    const starter = cache.exec(record({ pid: 2, startNs: 20, ppid: 1, parentStartNs: 10, exe: "/bin/sh" }));
    cache.fork(3, 30, 2, 20, 2);
    cache.exit(2, 20, 40, 0);
    const orphan = cache.exec(record({ pid: 3, startNs: 30, ppid: 1, parentStartNs: 10 }));
    expect(cache.parentOf(orphan)).toBe(starter);
    expect([orphan.parentPid, orphan.parentStartNs]).toEqual([2, 20]);
  });

  test("a pid is not an identity: a later process with it is another, and an end of the earlier one does not end it", () => {
    const cache = new ProcessCache(roomy);
    const first = cache.exec(record({ pid: 7, startNs: 10, exe: "/first" }));
    const child = cache.fork(8, 15, 7, 10, 7);
    cache.exit(7, 10, 20, 9);
    const second = cache.exec(record({ pid: 7, startNs: 30, exe: "/second" }));
    expect(second).not.toBe(first);
    expect(cache.find(7, 10)).toBeUndefined();
    expect(cache.find(7, -1)).toBe(second);
    expect(cache.exit(7, 10, 40, 0)).toBeUndefined();
    expect(second.endNs).toBeUndefined();
    expect(cache.stats.unknownExits).toBe(1);
    // The child of the first one still knows whose child it is.
    expect(cache.parentOf(child)?.program?.image).toBe("/first");
    // One that claims the first as its parent now finds nobody rather than the second.
    expect(cache.parentOf(cache.exec(record({ pid: 9, startNs: 50, ppid: 7, parentStartNs: 10 })))).toBeUndefined();
  });

  test("a second end of a process changes nothing", () => {
    const cache = new ProcessCache(roomy);
    cache.exec(record({ pid: 7, startNs: 10 }));
    cache.exit(7, 10, 20, 9);
    expect(cache.exit(7, 10, 30, 0)).toBeUndefined();
    const entry = cache.find(7, 10);
    expect([entry?.endNs, entry?.exitStatus]).toEqual([20, 9]);
  });

  test("a parent that the inventory brings later is found by then; look-ups and misses are counted", () => {
    const cache = new ProcessCache(roomy);
    const child = cache.exec(record({ pid: 2, startNs: 20, ppid: 1, parentStartNs: 10 }));
    expect(cache.parentOf(child)).toBeUndefined();
    const parent = cache.exec(record({ pid: 1, startNs: 10 }));
    expect(cache.parentOf(child)).toBe(parent);
    expect(cache.parentOf(parent)).toBeUndefined();
    // The first process has no parent: not a miss.
    expect([cache.stats.parentLookups, cache.stats.parentMisses]).toEqual([3, 1]);
  });

  test("a process met in /proc is the one that the kernel tells of, whose start is within one clock tick", () => {
    const cache = new ProcessCache(roomy);
    const coarse = cache.exec(record({ pid: 5, startNs: 120_000_000, isCoarse: true }));
    expect(cache.find(5, 130_000_000)).toBeUndefined();
    expect(cache.find(5, 119_999_999)).toBeUndefined();
    expect(cache.find(5, 123_456_789)).toBe(coarse);
    expect([coarse.startNs, coarse.isCoarse]).toEqual([123_456_789, false]);
    expect(cache.find(5, 123_456_788)).toBeUndefined();
    // The other way round: /proc adds nothing to one that is known exactly.
    expect(cache.exec(record({ pid: 5, startNs: 120_000_000, isCoarse: true }))).toBe(coarse);
    expect(cache.stats.size).toBe(1);
  });

  test("exited processes are remembered up to their number, oldest forgotten first, running ones stay", () => {
    const cache = new ProcessCache({ ...roomy, exitedMax: 3 });
    for (let pid = 1; pid <= 6; pid++) cache.exec(record({ pid, startNs: pid }));
    for (let pid = 1; pid <= 5; pid++) cache.exit(pid, pid, 100, 0);
    expect([1, 2, 3, 4, 5, 6].map((pid) => cache.find(pid, pid) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect([cache.stats.evictedExited, cache.stats.evictedLive]).toEqual([2, 0]);
  });

  test("a full table forgets exited ones before it forgets running ones, and counts both", () => {
    const cache = new ProcessCache({ ...roomy, entriesMax: 3 });
    for (let pid = 1; pid <= 3; pid++) cache.exec(record({ pid, startNs: pid }));
    cache.exit(2, 2, 100, 0);
    cache.exec(record({ pid: 4, startNs: 4 }));
    expect(cache.find(2, 2)).toBeUndefined();
    cache.exec(record({ pid: 5, startNs: 5 }));
    expect(cache.find(1, 1)).toBeUndefined();
    expect([cache.stats.evictedExited, cache.stats.evictedLive, cache.stats.size]).toEqual([1, 1, 3]);
  });

  test("a chain of processes that each start the next and end does not grow", () => {
    const cache = new ProcessCache({ ...roomy, exitedMax: 10_000, ancestorsMax: 4 });
    cache.exec(record({ pid: 1, startNs: 1 }));
    for (let pid = 2; pid <= 500; pid++) {
      cache.fork(pid, pid, pid - 1, pid - 1, pid - 1);
      cache.exit(pid - 1, pid - 1, 1000, 0);
    }
    let length = 0;
    for (let entry = cache.find(500, 500); entry?.parent !== undefined; entry = entry.parent) length++;
    expect(length).toBeLessThanOrEqual(5);
    expect(length).toBeGreaterThanOrEqual(3);
  });

  test("a variable is found by its whole name, the first of two wins, an empty value is a value", () => {
    const env = "LD_PRELOADED=no\0LD_PRELOAD=a=b\0LD_PRELOAD=second\0EMPTY=\0BROKEN\0=odd\0__proto__=x\0";
    const program = new Program(record({ pid: 1, startNs: 1, env }).copy());
    expect([program.env("LD_PRELOAD"), program.env("EMPTY"), program.env("__proto__")]).toEqual(["a=b", "", "x"]);
    for (const name of ["LD", "BROKEN", "PRELOAD", "", "LD_PRELOAD=a", "constructor"])
      expect([name, program.env(name)]).toEqual([name, undefined]);
  });
});

const tight = { entriesMax: 1000, bytesMax: 1 << 18, exitedMax: 8, ancestorsMax: 4 };

function large(pid: number, startNs: number, parentPid: number, parentStartNs: number, exe = "/bin/x", flags = 0) {
  const fields = { startNs: BigInt(startNs), parentStartNs: BigInt(parentStartNs), ppid: parentPid };
  const parts = { kind: recordKind.exec, pid, timeNs: BigInt(startNs), fields, flags };
  return new ProcessRecord(writeProcessRecord({ ...parts, sections: { exe, args: Buffer.alloc(16_000, 65) } }));
}

/** A chain of processes that each start the next; all but the last exit. Returns the last. */
function chain(cache: ProcessCache, firstPid: number, length: number) {
  for (let i = 0; i < length; i++) cache.exec(large(firstPid + i, firstPid + i, firstPid + i - 1, firstPid + i - 1));
  for (let i = 0; i < length - 1; i++) cache.exit(firstPid + i, firstPid + i, 1e9, 0);
  const last = cache.find(firstPid + length - 1, -1);
  if (last === undefined) throw new Error("the last of the chain runs");
  return last;
}

describe("ProcessCache, what it holds", () => {
  test("what ancestors of running processes hold stays in the account of bytes", () => {
    const cache = new ProcessCache(tight);
    const last = Array.from({ length: 20 }, (_, i) => chain(cache, 10_000 * (i + 1), 50));
    const held = new Set<Program>();
    for (const entry of last)
      for (let at: typeof entry | undefined = entry; at !== undefined; at = at.parent)
        if (at.program) held.add(at.program);
    const heldBytes = [...held].reduce((sum, program) => sum + program.bytes, 0);
    expect(heldBytes).toBeGreaterThan(0);
    expect(heldBytes).toBeLessThanOrEqual(cache.stats.bytes);
    expect(cache.stats.bytes).toBeLessThanOrEqual(tight.bytesMax);
    expect(cache.stats.evictedAncestors).toBeGreaterThan(0);
  });

  test("many large processes make each other smaller; they push out nobody who still runs", () => {
    const cache = new ProcessCache({ ...tight, bytesMax: 4 << 20 });
    const shell = cache.exec(record({ pid: 2, startNs: 2 }));
    for (let pid = 10; pid < 900; pid++) {
      const entry = cache.exec(large(pid, pid, 2, 2));
      // The event of the day is whole.
      expect(entry.program?.record.lengthOf("args")).toBe(16_000);
    }
    expect(cache.find(2, 2)).toBe(shell);
    expect(cache.stats.evictedLive).toBe(0);
    expect(cache.stats.compacted).toBeGreaterThan(500);
    expect(cache.stats.bytes).toBeLessThanOrEqual(4 << 20);
    const early = cache.find(10, 10)?.program;
    expect([early?.image, early?.commandLine.length, early?.record.isCut("args")]).toEqual(["/bin/x", 1024, true]);
    expect(early?.record.field(processLayout.ppid)).toBe(2);
  });

  test("a parent that was forgotten is still its child's parent, and goes with it", () => {
    const cache = new ProcessCache(tight);
    const child = chain(cache, 100, 2);
    for (let pid = 1000; pid < 1020; pid++) {
      cache.exec(large(pid, pid, 1, 1));
      cache.exit(pid, pid, 1e9, 0);
    }
    expect(cache.find(100, 100)).toBeUndefined();
    expect(cache.parentOf(child)?.program?.image).toBe("/bin/x");
    const before = cache.stats.bytes;
    cache.exec(large(child.pid, child.startNs + 1, 1, 1)); // its pid is used anew
    expect(cache.stats.bytes).toBeLessThan(before);
  });

  test("a process met in /proc is found by its exact start, and finds its parent", () => {
    const cache = new ProcessCache(tight);
    cache.exec(large(10, 70_000_123, 1, 0, "/bin/parent"));
    cache.exec(large(11, 90_000_000, 10, 70_000_000, "/bin/child", recordFlag.coarseStart));
    const child = cache.find(11, 90_000_456);
    expect(child?.startNs).toBe(90_000_456);
    expect(child && cache.parentOf(child)?.program?.image).toBe("/bin/parent");
    expect(cache.exit(11, 90_000_456, 1e9, 0)).toBe(child as NonNullable<typeof child>);
    expect(cache.stats.unknownExits).toBe(0);
    expect(cache.find(11, 100_000_001)).toBeUndefined();
  });

  test("a fork does not take the program of a process that had the parent's pid before", () => {
    const cache = new ProcessCache(tight);
    cache.exec(large(10, 1000, 1, 1, "/bin/old"));
    cache.exit(10, 1000, 2000, 0);
    expect(cache.fork(11, 6000, 10, 5000, 10).program).toBeUndefined();
  });
});
