import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DnsCache, type DnsCacheOptions } from "./dns-cache.ts";

const roomy: DnsCacheOptions = {
  hostEntriesMax: 1000,
  processesMax: 100,
  processEntriesMax: 100,
  ttlMinMs: 10_000,
  ttlMaxMs: 100_000,
};

describe("DnsCache", () => {
  test("knows an address by the name that the process asked for, before what others asked for", () => {
    const cache = new DnsCache(roomy);
    cache.learn("a", "one.test", "192.0.2.1", 60, 0);
    cache.learn("b", "two.test", "192.0.2.1", 60, 1);
    expect(cache.nameOf("a", "192.0.2.1", 2)).toBe("one.test");
    expect(cache.nameOf("b", "192.0.2.1", 2)).toBe("two.test");
    expect(cache.nameOf("c", "192.0.2.1", 2)).toBe("two.test");
    expect(cache.nameOf(undefined, "192.0.2.1", 2)).toBe("two.test");
    expect(cache.nameOf("a", "192.0.2.2", 2)).toBeUndefined();
    expect([cache.stats.lookups, cache.stats.ownHits, cache.stats.hostHits]).toEqual([5, 2, 2]);
  });

  test("takes the last of several names, and renews its time", () => {
    const cache = new DnsCache(roomy);
    cache.learn("a", "old.test", "::1", 60, 0);
    cache.learn("a", "new.test", "::1", 60, 59_000);
    expect(cache.nameOf("a", "::1", 118_999)).toBe("new.test");
    expect(cache.nameOf("a", "::1", 119_000)).toBeUndefined();
  });

  test("keeps a name as long as its time to live says, within the bounds", () => {
    const cache = new DnsCache(roomy);
    cache.learn("a", "zero.test", "10.0.0.1", 0, 0);
    cache.learn("a", "long.test", "10.0.0.2", 0x7fffffff, 0);
    cache.learn("a", "fit.test", "10.0.0.3", 30, 0);
    const names = (nowMs: number): unknown[] => [1, 2, 3].map((last) => cache.nameOf("a", `10.0.0.${last}`, nowMs));
    expect(names(9_999)).toEqual(["zero.test", "long.test", "fit.test"]);
    expect(names(10_000)).toEqual([undefined, "long.test", "fit.test"]);
    expect(names(30_000)).toEqual([undefined, "long.test", undefined]);
    expect(names(100_000)).toEqual([undefined, undefined, undefined]);
  });

  test("a process that asks for much forgets its own names, not those that others were told", () => {
    const cache = new DnsCache({ ...roomy, processEntriesMax: 4, hostEntriesMax: 8 });
    cache.learn("quiet", "q.test", "192.0.2.1", 60, 0);
    for (let i = 0; i < 100; i++) cache.learn("loud", "l.test", `10.0.0.${i}`, 60, 1);
    expect(cache.nameOf("quiet", "192.0.2.1", 2)).toBe("q.test");
    expect(cache.nameOf("loud", "10.0.0.99", 2)).toBe("l.test");
    expect(cache.nameOf("loud", "10.0.0.1", 2)).toBeUndefined();
    expect([cache.stats.hostEntries, cache.stats.processEntries]).toEqual([8, 5]);
    // 96 of the loud process, 93 of the host.
    expect(cache.stats.evicted).toBe(189);
  });

  test("forgets a process on demand, and the one that learned least recently when there are too many", () => {
    const cache = new DnsCache({ ...roomy, processesMax: 2 });
    for (const process of ["a", "b", "a", "c"]) cache.learn(process, `${process}.test`, "192.0.2.1", 60, 0);
    expect(["a", "b", "c"].map((process) => cache.nameOf(process, "192.0.2.1", 1))).toEqual([
      "a.test",
      "c.test",
      "c.test",
    ]);
    cache.forget("a");
    cache.forget("nobody");
    expect(cache.nameOf("a", "192.0.2.1", 1)).toBe("c.test");
    expect(cache.stats.processEntries).toBe(1);
  });

  const small = fc.record({
    process: fc.constantFrom("a", "b", "c", undefined),
    name: fc.constantFrom("x.test", "y.test", "z.test"),
    address: fc.constantFrom("10.0.0.1", "10.0.0.2", "::1"),
    ttl: fc.integer({ min: 0, max: 200 }),
    afterMs: fc.integer({ min: 0, max: 60_000 }),
  });

  test("with room for all, says what a naive list of answers says", () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 40 }), (answers) => {
        const cache = new DnsCache(roomy);
        const list: { process: string | undefined; name: string; address: string; untilMs: number }[] = [];
        let nowMs = 0;
        for (const { process, name, address, ttl, afterMs } of answers) {
          nowMs += afterMs;
          cache.learn(process, name, address, ttl, nowMs);
          list.push({ process, name, address, untilMs: nowMs + Math.min(Math.max(ttl * 1000, 10_000), 100_000) });
          for (const asker of ["a", "b", "c", undefined])
            for (const wanted of ["10.0.0.1", "10.0.0.2", "::1"]) {
              // The last answer counts, valid or not: an older name that would still be valid has been replaced.
              const own = list.findLast((one) => one.process === asker && one.address === wanted);
              const host = list.findLast((one) => one.address === wanted);
              const expected =
                asker !== undefined && own !== undefined && own.untilMs > nowMs
                  ? own.name
                  : host !== undefined && host.untilMs > nowMs
                    ? host.name
                    : undefined;
              expect(cache.nameOf(asker, wanted, nowMs)).toBe(expected);
            }
        }
      }),
    );
  });

  test("under bounds of every size, holds no more than they say, and its counters agree", () => {
    const bound = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(bound, bound, bound, fc.array(small, { maxLength: 60 }), (host, processes, entries, answers) => {
        const cache = new DnsCache({
          ...roomy,
          hostEntriesMax: host,
          processesMax: processes,
          processEntriesMax: entries,
        });
        for (const { process, name, address, ttl } of answers) {
          cache.learn(process, name, address, ttl, 0);
          expect(cache.nameOf(process, address, 0)).toBe(name);
          expect(cache.stats.hostEntries).toBeLessThanOrEqual(host);
          expect(cache.stats.processEntries).toBeLessThanOrEqual(processes * entries);
        }
        for (const process of ["a", "b", "c"]) cache.forget(process);
        expect(cache.stats.processEntries).toBe(0);
      }),
    );
  });
});
