// Recorded JSON to a NormalizedEvent: recognises the shape, flattens it, finds its source and its time, and adds the names
// that Sigma rules use where the record has others.

import { type FieldTable, sourceRow } from "../../event/mod.ts";
import { addBuiltin } from "./builtin.ts";
import { classify } from "./classify.ts";
import { type Fields, RecordedEvent } from "./recorded-event.ts";
import { flatten } from "./shapes.ts";
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
    const source = classify(flat);
    addBuiltin(source, flat.fields);
    let timeMs: number | undefined;
    for (const time of flat.times) {
      if (time === undefined) continue;
      timeMs = parseTime(time);
      if (timeMs !== undefined) break;
    }
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
}
