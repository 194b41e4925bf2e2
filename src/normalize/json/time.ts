// Times as recordings write them, to milliseconds since the Unix epoch. A time without a zone is UTC: that is what Sysmon's
// UtcTime, event log exports and ECS mean by it. Independent of the machine's zone, so that a replay is the same everywhere.

/** Times outside of this are damage, not history: 1970-01-01 to 9999-12-31. */
const maxMs = 253_402_300_799_999;

/**
 * Reads `2026-01-31 12:00:00.123`, the same with `T`, up to nine digits of fraction and a zone (`Z`, `+02:00`, `+0200`),
 * `/Date(1603419400671)/`, and numbers (seconds, milliseconds, microseconds or nanoseconds since the epoch, by size).
 * Keeps microseconds as a fraction. `undefined` for anything else. O(1).
 */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === "number") return fromNumber(value);
  if (typeof value !== "string" || value.length < 10 || value.length > 64) return undefined;
  const text = value.charCodeAt(0) > 32 ? value : value.trim();
  const year = digits(text, 0, 4);
  if (year === undefined || text.charCodeAt(4) !== 45) return fromOther(text);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  if (month === undefined || day === undefined || text.charCodeAt(7) !== 45) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (text.length === 10) return inRange(Date.UTC(year, month - 1, day));
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  if (hour === undefined || minute === undefined || hour > 23 || minute > 59 || text.charCodeAt(13) !== 58)
    return undefined;
  let at = 16;
  let second = 0;
  let fractionMs = 0;
  if (text.charCodeAt(at) === 58) {
    const read = digits(text, 17, 2);
    if (read === undefined || read > 60) return undefined;
    second = read;
    at = 19;
    const point = text.charCodeAt(at);
    if (point === 46 || point === 44) {
      at++;
      let scale = 100;
      for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at)) {
        // Below a microsecond a double has no room beside the date.
        if (scale >= 0.001) fractionMs += (code - 48) * scale;
        scale /= 10;
      }
      fractionMs = Math.round(fractionMs * 1000) / 1000;
    }
  }
  const zoneMs = zone(text, at);
  if (zoneMs === undefined) return undefined;
  return inRange(Date.UTC(year, month - 1, day, hour, minute, second) + fractionMs - zoneMs);
}

function digits(text: string, at: number, count: number): number | undefined {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i);
    // NaN, past the end, fails both.
    if (!(code >= 48 && code <= 57)) return undefined;
    value = value * 10 + code - 48;
  }
  return value;
}

function zone(text: string, from: number): number | undefined {
  let at = from;
  while (text.charCodeAt(at) === 32) at++;
  if (at === text.length) return 0;
  const rest = text.slice(at);
  if (rest === "Z" || rest === "z" || rest === "UTC" || rest === "GMT") return 0;
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(rest);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}

function fromOther(text: string): number | undefined {
  const date = /^\/Date\((-?\d{1,16})(?:[+-]\d{4})?\)\/$/.exec(text);
  if (date !== null) return inRange(Number(date[1]));
  return /^\d{9,19}(?:\.\d{1,9})?$/.test(text) ? fromNumber(Number(text)) : undefined;
}

function fromNumber(value: number): number | undefined {
  // By size: a number of seconds that reads as milliseconds would be before 1973.
  if (!(value >= 1e8)) return undefined;
  if (value < 1e11) return inRange(Math.round(value * 1e6) / 1e3);
  if (value < 1e14) return inRange(value);
  if (value < 1e17) return inRange(value / 1e3);
  return inRange(Math.round(value / 1e3) / 1e3);
}

const inRange = (ms: number): number | undefined => (ms >= 0 && ms <= maxMs ? ms : undefined);
