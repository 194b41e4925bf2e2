// Recorded events to a NormalizedEvent: recognises the shape of JSON and flattens it, or takes what the EVTX reader made flat;
// finds the source and the time, and adds the names that Sigma rules use where the record has others.

import { type FieldTable, type SourceId, sourceRow } from "../../event/mod.ts";
import type { EvtxRecord } from "../evtx/mod.ts";
import { addBuiltin } from "./builtin.ts";
import { classify } from "./classify.ts";
import { type Fields, type Origin, RecordedEvent } from "./recorded-event.ts";
import { type Flat, flatten } from "./shapes.ts";
import { parseTime } from "./time.ts";

export class JsonNormalizer {
  readonly #table: FieldTable;

  /** `table` is the one that the rules are compiled against. */
  constructor(table: FieldTable) {
    this.#table = table;
  }

  /**
   * The event of one parsed record, or `undefined` when the value is not an object (so not an event). Takes the value over:
   * a flat record becomes the event's fields without a copy. Never throws. O(fields of the record).
   */
  normalize(value: unknown): RecordedEvent | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const flat = flatten(value as Fields);
    let timeMs: number | undefined;
    for (const time of flat.times) {
      if (time === undefined) continue;
      timeMs = parseTime(time);
      if (timeMs !== undefined) break;
    }
    return this.#event(flat, timeMs);
  }

  /** The event of a record of an event log file: the same as of its JSON form. Takes the record over. Never throws. O(fields). */
  normalizeEvtx(record: EvtxRecord): RecordedEvent {
    const { fields, channel, provider, eventId, computer, recordId } = record;
    const flat: Flat = {
      shape: "evtx",
      fields,
      raw: fields,
      channel,
      provider,
      eventId,
      host: computer,
      recordId,
      product: "",
      times: [],
    };
    return this.#event(flat, parseTime(fields.UtcTime) ?? inRange(record.timeMs));
  }

  #event(flat: Flat, timeMs: number | undefined): RecordedEvent {
    const source = classify(flat);
    addBuiltin(source, flat.fields);
    const product = sourceRow(source).product;
    return new RecordedEvent(this.#table, flat.fields, {
      source,
      timeMs,
      product: product === "windows" || product === "linux" || product === "macos" ? product : flat.product,
      host: flat.host,
      provider: flat.provider === "" ? flat.channel : flat.provider,
      code: Number.isNaN(flat.eventId) ? "" : String(flat.eventId),
      recordId: flat.recordId,
      raw: flat.raw,
    });
  }

  /** The event as text that {@link unpack} makes the same event from, for the time that it must wait on disk. O(size). */
  pack(event: RecordedEvent): string {
    const { source, product, host, provider, code, recordId, raw, process } = event.origin;
    // What the fields were made from says all, and less is written; fields that are all there is stand for themselves.
    if (raw !== event.fields) return JSON.stringify(raw);
    const packed: Packed = [event.fields, source, event.undated, product, host, provider, code, recordId, process];
    return JSON.stringify(packed);
  }

  /** The event that {@link pack} wrote as `text`, which happened at `timeMs`. */
  unpack(text: string, timeMs: number): RecordedEvent {
    const value: unknown = JSON.parse(text);
    let event: RecordedEvent | undefined;
    if (Array.isArray(value)) {
      const [fields, source, undated, product, host, provider, code, recordId, process] = value as unknown as Packed;
      const about = process === undefined || process === null ? {} : { process };
      const origin = { source, product, host, provider, code, recordId, raw: fields, ...about };
      event = new RecordedEvent(this.#table, fields, { ...origin, timeMs: undated ? undefined : timeMs });
    } else event = this.normalize(value);
    if (event === undefined) throw new Error("Cannot unpack an event: it was not packed here");
    event.timeMs = timeMs;
    return event;
  }
}

type Packed = readonly [
  fields: Fields,
  source: SourceId,
  undated: boolean,
  product: Origin["product"],
  host: string,
  provider: string,
  code: string,
  recordId: string,
  process?: Origin["process"] | null,
];

/** A record's own time, unless it is before 1970: nothing was logged then. */
const inRange = (ms: number): number | undefined => (ms >= 0 && ms < 253_402_300_800_000 ? ms : undefined);
