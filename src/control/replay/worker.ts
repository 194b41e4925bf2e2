// The worker of a replay that reads several files at once: takes one file after another, looks at its events by themselves, and sends those that
// matter to the main thread, which evaluates them in order. What it sends is bounded: it waits until the main thread has taken some.

import { SigmaDetectionHandler } from "../../detect/mod.ts";
import { FieldTable, type NormalizedEvent } from "../../event/mod.ts";
import { JsonNormalizer } from "../../normalize/mod.ts";
import { BatchWriter } from "./batch.ts";
import { type DetectorSpec, makeDetectors } from "./detectors.ts";
import type { InputFile } from "./inputs.ts";
import { batchesWaitingMax, messagesPerInputMax } from "./limits.ts";
import { type InputKind, type InputMessage, type ReadResult, readInput } from "./read-input.ts";

/** What the main thread says. */
export type ToReader =
  | {
      readonly kind: "start";
      readonly spec: DetectorSpec;
      readonly input: InputKind;
      readonly sinceMs: number;
      readonly untilMs: number;
    }
  | { readonly kind: "read"; readonly file: InputFile; readonly index: number }
  /** A batch was taken. */
  | { readonly kind: "taken" };

/** What a reader says. */
export type FromReader =
  | { readonly kind: "batch"; readonly batch: Uint8Array<ArrayBuffer> }
  /** Of the file that is being read: stored bytes, and events in the time asked for. */
  | { readonly kind: "progress"; readonly storedBytes: number; readonly events: number }
  | ({ readonly kind: "done"; readonly index: number } & ReadOutcome)
  | { readonly kind: "failed"; readonly reason: string };

export interface ReadOutcome {
  readonly result: ReadResult;
  /** Events in the time asked for. */
  readonly events: number;
  /** For the log, the first {@link messagesPerInputMax} of them. */
  readonly messages: readonly InputMessage[];
  readonly messageCount: number;
  /** Faults inside the engine while it was read. */
  readonly faultCount: number;
}

/** The end of the port that a worker has. */
export interface ReaderPort {
  postMessage(message: FromReader, transfer: ArrayBuffer[]): void;
}

/** Serves the main thread; gives what takes its messages. */
export function serveReader(port: ReaderPort): (message: ToReader) => void {
  let reader: Reader | undefined;
  return (message) => {
    switch (message.kind) {
      case "start":
        reader = new Reader(port, message);
        return;
      case "taken":
        reader?.taken();
        return;
      case "read":
        reader?.read(message.file, message.index).catch((error: unknown) => {
          port.postMessage({ kind: "failed", reason: error instanceof Error ? error.message : String(error) }, []);
        });
    }
  };
}

class Reader {
  readonly #port: ReaderPort;
  readonly #options: Extract<ToReader, { kind: "start" }>;
  readonly #fields = new FieldTable();
  readonly #detectors: ReturnType<typeof makeDetectors>;
  readonly #handler: SigmaDetectionHandler<NormalizedEvent>;
  readonly #batches: BatchWriter;
  #waiting = 0;
  #faults = 0;
  #onTaken: (() => void) | undefined;

  constructor(port: ReaderPort, options: Extract<ToReader, { kind: "start" }>) {
    this.#port = port;
    this.#options = options;
    this.#detectors = makeDetectors(options.spec, this.#fields);
    this.#handler = new SigmaDetectionHandler(this.#detectors.store, this.#fields, () => {});
    this.#batches = new BatchWriter(new JsonNormalizer(this.#fields), (batch) => {
      this.#waiting++;
      port.postMessage({ kind: "batch", batch }, [batch.buffer]);
    });
  }

  taken(): void {
    this.#waiting--;
    this.#onTaken?.();
    this.#onTaken = undefined;
  }

  async read(file: InputFile, index: number): Promise<void> {
    const { input, sinceMs, untilMs } = this.#options;
    const messages: InputMessage[] = [];
    let messageCount = 0;
    let events = 0;
    const result = await readInput(file, index, {
      input,
      fields: this.#fields,
      stdin: process.stdin,
      onEvent: (record, bytes) => {
        const { event } = record;
        if (event.timeMs < sinceMs || event.timeMs >= untilMs) return;
        events++;
        if (this.#handler.examine(event) !== undefined) this.#batches.add(record, bytes);
      },
      onMessage: (message) => {
        if (++messageCount <= messagesPerInputMax) messages.push(message);
      },
      onProgress: (storedBytes) => {
        this.#port.postMessage({ kind: "progress", storedBytes, events }, []);
        return this.#waiting < batchesWaitingMax ? undefined : this.#untilTaken();
      },
    });
    this.#batches.flush();
    const faults = this.#detectors.engine.stats.faultCount;
    const faultCount = faults - this.#faults;
    this.#faults = faults;
    this.#port.postMessage({ kind: "done", index, result, events, messages, messageCount, faultCount }, []);
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTaken = resolve;
    });
  }
}
