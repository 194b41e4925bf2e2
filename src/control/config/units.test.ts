import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDurationMs, formatSizeBytes, parseDurationMs, parseSizeBytes } from "./units.ts";

test("durations are read with their units", () => {
  expect(parseDurationMs("250ms")).toBe(250);
  expect(parseDurationMs("30s")).toBe(30_000);
  expect(parseDurationMs("5m")).toBe(300_000);
  expect(parseDurationMs("1h30m")).toBe(5_400_000);
  expect(parseDurationMs("7d")).toBe(604_800_000);
});

test("what is no duration is refused, not guessed", () => {
  for (const text of [
    "",
    "30",
    "s",
    "-1s",
    "1.5h",
    "30 s",
    "30S",
    "1m1h",
    "1s1s",
    "9".repeat(31),
    "99999999999999999d",
  ]) {
    expect(parseDurationMs(text)).toBeUndefined();
  }
});

test("sizes are read with binary units only", () => {
  expect(parseSizeBytes("512B")).toBe(512);
  expect(parseSizeBytes("16KiB")).toBe(16_384);
  expect(parseSizeBytes("64MiB")).toBe(67_108_864);
  for (const text of ["", "64", "64MB", "64mib", "-1B", "1.5MiB", "9".repeat(16)])
    expect(parseSizeBytes(text)).toBeUndefined();
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 45 }), (value) => {
      expect(parseDurationMs(formatDurationMs(value))).toBe(value);
      expect(parseSizeBytes(formatSizeBytes(value))).toBe(value);
    }),
    { seed: 3 },
  );
});
