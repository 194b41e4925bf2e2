// The commands about rules from outside: what they print, where, and how they end.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-e2e-rules-"));
const environment = { HOME: folder, TERM: "dumb", EDR_CONFIG: join(folder, "empty.toml") };
writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });

const id = "22222222-2222-4222-8222-222222222222";
const text = (title: string, detection: string): string =>
  `title: ${title}\nid: ${id}\nstatus: test\ndescription: d\nlevel: high\ntags: [attack.execution, attack.t1059.004]\nlogsource: { product: linux, category: process_creation }\ndetection:\n${detection}`;
const put = (name: string, content: string): void => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), content);
};
put(
  "rules/curl.yml",
  text(
    "Curl \x1b]0;x\x07",
    "  tool: { Image|endswith: [/curl, /wget] }\n  not_root: { User: root }\n  condition: tool and not not_root\n",
  ),
);
put(
  "rules/never.yml",
  text("Hashed", "  a: { Hashes|contains: abc }\n  condition: a\n").replaceAll("2222-2", "3333-3"),
);
const cases = `rule: ${id}\nevents:\n  - { name: curl, match: true, fields: { Image: /usr/bin/curl, User: x } }\n  - { name: ls, match: false, fields: { Image: /usr/bin/ls } }\n`;
put("tested/curl.yml", readFileSync(join(folder, "rules/curl.yml"), "utf8"));
put("tested/curl.tests.yml", `${cases}detonations:\n  - { name: d, match: true, run: [x] }\n`);
put("failing/curl.yml", readFileSync(join(folder, "rules/curl.yml"), "utf8"));
put("failing/curl.tests.yml", cases.replace("match: false", "match: true"));
put("odd.yml", text("Odd", "  a: { Image: /x, Imag|endswith: y }\n  b: { Image: ' z' }\n  condition: a and not a\n"));
const event = (fields: object): string =>
  `${JSON.stringify({ product: "linux", category: "process_creation", ...fields })}\n`;
put(
  "events.ndjson",
  event({ Image: "/usr/bin/ls" }) +
    event({ Image: "/usr/bin/curl", User: "root\x1b[31m" }) +
    event({ Image: "/usr/bin/curl", User: "root" }),
);

function agent(argv: string[], input = ""): { out: string; err: string; code: number } {
  const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, join(root, "src/main.ts"), ...argv], {
    cwd: folder,
    env: environment,
    stdin: Buffer.from(input),
  });
  return { out: stdout.toString(), err: stderr.toString(), code: exitCode };
}

describe("rules list", () => {
  test("prints a line for each rule with tabs in a pipe, and its state", () => {
    const { out, code } = agent(["rules", "list", "--rules", "rules", "--platform", "linux"]);
    expect(code).toBe(0);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(lines[0]).toEqual([
      id,
      "Curl \\x1b]0;x\\x07",
      "high",
      "test",
      "linux/process_creation",
      "active",
      "",
      "rules/curl.yml",
    ]);
    expect(lines[1]!.slice(5)).toEqual([
      "inert",
      "executables are not hashed at exec in this version",
      "rules/never.yml",
    ]);
  });

  test("prints JSON, says what the configuration leaves out, and what was rejected", () => {
    put("low.toml", '[sigma]\nmin_level = "critical"\n');
    Bun.spawnSync(["chmod", "600", join(folder, "low.toml")]);
    const { out } = agent(["rules", "list", "--rules", "rules", "--json", "--config", "low.toml"]);
    expect(JSON.parse(out).rules[0]).toMatchObject({ id, state: "filtered", reason: "sigma.min_level", line: 1 });
    put("bad.yml", "title: x\n");
    const rejected = agent(["rules", "list", "--rules", "bad.yml"]);
    expect([rejected.code, rejected.out]).toEqual([2, ""]);
    expect(rejected.err).toContain("1 documents were rejected");
  });

  test("lists the rules inside the agent when none are given", () => {
    expect(agent(["rules", "list", "--platform", "linux"]).out.trimEnd().split("\n").length).toBeGreaterThanOrEqual(50);
  }, 60_000);
});

describe("rules explain", () => {
  test("says why events match and do not, and ends with 0 when one did", () => {
    const { out, code } = agent(["rules", "explain", "--rule", "rules/curl.yml", "--event", "events.ndjson"]);
    expect(code).toBe(0);
    expect(out).toContain("event 0 (linux/process_creation): does not match");
    expect(out).toContain('has "/usr/bin/ls"');
    expect(out).toContain("event 1 (linux/process_creation): matches");
    expect(out).toContain("✗ not not_root: User: root");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through.
    expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  test("ends with 1 when none matched, reads standard input, and knows rules by id, title and file name", () => {
    for (const rule of [id, id.toUpperCase(), "curl", "Hashed", "never"]) {
      const { code, out } = agent(
        ["rules", "explain", "--rules", "rules", "--rule", rule, "--event", "-", "--json"],
        event({ Image: "/x" }),
      );
      expect([rule, code]).toEqual([rule, 1]);
      expect(JSON.parse(out).rules[0].events[0]).toMatchObject({ sequence: 0, routed: true, matched: false });
    }
  });

  test("says that the rule is not shown such an event", () => {
    const { code, out } = agent(
      ["rules", "explain", "--rule", "rules/curl.yml", "--event", "-"],
      '{"Channel":"Security","EventID":4624,"Image":"/a/curl"}\n',
    );
    expect(code).toBe(1);
    expect(out).toContain("the rule is not shown such events");
    expect(out).toContain("its condition would hold");
  });

  test("ends with 2 when there is no such rule, no such file, or no event", () => {
    const missing = agent(["rules", "explain", "--rules", "rules", "--rule", "crl"]);
    expect([missing.code, missing.out, missing.err.includes("did you mean 'curl'?")]).toEqual([2, "", true]);
    expect(agent(["rules", "explain", "--rule", "rules/no.yml"]).code).toBe(2);
    expect(agent(["rules", "explain", "--rule", "rules/curl.yml", "--event", "no.ndjson"])).toMatchObject({
      code: 2,
      out: "",
    });
    expect(agent(["rules", "explain", "--rule", "rules/curl.yml", "--event", "-"]).code).toBe(2);
    expect(agent(["rules", "explain", "--rule", "rules/curl.yml", "--event", "-"], "nonsense\n").code).toBe(2);
    expect(agent(["rules", "explain"]).code).toBe(64);
  });

  test("looks at as many events as it is told, and says that there are more", () => {
    const { out, err } = agent([
      "rules",
      "explain",
      "--rule",
      "rules/curl.yml",
      "--event",
      "events.ndjson",
      "--limit",
      "1",
    ]);
    expect(out).not.toContain("event 1");
    expect(err).toContain("Only the first 1 events");
    expect(agent(["rules", "explain", "--rule", "x", "--limit", "0"]).code).toBe(64);
  });

  test("without an event says what the rule asks and why it is inert", () => {
    const { out, code } = agent(["rules", "explain", "--rule", "rules/never.yml", "--platform", "linux"]);
    expect(code).toBe(0);
    expect(out).toContain(
      "on linux: inert (executables are not hashed at exec in this version), sees linux/process_creation",
    );
    expect(out).toContain("never filled: Hashes");
    expect(out).toContain('contains "abc"');
  });
});

describe("rules test", () => {
  test("passes, and says that detonations were not run", () => {
    const { out, err, code } = agent(["rules", "test", "--rules", "tested"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(
      "pass  curl  2 events\n1 rules, 2 events: 2 passed, 0 failed\n1 detonations were not run: they start programs, and belong to a live test\n",
    );
  });

  test("fails with an explanation and the place, in text, JSON and JUnit", () => {
    const { out, code } = agent(["rules", "test", "--rules", "failing", "--junit", "report.xml"]);
    expect(code).toBe(1);
    expect(out).toContain("failing/curl.tests.yml:4: ls: the rule does not match and must");
    expect(out).toContain('has "/usr/bin/ls"');
    expect(readFileSync(join(folder, "report.xml"), "utf8")).toContain(
      '<failure message="the rule does not match and must"',
    );
    const json = JSON.parse(agent(["rules", "test", "--rules", "failing", "--json"]).out);
    expect(json).toMatchObject({ rules: 1, events: 2, passed: 1, failed: 1, errors: 0, detonations: 0 });
    expect(json.results[0].events[1]).toMatchObject({ expected: true, matched: false });
  });

  test("ends with 2 when tests cannot be run, or there are none", () => {
    put("broken/curl.yml", readFileSync(join(folder, "rules/curl.yml"), "utf8"));
    put("broken/curl.tests.yml", "rule: x\nevnts: []\n");
    const broken = agent(["rules", "test", "--rules", "broken"]);
    expect(broken.code).toBe(2);
    expect(broken.err).toContain("broken/curl.tests.yml:2:1: error: unknown key evnts");
    expect(broken.err).toContain("did you mean 'events'?");
    expect(agent(["rules", "test", "--rules", "rules"])).toMatchObject({ code: 2 });
    expect(agent(["rules", "test", "--rules", "tested", "--junit", "no/such/folder.xml"]).code).toBe(1);
  });
});

describe("rules coverage", () => {
  test("prints a layer, or writes it and prints a summary", () => {
    const layer = JSON.parse(agent(["rules", "coverage", "--rules", "rules"]).out);
    expect(layer).toMatchObject({ domain: "enterprise-attack", versions: { layer: "4.5" } });
    expect(layer.techniques).toContainEqual(expect.objectContaining({ techniqueID: "T1059.004", score: 2 }));
    const { out, code } = agent(["rules", "coverage", "--rules", "rules", "--output", "layer.json"]);
    expect(code).toBe(0);
    expect(out).toContain("Execution\t2\t1\n");
    expect(JSON.parse(readFileSync(join(folder, "layer.json"), "utf8"))).toEqual(layer);
  });

  test("counts only what can fire when a platform is named", () => {
    const { out } = agent(["rules", "coverage", "--rules", "rules", "--platform", "linux", "--json"]);
    expect(JSON.parse(out).techniques).toEqual([{ id: "T1059.004", name: "Unix Shell", rules: 1 }]);
    expect(existsSync(join(folder, "layer.json"))).toBe(true);
  });
});

describe("rules validate", () => {
  test("warns with places and hints, and still ends with 0", () => {
    const { out, err, code } = agent(["rules", "validate", "--rules", "odd.yml"]);
    expect(code).toBe(0);
    expect(out).toContain("0 rejected, 4 warnings");
    expect(err).toContain("odd.yml:9:19: warning: Events of linux/process_creation have no field 'Imag'");
    expect(err).toContain("hint: did you mean 'Image'?");
    expect(err).toContain("odd.yml:10:15: warning: The value begins with a blank");
    expect(err).toContain("odd.yml:11:14: warning: The condition can never be true");
    const { warnings } = JSON.parse(agent(["rules", "validate", "--rules", "odd.yml", "--json"]).out);
    expect(
      warnings.map(
        ({ line, column, code: what }: { line: number; column: number; code: string }) => `${line}:${column} ${what}`,
      ),
    ).toEqual(["9:19 unknown_field", "10:3 unused_selection", "10:15 blank_value", "11:14 never_true"]);
  });
});
