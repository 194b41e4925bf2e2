import { describe, expect, test } from "bun:test";
import { interpret } from "./interpret.ts";
import { type LinkResult, linkSigma } from "./link.ts";
import { parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { agrees } from "./test-kit.ts";
import type { Value } from "./types.ts";

const rule = `title: Copy
id: 4f6e5a1e-53f5-4b3c-8e6e-1d1f3c6f5a01
name: copy
logsource: { product: linux, category: process_creation }
detection:
  selection: { Image|endswith: /cp }
  sel_extra: { CommandLine|contains: shadow }
  condition: all of sel*
`;

function filter(body: string, more = ""): string {
  const lines = body.trim().replaceAll("\n", "\n  ");
  return `title: Backups\nlogsource: { product: linux }\n${more}filter:\n  ${lines}\n`;
}

function linked(...texts: string[]): LinkResult & { codes: string[] } {
  const parsed = texts.map((text, i) => parseSigma(text, `file${i}.yml`));
  const input = {
    rules: parsed.flatMap(({ rules }) => rules),
    filters: parsed.flatMap(({ filters }) => filters),
    correlations: parsed.flatMap(({ correlations }) => correlations),
  };
  const result = linkSigma(input);
  const all = [...parsed.flatMap(({ diagnostics }) => diagnostics), ...result.diagnostics];
  return { ...result, diagnostics: all, codes: all.map(({ severity, code }) => `${severity} ${code}`) };
}

const copied = { Image: "/bin/cp", CommandLine: "cp /etc/shadow /x" };

function matches(fields: Record<string, Value>, ...texts: string[]): boolean {
  const { rules, codes } = linked(...texts);
  expect(codes.filter((code) => code.startsWith("error"))).toEqual([]);
  expect(rules.length).toBe(1);
  return agrees(rules[0]!, fields);
}

describe("a filter", () => {
  const byBackup = filter("rules: copy\nselection: { User: backup }\ncondition: not selection");

  test("is one more condition of the rules it names, wherever it stands", () => {
    for (const texts of [[rule, byBackup], [byBackup, rule], [`${byBackup}---\n${rule}`]]) {
      expect(matches({ ...copied, User: "root" }, ...texts)).toBe(true);
      expect(matches(copied, ...texts)).toBe(true);
      expect(matches({ ...copied, User: "backup" }, ...texts)).toBe(false);
      expect(matches({ Image: "/bin/cp", User: "root" }, ...texts)).toBe(false);
    }
  });

  test("refers by id in any case, by name, by a list of either, or to any", () => {
    for (const rules of ["4F6E5A1E-53f5-4b3c-8e6e-1d1f3c6f5a01", "copy", "[copy]", "any", "Any", "[nobody, copy]"]) {
      const text = filter(`rules: ${rules}\nselection: { User: backup }\ncondition: not selection`);
      expect([rules, matches({ ...copied, User: "backup" }, rule, text)]).toEqual([rules, false]);
    }
  });

  test("does not touch rules that it does not name", () => {
    const other = filter("rules: other\nselection: { User: backup }\ncondition: not selection");
    expect(matches({ ...copied, User: "backup" }, rule, other)).toBe(true);
  });

  test("is added, not subtracted: without a 'not' the rule fires only on what it describes, and a warning says so", () => {
    const text = filter("rules: any\nselection: { User: backup }\ncondition: selection");
    expect(matches({ ...copied, User: "backup" }, rule, text)).toBe(true);
    expect(matches({ ...copied, User: "root" }, rule, text)).toBe(false);
    expect(linked(rule, text).codes).toEqual(["warning filter_without_not"]);
    const inside = filter("rules: any\nselection: { User|neq: backup }\ncondition: selection");
    expect(linked(rule, inside).codes).toEqual([]);
  });

  test("has selections of its own: neither side's patterns reach the other's", () => {
    const same = "selection: { User: backup }\nsel_two: { User: robot }";
    const text = (condition: string): string => filter(`rules: any\n${same}\ncondition: ${condition}`);
    for (const condition of ["not 1 of sel*", "not 1 of them", "not (selection or sel_two)"]) {
      expect(matches({ ...copied, User: "root" }, rule, text(condition))).toBe(true);
      expect(matches({ ...copied, User: "robot" }, rule, text(condition))).toBe(false);
    }
    // The rule's own `all of sel*` still means its two selections.
    expect(matches({ Image: "/bin/cp", User: "backup" }, rule, text("not all of them"))).toBe(false);
  });

  test("works with others on one rule, and on every condition of a list", () => {
    const two = [
      filter("rules: any\ns: { User: backup }\ncondition: not s"),
      filter("rules: any\ns: { User: robot }\ncondition: not s"),
    ];
    expect(matches({ ...copied, User: "root" }, rule, ...two)).toBe(true);
    for (const User of ["backup", "robot"]) expect(matches({ ...copied, User }, rule, ...two)).toBe(false);
    const listed = rule.replace("condition: all of sel*", "condition: [selection, sel_extra]");
    expect(matches({ Image: "/bin/cp", User: "backup" }, listed, two[0]!)).toBe(false);
    expect(matches({ CommandLine: "shadow", User: "backup" }, listed, two[0]!)).toBe(false);
  });

  test("applies where its log source contains the rule's", () => {
    const of = (logsource: string): string => byBackup.replace("{ product: linux }", logsource);
    const backup = { ...copied, User: "backup" };
    for (const source of [
      "{ product: LINUX }",
      "{ category: process_creation }",
      "{ product: linux, category: process_creation }",
    ])
      expect([source, matches(backup, rule, of(source))]).toEqual([source, false]);
    for (const source of ["{ product: windows }", "{ product: linux, service: auditd }", "{ category: file_event }"]) {
      expect([source, matches(backup, rule, of(source))]).toEqual([source, true]);
      expect(linked(rule, of(source)).codes).toEqual(["warning other_logsource"]);
      expect(linked(rule, of(source).replace("rules: copy", "rules: any")).codes).toEqual([]);
    }
  });

  test("that names no rule that is there is a warning with the nearest name and its place", () => {
    const { diagnostics, rules } = linked(
      rule,
      filter("rules:\n  - copi\nselection: { User: x }\ncondition: not selection"),
    );
    expect(rules.length).toBe(1);
    expect(diagnostics).toMatchObject([
      {
        severity: "warning",
        code: "unknown_rule",
        file: "file1.yml",
        line: 5,
        column: 7,
        hint: "did you mean 'copy'?",
      },
    ]);
  });

  test("never applies to correlations", () => {
    const correlation =
      "title: Many\nname: many\ncorrelation: { type: event_count, rules: copy, timespan: 1m, condition: { gte: 2 } }\n";
    const { codes } = linked(rule, correlation, filter("rules: many\ns: { User: x }\ncondition: not s"));
    expect(codes).toEqual(["warning filtered_correlation"]);
  });

  test.each([
    ["selection: { a: 1 }\ncondition: not selection", "no_rules"],
    ["rules: any\ncondition: not selection", "no_selection"],
    ["rules: any\nselection: { a: 1 }", "no_condition"],
    ["rules: any\nselection: { a: 1 }\ncondition: not other", "unknown_identifier"],
    ["rules: { a: b }\nselection: { a: 1 }\ncondition: not selection", "wrong_type"],
    ["rules: any\nselection: { a|nope: 1 }\ncondition: not selection", "unknown_modifier"],
  ])("%j is refused as %s", (body, code) => {
    const { filters, diagnostics, documents } = parseSigma(filter(body), "x.yml");
    expect({ filters, documents }).toEqual({ filters: [], documents: 1 });
    expect(diagnostics.map((one) => one.code)).toContain(code);
    expect(diagnostics[0]!.line).toBeGreaterThan(0);
  });

  test("needs a log source", () => {
    const text = filter("rules: any\ns: { a: 1 }\ncondition: not s").replace("logsource: { product: linux }\n", "");
    expect(parseSigma(text, "x.yml").diagnostics).toMatchObject([{ severity: "error", code: "no_logsource" }]);
  });

  test("that makes a rule too large to evaluate is not applied, and that is an error", () => {
    const values = Array.from({ length: 3000 }, (_, i) => `v${i}`).join(", ");
    const many = Array(40).fill("s").join(" or ");
    const large = filter(`rules: any\ns: { a: [${values}] }\ncondition: not (${many})`);
    const { codes, rules } = linked(rule, large, large.replace("Backups", "Again"));
    expect(codes).toEqual(["error filter_too_large"]);
    expect(rules[0]!.predicates.length).toBe(2 + 3000);
  });

  test("leaves plain data that says whose selections are whose", () => {
    const { rules } = linked(rule, byBackup);
    expect(structuredClone(rules[0])).toEqual(rules[0]!);
    expect(rules[0]!.selections.map(({ name }) => name)).toEqual(["selection", "sel_extra", "Backups: selection"]);
    expect(rules[0]!.conditions).toEqual(["(all of sel*) and ((not selection))"]);
  });
});

describe("a collection", () => {
  const template =
    "action: global\ntitle: T\nlogsource: { product: linux }\nlevel: high\ndetection: { condition: sel }\n";
  const titled = (image: string): string => `detection:\n  sel: { Image: ${image} }\n`;
  const holds = (text: string, Image: string): boolean[] => {
    const slots = new NameSlots();
    const { rules } = linked(text);
    return rules.map((one) => interpret(one, new RecordEvent({ Image }, slots), slots));
  };

  test("puts a global document into each rule that follows, key by key", () => {
    const text = [template, titled("a"), titled("b")].join("---\n");
    const { rules, templates, documents, diagnostics } = parseSigma(text, "x.yml");
    expect({ documents, templates, diagnostics }).toEqual({ documents: 3, templates: 1, diagnostics: [] });
    expect(rules.map(({ title, level }) => `${title} ${level}`)).toEqual(["T high", "T high"]);
    expect([holds(text, "a"), holds(text, "b")]).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(rules[0]!.id).not.toBe(rules[1]!.id);
  });

  test("lets the global document win, and replaces lists", () => {
    const text = `${template}tags: [attack.t1]\n---\n${titled("a")}level: low\ntags: [attack.t2, attack.t3]\n`;
    expect(parseSigma(text, "x.yml").rules[0]).toMatchObject({ level: "high", tags: ["attack.t1"] });
  });

  test("forgets it at a reset, and takes the next one instead of it", () => {
    const reset = [template, titled("a"), "action: reset\n", titled("b")].join("---\n");
    expect(parseSigma(reset, "x.yml")).toMatchObject({ documents: 4, templates: 2, rules: [{ title: "T" }] });
    expect(parseSigma(reset, "x.yml").diagnostics.map(({ code }) => code)).toEqual(["no_title"]);
    const second = template.replace("title: T", "title: U").replace("level: high\n", "");
    const next = parseSigma([template, titled("a"), second, titled("b")].join("---\n"), "x.yml").rules;
    expect(next.map(({ title, level }) => `${title} ${level}`)).toEqual(["T high", "U medium"]);
  });

  test("repeats the rule before with what is different", () => {
    const text = [template, titled("a"), `action: repeat\ntitle: Other\n${titled("b")}`].join("---\n");
    const { rules, templates } = parseSigma(text, "x.yml");
    expect(rules.map(({ title }) => title)).toEqual(["T", "Other"]);
    expect(templates).toBe(1);
    expect(holds(text, "b")).toEqual([false, true]);
    expect(parseSigma("action: repeat\ntitle: x\n", "x.yml").diagnostics).toMatchObject([
      { code: "nothing_to_repeat" },
    ]);
  });

  test("leaves correlations and filters as they are", () => {
    const correlation = "title: C\ncorrelation: { type: event_count, rules: a, timespan: 1m, condition: { gte: 2 } }\n";
    const { correlations } = parseSigma([template, correlation].join("---\n"), "x.yml");
    expect(correlations).toMatchObject([{ title: "C", level: "medium", hasLevel: false }]);
  });

  test("tells faults where they were written", () => {
    const text = [template.replace("condition: sel", "condition: sell"), titled("a")].join("---\n");
    expect(parseSigma(text, "x.yml").diagnostics[0]).toMatchObject({ code: "unknown_identifier", line: 5 });
  });

  test("cannot be used to multiply a large template", () => {
    const values = Array.from({ length: 5000 }, (_, i) => `v${i}`).join(", ");
    const large = template.replace("condition: sel", `condition: sel, big: { a: [${values}] }`);
    const { rules, diagnostics } = parseSigma([large, ...Array(500).fill(titled("a"))].join("---\n"), "x.yml");
    expect(rules.length).toBeLessThan(101);
    expect(diagnostics.some(({ code }) => code === "collection_too_large")).toBe(true);
  });
});
