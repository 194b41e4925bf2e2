// For tests of this room only: a rule in a line, and a verdict on which all three ways of evaluating agree.

import { expect } from "bun:test";
import { Engine } from "./engine.ts";
import { interpret } from "./interpret.ts";
import type { RuleIr } from "./ir.ts";
import { type ParseOptions, parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import type { Diagnostic, Value } from "./types.ts";

/** A whole rule around the lines of a `detection` section. */
export function ruleText(detection: string): string {
  const body = detection
    .trim()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
  return `title: test\nlogsource:\n  product: linux\ndetection:\n${body}\n`;
}

/** Parses a detection that must be fine. */
export function ruleOf(detection: string, options: ParseOptions = {}): RuleIr {
  const { rules, diagnostics } = parseSigma(ruleText(detection), "test.yml", options);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  expect(rules.length).toBe(1);
  return rules[0]!;
}

/** The first error of a detection that must be refused. */
export function errorOf(detection: string, options: ParseOptions = {}): Diagnostic {
  const { rules, diagnostics } = parseSigma(ruleText(detection), "test.yml", options);
  expect(rules.length).toBe(0);
  return diagnostics.find(({ severity }) => severity === "error")!;
}

/** Whether the interpreter, the generated code and the closures all say that the event matches; fails when they differ. */
export function agrees(rule: RuleIr, fields: Readonly<Record<string, Value>>): boolean {
  const slots = new NameSlots();
  const event = new RecordEvent(fields, slots);
  const expected = interpret(rule, event, slots);
  for (const jit of [true, false]) {
    const engine = new Engine([rule], { slots, route: () => ({ sources: [0] }), jit });
    let found = false;
    engine.evaluate(0, event, () => {
      found = true;
    });
    expect({ jit, fields, found, ...counts(engine) }).toEqual({ jit, fields, found: expected, compiled: 1, faults: 0 });
  }
  return expected;
}

function counts(engine: Engine): { compiled: number; faults: number } {
  return { compiled: engine.stats.compiledCount, faults: engine.stats.faultCount };
}

/** Whether `item` (lines of one selection) matches the event. */
export function matches(item: string, fields: Readonly<Record<string, Value>>, options: ParseOptions = {}): boolean {
  return agrees(ruleOf(selectionOf(item), options), fields);
}

/** A detection with one selection. */
export function selectionOf(item: string): string {
  return `sel:\n${item
    .trim()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")}\ncondition: sel`;
}
