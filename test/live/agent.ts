// Runs the real agent as a child process for tests: waits until it is ready, collects its alerts, proves that everything up to
// a moment has been looked at (a barrier), and stops it. Nothing here waits without a timeout, and a test that dies takes its
// agent with it.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { root } from "../../native/build-steps.ts";

/** One line of the agent's stdout. Nested ECS; read with {@link at}. */
export type Alert = Readonly<Record<string, unknown>>;

export interface LiveAgentOptions {
  /** Folders or files for `--rules`; the rules inside the binary when absent. */
  readonly rules?: readonly string[];
  /** Further arguments after `run`. */
  readonly args?: readonly string[];
  /** Text of `config.toml`; empty when absent, so that no configuration of the machine takes part. */
  readonly config?: string;
  /** On top of a small fixed environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly readyTimeoutMs?: number;
  /** Put before the agent's command line; it must become the agent's process, as `nsenter` does. */
  readonly prefix?: readonly string[];
}

/** What `stop` saw. */
export interface Stopped {
  readonly exitCode: number;
  /** The end of the agent's stderr. */
  readonly log: string;
  /** From SIGTERM to the end. */
  readonly stopMs: number;
}

/** Where programs that tests run are looked for. */
export const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Fast on an idle machine; a busy one with two cores needs its time. */
const readyTimeoutMsDefault = 30_000;
/** The contract grants 30 s for draining. */
const stopTimeoutMs = 35_000;
const barrierTimeoutMs = 30_000;
/** More alerts than any test makes: an agent in a loop must not fill the memory. */
const alertsMax = 500_000;
const lineSizeMaxChars = 4 * 1024 * 1024;
const logKeptMaxChars = 256 * 1024;

const barrierWord = "sigil-test-barrier";
const barrierRule = `title: Barrier of the live tests
id: 6c1f3a52-7d0e-4c65-9a1b-0f4be2a7c9d3
logsource: { product: linux, category: process_creation }
detection:
  barrier: { CommandLine|contains: ${barrierWord} }
  condition: barrier
level: critical
`;

/** How the agent is started: the built binary, or from source with SIGIL_TEST_AGENT=source or when nothing is built. */
export function agentCommand(): string[] {
  const binary = join(root, "dist/agent");
  if (process.env.SIGIL_TEST_AGENT !== "source" && existsSync(binary)) return [binary];
  return [process.execPath, join(root, "src/main.ts")];
}

/** The value at a dotted path of an alert (`process.parent.pid`), or undefined. */
export function at(alert: Alert, path: string): unknown {
  let value: unknown = alert;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/**
 * What the alert says was cut, or undefined: what is cut of ancestors' facts left out, because whoever started the test run may
 * have arguments of any length.
 */
export function cutsOf(alert: Alert): string[] | undefined {
  const names = ((at(alert, "sigil.truncated") as string[] | undefined) ?? []).filter(
    (name) => !name.startsWith("sigil.ancestors."),
  );
  return names.length === 0 ? undefined : names;
}

/** A word that occurs nowhere else: 16 random hexadecimal digits after `prefix`. */
export function uniqueToken(prefix: string): string {
  return `${prefix}${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

export class LiveAgent {
  /** All alerts so far in order of arrival, those of barriers left out. */
  readonly alerts: Alert[] = [];
  readonly #child: Subprocess<"ignore", "pipe", "pipe">;
  readonly #folder: string;
  readonly #lines: string[] = [];
  #log = "";
  #readyMs = 0;
  #failure: Error | undefined;
  readonly #barriers = new Set<string>();
  #wake: (() => void)[] = [];
  readonly #drained: Promise<unknown>;
  readonly #killAtExit = (): void => this.#child.kill("SIGKILL");

  private constructor(child: Subprocess<"ignore", "pipe", "pipe">, folder: string) {
    this.#child = child;
    this.#folder = folder;
    process.on("exit", this.#killAtExit);
    this.#drained = Promise.all([this.#readAlerts(), this.#readLog()]);
    void child.exited.then(() => this.#notify());
  }

  /** Starts `agent run` and returns when it has said `agent ready`. Throws with the log when it ends or stays silent. */
  static async start(options: LiveAgentOptions = {}): Promise<LiveAgent> {
    const folder = mkdtempSync(join(tmpdir(), "sigil-agent-"));
    writeFileSync(join(folder, "config.toml"), options.config ?? "");
    const rules = options.rules === undefined ? [] : [...options.rules, join(folder, "barrier.yml")];
    if (options.rules !== undefined) writeFileSync(join(folder, "barrier.yml"), barrierRule);
    const command = [
      ...(options.prefix ?? []),
      ...agentCommand(),
      "run",
      ...["--config", join(folder, "config.toml")],
      ...rules.flatMap((path) => ["--rules", path]),
      ...(options.args ?? []),
    ];
    // One socket can have one agent; tests run many.
    const isAsked = options.config?.includes("control_socket") === true;
    const quiet = isAsked ? {} : { EDR__SERVICE__CONTROL_SOCKET: "" };
    const startedMs = performance.now();
    const child = Bun.spawn(command, {
      cwd: folder,
      env: { PATH: searchPath, HOME: "/root", LANG: "C.UTF-8", ...quiet, ...options.environment },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const agent = new LiveAgent(child, folder);
    try {
      await agent.#until(
        () => agent.#log.includes("agent ready"),
        options.readyTimeoutMs ?? readyTimeoutMsDefault,
        "agent ready",
      );
    } catch (error) {
      await agent.kill();
      throw error;
    }
    agent.#readyMs = performance.now() - startedMs;
    return agent;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** From the start of the process to `agent ready`. */
  get readyMs(): number {
    return this.#readyMs;
  }

  /** The end of the agent's stderr so far. */
  get log(): string {
    return this.#log;
  }

  /** Alerts whose JSON contains `text` anywhere. Linear in the size of all alerts. */
  containing(text: string): Alert[] {
    return this.alerts.filter((_, index) => this.#lines[index]!.includes(text));
  }

  /** The first alert, present or future, that satisfies the predicate; throws when it does not come in time. */
  async waitFor(predicate: (alert: Alert) => boolean, what: string, timeoutMs = barrierTimeoutMs): Promise<Alert> {
    let seen = 0;
    let found: Alert | undefined;
    const look = (): boolean => {
      for (; seen < this.alerts.length && found === undefined; seen++)
        if (predicate(this.alerts[seen]!)) found = this.alerts[seen];
      return found !== undefined;
    };
    await this.#until(look, timeoutMs, what);
    return found!;
  }

  /**
   * Returns when the agent has judged every process that started before the call: starts a process that certainly fires and
   * waits for its alert, which leaves in order behind the others.
   */
  async barrier(timeoutMs = barrierTimeoutMs): Promise<void> {
    const token = uniqueToken(`${barrierWord}-`);
    this.#barriers.add(token);
    // The address makes the starter rule for miners fire; given rules are joined by a rule of the barrier's own.
    await runProgram(["/bin/true", `stratum+tcp://${token}`], { timeoutMs });
    await this.#until(() => !this.#barriers.has(token), timeoutMs, "the alert of a barrier");
  }

  /**
   * As {@link barrier} for activities, which come through another ring: makes the file `path` and waits for the alert of it, which the
   * rules of the caller must make (category file_event).
   */
  async fileBarrier(path: string, timeoutMs = barrierTimeoutMs): Promise<void> {
    writeFileSync(path, "", { flag: "wx" });
    const from = this.alerts.length;
    const isThere = (alert: Alert): boolean => at(alert, "file.path") === path;
    await this.#until(() => this.alerts.slice(from).some(isThere), timeoutMs, "the alert of a file");
  }

  /** SIGTERM, then everything to the end of both streams. Throws when the exit code is not 0 or the agent does not stop in time. */
  async stop(): Promise<Stopped> {
    const beganMs = performance.now();
    this.#child.kill("SIGTERM");
    const ended = await within(this.#child.exited, stopTimeoutMs);
    const stopMs = performance.now() - beganMs;
    await this.kill();
    if (ended === undefined)
      throw new Error(`Cannot stop the agent: no end ${stopTimeoutMs} ms after SIGTERM\n${this.#log}`);
    if (this.#failure !== undefined) throw this.#failure;
    if (ended !== 0)
      throw new Error(
        `The agent ended with ${this.#child.signalCode ?? `exit code ${ended}`} after SIGTERM\n${this.#log}`,
      );
    return { exitCode: ended, log: this.#log, stopMs };
  }

  /** SIGKILL if it still runs, and the removal of its folder. Never throws; may be called twice. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await within(Promise.all([this.#child.exited, this.#drained]), 5_000);
    process.off("exit", this.#killAtExit);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        await within(this.#drained, 5_000);
        if (condition()) return;
        const end = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
        throw new Error(`Cannot wait for ${what}: the agent ended with ${end}\n${this.#log}`);
      }
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`Cannot wait any longer for ${what}: ${timeoutMs} ms\n${this.#log}`);
      await within(new Promise<void>((resolve) => this.#wake.push(resolve)), leftMs);
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const one of wake) one();
  }

  #fail(message: string): void {
    this.#failure ??= new Error(message);
  }

  async #readAlerts(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      if (rest.length > lineSizeMaxChars)
        this.#fail(`The agent wrote a line of more than ${lineSizeMaxChars} characters`);
      for (const line of lines) this.#line(line);
      this.#notify();
    }
    if (rest !== "") this.#fail(`The agent's last line has no end: ${rest.slice(0, 200)}`);
    this.#notify();
  }

  #line(line: string): void {
    if (line.includes(barrierWord)) {
      for (const token of this.#barriers) if (line.includes(token)) this.#barriers.delete(token);
      return;
    }
    if (this.alerts.length >= alertsMax) {
      this.#fail(`The agent wrote more than ${alertsMax} alerts`);
      return;
    }
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("not an object");
      this.alerts.push(value as Alert);
      this.#lines.push(line);
    } catch (error) {
      this.#fail(
        `The agent wrote a line that is not a JSON object (${(error as Error).message}): ${line.slice(0, 200)}`,
      );
    }
  }

  async #readLog(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#log = (this.#log + decoder.decode(chunk, { stream: true })).slice(-logKeptMaxChars);
      this.#notify();
    }
    this.#notify();
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Ran {
  readonly pid: number;
  readonly exitCode: number;
  /** stdout, then stderr; taken through files: the program sees no pipe and no socket. */
  readonly output: string;
}

/** Runs a program with a small fixed environment, stdin from /dev/null. Throws when it does not end in time. */
export async function runProgram(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "sigil-output-"));
  // A file each: opened twice, one file would overwrite itself.
  const streams = [Bun.file(join(folder, "stdout")), Bun.file(join(folder, "stderr"))] as const;
  const timeoutMs = options.timeoutMs ?? 30_000;
  try {
    const child = Bun.spawn([...command], {
      cwd: options.cwd ?? "/",
      env: { PATH: searchPath, HOME: "/root", LANG: "C.UTF-8", ...options.environment },
      stdin: "ignore",
      stdout: streams[0],
      stderr: streams[1],
    });
    const ended = await within(child.exited, timeoutMs);
    if (ended === undefined) {
      child.kill("SIGKILL");
      throw new Error(`Cannot run ${command.join(" ")}: no end after ${timeoutMs} ms`);
    }
    const texts = await Promise.all(streams.map(async (one) => ((await one.exists()) ? one.text() : "")));
    return { pid: child.pid, exitCode: child.signalCode === null ? ended : 128, output: texts.join("") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The result of a promise, or undefined after `timeoutMs`. */
async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
