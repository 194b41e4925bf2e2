// The agent: a list of steps up, and a list of steps down that always runs to its end. The command line has done its part when
// it calls `startAgent`: flags and configuration are resolved and checked.

import hyperid from "hyperid";
import { AlertEncoder, type AlertInput } from "../../alert/mod.ts";
import { buildInfo } from "../../build-info.gen.ts";
import { sourceId } from "../../event/mod.ts";
import { logServices } from "../../normalize/mod.ts";
import { createRing } from "../../ring/mod.ts";
import { type Probe, trimCode } from "../../sensor/mod.ts";
import { AlertSink, type OutputNotice, SinkError } from "../../sink/mod.ts";
import { startTimeoutMs } from "../config/limits.ts";
import type { AppConfig, LoadedConfig } from "../config/mod.ts";
import { type AlertMessage, type DetectReport, StormWatch } from "../detect/mod.ts";
import { openLog, type RootLog } from "../log/mod.ts";
import { LogFeed, logRingBytes } from "../logs/mod.ts";
import type { AgentStatus, ControlServer } from "../observe/mod.ts";
import { loadSigmaRules } from "../rules/mod.ts";
import { ContainerNames } from "./container-names.ts";
import { CorrelationStateFile, readCorrelationState } from "./correlation-state.ts";
import { DetectClient } from "./detect-client.ts";
import { detectOptions } from "./detect-options.ts";
import { readHost } from "./host.ts";
import { LiveScan } from "./live-scan.ts";
import { LossWatch } from "./loss.ts";
import { readPasswdOf } from "./passwd.ts";
import { missingPrerequisites } from "./privileges.ts";
import { RuleKeeper } from "./rule-keeper.ts";
import { agentStatus, openControl } from "./status.ts";
import { AgentWatch } from "./watch.ts";

/** Gives back memory: garbage, and code that is mapped and not needed. Some milliseconds. */
function tidy(): void {
  Bun.gc(true);
  trimCode();
}

const logSources: ReadonlySet<number> = new Set(logServices.map((service) => sourceId(`linux/${service}`)));

/** The configured file, or one in the folder that systemd gives a service (StateDirectory= of systemd.exec(5): several are divided by colons). */
function stateFile(configured: string): string {
  const folder = process.env.STATE_DIRECTORY?.split(":")[0] ?? "";
  return configured !== "" || !folder.startsWith("/") ? configured : `${folder}/state.json`;
}

/** What a slow output gets before alerts go on to where there is room. */
const outputPauseMs = 100;
/** Counters younger than this are those of now. */
const freshMs = 10;
/** Longest that somebody who asks waits for the worker. */
const answerMaxMs = 500;
/** After `agent ready`, so that tidying up does not make the first event wait. */
const tidyDelayMs = 500;

export interface AgentOptions {
  readonly config: AppConfig;
  /** Absolute path of the configuration; `undefined` when there is none. */
  readonly configFile?: string | undefined;
  /** Reads file, environment and flags again, for SIGHUP. A result without `config` leaves the running one in place. */
  readonly reloadConfig: () => LoadedConfig;
  /** Stop after this time; `undefined`: run until told to stop. */
  readonly durationMs: number | undefined;
  readonly stdout: { readonly isTerminal: boolean; readonly color: boolean };
}

/**
 * How a run ended: as it was told to (a signal, the end of its time, a reader that went away), for want of a permission or of a
 * kernel that can be watched, because an output cannot be opened or the pipelines of rules cannot be used, or by a fault of its own.
 */
export type AgentEnd = "done" | "permission" | "unavailable" | "output" | "configuration" | "fault";

/** Runs until a signal, the end of `durationMs`, or a closed stdout that was the only output. */
export async function startAgent(options: AgentOptions): Promise<AgentEnd> {
  const { logging } = options.config;
  const log = openLog({ level: logging.level, format: logging.format, file: logging.file });
  try {
    const missing = missingPrerequisites();
    for (const { what, hint } of missing) log.error("cannot start: something is missing", { missing: what, hint });
    if (missing.some(({ kind }) => kind === "permission")) return "permission";
    if (missing.length > 0) return "unavailable";
    return await new Agent(options, log).run();
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    log.error("cannot open an output", { error: error.message });
    return "output";
  } finally {
    await log.close();
  }
}

class Agent {
  readonly #options: AgentOptions;
  readonly #log: RootLog;
  readonly #encoder: AlertEncoder;
  readonly #sink: AlertSink;
  readonly #detect: DetectClient;
  readonly #loss: LossWatch;
  readonly #watch: AgentWatch;
  /** Absent when no logs are read. */
  readonly #logs: LogFeed | undefined;
  /** Absent when nothing is scanned. */
  readonly #scan: LiveScan | undefined;
  /** Absent when windows of correlations are not kept. */
  #stateFile: CorrelationStateFile | undefined;
  readonly #containers = new ContainerNames();
  #config: AppConfig;
  readonly #rules: RuleKeeper;
  /** From SIGHUP until the worker confirmed the rules: one set at a time is on its way, so that no queue of them can grow. */
  #isReloading = false;
  /** SIGHUP came meanwhile: what was read may be old already. */
  #reloadAgain = false;
  #isReady = false;
  #isEnding = false;
  #faultsTold = 0;
  /** Programs that were told of as not running here. */
  readonly #probesTold = new Set<string>();
  /** An output had no room for the last alerts. */
  readonly #storm = new StormWatch();
  #wantsPause = false;
  #drained: Promise<void> | undefined;
  #readyTimer: Timer | undefined;
  #durationTimer: Timer | undefined;
  #control: ControlServer | undefined;
  /** For the status: what parts said last. */
  #probes: readonly Probe[] = [];
  #report: DetectReport | undefined;
  #reportAtMs = Date.now();
  #restarts = 0;
  readonly #startedAtMs = Date.now();
  #tidyTimer: Timer | undefined;
  /** Resolves `run`'s wait; the first reason wins. */
  #end!: (code: AgentEnd) => void;
  readonly #ended: Promise<AgentEnd>;
  readonly #startedMs = performance.now();
  #beatMs = this.#startedMs;

  constructor(options: AgentOptions, log: RootLog) {
    this.#options = options;
    this.#config = options.config;
    this.#log = log;
    this.#ended = new Promise((resolve) => {
      this.#end = (end) => {
        this.#isEnding = true;
        resolve(end);
      };
    });
    const host = readHost();
    this.#encoder = new AlertEncoder({
      agent: {
        type: "sigil",
        version: buildInfo.version,
        id: host.id,
        name: host.name,
        // One run of the agent: hyperid's instance part is random, the counter behind it is of no use here.
        ephemeralId: hyperid({ urlSafe: true })(),
      },
      namespace: options.config.alerts.namespace,
      host,
    });
    this.#sink = this.#openSink();
    this.#watch = new AgentWatch({
      stateFile: stateFile(options.config.service.stateFile),
      files: [process.execPath, ...(options.configFile === undefined ? [] : [options.configFile])],
      version: buildInfo.version,
      tell: (...what) => this.#state(...what),
      log: log.child("watch"),
    });
    this.#loss = new LossWatch((action, message, values) => this.#state(action, message, values, "failure"));
    const { sensor } = options.config;
    const logMemory = sensor.logsEnabled ? createRing(logRingBytes) : undefined;
    this.#logs =
      logMemory === undefined
        ? undefined
        : new LogFeed({
            journal: sensor.journal,
            files: sensor.logFiles,
            memory: logMemory,
            wake: () => this.#detect.wake(),
            tell: (level, message, values) => {
              log[level](message, values);
              if (level === "warn") this.#state("logs_degraded", message, values, "failure");
            },
          });
    this.#rules = new RuleKeeper(log, (message) => this.#detect.rules(message));
    this.#scan = options.config.yara.enabled || options.config.ioc.enabled ? this.#startScan() : undefined;
    this.#detect = new DetectClient(detectOptions(options.config, host, logMemory), {
      opened: (probes) => this.#onOpened(probes),
      probes: (probes, fault) => this.#onProbes(probes, fault),
      correlationState: (text) => this.#stateFile?.put(text),
      rulesLive: ({ generation, active, inert, compileMs, sources, restored }) => {
        if (restored !== undefined) {
          const { groupCount: groups, unknownCount: unknown, malformedCount: malformed } = restored;
          log[malformed > 0 ? "warn" : "info"]("correlation windows restored", { groups, unknown, malformed });
        }
        void this.#readLogs(sources);
        log.info("rules live", { active, inert: inert.length, compile_ms: Math.round(compileMs) });
        if (this.#rules.live(generation, active, inert.length)) this.#reloaded();
      },
      rulesFailed: ({ generation, message }) => {
        log.error("reload failed: rules could not be compiled; the running ones stay", { error: message });
        if (this.#rules.isNewest(generation)) this.#reloaded();
      },
      // Not before files are scanned as well.
      ready: () => {
        // The sensor is; rules may take their time.
        clearTimeout(this.#readyTimer);
        void (this.#scan?.ready ?? Promise.resolve()).then(() => this.#onReady());
      },
      tampered: (message) => this.#watch.tampered(message),
      report: (report) => this.#onReport(report),
      alert: (message) => this.#onAlert(message),
      settled: () => this.#settled(),
      alertFailed: (error) => log.error("an alert was lost", { error: String(error) }),
      scanWanted: (wanted) => void this.#scan?.take(wanted),
      usersWanted: (mountNs, pids) => this.#detect.users(mountNs, readPasswdOf(mountNs, pids)),
      failed: ({ reason, message }) => {
        log.error("the sensor cannot run here", { error: message });
        this.#end(reason === "permission" ? "permission" : "unavailable");
      },
      died: (reason, isFinal) => {
        this.#restarts++;
        log.error("the detect worker died", { reason, restarted: !isFinal });
        this.#loss.restart();
        this.#logs?.restarted();
        this.#faultsTold = 0;
        this.#state("detect_worker_died", "The detect worker died", { reason, restarted: !isFinal }, "failure");
        if (isFinal) this.#end("fault");
        else this.#expectReady();
      },
    });
  }

  async run(): Promise<AgentEnd> {
    const signals = this.#listen();
    try {
      this.#watch.start();
      this.#control = await openControl(this.#config, this.#log, {
        status: () => this.#status(),
        reload: () => void this.#reload(),
      });
      // The worker loads the eBPF programs while this thread reads rules.
      this.#detect.open();
      this.#expectReady();
      this.#restoreCorrelations();
      if (!(await this.#loadRules())) return "configuration";
      return await this.#ended;
    } finally {
      clearTimeout(this.#readyTimer);
      clearTimeout(this.#durationTimer);
      clearTimeout(this.#tidyTimer);
      signals();
      await this.#control?.close();
      await this.#teardown();
    }
  }

  /** The first set; false when nothing can run. A function of its own, so that what was loaded is not held for as long as the agent runs. */
  async #loadRules(): Promise<boolean> {
    const loaded = await loadSigmaRules(this.#config);
    this.#scan?.useIndicators(this.#rules.put(loaded, this.#config));
    const { pipelineFiles, pipelines } = loaded.files;
    if (pipelineFiles === undefined || pipelines !== undefined || loaded.rules.length > 0) return true;
    this.#log.error("cannot start: the pipelines of sigma.pipelines cannot be used");
    return false;
  }

  /** With counters of this moment, when the worker answers at once; else with its last ones, whose age is said. */
  async #status(): Promise<AgentStatus> {
    if (this.#isReady && !this.#isEnding && Date.now() - this.#reportAtMs > freshMs) {
      this.#detect.ask();
      const endMs = performance.now() + answerMaxMs;
      const before = this.#reportAtMs;
      while (this.#reportAtMs === before && performance.now() < endMs) await Bun.sleep(5);
    }
    return agentStatus({
      startedMs: this.#startedAtMs,
      isReady: this.#isReady,
      rules: this.#rules.counts,
      probes: this.#probes,
      report: this.#report,
      reportAtMs: this.#reportAtMs,
      logs: this.#logs?.stats,
      restarts: this.#restarts,
      outputs: this.#sink.stats(),
    });
  }

  #startScan(): LiveScan {
    return new LiveScan({
      config: this.#config,
      log: this.#log,
      settled: (settled) => this.#detect.scanned(settled),
      tell: (action, message, values) => this.#state(action, message, values, "failure"),
    });
  }

  /** Logs are read while there are rules for them. */
  async #readLogs(sources: readonly number[]): Promise<void> {
    const isWanted = sources.some((source) => logSources.has(source));
    if (isWanted && !this.#isEnding) this.#logs?.start();
    else await this.#logs?.stop();
  }

  /** Nothing waits without a limit: a sensor that hangs while it starts, now or after a death, ends the agent. */
  #expectReady(): void {
    clearTimeout(this.#readyTimer);
    this.#readyTimer = setTimeout(() => {
      this.#log.error("the sensor did not start in time", { seconds: startTimeoutMs / 1000 });
      this.#end("unavailable");
    }, startTimeoutMs);
  }

  #restoreCorrelations(): void {
    const path = this.#options.config.sigma.correlationState;
    if (path === "") return;
    this.#stateFile = new CorrelationStateFile(path, (reason) =>
      this.#log.error("correlation windows cannot be saved", { path, reason }),
    );
    const read = readCorrelationState(path);
    if ("text" in read) this.#detect.restore(read.text);
    else if ("refused" in read)
      this.#log.warn("saved correlation windows are not used, and will be replaced", { path, reason: read.refused });
  }

  async #teardown(): Promise<void> {
    const timeoutMs = this.#config.service.shutdownTimeoutMs;
    // What it reads at last goes the way of everything else.
    await this.#logs?.stop();
    const report = await this.#detect.stop(timeoutMs);
    if (report !== undefined) {
      this.#onReport(report, true);
      const account = this.#loss.account(report, this.#logs?.stats);
      this.#log.info("agent stopped", { ...account, ...this.#scan?.account(report.scans) });
    }
    await this.#scan?.close();
    await Promise.race([this.#stateFile?.settled(), Bun.sleep(timeoutMs)]);
    for (const output of await this.#sink.close(timeoutMs))
      if (output.dropped + output.failed > 0)
        this.#log.warn("alerts were lost", { output: output.name, dropped: output.dropped, failed: output.failed });
    this.#watch.stop();
  }

  #openSink(): AlertSink {
    const { alerts } = this.#config;
    const { isTerminal, color } = this.#options.stdout;
    const isCompact = alerts.format === "compact" || (alerts.format === "auto" && alerts.output === "-" && isTerminal);
    return new AlertSink({
      outputs: [
        {
          path: alerts.output,
          format: isCompact ? "compact" : "ndjson",
          minLevel: alerts.minLevel,
          color,
          width: () => process.stdout.columns ?? 0,
          queueSizeMaxBytes: alerts.queueSizeBytes,
        },
      ],
      onNotice: (notice) => this.#onOutput(notice),
    });
  }

  #onOutput(notice: OutputNotice): void {
    const { name, dropped, failed } = notice.output;
    if (notice.state === "closed" && name === "stdout" && !this.#sink.isOpen) {
      // The reader of our only output went away, as `head` does: nobody is left to alert.
      this.#end("done");
      return;
    }
    const error = "error" in notice ? notice.error.message : "";
    this.#log.warn("output changed", { output: name, state: notice.state, error, dropped, failed });
    if (notice.state !== "recovered")
      this.#state(
        "output_failed",
        `Output ${name} is ${notice.state}`,
        { output: name, error, dropped, failed },
        "failure",
      );
  }

  /** Tells of programs that do not run here, each once. Returns the names of those that do. */
  #tellProbes(probes: readonly Probe[]): Set<string> {
    this.#probes = probes;
    const attached = new Set(probes.filter(({ state }) => state === "attached").map(({ name }) => name));
    for (const { name, state, error, message, instead } of probes) {
      if (state !== "failed" || attached.has(instead) || this.#probesTold.has(name)) continue;
      this.#probesTold.add(name);
      this.#log.warn("an eBPF program does not run here", { program: name, error, message });
      this.#state(
        "probe_degraded",
        `The eBPF program ${name} does not run here`,
        { program: name, error, message },
        "failure",
      );
    }
    return attached;
  }

  /** The rules asked for other activities than before. */
  #onProbes(probes: readonly Probe[], fault: string): void {
    if (fault !== "") this.#log.error("activities cannot be watched here", { error: fault });
    const attached = this.#tellProbes(probes);
    this.#log.info("activities watched", { programs: attached.size });
  }

  #onOpened(probes: readonly Probe[]): void {
    const attached = this.#tellProbes(probes);
    if (!attached.has("process_exec")) {
      // Every rule of this version needs it: an agent that cannot see a start must not say that it is ready.
      this.#log.error("the sensor cannot run here: it would see no process start");
      this.#end("unavailable");
    }
    this.#log.info("sensor opened", { programs: [...attached].join(" ") });
  }

  #onReady(): void {
    clearTimeout(this.#readyTimer);
    // A blind sensor, or a signal meanwhile: whoever waits for this line must not be told that events are watched.
    if (this.#isEnding) return;
    this.#isReady = true;
    if (!this.#isReloading) this.#reloaded();
    this.#log.info("agent ready", {
      version: buildInfo.version,
      rules: this.#rules.count,
      milliseconds: Math.round(performance.now() - this.#startedMs),
    });
    // Reading rules and starting up left garbage, and mapped code that is not needed again.
    this.#tidyTimer = setTimeout(tidy, tidyDelayMs);
    const { durationMs } = this.#options;
    if (durationMs !== undefined && this.#durationTimer === undefined)
      this.#durationTimer = setTimeout(() => this.#end("done"), durationMs);
  }

  #onReport(report: DetectReport, isLast = false): void {
    this.#report = report;
    this.#reportAtMs = Date.now();
    if (report.faults > this.#faultsTold)
      this.#log.error("a detector failed on an event", { faults: report.faults, error: report.lastFault });
    this.#faultsTold = report.faults;
    this.#loss.take(report, performance.now(), isLast, this.#logs?.stats);
    this.#watch.report(report, isLast);
    this.#beat(report);
    this.#scan?.watchMounts();
    if (this.#storm.isOver(report.routed)) tidy();
  }

  /** Told with the first report after its time: the account in it is as fresh as the report. */
  #beat(report: DetectReport): void {
    const { heartbeatMs } = this.#config.alerts;
    const now = performance.now();
    if (heartbeatMs === 0 || now - this.#beatMs < heartbeatMs) return;
    this.#beatMs = now;
    this.#state(
      "heartbeat",
      "Sigil watches this host",
      {
        version: buildInfo.version,
        rules: this.#rules.count,
        seconds: Math.round((now - this.#startedMs) / 1000),
        processes: report.processes.size,
        ...this.#loss.account(report, this.#logs?.stats),
        ...this.#scan?.account(report.scans),
      },
      "success",
    );
  }

  #onAlert(message: AlertMessage): void {
    const rule = message.ruleInfo ?? this.#rules.ruleOf(message.generation, message.rule);
    if (rule === undefined) {
      this.#log.error("an alert names a rule that is not there", {
        generation: message.generation,
        rule: message.rule,
      });
      return;
    }
    const { engine, matches, indicator, event, process: context, createdMs } = message;
    const container = event.container ?? context?.container;
    const input: AlertInput = {
      hit: { engine, rule, matches, ...(indicator === undefined ? {} : { indicator }) },
      event: container === undefined ? event : { ...event, container: this.#containers.describe(container) },
      ...(context === undefined ? {} : { process: context }),
      createdMs,
    };
    const record = this.#encoder.alert(input);
    this.#control?.publish(record.line);
    if (!this.#sink.write(record)) this.#wantsPause = true;
  }

  /** After a batch of alerts. A slow output gets a moment; a stuck one does not hold up the others: it drops, and counts. */
  async #settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#wantsPause) return;
    this.#wantsPause = false;
    this.#drained ??= this.#sink.drain().finally(() => {
      this.#drained = undefined;
    });
    await Promise.race([this.#drained, Bun.sleep(outputPauseMs)]);
  }

  #state(
    action: string,
    message: string,
    values: Readonly<Record<string, unknown>>,
    outcome: "success" | "failure",
  ): void {
    const record = this.#encoder.state({ kind: "state", timeMs: Date.now(), action, message, values, outcome });
    this.#control?.publish(record.line);
    this.#sink.write(record);
  }

  /** SIGHUP: configuration and rules anew. Whatever is wrong leaves what runs in place. */
  async #reload(): Promise<void> {
    if (this.#isReloading || !this.#isReady) {
      this.#reloadAgain = true;
      return;
    }
    this.#isReloading = true;
    let isSent = false;
    try {
      const { config, diagnostics } = this.#options.reloadConfig();
      for (const { file, line, column, message } of diagnostics)
        this.#log.warn("configuration", { file, line, column, reason: message });
      if (config === undefined) {
        this.#log.error("reload failed: the configuration is wrong; the running one stays");
        return;
      }
      const loaded = await loadSigmaRules(config);
      const isEmpty = loaded.rules.length === 0 && this.#rules.count > 0;
      if (isEmpty || loaded.files.diagnostics.some(({ severity }) => severity === "error")) {
        this.#log.error("reload failed: rules could not be read; the running ones stay", {
          rules: loaded.rules.length,
        });
        return;
      }
      this.#config = config;
      this.#log.setLevel(config.logging.level);
      this.#scan?.useIndicators(this.#rules.put(loaded, config));
      isSent = true;
      void this.#scan?.reload(config).then(() => this.#detect.forgetScans());
      this.#log.info("reloaded", { rules: loaded.rules.length });
    } finally {
      if (!isSent) this.#reloaded();
    }
  }

  /** The reload is over: the next one, if it was asked for meanwhile. */
  #reloaded(): void {
    this.#isReloading = false;
    if (!this.#reloadAgain || !this.#isReady) return;
    this.#reloadAgain = false;
    void this.#reload();
  }

  async #reopen(): Promise<void> {
    this.#log.reopen();
    for (const error of await this.#sink.reopen()) this.#log.error("cannot reopen an output", { error: error.message });
  }

  /** Takes the signals; returns how to give them back. */
  #listen(): () => void {
    let isStopping = false;
    const stop = (signal: string) => () => {
      // The second one means now.
      if (isStopping) process.exit(1);
      isStopping = true;
      this.#log.info("stopping", { signal });
      this.#end("done");
    };
    const handlers: [NodeJS.Signals, () => void][] = [
      ["SIGTERM", stop("SIGTERM")],
      ["SIGINT", stop("SIGINT")],
      ["SIGHUP", () => void this.#reload()],
      ["SIGUSR1", () => void this.#reopen()],
    ];
    for (const [signal, handler] of handlers) process.on(signal, handler);
    return () => {
      // Stop signals stay taken while the agent drains: their default would end it in the middle.
      for (const [signal, handler] of handlers.slice(2)) process.off(signal, handler);
    };
  }
}
