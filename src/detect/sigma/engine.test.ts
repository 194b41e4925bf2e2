import { describe, expect, test } from "bun:test";
import { Engine } from "./engine.ts";
import type { RuleIr } from "./ir.ts";
import { parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { ruleOf } from "./test-kit.ts";
import type { LogSource, Route, SigmaEvent } from "./types.ts";

function rule(title: string, detection: string, logsource = "product: linux"): RuleIr {
  const text = `title: ${title}\nlogsource: {${logsource}}\ndetection:\n${detection
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")}\n`;
  const { rules, diagnostics } = parseSigma(text, "x.yml");
  expect(diagnostics).toEqual([]);
  return rules[0]!;
}

const everywhere = (): Route => ({ sources: [0] });
const ask = (engine: Engine, source: number, event: SigmaEvent): string[] => {
  const titles: string[] = [];
  engine.evaluate(source, event, ({ title }) => titles.push(title));
  return titles;
};

describe("routing", () => {
  const rules = [
    rule("exec", "s:\n  f: 1\ncondition: s", "product: linux, category: process_creation"),
    rule("both", "s:\n  f: 1\ncondition: s", "product: linux"),
    rule("never", "s:\n  f: 1\ncondition: s", "product: windows"),
  ];
  const route = ({ product, category }: LogSource): Route => {
    if (product === "windows") return { reason: "not a Windows machine" };
    return { sources: category === "process_creation" ? [1] : [1, 7] };
  };

  test("a rule sees the events of its sources and no others", () => {
    const slots = new NameSlots();
    const engine = new Engine(rules, { slots, route });
    const event = new RecordEvent({ f: 1 }, slots);
    expect(ask(engine, 1, event)).toEqual(["exec", "both"]);
    expect(ask(engine, 7, event)).toEqual(["both"]);
    expect(ask(engine, 2, event)).toEqual([]);
    expect(ask(engine, 2, event)).toEqual([]);
  });

  test("a rule without source is inert, with the reason", () => {
    const engine = new Engine(rules, { slots: new NameSlots(), route });
    expect(engine.active).toBe(2);
    expect(engine.inert).toEqual([{ id: rules[2]!.id, title: "never", reason: "not a Windows machine" }]);
    expect(new Engine(rules, { slots: new NameSlots(), route: () => ({ sources: [] }) }).inert.length).toBe(3);
  });

  test("partitions are compiled by the first event or by warm, not before", () => {
    const slots = new NameSlots();
    const engine = new Engine(rules, { slots, route });
    expect(engine.stats.compiledCount).toBe(0);
    engine.evaluate(1, new RecordEvent({}, slots), () => undefined);
    expect(engine.stats.generatedCount).toBe(2);
    engine.warm(7);
    expect(engine.stats.generatedCount).toBe(3);
    engine.warm();
    expect(engine.stats).toMatchObject({ compiledCount: 3, closureCount: 0, interpretedCount: 0, faultCount: 0 });
  });
});

describe("fields that are never filled", () => {
  const missing = (_source: number, field: string): string | undefined =>
    field === "Hashes" ? "no hashes here" : undefined;
  const inertness = (detection: string): string | undefined =>
    new Engine([rule("r", detection)], { slots: new NameSlots(), route: everywhere, fieldReason: missing }).inert[0]
      ?.reason;

  test("make a rule inert only when it cannot become true without them", () => {
    expect(inertness("s:\n  Hashes|contains: x\ncondition: s")).toBe("no hashes here");
    expect(inertness("s:\n  Hashes|contains: x\n  f: 1\ncondition: s")).toBe("no hashes here");
    expect(inertness("s:\n  - Hashes|contains: x\n  - f: 1\ncondition: s")).toBeUndefined();
    expect(inertness("s:\n  f: 1\nx:\n  Hashes: x\ncondition: s and not x")).toBeUndefined();
    expect(inertness("s:\n  f: 1\nx:\n  Hashes: x\ncondition: s or x")).toBeUndefined();
    expect(inertness("s:\n  Hashes: null\ncondition: s")).toBeUndefined();
    expect(inertness("s:\n  Hashes|exists: true\ncondition: s")).toBe("no hashes here");
    expect(inertness("s:\n  Hashes|exists: false\ncondition: s")).toBeUndefined();
    expect(inertness("s:\n  Hashes|neq: x\ncondition: s")).toBeUndefined();
    expect(inertness("s:\n  - word\ncondition: s")).toBeUndefined();
  });

  test("count per source: one source that fills them keeps the rule", () => {
    const detection = "s:\n  Hashes|contains: x\ncondition: s";
    const slots = new NameSlots();
    const engine = new Engine([rule("r", detection)], {
      slots,
      route: () => ({ sources: [0, 1] }),
      fieldReason: (source, field) => (source === 0 && field === "Hashes" ? "no hashes here" : undefined),
    });
    expect(engine.active).toBe(1);
    const event = new RecordEvent({ Hashes: "axb" }, slots);
    expect(ask(engine, 1, event)).toEqual(["r"]);
    expect(ask(engine, 0, event)).toEqual([]);
  });
});

describe("evaluation", () => {
  test("emits in the order of loading", () => {
    const slots = new NameSlots();
    const rules = ["c", "a", "b"].map((title, i) =>
      rule(title, `s:\n  f|contains: ${["z", "y", "x"][i]}\ncondition: s`),
    );
    rules.push(rule("open", "s:\n  g: null\ncondition: s"));
    expect(ask(new Engine(rules, { slots, route: everywhere }), 0, new RecordEvent({ f: "xyz" }, slots))).toEqual([
      "c",
      "a",
      "b",
      "open",
    ]);
  });

  test("survives an event whose fields throw, and counts it", () => {
    const slots = new NameSlots();
    const engine = new Engine(
      [rule("r", "s:\n  f|contains: x\ncondition: s"), rule("n", "s:\n  f: null\ncondition: s")],
      { slots, route: everywhere },
    );
    const broken: SigmaEvent = {
      get() {
        throw new Error("broken");
      },
      eachText() {},
    };
    expect(ask(engine, 0, broken)).toEqual([]);
    expect(engine.stats.faultCount).toBeGreaterThan(0);
    expect(ask(engine, 0, new RecordEvent({ f: "x" }, slots))).toEqual(["r"]);
  });

  test("passes on what emit throws, and stays usable", () => {
    const slots = new NameSlots();
    const engine = new Engine([rule("r", "s:\n  f: x\ncondition: s")], { slots, route: everywhere });
    const event = new RecordEvent({ f: "x" }, slots);
    const fail = (): never => {
      throw new Error("full");
    };
    expect(() => engine.evaluate(0, event, fail)).toThrow("full");
    expect(ask(engine, 0, event)).toEqual(["r"]);
  });

  test("may be called again from emit", () => {
    const slots = new NameSlots();
    const engine = new Engine(
      [rule("a", "s:\n  f: x\ncondition: s"), rule("b", "s:\n  f|contains: [x, y]\ncondition: s")],
      { slots, route: everywhere },
    );
    const seen: string[] = [];
    engine.evaluate(0, new RecordEvent({ f: "x" }, slots), ({ title }) => {
      seen.push(title);
      seen.push(...ask(engine, 0, new RecordEvent({ f: "y" }, slots)));
    });
    expect(seen).toEqual(["a", "b", "b", "b"]);
  });

  test("rules too large to compile are interpreted, counted, and right", () => {
    const parts = Array.from({ length: 6_000 }, (_, i) => `  - f|re: '^${i}$'`).join("\n");
    const large = rule("large", `s:\n${parts}\ncondition: s`);
    const slots = new NameSlots();
    const engine = new Engine([large], { slots, route: everywhere });
    expect(ask(engine, 0, new RecordEvent({ f: "5999" }, slots))).toEqual(["large"]);
    expect(ask(engine, 0, new RecordEvent({ f: "6000" }, slots))).toEqual([]);
    expect(engine.stats).toMatchObject({ compiledCount: 0, interpretedCount: 1, faultCount: 0 });
  });

  test("text of rules never becomes code", () => {
    const nasty = [
      `\`$\{process.exit(9)}\``,
      '"]});process.exit(9);//',
      "'+process.exit(9)+'",
      "\\u0022);throw 1;//",
      "\u2028throw 1",
    ];
    for (const text of nasty) {
      const name = JSON.stringify(`f ${text.replaceAll("|", "")}`);
      const value = JSON.stringify(text);
      const detection = `sel:\n  ${name}: ${value}\n  g|cased: ${value}\ncondition: sel`;
      const slots = new NameSlots();
      const engine = new Engine([ruleOf(detection)], { slots, route: everywhere });
      engine.evaluate(0, new RecordEvent({ g: text }, slots), () => undefined);
      expect(engine.stats.generatedCount).toBe(1);
    }
  });

  test("many rules on one event are all found", () => {
    const slots = new NameSlots();
    const rules = Array.from({ length: 300 }, (_, i) => rule(`r${i}`, `s:\n  f|contains: 'k${i}k'\ncondition: s`));
    const engine = new Engine(rules, { slots, route: everywhere });
    const all = rules.map((_, i) => `k${i}k`).join("");
    expect(ask(engine, 0, new RecordEvent({ f: all }, slots)).length).toBe(300);
    expect(ask(engine, 0, new RecordEvent({ f: "k7k" }, slots))).toEqual(["r7"]);
  });
});
