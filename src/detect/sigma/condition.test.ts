import { describe, expect, test } from "bun:test";
import { agrees, errorOf, ruleOf } from "./test-kit.ts";

const names = ["a", "b", "c"] as const;

/** Selections a, b and c ask fields of the same names for `1`. */
function truth(condition: string, ...set: string[]): boolean {
  const rule = ruleOf(`a:\n  a: 1\nb:\n  b: 1\nc:\n  c: 1\ncondition: ${condition}`);
  return agrees(rule, Object.fromEntries(names.map((name) => [name, set.includes(name) ? 1 : 0])));
}

describe("condition", () => {
  test("a lone identifier is its selection", () => {
    expect(truth("a", "a")).toBe(true);
    expect(truth("a", "b")).toBe(false);
  });

  test("not binds tighter than and, and tighter than or", () => {
    expect(truth("a or b and c", "a")).toBe(true);
    expect(truth("(a or b) and c", "a")).toBe(false);
    expect(truth("not a and b", "b")).toBe(true);
    expect(truth("not (a and b)", "b")).toBe(true);
    expect(truth("not a or b", "a", "b")).toBe(true);
    expect(truth("a and b or c", "c")).toBe(true);
  });

  test("not can be repeated", () => {
    expect(truth("not not a", "a")).toBe(true);
    expect(truth("not not not a", "a")).toBe(false);
  });

  test("chains of the same operator hold all their parts", () => {
    expect(truth("a and b and c", "a", "b")).toBe(false);
    expect(truth("a and b and c", "a", "b", "c")).toBe(true);
    expect(truth("a or b or c", "c")).toBe(true);
  });

  test("all truth assignments of a mixed condition follow boolean algebra", () => {
    for (let bits = 0; bits < 8; bits++) {
      const [a, b, c] = [bits & 1, bits & 2, bits & 4].map((bit) => bit !== 0) as [boolean, boolean, boolean];
      const set = names.filter((_, i) => (bits >> i) & 1);
      expect(truth("a and not (b or c) or not a and (b and c)", ...set)).toBe((a && !(b || c)) || (!a && b && c));
    }
  });

  const many = "sel_one:\n  f: 1\nsel_two:\n  g: 1\nother:\n  h: 1\n_private:\n  p: 1\n";

  test("1 of and any of link by or, all of by and", () => {
    const event = { f: 1, g: 0, h: 0, p: 0 };
    expect(agrees(ruleOf(`${many}condition: 1 of sel_*`), event)).toBe(true);
    expect(agrees(ruleOf(`${many}condition: any of sel_*`), event)).toBe(true);
    expect(agrees(ruleOf(`${many}condition: all of sel_*`), event)).toBe(false);
    expect(agrees(ruleOf(`${many}condition: all of sel_*`), { f: 1, g: 1 })).toBe(true);
  });

  test("them is every selection that does not start with an underscore", () => {
    expect(agrees(ruleOf(`${many}condition: 1 of them`), { p: 1 })).toBe(false);
    expect(agrees(ruleOf(`${many}condition: all of them`), { f: 1, g: 1, h: 1 })).toBe(true);
    expect(agrees(ruleOf(`${many}condition: 1 of them`), { h: 1 })).toBe(true);
  });

  test("a pattern reaches private selections only when it starts with an underscore itself", () => {
    expect(agrees(ruleOf(`${many}condition: 1 of *`), { p: 1 })).toBe(false);
    expect(agrees(ruleOf(`${many}condition: 1 of _priv*`), { p: 1 })).toBe(true);
    expect(agrees(ruleOf(`${many}condition: _private`), { p: 1 })).toBe(true);
  });

  test("the star may stand anywhere and the whole name must match", () => {
    expect(agrees(ruleOf(`${many}condition: 1 of *_two`), { g: 1 })).toBe(true);
    expect(agrees(ruleOf(`${many}condition: 1 of s*_*o`), { g: 1 })).toBe(true);
    expect(agrees(ruleOf(`${many}condition: 1 of s*_*o`), { f: 1 })).toBe(false);
    expect(agrees(ruleOf(`${many}condition: 1 of sel_one`), { f: 1 })).toBe(true);
    expect(errorOf(`${many}condition: 1 of sel`).code).toBe("empty_selector");
  });

  test("not binds to a quantifier", () => {
    expect(agrees(ruleOf(`${many}condition: other and not 1 of sel_*`), { h: 1 })).toBe(true);
    expect(agrees(ruleOf(`${many}condition: other and not 1 of sel_*`), { h: 1, g: 1 })).toBe(false);
    expect(agrees(ruleOf(`${many}condition: other and not all of sel_*`), { h: 1, g: 1 })).toBe(true);
  });

  test("words that only start like an operator are names", () => {
    const rule = ruleOf(
      "notepad:\n  a: 1\nand_filter:\n  b: 1\n1_of_x:\n  c: 1\ncondition: notepad and and_filter and 1_of_x",
    );
    expect(agrees(rule, { a: 1, b: 1, c: 1 })).toBe(true);
    expect(agrees(rule, { a: 1, b: 1 })).toBe(false);
  });

  test("names with dots and pipes are reached by a pattern", () => {
    const rule = ruleOf(
      "sel:\n  a: 1\nfilter_main_mdadm.conf:\n  b: 1\n'filter_x|endswith':\n  c: 1\ncondition: sel and not 1 of filter_*",
    );
    expect(agrees(rule, { a: 1 })).toBe(true);
    expect(agrees(rule, { a: 1, b: 1 })).toBe(false);
    expect(agrees(rule, { a: 1, c: 1 })).toBe(false);
  });

  test("a list of conditions is alternatives", () => {
    const rule = ruleOf("x:\n  a: 1\ny:\n  b: 1\ncondition:\n  - x\n  - y");
    expect(agrees(rule, { b: 1 })).toBe(true);
    expect(agrees(rule, { b: 2 })).toBe(false);
  });

  test("line breaks inside a condition are blanks", () => {
    const rule = ruleOf("x:\n  a: 1\ny:\n  b: 1\ncondition: >\n  x\n  and y");
    expect(agrees(rule, { a: 1, b: 1 })).toBe(true);
  });

  test("faults carry the place and the nearest right word", () => {
    const unknown = errorOf("selection:\n  a: 1\ncondition: selectoin");
    expect(unknown).toMatchObject({
      code: "unknown_identifier",
      line: 7,
      column: 14,
      hint: "did you mean 'selection'?",
    });
    expect(errorOf("sel:\n  a: 1\ncondition: sel and flt").column).toBe(22);
    expect(errorOf("sel:\n  a: 1\ncondition: 'sel and flt'").column).toBe(23);
  });

  test.each([
    ["sel and", "bad_condition"],
    ["and sel", "bad_condition"],
    ["sel sel", "bad_condition"],
    ["(sel", "bad_condition"],
    ["sel)", "bad_condition"],
    ["()", "bad_condition"],
    ["not", "bad_condition"],
    ["1 of", "bad_condition"],
    ["2 of sel*", "bad_quantifier"],
    ["none of sel*", "bad_quantifier"],
    ["1 of nothing*", "empty_selector"],
    ["all of missing", "empty_selector"],
    ["sel AND sel", "bad_condition"],
    ["NOT sel", "keyword_case"],
    ["sel*", "unknown_identifier"],
    ["sel | count() > 5", "aggregation_condition"],
    ["sel | near other", "aggregation_condition"],
    ["''", "empty_condition"],
  ])("%s is refused as %s", (condition, code) => {
    expect(errorOf(`sel:\n  a: 1\ncondition: ${condition}`).code).toBe(code);
  });

  test("depth and length are bounded", () => {
    const deep = `${"(".repeat(100_000)}sel${")".repeat(100_000)}`;
    expect(errorOf(`sel:\n  a: 1\ncondition: ${deep}`).code).toBe("condition_too_long");
    expect(errorOf(`sel:\n  a: 1\ncondition: ${"not ".repeat(5_000)}sel`).code).toBe("condition_too_deep");
    const values = Array.from({ length: 100 }, (_, i) => i).join();
    const heavy = Array.from({ length: 4_000 }, () => "sel").join(" or ");
    expect(errorOf(`sel:\n  a: [${values}]\ncondition: ${heavy}`).code).toBe("condition_too_large");
    const long = Array.from({ length: 5_000 }, () => "sel").join(" or ");
    expect(agrees(ruleOf(`sel:\n  a: 1\ncondition: ${long}`), { a: 1 })).toBe(true);
  });
});
