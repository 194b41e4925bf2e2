// Expressions as functions, in three ways that mean the same: generated code, closures where code is not allowed, and the
// interpreter for expressions too large for either.

import { type Expression, expressionSize } from "./expression.ts";
import { interpret } from "./interpret.ts";
import type { RuleIr } from "./ir.ts";
import { compileResidual, type EventTest } from "./residual.ts";
import type { SigmaEvent, SlotTable } from "./types.ts";
import { CodeWriter } from "./writer.ts";

/** Whether a rule holds. `flags[g] === epoch` says that group g was found in this event. */
export type Check = (event: SigmaEvent, flags: Int32Array, epoch: number) => boolean;

/** How a check came about. */
export type CheckKind = "generated" | "closure" | "interpreted";

/** Nodes of an expression that are compiled; larger ones are interpreted. Public rules have at most some hundred. */
const expressionSizeMax = 4_000;

/** Rules compiled as one piece of source: few calls of the compiler, none of them long. */
const batchSize = 64;

/** Checks of all rules, in order. */
export function compileChecks(
  rules: readonly { readonly rule: RuleIr; readonly expression: Expression }[],
  slots: SlotTable,
  jit: boolean,
): { check: Check; kind: CheckKind }[] {
  const results: { check: Check; kind: CheckKind }[] = [];
  for (let from = 0; from < rules.length; from += batchSize) {
    const batch = rules.slice(from, from + batchSize);
    const compilable = batch.filter(
      ({ expression }) => expressionSize(expression, expressionSizeMax) < expressionSizeMax,
    );
    const checks: readonly Check[] = jit
      ? generate(compilable, slots)
      : compilable.map(({ expression }) => closure(expression, slots));
    let next = 0;
    for (const entry of batch) {
      if (entry === compilable[next]) results.push({ check: checks[next++]!, kind: jit ? "generated" : "closure" });
      else results.push({ check: (event) => interpret(entry.rule, event, slots), kind: "interpreted" });
    }
  }
  return results;
}

function generate(rules: readonly { readonly expression: Expression }[], slots: SlotTable): readonly Check[] {
  const writer = new CodeWriter();
  writer.write("return [");
  for (const { expression } of rules) {
    writer.write("function(v,f,e){return ");
    writeExpression(expression, writer, slots);
    writer.write(";},");
  }
  return writer.write("];").compile<readonly Check[]>();
}

function writeExpression(expression: Expression, writer: CodeWriter, slots: SlotTable): void {
  switch (expression.kind) {
    case "const":
      writer.write(expression.value ? "true" : "false");
      return;
    case "flag":
      writer.write(`f[${expression.group}]===e`);
      return;
    case "residual": {
      const name = writer.constant(compileResidual(expression.predicate, slots));
      writer.write(expression.gate < 0 ? `${name}(v)` : `(f[${expression.gate}]===e&&${name}(v))`);
      return;
    }
    case "not":
      writer.write("!(");
      writeExpression(expression.of, writer, slots);
      writer.write(")");
      return;
    case "and":
    case "or":
      writer.write("(");
      for (const [i, part] of cheapFirst(expression.of).entries()) {
        if (i > 0) writer.write(expression.kind === "and" ? "&&" : "||");
        writeExpression(part, writer, slots);
      }
      writer.write(")");
      return;
  }
}

function closure(expression: Expression, slots: SlotTable): Check {
  switch (expression.kind) {
    case "const": {
      const { value } = expression;
      return () => value;
    }
    case "flag": {
      const { group } = expression;
      return (_event, flags, epoch) => flags[group] === epoch;
    }
    case "residual": {
      const { gate } = expression;
      const test: EventTest = compileResidual(expression.predicate, slots);
      return gate < 0 ? (event) => test(event) : (event, flags, epoch) => flags[gate] === epoch && test(event);
    }
    case "not": {
      const of = closure(expression.of, slots);
      return (event, flags, epoch) => !of(event, flags, epoch);
    }
    case "and":
    case "or": {
      const parts = cheapFirst(expression.of).map((part) => closure(part, slots));
      const isAnd = expression.kind === "and";
      return (event, flags, epoch) => {
        for (const part of parts) if (part(event, flags, epoch) !== isAnd) return !isAnd;
        return isAnd;
      };
    }
  }
}

/** Tests have no effects, so that their order is free: flags before everything that runs. */
function cheapFirst(parts: readonly Expression[]): readonly Expression[] {
  return [...parts].sort((a, b) => cost(a) - cost(b));
}

function cost(expression: Expression): number {
  switch (expression.kind) {
    case "const":
      return 0;
    case "flag":
      return 1;
    case "not":
      return cost(expression.of);
    case "residual":
      return 100;
    case "and":
    case "or":
      return 2 + Math.max(...expression.of.map(cost));
  }
}
