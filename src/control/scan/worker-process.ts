// One scan worker as the pool sees it: a child process, a channel to it for jobs with descriptors, its stdout for answers. One request
// at a time, each with a deadline; a worker that misses it, says nonsense or grows too large is killed.

import { closeSync, readFileSync } from "node:fs";
import { createChannel, sendMessage } from "../../sensor/mod.ts";
import { scanWorkerCommand } from "../../workers.ts";
import { answerSizeMaxBytes, stderrKeptMaxBytes, watchIntervalMs, workerNice, workerStartTimeoutMs } from "./limits.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** Why a request has no answer. */
export type WorkerFailure = "timeout" | "memory" | "crash";

export class WorkerError extends Error {
  readonly code = "E_SCAN_WORKER";
  readonly failure: WorkerFailure;
  constructor(failure: WorkerFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export interface WorkerOptions {
  /** Whether it loads the YARA engine. */
  readonly yara: boolean;
  /** Resident bytes above which it is killed in the middle of a job. */
  readonly memoryMaxBytes: number;
  readonly nice?: number;
}

const pageBytes = 4096;
const newline = 0x0a;

export class WorkerProcess {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #channel: number;
  readonly #memoryMaxBytes: number;
  #pending: { resolve: (message: FromWorker) => void; reject: (error: WorkerError) => void } | undefined;
  #deadline: Timer | undefined;
  #watch: Timer | undefined;
  #failure: WorkerFailure = "crash";
  #isDead = false;
  #stderr = "";
  /** Jobs done. */
  jobs = 0;
  /** Resolves once it is gone, whyever. */
  readonly gone: Promise<void>;

  /** Starts one and waits until it is confined. Rejects with {@link WorkerError}. */
  static async start(options: WorkerOptions): Promise<WorkerProcess> {
    const worker = new WorkerProcess(options);
    const { yara, nice = workerNice } = options;
    try {
      const ready = await worker.ask({ type: "start", yara, nice, parent: process.pid }, workerStartTimeoutMs);
      if (ready.type !== "ready") throw new WorkerError("crash", "it does not know how to start");
      return worker;
    } catch (error) {
      worker.kill();
      throw error;
    }
  }

  private constructor({ memoryMaxBytes }: WorkerOptions) {
    this.#memoryMaxBytes = memoryMaxBytes;
    const channel = createChannel();
    this.#channel = channel.near;
    try {
      const [command = "", ...args] = scanWorkerCommand();
      this.#process = Bun.spawn([command, ...args], {
        stdio: ["ignore", "pipe", "pipe", channel.far],
        // Nothing of ours: an option of the engine or a library to preload would be code.
        env: {},
        cwd: "/",
      }) as Bun.Subprocess<"ignore", "pipe", "pipe">;
    } catch (error) {
      closeSync(channel.near);
      throw new WorkerError("crash", `cannot start a scan worker: ${String(error)}`);
    } finally {
      closeSync(channel.far);
    }
    this.gone = Promise.all([this.#readAnswers(), this.#readErrors(), this.#process.exited]).then(() => this.#end());
  }

  get pid(): number {
    return this.#process.pid;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Its last words, for the log. */
  get stderr(): string {
    return this.#stderr;
  }

  /** One request at a time. Rejects with {@link WorkerError}; the worker is then dead. */
  ask(message: ToWorker, timeoutMs: number, descriptors: readonly number[] = []): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#isDead || this.#pending !== undefined) {
        reject(new WorkerError("crash", "the worker is gone"));
        return;
      }
      this.#pending = { resolve, reject };
      this.#deadline = setTimeout(() => this.#give("timeout"), timeoutMs);
      this.#watch ??= setInterval(() => this.#look(), watchIntervalMs);
      if (!sendMessage(this.#channel, Buffer.from(JSON.stringify(message)), descriptors)) this.#give("crash");
    });
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #give(failure: WorkerFailure): void {
    this.#failure = failure;
    this.kill();
  }

  /** While it works: how much memory does it hold? */
  #look(): void {
    if (this.#pending === undefined) return;
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, "latin1").split(" ")[1]);
      if (pages * pageBytes > this.#memoryMaxBytes) this.#give("memory");
    } catch {
      // Gone: its end says so.
    }
  }

  async #readAnswers(): Promise<void> {
    let parts: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of this.#process.stdout) {
        parts.push(chunk);
        size += chunk.length;
        if (size > answerSizeMaxBytes) {
          this.#give("crash");
          return;
        }
        if (chunk.at(-1) !== newline) continue;
        const line = Buffer.concat(parts).toString("utf8");
        parts = [];
        size = 0;
        this.#take(line);
      }
    } catch {
      this.#give("crash");
    }
  }

  #take(line: string): void {
    const pending = this.#pending;
    let message: FromWorker;
    try {
      message = JSON.parse(line) as FromWorker;
      if (pending === undefined || typeof message?.type !== "string") throw new Error("unasked");
    } catch {
      this.#give("crash");
      return;
    }
    this.#settle();
    this.jobs++;
    pending.resolve(message);
  }

  #settle(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#pending = undefined;
  }

  async #readErrors(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.#process.stderr)
        if (this.#stderr.length < stderrKeptMaxBytes)
          this.#stderr += decoder.decode(chunk.subarray(0, stderrKeptMaxBytes - this.#stderr.length));
    } catch {
      // Nothing more is heard.
    }
  }

  #end(): void {
    this.#isDead = true;
    closeSync(this.#channel);
    const pending = this.#pending;
    this.#settle();
    const what = { timeout: "it took too long", memory: "it used too much memory", crash: "its worker ended" };
    pending?.reject(new WorkerError(this.#failure, what[this.#failure]));
  }
}
