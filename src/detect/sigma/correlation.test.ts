import { describe, expect, test } from "bun:test";
import { correlationText, type Event, kindRule, link, Run } from "./correlation-kit.ts";
import { parseSigma } from "./parse.ts";
import type { Value } from "./types.ts";

const a = kindRule("a");
const b = kindRule("b");
const c = kindRule("c");

/** Seconds to events of kind `a`. */
const at = (seconds: number, fields: Record<string, Value> = {}, kind = "a"): Event => [seconds, { kind, ...fields }];
const all = (seconds: readonly number[], fields: Record<string, Value> = {}, kind = "a"): Event[] =>
  seconds.map((one) => at(one, fields, kind));

function heard(body: string, events: readonly Event[], rules = [a, b, c]): string[] {
  return new Run([...rules, correlationText("x", body)]).feed(...events).heard.filter((one) => one.startsWith("x@"));
}

describe("event_count", () => {
  const three = "type: event_count\nrules: a\ngroup-by: user\ntimespan: 10s\ncondition: { gte: 3 }";
  const root = { user: "root" };

  test("fires at the event that completes the count", () => {
    expect(heard(three, all([1, 2, 3], root))).toEqual(["x@3"]);
    expect(heard(three, all([1, 2], root))).toEqual([]);
    expect(heard(three, all([5, 5, 5], root))).toEqual(["x@5"]);
  });

  test("counts what is exactly a timespan apart, and not a millisecond more", () => {
    expect(heard(three, all([0, 5, 10], root))).toEqual(["x@10"]);
    expect(heard(three, all([0, 5, 10.001], root))).toEqual([]);
  });

  test("has a window that slides: it knows no full minutes", () => {
    expect(heard(three, all([8, 11, 17], root))).toEqual(["x@17"]);
    expect(heard(three, all([0, 9, 11, 18], root))).toEqual(["x@18"]);
  });

  test("keeps groups apart, by every field of group-by", () => {
    expect(heard(three, [at(1, root), at(2, { user: "dev" }), at(3, root), at(4, { user: "dev" })])).toEqual([]);
    const two = three.replace("group-by: user", "group-by: [user, host]");
    const on = (host: string, second: number): Event => at(second, { user: "root", host });
    expect(heard(two, [on("p", 1), on("q", 2), on("p", 3), on("q", 4), on("p", 5)])).toEqual(["x@5"]);
    // Values that would be one text when put together are two groups.
    const joined = (user: string, host: string, second: number): Event => at(second, { user, host });
    expect(heard(two, [joined('a","b', "c", 1), joined("a", 'b","c', 2), joined("a,b", "c", 3)])).toEqual([]);
  });

  test("without group-by counts all events together", () => {
    expect(heard(three.replace("group-by: user\n", ""), [at(1, root), at(2, { user: "dev" }), at(3)])).toEqual(["x@3"]);
  });

  test("ignores events that lack a group-by field, and counts them as missing", () => {
    const run = new Run([a, correlationText("x", three)]);
    run.feed(at(1), at(2, { user: null }), at(3, { user: { name: "x" } }), at(4, { user: [] }), ...all([5, 6], root));
    expect(run.heard).toEqual([]);
    expect(run.engine.correlationStats).toMatchObject({ missingCount: 4, takenCount: 2, groupCount: 1 });
  });

  test("takes an empty text, a number and a list as values like any other", () => {
    expect(heard(three, all([1, 2, 3], { user: "" }))).toEqual(["x@3"]);
    expect(heard(three, [at(1, { user: 5 }), at(2, { user: "5" }), at(3, { user: 5 })])).toEqual(["x@3"]);
    expect(heard(three, all([1, 2, 3], { user: ["a", "b"] }))).toEqual(["x@3"]);
    expect(heard(three, [at(1, { user: "a" }), at(2, { user: "A" }), at(3, { user: "a" })])).toEqual([]);
  });

  test("counts events of several rules together, and an event once whichever of them it matches", () => {
    const both = three.replace("rules: a", "rules: [a, b, any]");
    const any =
      "title: Any\nname: any\nlogsource: { product: linux }\ndetection: { s: { kind|exists: true }, condition: s }\n";
    expect(heard(both, [at(1, root), at(2, root, "b")], [a, b, any])).toEqual([]);
    expect(heard(both, [at(1, root), at(2, root, "b"), at(3, root, "z")], [a, b, any])).toEqual(["x@3"]);
  });

  test.each([
    ["{ gt: 2 }", [3]],
    ["{ gte: 2 }", [2]],
    ["{ eq: 2 }", [2]],
    ["{ gt: 1, lte: 2 }", [2]],
    ["{ neq: 1 }", [2]],
    ["{ lt: 3 }", [1]],
    ["{ lte: 1 }", [1]],
  ])("with %s fires at event %p", (condition, expected) => {
    const body = `type: event_count\nrules: a\ntimespan: 10s\ncondition: ${condition}`;
    expect(heard(body, all([1, 2, 3, 4, 5]))).toEqual(expected.map((second) => `x@${second}`));
  });

  test("an upper bound is not met by what goes on", () => {
    const body = "type: event_count\nrules: a\ntimespan: 10s\ncondition: { gte: 2, lt: 3 }";
    const run = new Run([a, correlationText("x", body)]).feed(...all([1, 1, 1, 1, 1]));
    expect(run.heard).toEqual(["x@1"]);
    expect(run.feed(...all([12, 12.1, 12.2, 12.3])).heard).toEqual(["x@1", "x@12.1"]);
  });
});

describe("a group that fired", () => {
  const two = "type: event_count\nrules: a\ntimespan: 10s\ncondition: { gte: 2 }";

  test("fires again only after a timespan: no event counts for two hits", () => {
    expect(heard(two, all([0, 1, 2, 3, 4]))).toEqual(["x@1"]);
    expect(heard(two, all([0, 1, 11, 11.001]))).toEqual(["x@1", "x@11.001"]);
    expect(heard(two, all([0, 1, 11.001]))).toEqual(["x@1"]);
    expect(heard(two, all(Array.from({ length: 50 }, (_, i) => i)))).toEqual(["x@1", "x@12", "x@23", "x@34", "x@45"]);
  });

  test("does not keep others from firing", () => {
    const grouped = two.replace("timespan", "group-by: user\ntimespan");
    const events = [1, 2, 3, 4].flatMap((second) => [at(second, { user: "x" }), at(second, { user: "y" })]);
    expect(heard(grouped, events)).toEqual(["x@2", "x@2"]);
  });
});

describe("events that come late", () => {
  const two = "type: event_count\nrules: a\ngroup-by: user\ntimespan: 10s\ncondition: { gte: 3 }";
  const x = { user: "x" };

  test("count as long as the window that ends with the newest reaches back to them", () => {
    expect(heard(two, all([10, 20, 15], x))).toEqual(["x@15"]);
    expect(heard(two, all([10, 20, 10], x))).toEqual(["x@10"]);
    expect(heard(two, all([10, 20, 9.999, 9.999], x))).toEqual([]);
  });

  test("and later than that are counted as late", () => {
    const run = new Run([a, correlationText("x", two)]).feed(...all([100, 80, 70], x));
    expect(run.engine.correlationStats).toMatchObject({ takenCount: 1, lateCount: 2 });
  });

  test("start a group over when they do not end: the newest time was wrong", () => {
    const future = all([1e9], x);
    expect(heard(two, [...future, ...all([1, 2, 3, 4, 5, 6, 7], x)])).toEqual([]);
    expect(heard(two, [...future, ...all([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], x)])).toEqual(["x@10"]);
  });

  test("without a time happened when the newest did", () => {
    expect(heard(two, [at(5, x), [undefined, { kind: "a", ...x }], [undefined, { kind: "a", ...x }]])).toEqual([
      "x@undefined",
    ]);
    expect(heard(two, [at(5, x), at(6, x), [Number.NaN, { kind: "a", ...x }]])).toEqual(["x@NaN"]);
  });
});

describe("value_count", () => {
  const body = "type: value_count\nrules: a\ngroup-by: user\ntimespan: 10s\ncondition: { field: host, gte: 3 }";
  const on = (second: number, host: Value, user = "u"): Event => at(second, { user, host });

  test("counts different values, each as long as it last occurred inside the window", () => {
    expect(heard(body, [on(1, "p"), on(2, "q"), on(3, "q"), on(4, "r")])).toEqual(["x@4"]);
    expect(heard(body, [on(1, "p"), on(2, "p"), on(3, "p")])).toEqual([]);
    expect(heard(body, [on(0, "p"), on(5, "q"), on(10.001, "r")])).toEqual([]);
    expect(heard(body, [on(0, "p"), on(5, "q"), on(9, "p"), on(10.001, "r")])).toEqual(["x@10.001"]);
  });

  test("keeps groups apart and ignores events without the field", () => {
    expect(heard(body, [on(1, "p"), on(2, "q", "v"), on(3, "r")])).toEqual([]);
    expect(heard(body, [on(1, "p"), on(2, "q"), at(3, { user: "u" }), on(4, null)])).toEqual([]);
  });

  test("of several fields counts different combinations", () => {
    const pairs = body.replace("field: host", "field: [host, port]");
    const to = (second: number, host: string, port: number): Event => at(second, { user: "u", host, port });
    expect(heard(pairs, [to(1, "p", 1), to(2, "p", 2), to(3, "p", 2), to(4, "q", 2)])).toEqual(["x@4"]);
  });

  test("tells long values apart by their ends too", () => {
    const long = "x".repeat(5000);
    expect(heard(body, [on(1, `${long}1`), on(2, `${long}2`), on(3, `${long}2`), on(4, `${long}3`)])).toEqual(["x@4"]);
  });
});

describe("temporal", () => {
  const body = "type: temporal\nrules: [a, b, c]\ngroup-by: user\ntimespan: 10s";
  const on = (second: number, kind: string, user = "u"): Event => at(second, { user }, kind);

  test("fires when all rules occurred within the timespan, in any order", () => {
    expect(heard(body, [on(1, "c"), on(2, "a"), on(3, "b")])).toEqual(["x@3"]);
    expect(heard(body, [on(0, "c"), on(5, "a"), on(10, "b")])).toEqual(["x@10"]);
    expect(heard(body, [on(0, "c"), on(5, "a"), on(10.001, "b")])).toEqual([]);
    expect(heard(body, [on(1, "c"), on(2, "a"), on(3, "a")])).toEqual([]);
    expect(heard(body, [on(1, "c"), on(2, "a", "v"), on(3, "b")])).toEqual([]);
  });

  test("lets one event be all rules that it matches", () => {
    const wide = "title: W\nname: w\nlogsource: { product: linux }\ndetection: { s: { kind: [a, b] }, condition: s }\n";
    expect(heard("type: temporal\nrules: [a, w]\ntimespan: 1s", [at(1)], [a, wide])).toEqual(["x@1"]);
  });

  test("with a number asks for so many different rules", () => {
    expect(heard(`${body}\ncondition: { gte: 2 }`, [on(1, "a"), on(2, "a"), on(3, "c")])).toEqual(["x@3"]);
    expect(heard(`${body}\ncondition: { gt: 2 }`, [on(1, "a"), on(3, "c")])).toEqual([]);
  });

  test("with words asks for what they say", () => {
    const words = `${body}\ncondition: a and (b or not c)`;
    expect(heard(words, [on(1, "a")])).toEqual(["x@1"]);
    expect(heard(words, [on(1, "c"), on(2, "a")])).toEqual([]);
    expect(heard(words, [on(1, "c"), on(2, "a"), on(3, "b")])).toEqual(["x@3"]);
    expect(heard(words, [on(1, "c"), on(11.001, "a")])).toEqual(["x@11.001"]);
    const bare = words.replace("rules: [a, b, c]\n", "");
    expect(heard(bare, [on(1, "c"), on(2, "a"), on(3, "b")])).toEqual(["x@3"]);
  });
});

describe("temporal_ordered", () => {
  const body = "type: temporal_ordered\nrules: [a, b, c]\ntimespan: 10s";
  const on = (second: number, kind: string): Event => at(second, {}, kind);

  test("fires only when the rules occurred in their order", () => {
    expect(heard(body, [on(1, "a"), on(2, "b"), on(3, "c")])).toEqual(["x@3"]);
    expect(heard(body, [on(1, "b"), on(2, "a"), on(3, "c")])).toEqual([]);
    expect(heard(body, [on(1, "c"), on(2, "b"), on(3, "a")])).toEqual([]);
    expect(heard(body, [on(1, "b"), on(2, "a"), on(3, "b"), on(4, "a"), on(5, "c")])).toEqual(["x@5"]);
    expect(heard(body, [on(0, "a"), on(1, "b"), on(10.001, "c")])).toEqual([]);
    expect(heard(body, [on(0, "a"), on(1, "a"), on(2, "b"), on(10.001, "c")])).toEqual(["x@10.001"]);
  });

  test("takes events of equal time as in order, however they came", () => {
    expect(heard(body, [on(1, "c"), on(1, "b"), on(1, "a")])).toEqual(["x@1"]);
  });

  test("puts late events in their place", () => {
    expect(heard(body, [on(1, "a"), on(5, "c"), on(3, "b")])).toEqual(["x@3"]);
    expect(heard(body, [on(5, "a"), on(6, "c"), on(3, "b")])).toEqual([]);
    expect(heard(body, [on(3, "b"), on(6, "c"), on(1, "a")])).toEqual(["x@1"]);
  });

  test("with a number asks for the longest order", () => {
    const two = `${body}\ncondition: { gte: 2 }`;
    expect(heard(two, [on(1, "c"), on(2, "b"), on(3, "a")])).toEqual([]);
    expect(heard(two, [on(1, "c"), on(2, "b"), on(3, "c")])).toEqual(["x@3"]);
  });

  test("with words orders the rules that must occur", () => {
    const words = body.replace("rules: [a, b, c]", "condition: a and (b or c)");
    expect(heard(words, [on(1, "c"), on(2, "a")])).toEqual([]);
    expect(heard(words, [on(1, "a"), on(2, "c")])).toEqual(["x@2"]);
    const without = body.replace("rules: [a, b, c]", "condition: a and b and not c");
    expect(heard(without, [on(1, "a"), on(2, "b")])).toEqual(["x@2"]);
    expect(heard(without, [on(0, "c"), on(1, "a"), on(2, "b")])).toEqual([]);
  });
});

describe("value_sum, value_avg, value_percentile, value_median", () => {
  const of = (type: string, condition: string): string =>
    `type: ${type}\nrules: a\ntimespan: 10s\ncondition: { field: n, ${condition} }`;
  const numbers = (...list: readonly Value[]): Event[] => list.map((n, second) => at(second, { n }));

  test("add up, numbers written as text too, and leave out what is no number", () => {
    expect(heard(of("value_sum", "gt: 10"), numbers(5, "5", "five", null, 0.5))).toEqual(["x@4"]);
    expect(heard(of("value_sum", "gte: 10"), [at(0, { n: 5 }), at(10.001, { n: 5 }), at(10.002, { n: 5 })])).toEqual([
      "x@10.002",
    ]);
    expect(heard(of("value_sum", "lt: -1"), numbers(3, -2, -2, -2))).toEqual(["x@3"]);
  });

  test("a large number that left the window leaves nothing behind", () => {
    const events = [at(0, { n: 1e16 }), at(5, { n: 1 }), at(11, { n: 1 })];
    expect(heard(of("value_sum", "eq: 2"), events)).toEqual(["x@11"]);
  });

  test("average", () => {
    expect(heard(of("value_avg", "gte: 4"), numbers(1, 2, 8, 1))).toEqual([]);
    expect(heard(of("value_avg", "gte: 4"), numbers(1, 2, 9, 1))).toEqual(["x@2"]);
    expect(heard(of("value_avg", "gt: 1.5, lt: 1.6"), numbers(1, 2, 1.6))).toEqual(["x@2"]);
  });

  test("median and percentile, interpolated", () => {
    expect(heard(of("value_median", "gt: 4"), numbers(1, 9, 3, 7))).toEqual(["x@1"]);
    expect(heard(of("value_median", "eq: 2.5"), numbers(1, 9, 2, 3, 2.5))).toEqual(["x@3"]);
    expect(heard(of("value_percentile", "percentile: 100, gte: 9"), numbers(1, 2, 9))).toEqual(["x@2"]);
    expect(heard(of("value_percentile", "percentile: 0, lte: 1"), numbers(5, 2, 1))).toEqual(["x@2"]);
    expect(heard(of("value_percentile", "percentile: 75, eq: 4"), numbers(1, 2, 3, 4, 5))).toEqual(["x@4"]);
  });
});

describe("aliases", () => {
  const body = [
    "type: temporal",
    "rules: [a, b]",
    "group-by: [inside, outside]",
    "timespan: 10s",
    "aliases:",
    "  inside: { a: dst, b: src }",
    "  outside: { a: src, b: dst }",
  ].join("\n");

  test("make one group of different fields", () => {
    const events = [at(1, { src: "r", dst: "l" }), at(2, { src: "l", dst: "r" }, "b")];
    const run = new Run([a, b, correlationText("x", body)]).feed(...events);
    expect(run.told[0]?.match?.group).toEqual({ inside: "l", outside: "r" });
    expect(heard(body, [at(1, { src: "r", dst: "l" }), at(2, { src: "r", dst: "l" }, "b")])).toEqual([]);
  });

  test("are checked: the rules that they are about, and whether anything uses them", () => {
    const { codes, diagnostics } = link([a, b, correlationText("x", body.replace("b: src", "d: src"))]);
    expect(codes).toEqual(["warning incomplete_alias", "error unknown_rule"]);
    expect(diagnostics[1]).toMatchObject({ line: 19, column: 23 });
    expect(link([a, b, correlationText("x", body.replace("[inside, outside]", "inside"))]).codes).toEqual([
      "warning unused_alias",
    ]);
  });
});

describe("a correlation in a file", () => {
  const good = "type: event_count\nrules: a\ntimespan: 10s\ncondition: { gte: 2 }";

  test.each([
    ["30s", 30_000],
    ["90m", 5_400_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["2w", 1_209_600_000],
    ["1M", 2_629_746_000],
    ["1y", 31_556_952_000],
  ])("reads the timespan %s", (timespan, expected) => {
    const text = correlationText("x", good.replace("10s", timespan));
    expect(parseSigma(text, "x.yml").correlations[0]?.timespanMs).toBe(expected);
  });

  test.each([
    [good.replace("event_count", "event_cont"), "unknown_type", "did you mean 'event_count'?"],
    [good.replace("type: event_count\n", ""), "no_type", ""],
    [good.replace("rules: a\n", ""), "no_rules", ""],
    [good.replace("timespan: 10s\n", ""), "no_timespan", ""],
    [good.replace("timespan", "timespam"), "no_timespan", "is it 'timespam'?"],
    ...["10", "s", "0s", "1h30m", "10S", "-1s", "11y", "1e3s"].map((span) => [
      good.replace("10s", span),
      "bad_timespan",
      "",
    ]),
    [good.replace("condition: { gte: 2 }", ""), "no_condition", ""],
    [good.replace("{ gte: 2 }", "{ gtr: 2 }"), "bad_condition", "did you mean 'gt'?"],
    [good.replace("{ gte: 2 }", "{ gte: two }"), "bad_condition", ""],
    [good.replace("{ gte: 2 }", "{ gte: 1.5 }"), "bad_condition", ""],
    [good.replace("{ gte: 2 }", "{ gte: 5, lt: 5 }"), "bad_condition", ""],
    [good.replace("{ gte: 2 }", "{ gte: 100001 }"), "threshold_too_large", ""],
    [good.replace("{ gte: 2 }", "{}"), "bad_condition", ""],
    [good.replace("{ gte: 2 }", "a and b"), "bad_condition", "write 'gte: 10'"],
    [good.replace("{ gte: 2 }", "{ gte: 2, field: x }"), "bad_condition", ""],
    [good.replace("event_count", "value_count"), "no_field", ""],
    [good.replace("event_count", "value_sum").replace("gte: 2", "gte: 2, field: [a, b]"), "too_many_fields", ""],
    [
      good.replace("event_count", "value_percentile").replace("gte: 2", "gte: 2, field: a, percentile: 101"),
      "bad_percentile",
      "",
    ],
    [good.replace("event_count", "temporal"), "bad_condition", ""],
    [good.replace("rules: a", "rules: []"), "empty_rules", ""],
    [good.replace("rules: a", "rules: [{ a: b }]"), "wrong_type", ""],
    [`${good}\ngenerate: 3`, "wrong_type", ""],
    [`${good}\naliases: { x: y }`, "wrong_type", ""],
    ["type: temporal\nrules: [a, b]\ntimespan: 1s\ncondition: a", "unused_rule", ""],
    ["type: temporal\nrules: [a, bee]\ntimespan: 1s\ncondition: a and be", "unknown_rule", "did you mean 'bee'?"],
    ["type: temporal\ntimespan: 1s\ncondition: a and", "bad_condition", ""],
    ["type: temporal\ntimespan: 1s\ncondition: 1 of a", "bad_condition", ""],
    ["type: temporal\ntimespan: 1s", "no_rules", ""],
  ] as [string, string, string][])("%j is refused as %s", (body, code, hint) => {
    const { correlations, diagnostics } = parseSigma(correlationText("x", body), "x.yml");
    expect(correlations).toEqual([]);
    const error = diagnostics.find(({ severity }) => severity === "error");
    expect(error).toMatchObject(hint === "" ? { code } : { code, hint });
    expect(error!.line).toBeGreaterThan(3);
    expect(error!.column).toBeGreaterThan(0);
  });

  test("with an order of too many alternatives is refused", () => {
    const pairs = Array.from({ length: 10 }, (_, i) => `(p${i} or q${i})`).join(" and ");
    const body = `type: temporal_ordered\ntimespan: 1s\ncondition: ${pairs}`;
    expect(parseSigma(correlationText("x", body), "x.yml").diagnostics).toMatchObject([
      { code: "condition_too_large" },
    ]);
    expect(parseSigma(correlationText("x", body.replace("_ordered", "")), "x.yml").diagnostics).toEqual([]);
  });

  test("says what one event satisfies already, unknown keys, and a missing percentile", () => {
    const codes = (body: string): string[] =>
      parseSigma(correlationText("x", body), "x.yml").diagnostics.map(({ code }) => code);
    expect(codes(good.replace("gte: 2", "lt: 2"))).toEqual(["condition_at_once"]);
    expect(codes(`${good}\ntimeframe: 3s`)).toEqual(["unknown_key"]);
    expect(codes(good.replace("event_count", "value_percentile").replace("gte: 2", "gte: 2, field: a"))).toEqual([
      "no_percentile",
    ]);
  });
});
