import { describe, expect, test } from "bun:test";
import { correlationText, type Event, kindRule, link, Run } from "./correlation-kit.ts";
import { groupCountMax, windowsSizeMaxBytes } from "./limits.ts";

const a = kindRule("a", "level: low\n");
const b = kindRule("b", "level: critical\n");
const many = correlationText(
  "many",
  "type: event_count\nrules: a\ngroup-by: user\ntimespan: 10s\ncondition: { gte: 3 }",
);

const at = (seconds: number, user = "u", kind = "a"): Event => [seconds, { kind, user }];

describe("the rules that a correlation refers to", () => {
  test("are silent, unless it says generate, or another one does", () => {
    expect(new Run([a, b, many]).feed(at(1), at(2), at(3), at(4, "u", "b")).heard).toEqual(["many@3", "b@4"]);
    for (const generating of [
      many.replace("rules: a", "rules: a\n  generate: true"),
      many.replace("name:", "generate: true\nname:"),
    ])
      expect(new Run([a, generating]).feed(at(1), at(2), at(3)).heard).toEqual(["a@1", "a@2", "a@3", "many@3"]);
    const other = correlationText(
      "o",
      "type: event_count\nrules: a\ngenerate: true\ntimespan: 1s\ncondition: { gte: 9 }",
    );
    expect(new Run([a, many, other]).feed(at(1)).heard).toEqual(["a@1"]);
  });

  test("speak when the correlation was rejected", () => {
    const { rules, codes } = link([a, many.replace("rules: a", "rules: [a, nobody]")]);
    expect(rules.map(({ silent }) => silent)).toEqual([undefined]);
    expect(codes).toEqual(["error unknown_rule"]);
  });

  test("are found by id in any case, by name, and in any order of documents", () => {
    const id = "9A6E5a1e-53f5-4b3c-8e6e-1d1f3c6f5a01";
    const named = a.replace("name: a\n", `id: ${id}\n`);
    for (const documents of [
      [named, many.replace("rules: a", `rules: ${id.toLowerCase()}`)],
      [many.replace("rules: a", `rules: [${id}]`), named],
    ])
      expect(new Run(documents).feed(at(1), at(2), at(3)).heard).toEqual(["many@3"]);
  });

  test("must exist: the place of the reference and the nearest name are told", () => {
    const { diagnostics, correlations } = link([
      kindRule("login_failed"),
      many.replace("rules: a", "rules: [login_faild]"),
    ]);
    expect(correlations).toEqual([]);
    expect(diagnostics).toMatchObject([
      { severity: "error", code: "unknown_rule", line: 10, column: 11, hint: "did you mean 'login_failed'?" },
    ]);
  });

  test("must be different ones", () => {
    const id = "9a6e5a1e-53f5-4b3c-8e6e-1d1f3c6f5a01";
    const { codes } = link([kindRule("a", `id: ${id}\n`), many.replace("rules: a", `rules: [a, ${id}]`)]);
    expect(codes).toEqual(["error repeated_rule"]);
    expect(link([a, many.replace("rules: a", "rules: [a, a]")]).codes).toEqual(["warning repeated_rule"]);
    expect(link([a, kindRule("a", "status: test\n"), many]).codes).toEqual(["warning duplicate_name"]);
  });

  test("give it their highest level when it has none", () => {
    const both = many.replace("rules: a", "rules: [a, b]");
    expect(link([a, b, both]).correlations[0]?.level).toBe("critical");
    expect(link([a, b, many]).correlations[0]?.level).toBe("low");
    expect(link([a, b, both.replace("name:", "level: high\nname:")]).correlations[0]?.level).toBe("high");
  });

  test("stay for its sake, silent, when they are not wanted themselves", () => {
    const wanted = ({ level }: { level: string }): boolean => level === "high";
    const high = many.replace("name:", "level: high\nname:").replace("rules: a", "rules: a\n  generate: true");
    const linked = link([a, b, high], { wanted });
    expect(linked.rules.map(({ name }) => name)).toEqual(["a"]);
    expect(new Run(linked).feed(at(1), at(2), at(3)).heard).toEqual(["many@3"]);
    expect(link([a, b, many], { wanted })).toMatchObject({ rules: [], correlations: [] });
  });

  test("are filtered before they count", () => {
    const filter =
      "title: F\nlogsource: { product: linux }\nfilter:\n  rules: a\n  s: { user: robot }\n  condition: not s\n";
    expect(new Run([a, many, filter]).feed(at(1, "robot"), at(2, "robot"), at(3, "robot")).heard).toEqual([]);
    expect(new Run([a, many, filter]).feed(at(1), at(2), at(3)).heard).toEqual(["many@3"]);
  });
});

describe("a chain of correlations", () => {
  const success = correlationText("entered", "type: temporal_ordered\nrules: [many, b]\ngroup-by: user\ntimespan: 10s");

  test("sees one fire as an event: many failures, then a success", () => {
    const events = [at(1), at(2), at(3), at(4, "u", "b")];
    for (const documents of [
      [a, b, many, success],
      [success, many, b, a],
    ])
      expect(new Run(documents).feed(...events).heard).toEqual(["entered@4"]);
    expect(new Run([a, b, many, success]).feed(at(1), at(2), at(4, "u", "b"), at(5)).heard).toEqual([]);
    expect(new Run([a, b, many, success]).feed(at(1), at(2), at(3), at(4, "v", "b")).heard).toEqual([]);
  });

  test("sees it go on as long as it holds, although it fires once", () => {
    const failures = Array.from({ length: 21 }, (_, i) => at(i / 2));
    const run = new Run([a, b, many, success]).feed(...failures, at(19, "u", "b"));
    expect(run.heard).toEqual(["entered@19"]);
  });

  test("counts each time that it fires once", () => {
    const waves = correlationText(
      "waves",
      "type: event_count\nrules: many\ngroup-by: user\ntimespan: 1h\ncondition: { gte: 2 }",
    );
    const wave = (from: number): Event[] => Array.from({ length: 6 }, (_, i) => at(from + i));
    expect(new Run([a, many, waves]).feed(...wave(0)).heard).toEqual([]);
    expect(new Run([a, many, waves]).feed(...wave(0), ...wave(100)).heard).toEqual(["waves@102"]);
  });

  test("reads the values of its group, and what these do not have from the event that completed it", () => {
    const hosts = correlationText(
      "hosts",
      "type: value_count\nrules: many\ngroup-by: host\ntimespan: 1h\ncondition: { field: user, gte: 2 }",
    );
    const on = (second: number, user: string): Event => [second, { kind: "a", user, host: "h" }];
    const run = new Run([a, many, hosts]).feed(
      ...[1, 2, 3].map((n) => on(n, "p")),
      ...[4, 5, 6].map((n) => on(n, "q")),
    );
    expect(run.heard).toEqual(["hosts@6"]);
    expect(run.told[0]?.match).toMatchObject({ group: { host: "h" }, value: 2, firstMs: 3000, lastMs: 6000 });
  });

  test("that comes back to itself is refused, with what depends on it", () => {
    const one = correlationText("one", "type: temporal\nrules: [a, two]\ntimespan: 1s");
    const two = correlationText("two", "type: temporal\nrules: [a, one]\ntimespan: 1s");
    const three = correlationText("three", "type: temporal\nrules: [a, two]\ntimespan: 1s");
    const self = correlationText("self", "type: temporal\nrules: [a, self]\ntimespan: 1s");
    const { codes, correlations } = link([a, one, two, three, self, many]);
    expect(codes).toEqual(Array(4).fill("error correlation_cycle"));
    expect(correlations.map(({ name }) => name)).toEqual(["many"]);
  });

  test("on one that was rejected is rejected, and says so", () => {
    const wrong = many.replace("rules: a", "rules: nobody");
    expect(link([a, b, wrong, success]).codes).toEqual(["error unknown_rule", "error rejected_rule"]);
  });

  test("may be long", () => {
    const links = Array.from({ length: 3000 }, (_, i) =>
      correlationText(`c${i + 1}`, `type: temporal\nrules: c${i}\ntimespan: 1s`).replace("name", "status: test\nname"),
    );
    const run = new Run([kindRule("c0"), ...links.reverse()]).feed([1, { kind: "c0" }]);
    expect(run.heard).toEqual(["c3000@1"]);
  });
});

describe("a hit", () => {
  test("says which group, what was counted, and the newest events", () => {
    const run = new Run([a, b, many.replace("rules: a", "rules: [a, b]")]).feed(at(1), at(2, "u", "b"), at(3));
    expect(run.told[0]?.match).toEqual({
      group: { user: "u" },
      value: 3,
      events: [
        { timeMs: 1000, rule: "a" },
        { timeMs: 2000, rule: "b" },
        { timeMs: 3000, rule: "a" },
      ],
      firstMs: 1000,
      lastMs: 3000,
    });
  });

  test("lists at most 16 events, and holds no more than it needs", () => {
    const body = "type: event_count\nrules: a\ntimespan: 10s\ncondition: { gte: 40 }";
    const run = new Run([a, correlationText("x", body)]).feed(...Array.from({ length: 40 }, (_, i) => at(i / 10)));
    expect(run.told[0]?.match?.events.length).toBe(16);
    run.feed(...Array.from({ length: 5000 }, () => at(4)));
    expect(run.engine.correlationStats?.byteLength).toBeLessThan(6000);
  });

  test("survives fields that are called like parts of objects", () => {
    const body =
      "type: event_count\nrules: a\ngroup-by: [__proto__, constructor]\ntimespan: 10s\ncondition: { gte: 2 }";
    const fields = JSON.parse('{"kind":"a","__proto__":"p","constructor":"c"}');
    const run = new Run([a, correlationText("x", body)]).feed([1, fields], [2, fields]);
    expect(Object.entries(run.told[0]!.match!.group)).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
    ]);
  });
});

describe("memory", () => {
  test("is bounded for any number of groups: the one quiet longest goes, and is counted", () => {
    const run = new Run([a, many.replace("10s", "1d")], { correlationLimits: { groupCountMax: 100 } });
    for (let i = 0; i < 1000; i++) run.feed(at(i, `user${i}`));
    expect(run.engine.correlationStats).toMatchObject({ groupCount: 100, evictedCount: 900, expiredCount: 0 });
    // The newest are still there, and the oldest are not.
    run.feed(at(1000, "user999"), at(1001, "user999"), at(1000, "user1"), at(1001, "user1"));
    expect(run.heard).toEqual(["many@1001"]);
  });

  test("a group that is used is not the one that goes", () => {
    const run = new Run([a, many.replace("10s", "1d")], { correlationLimits: { groupCountMax: 10 } });
    run.feed(at(0, "kept"));
    for (let i = 1; i < 500; i++) run.feed(at(i, `user${i}`), ...(i % 5 === 0 && i < 6 ? [at(i, "kept")] : []));
    expect(run.heard).toEqual([]);
    const used = new Run([a, many.replace("10s", "1d")], { correlationLimits: { groupCountMax: 10 } });
    for (let i = 1; i < 500; i++) used.feed(at(i, `user${i}`), ...(i % 9 === 1 && i < 20 ? [at(i, "kept")] : []));
    expect(used.heard).toEqual(["many@19"]);
  });

  test("is bounded in bytes over all correlations, taking from the one that holds most", () => {
    const small = correlationText(
      "small",
      "type: event_count\nrules: b\ngroup-by: user\ntimespan: 1d\ncondition: { gte: 3 }",
    );
    const run = new Run([a, b, many.replace("10s", "1d"), small], { correlationLimits: { sizeMaxBytes: 100_000 } });
    run.feed(at(0, "u", "b"), at(1, "u", "b"));
    for (let i = 0; i < 5000; i++) run.feed(at(i, `user${i}`));
    const stats = run.engine.correlationStats!;
    expect(stats.byteLength).toBeLessThanOrEqual(100_000);
    expect(stats.evictedCount).toBeGreaterThan(4000);
    expect(run.feed(at(5000, "u", "b")).heard).toEqual(["small@5000"]);
  });

  test("is given back as windows run out, which loses nothing", () => {
    const run = new Run([a, many]);
    for (let i = 0; i < 20_000; i++) run.feed(at(i, `user${i}`));
    const stats = run.engine.correlationStats!;
    expect(stats).toMatchObject({ evictedCount: 0 });
    expect(stats.groupCount).toBeLessThan(30);
    expect(stats.expiredCount + stats.groupCount).toBe(20_000);
  });

  test("of a correlation that nothing happens to any more is given back too", () => {
    const small = correlationText(
      "small",
      "type: event_count\nrules: b\ngroup-by: user\ntimespan: 10s\ncondition: { gte: 3 }",
    );
    const run = new Run([a, b, many, small]);
    for (let i = 0; i < 100; i++) run.feed(at(0, `user${i}`, "b"));
    for (let i = 0; i < 200; i++) run.feed(at(1000 + i * 100));
    expect(run.engine.correlationStats).toMatchObject({ groupCount: 1, evictedCount: 0 });
  });

  test("estimates are near what the heap says, and below the limit with a million groups", () => {
    const run = new Run([a, many.replace("10s", "1d")]);
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 60_000; i++) run.feed(at(i / 1000, `user-with-a-name-${i}`));
    Bun.gc(true);
    const { byteLength, groupCount, evictedCount } = run.engine.correlationStats!;
    expect(groupCount).toBeLessThanOrEqual(groupCountMax);
    expect(groupCount + evictedCount).toBe(60_000);
    expect(byteLength).toBeLessThanOrEqual(windowsSizeMaxBytes);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1.6 * byteLength);
  });

  test("of groups that went is free, also for those that came after them", () => {
    for (const type of ["event_count", "value_sum", "temporal_ordered"]) {
      const condition =
        type === "temporal_ordered" ? "" : `\ncondition: { ${type === "value_sum" ? "field: n, " : ""}gte: 5 }`;
      const body = `type: ${type}\nrules: a\ngroup-by: user\ntimespan: 1d${condition}`;
      const run = new Run([a, correlationText("x", body)], { correlationLimits: { groupCountMax: 100 } });
      for (let i = 0; i < 1000; i++) run.feed([i, { kind: "a", user: `u${i}`, n: 1 }]);
      Bun.gc(true);
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 60_000; i++) run.feed([i, { kind: "a", user: `v${i}`, n: 1 }]);
      run.told.length = 0;
      Bun.gc(true);
      expect(run.engine.correlationStats).toMatchObject({ groupCount: 100 });
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(8e6);
    }
  });

  test("numbers of one group are bounded: the newest are kept, and the rest counted", () => {
    const body = "type: value_median\nrules: a\ntimespan: 1d\ncondition: { field: n, gt: 5 }";
    const run = new Run([a, correlationText("x", body)]);
    for (let i = 0; i < 11_000; i++) run.feed([i, { kind: "a", n: 1 }]);
    expect(run.engine.correlationStats).toMatchObject({ overflowCount: 1000 });
  });
});

describe("an order with more events than are kept", () => {
  const order = correlationText("x", "type: temporal_ordered\nrules: [a, b]\ntimespan: 1d");

  test("loses nothing in order, and counts a late event that may have lost its place", () => {
    const run = new Run([a, b, order]);
    for (let i = 0; i < 1000; i++) run.feed(at(i));
    expect(run.engine.correlationStats).toMatchObject({ overflowCount: 0 });
    expect(run.feed(at(1000, "u", "b")).heard).toEqual(["x@1000"]);
    expect(run.feed(at(10)).engine.correlationStats).toMatchObject({ overflowCount: 1 });
  });
});

describe("a reload", () => {
  const swap = (run: Run, documents: readonly string[]): Run => {
    const next = new Run(documents);
    next.engine.adoptState(run.engine);
    return next;
  };

  test("keeps the windows of correlations that fire by the same", () => {
    const first = new Run([a, b, many]).feed(at(1), at(2));
    for (const documents of [
      [b, a, many],
      [a, kindRule("new"), many],
      [a.replace("title: Rule a", "title: Renamed"), many.replace("title: Correlation many", "title: Other")],
    ]) {
      const saved = first.engine.exportState();
      const next = new Run(documents);
      next.engine.importState(saved);
      expect(next.feed(at(3)).heard).toEqual(["many@3"]);
    }
    expect(swap(first, [many, a]).feed(at(3)).heard).toEqual(["many@3"]);
  });

  test("does not keep those of a correlation, or of its rules or filters, that changed", () => {
    const filter =
      "title: F\nlogsource: { product: linux }\nfilter:\n  rules: a\n  s: { user: robot }\n  condition: not s\n";
    for (const documents of [
      [a, many.replace("10s", "11s")],
      [a, many.replace("gte: 3", "gt: 2")],
      [a.replace("kind: a", "kind: [a, z]"), many],
      [a, many, filter],
    ])
      expect(swap(new Run([a, many]).feed(at(1), at(2)), documents).feed(at(3)).heard).toEqual([]);
  });

  test("keeps what was fired: no hit is told twice", () => {
    const first = new Run([a, many]).feed(at(1), at(2), at(3));
    expect(swap(first, [a, b, many]).feed(at(4), at(5)).heard).toEqual([]);
  });

  test("keeps twins apart, and reports how many went on", () => {
    const twins = [a, many, many.replace("name: many", "name: twin")];
    const first = new Run(twins).feed(at(1), at(2));
    const next = new Run([...twins, b]);
    expect(next.engine.adoptState(first.engine)).toBe(2);
    expect(next.feed(at(3)).heard).toEqual(["many@3", "twin@3"]);
    expect(new Run([a]).engine.adoptState(first.engine)).toBe(0);
  });
});

describe("a saved state", () => {
  test("is plain JSON with a version", () => {
    const { engine } = new Run([a, many]).feed(at(1), at(2));
    const saved = engine.exportState();
    expect(JSON.parse(JSON.stringify(saved))).toEqual(saved as never);
    expect(saved).toMatchObject({
      version: 1,
      correlations: [{ groups: [{ values: ["u"], newestMs: 2000, firedMs: null }] }],
    });
  });

  test("keeps a group quiet that has fired, for as long as it would have been", () => {
    const saved = new Run([a, many]).feed(at(1), at(2), at(3)).engine.exportState();
    const run = new Run([a, many]);
    run.engine.importState(JSON.parse(JSON.stringify(saved)));
    expect(run.feed(at(4), at(5), at(6), at(7)).heard).toEqual([]);
    expect(run.feed(at(14), at(15), at(16)).heard).toHaveLength(1);
  });

  test("that is damaged is taken as far as it is whole, and counted", () => {
    const saved = new Run([a, many]).feed(at(1), at(2)).engine.exportState();
    const [{ digest, groups }] = saved.correlations as [(typeof saved.correlations)[number]];
    const take = (state: unknown) => new Run([a, many]).engine.importState(state);
    for (const wrong of [null, 3, "x", [], {}, { version: 2, correlations: [] }, { version: 1, correlations: {} }])
      expect(take(wrong)).toEqual({ groupCount: 0, unknownCount: 0, malformedCount: 1 });
    const group = groups[0]!;
    const broken = [
      null,
      { ...group, values: [] },
      { ...group, values: [1] },
      { ...group, newestMs: null },
      { ...group, firedMs: "x" },
      { ...group, entries: [[1, 2]] },
      { ...group, entries: [[1, 7, 0]] },
      { ...group, entries: [["1", 0, 0]] },
      { ...group, entries: { length: 1 } },
    ];
    expect(take({ version: 1, correlations: [3, { digest, groups: [...broken, group] }] })).toEqual({
      groupCount: 1,
      unknownCount: 0,
      malformedCount: broken.length + 1,
    });
    expect(take({ version: 1, correlations: [{ digest: "other", groups: [group] }] })).toMatchObject({
      unknownCount: 1,
    });
    expect(new Run([a]).engine.importState(saved)).toMatchObject({ groupCount: 0 });
  });

  test("that was made to be too large meets the same limits as events do", () => {
    const saved = new Run([a, many]).feed(at(1)).engine.exportState();
    const { digest } = saved.correlations[0]!;
    const entries = Array.from({ length: 10_000 }, (_, i) => [i, 0, 0]);
    const groups = Array.from({ length: 200 }, (_, i) => ({
      values: [`u${i}`],
      newestMs: 9999,
      firedMs: null,
      entries,
    }));
    const run = new Run([a, many], { correlationLimits: { groupCountMax: 50 } });
    run.engine.importState({ version: 1, correlations: [{ digest, groups }] });
    expect(run.engine.correlationStats!.groupCount).toBe(50);
    expect(run.engine.correlationStats!.byteLength).toBeLessThan(50 * 1500);
  });
});

describe("a correlation that can never fire here", () => {
  const route = {
    route: ({ product }: { product?: string }) => (product === "linux" ? { sources: [0] } : { reason: "not here" }),
  };
  const windows = kindRule("w").replace("product: linux", "product: windows");
  const inert = (body: string): string[] =>
    new Run([a, b, windows, correlationText("x", body)], route).engine.inert.map(
      ({ title, reason }) => `${title}: ${reason}`,
    );

  test("is told as inert, with the rules that cannot match", () => {
    const why = "Correlation x: 'w' can never match here";
    expect(inert("type: event_count\nrules: w\ntimespan: 1s\ncondition: { gte: 2 }")).toContain(why);
    expect(inert("type: temporal\nrules: [a, w]\ntimespan: 1s")).toContain(why);
    expect(inert("type: temporal\ntimespan: 1s\ncondition: a and w")).toContain(why);
    expect(inert("type: temporal\nrules: [a, b, w]\ntimespan: 1s\ncondition: { gte: 3 }")).toContain(why);
  });

  test("and not when others of its rules suffice", () => {
    for (const body of [
      "type: event_count\nrules: [a, w]\ntimespan: 1s\ncondition: { gte: 2 }",
      "type: temporal\ntimespan: 1s\ncondition: a and not w",
      "type: temporal\ntimespan: 1s\ncondition: a or w",
      "type: temporal\nrules: [a, b, w]\ntimespan: 1s\ncondition: { gte: 2 }",
    ])
      expect(inert(body).filter((one) => one.startsWith("Correlation"))).toEqual([]);
  });

  test("takes with it what it feeds", () => {
    const below = correlationText("below", "type: event_count\nrules: w\ntimespan: 1s\ncondition: { gte: 2 }");
    const above = correlationText("above", "type: temporal\nrules: [a, below]\ntimespan: 1s");
    const { inert, active } = new Run([a, windows, below, above], route).engine;
    expect(inert.map(({ title }) => title)).toEqual(["Rule w", "Correlation below", "Correlation above"]);
    expect(active).toBe(1);
  });
});

test("linked rules and correlations are plain data that can cross threads", () => {
  const { rules, correlations } = link([a, b, many]);
  expect(structuredClone({ rules, correlations })).toEqual({ rules, correlations });
  const clone: unknown = JSON.parse(JSON.stringify({ rules, correlations }));
  expect(new Run({ ...(clone as ReturnType<typeof link>), diagnostics: [] }).feed(at(1), at(2), at(3)).heard).toEqual([
    "many@3",
  ]);
});
