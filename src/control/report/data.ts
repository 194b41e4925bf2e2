// What a report holds, as JSON inside the page: made by the collector, read by the page. Imports nothing, because both sides use it.

export type ReportLevel = "informational" | "low" | "medium" | "high" | "critical";

/** The worst last. */
export const reportLevels: readonly ReportLevel[] = ["informational", "low", "medium", "high", "critical"];

export interface ReportInput {
  readonly path: string;
  /** SHA-256, hex; empty when it was not read to its end. */
  readonly digest: string;
  readonly events: number;
  readonly malformed: number;
}

/** One matched predicate of a rule. */
export interface ReportMatch {
  readonly selection: string;
  /** Empty for a keyword. */
  readonly field: string;
  readonly modifier: string;
  readonly pattern: string;
  readonly value: string;
}

export interface ReportEvent {
  /** Absent when the record has no time that can be shown. */
  readonly timeMs?: number;
  /** The record had no time of its own; `timeMs` is that of the record before it. */
  readonly undated?: true;
  readonly host: string;
  readonly user: string;
  readonly provider: string;
  readonly code: string;
  /** As given on the command line. */
  readonly path: string;
  /** 0-based position in its input. */
  readonly sequence: number;
  readonly recordId: string;
  /** Name and value, in the order of the event. */
  readonly fields: readonly (readonly [string, string])[];
  /** Names of the fields that were cut, here or before. */
  readonly cut: readonly string[];
  /** Fields that were left out altogether. */
  readonly fieldsLeftOut: number;
}

export interface ReportAlert {
  /** Index into `events`. */
  readonly event: number;
  readonly matches: readonly ReportMatch[];
  readonly matchesLeftOut: number;
}

export interface ReportRule {
  readonly id: string;
  readonly title: string;
  readonly level: ReportLevel;
  readonly status: string;
  readonly description: string;
  readonly category: string;
  readonly author: readonly string[];
  readonly references: readonly string[];
  readonly tags: readonly string[];
  readonly falsepositives: readonly string[];
  /** Ids of ATT&CK tactics, as the tags name them. */
  readonly tactics: readonly string[];
  /** Ids of techniques and sub-techniques; a technique that stands here only for its sub-techniques is left out. */
  readonly techniques: readonly string[];
  /** All alerts of the rule; `alerts` holds an even sample of them. */
  readonly count: number;
  /** Different hosts, as far as {@link ReportData.hosts} tells them apart. */
  readonly hostCount: number;
  readonly firstMs?: number;
  readonly lastMs?: number;
  /** Stretch of the timeline (its number: time divided by `binMs`) and alerts in it, in order. */
  readonly bins: readonly (readonly [number, number])[];
  readonly alerts: readonly ReportAlert[];
}

export interface ReportData {
  readonly version: 1;
  /** Program and version. */
  readonly agent: string;
  readonly inputs: readonly ReportInput[];
  readonly inputsLeftOut: number;
  readonly counts: {
    readonly files: number;
    readonly events: number;
    readonly malformed: number;
    readonly alerts: number;
    /** Alerts whose event has no time of its own: not on the timeline. */
    readonly undated: number;
    /** Alerts of rules beyond the limit: in `alerts`, and nowhere else. */
    readonly alertsOfOtherRules: number;
  };
  readonly rules: {
    readonly active: number;
    readonly inert: number;
    readonly rejected: number;
    /** SHA-256 of the rule set, hex. */
    readonly digest: string;
  };
  readonly filter: {
    readonly minLevel: ReportLevel;
    readonly sinceMs?: number;
    readonly untilMs?: number;
    readonly perFile: boolean;
  };
  /** Milliseconds of one stretch of the timeline. */
  readonly binMs: number;
  /** Most alerts that were kept of one rule. */
  readonly alertsPerRuleMax: number;
  /** Rules that fired, the worst and most frequent first. */
  readonly fired: readonly ReportRule[];
  /** Name and alerts, most first; the empty name stands for events that do not say. */
  readonly hosts: readonly (readonly [string, number])[];
  readonly hostsLeftOut: number;
  readonly users: readonly (readonly [string, number])[];
  readonly usersLeftOut: number;
  /** Names of the tactics and techniques that occur, by id; tactics in ATT&CK's order. */
  readonly tacticNames: readonly (readonly [string, string])[];
  readonly techniqueNames: readonly (readonly [string, string])[];
  readonly events: readonly ReportEvent[];
}
