import { expect, test } from "bun:test";
import { fileMapEntries, fileNamesMax } from "./file-settings.ts";

test("names are padded to the key of the kernel's map, their lengths are a bit each, and what does not fit is left out", () => {
  const entries = fileMapEntries({ sensitiveNames: ["shadow", "x".repeat(64), ""], excludedPrefixes: [] });
  const names = entries.filter(({ map }) => map === "file_names");
  expect(names.length).toBe(1);
  expect(names[0]?.key.length).toBe(64);
  expect(Buffer.from(names[0]!.key).toString("latin1").replace(/\0+$/, "")).toBe("shadow");
  const lengths = entries.find(({ map, key }) => map === "file_settings" && key[0] === 0);
  expect(Buffer.from(lengths!.value).readBigUInt64LE()).toBe(1n << 6n);
});

test("a prefix counts its bits, and a long one is cut to what the kernel compares", () => {
  const entries = fileMapEntries({ sensitiveNames: [], excludedPrefixes: ["/var/cache/", `/${"y".repeat(200)}`, ""] });
  const prefixes = entries.filter(({ map }) => map === "file_excluded");
  expect(prefixes.map(({ key }) => new DataView(key.buffer).getUint32(0, true))).toEqual([11 * 8, 128 * 8]);
  const count = entries.find(({ map, key }) => map === "file_settings" && key[0] === 1);
  expect(Buffer.from(count!.value).readBigUInt64LE()).toBe(2n);
});

test("there are never more entries than the map takes", () => {
  const sensitiveNames = Array.from({ length: 1000 }, (_, i) => `name${i}`);
  const entries = fileMapEntries({ sensitiveNames, excludedPrefixes: [] });
  expect(entries.filter(({ map }) => map === "file_names").length).toBe(fileNamesMax);
});
