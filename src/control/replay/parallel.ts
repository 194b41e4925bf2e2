// Several inputs read at once, by workers that look at each event by itself. What they find comes back in no order; the sorter of the main thread
// has a total one, so the result is that of reading one after another.

import type { JsonNormalizer } from "../../normalize/mod.ts";
import { spawnWorker } from "../../workers.ts";
import { readBatch } from "./batch.ts";
import type { DetectorSpec } from "./detectors.ts";
import type { InputFile } from "./inputs.ts";
import type { Pending } from "./order.ts";
import type { InputKind } from "./read-input.ts";
import type { FromReader, ReadOutcome, ToReader } from "./worker.ts";

export interface ParallelOptions {
  readonly spec: DetectorSpec;
  /** Workers; at most one a file is started. */
  readonly count: number;
  readonly input: InputKind;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly normalizer: JsonNormalizer;
  /** Gets what a detector found something in. */
  readonly onRecord: (record: Pending, bytes: number) => void;
  /** Gets stored bytes and events over all files. */
  readonly onProgress: (storedBytes: number, events: number) => void;
}

/** A file to read, and its number among the inputs. */
export type Job = readonly [index: number, file: InputFile];

/** Reads the files and gives what came of each, by its number. Rejects when a worker fails: that is a fault of the program. */
export async function readParallel(
  jobs: readonly Job[],
  options: ParallelOptions,
): Promise<ReadonlyMap<number, ReadOutcome>> {
  const outcomes = new Map<number, ReadOutcome>();
  const left = [...jobs];
  const done = { bytes: 0, events: 0 };
  const now = new Map<Worker, { bytes: number; events: number }>();
  const tell = (): void => {
    let { bytes, events } = done;
    for (const each of now.values()) {
      bytes += each.bytes;
      events += each.events;
    }
    options.onProgress(bytes, events);
  };
  const workers: Worker[] = [];
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = spawnWorker("replay");
      workers.push(worker);
      const post = (message: ToReader): void => worker.postMessage(message);
      const next = (): void => {
        const job = left.shift();
        if (job === undefined) resolve();
        else post({ kind: "read", index: job[0], file: job[1] });
      };
      const fail = (reason: string): void => reject(new Error(`Cannot read inputs: a worker failed: ${reason}`));
      worker.addEventListener("error", (event) => fail((event as ErrorEvent).message));
      worker.addEventListener("close", () => fail("it ended"));
      worker.addEventListener("message", ({ data }: MessageEvent<FromReader>) => {
        try {
          switch (data.kind) {
            case "batch":
              readBatch(data.batch, options.normalizer, options.onRecord);
              post({ kind: "taken" });
              return;
            case "progress":
              now.set(worker, { bytes: data.storedBytes, events: data.events });
              tell();
              return;
            case "done":
              now.delete(worker);
              done.bytes += data.result.storedBytes;
              done.events += data.events;
              outcomes.set(data.index, data);
              tell();
              next();
              return;
            case "failed":
              fail(data.reason);
          }
        } catch (error) {
          reject(error);
        }
      });
      const { spec, input, sinceMs, untilMs } = options;
      post({ kind: "start", spec, input, sinceMs, untilMs });
      next();
    });
  try {
    await Promise.all(Array.from({ length: Math.min(options.count, jobs.length) }, one));
  } finally {
    for (const worker of workers) worker.terminate();
  }
  return outcomes;
}
