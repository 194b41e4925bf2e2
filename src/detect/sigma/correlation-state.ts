// Windows as plain data, for a restart: JSON, versioned, and checked when it comes back, because it was on a disk.

import type { Correlator } from "./correlator.ts";
import type { Entry } from "./window.ts";

/** Windows of all correlations. JSON; about as large as the windows are in memory. */
export interface SavedState {
  readonly version: 1;
  readonly correlations: readonly SavedCorrelation[];
}

export interface SavedCorrelation {
  /** Windows are taken back only by a correlation that fires by the same. */
  readonly digest: string;
  /** The group that was quiet longest first. */
  readonly groups: readonly SavedGroup[];
}

export interface SavedGroup {
  readonly values: readonly string[];
  readonly newestMs: number;
  /** Null when it has not fired. */
  readonly firedMs: number | null;
  readonly entries: readonly Entry[];
}

/** What came of taking a state back. */
export interface ImportResult {
  readonly groupCount: number;
  /** Groups of correlations that are not there, or no longer the same. */
  readonly unknownCount: number;
  /** Groups, or whole states, that were not what they should be. */
  readonly malformedCount: number;
}

export function exportWindows({ correlations, states }: Correlator): SavedState {
  return {
    version: 1,
    correlations: correlations.map(({ digest }, index) => ({
      digest,
      groups: [...states[index]!.groups()].map(({ values, newestMs, firedMs, window }) => ({
        values,
        newestMs,
        firedMs: Number.isFinite(firedMs) ? firedMs : null,
        entries: window.entries(),
      })),
    })),
  };
}

/** Never throws. Limits apply as if the events had come one by one. */
export function importWindows(correlator: Correlator, saved: unknown): ImportResult {
  const result = { groupCount: 0, unknownCount: 0, malformedCount: 0 };
  if (!isRecord(saved) || saved.version !== 1 || !Array.isArray(saved.correlations))
    return { ...result, malformedCount: 1 };
  const taken = new Set<number>();
  for (const one of saved.correlations as unknown[]) {
    if (!isRecord(one) || typeof one.digest !== "string" || !Array.isArray(one.groups)) {
      result.malformedCount++;
      continue;
    }
    const index = correlator.correlations.findIndex(({ digest }, i) => digest === one.digest && !taken.has(i));
    if (index === -1) {
      result.unknownCount += one.groups.length;
      continue;
    }
    taken.add(index);
    const { groupBy, feeds } = correlator.correlations[index]!;
    for (const group of one.groups as unknown[]) {
      if (!isGroup(group, groupBy.length, feeds.length)) {
        result.malformedCount++;
        continue;
      }
      const { values, newestMs, firedMs, entries } = group;
      correlator.restore(index, values, (into) => into.restore(newestMs, firedMs ?? Number.NEGATIVE_INFINITY, entries));
      result.groupCount++;
    }
  }
  return result;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isGroup(value: unknown, valueCount: number, feedCount: number): value is SavedGroup {
  if (!isRecord(value)) return false;
  const { values, newestMs, firedMs, entries } = value;
  const isValues =
    Array.isArray(values) && values.length === valueCount && values.every((one) => typeof one === "string");
  const isTimes = Number.isFinite(newestMs) && (firedMs === null || Number.isFinite(firedMs));
  return isValues && isTimes && Array.isArray(entries) && entries.every((one) => isEntry(one, feedCount));
}

function isEntry(value: unknown, feedCount: number): value is Entry {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [timeMs, feed, content] = value as unknown[];
  const isFeed = Number.isInteger(feed) && (feed as number) >= 0 && (feed as number) < feedCount;
  return Number.isFinite(timeMs) && isFeed && (typeof content === "string" || Number.isFinite(content));
}
