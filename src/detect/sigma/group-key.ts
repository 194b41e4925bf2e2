// What of an event a correlation reads: the values that make its group, and the value that is counted or added up.

import { createHash } from "node:crypto";
import type { Group } from "./group.ts";
import type { CorrelationType, Feed } from "./ir.ts";
import { groupValueLengthMax, valueMembersMax } from "./limits.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { numericValue, scalarText } from "./value.ts";

/** How the fields of one feed are read: by slot, or from the group of the correlation that feeds it. */
export interface Reader {
  readonly feed: number;
  readonly groupBy: readonly FieldReader[];
  readonly valueFields: readonly FieldReader[];
}
export interface FieldReader {
  readonly slot: number;
  /** Index into the group values of the correlation below; -1 for a field of the event. */
  readonly inner: number;
}

const numberTypes: ReadonlySet<CorrelationType> = new Set([
  "value_sum",
  "value_avg",
  "value_percentile",
  "value_median",
]);

export function readerOf(from: Feed, feed: number, inner: readonly string[], slots: SlotTable): Reader {
  const fieldReader = (name: string): FieldReader => ({ slot: slots.slot(name), inner: inner.indexOf(name) });
  return { feed, groupBy: from.groupBy.map(fieldReader), valueFields: from.valueFields.map(fieldReader) };
}

/** The texts of all fields; `undefined` when one is absent, null or an object. */
export function textsOf(
  readers: readonly FieldReader[],
  event: SigmaEvent,
  group: Group | undefined,
): string[] | undefined {
  const texts: string[] = [];
  for (const reader of readers) {
    const text = groupText(fieldValue(reader, event, group));
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return texts;
}

function fieldValue({ slot, inner }: FieldReader, event: SigmaEvent, group: Group | undefined): Value {
  return group !== undefined && inner !== -1 ? group.values[inner] : event.get(slot);
}

/** What a window takes of an event; `undefined` when the event lacks it. */
export function sampleOf(
  type: CorrelationType,
  { valueFields }: Reader,
  event: SigmaEvent,
  group: Group | undefined,
): { text: string; number: number } | undefined {
  if (type === "value_count") {
    const texts = textsOf(valueFields, event, group);
    return texts === undefined ? undefined : { text: keyOf(texts), number: 0 };
  }
  if (!numberTypes.has(type)) return { text: "", number: 0 };
  const number = numericValue(fieldValue(valueFields[0]!, event, group));
  return number === undefined || !Number.isFinite(number) ? undefined : { text: "", number };
}

/** A value as part of a group's key. A list is one value, its members in order. */
function groupText(value: Value): string | undefined {
  const text = Array.isArray(value) ? listText(value) : scalarText(value);
  return text === undefined || text.length <= groupValueLengthMax ? text : shortened(text);
}

function listText(list: readonly Value[]): string | undefined {
  if (list.length > valueMembersMax) return undefined;
  const texts = list.map(scalarText).filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : JSON.stringify(texts);
}

/** Different texts stay different. */
function shortened(text: string): string {
  const digest = createHash("sha256").update(text).digest("base64url");
  return `${text.slice(0, groupValueLengthMax - digest.length - 1)}…${digest}`;
}

/** One text for several, such that different ones stay different. */
export function keyOf(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : JSON.stringify(texts);
}
