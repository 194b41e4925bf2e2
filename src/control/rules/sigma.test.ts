import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultConfig } from "../config/mod.ts";
import { loadSigmaRules } from "./sigma.ts";

const root = mkdtempSync(join(tmpdir(), "sigil-sigma-"));

function rule(name: string, more: string): string {
  return `title: ${name}\n${more}logsource: { category: process_creation }\ndetection: { a: { Image: ${name} }, condition: a }\n`;
}

writeFileSync(
  join(root, "rules.yml"),
  [
    rule("bare", ""),
    rule("low", "level: low\nstatus: stable\ntags: [attack.t1059.004]\n"),
    rule("high", "level: high\nstatus: test\ntags: [attack.T1003]\nid: 11111111-1111-4111-8111-111111111111\n"),
    rule("old", "level: critical\nstatus: deprecated\n"),
    rule("odd", "level: high\nid: 11111111-1111-4111-8111-111111111111\n"),
    "title: broken\nlogsource: {}\n",
  ].join("---\n"),
);

async function load(change: Partial<ReturnType<typeof defaultConfig>["sigma"]> = {}) {
  const loaded = await loadSigmaRules({ ...defaultConfig().sigma, rulesPaths: [root], ...change });
  return { ...loaded, titles: loaded.rules.map(({ title }) => title) };
}

test("by default deprecated rules are left out and counted, rules without a status are not", async () => {
  const { titles, filtered, documents } = await load();
  expect(titles).toEqual(["bare", "low", "high", "odd"]);
  expect(filtered).toEqual({ level: 0, status: 1, tags: 0 });
  expect(documents).toBe(6);
});

test("a rule without a level counts as medium", async () => {
  expect((await load({ minLevel: "medium" })).titles).toEqual(["bare", "high", "odd"]);
  expect((await load({ minLevel: "high" })).titles).toEqual(["high", "odd"]);
});

test("tags include and exclude, without regard to case, a star stands for any ending", async () => {
  expect((await load({ includeTags: ["attack.t1003"] })).titles).toEqual(["high"]);
  expect((await load({ includeTags: ["ATTACK.T1*"] })).titles).toEqual(["low", "high"]);
  expect((await load({ excludeTags: ["attack.t1059*"] })).titles).toEqual(["bare", "high", "odd"]);
});

test("every rule is loaded, left out by a filter, or rejected with a diagnostic", async () => {
  for (const minLevel of ["informational", "medium", "critical"] as const) {
    const { rules, filtered, diagnostics, documents } = await load({ minLevel });
    const rejected = diagnostics.filter(({ severity }) => severity === "error").length;
    expect(rules.length + filtered.level + filtered.status + filtered.tags + rejected).toBe(documents);
  }
});

test("an id that two rules share is a warning that names the first", async () => {
  const { diagnostics } = await load();
  const warning = diagnostics.find(({ code }) => code === "duplicate_id");
  expect(warning?.severity).toBe("warning");
  expect(warning?.hint).toContain("rules.yml:");
});
