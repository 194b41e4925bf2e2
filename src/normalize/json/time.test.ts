import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseTime } from "./time.ts";

const at = (iso: string): number => Date.parse(iso);

test("a time without a zone is UTC, with a blank or a T between date and time", () => {
  expect(parseTime("2020-10-19 02:56:11.095")).toBe(at("2020-10-19T02:56:11.095Z"));
  expect(parseTime("2020-10-19T02:56:11")).toBe(at("2020-10-19T02:56:11Z"));
  expect(parseTime("2020-10-19 02:56")).toBe(at("2020-10-19T02:56:00Z"));
  expect(parseTime("2020-10-19")).toBe(at("2020-10-19T00:00:00Z"));
});

test("a zone is taken off", () => {
  expect(parseTime("2026-04-17T05:24:53Z")).toBe(at("2026-04-17T05:24:53Z"));
  expect(parseTime("2026-04-17T07:24:53+02:00")).toBe(at("2026-04-17T05:24:53Z"));
  expect(parseTime("2026-04-17 01:24:53 -0400")).toBe(at("2026-04-17T05:24:53Z"));
  expect(parseTime("2026-04-17 05:24:53 UTC")).toBe(at("2026-04-17T05:24:53Z"));
  expect(parseTime("2026-04-17 05:24:53 CEST")).toBeUndefined();
});

test("microseconds are kept as a fraction, nanoseconds are cut", () => {
  expect(parseTime("2026-04-17T05:24:53.088849Z")).toBe(at("2026-04-17T05:24:53Z") + 88.849);
  expect(parseTime("2026-04-17T05:24:53.0888499Z")).toBe(at("2026-04-17T05:24:53Z") + 88.849);
  expect(parseTime("2026-04-17T05:24:53,5Z")).toBe(at("2026-04-17T05:24:53.500Z"));
});

test("numbers are seconds, milliseconds, microseconds or nanoseconds by their size", () => {
  const ms = at("2020-10-23T02:24:31Z");
  expect(parseTime(ms / 1000)).toBe(ms);
  expect(parseTime(ms)).toBe(ms);
  expect(parseTime(ms * 1000)).toBe(ms);
  expect(parseTime(`${ms}000000`)).toBe(ms);
  expect(parseTime(1604996384.965)).toBe(1604996384965);
  expect(parseTime(`/Date(${ms})/`)).toBe(ms);
});

test("what is no time is undefined", () => {
  for (const value of [
    "",
    "-",
    "yesterday",
    "2020-13-01",
    "2020-10-19 25:00:00",
    "2020-10-19T02:56:11.095Q",
    null,
    {},
    5,
    -1,
    Number.NaN,
  ]) {
    expect(parseTime(value)).toBeUndefined();
  }
});

test("any instant survives being written and read", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(parseTime(new Date(ms).toISOString())).toBe(ms);
    }),
  );
});

test("no string makes it throw", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9T:. Z+-]{0,40}$/)), (text) => void parseTime(text)),
  );
});
