// The status as Prometheus metrics (text format 0.0.4). Labels are kinds, stages, outputs and programs: names of the agent's own,
// never from an event, so that their number is bounded.

import type { AgentStatus } from "./status.ts";

type Labels = Readonly<Record<string, string>>;

class Page {
  #text = "";

  /** One metric with its samples. A counter's name ends in `_total`. */
  metric(name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    if (samples.length === 0) return;
    const type = name.endsWith("_total") ? "counter" : "gauge";
    this.#text += `# HELP sigil_${name} ${help}\n# TYPE sigil_${name} ${type}\n`;
    for (const [labels, value] of samples) {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
      this.#text += `sigil_${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
    }
  }

  one(name: string, help: string, value: number): void {
    this.metric(name, help, [[{}, value]]);
  }

  get text(): string {
    return this.#text;
  }
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

export function prometheusText(status: AgentStatus): string {
  const page = new Page();
  const { rules, sensor, detect, processes, alerts, outputs, memory } = status;
  const events = Object.entries(sensor.events);
  page.metric("info", "What runs.", [[{ version: status.version, commit: status.commit }, 1]]);
  page.one("ready", "1 when the sensor delivers and the detectors are loaded.", Number(status.ready));
  page.one("uptime_seconds", "Seconds since the start.", status.uptime_seconds);
  page.one("report_age_seconds", "How old the counters of the detect worker are.", status.report_age_seconds);
  page.metric(
    "events_seen_total",
    "Events that happened while they were watched.",
    events.map(([kind, account]) => [{ kind }, account.seen]),
  );
  page.metric(
    "events_delivered_total",
    "Events that came through to the detectors.",
    events.map(([kind, account]) => [{ kind }, account.delivered]),
  );
  page.metric(
    "events_filtered_total",
    "Events that nobody asked for, left out on purpose.",
    events.map(([kind, account]) => [{ kind }, account.filtered]),
  );
  page.metric(
    "events_lost_total",
    "Events that were lost, by where.",
    events.flatMap(([kind, account]) =>
      (["lost_kernel_ring", "lost_shared_ring", "missed", "malformed"] as const).map(
        (stage) => [{ kind, stage: stage.replace("lost_", "") }, account[stage]] as const,
      ),
    ),
  );
  page.metric(
    "probe_attached",
    "1 for an eBPF program that runs, 0 for one that cannot.",
    sensor.programs
      .filter(({ state }) => state !== "unused")
      .map(({ name, state }) => [{ program: name }, Number(state === "attached")]),
  );
  if (sensor.logs !== undefined) {
    page.one("log_lines_seen_total", "Lines of journal and log files.", sensor.logs.seen);
    page.one("log_lines_lost_total", "Lines that were lost.", sensor.logs.lost);
  }
  page.metric("rules", "Rules by what became of them.", [
    [{ state: "active" }, rules.active],
    [{ state: "inert" }, rules.inert],
    [{ state: "rejected" }, rules.rejected],
  ]);
  page.one("indicators", "Indicators that are looked up.", rules.indicators);
  page.one("rule_swaps_total", "Sets of rules that took the place of another.", detect.swaps);
  page.one("events_routed_total", "Events that the detectors looked at.", detect.routed);
  page.one("hits_total", "Rules that matched, by event.", detect.hits);
  page.one("detector_faults_total", "Events that a detector failed on.", detect.faults);
  page.one("detect_worker_restarts_total", "How often the detect worker died and was started again.", detect.restarts);
  page.metric(
    "correlations",
    "State of correlations.",
    Object.entries(detect.correlations ?? {}).map(([what, value]) => [{ what }, value]),
  );
  page.one("own_loads_total", "Calls of bpf(2) that loaded the sensor's own programs.", detect.own_loads);
  page.metric(
    "indicator_limits",
    "Hits that had expired, texts searched in part, hits beyond the limit of an event; of the live lists.",
    Object.entries(detect.indicators ?? {}).map(([what, value]) => [{ what }, value]),
  );
  page.one("processes_known", "Entries of the process table.", processes.known);
  page.one("processes_evicted_live_total", "Running processes that were forgotten.", processes.evicted_live);
  page.one("alerts_sent_total", "Alerts on their way to the outputs.", alerts.sent);
  page.one("alerts_dropped_total", "Alerts that did not fit on the way.", alerts.dropped);
  page.metric(
    "output_open",
    "1 while an output takes alerts.",
    outputs.map(({ name, state }) => [{ output: name }, Number(state === "open")]),
  );
  page.metric(
    "output_written_total",
    "Lines written.",
    outputs.map(({ name, written }) => [{ output: name }, written]),
  );
  page.metric(
    "output_lost_total",
    "Lines lost, by reason.",
    outputs.flatMap(({ name, dropped, failed }) => [
      [{ output: name, reason: "full" }, dropped] as const,
      [{ output: name, reason: "failed" }, failed] as const,
    ]),
  );
  page.metric(
    "output_queued_bytes",
    "Bytes that wait for an output.",
    outputs.map(({ name, queued_bytes }) => [{ output: name }, queued_bytes]),
  );
  page.one("process_resident_memory_bytes", "Resident memory of the agent.", memory.resident_bytes);
  page.one("process_cpu_seconds_total", "Processor time of the agent.", status.cpu_seconds);
  return page.text;
}
