// A NormalizedEvent over the flat fields of one record of a recording. It owns its fields: unlike the live view it stays
// valid, so that records can wait while inputs are merged by time.

import {
  type EventKind,
  type FieldTable,
  type FieldValue,
  type NormalizedEvent,
  type SourceId,
  sourceRow,
} from "../../event/mod.ts";

/** Flat fields by Sysmon-style name. May have the prototype of a plain object: read it through {@link own}. */
export type Fields = Record<string, FieldValue>;

/** What is known of a record beyond its fields. */
export interface Origin {
  readonly source: SourceId;
  readonly timeMs: number | undefined;
  /** `windows`, `linux`, `macos`, or empty when the record does not say. */
  readonly product: string;
  /** Name of the host as the record gives it; empty when it does not. */
  readonly host: string;
  /** Provider or module that wrote it; empty when unknown. */
  readonly provider: string;
  /** Event id of its source, as text. */
  readonly code: string;
  /** Number of the record in its event log; empty when unknown. */
  readonly recordId: string;
  /** The record as it was read, or its fields when it had another form; fields that a rule names with dots are looked up in it. */
  readonly raw: Fields;
  /**
   * What other records of the same event say of its process, where a source spreads an event over several: for alerts, never for rules.
   * Names are those of the source.
   */
  readonly process?: Readonly<Record<string, string | readonly string[]>>;
}

/** Walks deeper than this stop: no source nests like it, hostile input does. */
const depthMax = 32;

export class RecordedEvent implements NormalizedEvent {
  readonly kind: EventKind;
  readonly source: SourceId;
  /** 0 until the reader gave an undated record the time of the one before it. */
  timeMs: number;
  /** The record has no time that could be read. */
  readonly undated: boolean;
  readonly fields: Fields;
  readonly origin: Origin;
  readonly #table: FieldTable;

  constructor(table: FieldTable, fields: Fields, origin: Origin) {
    this.#table = table;
    this.fields = fields;
    this.origin = origin;
    this.source = origin.source;
    this.kind = sourceRow(origin.source).kind;
    this.undated = origin.timeMs === undefined;
    this.timeMs = origin.timeMs ?? 0;
  }

  get(slot: number): FieldValue {
    const name = this.#table.name(slot);
    const value = own(this.fields, name);
    if (value !== undefined || !name.includes(".")) return value;
    return this.#nested(name);
  }

  /** `process.parent.name` of a nested record; the longest key wins where both spellings exist. */
  #nested(name: string): FieldValue {
    const whole = own(this.origin.raw, name);
    if (whole !== undefined) return whole;
    let at: FieldValue = this.origin.raw;
    for (const part of name.split(".", depthMax)) {
      if (typeof at !== "object" || at === null || Array.isArray(at)) return undefined;
      at = own(at as Fields, part);
    }
    return at;
  }

  eachText(visit: (text: string) => void, lengthMin = 0): void {
    const { fields } = this;
    for (const name in fields) {
      const value = fields[name];
      if (typeof value === "string") {
        if (value.length >= lengthMin) visit(value);
      } else if (typeof value !== "number" || !isShort(value, lengthMin)) visitText(value, visit, 0);
    }
  }
}

/** `fields[name]`, unless it is inherited: a rule may ask for a field called `constructor`. */
export function own(fields: Fields, name: string): FieldValue {
  const value = fields[name];
  // JSON has no functions, and nothing in a record is the prototype of all objects: both are inherited.
  if (typeof value === "function" || (value as unknown) === Object.prototype) return undefined;
  return value;
}

/** Whether a number as text has fewer than `lengthMin` characters; makes no text of it, and may say no although it has. */
const isShort = (value: number, lengthMin: number): boolean => lengthMin > 9 && value >>> 0 === value && value < 1e9;

function visitText(value: FieldValue, visit: (text: string) => void, depth: number): void {
  if (typeof value === "string") visit(value);
  else if (typeof value === "number" || typeof value === "boolean") visit(String(value));
  else if (typeof value === "object" && value !== null && depth < depthMax) {
    if (Array.isArray(value)) for (const item of value) visitText(item, visit, depth + 1);
    else for (const key in value) visitText((value as Fields)[key], visit, depth + 1);
  }
}

/** A value as text, as `sigil.event` of an alert shows it. */
export function valueText(value: FieldValue): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    // Nested deeper than the stack; the parser has the same limit, so this is next to impossible.
    return "";
  }
}
