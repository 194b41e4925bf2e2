// The engine against the interpreter on rules and events that nobody would write: a small alphabet, so that things match.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Engine } from "./engine.ts";
import { interpret } from "./interpret.ts";
import type { RuleIr } from "./ir.ts";
import { parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { type Fields, solve } from "./solve.ts";
import type { Value } from "./types.ts";

/** Letters with treacherous case, separators, wildcards, a character of two units. */
const characters = [
  "a",
  "b",
  "A",
  "k",
  "\u212a",
  "s",
  "ſ",
  "Σ",
  "ς",
  "σ",
  "\u0130",
  "i",
  "ß",
  "/",
  "\\",
  "-",
  "–",
  " ",
  ".",
  "1",
  "😀",
  "é",
];
const wildcards = ["*", "?", "\\*", "\\?", "\\\\"];

const plainText = fc.array(fc.constantFrom(...characters), { maxLength: 6 }).map((parts) => parts.join(""));
const pattern = fc.array(
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...characters) }, fc.constantFrom(...wildcards)),
  { maxLength: 5 },
);
const patternText = pattern.map((parts) => parts.join(""));
const field = fc.constantFrom("f", "g", "h");

const textKeys = [
  "",
  "|contains",
  "|startswith",
  "|endswith",
  "|contains|cased",
  "|cased",
  "|windash|contains",
  "|windash",
  "|neq",
  "|contains|neq",
  "|endswith|neq",
];
const value = fc.oneof({ weight: 8, arbitrary: patternText }, fc.integer({ min: 0, max: 12 }), fc.boolean());
const values = fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 4 }));
const textItem = fc.record({
  key: fc.tuple(field, fc.constantFrom(...textKeys)).map((parts) => parts.join("")),
  value: values,
});
const listItem = fc.record({
  key: fc
    .tuple(field, fc.constantFrom("|contains|all", "|all|startswith", "|windash|contains|all"))
    .map((parts) => parts.join("")),
  value: fc.array(value, { minLength: 2, maxLength: 3 }),
});
const regexItem = fc.record({
  key: fc.tuple(field, fc.constantFrom("|re", "|re|i", "|re|s|i")).map((parts) => parts.join("")),
  value: fc.constantFrom(
    "a.b",
    "^a",
    "k$",
    "s+",
    "(?i)ſ|Σ",
    "[ab]{2}",
    "a|b|/",
    "(?:ab|ba)?k",
    ".*",
    "(a|k)s",
    "\\d",
    "\\/\\w",
    "x",
    "[^a]",
    "\\bA",
    "i.?k",
  ),
});
const otherItem = fc.oneof(
  fc.record({ key: field, value: fc.constant(null) }),
  fc.record({ key: field.map((name) => `${name}|exists`), value: fc.boolean() }),
  fc.record({
    key: fc.tuple(field, fc.constantFrom("|lt", "|gte")).map((parts) => parts.join("")),
    value: fc.integer({ min: 0, max: 9 }),
  }),
  fc.record({
    key: fc
      .tuple(field, fc.constantFrom("|fieldref", "|fieldref|contains", "|fieldref|cased"))
      .map((parts) => parts.join("")),
    value: field,
  }),
  fc.record({ key: field.map((name) => `${name}|cidr`), value: fc.constantFrom("1.0.0.0/8", "::/0") }),
);
const item = fc.oneof({ weight: 6, arbitrary: textItem }, { weight: 2, arbitrary: regexItem }, listItem, otherItem);
const map = fc
  .array(item, { minLength: 1, maxLength: 3 })
  .map((items) => Object.fromEntries(items.map((each) => [each.key, each.value])));
const keyword = patternText.filter((text) => text !== "");
const selection = fc.oneof(
  { weight: 6, arbitrary: map },
  fc.array(map, { minLength: 1, maxLength: 3 }),
  fc.array(fc.oneof(keyword, map), { minLength: 1, maxLength: 3 }),
  fc.array(keyword, { minLength: 2, maxLength: 3 }).map((words) => ({ "|all": words })),
);
const condition = fc.constantFrom(
  "a",
  "a and b",
  "a or b",
  "not a",
  "a and not b",
  "1 of them",
  "all of them",
  "not 1 of *",
  "a and not (b or c)",
  "(a or b) and (b or c)",
  "a or not b",
  "not (a and b)",
  "(a and b) or (a and c)",
  "not not c",
  "c and (a or not b)",
);
const rule = fc.record({ a: selection, b: selection, c: selection, condition });

const scalar: fc.Arbitrary<Value> = fc.oneof(
  { weight: 8, arbitrary: plainText },
  fc.integer({ min: 0, max: 12 }),
  fc.boolean(),
  fc.constantFrom<Value[]>(null, "", "1.2.3.4", "::1", "K", "true", "a\nb"),
);
const eventValue: fc.Arbitrary<Value> = fc.oneof(
  { weight: 8, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  fc.record({ f: scalar }),
  fc.array(fc.array(scalar, { maxLength: 2 }), { maxLength: 2 }),
);
const event: fc.Arbitrary<Fields> = fc.record({ f: eventValue, g: eventValue, h: eventValue }, { requiredKeys: [] });

/** Rules of which JSON is the YAML; refused ones (a lone `\*` as a keyword is fine, `[]` is not made) are left out. */
function parseRules(detections: readonly object[]): RuleIr[] {
  return detections.flatMap((detection, i) => {
    const document = { title: `rule ${i}`, logsource: { product: "any" }, detection };
    const { rules, diagnostics } = parseSigma(JSON.stringify(document), "random.yml");
    if (rules.length === 0) throw new Error(`${JSON.stringify(detection)}: ${diagnostics[0]?.message}`);
    return rules;
  });
}

/** Makes f a field with so many literals that its scanner takes the keywords along. */
const crowd = {
  title: "crowd",
  logsource: { product: "any" },
  detection: { a: { "f|contains": Array.from({ length: 80 }, (_, i) => `a${i}k`) }, condition: "a" },
};
const crowded = parseSigma(JSON.stringify(crowd), "crowd.yml").rules;

function expectAgreement(rules: readonly RuleIr[], events: readonly Fields[]): void {
  const slots = new NameSlots();
  const made = events.map((fields) => new RecordEvent(fields, slots));
  const expected = made.map((each) =>
    rules.filter((candidate) => interpret(candidate, each, slots)).map(({ title }) => title),
  );
  for (const jit of [true, false]) {
    const engine = new Engine(rules, { slots, jit, route: () => ({ sources: [3] }) });
    // Twice: the second time the memos answer.
    for (let round = 0; round < 2; round++) {
      for (const [i, each] of made.entries()) {
        const found: string[] = [];
        engine.evaluate(3, each, ({ title }) => found.push(title));
        expect({ jit, round, event: events[i], found }).toEqual({ jit, round, event: events[i]!, found: expected[i]! });
      }
    }
    const { stats } = engine;
    expect(stats.faultCount).toBe(0);
    if (events.length > 0) expect(jit ? stats.generatedCount : stats.closureCount).toBe(rules.length);
  }
}

describe("engine and interpreter", () => {
  test("agree on random rules and events", () => {
    const property = fc.property(
      fc.array(rule, { minLength: 1, maxLength: 8 }),
      fc.array(event, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (detections, events, withCrowd) =>
        expectAgreement([...parseRules(detections), ...(withCrowd ? crowded : [])], events),
    );
    fc.assert(property, {
      numRuns: Number(process.env.SIGIL_FUZZ_RUNS ?? 400),
      seed: Number(process.env.SIGIL_FUZZ_SEED ?? 20_261_122),
    });
  });

  test("agree on events solved from random rules", () => {
    let solved = 0;
    const property = fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), (detections) => {
      const rules = parseRules(detections);
      const events = rules.flatMap((each) => {
        const solution = solve(each);
        if (solution === undefined) return [];
        solved++;
        return [solution.fields, ...solution.nearMisses];
      });
      expectAgreement(rules, events);
    });
    fc.assert(property, { numRuns: 100, seed: 7 });
    expect(solved).toBeGreaterThan(100);
  });
});
