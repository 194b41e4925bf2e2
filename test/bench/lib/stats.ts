// The statistics that benchmarks and long runs report: medians, bootstrap intervals, ratios of pairs, a line through points. All
// random numbers come from a seed, so that the same measurements give the same figures.

/** A generator of numbers in [0, 1): xorshift32, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The value below which the share `q` (0 to 1) lies, with linear interpolation. Throws RangeError for no values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("Cannot take a quantile of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return a + (b - a) * (at - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the mean of nothing");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A figure and the interval that holds it with 95 % confidence. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** Enough that the ends of an interval move by less than a hundredth of its width from seed to seed. */
const resamples = 4000;

/** A statistic of the values with its 95 % interval by percentile bootstrap. */
export function estimate(
  values: readonly number[],
  statistic: (values: readonly number[]) => number = median,
): Estimate {
  const random = seededRandom(0x51911);
  const found: number[] = [];
  const sample = new Array<number>(values.length);
  for (let i = 0; i < resamples; i++) {
    for (let j = 0; j < sample.length; j++) sample[j] = values[Math.floor(random() * values.length)]!;
    found.push(statistic(sample));
  }
  return {
    value: statistic(values),
    low: quantile(found, 0.025),
    high: quantile(found, 0.975),
    n: values.length,
  };
}

/** The median of with/without over pairs, as a change: 0.03 is 3 % more. */
export function pairedChange(withIt: readonly number[], without: readonly number[]): Estimate {
  if (withIt.length !== without.length) throw new RangeError("Cannot pair lists of different lengths");
  return estimate(withIt.map((value, i) => value / without[i]! - 1));
}

/** Whether the noise hides the effect: its interval holds 0. */
export const isHidden = (change: Estimate): boolean => change.low <= 0 && change.high >= 0;

/**
 * Slope of the line through points by Theil and Sen: the median of the slopes of all pairs, which single outliers do not move.
 * Throws RangeError for fewer than two different x.
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++)
    for (let j = i + 1; j < points.length; j++) {
      const [x1, y1] = points[i]!;
      const [x2, y2] = points[j]!;
      if (x1 !== x2) slopes.push((y2 - y1) / (x2 - x1));
    }
  if (slopes.length === 0) throw new RangeError("Cannot draw a line through fewer than two points");
  return median(slopes);
}
