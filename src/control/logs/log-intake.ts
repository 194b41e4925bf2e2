// The detect worker's end of the ring of log lines: bytes to events. Whatever stands in a log was written by anybody: a line that is
// nothing is counted, never thrown.

import type { EventContext } from "../../alert/mod.ts";
import type { FieldTable } from "../../event/mod.ts";
import { type Fields, type RecordedEvent, SyslogNormalizer, valueText } from "../../normalize/mod.ts";
import { RingReader, readMessage } from "../../ring/mod.ts";
import { logLineKind, unpackLogLine } from "./message.ts";

export interface LogIntakeStats {
  /** Lines and records taken from the ring. */
  taken: number;
  /** Records of the journal that are no JSON object. */
  malformed: number;
}

/** A line whose own time is further from now is taken to be of now: a window of a correlation must not open in another year. */
const driftMaxMs = 86_400_000;

export class LogIntake {
  readonly stats: LogIntakeStats = { taken: 0, malformed: 0 };
  readonly #ring: RingReader;
  readonly #normalizer: SyslogNormalizer;
  /** File that a line came from; nothing for the journal. */
  readonly #paths = new WeakMap<RecordedEvent, string>();

  constructor(memory: SharedArrayBuffer, fields: FieldTable) {
    this.#ring = new RingReader(memory);
    this.#normalizer = new SyslogNormalizer(fields);
  }

  /** Hands the events of what is in the ring to `route`, `max` at most; returns how many lines were taken. */
  drain(route: (event: RecordedEvent) => void, max: number): number {
    return this.#ring.drain((at) => {
      this.stats.taken++;
      const { kind, payload } = readMessage(this.#ring.bytes, at);
      const event = kind === logLineKind ? this.#line(payload) : this.#journal(payload);
      if (event === undefined) return;
      const nowMs = Date.now();
      if (event.undated || Math.abs(event.timeMs - nowMs) > driftMaxMs) event.timeMs = nowMs;
      route(event);
    }, max);
  }

  /** Path of the file that an event of {@link drain} was read from; empty for the journal. */
  pathOf(event: RecordedEvent): string {
    return this.#paths.get(event) ?? "";
  }

  /** The process that wrote the event, where the journal vouches for it: anybody can write a pid into a line. */
  static writerOf(event: RecordedEvent): number | undefined {
    const { pid, uid } = event.fields;
    return event.origin.provider === "journald" && uid !== undefined && typeof pid === "string"
      ? Number(pid)
      : undefined;
  }

  #line(payload: Buffer): RecordedEvent | undefined {
    const { path, readMs, line } = unpackLogLine(payload);
    // A file that lost its last blocks in a crash has zeros there.
    const event = this.#normalizer.line(line.replace(/^\0+/, ""), { path, referenceMs: readMs, zone: "local" });
    if (event !== undefined) this.#paths.set(event, path);
    return event;
  }

  #journal(payload: Buffer): RecordedEvent | undefined {
    try {
      const record: unknown = JSON.parse(payload.toString());
      if (typeof record === "object" && record !== null && !Array.isArray(record))
        return this.#normalizer.journal(record as Fields);
    } catch {
      // Counted like everything else that is no record.
    }
    this.stats.malformed++;
    return undefined;
  }
}

/** The event of a log line as an alert shows it. `path` is empty for the journal. */
export function logEventContext(event: RecordedEvent, path: string): EventContext {
  const fields = Object.fromEntries(Object.entries(event.fields).map(([name, value]) => [name, valueText(value)]));
  return {
    kind: event.kind,
    timeMs: event.timeMs,
    provider: event.origin.provider,
    code: event.origin.code,
    fields,
    truncated: [],
    ...(path === "" ? {} : { logPath: path }),
  };
}
