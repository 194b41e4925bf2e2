// What the agent knows about the words of rules: fields, tags, the coverage of ATT&CK, and how quiet that is on public rules.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { sharedData } from "../../../test/data.ts";
import { parseSigma } from "../../detect/sigma/mod.ts";
import { checkField, knownFields } from "./known-fields.ts";
import { coverageOf, lintRules, loadRuleFiles, navigatorLayer, parseSigmaFiles, ruleStates } from "./mod.ts";
import { checkTag } from "./tags.ts";

const kinds = new Set(["sigma"] as const);

describe("fields", () => {
  const linux = { product: "linux", category: "process_creation" };
  const windows = { product: "windows", category: "process_creation" };

  test("of log sources with a fixed shape are known, those of others are left alone", () => {
    expect(checkField(linux, "ImageMemfd")).toBeUndefined();
    expect(checkField(windows, "OriginalFileName")).toBeUndefined();
    expect(checkField(windows, "ImageMemfd")?.code).toBe("unknown_field");
    expect(checkField({ product: "windows", service: "security" }, "Whatever")).toBeUndefined();
    expect(checkField({ product: "aws", category: "process_creation" }, "Whatever")).toBeUndefined();
    expect(checkField({ category: "webserver" }, "Whatever")).toBeUndefined();
    expect(knownFields({ category: "constructor" })).toBeUndefined();
  });

  test("that are misspelt, also in case only, get the right word", () => {
    expect(checkField(linux, "Commandline")?.hint).toBe("did you mean 'CommandLine'?");
    expect(checkField(windows, "ParentImge")?.hint).toBe("did you mean 'ParentImage'?");
    expect(checkField({ category: "Process_Creation", product: "Windows" }, "Imagee")?.hint).toBe(
      "did you mean 'Image'?",
    );
  });
});

describe("tags", () => {
  test("of the specification and of ATT&CK 18 and 19 are right", () => {
    for (const tag of [
      "attack.t1059",
      "attack.t1059.004",
      "attack.defense-evasion",
      "attack.stealth",
      "attack.g0010",
      "attack.s0002",
      "car.2013-05-009",
      "cve.2021-44228",
      "detection.emerging-threats",
      "tlp.amber-strict",
      "mine.anything",
      "word",
    ])
      expect([tag, checkTag(tag)]).toEqual([tag, undefined]);
  });

  test("that are spelt otherwise or say nothing are told, with the right word", () => {
    for (const [tag, code, hint] of [
      ["attack.T1059", "tag_spelling", "write 'attack.t1059'"],
      ["attack.defense_evasion", "tag_spelling", "write 'attack.defense-evasion'"],
      ["attack.executoin", "unknown_tag", "did you mean 'attack.execution'?"],
      ["attack.t1059.4", "unknown_tag", "write 't1059' or 't1059.004'"],
      ["attack.t9999", "unknown_tag", ""],
      ["atack.t1059", "unknown_tag", "did you mean 'attack'?"],
      ["attack.", "unknown_tag", "write 'attack.…'"],
      ["tlp.blue", "unknown_tag", ""],
    ] as const)
      expect([tag, checkTag(tag)?.code, checkTag(tag)?.hint]).toEqual([tag, code, hint]);
  });
});

describe("lints", () => {
  test("are quiet on the rules that ship with the agent", () => {
    expect(lintRules(loadRuleFiles([join(import.meta.dir, "../../../rules")], kinds), {})).toEqual({
      warnings: [],
      omitted: 0,
    });
  });

  const folder = sharedData("sigma");
  test.skipIf(folder === undefined)(
    `find little in SigmaHQ, quickly${folder === undefined ? " (skipped: ../shared/data/sigma is not there)" : ""}`,
    () => {
      const files = loadRuleFiles([folder!], kinds);
      const startedMs = performance.now();
      const { warnings } = lintRules(files, {});
      expect(performance.now() - startedMs).toBeLessThan(3_000);
      const counts = Object.fromEntries(
        Object.entries(Object.groupBy(warnings, ({ code }) => code)).map(([code, list]) => [code, list!.length]),
      );
      expect(counts).toEqual({ only_wildcards: 8, blank_value: 13, unknown_field: 26, nested_quantifier: 3 });
      expect(warnings.every(({ line, column }) => line > 0 && column > 0)).toBe(true);
    },
  );
});

describe("coverage", () => {
  const rule = (title: string, tags: string[]) =>
    parseSigma(
      `title: ${title}\ntags: [${tags.join(", ")}]\nlogsource: { product: linux }\ndetection: { a: { F: x }, condition: a }\n`,
      "c.yml",
    ).rules[0]!;
  const rules = [
    rule("One", ["attack.execution", "attack.t1059.004", "attack.T1059.004"]),
    rule("Two", ["attack.defense_evasion", "attack.t1059.004", "attack.t1027"]),
    rule("Three", ["attack.defense-evasion"]),
  ];

  test("counts rules by technique and tactic, a rule once", () => {
    const found = coverageOf(rules);
    expect(found.techniques.map(({ id, name, rules: list }) => [id, name, list.length])).toEqual([
      ["T1027", "Obfuscated Files or Information", 1],
      ["T1059.004", "Unix Shell", 2],
    ]);
    expect(found).toMatchObject({ ruleCount: 3, untaggedCount: 1, isVersion19: false });
    expect(found.tactics.find(({ id }) => id === "TA0005")).toEqual({
      id: "TA0005",
      name: "Stealth / Defense Evasion",
      ruleCount: 2,
      techniqueCount: 2,
    });
    expect(coverageOf([rule("Four", ["attack.stealth"])]).isVersion19).toBe(true);
  });

  test("becomes a layer of format 4.5 with scores, titles and colours", () => {
    const layer = navigatorLayer(coverageOf(rules), "L", "d");
    expect(layer).toMatchObject({
      name: "L",
      domain: "enterprise-attack",
      versions: { attack: "18", layer: "4.5" },
      gradient: { minValue: 0, maxValue: 2 },
    });
    expect(layer.techniques).toMatchObject([
      { techniqueID: "T1027", score: 1, comment: "Two" },
      // Opened, so that the part of it shows; without a score of its own.
      { techniqueID: "T1059", showSubtechniques: true },
      { techniqueID: "T1059.004", score: 2, comment: "One\nTwo" },
    ]);
    expect((layer.techniques as object[])[1]).not.toHaveProperty("score");
  });
});

test("states tell what becomes of each rule, also where ids are used twice", () => {
  const text = (source: string) =>
    `title: Same\nid: 11111111-1111-4111-8111-111111111111\nlevel: low\nlogsource: ${source}\ndetection: { a: { Image: x }, condition: a }\n`;
  const files = {
    ...loadRuleFiles([], kinds),
    files: [
      {
        path: "s.yml",
        name: "s.yml",
        kind: "sigma" as const,
        text: `${text("{ product: linux, category: process_creation }")}---\n${text("{ product: windows, category: registry_set }")}`,
      },
    ],
  };
  const sigma = parseSigmaFiles(files, {});
  expect(ruleStates(sigma, "linux").map(({ state }) => state)).toEqual(["active", "inert"]);
  const filter = { minLevel: "high", statuses: [], includeTags: [], excludeTags: [] } as const;
  expect(ruleStates(sigma, "linux", filter).map(({ state, reason }) => [state, reason])).toEqual([
    ["filtered", "sigma.min_level"],
    ["filtered", "sigma.min_level"],
  ]);
});
