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

/** Runs every event through the engine and the interpreter, over all rules of the event's source. Returns the number of verdicts compared. */
function compare(list: readonly RuleIr[], events: readonly { rule: RuleIr; fields: Fields }[], jit: boolean): number {
  const { engine, sources, slots } = routed(list, jit);
  engine.warm();
  expect(engine.stats.compiledCount).toBe(list.length);
  expect(engine.stats.interpretedCount).toBe(0);
  const bySource = Map.groupBy(list, keyOf);
  let compared = 0;
  for (const { rule, fields } of events) {
    const event = new RecordEvent(fields, slots);
    const found: string[] = [];
    engine.evaluate(sources.get(keyOf(rule))!, event, (hit) => found.push(hit.id));
    const expected = bySource.get(keyOf(rule))!.filter((other) => interpret(other, event, slots));
    compared += bySource.get(keyOf(rule))!.length;
    const ids = expected.map(({ id }) => id);
    if (found.join() !== ids.join())
      throw new Error(`${rule.file}: ${JSON.stringify(fields)}: engine ${found}, interpreter ${ids}`);
  }
  expect(engine.stats.faultCount).toBe(0);
  return compared;
}

describe.skipIf(folder === undefined)(`SigmaHQ rules for Linux, solved${why}`, () => {
  const solutions = linux.map((rule) => ({ rule, solution: solve(rule) }));

  test("every rule has an event that satisfies it", () => {
    expect(solutions.filter(({ solution }) => solution === undefined).map(({ rule }) => rule.file)).toEqual([]);
  });

  test("nearly every rule has a near miss that does not", () => {
    const without = solutions.filter(({ solution }) => solution?.nearMisses.length === 0);
    expect(without.map(({ rule }) => rule.file)).toEqual([]);
  });

  test.each([true, false])("the engine (generated code: %p) says what the interpreter says on all of them", (jit) => {
    const events = solutions.flatMap(({ rule, solution }) =>
      [solution!.fields, ...solution!.nearMisses].map((fields) => ({ rule, fields })),
    );
    expect(compare(linux, events, jit)).toBeGreaterThan(events.length);
  });
});
