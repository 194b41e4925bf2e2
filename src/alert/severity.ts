// What a rule's level is in numbers. Elastic's rule for external alerts reads exactly 21, 47, 73 and 99 and takes every other
// number for "medium", hence 21 for `informational` too; the word itself stands in `sigil.level`.

import type { Level } from "../detect/mod.ts";

export interface Severity {
  /** `event.severity`. */
  readonly severity: 21 | 47 | 73 | 99;
  /** `event.risk_score`. */
  readonly riskScore: number;
  /** For comparing levels: higher is worse. */
  readonly rank: number;
}

export const severities: Readonly<Record<Level, Severity>> = {
  informational: { severity: 21, riskScore: 5, rank: 0 },
  low: { severity: 21, riskScore: 21, rank: 1 },
  medium: { severity: 47, riskScore: 47, rank: 2 },
  high: { severity: 73, riskScore: 73, rank: 3 },
  critical: { severity: 99, riskScore: 99, rank: 4 },
};

/** Whether `level` is at or above `min`. */
export function reachesLevel(level: Level, min: Level): boolean {
  return severities[level].rank >= severities[min].rank;
}
