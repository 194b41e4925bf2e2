// Watches the account of events: tells losses as state lines, at most one in a while, and closes the account at the end.

import { type KindCounters, lost, recordKinds, unaccounted } from "../../sensor/mod.ts";
import { lossReportMs } from "../config/limits.ts";
import type { DetectReport } from "../detect/mod.ts";
import type { LogFeedStats } from "../logs/mod.ts";

/** The counters of all kinds with what came through to the detectors, by name: the process family, then activities that were seen. */
function* kinds({ counters, normalized }: DetectReport): Generator<[string, KindCounters, number]> {
  for (const kind of recordKinds) yield [kind, counters[kind], normalized[kind]];
  for (const [name, c] of Object.entries(counters.activities)) yield [name, c, normalized.activities[name] ?? 0];
}

/** Losses of all stages together, by kind and stage: what a state line shows. */
function losses(report: DetectReport, logs: LogFeedStats | undefined): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [kind, c] of kinds(report)) {
    for (const stage of ["droppedKernelRing", "droppedSharedRing", "missed", "malformed"] as const)
      if (c[stage] > 0) found[`${kind}.${stage}`] = c[stage];
  }
  if (report.normalized.malformed > 0) found["normalize.malformed"] = report.normalized.malformed;
  if (report.logs.malformed > 0) found["logs.malformed"] = report.logs.malformed;
  if (logs !== undefined && logs.lost > 0) found["logs.oversized"] = logs.lost;
  if (report.alertsDropped > 0) found["alerts.dropped"] = report.alertsDropped;
  // Not events, but what later events say about their parents.
  if (report.processes.evictedLive > 0) found["processes.evicted"] = report.processes.evictedLive;
  // Not events either: what correlations had to forget before its time.
  const { evictedCount = 0, overflowCount = 0 } = report.correlations ?? {};
  if (evictedCount > 0) found["correlations.evicted"] = evictedCount;
  if (overflowCount > 0) found["correlations.overflowed"] = overflowCount;
  return found;
}

export class LossWatch {
  readonly #tell: (action: string, message: string, values: Readonly<Record<string, unknown>>) => void;
  #told = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(tell: (action: string, message: string, values: Readonly<Record<string, unknown>>) => void) {
    this.#tell = tell;
  }

  /** The worker was started anew: its counters begin at 0. */
  restart(): void {
    this.#told = 0;
  }

  /** Looks at a report, `nowMs` by a clock that nobody sets; tells when there are new losses, at the last report at once. */
  take(report: DetectReport, nowMs: number, isLast = false, logs?: LogFeedStats): void {
    const values = losses(report, logs);
    const total = Object.values(values).reduce((sum, count) => sum + count, 0);
    if (total <= this.#told || (!isLast && nowMs - this.#toldMs < lossReportMs)) return;
    this.#tell("events_dropped", `${total - this.#told} events or processes were lost`, {
      new: total - this.#told,
      total,
      ...values,
    });
    this.#told = total;
    this.#toldMs = nowMs;
  }

  /** The account at the end of a run, per kind: seen, delivered, lost, and what is in no column (0, or the account is wrong). */
  account(report: DetectReport, logs?: LogFeedStats): Record<string, number> {
    const account: Record<string, number> = {};
    for (const [kind, c, taken] of kinds(report)) {
      account[`${kind}_seen`] = c.seen;
      account[`${kind}_delivered`] = c.delivered;
      account[`${kind}_lost`] = lost(c);
      account[`${kind}_unaccounted`] = unaccounted(c) + c.inFlight + (c.delivered - taken);
    }
    if (logs !== undefined) {
      account.logs_seen = logs.written + logs.lost;
      account.logs_delivered = report.logs.taken;
      account.logs_lost = logs.lost + report.logs.malformed;
      // Only at rest: what is in the ring is on its way.
      account.logs_in_flight = logs.written - report.logs.taken;
    }
    account.alerts_sent = report.alertsSent;
    account.alerts_dropped = report.alertsDropped;
    for (const [name, count] of Object.entries(networkCounts(report.network))) if (count > 0) account[name] = count;
    return account;
  }
}

/** What the memory of the network left out or could not keep; shown when it is not zero. */
const networkCounts = ({ connections, dns, names, streams }: DetectReport["network"]): Record<string, number> => ({
  network_folded: connections.folded,
  network_places_forgotten: connections.evicted,
  dns_others: dns.others,
  dns_damaged: dns.damaged,
  dns_streams_abandoned: streams.abandoned,
  dns_names_forgotten: names.evicted,
});
