import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AlertInput } from "../../alert/mod.ts";
import type { RuleInfo } from "../../detect/mod.ts";
import { ReportCollector, type ReportFacts } from "./collector.ts";
import { inertJson, reportHtml } from "./html.ts";
import { alertsPerRuleMax, firedRulesMax, valueMaxChars } from "./limits.ts";
import { highlight, literalParts } from "./page/highlight.ts";
import { AlertSample } from "./sample.ts";
import { Timeline } from "./timeline.ts";

const ruleOf = (change: Partial<RuleInfo> = {}): RuleInfo => ({
  id: "11111111-1111-4111-8111-111111111111",
  title: "R",
  description: "",
  level: "high",
  status: "test",
  author: [],
  references: [],
  tags: [],
  falsepositives: [],
  version: "",
  license: "",
  file: "",
  ...change,
});

const alertOf = (rule: RuleInfo, timeMs: number, fields: Record<string, string> = {}, host = "h"): AlertInput => ({
  hit: { engine: "sigma", rule, matches: [] },
  event: { kind: "process_start" as never, timeMs, provider: "p", code: "1", fields, truncated: [] },
  host: {
    id: "",
    name: host,
    hostname: host,
    architecture: "",
    ip: [],
    mac: [],
    os: { type: "", family: "", platform: "", name: "", version: "", kernel: "", full: "" },
  },
  replay: { path: "x.ndjson", sequence: 0, digest: "d" },
});

const facts: ReportFacts = {
  agent: "sigil",
  inputs: [],
  files: 1,
  events: 1,
  malformed: 0,
  rules: { active: 1, inert: 0, rejected: 0, digest: "" },
  sinceMs: undefined,
  untilMs: undefined,
  perFile: false,
};

describe("the collector", () => {
  test("counts all alerts and keeps an even sample of those of a frequent rule", () => {
    const collector = new ReportCollector("informational");
    const rule = ruleOf();
    for (let at = 0; at < 1000; at++) collector.add(alertOf(rule, at * 1000, { N: String(at) }, `host ${at % 3}`));
    const { fired, events, hosts, counts } = collector.finish(facts);
    expect(counts.alerts).toBe(1000);
    expect(fired[0]?.count).toBe(1000);
    expect(fired[0]?.hostCount).toBe(3);
    expect(hosts).toEqual([
      ["host 0", 334],
      ["host 1", 333],
      ["host 2", 333],
    ]);
    const kept = (fired[0]?.alerts ?? []).map(({ event }) => Number(events[event]?.fields[0]?.[1]));
    expect(kept.length).toBeGreaterThan(alertsPerRuleMax / 2);
    expect(kept.length).toBeLessThanOrEqual(alertsPerRuleMax);
    const [first = 0, second = 0] = kept;
    expect(kept).toEqual(kept.map((_, at) => first + at * (second - first)));
    expect(1000 - (kept.at(-1) ?? 0)).toBeLessThanOrEqual(second - first);
    expect(fired[0]?.bins.reduce((sum, [, count]) => sum + count, 0)).toBe(1000);
  });

  test("keeps an event once that several rules match", () => {
    const collector = new ReportCollector("informational");
    const alert = alertOf(ruleOf(), 0, { A: "b" });
    collector.add(alert);
    collector.add({ ...alert, hit: { ...alert.hit, rule: ruleOf({ title: "S" }) } });
    const { fired, events } = collector.finish(facts);
    expect(events).toHaveLength(1);
    expect(fired.map(({ title, alerts }) => [title, alerts[0]?.event])).toEqual([
      ["R", 0],
      ["S", 0],
    ]);
  });

  test("knows a rule again that is another object each time, as indicators are", () => {
    const collector = new ReportCollector("informational");
    for (let at = 0; at < 3; at++) collector.add(alertOf(ruleOf({ file: "a" }), at));
    collector.add(alertOf(ruleOf({ file: "b" }), 3));
    expect(collector.finish(facts).fired.map(({ count }) => count)).toEqual([3, 1]);
  });

  test("leaves out alerts below the level of the output", () => {
    const collector = new ReportCollector("high");
    collector.add(alertOf(ruleOf({ level: "low" }), 0));
    collector.add(alertOf(ruleOf({ level: "critical" }), 0));
    expect(collector.finish(facts).fired.map(({ level }) => level)).toEqual(["critical"]);
  });

  test("reads tactics and techniques from tags, sub-techniques in the place of their technique", () => {
    const collector = new ReportCollector("informational");
    collector.add(alertOf(ruleOf({ tags: ["attack.execution", "attack.t1059.004", "attack.t1003", "cve.2021-1"] }), 0));
    const { fired, techniqueNames, tacticNames } = collector.finish(facts);
    expect(fired[0]?.tactics).toEqual(["TA0002"]);
    expect(fired[0]?.techniques).toEqual(["T1003", "T1059.004"]);
    expect(tacticNames).toEqual([["TA0002", "Execution"]]);
    expect(techniqueNames.map(([id]) => id)).toEqual(["T1003", "T1059", "T1059.004"]);
  });

  test("cuts long values and says so", () => {
    const collector = new ReportCollector("informational");
    collector.add(alertOf(ruleOf(), 0, { Long: "x".repeat(valueMaxChars + 1), Short: "y" }));
    const [event] = collector.finish(facts).events;
    expect(event?.fields.map(([name, value]) => [name, value.length])).toEqual([
      ["Long", valueMaxChars],
      ["Short", 1],
    ]);
    expect(event?.cut).toEqual(["Long"]);
  });

  test("stays bounded with endless rules, and counts what it leaves out", () => {
    const collector = new ReportCollector("informational");
    for (let at = 0; at < firedRulesMax + 7; at++) collector.add(alertOf(ruleOf({ title: String(at) }), at));
    const { fired, counts } = collector.finish(facts);
    expect(fired).toHaveLength(firedRulesMax);
    expect(counts).toMatchObject({ alerts: firedRulesMax + 7, alertsOfOtherRules: 7 });
  });

  test("does not draw events without a time of their own, nor times that no date holds", () => {
    const collector = new ReportCollector("informational");
    const alert = alertOf(ruleOf(), 5000);
    collector.add({ ...alert, event: { ...alert.event, extra: { undated: true } } });
    collector.add(alertOf(ruleOf({ title: "S" }), 1e300));
    const { fired, counts } = collector.finish(facts);
    expect(counts.undated).toBe(1);
    expect(fired.map(({ bins, firstMs }) => [bins, firstMs])).toEqual([
      [[], undefined],
      [[], undefined],
    ]);
  });
});

describe("the sample", () => {
  test("has room again for what is let go", () => {
    const sample = new AlertSample<number, number>(8, 300);
    for (let at = 0; at < 200; at++) if (sample.wants(0)) sample.keep(0, { event: at, chars: 20, uses: 0 }, at, 5);
    // Eight of 25 characters each fit: nothing but the number of alerts bounds them.
    expect([sample.limit, sample.of(0).map(({ detail }) => detail)]).toEqual([8, [0, 32, 64, 96, 128, 160, 192]]);
  });

  test("keeps no more text than it may, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 60 }), fc.boolean()), { maxLength: 200 }),
        (alerts) => {
          const sample = new AlertSample<number, number>(8, 300);
          let on = { event: 0, chars: 10, uses: 0 };
          for (const [at, [rule, chars, isSameEvent]] of alerts.entries()) {
            if (!isSameEvent) on = { event: at, chars, uses: 0 };
            if (sample.wants(rule)) sample.keep(rule, on, at, 5);
          }
          const kept = [0, 1, 2, 3, 4].flatMap((rule) => sample.of(rule));
          const events = new Set(kept.map((each) => each.on));
          const chars = [...events].reduce((sum, event) => sum + event.chars, 0) + kept.length * 5;
          expect(chars).toBeLessThanOrEqual(300);
          for (const rule of [0, 1, 2, 3, 4]) expect(sample.of(rule).length).toBeLessThanOrEqual(sample.limit);
        },
      ),
    );
  });
});

describe("the timeline", () => {
  test("has as many alerts as it got, in few stretches, whatever their times", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.integer({ min: -8.64e15, max: 8.64e15 })), { maxLength: 300 }),
        (alerts) => {
          const line = new Timeline(20);
          for (const [rule, timeMs] of alerts) line.add(rule, timeMs);
          const bins = [0, 1, 2, 3].flatMap((rule) => line.bins(rule).map(([bin, count]) => ({ rule, bin, count })));
          expect(bins.length).toBeLessThanOrEqual(20);
          const wanted = new Map<string, number>();
          for (const [rule, timeMs] of alerts) {
            const key = `${rule} ${Math.floor(timeMs / line.widthMs)}`;
            wanted.set(key, (wanted.get(key) ?? 0) + 1);
          }
          expect(new Map(bins.map(({ rule, bin, count }) => [`${rule} ${bin}`, count]))).toEqual(wanted);
        },
      ),
    );
  });
});

describe("the page", () => {
  const hostile = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "]]>\u2028\u2029\u0000\ud800",
    "</style><svg onload=alert(1)>&lt;",
  ];

  test("holds nothing of an event or a rule as markup", () => {
    const collector = new ReportCollector("informational");
    for (const text of hostile) {
      const rule = ruleOf({ title: text, id: text, description: text, references: [text], tags: [text] });
      collector.add(alertOf(rule, 0, { [text]: text }, text));
    }
    const data = collector.finish({ ...facts, inputs: [{ path: hostile[0]!, digest: "", events: 1, malformed: 0 }] });
    const html = reportHtml(data);
    const seen: string[] = [];
    new HTMLRewriter()
      .on("*", {
        element: ({ tagName, attributes }) => void seen.push(tagName, ...[...attributes].map(([name]) => name)),
      })
      .transform(html);
    const words =
      "html lang head meta charset meta http-equiv content meta name content meta name content meta name content";
    const rest = "title style body noscript script type id script";
    expect(seen.join(" ")).toBe(`${words} ${rest}`);
    const json = /<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(data)));
  });

  test("holds the same JSON as plain JSON, without a character that HTML knows", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(...hostile), (value, text) => {
        const inert = inertJson([value, text]);
        expect(inert).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.parse(inert)).toEqual(JSON.parse(JSON.stringify([value, text])));
      }),
    );
  });

  test("lets nothing run or load but what it came with", () => {
    const html = reportHtml(new ReportCollector("informational").finish(facts));
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
    expect(policy).toStartWith("default-src 'none'; script-src 'sha256-");
    expect(policy).not.toContain("unsafe");
    for (const [name, tag] of [
      ["script-src", "script"],
      ["style-src", "style"],
    ]) {
      const text = new RegExp(`<${tag}>(.*?)</${tag}>`, "s").exec(html)?.[1] ?? "";
      const digest = new Bun.CryptoHasher("sha256").update(text).digest("base64");
      expect(policy).toContain(`${name} 'sha256-${digest}'`);
    }
    expect(html).not.toMatch(/(?:src|href)=["']?(?:https?:)?\/\//);
  });
});

describe("marking what matched", () => {
  const marks = (value: string, modifier: string, pattern: string): string =>
    highlight(value, [{ modifier, pattern }])
      .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
      .join("");

  test("finds the literal parts of a pattern, whatever their case", () => {
    expect(marks("C:\\Windows\\CMD.exe /c x", "contains", "\\cmd.exe")).toBe("C:\\Windows[\\CMD.exe] /c x");
    expect(marks("a -enc b -enc", "contains", "-enc")).toBe("a [-enc] b [-enc]");
    expect(marks("x/bash/bash", "endswith", "/bash")).toBe("x/bash[/bash]");
    expect(marks("aXXb", "", "a*b")).toBe("[a]XX[b]");
    expect(marks("4625", "", "4625")).toBe("[4625]");
  });

  test("marks the whole value when there is nothing literal to find", () => {
    expect(marks("abc", "re", "a.c")).toBe("[abc]");
    expect(marks("10.0.0.1", "cidr", "10.0.0.0/8")).toBe("[10.0.0.1]");
    expect(marks("abc", "", "*")).toBe("[abc]");
    expect(marks("/c", "contains|windash", "-c")).toBe("[/c]");
  });

  test("resolves escapes", () => {
    expect(literalParts("a\\*b*c\\\\d\\e?")).toEqual(["a*b", "c\\d\\e"]);
  });

  test("never changes a value", () => {
    const match = fc.record({
      modifier: fc.constantFrom("", "contains", "endswith", "startswith", "re"),
      pattern: fc.string({ unit: fc.constantFrom("a", "A", "İ", "*", "\\", "?") }),
    });
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "A", "b", "İ", "*") }),
        fc.array(match, { maxLength: 4 }),
        (value, matches) => {
          expect(
            highlight(value, matches)
              .map(({ text }) => text)
              .join(""),
          ).toBe(value);
        },
      ),
    );
  });
});
