// What the main thread and the detect worker say to each other. Plain data by postMessage; alerts come through a ring, because
// there may be many. While the worker sleeps in the shim it hears no messages: whoever sends one calls `wakeSensor` after it.

import type { EventContext, ProcessContext } from "../../alert/mod.ts";
import type {
  EngineName,
  IndicatorFacts,
  IndicatorSet,
  InertRule,
  Match,
  RuleInfo,
  ScanSettled,
  ScanWanted,
  YaraHandlerStats,
} from "../../detect/mod.ts";
import type { CorrelationStats, ImportResult, LinkedCorrelation, RuleIr } from "../../detect/sigma/mod.ts";
import type { NetworkMemoryOptions, NetworkReport, NormalizerStats } from "../../normalize/mod.ts";
import type { NetworkSensorOptions, Probe, SensorCounters, SensorOptions } from "../../sensor/mod.ts";
import type { ProcessCacheOptions, ProcessCacheStats } from "../../state/mod.ts";
import type { LogIntakeStats } from "../logs/mod.ts";

export interface StartMessage {
  readonly type: "start";
  readonly sensor: SensorOptions;
  readonly processes: ProcessCacheOptions;
  /** Patterns of files whose being read is an event. */
  readonly sensitiveFiles: readonly string[];
  /** Whether 32-bit system calls are watched: `auto` when a 32-bit program was started. */
  readonly compatSystemCalls: "auto" | "always" | "never";
  readonly namespacesMax: number;
  readonly network: { readonly sensor: NetworkSensorOptions; readonly memory: NetworkMemoryOptions };
  /** Host and boot: part of every process's identity. */
  readonly hostId: string;
  readonly hostMountNs: number;
  /** Text of the host's passwd. */
  readonly passwd: string;
  readonly alerts: SharedArrayBuffer;
  /** Ring of log lines, outlives the worker; absent when no logs are read: rules for them are inert. */
  readonly logs?: SharedArrayBuffer;
  /** Paths that are not scanned; absent when nothing is. */
  readonly scan?: { readonly allowedPaths: readonly string[]; readonly writtenFiles: boolean };
  /** How often the worker reports, and measures its clock. */
  readonly reportMs: number;
  /** How often the worker gives out the windows of correlations, and at its end; absent when nobody keeps them. */
  readonly correlationStateMs?: number;
}

export interface RulesMessage {
  readonly type: "rules";
  /** Counts the rule sets of a run; alerts name the set that their rule index is of. */
  readonly generation: number;
  readonly digest: string;
  readonly rules: readonly RuleIr[];
  readonly correlations: readonly LinkedCorrelation[];
  /** Over shared memory: nothing of it is copied but its path rules. */
  readonly indicators: IndicatorSet | undefined;
  /** Of the first set that a worker gets: windows that were saved, as JSON. */
  readonly correlationState?: string;
}

export type ToDetect =
  | StartMessage
  | RulesMessage
  /** `passwd` undefined: whoever lived there is gone. */
  | { readonly type: "users"; readonly mountNs: number; readonly passwd: string | undefined }
  /** Where it stands now, instead of at the next report: somebody asked. */
  | { readonly type: "ask" }
  /** Answer to `scan-wanted`. */
  | ({ readonly type: "scan-settled" } & ScanSettled)
  /** Files are to be scanned again: the rules are others. */
  | { readonly type: "scan-forget" }
  | { readonly type: "stop" };

/** Where the worker stands; counters are totals since its start. */
export interface DetectReport {
  readonly counters: SensorCounters;
  readonly processes: ProcessCacheStats;
  readonly normalized: NormalizerStats;
  readonly network: NetworkReport;
  readonly routed: number;
  readonly faults: number;
  readonly lastFault: string;
  readonly hits: number;
  readonly alertsSent: number;
  /** Events held back in the kernel because a control group caused too many of their kind, by name of the kind. */
  readonly throttled: Readonly<Record<string, number>>;
  /** Alerts that did not fit into the ring to the main thread. */
  readonly alertsDropped: number;
  readonly swaps: number;
  /** Calls of bpf(2) that were the sensor's own. */
  readonly ownLoads: number;
  /** Of the live set of indicators: hits that had expired, texts searched in part, hits beyond the limit of an event. */
  readonly indicators?: { readonly expired: number; readonly cut: number; readonly omitted: number };
  readonly logs: LogIntakeStats;
  /** Absent when nothing is scanned. */
  readonly scans?: YaraHandlerStats;
  /** Absent while there are no correlations. */
  readonly correlations?: CorrelationStats;
}

/** Something was done to the agent. */
export interface TamperMessage {
  readonly type: "tamper";
  readonly action: string;
  /** By whoever started it, in the way it is meant to be told something. */
  readonly isExpected: boolean;
  readonly timeMs: number;
  readonly values: Readonly<Record<string, unknown>>;
}

export type FromDetect =
  | TamperMessage
  | {
      readonly type: "opened";
      readonly handle: number;
      readonly memory: readonly SharedArrayBuffer[];
      readonly probes: readonly Probe[];
    }
  /** After rules changed which activities are recorded; `fault` when none of them can be, else empty. */
  | { readonly type: "probes"; readonly probes: readonly Probe[]; readonly fault: string }
  | {
      readonly type: "failed";
      readonly reason: "permission" | "unavailable";
      readonly message: string;
      readonly errno: number;
    }
  | {
      readonly type: "rules-live";
      readonly generation: number;
      readonly active: number;
      readonly inert: readonly InertRule[];
      readonly compileMs: number;
      /** Event sources that have rules. */
      readonly sources: readonly number[];
      /** What came of the windows that were sent along. */
      readonly restored?: ImportResult;
    }
  /** Windows of all correlations, as JSON to be sent back after a restart. */
  | { readonly type: "correlation-state"; readonly text: string }
  /** A set that cannot be compiled; the one before it stays. */
  | { readonly type: "rules-failed"; readonly generation: number; readonly message: string }
  | { readonly type: "ready" }
  | { readonly type: "report"; readonly report: DetectReport }
  | { readonly type: "users-wanted"; readonly mountNs: number; readonly pids: readonly number[] }
  /** An executable that nothing is known of. */
  | ({ readonly type: "scan-wanted" } & ScanWanted)
  /** The last word: the worker never touches its sensor again, and whoever hears this closes it. */
  | { readonly type: "stopped"; readonly report: DetectReport };

/** An alert on its way to the main thread, which has the rules. */
export interface AlertMessage {
  readonly generation: number;
  /** Index into the rules of that generation, its correlations behind them; -1 when {@link ruleInfo} has it. */
  readonly rule: number;
  /** Of hits whose rule is in no table: each indicator is a rule of its own, and YARA rules are the scanner's. */
  readonly ruleInfo?: RuleInfo;
  readonly indicator?: IndicatorFacts;
  readonly engine: EngineName;
  readonly matches: readonly Match[];
  readonly event: EventContext;
  /** Absent for events that no process can be told of. */
  readonly process?: ProcessContext;
  readonly createdMs: number;
}

/** Kind of an {@link AlertMessage} in the ring. */
export const alertMessageKind = 1;
