// What a detector is to the rest of the agent, and what it says when a rule matched.

import type { NormalizedEvent } from "../event/mod.ts";

export type EngineName = "sigma" | "yara" | "ioc" | "signature";
export type Level = "informational" | "low" | "medium" | "high" | "critical";

/** One matched predicate, as `sigil.match[]` of an alert shows it. `value` is what the event had, cut to a limit. */
export interface Match {
  readonly selection: string;
  /** Empty for a keyword. */
  readonly field: string;
  /** As written in the rule: `contains|all`; empty for plain equality. */
  readonly modifier: string;
  readonly pattern: string;
  readonly value: string;
}

/** What of a rule an alert shows; the same shape for all engines. */
export interface RuleInfo {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly level: Level;
  readonly status: string;
  readonly author: readonly string[];
  readonly references: readonly string[];
  /** As written: `attack.t1059.004`, `attack.execution`, `cve.2021-3156` … */
  readonly tags: readonly string[];
  readonly falsepositives: readonly string[];
  /** `modified`, or `date`; ISO 8601 day, or empty. */
  readonly version: string;
  readonly license: string;
  /** What class of events it is about, in its own words: Sigma's `logsource.category` or `service`, a YARA namespace. */
  readonly category?: string;
  /** Where it was loaded from: a path as given, or `embedded:NAME`. */
  readonly file: string;
}

/** A detector matched an event. */
export interface Hit {
  readonly engine: EngineName;
  readonly rule: RuleInfo;
  readonly matches: readonly Match[];
  /** Tells apart the hits that one rule may have on one event: the group of a correlation. Absent when there can be only one. */
  readonly group?: string;
  /** Of the engine `ioc`: the indicator behind it. */
  readonly indicator?: IndicatorFacts;
}

/** What an alert says of an indicator that an event held: ECS `threat.enrichments[]`. */
export interface IndicatorFacts {
  readonly kind: "domain" | "ip" | "url" | "path" | "md5" | "sha1" | "sha256" | "imphash";
  /** As it stands in its list, in its one spelling. */
  readonly value: string;
  /** What of the event matched, and the field that held it. */
  readonly observable: string;
  readonly field: string;
  readonly description: string;
  readonly reference: string;
  readonly provider: string;
  readonly feedId: string;
  readonly expiresMs: number | undefined;
}

/** A rule that loaded and can never fire here, with the reason. */
export interface InertRule {
  readonly id: string;
  readonly title: string;
  readonly reason: string;
}

/** Decides whether an event is worth a hit. Never blocks, never throws for any event; may throw when it is made. */
export interface Detector {
  readonly name: EngineName;
  /** Rules that can fire here; the others are in `inert`. */
  readonly active: number;
  readonly inert: readonly InertRule[];
  match(event: NormalizedEvent, emit: (hit: Hit) => void): void;
}
