// The command `agent replay` between the command line and the replay itself: rules, engine, log and output from the
// configuration. Nothing of this machine gets into the output.

import { availableParallelism } from "node:os";
import { AlertEncoder } from "../../alert/mod.ts";
import { buildInfo } from "../../build-info.gen.ts";
import { SigmaDetectionHandler } from "../../detect/mod.ts";
import type { CorrelationStats } from "../../detect/sigma/mod.ts";
import { FieldTable, type NormalizedEvent } from "../../event/mod.ts";
import { AlertSink, SinkError } from "../../sink/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import { auditNeeds } from "../detect/mod.ts";
import { descriptorWriter, type Log, openLog } from "../log/mod.ts";
import { ReportCollector, type ReportFacts, reportHtml, writeReport } from "../report/mod.ts";
import { loadSigmaRules, packIndicators, type SigmaRules } from "../rules/mod.ts";
import { captureCatalogue, makeDetectors, seenLive } from "./detectors.ts";
import { followEvents } from "./follow.ts";
import { errorCode } from "./input-error.ts";
import { identitiesOf } from "./inputs.ts";
import { readersMax } from "./limits.ts";
import { ProgressLine } from "./progress.ts";
import type { InputKind } from "./read-input.ts";
import { type ReplayOptions, type ReplayResult, replayEvents } from "./replay.ts";

export interface ReplayCommand {
  readonly paths: readonly string[];
  readonly input: InputKind;
  /** File that alerts are appended to, or `-` for stdout. */
  readonly output: string;
  /** File that a report for people is written to; `undefined` for none. */
  readonly report: string | undefined;
  /** One JSON line on stderr at the end. */
  readonly summary: boolean;
  readonly perFile: boolean;
  /** Go on with what is appended to the inputs, until a signal. */
  readonly follow: boolean;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly failOnAlert: boolean;
  readonly config: AppConfig;
}

/** Diagnostics of rules that the log shows one by one; `rules validate` shows all. */
const diagnosticsLoggedMax = 10;

/** How long the last alerts may take to leave after the last event. A reader that is alive but slow is waited for before that. */
const closeTimeoutMs = 30_000;

/** Does the command and gives its exit status. Rejects for faults that are not the input's. */
export async function replay(command: ReplayCommand): Promise<0 | 1 | 2 | 64 | 78> {
  const { config } = command;
  const { level, format, file } = config.logging;
  const progress = isTerminal() && !command.follow ? new ProgressLine({ terminal: process.stderr }) : undefined;
  const log = openLog({
    level,
    format,
    file,
    ...(progress === undefined ? {} : { stderr: progress.around(descriptorWriter(2)) }),
  });
  let done: Done;
  try {
    done = await run(command, log.child("replay"), progress);
  } finally {
    progress?.clear();
    await log.close();
  }
  // The last line on stderr, after what the log had left to say.
  if (command.summary && done.summary !== undefined) {
    const stderr = descriptorWriter(2);
    stderr.write(JSON.stringify(done.summary));
    await stderr.flush(closeTimeoutMs);
  }
  return done.exitCode;
}

/** Whether somebody looks at standard error who could see a line change. */
const isTerminal = (): boolean => process.stderr.isTTY === true && process.env.TERM !== "dumb";

interface Done {
  readonly exitCode: 0 | 1 | 2 | 64 | 78;
  readonly summary?: Readonly<Record<string, number>>;
}

async function run(command: ReplayCommand, log: Log, progress: ProgressLine | undefined): Promise<Done> {
  const { config, output } = command;
  const rules = await loadSigmaRules(config);
  if (!sayRules(rules, log)) return { exitCode: 78 };
  const fields = new FieldTable();
  const { enabled } = config.sigma;
  const correlations = enabled ? rules.correlations : [];
  // Nothing has expired but what had when its event happened: a replay says the same on every day.
  const indicators = packIndicators(rules.files.files, config.ioc, Number.NEGATIVE_INFINITY);
  for (const { file, line, column, message, hint } of indicators.diagnostics.slice(0, diagnosticsLoggedMax))
    log.warn("indicators", { file, line, column, reason: message, hint });
  if (indicators.count > 0) log.info("indicators loaded", { count: indicators.count });
  const spec = { rules: enabled ? rules.rules : [], indicators: indicators.set, digest: rules.files.digest };
  const { engine, store } = makeDetectors(spec, fields, correlations);
  for (const { id, title, reason } of engine.inert) log.debug("rule is inert", { id, title, reason });
  log.info("rules loaded", { active: engine.active, inert: engine.inert.length });

  let sink: AlertSink;
  let failure: string | undefined;
  try {
    const { minLevel, queueSizeBytes } = config.alerts;
    sink = new AlertSink({
      outputs: [{ path: output, format: "ndjson", minLevel, onFailure: "close", queueSizeMaxBytes: queueSizeBytes }],
      onNotice: (notice) => {
        if ("error" in notice) failure = notice.error.code;
      },
    });
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    log.error("output cannot be opened", { reason: error.message });
    return { exitCode: 64 };
  }
  // Opened above, so that the file of alerts is there to be told from inputs and the report.
  const [alertsFile] = identitiesOf([output]);
  const [reportFile] = identitiesOf(command.report === undefined ? [] : [command.report]);
  if (alertsFile !== undefined && alertsFile.dev === reportFile?.dev && alertsFile.ino === reportFile.ino) {
    log.error("the report would replace the alerts", { path: command.report ?? "" });
    await sink.close(closeTimeoutMs);
    return { exitCode: 64 };
  }
  const encoder = new AlertEncoder({
    agent: { type: "sigil", version: buildInfo.version },
    namespace: config.alerts.namespace,
  });
  const report = command.report === undefined ? undefined : new ReportCollector(config.alerts.minLevel);
  const isSeenLive = seenLive(spec.rules);
  const options: ReplayOptions = {
    ...command,
    fields,
    log,
    outputs: [alertsFile, reportFile].filter((file) => file !== undefined),
    auditDemand: auditNeeds(spec.rules, captureCatalogue.route),
    readers: { spec, count: Math.min(availableParallelism(), readersMax) },
    ...(progress === undefined
      ? {}
      : { onProgress: (done: number, total: number, events: number) => progress.update(done, total, events) }),
    makeHandler: (emit) => {
      engine.forgetState();
      return new SigmaDetectionHandler<NormalizedEvent>(store, fields, (event, hit) => {
        if (isSeenLive(hit.rule, event)) emit(event, hit);
      });
    },
    emit: (alert) => {
      progress?.clear();
      report?.add(alert);
      // A report is of everything, also when nobody reads the alerts any more.
      const isWanted = (): boolean => sink.isOpen || report !== undefined;
      return sink.write(encoder.alert(alert)) ? isWanted() : sink.drain().then(isWanted);
    },
  };
  const { summary, faultCount, inputs, exitCode } = command.follow
    ? await followed(options)
    : await replayEvents(options);
  const [stats] = await sink.close(closeTimeoutMs);
  const faults = engine.stats.faultCount + faultCount;
  if (faults > 0) log.error("rules failed inside the engine", { count: faults });
  sayCorrelations(engine.correlationStats, log);
  const { files, events, malformed, alerts, seconds, events_per_second } = summary;
  const line = { files, events, malformed, alerts, rules: engine.active, seconds, events_per_second };
  const isReported =
    report === undefined ||
    // Nothing was replayed: a report that is there is worth more than an empty one.
    exitCode === 64 ||
    sayReport(command, report, log, {
      agent: `sigil ${buildInfo.version}`,
      inputs,
      files,
      events,
      malformed,
      rules: {
        active: engine.active,
        inert: engine.inert.length,
        rejected: rules.diagnostics.filter(({ severity }) => severity === "error").length,
        digest: rules.files.digest,
      },
      sinceMs: command.sinceMs,
      untilMs: command.untilMs,
      perFile: command.perFile,
    });
  if (!isReported) return { exitCode: 2, summary: line };
  const lost = stats === undefined ? 0 : stats.failed + stats.dropped;
  if (lost === 0) return { exitCode, summary: line };
  // A reader that has seen enough went away: that is no fault, and nothing is said.
  if (failure === "EPIPE") return { exitCode: 0 };
  log.error("alerts could not be written", { path: output, lost, reason: failure ?? "too slow" });
  return { exitCode: 2, summary: line };
}

/** Follows until the program is told to stop: that is its usual end. A second signal does not wait. */
async function followed(options: ReplayOptions): Promise<ReplayResult> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of stopSignals) process.once(signal, onSignal);
  try {
    return await followEvents({ ...options, signal: stop.signal });
  } finally {
    for (const signal of stopSignals) process.off(signal, onSignal);
  }
}
const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** Writes the report; false, and an error in the log, when it cannot be written. */
function sayReport({ report: path }: ReplayCommand, report: ReportCollector, log: Log, facts: ReportFacts): boolean {
  if (path === undefined) return true;
  try {
    writeReport(path, reportHtml(report.finish(facts)));
  } catch (error) {
    const code = errorCode(error);
    if (code === "unknown") throw error;
    log.error("report cannot be written", { path, reason: code });
    return false;
  }
  log.info("report written", { path });
  return true;
}

/** Logs what correlations could not take into account. */
function sayCorrelations(stats: CorrelationStats | undefined, log: Log): void {
  if (stats === undefined) return;
  const { evictedCount: evicted, overflowCount: overflowed, lateCount: late } = stats;
  if (evicted + overflowed + late > 0)
    log.warn("correlations had to leave out events or groups", { evicted, overflowed, late });
}

/** Logs what is wrong with the rules; false when nothing is left to replay with. */
function sayRules(rules: SigmaRules, log: Log): boolean {
  const errors = rules.diagnostics.filter(({ severity }) => severity === "error");
  for (const { file, line, column, message, hint } of errors.slice(0, diagnosticsLoggedMax)) {
    log.warn("rule rejected", { file, line, column, reason: message, hint });
  }
  if (errors.length > diagnosticsLoggedMax) log.warn("rules rejected", { count: errors.length });
  if (rules.rules.length > 0 || errors.length === 0) return true;
  log.error("no rule could be loaded");
  return false;
}
