// ScanPool: owns the scan workers. Jobs wait in bounded lanes (one for scans, one for digests, so that a slow scan never delays a
// digest); each worker takes one job at a time, with a deadline. A worker that breaks is replaced, and its job tried once more
// elsewhere; a job is answered exactly once, whatever happens.

import { closeSync } from "node:fs";
import { failedStartsMax, jobsPerWorkerMax, jobsWaitingMax, retriesMax } from "./limits.ts";
import type { FromWorker, JobRequest, ScanAnswer } from "./protocol.ts";
import { WorkerError, type WorkerFailure, WorkerProcess } from "./worker-process.ts";

export type LaneName = "scan" | "hash";

/** A job's descriptor is the pool's from `submit` on; it is closed when the job is answered. */
export interface Job {
  readonly request: JobRequest;
  readonly descriptor: number;
}

export type JobResult =
  | { readonly status: "scanned"; readonly answer: ScanAnswer }
  /** `failure` when it was the job that broke its worker: it must not be tried again soon. */
  | { readonly status: "unscannable"; readonly reason: string; readonly failure?: WorkerFailure };

/** Compiled rules as workers take them. */
export interface LoadedSnapshot {
  readonly digest: string;
  /** Open for reading; stays open while this is the current one. */
  readonly descriptor: number;
  /** Without the signature. */
  readonly sizeBytes: number;
}

export interface PoolOptions {
  readonly scanWorkers: number;
  readonly hashWorkers: number;
  readonly deadlineMs: number;
  /** Peak bytes after which a worker is replaced; one that holds half as much again is killed. */
  readonly memoryMaxBytes: number;
  readonly nice?: number;
  /** How long a worker of a lane that is not kept warm stays without work: it starts quickly, and most hosts start little that is new. */
  readonly idleMaxMs?: number;
  /** Jobs that may wait in a lane. */
  readonly waitingMax?: number;
  /** A worker broke or could not start. For the log. */
  readonly onTrouble?: (what: string, details: Readonly<Record<string, string | number>>) => void;
}

export interface PoolStats {
  /** Jobs answered: `scanned` and `unscannable` together. */
  readonly answered: number;
  readonly unscannable: number;
  /** Jobs not taken because the lane was full. */
  readonly refused: number;
  readonly waiting: number;
  readonly timeouts: number;
  readonly crashes: number;
  readonly memoryKills: number;
  /** Workers replaced for their age or their memory. */
  readonly recycled: number;
  readonly workersStarted: number;
}

export class ScanPool {
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  #snapshot: LoadedSnapshot | undefined;

  constructor(options: PoolOptions) {
    this.#lanes = {
      scan: new Lane("scan", options.scanWorkers, options, () => this.#snapshot),
      hash: new Lane("hash", options.hashWorkers, options, () => undefined),
    };
  }

  /** Rules for all workers from their next job on. The descriptor is the pool's. */
  use(snapshot: LoadedSnapshot): void {
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    this.#lanes.scan.renew();
    if (before !== undefined && before.descriptor !== snapshot.descriptor) closeSync(before.descriptor);
  }

  /** `undefined` when the lane is full: the job is not taken, its descriptor closed, and counted as refused. Never rejects. */
  submit(lane: LaneName, job: Job): Promise<JobResult> | undefined {
    return this.#lanes[lane].submit(job);
  }

  /** Whether `submit` would take a job. */
  hasRoom(lane: LaneName): boolean {
    return this.#lanes[lane].hasRoom;
  }

  /** Starts the workers of a lane, so that the first job does not wait for them. */
  warm(lane: LaneName): void {
    this.#lanes[lane].warm();
  }

  stats(lane: LaneName): PoolStats {
    return this.#lanes[lane].stats();
  }

  /** Kills all workers; what waits is answered as unscannable. */
  async close(): Promise<void> {
    await Promise.all([this.#lanes.scan.close(), this.#lanes.hash.close()]);
    if (this.#snapshot !== undefined) closeSync(this.#snapshot.descriptor);
    this.#snapshot = undefined;
  }
}

interface Waiting extends Job {
  readonly resolve: (result: JobResult) => void;
  retries: number;
}

class Lane {
  readonly #name: LaneName;
  readonly #options: PoolOptions;
  readonly #snapshot: () => LoadedSnapshot | undefined;
  readonly #waitingMax: number;
  readonly #queue: Waiting[] = [];
  readonly #wakers = new Set<() => void>();
  readonly #slots: Promise<void>[] = [];
  readonly #workers = new Set<WorkerProcess>();
  readonly #count = {
    ...{ answered: 0, unscannable: 0, refused: 0, timeouts: 0, crashes: 0, memoryKills: 0 },
    ...{ recycled: 0, workersStarted: 0 },
  };
  #isClosed = false;
  #isWarm = false;
  /** Changes with the rules. */
  #generation = 0;
  #failedStarts = 0;

  constructor(name: LaneName, workers: number, options: PoolOptions, snapshot: () => LoadedSnapshot | undefined) {
    this.#name = name;
    this.#options = options;
    this.#snapshot = snapshot;
    this.#waitingMax = options.waitingMax ?? jobsWaitingMax;
    for (let i = 0; i < workers; i++) this.#slots.push(this.#serve());
  }

  get hasRoom(): boolean {
    return !this.#isClosed && this.#queue.length < this.#waitingMax;
  }

  submit(job: Job): Promise<JobResult> | undefined {
    if (!this.hasRoom) {
      this.#count.refused++;
      closeSync(job.descriptor);
      return undefined;
    }
    return new Promise((resolve) => {
      this.#queue.push({ ...job, resolve, retries: 0 });
      this.#wakeOne();
    });
  }

  renew(): void {
    this.#generation++;
    this.#failedStarts = 0;
    // Idle ones change at once, busy ones after their job.
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }

  warm(): void {
    this.#isWarm = true;
    this.renew();
  }

  stats(): PoolStats {
    return { ...this.#count, waiting: this.#queue.length };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const worker of this.#workers) worker.kill();
    for (const wake of this.#wakers) wake();
    await Promise.all(this.#slots);
    for (const job of this.#queue.splice(0)) this.#answer(job, { status: "unscannable", reason: "scanning stopped" });
  }

  #wakeOne(): void {
    const [wake] = this.#wakers;
    if (wake === undefined) return;
    this.#wakers.delete(wake);
    wake();
  }

  /** One worker's life after the other. */
  async #serve(): Promise<void> {
    let worker: WorkerProcess | undefined;
    let generation = -1;
    const drop = async (): Promise<void> => {
      if (worker === undefined) return;
      worker.kill();
      await worker.gone;
      this.#workers.delete(worker);
      worker = undefined;
    };
    while (!this.#isClosed) {
      if (worker !== undefined && (worker.isDead || generation !== this.#generation)) await drop();
      if (worker === undefined && (this.#queue.length > 0 || this.#isWarm) && !this.#isClosed) {
        generation = this.#generation;
        if (this.#failedStarts < failedStartsMax) worker = await this.#start();
        if (worker === undefined && this.#failedStarts >= failedStartsMax)
          for (const job of this.#queue.splice(0))
            this.#answer(job, { status: "unscannable", reason: "no scan worker starts" });
        if (worker === undefined && this.#failedStarts < failedStartsMax) continue;
        if (generation !== this.#generation) continue;
      }
      const job = worker === undefined ? undefined : this.#queue.shift();
      if (job === undefined || worker === undefined) {
        if (!this.#isClosed && (this.#queue.length === 0 || worker !== undefined))
          if (await this.#rest(worker !== undefined)) await drop();
        continue;
      }
      if (!(await this.#do(worker, job))) await drop();
    }
    await drop();
  }

  /** Sleeps until there is something to do. True when nothing came for so long that a worker is not worth its memory. */
  async #rest(hasWorker: boolean): Promise<boolean> {
    const idleMaxMs = hasWorker && !this.#isWarm ? this.#options.idleMaxMs : undefined;
    let timer: Timer | undefined;
    const isOver = await new Promise<boolean>((resolve) => {
      const wake = (): void => resolve(false);
      this.#wakers.add(wake);
      if (idleMaxMs !== undefined)
        timer = setTimeout(() => {
          // Else it was woken in this very moment.
          if (this.#wakers.delete(wake)) resolve(true);
        }, idleMaxMs);
    });
    clearTimeout(timer);
    return isOver;
  }

  /** A worker with the current rules, or `undefined` when it did not start. */
  async #start(): Promise<WorkerProcess | undefined> {
    let worker: WorkerProcess | undefined;
    const { memoryMaxBytes, nice, onTrouble } = this.#options;
    try {
      worker = await WorkerProcess.start({
        yara: this.#name === "scan",
        memoryMaxBytes: memoryMaxBytes * 1.5,
        ...(nice === undefined ? {} : { nice }),
      });
      this.#workers.add(worker);
      this.#count.workersStarted++;
      const snapshot = this.#snapshot();
      if (snapshot !== undefined) {
        const { digest: rulesDigest, sizeBytes, descriptor } = snapshot;
        const answer = await worker.ask({ type: "restore", rulesDigest, sizeBytes }, this.#options.deadlineMs * 4, [
          descriptor,
        ]);
        if (answer.type !== "restored" || answer.error !== "")
          throw new WorkerError("crash", `cannot take the rules: ${answer.type === "restored" ? answer.error : "?"}`);
      }
      this.#failedStarts = 0;
      if (this.#isClosed) worker.kill();
      return worker;
    } catch (error) {
      this.#failedStarts++;
      worker?.kill();
      await worker?.gone;
      if (worker !== undefined) this.#workers.delete(worker);
      if (!this.#isClosed)
        onTrouble?.("a scan worker did not start", {
          lane: this.#name,
          error: String((error as Error).message),
          stderr: worker?.stderr ?? "",
        });
      return undefined;
    }
  }

  /** False when the worker must be replaced. */
  async #do(worker: WorkerProcess, job: Waiting): Promise<boolean> {
    let answer: FromWorker;
    try {
      answer = await worker.ask(job.request, this.#options.deadlineMs, [job.descriptor]);
    } catch (error) {
      if (this.#isClosed) this.#answer(job, { status: "unscannable", reason: "scanning stopped" });
      else this.#broke(worker, job, error);
      return false;
    }
    if (answer.type === "scanned") this.#answer(job, { status: "scanned", answer });
    else if (answer.type === "unscannable") this.#answer(job, { status: "unscannable", reason: String(answer.reason) });
    else {
      this.#answer(job, { status: "unscannable", reason: "its worker said something else" });
      return false;
    }
    if (answer.peakBytes <= this.#options.memoryMaxBytes && worker.jobs < jobsPerWorkerMax) return true;
    this.#count.recycled++;
    return false;
  }

  #broke(worker: WorkerProcess, job: Waiting, error: unknown): void {
    const failure = error instanceof WorkerError ? error.failure : "crash";
    this.#count[failure === "timeout" ? "timeouts" : failure === "memory" ? "memoryKills" : "crashes"]++;
    if (failure === "crash") {
      const { stderr } = worker;
      this.#options.onTrouble?.("a scan worker died", { lane: this.#name, stderr });
      if (job.retries < retriesMax) {
        job.retries++;
        // To the front: it has waited its turn.
        this.#queue.unshift(job);
        return;
      }
    }
    this.#answer(job, { status: "unscannable", reason: (error as Error).message, failure });
  }

  #answer(job: Waiting, result: JobResult): void {
    this.#count.answered++;
    if (result.status === "unscannable") this.#count.unscannable++;
    closeSync(job.descriptor);
    job.resolve(result);
  }
}
