import { describe, expect, test } from "bun:test";
import { matchesOf, type RuleMatch } from "./explain.ts";
import { matchCountMax, matchValueLengthMax } from "./limits.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { ruleOf } from "./test-kit.ts";
import type { Value } from "./types.ts";

function explain(detection: string, fields: Readonly<Record<string, Value>>): RuleMatch[] {
  const slots = new NameSlots();
  return matchesOf(ruleOf(detection), new RecordEvent(fields, slots), slots);
}

describe("matchesOf", () => {
  test("names selection, field, modifier and pattern as written, and the event's value", () => {
    expect(
      explain("sel:\n  Image|endswith: ['/CURL', '/wget']\n  CommandLine|contains|all: [a, B]\ncondition: sel", {
        Image: "/usr/bin/curl",
        CommandLine: "b-A",
      }),
    ).toEqual([
      { selection: "sel", field: "Image", modifier: "endswith", pattern: "/CURL", value: "/usr/bin/curl" },
      { selection: "sel", field: "CommandLine", modifier: "contains|all", pattern: "a", value: "b-A" },
      { selection: "sel", field: "CommandLine", modifier: "contains|all", pattern: "B", value: "b-A" },
    ]);
  });

  test("leaves out branches that are not true, and what stands under not", () => {
    const detection = "one:\n  f: a\n  g: b\ntwo:\n  f: a\nfilter:\n  h: c\ncondition: (one or two) and not filter";
    expect(explain(detection, { f: "a", g: "x" }).map(({ selection }) => selection)).toEqual(["two"]);
    expect(explain(detection, { f: "a", g: "x", h: "c" })).toEqual([]);
  });

  test("a keyword has no field and shows the text it was found in", () => {
    expect(explain("k:\n  - needle\ncondition: k", { a: "hay", b: { c: ["a NEEDLE!"] } })).toEqual([
      { selection: "k", field: "", modifier: "", pattern: "needle", value: "a NEEDLE!" },
    ]);
  });

  test("an array shows the member that matched", () => {
    expect(explain("s:\n  f|re: 'b+'\ncondition: s", { f: ["a", ["c", "bb"]] })[0]!.value).toBe("bb");
  });

  test("a rule that matches by absence has nothing to show, an absent field an empty value", () => {
    expect(explain("s:\n  f: 1\ncondition: not s", {})).toEqual([]);
    expect(explain("s:\n  f: null\ncondition: s", {})).toEqual([
      { selection: "s", field: "f", modifier: "", pattern: "null", value: "" },
    ]);
  });

  test("values and counts are bounded, and no character is cut in half", () => {
    const [match] = explain("s:\n  f|contains: a\ncondition: s", { f: `a${"😀".repeat(5_000)}` });
    expect(match!.value.length).toBeLessThanOrEqual(matchValueLengthMax);
    expect(match!.value.isWellFormed()).toBe(true);
    const values = Array.from({ length: 200 }, (_, i) => `x${i % 2}${"y".repeat(i)}`);
    expect(
      explain(`s:\n  f|startswith:\n${values.map((value) => `    - ${value}`).join("\n")}\ncondition: s`, {
        f: `x0${"y".repeat(300)}`,
      }).length,
    ).toBe(matchCountMax);
  });
});
