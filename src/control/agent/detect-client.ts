// The main thread's side of the detect worker: starts it, hands it rules, reads its alerts off the ring, restarts it when it
// dies. What it was told last is kept, so that a restarted worker has the same rules.

import type { ScanSettled, ScanWanted } from "../../detect/mod.ts";
import { createRing, RingReader, readMessage } from "../../ring/mod.ts";
import { closeSensor, type Probe, wakeSensor } from "../../sensor/mod.ts";
import { spawnWorker } from "../../workers.ts";
import { alertRingBytes, detectRestartsMax, detectRestartWindowMs } from "../config/limits.ts";
import type {
  AlertMessage,
  DetectReport,
  FromDetect,
  RulesMessage,
  StartMessage,
  TamperMessage,
  ToDetect,
} from "../detect/mod.ts";

export interface DetectEvents {
  opened(probes: readonly Probe[]): void;
  /** State of all programs after rules asked for other activities; `fault` is not empty when none of those can be watched. */
  probes(probes: readonly Probe[], fault: string): void;
  rulesLive(message: Extract<FromDetect, { type: "rules-live" }>): void;
  /** The rules sent last cannot be compiled; those before stay. */
  rulesFailed(message: Extract<FromDetect, { type: "rules-failed" }>): void;
  ready(): void;
  /** Windows of correlations, to be kept for {@link DetectClient.restore}. */
  correlationState(text: string): void;
  /** Something was done to the agent. */
  tampered(message: TamperMessage): void;
  report(report: DetectReport): void;
  alert(message: AlertMessage): void;
  /**
   * Awaited after a batch of alerts: resolves after a turn of the event loop at least, so that writes complete and messages and signals
   * are heard during a flood, and later when the outputs want a pause.
   */
  settled(): Promise<void>;
  usersWanted(mountNs: number, pids: readonly number[]): void;
  /** To be answered with {@link DetectClient.scanned}. */
  scanWanted(wanted: ScanWanted): void;
  /** An alert that could not be made into a document: it is lost. */
  alertFailed(error: unknown): void;
  /** The sensor cannot run. Final. */
  failed(message: Extract<FromDetect, { type: "failed" }>): void;
  /** The worker died; `isFinal` when it is not started again. */
  died(reason: string, isFinal: boolean): void;
}

/** Alerts made into documents before the event loop has a turn: some milliseconds of work. */
const alertBatchMax = 64;
/** How long a reader of the alert ring sleeps at most. */
const ringSleepMs = 1000;

export class DetectClient {
  readonly #events: DetectEvents;
  readonly #start: Omit<StartMessage, "type" | "alerts">;
  #worker: Worker | undefined;
  #handle: number | undefined;
  /** The shim writes here until the sensor is closed; without this reference a dead worker's memory would go. */
  #memory: readonly SharedArrayBuffer[] = [];
  #ring: RingReader | undefined;
  /** Sent last: what a restarted worker gets. */
  #rules: RulesMessage | undefined;
  /** Confirmed last: what stays when the next fail. */
  #liveRules: RulesMessage | undefined;
  /** What the next worker's correlations begin with. */
  #state: string | undefined;
  /** The worker has had no rules yet. */
  #isFresh = false;
  #stopped: ((report: DetectReport | undefined) => void) | undefined;
  #lastReport: DetectReport | undefined;
  #deaths: number[] = [];
  #isStopping = false;

  constructor(start: Omit<StartMessage, "type" | "alerts">, events: DetectEvents) {
    this.#start = start;
    this.#events = events;
  }

  /** Starts the worker; it opens the sensor at once and begins when it has {@link rules}. */
  open(): void {
    const memory = createRing(alertRingBytes);
    const worker = spawnWorker("detect");
    const ring = new RingReader(memory);
    this.#worker = worker;
    this.#isFresh = true;
    this.#ring = ring;
    worker.onmessage = ({ data }: MessageEvent<FromDetect>) => this.#take(data, worker);
    // An error is always followed by `close`, and only then has the thread left the native code that death frees.
    let reason = "it ended";
    worker.onerror = (event) => {
      reason = event.message;
    };
    worker.addEventListener("close", () => this.#onDeath(worker, reason));
    worker.postMessage({ type: "start", ...this.#start, alerts: memory } satisfies ToDetect);
    if (this.#rules !== undefined) this.#postRules(this.#rules);
    void this.#pump(ring);
  }

  /** Puts a rule set in place, the first or the next. */
  rules(message: RulesMessage): void {
    this.#rules = message;
    this.#postRules(message);
  }

  /** Windows of correlations from a run before; to be called before the first {@link rules}. */
  restore(text: string): void {
    this.#state = text;
  }

  #postRules(message: RulesMessage): void {
    const state = this.#isFresh ? this.#state : undefined;
    this.#isFresh = false;
    this.#post(state === undefined ? message : { ...message, correlationState: state });
  }

  /** Asks for a report now; it comes as any other does. */
  ask(): void {
    this.#post({ type: "ask" });
  }

  /** Answers a `usersWanted`. */
  users(mountNs: number, passwd: string | undefined): void {
    this.#post({ type: "users", mountNs, passwd });
  }

  /** Answers a `scanWanted`; one that a worker before this one asked is let go there. */
  scanned(settled: ScanSettled): void {
    this.#post({ type: "scan-settled", ...settled });
  }

  /** Files are to be scanned again, with other rules. */
  forgetScans(): void {
    this.#post({ type: "scan-forget" });
  }

  /** There is something in the ring of log lines. */
  wake(): void {
    if (this.#handle !== undefined) wakeSensor(this.#handle);
  }

  /** Detaches the sensor, lets everything under way come through, and resolves with the last report. */
  async stop(timeoutMs: number): Promise<DetectReport | undefined> {
    this.#isStopping = true;
    const worker = this.#worker;
    if (worker === undefined || this.#handle === undefined) {
      this.#worker = undefined;
      this.#ring = undefined;
      worker?.terminate();
      return this.#lastReport;
    }
    const stopped = new Promise<DetectReport | undefined>((resolve) => {
      this.#stopped = resolve;
    });
    this.#post({ type: "stop" });
    const timer = setTimeout(() => this.#stopped?.(undefined), timeoutMs);
    const report = await stopped;
    clearTimeout(timer);
    // What the worker sent before its last word lies in the ring.
    if (this.#ring !== undefined) this.#drain(this.#ring);
    this.#worker = undefined;
    this.#ring = undefined;
    worker.terminate();
    return report ?? this.#lastReport;
  }

  #post(message: ToDetect): void {
    this.#worker?.postMessage(message);
    if (this.#handle !== undefined) wakeSensor(this.#handle);
  }

  #take(message: FromDetect, worker: Worker): void {
    if (worker !== this.#worker) return;
    switch (message.type) {
      case "opened":
        this.#handle = message.handle;
        this.#memory = message.memory;
        this.#events.opened(message.probes);
        break;
      case "probes":
        this.#events.probes(message.probes, message.fault);
        break;
      case "failed":
        // If it was opened at all: the worker will not touch it any more.
        this.#closeSensor();
        this.#events.failed(message);
        break;
      case "rules-live":
        // What the rules before these said was put into the ring before this was sent: take it while they are still known.
        if (this.#ring !== undefined) this.#drain(this.#ring);
        if (this.#rules?.generation === message.generation) this.#liveRules = this.#rules;
        this.#events.rulesLive(message);
        break;
      case "rules-failed":
        if (this.#rules?.generation === message.generation) this.#rules = this.#liveRules;
        this.#events.rulesFailed(message);
        break;
      case "correlation-state":
        this.#state = message.text;
        this.#events.correlationState(message.text);
        break;
      case "tamper":
        this.#events.tampered(message);
        break;
      case "ready":
        this.#events.ready();
        break;
      case "report":
        this.#lastReport = message.report;
        this.#events.report(message.report);
        break;
      case "users-wanted":
        this.#events.usersWanted(message.mountNs, message.pids);
        break;
      case "scan-wanted":
        this.#events.scanWanted(message);
        break;
      case "stopped":
        this.#lastReport = message.report;
        this.#closeSensor();
        if (this.#isStopping) this.#stopped?.(message.report);
        else worker.terminate(); // nobody told it to: `close` makes this a death
    }
  }

  async #pump(ring: RingReader): Promise<void> {
    while (this.#ring === ring) {
      await ring.wait(ringSleepMs);
      this.#drain(ring, alertBatchMax);
      await this.#events.settled();
    }
  }

  #drain(ring: RingReader, max?: number): void {
    ring.drain((at) => {
      try {
        const { payload } = readMessage(ring.bytes, at);
        this.#events.alert(JSON.parse(payload.toString()) as AlertMessage);
      } catch (error) {
        // One alert that cannot be told must not silence the others.
        this.#events.alertFailed(error);
      }
    }, max);
  }

  #onDeath(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    if (this.#ring !== undefined) this.#drain(this.#ring);
    this.#ring = undefined;
    this.#closeSensor();
    this.#stopped?.(undefined);
    if (this.#isStopping) return;
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < detectRestartWindowMs), now];
    const isFinal = this.#deaths.length > detectRestartsMax;
    this.#events.died(reason, isFinal);
    if (!isFinal) this.open();
  }

  /** Only when the worker is out of native code for good: it has said its last word, or its thread has ended. */
  #closeSensor(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    // Blocks until the shim's thread has ended: it must not write to memory that is about to go.
    closeSensor(handle);
    this.#memory = [];
  }

  /** Sum of the memory that is shared with the shim, for reports. */
  get sharedBytes(): number {
    return this.#memory.reduce((sum, { byteLength }) => sum + byteLength, alertRingBytes);
  }
}
