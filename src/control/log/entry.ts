// One entry of the operational log and how it looks as a line.

import { printable, shorten } from "../../std/mod.ts";
import { logLineLengthMax, logValueLengthMax } from "../config/limits.ts";

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** Smaller is more important. */
export const logLevelRank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** Values that a line shows; an Error is shown by its message and its causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Plain data: may cross threads. */
export interface LogEntry {
  readonly timeMs: number;
  readonly level: LogLevel;
  /** The part of the program that speaks: `sensor`, `rules`, `cli`. */
  readonly component: string;
  /** A constant sentence without values: values are fields, so that lines of one kind can be counted and searched. */
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** Longer than what a line shows: secrets are masked in between, and half a secret would not be recognized. */
const entryValueLengthMax = 4 * logValueLengthMax;

/** Makes fields plain: errors become text, big integers and objects too; what cannot be shown says so. */
export function plainFields(fields: LogFields): Record<string, string | number | boolean> {
  const plain: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (typeof value === "number" || typeof value === "boolean") plain[name] = value;
    else plain[name] = shorten(textOf(value), entryValueLengthMax);
  }
  return plain;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return errorText(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "(cannot be shown)";
  }
}

function errorText(error: Error): string {
  let text = error.message;
  let cause = error.cause;
  // The chain may be a circle.
  for (let depth = 0; cause !== undefined && cause !== null && depth < 4; depth++) {
    text += `: ${cause instanceof Error ? cause.message : String(cause)}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

/** `2026-11-22T02:14:00.123Z info  sensor: agent ready rules=25`, without a line break, control characters escaped. */
export function textLine(entry: LogEntry): string {
  let line = `${new Date(entry.timeMs).toISOString()} ${entry.level.padEnd(5)} ${printable(entry.component)}: `;
  line += printable(entry.message);
  for (const [name, value] of Object.entries(shownFields(entry))) line += ` ${printable(name)}=${fieldText(value)}`;
  return shorten(line, logLineLengthMax);
}

/** One JSON object; fields that do not fit into a line are left out and counted in `omitted`. */
export function jsonLine(entry: LogEntry): string {
  const head = {
    time: new Date(entry.timeMs).toISOString(),
    level: entry.level,
    component: entry.component,
    message: shorten(entry.message, logValueLengthMax),
  };
  const fields: Record<string, string | number | boolean> = {};
  let length = JSON.stringify(head).length + 32;
  let omitted = 0;
  for (const [name, value] of Object.entries(shownFields(entry))) {
    const added = JSON.stringify(name).length + JSON.stringify(value).length + 2;
    // `head` wins over a field of the same name.
    if (Object.hasOwn(head, name) || length + added > logLineLengthMax) {
      omitted++;
      continue;
    }
    length += added;
    fields[name] = value;
  }
  return jsonText(omitted === 0 ? { ...head, ...fields } : { ...head, ...fields, omitted });
}

/** JSON that cannot drive a terminal either: what `JSON.stringify` leaves as it is becomes an escape that JSON knows. */
function jsonText(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function shownFields(entry: LogEntry): Record<string, string | number | boolean> {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(entry.fields)) {
    shown[name] = typeof value === "string" ? shorten(value, logValueLengthMax) : value;
  }
  return shown;
}

/** Bare when nothing in it could be mistaken for the next field. */
function fieldText(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return /^[^\s"=\\]+$/.test(value) && printable(value) === value ? value : printable(JSON.stringify(value));
}
