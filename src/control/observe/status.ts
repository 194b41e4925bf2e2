// What the running agent says of itself: one plain object, from which `agent status`, the metrics and `agent top` are made. Names
// as scripts see them.

/** What became of one kind of event; see `KindCounters` of the room sensor. */
export interface EventAccount {
  readonly seen: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly lost_kernel_ring: number;
  readonly lost_shared_ring: number;
  readonly missed: number;
  readonly malformed: number;
  readonly in_flight: number;
  /** In no column: 0, or the account is wrong. While events flow it may be a few for a moment. */
  readonly unaccounted: number;
}

export interface AgentStatus {
  readonly version: string;
  readonly commit: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly started: string;
  readonly uptime_seconds: number;
  readonly ready: boolean;
  readonly rules: {
    readonly loaded: number;
    readonly active: number;
    readonly inert: number;
    readonly rejected: number;
    readonly indicators: number;
    readonly generation: number;
    readonly digest: string;
  };
  readonly sensor: {
    readonly programs: readonly { readonly name: string; readonly state: string; readonly error: string }[];
    /** By kind: exec, fork, exit, task, and the activities that are watched. */
    readonly events: Readonly<Record<string, EventAccount>>;
    /** Lines of journal and log files; absent when no rule asks for them. */
    readonly logs?: { readonly seen: number; readonly delivered: number; readonly lost: number };
  };
  readonly detect: {
    readonly routed: number;
    readonly hits: number;
    /** Events that a detector failed on. */
    readonly faults: number;
    readonly swaps: number;
    readonly restarts: number;
    readonly correlations?: Readonly<Record<string, number>>;
    /** Calls of bpf(2) that loaded the sensor's own programs: no detector looks at them. */
    readonly own_loads: number;
    /** What was looked up in part, or found and not told. */
    readonly indicators?: { readonly expired: number; readonly cut: number; readonly omitted: number };
  };
  readonly processes: {
    readonly known: number;
    readonly bytes: number;
    readonly evicted_live: number;
    readonly parent_lookups: number;
    readonly parent_misses: number;
  };
  readonly alerts: {
    readonly sent: number;
    /** Between the detectors and the outputs. */
    readonly dropped: number;
  };
  readonly outputs: readonly {
    readonly name: string;
    readonly state: string;
    readonly written: number;
    readonly dropped: number;
    readonly failed: number;
    readonly queued_bytes: number;
  }[];
  /** Resident memory of the agent's process, its heap, and what it shares between threads. */
  readonly memory: { readonly resident_bytes: number; readonly heap_bytes: number };
  readonly cpu_seconds: number;
  /** How old the counters are. */
  readonly report_age_seconds: number;
}

/** What is wrong with a running agent, as short sentences; empty when all is well. */
export function complaints(status: AgentStatus): string[] {
  const found: string[] = [];
  if (!status.ready) found.push("it is not ready yet");
  for (const { name, state, error } of status.sensor.programs)
    if (state === "failed") found.push(`the eBPF program ${name} does not run: ${error}`);
  for (const [kind, account] of Object.entries(status.sensor.events)) {
    const lost = account.lost_kernel_ring + account.lost_shared_ring + account.missed + account.malformed;
    if (lost > 0) found.push(`${lost} of ${account.seen} ${kind} events were lost`);
  }
  if (status.alerts.dropped > 0) found.push(`${status.alerts.dropped} alerts were lost on their way to the outputs`);
  for (const { name, state, dropped, failed } of status.outputs) {
    if (state !== "open") found.push(`the output ${name} is ${state}`);
    if (dropped + failed > 0) found.push(`the output ${name} lost ${dropped + failed} alerts`);
  }
  if (status.detect.faults > 0) found.push(`a detector failed on ${status.detect.faults} events`);
  if (status.detect.restarts > 0) found.push(`the detect worker was restarted ${status.detect.restarts} times`);
  if (status.processes.evicted_live > 0)
    found.push(`${status.processes.evicted_live} running processes were forgotten: the process table is too small`);
  if (status.rules.rejected > 0) found.push(`${status.rules.rejected} rules were rejected`);
  if (status.report_age_seconds > 30) found.push("the detect worker has been silent for more than 30 s");
  return found;
}
