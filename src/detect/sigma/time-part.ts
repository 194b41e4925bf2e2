// Parts of a timestamp for the modifiers minute … year. A text is read as written, without moving it to another time zone;
// a number is seconds or milliseconds since the Unix epoch, in UTC.

import type { Relation, TimePart } from "./ir.ts";
import type { Value } from "./types.ts";

const timestamp =
  /^\s*(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::\d{2}(?:[.,]\d+)?)?)?\s*(?:Z|UTC|[-+]\d{2}:?\d{2})?\s*$/i;

/** Epoch numbers from here on are milliseconds: as seconds they would lie beyond the year 5000. */
const secondsMax = 1e11;

/** The asked part, or `undefined` when the value is no timestamp or a bare date is asked for its hour. */
export function timePart(value: Value, part: TimePart): number | undefined {
  if (typeof value === "string" && value.length <= 64) {
    const match = timestamp.exec(value);
    if (match !== null) return writtenPart(match, part);
    if (!/^\d{9,13}$/.test(value)) return undefined;
    return epochPart(Number(value), part);
  }
  return typeof value === "number" ? epochPart(value, part) : undefined;
}

function writtenPart(match: RegExpExecArray, part: TimePart): number | undefined {
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  switch (part) {
    case "year":
      return year;
    case "month":
      return month;
    case "day":
      return day;
    case "week":
      return isoWeek(Date.UTC(year, month - 1, day));
    case "hour":
      return match[4] === undefined ? undefined : Number(match[4]);
    case "minute":
      return match[5] === undefined ? undefined : Number(match[5]);
  }
}

function epochPart(value: number, part: TimePart): number | undefined {
  const date = new Date(Math.abs(value) < secondsMax ? value * 1000 : value);
  if (Number.isNaN(date.getTime())) return undefined;
  switch (part) {
    case "year":
      return date.getUTCFullYear();
    case "month":
      return date.getUTCMonth() + 1;
    case "day":
      return date.getUTCDate();
    case "week":
      return isoWeek(date.getTime());
    case "hour":
      return date.getUTCHours();
    case "minute":
      return date.getUTCMinutes();
  }
}

const dayMs = 86_400_000;

/** ISO 8601 week, 1-53: the week belongs to the year of its Thursday. */
function isoWeek(timeMs: number): number {
  const weekday = (new Date(timeMs).getUTCDay() + 6) % 7;
  const thursday = Math.floor(timeMs / dayMs) * dayMs + (3 - weekday) * dayMs;
  const yearStart = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1);
  return 1 + Math.floor((thursday - yearStart) / (7 * dayMs));
}

export function related(left: number, relation: Relation, right: number): boolean {
  switch (relation) {
    case "eq":
      return left === right;
    case "lt":
      return left < right;
    case "lte":
      return left <= right;
    case "gt":
      return left > right;
    case "gte":
      return left >= right;
  }
}
