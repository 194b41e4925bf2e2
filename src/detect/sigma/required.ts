// Literals without which a test cannot be true: they let the scanners decide, before a costly test runs, that it need not.

import { fold } from "./fold.ts";
import type { LiteralHow, Test } from "./ir.ts";
import { type CharSet, parseRegex, type RegexNode } from "./regex-syntax.ts";

export interface RequiredLiteral {
  readonly how: LiteralHow;
  readonly text: string;
}

/** Literals (folded) of which at least one occurs in every text that satisfies the test, or `undefined` when none is known. */
export function requiredLiterals(test: Test): RequiredLiteral[] | undefined {
  switch (test.op) {
    case "literal":
      return test.texts.map((text) => ({ how: test.how, text: fold(text) }));
    case "glob": {
      let best = "";
      for (const piece of test.pieces) if (typeof piece === "string" && piece.length > best.length) best = piece;
      return best === "" ? undefined : [{ how: "contains", text: fold(best) }];
    }
    case "regex": {
      const node = parseRegex(test.source, test.flags);
      const texts = node === undefined ? undefined : summarize(node).required;
      return texts?.map((text) => ({ how: "contains", text }));
    }
    default:
      return undefined;
  }
}

/** What is known of the texts that an expression matches, all folded. */
interface Summary {
  /** Every text it can match, when these are few. */
  readonly exact: readonly string[] | undefined;
  /** Texts of which one occurs in every match. */
  readonly required: readonly string[] | undefined;
}

/** Texts kept in one set: alternatives of words multiply quickly. */
const textCountMax = 32;

/** Members of a bracket that are still written out as alternatives. */
const setSizeMax = 6;

const unknown: Summary = { exact: undefined, required: undefined };

function summarize(node: RegexNode): Summary {
  switch (node.kind) {
    case "empty":
      return { exact: [""], required: undefined };
    case "set":
      return of(members(node.set));
    case "either": {
      const parts = node.of.map(summarize);
      const exact = union(parts.map((part) => part.exact));
      return exact === undefined ? { exact, required: union(parts.map((part) => part.required)) } : of(exact);
    }
    case "repeat":
      return repeat(summarize(node.of), node.min, node.max);
    case "concat":
      return concat(node.of.map(summarize));
  }
}

/** Exact texts are required ones as well, unless the empty text is among them. */
function of(exact: readonly string[] | undefined): Summary {
  const isUseful = exact !== undefined && exact.length > 0 && exact.every((text) => text !== "");
  return { exact, required: isUseful ? exact : undefined };
}

function repeat(inner: Summary, min: number, max: number): Summary {
  if (min === 0) return max === 1 && inner.exact !== undefined ? of(union([inner.exact, [""]])) : unknown;
  if (min === max && min <= 8) return concat(new Array<Summary>(min).fill(inner));
  // At least one round happens; the text around it is not known.
  return { exact: undefined, required: inner.required };
}

/** Joins neighbours while all their texts are known; the best of the runs so found is what is required. */
function concat(parts: readonly Summary[]): Summary {
  let best: readonly string[] | undefined;
  let run: readonly string[] = [""];
  let isWhole = true;
  for (const part of parts) {
    const joined = part.exact === undefined ? undefined : product(run, part.exact);
    if (joined !== undefined) {
      run = joined;
      continue;
    }
    isWhole = false;
    best = better(best, of(run).required);
    best = better(best, part.required);
    run = part.exact ?? [""];
  }
  if (isWhole) return of(run);
  return { exact: undefined, required: better(best, of(run).required) };
}

/** Longer literals are rarer; of equal length, fewer are. */
function better(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return worth(b) > worth(a) ? b : a;
}

function worth(texts: readonly string[]): number {
  return Math.min(...texts.map((text) => text.length)) - Math.log2(texts.length) / 4;
}

function product(left: readonly string[], right: readonly string[]): readonly string[] | undefined {
  if (left.length * right.length > textCountMax) return undefined;
  return [...new Set(left.flatMap((start) => right.map((end) => start + end)))];
}

function union(sets: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const all = new Set<string>();
  for (const set of sets) {
    if (set === undefined) return undefined;
    for (const text of set) all.add(text);
    if (all.size > textCountMax) return undefined;
  }
  return [...all];
}

function members(set: CharSet): readonly string[] | undefined {
  if (set.negated) return undefined;
  const found = new Set<string>();
  for (const [from, to] of set.ranges) {
    if (to - from > 2 * setSizeMax) return undefined;
    for (let code = from; code <= to; code++) found.add(fold(String.fromCodePoint(code)));
  }
  return found.size > setSizeMax ? undefined : [...found];
}
