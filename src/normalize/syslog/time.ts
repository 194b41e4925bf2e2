// Times as log files write them. Two of the usual forms leave something out: the classic one has no year, and most have no
// zone. What is missing comes from the caller's reference, never from this machine's clock, so that a replay is the same everywhere.

import { parseTime } from "../json/mod.ts";

/** What a time that leaves something out is read by. */
export interface LogClock {
  /** A time shortly after the line was written (the moment it was read, a file's last change): it decides a missing year. */
  readonly referenceMs: number;
  /** What a time without a zone means. */
  readonly zone: "utc" | "local";
}

/** How a time was written, which tells what stands behind it. */
export type TimeForm = "classic" | "iso" | "iso-spaced" | "ctime";

export interface ReadTime {
  readonly timeMs: number;
  readonly form: TimeForm;
  /** Offset of what follows the time and its spaces. */
  readonly end: number;
}

const months: ReadonlyMap<string, number> = new Map(
  "jan feb mar apr may jun jul aug sep oct nov dec".split(" ").map((name, index) => [name, index]),
);

/** `Jan  5 12:00:00`, with a year before the clock or none, and a fraction or none (RFC 3164, 4.1.2, and what grew around it). */
const classic = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: |: |$)/;
/** `Mon Jan  5 12:00:00 2026`: ctime(3), as vsftpd and ClamAV write it. */
const ctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})(?: |$)/;
/** RFC 3339 (RFC 5424, 6.2.3), and with a space instead of the T. */
const iso = /^\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?(?: |$)/;

/** A clock that is ahead of the reference by less is a clock that is ahead, not one of last year. */
const aheadMaxMs = 2 * 86_400_000;
/** 29 February is at most eight years away (1896 to 1904, 2096 to 2104). */
const yearsBack = 8;

/** Reads the time that `line` begins with; `undefined` when it begins with something else. Looks at 64 units at most. */
export function readTime(line: string, clock: LogClock): ReadTime | undefined {
  const head = line.slice(0, 64);
  const first = head.charCodeAt(0);
  if (first >= 48 && first <= 57) return readIso(head, clock);
  const plain = classic.exec(head);
  if (plain !== null) {
    const [whole, month = "", day, year, hour, minute, second, fraction] = plain;
    const fractionMs = fraction === undefined ? 0 : Math.round(Number(`0.${fraction}`) * 1e6) / 1e3;
    return toTime([month, day, hour, minute, second], year, fractionMs, "classic", whole.length, clock);
  }
  const long = ctime.exec(head);
  if (long === null) return undefined;
  const [whole, month = "", day, hour, minute, second, year] = long;
  return toTime([month, day, hour, minute, second], year, 0, "ctime", whole.length, clock);
}

function readIso(head: string, clock: LogClock): ReadTime | undefined {
  const found = iso.exec(head);
  if (found === null) return undefined;
  const timeMs = parseTime(found[0].trimEnd());
  if (timeMs === undefined) return undefined;
  const isSpaced = found[1] === " ";
  const local = found[2] === undefined && clock.zone === "local";
  return {
    timeMs: local ? timeMs + new Date(timeMs).getTimezoneOffset() * 60_000 : timeMs,
    form: isSpaced ? "iso-spaced" : "iso",
    end: found[0].length,
  };
}

function toTime(
  [monthName = "", ...rest]: readonly (string | undefined)[],
  yearText: string | undefined,
  fractionMs: number,
  form: TimeForm,
  end: number,
  clock: LogClock,
): ReadTime | undefined {
  const month = months.get(monthName.toLowerCase());
  const [day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  if (month === undefined || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  const make = (year: number): number | undefined => {
    // A leap day in a year without one would become the first of March.
    if (day > new Date(Date.UTC(year, month + 1, 0)).getUTCDate()) return undefined;
    const date =
      clock.zone === "utc"
        ? Date.UTC(year, month, day, hour, minute, second)
        : new Date(year, month, day, hour, minute, second).getTime();
    return date + fractionMs;
  };
  if (yearText !== undefined) {
    const year = Number(yearText);
    const timeMs = year >= 1970 ? make(year) : undefined;
    return timeMs === undefined ? undefined : { timeMs, form, end };
  }
  const latestMs = clock.referenceMs + aheadMaxMs;
  const lastYear = new Date(latestMs).getUTCFullYear();
  for (let year = lastYear; year >= Math.max(1970, lastYear - yearsBack); year--) {
    const timeMs = make(year);
    if (timeMs !== undefined && timeMs <= latestMs) return { timeMs, form, end };
  }
  return undefined;
}
