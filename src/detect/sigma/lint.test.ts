import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { interpret } from "./interpret.ts";
import { lintSigma } from "./lint.ts";
import { possibility } from "./lint-logic.ts";
import { hasNestedQuantifier } from "./lint-regex.ts";
import { parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { solve } from "./solve.ts";
import { ruleOf } from "./test-kit.ts";

const head =
  "title: T\nid: 11111111-1111-4111-8111-111111111111\nstatus: test\ndescription: d\nlevel: low\nlogsource: { product: linux }\n";

/** `line:column code` of every warning about a detection, whose first line is line 8 of the file. */
function codes(detection: string, options: Parameters<typeof lintSigma>[2] = {}): string[] {
  const text = `${head}detection:\n${detection.replace(/^/gm, "  ")}\n`;
  expect(parseSigma(text, "t.yml").diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return lintSigma(text, "t.yml", options).diagnostics.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

describe("conditions", () => {
  test("that contradict themselves are never true", () => {
    expect(codes("a: { F: x }\ncondition: a and not a")).toEqual(["9:14 never_true"]);
    expect(codes("a: { F: x }\nb: { F: y }\ncondition: a and b")).toEqual(["10:14 never_true"]);
    expect(codes("a: { F|endswith: /tool }\nb: { F|contains: tool }\ncondition: a and not b")).toEqual([
      "10:14 never_true",
    ]);
    expect(codes("a: { F|startswith: /x }\nb: { F|startswith: /y }\ncondition: all of them")).toEqual([
      "10:14 never_true",
    ]);
    expect(codes("a: { F|gt: 5 }\nb: { F|lt: 5 }\ncondition: a and b")).toEqual(["10:14 never_true"]);
    expect(codes("a: { F: null }\nb: { F: x }\ncondition: a and b")).toEqual(["10:14 never_true"]);
  });

  test("name the selection that contradicts itself, once", () => {
    expect(codes("a:\n  F: x.exe\n  F|endswith: .dll\ncondition: a")).toEqual(["8:3 never_true"]);
    expect(codes("a: { F|exists: false, F|contains: x }\nb: { G: y }\ncondition: a or b")).toEqual(["8:3 never_true"]);
  });

  test("that hold for everything are always true", () => {
    expect(codes("a: { F: x }\ncondition: a or not a")).toEqual(["9:14 always_true"]);
    expect(codes("a: { F: x }\nb: { F: y }\ncondition: not (a and b)")).toEqual(["10:14 always_true"]);
    expect(codes("a: { F|contains: ab }\nb: { F|contains: a }\ncondition: b or not a")).toEqual(["10:14 always_true"]);
  });

  test("that are neither are left alone", () => {
    for (const detection of [
      "a: { F: x }\nb: { F: y }\ncondition: a or b",
      "a: { F: x }\nb: { G: x }\ncondition: a and not b",
      "a: { F|contains: x }\nb: { F|contains: y }\ncondition: a and b",
      "a: { F|endswith: x }\nb: { F|startswith: y }\ncondition: a and b",
      "a: { F|re: '^x' }\nb: { F: X }\ncondition: a and b",
      "a: [x]\nb: [y]\ncondition: a and b",
      "a: { F|contains: x }\nf: { F|contains: xy }\ncondition: a and not f",
      "a: { F|startswith: /x }\nb: { F|startswith: /x/y }\ncondition: a and b",
      "a: { F|contains|cased: X }\nb: { F|contains: x }\ncondition: a and not b",
    ])
      expect(codes(detection)).toEqual([]);
  });

  test("say which demands exclude each other, and that a list might hold both", () => {
    const text = `${head}detection:\n  a: { F: x, G: 1 }\n  b: { F|endswith: y }\n  condition: a and b\n`;
    const [one] = lintSigma(text, "t.yml").diagnostics;
    expect(one!.message).toBe(`The condition can never be true: no value of 'F' is "x" and ends with "y"`);
    expect(one!.hint).toContain("list");
  });

  test("with 'all of' one selection are told at its name", () => {
    expect(codes("sel_a: { F: x }\nother: { G: y }\ncondition: other and all of sel_*")).toEqual([
      "10:31 all_of_single",
    ]);
    expect(codes("a: { F: x }\n_b: { G: y }\ncondition: all of them")).toEqual(["10:21 all_of_single"]);
    expect(codes("sel_a: { F: x }\nsel_b: { G: y }\ncondition: all of sel_*")).toEqual([]);
  });

  test("of hostile size take bounded time and depth", () => {
    const maps = Array.from({ length: 4_000 }, (_, i) => `{ F: a${i}, G: b${i} }`).join(", ");
    const lists = Array.from({ length: 3_000 }, (_, i) => `x${i}`).join(", ");
    for (const detection of [
      `a: [${maps}]\nb: { F: [${lists}] }\ncondition: b and not a`,
      `a: { F: [${lists}] }\nb: { F: [y${lists.replaceAll("x", "y")}] }\ncondition: a and b`,
      `a: { F: x }\ncondition: ${Array.from({ length: 90 }, () => "not (").join("")}a${")".repeat(90)}`,
      `a: { F: x }\ncondition: ${Array.from({ length: 3_000 }, () => "all of a*").join(" and ")}`,
    ])
      codes(detection);
  }, 60_000);
});

describe("values", () => {
  test("that are nothing but wildcards under contains are told", () => {
    expect(codes("a: { F|contains: '*' }\ncondition: a")).toEqual(["8:20 only_wildcards"]);
    expect(codes("a: { F|startswith: '' }\ncondition: a")).toEqual(["8:22 only_wildcards"]);
    expect(codes("a: { F: '*' }\ncondition: a")).toEqual([]);
  });

  test("with a blank at an edge that must meet the event's edge are told", () => {
    expect(codes("a: { F: ' x' }\ncondition: a")).toEqual(["8:11 blank_value"]);
    expect(codes("a: { F: [ok, 'x '] }\ncondition: a")).toEqual(["8:16 blank_value"]);
    expect(codes("a: { F|endswith: 'x ' }\ncondition: a")).toEqual(["8:20 blank_value"]);
    // A word between blanks, and a blank on the open side, are meant.
    expect(codes("a: { F|contains: ' x ', G|endswith: ' x', H|startswith: 'x ' }\ncondition: a")).toEqual([]);
  });

  test("that repeat a repetition are told", () => {
    expect(codes("a: { F|re: '(a+)+$' }\ncondition: a")).toEqual(["8:14 nested_quantifier"]);
    for (const source of ["(a*)*", "(\\w+\\s*)+", "(.*a)*b", "((a|b+))*", "(?:x*y*)+", "([a-z]+)*\\d"])
      expect([source, hasNestedQuantifier(source, "")]).toEqual([source, true]);
    for (const source of [
      "a+b+",
      "(ab)+",
      "([a-z]+\\.)+",
      "(\\s+\\S+)*",
      "(a{2,3})+",
      "(a+)?",
      "(/[^/]+)+",
      "(a+",
      "(?=x)y",
    ])
      expect([source, hasNestedQuantifier(source, "")]).toEqual([source, false]);
    // Letters that differ in case only do not keep the repetitions apart when case does not matter.
    expect([hasNestedQuantifier("(a+A)+", ""), hasNestedQuantifier("(a+A)+", "i")]).toEqual([false, true]);
  });

  test("of hostile expressions take bounded time", () => {
    for (const source of [
      `(${"a*a".repeat(1_300)}b)+`,
      `${"(".repeat(90)}a*${")*".repeat(90)}`,
      `(${"a|".repeat(2_000)}a+)+`,
    ])
      hasNestedQuantifier(source, "");
  }, 20_000);
});

describe("headers", () => {
  test("that lack something are told once, with all that is missing", () => {
    const text = "title: T\nlogsource: { product: linux }\ndetection: { a: { F: x }, condition: a }\n";
    const { diagnostics } = lintSigma(text, "t.yml");
    expect(diagnostics).toMatchObject([{ line: 1, column: 1, code: "missing_header", severity: "warning" }]);
    expect(diagnostics[0]!.message).toBe("The document has no id, no status, no description, no level");
    expect(codes("a: { F: x }\ncondition: a")).toEqual([]);
  });

  test("fields and tags are asked of the host, a field once", () => {
    const tagged = `${head}tags: [good, bad]\ndetection:\n  a: { F: x, "G|contains": y }\n  b: { F: z }\n  condition: a or b\n`;
    const finding = (code: string) => ({ code, message: "m", hint: "" });
    const { diagnostics } = lintSigma(tagged, "t.yml", {
      field: (logsource, field) => (logsource.product === "linux" ? finding(`field_${field}`) : undefined),
      tag: (tag) => (tag === "bad" ? finding("tag") : undefined),
    });
    expect(diagnostics.map(({ line, column, code }) => `${line}:${column} ${code}`)).toEqual([
      "7:14 tag",
      "9:8 field_F",
      "9:15 field_G",
    ]);
  });

  test("positions are those of each document, also in collections", () => {
    const text = `action: global\n${head}---\ndetection:\n  a: { F|contains: '*' }\n  condition: a\n---\ndetection:\n  a: { F: ' x' }\n  condition: a\n`;
    const found = lintSigma(text, "t.yml");
    expect(found.diagnostics.map(({ line, code }) => `${line} ${code}`)).toEqual([
      "10 only_wildcards",
      "14 blank_value",
    ]);
    expect(found.titles.map(({ title, line, column }) => `${line}:${column} ${title}`)).toEqual(["2:8 T", "2:8 T"]);
  });

  test("what a template has is told once", () => {
    const text = `action: global\ntitle: T\ntags: [x]\nlogsource: { product: linux }\n---\ndetection: { a: { F: x }, condition: a }\n---\ndetection: { a: { F: y }, condition: a }\n`;
    const { diagnostics } = lintSigma(text, "t.yml", { tag: () => ({ code: "tag", message: "m", hint: "" }) });
    expect(diagnostics.map(({ line, code }) => `${line} ${code}`)).toEqual(["2 missing_header", "3 tag"]);
  });

  test("documents that do not load are left to the parser", () => {
    expect(lintSigma("title: T\n---\n- x\n---\n\t{\n", "t.yml").diagnostics).toEqual([]);
    expect(lintSigma("\u0000", "t.yml").diagnostics).toEqual([]);
  });
});

describe("the search", () => {
  const key = fc
    .tuple(
      fc.constantFrom("f", "g"),
      fc.constantFrom("", "|contains", "|startswith", "|endswith", "|cased", "|re", "|re|i", "|gt", "|lte"),
    )
    .map((parts) => parts.join(""));
  const word = fc.constantFrom("a", "ab", "b", "ba", "A", "a*b", "aab");
  const item = key.chain((name) => {
    const value = /gt|lte/.test(name)
      ? fc.integer({ min: 0, max: 3 })
      : /re/.test(name)
        ? fc.constantFrom("a", "^a", "b$", "a.b")
        : word;
    return fc.tuple(
      fc.constant(name),
      fc.oneof(
        value,
        /gt|lte/.test(name) ? value : fc.array(value as fc.Arbitrary<string>, { minLength: 1, maxLength: 3 }),
      ),
    );
  });
  const selection = fc.uniqueArray(
    fc.oneof(item, fc.constantFrom(["f", null] as const, ["g|exists", false] as const, ["f|exists", true] as const)),
    {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    },
  );
  const condition = fc.constantFrom(
    "s",
    "s and t",
    "s or t",
    "s and not t",
    "not s",
    "not s or t",
    "not (s or t)",
    "(s or t) and not (s and t)",
  );
  const someText = fc.constantFrom("a", "b", "ab", "ba", "aab", "A", "AB", "axb", "", "0", "2");
  const event = fc.record({ f: fc.oneof(someText, fc.constant(null)), g: someText }, { requiredKeys: [] });

  test("never calls impossible what an event shows to be possible", () => {
    fc.assert(
      fc.property(
        selection,
        selection,
        condition,
        fc.array(event, { minLength: 20, maxLength: 20 }),
        (s, t, when, events) => {
          const detection = { s: Object.fromEntries(s), t: Object.fromEntries(t), condition: when };
          const rule = ruleOf(
            Object.entries(detection)
              .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
              .join("\n"),
          );
          const can = [true, false].map((wanted) => possibility(rule, rule.condition, wanted).possible);
          const slots = new NameSlots();
          for (const fields of events) {
            const holds = interpret(rule, new RecordEvent(fields, slots), slots);
            expect(can[holds ? 0 : 1]).toBe(true);
          }
          if (solve(rule) !== undefined) expect(can[0]).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  }, 60_000);
});
