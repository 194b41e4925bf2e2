import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseSigma } from "./parse.ts";
import { ruleText } from "./test-kit.ts";

const good = `title: Good
id: 0f06a3a5-6a09-413f-8743-e6cf35561297
status: stable
description: |
    Two
    lines
references:
    - https://example.org/1
author: Ann Author, Bob Builder (team)
date: 2024-01-02
modified: 2025-03-04
tags:
    - attack.execution
    - attack.t1059.004
logsource:
    product: linux
    category: process_creation
    definition: 'needs nothing'
detection:
    selection:
        Image|endswith: '/x'
    condition: selection
falsepositives:
    - Administrators
fields:
    - Image
level: high
license: DRL-1.1
`;

describe("a rule", () => {
  test("carries its header as written", () => {
    const { documents, rules, diagnostics } = parseSigma(good, "dir/good.yml");
    expect({ documents, diagnostics }).toEqual({ documents: 1, diagnostics: [] });
    expect(rules[0]).toMatchObject({
      id: "0f06a3a5-6a09-413f-8743-e6cf35561297",
      title: "Good",
      status: "stable",
      description: "Two\nlines",
      author: ["Ann Author", "Bob Builder (team)"],
      references: ["https://example.org/1"],
      tags: ["attack.execution", "attack.t1059.004"],
      falsepositives: ["Administrators"],
      fields: ["Image"],
      level: "high",
      version: "2025-03-04",
      license: "DRL-1.1",
      logsource: { product: "linux", category: "process_creation", definition: "needs nothing" },
      file: "dir/good.yml",
      line: 1,
      conditions: ["selection"],
    });
    expect(rules[0]!.predicates).toEqual([
      {
        field: "Image",
        test: { op: "literal", how: "endswith", texts: ["/x"], cased: false },
        selection: "selection",
        modifier: "endswith",
        pattern: "/x",
      },
    ]);
  });

  test("without level counts as medium, without modified has its date, without both nothing", () => {
    const [rule] = parseSigma(ruleText("a:\n  b: 1\ncondition: a"), "x.yml").rules;
    expect(rule).toMatchObject({ level: "medium", version: "", status: "", author: [] });
    expect(parseSigma(`date: 2020-02-02\n${ruleText("a:\n  b: 1\ncondition: a")}`, "x.yml").rules[0]!.version).toBe(
      "2020-02-02",
    );
  });

  test("without id gets one that depends on what it says, and on nothing else", () => {
    const text = ruleText("a:\n  b: 1\ncondition: a");
    const id = (source: string, file = "x.yml"): string => parseSigma(source, file).rules[0]!.id;
    expect(id(text)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id(text)).toBe(id(`# a comment\n---\n${text}\n\n`, "other.yml"));
    expect(id(text)).toBe(id(text.replaceAll("\n", "\r\n")));
    expect(id(text)).not.toBe(id(text.replace("b: 1", "b: 2")));
    expect(id(text)).not.toBe(id(text.replace("b: 1", "b: '1'")));
  });

  test("keeps patterns and modifiers as written for explanations", () => {
    const [rule] = parseSigma(
      ruleText("sel:\n  f|windash|contains|all:\n    - ' -A'\n    - 'B*c'\ncondition: sel"),
      "x.yml",
    ).rules;
    expect(rule!.predicates.map(({ modifier, pattern, selection }) => ({ modifier, pattern, selection }))).toEqual([
      { modifier: "windash|contains|all", pattern: " -A", selection: "sel" },
      { modifier: "windash|contains|all", pattern: "B*c", selection: "sel" },
    ]);
  });

  test("has each predicate once, however often the condition or a list repeats it", () => {
    const [rule] = parseSigma(ruleText("sel:\n  f: [a, a, A]\ncondition: sel or sel and sel"), "x.yml").rules;
    expect(rule!.predicates.length).toBe(2);
    expect(rule!.selections.length).toBe(1);
  });
});

describe("faults in a file", () => {
  test("reject their document only", () => {
    const bad = good.replace("endswith", "endwith");
    const { documents, rules, diagnostics } = parseSigma(`${good}---\n${bad}---\n---\n${good}`, "many.yml");
    expect(documents).toBe(3);
    expect(rules.map(({ line }) => line)).toEqual([1, 60]);
    expect(diagnostics).toEqual([
      {
        file: "many.yml",
        line: 50,
        column: 15,
        severity: "error",
        code: "unknown_modifier",
        message: "Cannot read 'Image|endwith': unknown modifier 'endwith'",
        hint: "did you mean 'endswith'?",
      },
    ]);
  });

  test.each([
    [good.replace("title: Good", "titel: Good"), "no_title", "is it 'titel'?"],
    [good.replace("logsource:", "logsourec:"), "no_logsource", "is it 'logsourec'?"],
    [good.replace("detection:", "detections:"), "no_detection", "is it 'detections'?"],
    [good.replace("level: high", "level: hihg"), "unknown_level", "did you mean 'high'?"],
    [
      good.replace("product: linux", "produkt: linux").replace("    category: process_creation\n", ""),
      "empty_logsource",
      "did you mean 'product'?",
    ],
    [good.replace(/logsource:\n(?: {4}.*\n)+/, "logsource: linux\n"), "wrong_type", ""],
    [good.replace(/detection:\n(?: {4}.*\n)+/, "detection: none\n"), "wrong_type", ""],
    ["just text", "not_a_rule", ""],
    ["- a\n- b", "not_a_rule", ""],
    ["a: [1", "bad_yaml", ""],
    ["a: 'x", "bad_yaml", ""],
    ["a: *nothing", "bad_yaml", ""],
    ["a: b: c", "bad_yaml", ""],
    ["a: 1\na: 2", "duplicate_key", ""],
    ["action: globl\ntitle: x", "unknown_action", "did you mean 'global'?"],
  ])("%p is refused as %s", (text, code, hint) => {
    const { rules, diagnostics } = parseSigma(text, "x.yml");
    expect(rules).toEqual([]);
    const error = diagnostics.find(({ severity }) => severity === "error");
    expect(error).toMatchObject({ code, hint });
    expect(error!.line).toBeGreaterThan(0);
    expect(error!.column).toBeGreaterThan(0);
  });

  test("a status nobody knows and a selection nobody uses are warnings", () => {
    const text = good
      .replace("status: stable", "status: stabel")
      .replace("    condition:", "    spare:\n        x: 1\n    condition:");
    const { rules, diagnostics } = parseSigma(text, "x.yml");
    expect(rules.length).toBe(1);
    expect(diagnostics.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      "warning unknown_status",
      "warning unused_selection",
    ]);
  });

  test("an error in an unused selection is still an error", () => {
    const text = good.replace("    condition:", "    spare:\n        x|nope: 1\n    condition:");
    expect(parseSigma(text, "x.yml").diagnostics.map(({ code }) => code)).toContain("unknown_modifier");
  });

  test("messages cannot forge log lines", () => {
    const { diagnostics } = parseSigma(ruleText('"a|\\u001b[31m\\nfake: line": 1\ncondition: a'), "x.yml");
    for (const { message, hint } of diagnostics) expect(`${message}${hint}`).not.toMatch(/\p{Cc}/u);
  });

  test("an empty file has no documents and no faults", () => {
    for (const text of ["", "\n\n", "# only a comment\n", "---\n---\n", "---\n# x\n...\n"]) {
      expect(parseSigma(text, "x.yml")).toMatchObject({ documents: 0, rules: [], diagnostics: [] });
    }
  });
});

describe("hostile files end in diagnostics, quickly", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (let i = 0; i < 20; i++)
    bomb.push(
      `${String.fromCharCode(98 + i)}: &${String.fromCharCode(98 + i)} [${`*${String.fromCharCode(97 + i)},`.repeat(9)}]`,
    );

  const cases: Record<string, string> = {
    "alias bomb": bomb.join("\n"),
    "alias to itself": "a: &a\n  b: *a\n",
    "deep flow": "[".repeat(100_000),
    "deep flow maps": "{a: ".repeat(50_000),
    "deep indentation": Array.from({ length: 2_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    "dashes in a row": `${"- ".repeat(50_000)}x`,
    "question marks": `${"? ".repeat(50_000)}x`,
    "binary junk": Array.from({ length: 50_000 }, (_, i) => String.fromCharCode((i * 7_919) % 65_536)).join(""),
    "null bytes": "\0".repeat(10_000),
    "too large a file": "a".repeat(9 * 1024 * 1024),
    "many empty documents": "---\n".repeat(100_000),
    "many documents": "--- x\n".repeat(12_000),
    "long key": `${"k".repeat(200_000)}: v`,
    "quotes that never close": `a: "${"\\n".repeat(100_000)}`,
    tags: "a: !!js/function 'x'\nb: !<tag:x> y\n",
    "merge keys": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "many modifiers": ruleText(`a:\n  f${"|contains".repeat(20_000)}: x\ncondition: a`),
    "many windash places": ruleText(`a:\n  f|windash|contains: '${" -a".repeat(4_000)}'\ncondition: a`),
    "regex bomb": ruleText("a:\n  f|re: '((((a{1,100}){1,100}){1,100}){1,100}){1,100}'\ncondition: a"),
    "regex nest": ruleText(`a:\n  f|re: '${"(".repeat(1_900)}a${")".repeat(1_900)}'\ncondition: a`),
  };

  for (const [name, text] of Object.entries(cases)) {
    test(name, () => {
      const start = performance.now();
      const { documents, rules, diagnostics } = parseSigma(text, "hostile.yml");
      expect(performance.now() - start).toBeLessThan(3_000);
      expect(documents >= rules.length).toBe(true);
      expect(diagnostics.length).toBeLessThanOrEqual(201);
      expect(rules.length + diagnostics.length > 0 || documents === 0).toBe(true);
    });
  }

  test("any text gives a result", () => {
    const token = fc.constantFrom(
      "title: x\n",
      "logsource:\n  product: a\n",
      "detection:\n  ",
      "sel:\n    ",
      "f|re: ",
      "f|cidr: ",
      "- ",
      "condition: ",
      "sel",
      " and ",
      "not ",
      "(",
      ")",
      "1 of ",
      "*",
      "them",
      "'",
      '"',
      "[",
      "{",
      "}",
      "]",
      ",",
      "|",
      ">",
      "&a ",
      "*a ",
      "!",
      "\n",
      "  ",
      "---\n",
      ": ",
      "#",
      "%x%",
      "\\",
      "\u0000",
      "😀",
      "|contains",
      "|all",
    );
    const text = fc.oneof(
      fc.array(token, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary", maxLength: 200 }),
    );
    const property = fc.property(text, (source) => {
      const { documents, rules, diagnostics } = parseSigma(source, "fuzz.yml");
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      return rules.length + errors.length === documents;
    });
    fc.assert(property, { numRuns: 2_000, seed: 11 });
  });

  test("a rule with any byte changed gives a result", () => {
    const property = fc.property(
      fc.nat(good.length - 1),
      fc.constantFrom("", "\n", "'", ":", " ", "|", "\\", "{", "\t", "é", "\u0000"),
      (at, char) => {
        const { documents, rules, diagnostics } = parseSigma(good.slice(0, at) + char + good.slice(at + 1), "fuzz.yml");
        return rules.length + diagnostics.filter(({ severity }) => severity === "error").length === documents;
      },
    );
    fc.assert(property, { numRuns: 1_500, seed: 12 });
  });
});
