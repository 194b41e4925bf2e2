// Seeded slices of the long runs that need nothing of the machine, so that these cannot rot between two runs, and proof that they see what is wrong.

import { describe, expect, test } from "bun:test";
import { seededRandom } from "../bench/lib/stats.ts";
import { type FlatReport, flatFaults, runFlat } from "./lib/correlation-flat.ts";
import { dearest, hostileLength, hostileTexts } from "./lib/regex-cost.ts";
import { runScanFlat, scanFlatFaults } from "./lib/scan-flat.ts";
import { checkRandomRules } from "./lib/sigma-random.ts";

describe("the long run of scans", () => {
  test("holds for some scans: each finds what is there, by one worker", async () => {
    const report = await runScanFlat({ scans: 60, sampleEvery: 20, random: seededRandom(5) });
    expect(scanFlatFaults(report, Number.POSITIVE_INFINITY)).toEqual([]);
    expect([report.samples.length, report.workersStarted, report.findings > 0]).toEqual([3, 1, true]);
  }, 120_000);

  test("sees a worker that grows, and findings that are missing", () => {
    const sample = (scans: number, workerPeakBytes: number) => ({
      scans,
      workerPeakBytes,
      ownBytes: 1,
      scansPerSecond: 1,
    });
    const report = {
      samples: [sample(1, 50), sample(2, 90), sample(3, 95)],
      findings: 4,
      expectedFindings: 4,
      workersStarted: 1,
    };
    expect(scanFlatFaults(report, 5)).toEqual([]);
    expect(scanFlatFaults(report, 4)).toEqual(["the worker grew by 5 bytes in the second half"]);
    expect(scanFlatFaults({ ...report, findings: 3 }, 5)).toEqual(["3 findings where 4 are"]);
  });
});

describe("the long run of random rules", () => {
  test("holds for some rounds, and is about something", () => {
    let [pairs, matches, rules, refused] = [0, 0, 0, 0];
    for (let round = 1; round <= 12; round++) {
      const checked = checkRandomRules(seededRandom(round * 7919), 60, 60);
      pairs += checked.pairs;
      matches += checked.matches;
      rules += checked.rules;
      refused += checked.refused;
    }
    expect(pairs).toBeGreaterThan(10_000);
    // Neither always nor never: an engine that says one thing only would be found.
    expect(matches / pairs).toBeGreaterThan(0.05);
    expect(matches / pairs).toBeLessThan(0.95);
    expect(refused / rules).toBeLessThan(0.2);
  });
});

describe("the long run of correlations", () => {
  test("holds for some ten thousand events: windows stay within their limits, what goes is counted", () => {
    const report = runFlat({ events: 60_000, users: 1_000_000, sampleEvery: 20_000, random: seededRandom(3) });
    expect(report.samples).toHaveLength(3);
    expect(report.fired).toBeGreaterThan(0);
    for (const { windowBytes } of report.samples) expect(windowBytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(report.stats.takenCount).toBeGreaterThan(60_000);
    expect(report.stats.evictedCount + report.stats.expiredCount).toBeGreaterThan(0);
  });

  test("sees a heap that grows, and groups that are too few", () => {
    const sample = (at: number, heapBytes: number) => ({
      events: at,
      heapBytes,
      rssBytes: 0,
      windowBytes: 0,
      groups: 0,
      eventsPerSecond: 1,
    });
    const stats = { evictedCount: 1, expiredCount: 0 } as FlatReport["stats"];
    const flat = [sample(1, 50), sample(2, 100), sample(3, 90), sample(4, 101)];
    expect(flatFaults({ samples: flat, stats, fired: 0 }, 20)).toEqual([]);
    expect(flatFaults({ samples: [...flat, sample(5, 200)], stats, fired: 0 }, 20)[0]).toContain(
      "the heap grew by 110",
    );
    expect(flatFaults({ samples: flat, stats: { ...stats, evictedCount: 0 }, fired: 0 }, 20)[0]).toContain(
      "no group ever went",
    );
  });
});

describe("the long run of regular expressions", () => {
  test("makes texts of full length that come near a match, and tells the dearest", () => {
    const source = '(?i)\\.exe\\s+[^"]{0,64}secure\\.exe\\s+\\d{2,10}';
    const texts = hostileTexts(source, seededRandom(1));
    expect(texts.every(({ text }) => text.length === hostileLength)).toBe(true);
    expect(texts.some(({ text }) => text.includes("secure"))).toBe(true);
    const { ms, name } = dearest({ source, flags: "", title: "t" }, seededRandom(1), 1, 1);
    expect(ms).toBeGreaterThan(0);
    expect(texts.map((one) => one.name)).toContain(
      name.replace(/^'.*' and '.*' at random$/, texts.find((one) => one.name.includes("' and '"))!.name),
    );
  });
});
