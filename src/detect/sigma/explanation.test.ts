import { expect, test } from "bun:test";
import { type Explanation, explain, type ItemExplanation } from "./explanation.ts";
import { interpret } from "./interpret.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { solve } from "./solve.ts";
import { ruleOf } from "./test-kit.ts";
import type { Value } from "./types.ts";

function explained(detection: string, fields: Readonly<Record<string, Value>>): Explanation {
  const slots = new NameSlots();
  return explain(ruleOf(detection), { event: new RecordEvent(fields, slots), slots });
}

function item(explanation: Explanation): ItemExplanation {
  if (explanation.kind === "selection" && explanation.of !== undefined) return item(explanation.of);
  if (explanation.kind === "not") return item(explanation.of);
  if (explanation.kind !== "item") throw new Error(`Cannot find an item in ${explanation.kind}`);
  return explanation;
}

test("values of one line stay one line, with those that decided", () => {
  const found = item(explained("a: { Image|endswith: [/wget, /curl] }\ncondition: a", { Image: "/usr/bin/CURL" }));
  expect(found).toMatchObject({
    field: "Image",
    modifier: "endswith",
    link: "any",
    holds: true,
    found: "/usr/bin/CURL",
  });
  expect(found.values).toEqual([
    { pattern: "/wget", meaning: 'ends with "/wget"', holds: false },
    { pattern: "/curl", meaning: 'ends with "/curl"', holds: true },
  ]);
  expect(found.why).toBeUndefined();
});

test("says why a line does not hold", () => {
  const detection = "a: { F|contains: x }\ncondition: a";
  expect(item(explained(detection, {}))).toMatchObject({ holds: false, why: "absent" });
  expect(item(explained(detection, {})).found).toBeUndefined();
  expect(item(explained(detection, { F: null }))).toMatchObject({ holds: false, why: "null", found: "null" });
  expect(item(explained(detection, { F: { deep: "x" } }))).toMatchObject({
    holds: false,
    why: "no_text",
    found: '{"deep": "x"}',
  });
  expect(item(explained(detection, { F: ["a", 1] }))).toMatchObject({
    holds: false,
    why: "differs",
    found: '["a", 1]',
  });
});

test("turns the verdict of what stands under not", () => {
  const tree = explained("a: { F: x }\nb: { G: y }\ncondition: a and not b", { F: "x", G: "y" });
  expect(tree).toMatchObject({
    kind: "and",
    holds: false,
    of: [
      { kind: "selection", name: "a", holds: true },
      { kind: "not", holds: false, of: { kind: "selection", name: "b", holds: true } },
    ],
  });
});

test("shows a selection once, however often the condition names it", () => {
  const tree = explained("a: { F: x }\nb: { G: y }\ncondition: a or (b and a)", { F: "x" });
  const text = JSON.stringify(tree);
  expect(text.split('"pattern":"x"').length).toBe(2);
});

test("keywords show the text that they were found in", () => {
  const detection = "a: [needle]\ncondition: a";
  expect(item(explained(detection, { A: "hay", B: "a NEEDLE in it" }))).toMatchObject({
    field: "",
    holds: true,
    found: "a NEEDLE in it",
  });
  expect(item(explained(detection, { A: "hay" }))).toMatchObject({ holds: false, why: "differs" });
});

test("without an event it says what each modifier amounts to", () => {
  const meaning = (line: string): string => item(explain(ruleOf(`a: { ${line} }\ncondition: a`))).values[0]!.meaning;
  expect(meaning("F: x*y")).toBe('is like "x*y"');
  expect(meaning("F: X")).toBe('is "x"');
  expect(meaning("F|endswith: '\\X\\\\y'")).toBe('ends with "\\x\\y"');
  expect(meaning("F|cased: X")).toBe('is "X", in the same case');
  expect(meaning("F|contains|windash: ' -e'")).toContain('contains " -e" or " /e"');
  expect(meaning("F|re|i: a+")).toBe("matches /a+/i somewhere");
  expect(meaning("F|cidr: 10.0.0.0/8")).toBe("is an address in 10.0.0.0/8");
  expect(meaning("F|cidr: '2001:db8::/32'")).toBe("is an address in 2001:db8:0:0:0:0:0:0/32");
  expect(meaning("F|gte: 5")).toBe("is at least 5");
  expect(meaning("F|hour|lt: 6")).toBe("is a time whose hour is less than 6 (UTC)");
  expect(meaning("F: null")).toBe("is absent or null");
  expect(meaning("F|exists: true")).toBe("is there");
  expect(meaning("F|fieldref|endswith: G")).toBe("ends with the value of G");
  expect(meaning("F|contains: '*'")).toBe("has any value");
  expect(explain(ruleOf("a: { F: x }\ncondition: a")).holds).toBeUndefined();
});

test("a long list is cut, and what decided stands in the part that is left", () => {
  const many = Array.from({ length: 500 }, (_, i) => `v${i}`);
  const found = item(explained(`a: { F: [${many.join(", ")}] }\ncondition: a`, { F: "v499" }));
  expect(found.count).toBe(500);
  expect(found.values.length).toBeLessThan(20);
  expect(found.values[0]).toMatchObject({ pattern: "v499", holds: true });
});

test("hostile values are cut, whatever they are made of", () => {
  let deep: Value = "x";
  for (let i = 0; i < 5_000; i++) deep = [deep];
  const wide = Array.from({ length: 100_000 }, () => "y".repeat(100));
  const detection = "a: { F: q }\ncondition: a";
  for (const value of [deep, wide, "z".repeat(1_000_000), { a: { b: { c: { d: 1 } } } }]) {
    expect(item(explained(detection, { F: value })).found!.length).toBeLessThan(1_000);
  }
});

test("the verdict is the interpreter's, for an event that satisfies and for every near miss", () => {
  const detection = `s1: { Image|endswith: [/a, /b], CommandLine|contains|all: [x, y] }
s2: [{ F: 1 }, { G|re: '^k+$' }]
f: { Parent: z }
condition: s1 and 1 of s2* and not f`;
  const rule = ruleOf(detection);
  const solution = solve(rule)!;
  const slots = new NameSlots();
  for (const fields of [solution.fields, ...solution.nearMisses]) {
    const event = new RecordEvent(fields, slots);
    expect(explain(rule, { event, slots }).holds).toBe(interpret(rule, event, slots));
  }
});
