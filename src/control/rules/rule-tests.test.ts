// Tests of rules: what is read, what is run, and the report for build servers.

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  junitXml,
  loadEmbeddedRules,
  loadEmbeddedTests,
  loadRuleFiles,
  parseSigmaFiles,
  readRuleTests,
  runRuleTests,
  type TestsReport,
} from "./mod.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-rule-tests-"));
const id = (last: number): string => `11111111-1111-4111-8111-11111111111${last}`;
const rule = (last: number, body: string): string =>
  `title: Rule ${last}\nid: ${id(last)}\nlogsource: { product: linux, category: process_creation }\ndetection:\n  a: ${body}\n  condition: a\n`;

function report(files: Readonly<Record<string, string>>): TestsReport {
  const path = mkdtempSync(join(folder, "r"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return runRuleTests(parseSigmaFiles(loadRuleFiles([path], new Set(["sigma"])), {}));
}

const problems = ({ outcomes }: TestsReport): string[] =>
  outcomes.flatMap(({ events }) => events.map(({ problem }) => problem));
const event = (name: string, match: boolean, fields: string): string =>
  `  - { name: ${name}, match: ${match}, fields: { ${fields} } }\n`;

describe("tests files", () => {
  test("are read whole", () => {
    const text = `rule: x\nevents:\n${event("one", true, "Image: /a")}detonations:\n  - { name: d, match: true, run: [a], expect: { by: child, Image: /x } }\n`;
    const read = readRuleTests(text, "x.tests.yml");
    if (!("rule" in read)) throw new Error(read.message);
    expect(read.events).toEqual([{ name: "one", match: true, also: [], fields: { Image: "/a" }, line: 3 }]);
    expect(read.detonations).toMatchObject([
      { name: "d", run: ["a"], standIns: [], expect: { by: "child", Image: "/x" } },
    ]);
  });

  test("that are wrong are told with their place", () => {
    for (const [text, place, message] of [
      ["rule: x\n", "1:1", "events: missing"],
      ["rule: 5\nevents: []\n", "1:7", "rule: not a text"],
      ["rule: x\nevents:\n  - { nam: y }\n", "3:7", "events[0]: unknown key nam"],
      ["rule: x\nevents:\n  - { name: y, match: yes, fields: {} }\n", "3:23", "events[0].match: not true or false"],
      [
        "rule: x\nevents:\n  - { name: y, match: true, fields: { Pid: 5 } }\n",
        "3:44",
        "events[0].fields.Pid: not a text",
      ],
      ["rule: x\nevents: {}\n", "2:9", "events: not a list"],
      ["rule: x\nevents: &a []\ndetonations: *a\n", "3:14", "detonations: aliases are not read here"],
      ["rule: [\n", "2:1", ""],
      ["", "1:1", "empty"],
    ] as const) {
      const read = readRuleTests(text, "x.tests.yml");
      if ("rule" in read) throw new Error(`Cannot refuse ${text}`);
      expect([text, `${read.line}:${read.column}`, read.message.includes(message)]).toEqual([text, place, true]);
    }
    expect(readRuleTests("rule: x\nevents:\n  - { nam: y }\n", "f")).toMatchObject({ hint: "did you mean 'name'?" });
  });

  test("of hostile shape are refused in bounded time", () => {
    const startedMs = performance.now();
    for (const text of [
      "[".repeat(100_000),
      "- ".repeat(50_000),
      "x".repeat(2_000_000),
      "a: &a [*a]",
      "rule: x\nevents: [{fields: {__proto__: x}}]",
    ])
      expect("rule" in readRuleTests(text, "f")).toBe(false);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
});

describe("a run of tests", () => {
  test("tells events that do what they should from those that do not", () => {
    const found = report({
      "a.yml": rule(1, "{ Image|endswith: /a }"),
      "a.tests.yml": `rule: ${id(1)}\nevents:\n${event("hit", true, "Image: /x/a")}${event("miss", false, "Image: /x/b")}${event("wrong", true, "Image: /x/c")}${event("worse", false, "Image: /a")}`,
      "b.yml": rule(2, "{ Image: q }"),
    });
    expect(problems(found)).toEqual(["", "", "the rule does not match and must", "the rule matches and must not"]);
    expect(found.untestedFiles).toBe(1);
    expect(found.outcomes[0]!.events[2]).toMatchObject({ line: 5, explanation: { kind: "selection", holds: false } });
  });

  test("holds the rules of a folder against each other's events", () => {
    const tests = (last: number, also: string): string =>
      `rule: ${id(last)}\nevents:\n  - { name: n, match: true, ${also}fields: { Image: /x/ab } }\n`;
    const files = { "a.yml": rule(1, "{ Image|endswith: b }"), "b.yml": rule(2, "{ Image|startswith: /x }") };
    const one = report({ ...files, "a.tests.yml": tests(1, ""), "b.tests.yml": tests(2, "also: [a], ") });
    expect(problems(one)).toEqual(["b matches and is not named in 'also'", ""]);
    const other = report({
      ...files,
      "c.yml": rule(3, "{ Image: z }"),
      "a.tests.yml": tests(1, "also: [b, c], "),
      "b.tests.yml": tests(2, "also: [a], "),
      "c.tests.yml": `rule: ${id(3)}\nevents: []\n`,
    });
    expect(problems(other)[0]).toBe("c does not match and must ('also')");
    // In another folder, or without tests of its own, a rule is nobody's neighbour.
    const apart = report({
      "a.yml": files["a.yml"],
      "a.tests.yml": tests(1, ""),
      "b.yml": files["b.yml"],
      "d/b.yml": rule(4, "{ Image|startswith: /x }"),
      "d/b.tests.yml": tests(4, ""),
    });
    expect(problems(apart)).toEqual(["", ""]);
  });

  test("gives Linux events the name that was typed", () => {
    const found = report({
      "a.yml": rule(1, "{ ImageTyped: /bin/a }"),
      "a.tests.yml": `rule: ${id(1)}\nevents:\n${event("same", true, "Image: /bin/a")}${event("other", false, "Image: /bin/a, ImageTyped: ./a")}`,
    });
    expect(problems(found)).toEqual(["", ""]);
  });

  test("names what could not be run", () => {
    const found = report({
      "a.yml": rule(1, "{ Image: a }"),
      "a.tests.yml": `rule: ${id(9)}\nevents: []\n`,
      "b.yml": rule(2, "{ Image: a }"),
      "b.tests.yml": "rule: 7\n",
      "c.yml": rule(3, "{ Image: a }"),
      "c.tests.yml": Buffer.from([0xff, 0xfe, 0x00]).toString("latin1"),
    });
    expect(found.outcomes).toEqual([]);
    expect(found.diagnostics.map(({ code }) => code).slice(0, 2)).toEqual(["unknown_rule", "wrong_type"]);
    expect(found.diagnostics.length).toBe(3);
  });
});

describe("the JUnit report", () => {
  test("counts, escapes, and lists detonations as skipped", () => {
    const found = report({
      "a.yml": rule(1, "{ Image: a }"),
      "a.tests.yml": `rule: ${id(1)}\nevents:\n  - { name: "<&\\"'>\\x01", match: true, fields: { Image: "]]>\\e[31m" } }\n${event("fine", true, "Image: a")}detonations:\n  - { name: d, match: true, run: [x] }\n`,
      "b.yml": rule(2, "{ Image: a }"),
      "b.tests.yml": "rule: 7\n",
    });
    const xml = junitXml(found, ({ explanation }) => `\u001b\u0000${JSON.stringify(explanation)}`);
    expect(xml).toContain('<testsuites name="agent rules test" tests="4" failures="1" errors="1" skipped="1"');
    expect(xml).toContain('name="&lt;&amp;&quot;&apos;&gt;\\x01"');
    expect(xml).toContain("]]&gt;");
    expect(xml).toContain("<skipped");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold.
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
    // Every element that is opened is closed: a reader that checks little is enough to see it.
    const open: string[] = [];
    for (const [, close, name, attributes] of xml.matchAll(/<(\/?)([a-z]+)((?:\s+[a-z]+="[^"<]*")*\s*\/?)>/g)) {
      if (close === "/") expect(open.pop()).toBe(name!);
      else if (!attributes!.endsWith("/")) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(xml.replaceAll(/<\/?[a-z]+(?:\s+[a-z]+="[^"<]*")*\s*\/?>|<\?xml[^>]*\?>/g, "")).not.toContain("<");
  });
});

describe("sequences", () => {
  const id = "0a8f7b0e-6a55-4a57-9a4e-0c6f1f0d2b11";
  const documents = [
    "title: Tool\nname: tool\nlogsource: { product: linux, category: process_creation }\ndetection:\n  t: { Image|endswith: [/id, /whoami, /uname] }\n  condition: t\nlevel: low\n",
    "title: Fetch\nname: fetch\nid: 3b0c1f43-7d4c-4b42-8a0d-0d0e5a1a9f21\nlogsource: { product: linux, category: network_connection }\ndetection:\n  n: { DestinationPort: 443 }\n  condition: n\nlevel: low\n",
    `title: Tools, then out\nid: ${id}\ncorrelation:\n  type: temporal_ordered\n  rules: [tools, fetch]\n  group-by: User\n  timespan: 1m\nlevel: high\n`,
    "title: Tools\nname: tools\nid: 51f3cf9f-3c0f-4cf7-8d1a-4d9d6b3f2b10\ncorrelation:\n  type: event_count\n  rules: tool\n  group-by: User\n  timespan: 30s\n  condition: { gte: 3 }\nlevel: medium\n",
  ];
  const run = (tests: string): TestsReport => {
    const folder = mkdtempSync(join(tmpdir(), "sigil-sequences-"));
    writeFileSync(join(folder, "c.yml"), documents.join("---\n"));
    writeFileSync(join(folder, "c.tests.yml"), tests);
    return runRuleTests(parseSigmaFiles(loadRuleFiles([folder], new Set(["sigma"])), {}));
  };
  const sequence = (match: boolean, ...events: string[]): string =>
    `  - name: s\n    match: ${match}\n    events:\n${events.map((event) => `      - ${event}\n`).join("")}`;
  const tool = (more: string): string => `{ ${more}, fields: { Image: /usr/bin/id, User: u } }`;
  const out = "{ of: fetch, fields: { DestinationPort: '443', User: u } }";

  test("test a correlation, also one of correlations, each from empty windows", () => {
    const { outcomes, diagnostics } = run(
      `rule: ${id}\nsequences:\n${[
        sequence(true, tool("times: 3"), out),
        sequence(false, tool("times: 2"), out),
        sequence(false, out, tool("times: 3")),
        sequence(false, tool("times: 3, every: 20s"), out),
        sequence(
          false,
          tool("times: 3"),
          `{ at: 5m, of: 3B0C1F43-7d4c-4b42-8a0d-0d0e5a1a9f21, fields: { DestinationPort: '443', User: u } }`,
        ),
      ].join("")}`,
    );
    expect(diagnostics).toEqual([]);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]?.rule.id).toBe(id);
    expect(outcomes[0]?.events.map(({ problem }) => problem)).toEqual(["", "", "", "", ""]);
  });

  test("that fail say how often the rules matched", () => {
    const { outcomes } = run(
      `rule: ${id}\nsequences:\n${sequence(true, tool("times: 2"), out)}${sequence(false, tool("times: 3"), out)}`,
    );
    expect(outcomes[0]?.events.map(({ line, problem }) => [line, problem])).toEqual([
      [3, "the correlation does not fire and must (its rules matched: tool 2, fetch 1)"],
      [8, "the correlation fires and must not (its rules matched: tool 3, fetch 1)"],
    ]);
  });

  test("must fit what they test, and what they name must be there", () => {
    const codes = (tests: string): (string | number)[] =>
      run(tests).diagnostics.flatMap(({ code, line }) => [code, line]);
    expect(codes(`rule: ${id}\nevents: [{ name: n, match: true, fields: {} }]\n`)).toEqual(["event_of_correlation", 1]);
    expect(codes(`rule: 3b0c1f43-7d4c-4b42-8a0d-0d0e5a1a9f21\nsequences:\n${sequence(true, out)}`)).toEqual([
      "sequence_of_rule",
      1,
    ]);
    expect(codes(`rule: ${id}\nsequences:\n${sequence(true, "{ of: nobody, fields: {} }")}`)).toEqual([
      "bad_sequence",
      3,
    ]);
    expect(codes(`rule: ${id}\nsequences:\n${sequence(true, "{ at: soon, fields: {} }")}`)).toEqual(["wrong_type", 6]);
    expect(codes(`rule: ${id}\nsequences:\n${sequence(true, "{ times: 0, fields: {} }")}`)).toEqual(["wrong_type", 6]);
    expect(codes(`rule: ${id}\nsequences:\n${sequence(true, "{ times: 999999, fields: {} }")}`)).toEqual([
      "too_many",
      6,
    ]);
  });
});

test("the rules inside the binary bring their tests with them", async () => {
  const files = await loadEmbeddedRules(new Set(["sigma"]));
  const { outcomes, diagnostics, untestedFiles } = runRuleTests(parseSigmaFiles(files, {}), await loadEmbeddedTests());
  expect([diagnostics, untestedFiles]).toEqual([[], 0]);
  expect(outcomes).toHaveLength(files.files.length);
  expect(outcomes.flatMap(({ events }) => events.filter(({ problem }) => problem !== ""))).toEqual([]);
});
