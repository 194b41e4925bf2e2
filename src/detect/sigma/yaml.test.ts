// The two YAML readers must agree wherever the quick one answers.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseBlock } from "./yaml-block.ts";
import { parseFull } from "./yaml-full.ts";

/** Where an empty value stands is nowhere in particular. */
function withoutEmptyPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, node) =>
    node?.kind === "scalar" && node.plain && node.text === "" ? { ...node, offset: 0 } : node,
  );
}

const tokens = [
  "a",
  "b:",
  " ",
  "  ",
  "\n",
  "\n  ",
  "\n    ",
  "- ",
  "-",
  "'",
  '"',
  "#",
  " #",
  "|",
  ">",
  "|-",
  ">-",
  "|+",
  "x y",
  "k: v",
  "k:",
  "[",
  "]",
  "{",
  "}",
  ",",
  "&a",
  "*a",
  "!",
  "? ",
  "\\",
  "\\n",
  "%",
  "---\n",
  "...",
  "\r\n",
  ": ",
  "''",
  "é",
  "12",
  "null",
  "~",
  "@",
  "`",
  "\n\n",
  "\n- ",
  "\n  - ",
  "\na: ",
  "\n  b: ",
  "\n---\n",
  "c: 'd'",
  'e: "f\\u0041"',
  "<<: ",
  "key : v",
  "\n x",
  "http://x",
  "|2",
  "\t",
  "[a, b]",
  "['x', \"y\" , z]",
  "[]",
  "[1, ",
  "/x]",
  ", ",
];

test("the quick reader agrees with the whole language on random text", () => {
  let answered = 0;
  const text = fc
    .tuple(fc.constantFrom("", "a:\n  b: ", "- "), fc.array(fc.constantFrom(...tokens), { maxLength: 14 }))
    .map(([head, parts]) => head + parts.join(""));
  const property = fc.property(text, (source) => {
    const quick = parseBlock(source);
    if (quick === undefined) return;
    answered++;
    expect(withoutEmptyPlaces(quick)).toEqual(withoutEmptyPlaces(parseFull(source)));
  });
  fc.assert(property, { numRuns: 5_000, seed: 3 });
  expect(answered).toBeGreaterThan(500);
});

test.each([
  "a: [1",
  "a: [b: c]",
  "a: [[1]]",
  "a: [1,]",
  "a: [- x]",
  "a: {b: 1}",
  "a: &x 1",
  "a: *x",
  "a: !!str 1",
  "? a\n: b",
  "a: 'two\n  lines'",
  "a: two # x\n  lines",
  "a: two\n  # x\n  lines",
  "a: |2\n  x",
  "a: |+\n  x\n\n",
  "a: >\n  x\n   more\n",
  "\ta: 1",
  "a: 1\na: 2",
  "%YAML 1.2\n---\na: 1",
  "text",
])("the quick reader leaves %p to the whole language", (text) => {
  expect(parseBlock(text)).toBeUndefined();
});

test("scalars keep the text as written", () => {
  const text =
    "a: 00000429\nb: 1_000\nc: 0x1F\nd: 'q'' q'\ne: \"\\\\x\\u0041\"\nf: |\n  two\n  lines\ng: >-\n  one\n  line\n\n  more\nh:\ni: - x\n".replace(
      "i: - x\n",
      "",
    );
  const [document] = parseBlock(text)!;
  const texts =
    "root" in document! && document.root.kind === "map"
      ? document.root.entries.map(({ value }) => (value.kind === "scalar" ? value.text : ""))
      : [];
  expect(texts).toEqual(["00000429", "1_000", "0x1F", "q' q", "\\xA", "two\nlines\n", "one line\nmore", ""]);
});

test("a key that stands twice in one map is refused where it stands again, however it is quoted", () => {
  for (const [text, offset] of [
    ['{ a: 1, "a": 2 }', 8],
    ["x: { b: 1, c: 2 }\ny: { b: 1, 'c': 2, c: 3 }\n", 37],
    ["? a\n: 1\n? a\n: 2\n", 10],
  ] as const)
    expect(parseFull(text)).toMatchObject([{ error: { code: "duplicate_key", offset } }]);
  expect(parseFull("{ a: { a: 1 }, b: { a: 1 } }")).toMatchObject([{ root: { kind: "map" } }]);
});

// Were each key compared with all others, this would take minutes.
test("a map with very many keys is read", () => {
  const [document] = parseFull(`{ ${Array.from({ length: 60_000 }, (_, n) => `k${n}: 1`).join(", ")} }`);
  expect(
    document !== undefined && "root" in document && document.root.kind === "map" && document.root.entries,
  ).toHaveLength(60_000);
}, 30_000);
