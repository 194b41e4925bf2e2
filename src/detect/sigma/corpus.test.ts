// The public rules, as they are: what loads, what is refused and why, and that the engine and the interpreter agree on events
// made for each rule.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedData } from "../../../test/data.ts";
import { Engine } from "./engine.ts";
import { interpret } from "./interpret.ts";
import type { RuleIr } from "./ir.ts";
import { type ParseResult, parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import { type Fields, solve } from "./solve.ts";
import { parseBlock } from "./yaml-block.ts";
import { parseFull } from "./yaml-full.ts";

const folder = sharedData("sigma");
const why = folder === undefined ? " (skipped: ../shared/data/sigma is not there)" : "";

interface RuleFile {
  readonly file: string;
  readonly text: string;
}

function readFiles(root: string): RuleFile[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => /\.ya?ml$/.test(name));
  return names.sort().map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
}

const files = folder === undefined ? [] : readFiles(folder);
const parsed: ParseResult[] = files.map(({ file, text }) => parseSigma(text, file));
const rules: RuleIr[] = parsed.flatMap((result) => result.rules);
const linux = rules.filter(({ logsource }) => logsource.product === "linux");

describe.skipIf(folder === undefined)(`SigmaHQ${why}`, () => {
  test("every document loads, but those that need values for placeholders", () => {
    const errors = parsed.flatMap((result) => result.diagnostics).filter(({ severity }) => severity === "error");
    const codes = new Set(errors.map(({ code }) => code));
    expect([...codes]).toEqual(["unresolved_placeholder"]);
    expect(parsed.reduce((sum, { documents }) => sum + documents, 0)).toBe(files.length);
    expect(rules.length + errors.length).toBe(files.length);
    expect(errors.length).toBe(25);
    expect(errors.every(({ line, column }) => line > 0 && column > 0)).toBe(true);
  });

  test("rules that need placeholders load once these have values", () => {
    for (const [i, { file, text }] of files.entries()) {
      if (parsed[i]!.rules.length > 0) continue;
      const placeholders: Record<string, string[]> = {};
      let result = parsed[i]!;
      for (let left = 10; result.rules.length === 0 && left > 0; left--) {
        const name = /'%(.+)%'/.exec(result.diagnostics[0]!.message)![1]!;
        placeholders[name] = ["value"];
        result = parseSigma(text, file, { placeholders });
      }
      expect(result.rules.length).toBe(1);
    }
  });

  test("all rules for Linux load", () => {
    expect(linux.length).toBe(248);
  });

  test("the unquoted 00000429 keeps its zeros", () => {
    const rule = rules.find(({ file }) => file.endsWith("registry_set_susp_keyboard_layout_load.yml"));
    expect(rule?.predicates.some(({ pattern }) => pattern === "00000429")).toBe(true);
  });

  test("rules are plain data that survive JSON and cloning", () => {
    for (const rule of rules) {
      expect(structuredClone(rule)).toEqual(rule);
      expect(JSON.parse(JSON.stringify(rule))).toEqual(rule);
    }
  });

  test("the quick YAML reader reads nearly all files, each as the whole language does", () => {
    let quick = 0;
    for (const { file, text } of files) {
      const documents = parseBlock(text);
      if (documents === undefined) continue;
      quick++;
      if (!Bun.deepEquals(documents, parseFull(text))) throw new Error(`${file} is read differently`);
    }
    expect(quick).toBeGreaterThan(files.length * 0.99);
  });
});

/** Rules by log source, each a source of its own, as a host would route them. */
function routed(
  list: readonly RuleIr[],
  jit: boolean,
): { engine: Engine; sources: Map<string, number>; slots: NameSlots } {
  const sources = new Map<string, number>();
  const slots = new NameSlots();
  const number = ({ product, category, service }: RuleIr["logsource"]): number => {
    const key = [product, category, service].join("|");
    if (!sources.has(key)) sources.set(key, sources.size);
    return sources.get(key)!;
  };
  return {
    engine: new Engine(list, { slots, jit, route: (logsource) => ({ sources: [number(logsource)] }) }),
    sources,
    slots,
  };
}

const keyOf = ({ logsource: { product, category, service } }: RuleIr): string => [product, category, service].join("|");

/**
 * Runs every event through the engine and, over the rules of the event's source, the interpreter. Returns how many verdicts were
 * compared. With `everyNth` above 1 only so many of the source's rules are interpreted, and always those the event was made for.
 */
function compare(list: readonly RuleIr[], events: readonly Example[], jit: boolean, everyNth: number): number {
  const { engine, sources, slots } = routed(list, jit);
  engine.warm();
  expect(engine.stats.compiledCount).toBe(list.length);
  expect(engine.stats.interpretedCount).toBe(0);
  const bySource = Map.groupBy(list, keyOf);
  let compared = 0;
  for (const [turn, { rule, fields }] of events.entries()) {
    const event = new RecordEvent(fields, slots);
    const found = new Set<RuleIr>();
    engine.evaluate(sources.get(keyOf(rule))!, event, (hit) => found.add(hit));
    for (const [i, other] of bySource.get(keyOf(rule))!.entries()) {
      if ((i + turn) % everyNth !== 0 && other !== rule && !found.has(other)) continue;
      compared++;
      if (found.has(other) === interpret(other, event, slots)) continue;
      throw new Error(`${other.file}: the engine says ${found.has(other)} of ${JSON.stringify(fields)}`);
    }
  }
  expect(engine.stats.faultCount).toBe(0);
  return compared;
}

interface Example {
  readonly rule: RuleIr;
  readonly fields: Fields;
}

const solutions = rules.map((rule) => ({ rule, solution: solve(rule) }));
const examples = solutions.flatMap(({ rule, solution }): Example[] =>
  solution === undefined ? [] : [solution.fields, ...solution.nearMisses].map((fields) => ({ rule, fields })),
);

describe.skipIf(folder === undefined)(`SigmaHQ, solved${why}`, () => {
  test("every rule has an event that satisfies it, but one that asks two things of one text", () => {
    const unsolved = solutions.filter(({ solution }) => solution === undefined).map(({ rule }) => rule.title);
    expect(unsolved).toEqual(["COM Object Execution via Xwizard.EXE"]);
  });

  test("every solved rule has near misses that do not satisfy it", () => {
    expect(solutions.filter(({ solution }) => solution?.nearMisses.length === 0).map(({ rule }) => rule.file)).toEqual(
      [],
    );
  });

  test.each([true, false])("all rules for Linux: the engine (generated code: %p) is the interpreter", (jit) => {
    const events = examples.filter(({ rule }) => rule.logsource.product === "linux");
    expect(compare(linux, events, jit, 1)).toBeGreaterThan(10_000);
  });

  // SIGIL_SOAK=1 compares all pairs of rules and events, which takes a minute.
  test("all rules there are: the engine is the interpreter", () => {
    expect(compare(rules, examples, true, process.env.SIGIL_SOAK === "1" ? 1 : 50)).toBeGreaterThan(rules.length);
  }, 300_000);
});
