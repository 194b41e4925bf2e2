import { describe, expect, test } from "bun:test";
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
  const loaded = await loadSigmaRules({
    ...defaultConfig(),
    sigma: { ...defaultConfig().sigma, rulesPaths: [root], ...change },
  });
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

test("filters and correlations of all files come together, and every document is counted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sigil-sigma-"));
  const counted = (name: string, of: string, more = "") =>
    `title: ${name}\n${more}correlation: { type: event_count, rules: ${of}, timespan: 1m, condition: { gte: 2 } }\n`;
  writeFileSync(
    join(folder, "a.yml"),
    [counted("many", "base", "level: high\n"), counted("lost", "nobody")].join("---\n"),
  );
  writeFileSync(
    join(folder, "b.yml"),
    [
      rule("base", "name: base\nlevel: low\n"),
      "action: global\nauthor: Ann\n",
      rule("loud", "level: high\n"),
      rule("quiet", "level: low\n"),
      counted("less", "base", "level: low\n"),
    ].join("---\n"),
  );
  const filter =
    "title: f\nlogsource: { category: process_creation }\nfilter: { rules: any, s: { User: x }, condition: not s }\n";
  writeFileSync(join(folder, "c.yml"), filter);
  const sigma = { ...defaultConfig().sigma, rulesPaths: [folder], minLevel: "high" as const };
  const loaded = await loadSigmaRules({ ...defaultConfig(), sigma });
  const { rules, correlations, filters, templates, filtered, diagnostics, documents } = loaded;
  // The low rule stays for the sake of the high correlation, and says nothing itself.
  expect(rules.map(({ title, silent }) => `${title} ${silent}`)).toEqual(["base true", "loud undefined"]);
  expect(rules.map(({ predicates }) => predicates.length)).toEqual([2, 2]);
  expect(correlations.map(({ title, silent }) => `${title} ${silent}`)).toEqual(["many false"]);
  expect(filtered).toEqual({ level: 2, status: 0, tags: 0 });
  expect(diagnostics.map(({ code, file }) => [code, file.endsWith("a.yml")])).toEqual([["unknown_rule", true]]);
  expect(rules.length + correlations.length + filters + templates + filtered.level + diagnostics.length).toBe(
    documents,
  );
});

describe("pipelines", () => {
  const write = (name: string, text: string): string => {
    const path = join(mkdtempSync(join(tmpdir(), "sigil-pipelines-")), name);
    writeFileSync(path, text);
    return path;
  };
  const rule = write(
    "r.yml",
    "title: T\nlogsource: { product: linux }\ndetection:\n  sel: { Image: x }\n  condition: sel\n",
  );
  const loadFrom = (path: string) => {
    const config = defaultConfig();
    return loadSigmaRules({ ...config, sigma: { ...config.sigma, rulesPaths: [rule], pipelines: [path] } });
  };
  const load = (pipeline: string) => loadFrom(write("p.any", pipeline));

  test("are applied to all rules, and change the digest", async () => {
    const one = await load("transformations: [{ type: field_name_suffix, suffix: A }]");
    const two = await load("transformations: [{ type: field_name_suffix, suffix: B }]");
    expect(one.rules[0]?.predicates[0]?.field).toBe("ImageA");
    expect(one.files.digest).not.toBe(two.files.digest);
    expect(one.diagnostics).toEqual([]);
  });

  test("with a fault leave no rule to run without them", async () => {
    const { rules, diagnostics } = await load("transformations: [{ type: field_name_sufix, suffix: A }]");
    expect(rules).toEqual([]);
    expect(diagnostics.map(({ severity, line, column }) => [severity, line, column])).toEqual([["error", 1, 27]]);
  });

  test("that cannot be read leave no rule either", async () => {
    const missing = await loadFrom("/no/such/file");
    expect(missing.rules).toEqual([]);
    expect(missing.diagnostics[0]?.message).toContain("no such file");
  });
});
