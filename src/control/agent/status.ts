// The status of the running agent, put together from what its parts count.

import { buildInfo } from "../../build-info.gen.ts";
import { type KindCounters, type Probe, recordKinds, unaccounted } from "../../sensor/mod.ts";
import type { OutputStats } from "../../sink/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import type { DetectReport } from "../detect/mod.ts";
import type { Log } from "../log/mod.ts";
import type { LogFeedStats } from "../logs/mod.ts";
import {
  type AgentStatus,
  ControlServer,
  ControlServerError,
  type ControlServerOptions,
  type EventAccount,
} from "../observe/mod.ts";

/** What the agent knows of itself; everything that a part has not said yet is absent. */
export interface StatusParts {
  readonly startedMs: number;
  readonly isReady: boolean;
  readonly rules: AgentStatus["rules"];
  readonly probes: readonly Probe[];
  readonly report: DetectReport | undefined;
  readonly reportAtMs: number;
  readonly logs: LogFeedStats | undefined;
  readonly restarts: number;
  readonly outputs: readonly OutputStats[];
}

/** Whoever asks how the agent is gets an answer, or the log says why not: it watches all the same. */
export async function openControl(
  { service, metrics }: Pick<AppConfig, "service" | "metrics">,
  log: Log,
  answers: Pick<ControlServerOptions, "status" | "reload">,
): Promise<ControlServer> {
  const control = new ControlServer({ socketPath: service.controlSocket, listen: metrics.listen, ...answers });
  for (const open of [() => control.openSocket(), () => control.openPort()]) {
    try {
      await open();
    } catch (error) {
      if (!(error instanceof ControlServerError)) throw error;
      log.warn("nobody can ask how the agent is", { error: error.message });
    }
  }
  return control;
}

export function agentStatus(parts: StatusParts, nowMs = Date.now()): AgentStatus {
  const { report, rules, logs } = parts;
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const correlations = report?.correlations;
  return {
    version: buildInfo.version,
    commit: buildInfo.commit,
    pid: process.pid,
    started: new Date(parts.startedMs).toISOString(),
    uptime_seconds: Math.round(nowMs - parts.startedMs) / 1000,
    ready: parts.isReady,
    rules,
    sensor: {
      programs: parts.probes.map(({ name, state, error }) => ({ name, state, error })),
      events: report === undefined ? {} : accounts(report),
      ...(logs === undefined || report === undefined
        ? {}
        : {
            logs: {
              seen: logs.written + logs.lost,
              delivered: report.logs.taken,
              lost: logs.lost + report.logs.malformed,
            },
          }),
    },
    detect: {
      routed: report?.routed ?? 0,
      hits: report?.hits ?? 0,
      faults: report?.faults ?? 0,
      swaps: report?.swaps ?? 0,
      restarts: parts.restarts,
      own_loads: report?.ownLoads ?? 0,
      ...(report?.indicators === undefined ? {} : { indicators: report.indicators }),
      ...(correlations === undefined ? {} : { correlations: { ...correlations } }),
    },
    processes: {
      known: report?.processes.size ?? 0,
      bytes: report?.processes.bytes ?? 0,
      evicted_live: report?.processes.evictedLive ?? 0,
      parent_lookups: report?.processes.parentLookups ?? 0,
      parent_misses: report?.processes.parentMisses ?? 0,
    },
    alerts: { sent: report?.alertsSent ?? 0, dropped: report?.alertsDropped ?? 0 },
    outputs: parts.outputs.map(({ name, state, written, dropped, failed, queuedBytes }) => ({
      name,
      state,
      written,
      dropped,
      failed,
      queued_bytes: queuedBytes,
    })),
    memory: { resident_bytes: rss, heap_bytes: heapUsed },
    cpu_seconds: (user + system) / 1e6,
    report_age_seconds: report === undefined ? 0 : Math.max(0, nowMs - parts.reportAtMs) / 1000,
  };
}

function accounts({ counters, normalized }: DetectReport): Record<string, EventAccount> {
  const found: Record<string, EventAccount> = {};
  const put = (kind: string, c: KindCounters, taken: number): void => {
    found[kind] = {
      seen: c.seen,
      delivered: taken,
      filtered: c.filtered,
      lost_kernel_ring: c.droppedKernelRing,
      lost_shared_ring: c.droppedSharedRing,
      missed: c.missed,
      malformed: c.malformed,
      in_flight: c.inFlight + Math.max(0, c.delivered - taken),
      unaccounted: unaccounted(c) + Math.min(0, c.delivered - taken),
    };
  };
  for (const kind of recordKinds) put(kind, counters[kind], normalized[kind]);
  for (const [name, c] of Object.entries(counters.activities)) put(name, c, normalized.activities[name] ?? 0);
  return found;
}
