// All outputs of the agent behind one door. Live, nothing waits: what does not fit is dropped and counted, and the sensor never
// stalls. In replay the caller waits whenever `write` says so, and nothing is lost while memory stays bounded.

import type { OutputRecord } from "../alert/mod.ts";
import { outputCountMax } from "./limits.ts";
import { Output, type OutputNotice, type OutputOptions, type OutputStats } from "./output.ts";
import { SinkError } from "./target.ts";

export interface AlertSinkOptions {
  readonly outputs: readonly OutputOptions[];
  /**
   * Called when an output fails, recovers, closes (a reader that went away: code `EPIPE`) or begins to drop lines (at most every 10 s).
   * May call `write`. What it throws is lost.
   */
  readonly onNotice?: (notice: OutputNotice) => void;
}

export class AlertSink {
  readonly #outputs: readonly Output[];

  /** Opens every output; throws {@link SinkError} for the first that cannot be opened, with none left open. */
  constructor(options: AlertSinkOptions) {
    if (options.outputs.length > outputCountMax)
      throw new SinkError(
        "E_SINK_TOO_MANY",
        `Cannot open ${options.outputs.length} outputs: at most ${outputCountMax}`,
      );
    const notify = (notice: OutputNotice): void => {
      try {
        options.onNotice?.(notice);
      } catch {
        // A listener must not break the writer; it has its own log.
      }
    };
    const opened: Output[] = [];
    try {
      for (const output of options.outputs) opened.push(new Output(output, notify));
    } catch (error) {
      for (const output of opened) output.close();
      throw error;
    }
    this.#outputs = opened;
  }

  /**
   * Offers a record to every output. Returns at once. `false` asks a caller that may not lose lines to await {@link drain} before
   * the next record; who does so after each `false` loses nothing to a slow reader. Live callers ignore it.
   */
  write(record: OutputRecord): boolean {
    let hasRoom = true;
    for (const output of this.#outputs) {
      output.write(record);
      if (output.isFull) hasRoom = false;
    }
    return hasRoom;
  }

  /** Resolves when every open output has room. Waits as long as a reader sleeps; returns at once when none is open. */
  async drain(): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.drained()));
  }

  /** Writes out what is queued. Resolves `false` when the time was not enough or an output is closed; never rejects. */
  async flush(timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    const done = await Promise.all(this.#outputs.map((output) => output.flushed(deadlineMs)));
    return done.every((isFlushed) => isFlushed);
  }

  /** Opens all paths again (SIGUSR1, after a rotation). Resolves with why some could not be: these go on with the old file. */
  async reopen(): Promise<readonly SinkError[]> {
    const results = await Promise.allSettled(this.#outputs.map((output) => output.reopen()));
    return results.flatMap((result) => (result.status === "rejected" ? [result.reason as SinkError] : []));
  }

  /** Flushes, then closes all outputs; what is left counts as failed. Resolves with the last counters. */
  async close(timeoutMs: number): Promise<readonly OutputStats[]> {
    await this.flush(timeoutMs);
    for (const output of this.#outputs) output.close();
    return this.stats();
  }

  /** Whether any output still takes lines. */
  get isOpen(): boolean {
    return this.#outputs.some((output) => !output.isClosed);
  }

  /** One entry an output, in the order of the options. */
  stats(): readonly OutputStats[] {
    return this.#outputs.map((output) => output.stats());
  }
}
