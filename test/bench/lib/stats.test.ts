import { expect, test } from "bun:test";
import { estimate, isHidden, mean, median, pairedChange, quantile, seededRandom, slope } from "./stats.ts";

test("quantile() interpolates between neighbours, and needs values", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(quantile([10, 20, 30], 0.75)).toBe(25);
  expect(() => median([])).toThrow(RangeError);
  expect(() => mean([])).toThrow(RangeError);
});

test("the interval of an estimate holds the truth about 95 times in 100", () => {
  const random = seededRandom(7);
  const held = Array.from({ length: 200 }, () => {
    // The sum of twelve is close to normal, with median 6.
    const values = Array.from({ length: 30 }, () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, 0));
    const { low, high } = estimate(values);
    return low <= 6 && 6 <= high;
  }).filter(Boolean).length;
  expect(held).toBeGreaterThan(175);
  expect(held).toBeLessThan(200);
}, 20_000);

test("pairedChange() finds an effect that is larger than the noise and says when the noise hides it", () => {
  const random = seededRandom(3);
  const without = Array.from({ length: 30 }, () => 100 + random());
  const slower = without.map((value) => value * 1.05 + random());
  const same = without.map((value) => value + random() - 0.5);
  const change = pairedChange(slower, without);
  expect(change.low).toBeGreaterThan(0.04);
  expect(change.high).toBeLessThan(0.07);
  expect(isHidden(change)).toBe(false);
  expect(isHidden(pairedChange(same, without))).toBe(true);
  expect(() => pairedChange([1], [])).toThrow(RangeError);
});

test("slope() is not moved by an outlier", () => {
  const points = Array.from({ length: 20 }, (_, x) => [x, 2 * x + 1] as const);
  expect(slope([...points, [10.5, 1e6]])).toBeCloseTo(2, 5);
  expect(() => slope([[1, 1]])).toThrow(RangeError);
});
