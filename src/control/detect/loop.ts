// The detect worker: sleeps in the shim, takes records from the rings, keeps the process table, evaluates, and sends alerts to
// the main thread. Never awaits while there are records, never touches the disk, never parses a rule.
//
// It sleeps in native code and so hears no messages; the main thread rings (`wakeSensor`) after posting one, and the loop
// then gives its event loop one turn.

import {
  type DetectorSet,
  DetectorStore,
  type Hit,
  IocEngine,
  type RuleInfo,
  ruleInfo,
  type ScanFinding,
  type ScanOrigin,
  SensorEventRouter,
  SigmaDetectionHandler,
  YaraEventHandler,
} from "../../detect/mod.ts";
import { Engine, type ImportResult } from "../../detect/sigma/mod.ts";
import {
  activityByKind,
  activityKinds,
  type Catalogue,
  createCatalogue,
  FieldTable,
  fileKind,
  liveSources,
  processLayout,
  recordKind,
  sourceId,
  sourceRow,
} from "../../event/mod.ts";
import {
  type AnyLiveEvent,
  type AuditEvent,
  AuditTrail,
  logServices,
  type Normalizer,
  RecordedEvent,
  SensitiveFiles,
} from "../../normalize/mod.ts";
import { RingWriter } from "../../ring/mod.ts";
import {
  bootOffsetMs,
  configureNetwork,
  enableMode,
  procInventory,
  Sensor,
  SensorError,
  ShimError,
  waitResult,
} from "../../sensor/mod.ts";
import type { ProcessCache } from "../../state/mod.ts";
import { throttleEventsMax } from "../config/limits.ts";
import { LogIntake, logEventContext } from "../logs/mod.ts";
import { auditNeeds } from "./audit-rules.ts";
import { EarlyRecords, RecordDecoder } from "./decoder.ts";
import { Guard, guardKinds } from "./guard.ts";
import {
  type AlertMessage,
  alertMessageKind,
  type DetectReport,
  type FromDetect,
  type RulesMessage,
  type StartMessage,
  type ToDetect,
} from "./protocol.ts";
import { scanSubjects } from "./scan-subjects.ts";
import { StormWatch } from "./storm.ts";

declare const self: Worker;

/** Records taken from one ring before the loop looks at anything else: about 20 ms of work, so that no ring and no message waits long. */
const drainMax = 8192;
/** Log lines taken before the sensor's rings are looked at again: some milliseconds. Anybody can write lines, and files wait better than events. */
const logLinesMax = 256;
/** Ancestors through which a container's passwd is looked for. */
const ancestorsAskedMax = 8;
/** Longest sleep. Reports and the clock need a turn now and then, and nothing waits without a limit. */
const sleepMs = 1000;

/**
 * Longest wait for room in the ring of alerts: on a machine with several times more work than processors the main thread may not run
 * for a second. Longer, and it hangs; control messages must not wait for that.
 */
const alertWaitMaxMs = 2_000;
/** Share of the sensor's ring that may fill up meanwhile. */
const alertWaitShareMax = 7 / 8;
/** Atomics.wait needs a place that nobody changes: a sleep without an event loop. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** What the router hands on: a live record, or a line of a log. */
type LiveEvent = AnyLiveEvent | RecordedEvent | AuditEvent;

const logSources: ReadonlySet<string> = new Set(logServices.map((service) => `linux/${service}`));

const logSourceIds = [...logSources].map(sourceId);

const send = (message: FromDetect): void => self.postMessage(message);

function importState(engine: Engine, text: string): ImportResult {
  try {
    return engine.importState(JSON.parse(text));
  } catch {
    return { groupCount: 0, unknownCount: 0, malformedCount: 1 };
  }
}

/** Body of src/detect.worker.ts. */
export function runDetectLoop(): void {
  let loop: DetectLoop | undefined;
  let rules: RulesMessage | undefined;
  self.onmessage = ({ data }: MessageEvent<ToDetect>) => {
    if (data.type === "start") loop = DetectLoop.open(data);
    else if (data.type === "rules" && loop?.isRunning !== true) rules = data;
    else loop?.take(data);
    if (loop !== undefined && rules !== undefined && !loop.isRunning) {
      const first = rules;
      rules = undefined;
      void loop.run(first);
    }
  };
}

class DetectLoop {
  isRunning = false;
  readonly #start: StartMessage;
  readonly #sensor: Sensor;
  readonly #fields = new FieldTable();
  readonly #catalogue: Catalogue;
  readonly #decoder: RecordDecoder;
  readonly #processes: ProcessCache;
  readonly #sensitive: SensitiveFiles;
  readonly #normalizer: Normalizer;
  readonly #alerts: RingWriter;
  readonly #ruleIndex = new Map<RuleInfo, number>();
  readonly #logs: LogIntake | undefined;
  /** Absent while no rule asks for audit records. */
  #audit: AuditTrail | undefined;
  #router: SensorEventRouter<LiveEvent> | undefined;
  /** Absent when nothing is scanned. */
  #yara: YaraEventHandler<LiveEvent, Pick<AlertMessage, "event" | "process">> | undefined;
  #store: DetectorStore | undefined;
  #generation = 0;
  #hits = 0;
  /** Live records that came before the end of the inventory; `undefined` once it is there. */
  #early: EarlyRecords | undefined = new EarlyRecords();
  #detached = false;
  readonly #storm = new StormWatch();
  readonly #guard = new Guard(process.pid, process.ppid, send);
  /** Kinds that the live rules ask about. */
  #asked: readonly number[] = [];
  #isCompat = false;

  static open(start: StartMessage): DetectLoop | undefined {
    try {
      return new DetectLoop(start, Sensor.open(start.sensor));
    } catch (error) {
      const errno = error instanceof SensorError ? error.errno : 0;
      if (!(error instanceof SensorError) && !(error instanceof ShimError)) throw error;
      const reason = errno === 1 || errno === 13 ? "permission" : "unavailable";
      send({ type: "failed", reason, message: error.message, errno });
      return undefined;
    }
  }

  private constructor(start: StartMessage, sensor: Sensor) {
    this.#start = start;
    this.#sensor = sensor;
    this.#alerts = new RingWriter(start.alerts);
    this.#logs = start.logs === undefined ? undefined : new LogIntake(start.logs, this.#fields);
    const live = [...liveSources.linux].filter((name) => this.#logs !== undefined || !logSources.has(name));
    this.#catalogue = createCatalogue({ live: new Set(live), platform: "linux" });
    this.#sensitive = new SensitiveFiles(start.sensitiveFiles);
    this.#decoder = new RecordDecoder({
      fields: this.#fields,
      processes: start.processes,
      namespacesMax: start.namespacesMax,
      hostId: start.hostId,
      hostMountNs: start.hostMountNs,
      sensitive: this.#sensitive,
      network: start.network.memory,
      bootOffsetMs,
      usersWanted: (mountNs, pid) => send({ type: "users-wanted", mountNs, pids: this.#livingIn(mountNs, pid) }),
    });
    this.#decoder.setUsers(start.hostMountNs, start.passwd);
    this.#processes = this.#decoder.processes;
    this.#normalizer = this.#decoder.normalizer;
    send({ type: "opened", handle: sensor.handle, memory: sensor.memory, probes: sensor.probes() });
    // Not only when the rules are there: what starts while they load must find its parents in the table, so the inventory has to
    // lie before it in the ring. The ring holds both until `run`; when it is full, the kernel's ring does.
    sensor.start();
    // What is always watched, while the rules are on their way.
    sensor.loadAhead(guardKinds);
  }

  /** A message that came while running. */
  take(message: ToDetect): void {
    if (message.type === "rules") this.#trySwap(message);
    else if (message.type === "users") {
      this.#decoder.setUsers(message.mountNs, message.passwd);
    } else if (message.type === "ask") send({ type: "report", report: this.#report() });
    else if (message.type === "scan-settled") this.#yara?.settle(message);
    else if (message.type === "scan-forget") this.#yara?.forget();
    else if (message.type === "stop" && !this.#detached) {
      this.#detached = true;
      this.#sensor.detach();
    }
  }

  async run(rules: RulesMessage): Promise<void> {
    this.isRunning = true;
    this.#swap(rules);
    let isReady = false;
    let logLines = 0;
    let reportAt = performance.now() + this.#start.reportMs;
    const stateMs = this.#start.correlationStateMs ?? Number.POSITIVE_INFINITY;
    let stateAt = performance.now() + stateMs;
    for (;;) {
      const woken = this.#sensor.wait(logLines === logLinesMax ? 0 : sleepMs);
      this.#watchCompat();
      const records = this.#drain();
      logLines = this.#logs?.drain(this.#takeLog, logLinesMax) ?? 0;
      const taken = records + logLines;
      if (!isReady && this.#normalizer.inventoryDone) {
        isReady = true;
        // Whom the kernel's inventory left out. What starts meanwhile comes as a record too, and is one entry all the same.
        for (const record of procInventory((pid) => this.#isKnown(pid))) this.#normalizer.take(record, 0);
        this.#takeEarly();
        // Compiling rules left garbage that a quiet host would carry for hours.
        Bun.gc(true);
        send({ type: "ready" });
      }
      const isReportDue = performance.now() >= reportAt;
      // With every report as well: whatever the event loop holds is then heard, however it came.
      if ((woken & waitResult.woken) !== 0 || isReportDue) await new Promise((resolve) => setImmediate(resolve));
      if (isReportDue) {
        reportAt = performance.now() + this.#start.reportMs;
        this.#decoder.clock.measure();
        this.#guard.detached(this.#sensor.check());
        this.#guard.rest();
        send({ type: "report", report: this.#report() });
        if (this.#storm.isOver(this.#router?.routed ?? 0)) Bun.gc(true);
      }
      if (performance.now() >= stateAt) {
        stateAt = performance.now() + stateMs;
        this.#sendState();
      }
      if (taken === 0 && (woken & waitResult.drained) !== 0) break;
    }
    if (stateMs !== Number.POSITIVE_INFINITY) this.#sendState();
    // The programs are detached and both rings are empty: the account must close now. The main thread closes the sensor: it may
    // be about to ring with the handle at this very moment.
    send({ type: "stopped", report: this.#report() });
  }

  /**
   * Takes what is in both rings. An activity is taken only when all of the critical ring that was written before it has been: who
   * acts is then known. So the end of the bulk ring is noted first; the shim writes in an order that makes this enough.
   */
  #drain(): number {
    const { critical, bulk } = this.#sensor;
    const bulkEnd = bulk.end;
    const taken = critical.drain(this.#takeCritical, drainMax);
    return taken < drainMax ? taken + bulk.drain(this.#takeBulk, drainMax, bulkEnd) : taken;
  }

  readonly #takeCritical = (at: number): void => {
    const { bytes } = this.#sensor.critical;
    if (this.#early === undefined || !this.#hold(bytes, at)) this.#takeRecord(bytes, at);
  };

  #takeRecord(bytes: Buffer, at: number): void {
    let event = this.#decoder.take(bytes, at);
    // A record of the DNS may hold several messages.
    for (; event !== undefined; event = this.#decoder.next()) {
      this.#guard.take(event);
      if (this.#guard.isOwnLoad(event)) continue;
      this.#router?.route(event);
      this.#audit?.take(event);
    }
  }

  readonly #takeLog = (event: RecordedEvent): void => {
    this.#router?.route(event);
    this.#audit?.logged(event);
  };

  readonly #route = (event: LiveEvent): void => this.#router?.route(event);

  /** Keeps a live record until the inventory is complete. False when it must be taken now. */
  #hold(bytes: Buffer, at: number): boolean {
    const what = this.#early?.hold(bytes, at);
    if (what === "full") this.#takeEarly();
    return what === "held";
  }

  /** Takes what was held, in order, and holds nothing any more. */
  #takeEarly(): void {
    const early = this.#early?.records ?? [];
    this.#early = undefined;
    for (const record of early) this.#takeRecord(record, 0);
  }

  /** A process and its nearest running ancestors in a mount namespace: it may be gone before anybody can look, they rarely are. */
  #livingIn(mountNs: number, pid: number): number[] {
    const pids = [pid];
    let above = this.#processes.find(pid, -1)?.parent;
    for (let i = 0; i < ancestorsAskedMax && above !== undefined; i++, above = above.parent)
      if (above.endNs === undefined && above.program?.record.field(processLayout.mntNs) === mountNs)
        pids.push(above.pid);
    return pids;
  }

  /** Has the kernel told of this process, in the inventory or since? */
  #isKnown(pid: number): boolean {
    if (this.#processes.find(pid, -1) !== undefined) return true;
    return this.#early?.has(pid) === true;
  }

  readonly #takeBulk = (at: number): void => {
    const { bytes } = this.#sensor.bulk;
    if (this.#early === undefined || !this.#hold(bytes, at)) this.#takeRecord(bytes, at);
  };

  /** The next set of rules; one that fails leaves the running one in place. */
  #trySwap(message: RulesMessage): void {
    try {
      this.#swap(message);
    } catch (error) {
      this.#guard.loaded(Date.now());
      send({ type: "rules-failed", generation: message.generation, message: String(error) });
    }
  }

  #swap(message: RulesMessage): void {
    const began = performance.now();
    this.#guard.loads(Date.now());
    const engine = new Engine(message.rules, {
      slots: this.#fields,
      route: (logsource, isKeywordsOnly) => this.#catalogue.route(logsource, isKeywordsOnly),
      fieldReason: (source, field, satisfies) => this.#catalogue.fieldReason(source, field, satisfies),
      correlations: message.correlations,
    });
    const { indicators } = message;
    this.#sensor.loadAhead(this.#kindsFor(engine, indicators, []));
    const restored = message.correlationState === undefined ? undefined : importState(engine, message.correlationState);
    // Compiled before it goes live: a swap must not stall the ring for longer than the compilation takes anyway.
    engine.warm();
    this.#generation = message.generation;
    this.#ruleIndex.clear();
    for (const [index, rule] of [...message.rules, ...message.correlations].entries())
      this.#ruleIndex.set(ruleInfo(rule), index);
    const next: DetectorSet = {
      sigma: engine,
      digest: message.digest,
      ...(indicators === undefined ? {} : { ioc: new IocEngine(indicators, this.#fields) }),
    };
    if (this.#store === undefined) {
      this.#store = new DetectorStore(next);
      const sigma = new SigmaDetectionHandler<LiveEvent>(this.#store, this.#fields, this.#alert);
      this.#yara = this.#scanHandler();
      this.#router = new SensorEventRouter<LiveEvent>(this.#yara === undefined ? [sigma] : [sigma, this.#yara]);
    } else this.#store.swap(next);
    const demand = auditNeeds(message.rules, (logsource) => this.#catalogue.route(logsource));
    this.#audit = demand && new AuditTrail(demand, this.#decoder.context, this.#route);
    this.#sensitive.also(this.#audit?.reads ?? []);
    this.#sensor.sensitiveNames = this.#sensitive.names;
    this.#enable(engine, indicators);
    send({
      type: "rules-live",
      generation: message.generation,
      active: engine.active,
      inert: engine.inert,
      compileMs: performance.now() - began,
      sources: [...engine.sources, ...(this.#audit?.readsLogs === true ? logSourceIds : [])],
      ...(restored === undefined ? {} : { restored }),
    });
  }

  #sendState(): void {
    const engine = this.#store?.sigma;
    if (engine?.correlationStats === undefined) return;
    send({ type: "correlation-state", text: JSON.stringify(engine.exportState()) });
  }

  /** 32-bit programs are about: from now on their system calls are watched as well. */
  #watchCompat(): void {
    const { compatSystemCalls } = this.#start;
    if (this.#isCompat || this.#asked.length === 0 || compatSystemCalls === "never") return;
    if (compatSystemCalls === "auto" && this.#normalizer.stats.compat === 0) return;
    this.#isCompat = true;
    this.#guard.loads(Date.now());
    this.#enableKinds();
  }

  /** Records the activities that the live rules and indicators ask about; what nobody asks about costs the host nothing. */
  #enable(engine: Engine, indicators: RulesMessage["indicators"]): void {
    this.#asked = this.#kindsFor(engine, indicators, this.#audit?.kinds ?? []);
    this.#enableKinds();
    this.#watchCompat();
  }

  #kindsFor(engine: Engine, indicators: RulesMessage["indicators"], asAudit: readonly number[]): number[] {
    const asked = new Set(engine.sources.map((source) => sourceRow(source).name));
    if (indicators !== undefined && indicators.counts.ip + indicators.counts.domain + indicators.counts.url > 0)
      for (const name of ["linux/network_connection", "linux/network_accept", "linux/dns_query"]) asked.add(name);
    return activityKinds
      .filter(
        ({ source, feeds, kind }) =>
          asked.has(source) ||
          feeds.some((other) => asked.has(other)) ||
          asAudit.includes(kind) ||
          (kind === fileKind.close && this.#start.scan?.writtenFiles === true),
      )
      .map(({ kind }) => kind);
  }

  #enableKinds(): void {
    let fault = "";
    const asked = new Set(this.#asked);
    const guarded = guardKinds.filter((kind) => !asked.has(kind)).map((kind) => [kind, enableMode.guard] as const);
    const compat = this.#isCompat && asked.size > 0 ? [recordKind.compat] : [];
    try {
      this.#sensor.enable([...asked, ...guarded, ...compat], (sensor) => this.#configure(sensor));
    } catch (error) {
      if (!(error instanceof SensorError)) throw error;
      fault = error.message;
    }
    this.#guard.own(this.#sensor.objects());
    this.#guard.loaded(Date.now());
    send({ type: "probes", probes: this.#sensor.probes(), fault });
  }

  #configure(sensor: Sensor): void {
    configureNetwork(sensor, this.#start.network.sensor);
    const pid = new Uint8Array(new Uint32Array([process.pid]).buffer);
    sensor.setMap("protected_pids", pid, new Uint8Array([1]));
    const limit = new Uint8Array(new Uint32Array([throttleEventsMax]).buffer);
    for (const { kind } of activityKinds)
      sensor.setMap("throttle_limits", new Uint8Array(new Uint32Array([kind]).buffer), limit);
  }

  #scanHandler(): YaraEventHandler<LiveEvent, Pick<AlertMessage, "event" | "process">> | undefined {
    const { scan } = this.#start;
    if (scan === undefined) return undefined;
    return new YaraEventHandler<LiveEvent, Pick<AlertMessage, "event" | "process">>({
      subjectsOf: scanSubjects({
        fields: this.#fields,
        hostMountNs: this.#start.hostMountNs,
        writtenFiles: scan.writtenFiles,
      }),
      contextOf: (event) => this.#contextOf(event),
      want: (wanted) => send({ type: "scan-wanted", ...wanted }),
      emit: this.#scanAlert,
      allowedPaths: scan.allowedPaths,
    });
  }

  readonly #scanAlert = (
    context: Pick<AlertMessage, "event" | "process">,
    finding: ScanFinding,
    origin: ScanOrigin,
  ): void => {
    this.#hits++;
    const { engine, rule, matches, indicator, file, hash, facts } = finding;
    const event = {
      ...context.event,
      ecs: { ...context.event.ecs, file },
      extra: { ...context.event.extra, ...(facts === undefined ? {} : { yara: facts }) },
    };
    this.#write({
      ...{
        generation: this.#generation,
        rule: -1,
        ruleInfo: rule,
        engine,
        matches,
        event,
        createdMs: Date.now(),
      },
      ...(indicator === undefined ? {} : { indicator }),
      ...processOfFinding(context.process, hash, origin),
    });
  };

  readonly #alert = (event: LiveEvent, hit: Hit): void => {
    this.#hits++;
    this.#write({
      generation: this.#generation,
      rule: this.#ruleIndex.get(hit.rule) ?? -1,
      ...(hit.engine === "ioc" ? { ruleInfo: hit.rule } : {}),
      ...(hit.indicator === undefined ? {} : { indicator: hit.indicator }),
      engine: hit.engine,
      matches: hit.matches,
      ...this.#contextOf(event),
      createdMs: Date.now(),
    });
  };

  #write(message: AlertMessage): void {
    const bytes = Buffer.from(JSON.stringify(message));
    this.#awaitRoom(bytes.length);
    this.#alerts.write(alertMessageKind, bytes);
  }

  #contextOf(event: LiveEvent): Pick<AlertMessage, "event" | "process"> {
    if (!(event instanceof RecordedEvent)) return this.#decoder.contextOf(event);
    const context = logEventContext(event, this.#logs?.pathOf(event) ?? "");
    const pid = LogIntake.writerOf(event);
    const writer = pid === undefined ? undefined : this.#processes.find(pid, -1);
    return writer === undefined
      ? { event: context }
      : { event: context, process: this.#decoder.processContextOf(writer) };
  }

  /**
   * Lets the main thread catch up with a burst of alerts as long as that costs no event: the sensor's rings hold them meanwhile,
   * and behind each the kernel's, which the shim leaves alone while the former is full.
   */
  #awaitRoom(payloadBytes: number): void {
    const { critical, bulk } = this.#sensor;
    const endMs = performance.now() + alertWaitMaxMs;
    while (
      !this.#alerts.fits(payloadBytes) &&
      critical.pendingBytes < critical.bytes.length * alertWaitShareMax &&
      bulk.pendingBytes < bulk.bytes.length * alertWaitShareMax &&
      performance.now() < endMs
    )
      Atomics.wait(nobody, 0, 0, 1);
  }

  #report(): DetectReport {
    const fault = this.#router?.lastFault;
    const correlations = this.#store?.sigma.correlationStats;
    const indicators = this.#store?.ioc?.stats;
    return {
      ...(correlations === undefined ? {} : { correlations }),
      counters: this.#sensor.counters(),
      processes: { ...this.#processes.stats },
      network: this.#normalizer.network.report(),
      normalized: { ...this.#normalizer.stats, activities: { ...this.#normalizer.stats.activities } },
      routed: this.#router?.routed ?? 0,
      faults: this.#router?.faults ?? 0,
      lastFault: fault instanceof Error ? (fault.stack ?? fault.message) : fault === undefined ? "" : String(fault),
      hits: this.#hits,
      alertsSent: this.#alerts.written,
      alertsDropped: this.#alerts.dropped,
      throttled: Object.fromEntries(
        [...this.#guard.throttled].map(([kind, count]) => [activityByKind[kind]?.name ?? String(kind), count]),
      ),
      swaps: this.#store?.swaps ?? 0,
      ownLoads: this.#guard.ownLoads,
      ...(indicators === undefined
        ? {}
        : { indicators: { expired: indicators.expired, cut: indicators.cut, omitted: indicators.omitted } }),
      ...(this.#yara === undefined ? {} : { scans: this.#yara.stats }),
      logs: { ...(this.#logs?.stats ?? { taken: 0, malformed: 0 }) },
    };
  }
}

/** The process of a finding: digests are its own when the file is its program, and else `file` of the alert is not its program's. */
function processOfFinding(
  process: AlertMessage["process"],
  hash: ScanFinding["hash"],
  origin: ScanOrigin,
): Pick<AlertMessage, "process"> {
  if (process === undefined) return {};
  if (origin === "program") return { process: { ...process, hash } };
  const { file: _program, ...rest } = process;
  return { process: rest };
}
