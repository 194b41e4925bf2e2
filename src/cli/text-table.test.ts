import { expect, test } from "bun:test";
import { type Column, tabLines, textTable } from "./text-table.ts";

const columns: readonly Column[] = [
  { head: "A", widthMin: 4, rank: 0 },
  { head: "TITLE", widthMin: 10, rank: 0, paint: () => "31" },
  { head: "EXTRA", widthMin: 8, rank: 1 },
  { head: "N", widthMin: 1, rank: 2, alignRight: true },
];
const rows = [
  ["one", "a title that is long", "something", "7"],
  ["three", "名前 短い", "", "123"],
];
const widest = (text: string): number => Math.max(...text.split("\n").map((line) => Bun.stringWidth(line)));

test("a table with room shows everything, numbers to the right", () => {
  expect(textTable(columns, rows, { width: 100, color: false })).toBe(
    "A      TITLE                 EXTRA        N\none    a title that is long  something    7\nthree  名前 短い                        123\n",
  );
});

test("a table never gets wider than the terminal while its main columns fit", () => {
  for (let width = 17; width < 60; width++)
    expect(widest(textTable(columns, rows, { width, color: false }))).toBeLessThanOrEqual(width);
  expect(textTable(columns, rows, { width: 24, color: false })).not.toContain("EXTRA");
  expect(textTable(columns, rows, { width: 24, color: false })).toContain("…");
});

test("a column without a word is left out, and colours do not count as width", () => {
  const found = textTable(columns, [["x", "y", "", ""]], { width: 80, color: true });
  expect(found).not.toContain("EXTRA");
  expect(found).toContain("\x1b[31my\x1b[0m");
});

test("nothing in a cell reaches the terminal unescaped, or ends a line", () => {
  const hostile = [["\x1b]0;x\x07", "a\nb", "c\td", "\u202e"]];
  for (const text of [textTable(columns, hostile, { width: 200, color: false }), tabLines(hostile)]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through.
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\u202e]/);
    expect(text).toContain("a\\nb");
  }
  expect(tabLines(hostile).split("\t").length).toBe(4);
});
