import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ConnectionAggregator } from "./connection-aggregator.ts";

const roomy = { entriesMax: 1000, intervalMs: 10_000 };

describe("ConnectionAggregator", () => {
  test("folds what repeats within the interval after the last one that was told", () => {
    const aggregator = new ConnectionAggregator(roomy);
    const repeats = [0, 1000, 9_999, 10_000, 19_999, 20_000].map((at) => aggregator.observe("a", at).isRepeat);
    expect(repeats).toEqual([false, true, true, false, true, false]);
    expect([aggregator.stats.observed, aggregator.stats.folded]).toEqual([6, 3]);
  });

  test("says with the next one told nothing of what was folded before it, and with each repeat how many there were", () => {
    const aggregator = new ConnectionAggregator(roomy);
    const folded = [0, 1, 2, 20_000, 20_001].map((at) => aggregator.observe("a", at).folded);
    expect(folded).toEqual([0, 1, 2, 0, 1]);
  });

  test("folds nothing with an interval of zero", () => {
    const aggregator = new ConnectionAggregator({ ...roomy, intervalMs: 0 });
    expect([0, 0, 1].map((at) => aggregator.observe("a", at).isRepeat)).toEqual([false, false, false]);
  });

  test("keeps places apart", () => {
    const aggregator = new ConnectionAggregator(roomy);
    expect(["a", "b", "a"].map((place) => aggregator.observe(place, 0).isRepeat)).toEqual([false, false, true]);
    expect(aggregator.find("a")?.count).toBe(2);
    expect(aggregator.find("c")).toBeUndefined();
  });

  test("shows a beacon by the mean and the jitter of its intervals", () => {
    const aggregator = new ConnectionAggregator(roomy);
    for (let i = 0; i < 50; i++) aggregator.observe("beacon", i * 60_000 + (i % 2) * 600);
    for (const at of [0, 100, 90_000, 90_100, 4_000_000]) aggregator.observe("person", at);
    const beacon = aggregator.find("beacon");
    const person = aggregator.find("person");
    expect(beacon?.count).toBe(50);
    expect(beacon?.intervalMeanMs).toBeCloseTo(60_012, 0);
    expect((beacon?.intervalJitterMs ?? 0) / (beacon?.intervalMeanMs ?? 1)).toBeLessThan(0.011);
    expect((person?.intervalJitterMs ?? 0) / (person?.intervalMeanMs ?? 1)).toBeGreaterThan(1);
  });

  test("adds the bytes of connections that have ended, and knows nothing of places that it forgot", () => {
    const aggregator = new ConnectionAggregator(roomy);
    aggregator.observe("a", 0);
    aggregator.ended("a", 10, 20);
    const known = aggregator.ended("a", 1, 2);
    expect([known?.bytesSent, known?.bytesReceived]).toEqual([11, 22]);
    expect(aggregator.ended("b", 1, 1)).toBeUndefined();
  });

  test("says what a naive list of connections says", () => {
    const step = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: -5, max: 30_000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const aggregator = new ConnectionAggregator(roomy);
        const times = new Map<string, number[]>();
        const told = new Map<string, number>();
        let nowMs = 1000;
        for (const [place, afterMs] of steps) {
          nowMs += afterMs;
          const statistics = aggregator.observe(place, nowMs);
          const known = times.get(place) ?? [];
          known.push(nowMs);
          times.set(place, known);
          const isRepeat = nowMs - (told.get(place) ?? Number.NEGATIVE_INFINITY) < 10_000;
          if (!isRepeat) told.set(place, nowMs);
          expect(statistics.isRepeat).toBe(isRepeat);
          const intervals: number[] = [];
          let lastMs = known[0] as number;
          for (const at of known.slice(1)) {
            intervals.push(Math.max(0, at - lastMs));
            lastMs = Math.max(lastMs, at);
          }
          const mean = intervals.reduce((sum, one) => sum + one, 0) / (intervals.length || 1);
          const variance = intervals.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (intervals.length || 1);
          expect(statistics.count).toBe(known.length);
          expect(statistics.firstMs).toBe(known[0] as number);
          expect(statistics.lastMs).toBe(lastMs);
          expect(statistics.intervalMeanMs).toBeCloseTo(mean, 6);
          expect(statistics.intervalJitterMs).toBeCloseTo(Math.sqrt(variance), 4);
        }
      }),
    );
  });

  test("under bounds of every size, forgets the place that was not seen for longest, and counts it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 60 }),
        (entriesMax, places) => {
          const aggregator = new ConnectionAggregator({ ...roomy, entriesMax });
          let order: string[] = [];
          let evicted = 0;
          for (const place of places) {
            aggregator.observe(place, 0);
            order = [...order.filter((one) => one !== place), place];
            if (order.length > entriesMax) {
              order.shift();
              evicted++;
            }
            for (const one of ["a", "b", "c", "d", "e"])
              expect(aggregator.find(one) !== undefined).toBe(order.includes(one));
          }
          expect([aggregator.stats.size, aggregator.stats.evicted]).toEqual([order.length, evicted]);
        },
      ),
    );
  });
});
