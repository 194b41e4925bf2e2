// The agent as a bare child process, for tests of what LiveAgent takes for granted: signals, exit codes, streams, folders, rights.

import { existsSync, readFileSync } from "node:fs";
import { searchPath } from "./agent.ts";

export interface RawOptions {
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Path of a file that takes stdout; a pipe that is read when absent. */
  readonly stdout?: string;
}

/** Bounds what is kept of a stream: no test writes as much. */
const keptMaxChars = 8 * 1024 * 1024;

export class RawAgent {
  out = "";
  log = "";
  readonly #child: Bun.Subprocess;
  readonly #stdoutFile: string | undefined;
  readonly #read: Promise<unknown>;
  readonly #killAtExit = (): void => this.#child.kill("SIGKILL");

  constructor(command: readonly string[], options: RawOptions) {
    this.#stdoutFile = options.stdout;
    const child = Bun.spawn([...command], {
      cwd: options.cwd,
      env: { PATH: searchPath, HOME: "/root", LANG: "C.UTF-8", ...options.environment },
      stdin: "ignore",
      stdout: options.stdout === undefined ? "pipe" : Bun.file(options.stdout),
      stderr: "pipe",
    });
    this.#child = child;
    process.on("exit", this.#killAtExit);
    const take = async (stream: ReadableStream<Uint8Array>, keep: (text: string) => void): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) keep(decoder.decode(chunk, { stream: true }));
    };
    const streams = [
      take(child.stderr as ReadableStream<Uint8Array>, (text) => {
        this.log = (this.log + text).slice(-keptMaxChars);
      }),
    ];
    if (options.stdout === undefined)
      streams.push(
        take(child.stdout as ReadableStream<Uint8Array>, (text) => {
          this.out = (this.out + text).slice(-keptMaxChars);
        }),
      );
    this.#read = Promise.all(streams);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What stdout got so far. */
  get stdout(): string {
    if (this.#stdoutFile === undefined) return this.out;
    return existsSync(this.#stdoutFile) ? readFileSync(this.#stdoutFile, "utf8") : "";
  }

  /** Waits until the condition holds; throws with the log when it does not in time, or when the agent ends before. */
  async until(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!condition()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        await Promise.race([this.#read, Bun.sleep(2000)]);
        if (condition()) return;
        throw new Error(`The agent ended (${this.#child.exitCode}) before ${what}:\n${this.log}`);
      }
      if (performance.now() > endMs) throw new Error(`No ${what} within ${timeoutMs} ms:\n${this.log}`);
      await Bun.sleep(10);
    }
  }

  /** Waits for a text in the log, after what was there at `from`. */
  async logs(text: string, from = 0): Promise<void> {
    await this.until(() => this.log.indexOf(text, from) >= 0, `"${text}"`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** How it ended: exit code, or the signal's name. Throws when it does not end in time. */
  async end(timeoutMs = 35_000): Promise<{ code: number | string; endMs: number }> {
    const beganMs = performance.now();
    const ended = await Promise.race([this.#child.exited, Bun.sleep(timeoutMs).then(() => undefined)]);
    if (ended === undefined) {
      this.#child.kill("SIGKILL");
      throw new Error(`No end within ${timeoutMs} ms:\n${this.log}`);
    }
    const endMs = performance.now() - beganMs;
    await Promise.race([this.#read, Bun.sleep(2000)]);
    process.off("exit", this.#killAtExit);
    return { code: this.#child.signalCode ?? ended, endMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await Promise.race([this.#child.exited, Bun.sleep(2000)]);
    process.off("exit", this.#killAtExit);
  }
}
