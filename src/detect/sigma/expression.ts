// A rule as the engine runs it: a small boolean expression over flags. A flag says that some literal of a group occurs; flags
// are set by the scanners before any rule is looked at. What is no literal stays behind as a residual test, run only on demand.

import type { Condition, LiteralHow, Predicate, RuleIr } from "./ir.ts";
import { requiredLiterals } from "./required.ts";

export type Expression =
  | { readonly kind: "and" | "or"; readonly of: readonly Expression[] }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "const"; readonly value: boolean }
  /** A group of literals: true when one of them occurs. */
  | { readonly kind: "flag"; readonly group: number }
  /** A predicate that must be run; only worth running when the flag `gate` is set, if there is one (-1: none). */
  | { readonly kind: "residual"; readonly predicate: Predicate; readonly gate: number };

/** A literal as the scanners know it; folded. */
export interface Literal {
  readonly field: string | null;
  readonly how: LiteralHow;
  readonly text: string;
}

/** Gives every literal of a partition and every set of literals a number, so that rules share them. */
export class Groups {
  readonly literals: Literal[] = [];
  /** Literal numbers of each group. */
  readonly members: (readonly number[])[] = [];
  readonly #literalNumbers = new Map<string, number>();
  readonly #groupNumbers = new Map<string, number>();

  literal(field: string | null, how: LiteralHow, text: string): number {
    const key = `${how}${field === null ? "" : `=${field}`}\u0000${text}`;
    const known = this.#literalNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.literals.push({ field, how, text }) - 1;
    this.#literalNumbers.set(key, number);
    return number;
  }

  group(literals: readonly number[]): number {
    const members = [...new Set(literals)].sort((a, b) => a - b);
    const key = members.join();
    const known = this.#groupNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.members.push(members) - 1;
    this.#groupNumbers.set(key, number);
    return number;
  }
}

/**
 * An expression on its way: alternatives that are all literals are kept apart until their group is complete. Keywords and
 * fields never share a group, because a keyword counts only where the event shows its text.
 */
type Draft =
  | Expression
  | { readonly kind: "literals"; readonly numbers: readonly number[]; readonly isKeyword: boolean };

const yes: Expression = { kind: "const", value: true };
const no: Expression = { kind: "const", value: false };

/** Which predicates of a rule can never be true on a source (its field is never filled). */
export type IsDead = (predicate: Predicate) => boolean;

/** Turns a rule into an expression over `groups`; predicates that are dead count as false and everything is simplified. */
export function buildExpression(rule: RuleIr, groups: Groups, isDead: IsDead): Expression {
  const selections: (Draft | undefined)[] = [];
  const build = (node: Condition): Draft => {
    switch (node.kind) {
      case "const":
        return node.value ? yes : no;
      case "not":
        return negate(close(build(node.of), groups));
      case "selection":
        selections[node.selection] ??= build(rule.selections[node.selection]!.condition);
        return selections[node.selection]!;
      case "and":
        return conjunction(node.of.map((part) => close(build(part), groups)));
      case "or":
        return disjunction(node.of.map(build), groups);
      case "test": {
        const predicate = rule.predicates[node.predicate]!;
        return isDead(predicate) ? no : leaf(predicate, groups);
      }
    }
  };
  return close(build(rule.condition), groups);
}

function leaf(predicate: Predicate, groups: Groups): Draft {
  const { field, test } = predicate;
  if (test.op === "literal" && !test.cased) {
    const numbers = test.texts.map((text) => groups.literal(field, test.how, text));
    return { kind: "literals", numbers, isKeyword: field === null };
  }
  const required = requiredLiterals(test);
  if (required === undefined) return { kind: "residual", predicate, gate: -1 };
  const numbers = required.map(({ how, text }) => groups.literal(field, how, text));
  return { kind: "residual", predicate, gate: groups.group(numbers) };
}

function close(draft: Draft, groups: Groups): Expression {
  return draft.kind === "literals" ? { kind: "flag", group: groups.group(draft.numbers) } : draft;
}

function negate(of: Expression): Expression {
  if (of.kind === "const") return of.value ? no : yes;
  return of.kind === "not" ? of.of : { kind: "not", of };
}

function conjunction(parts: readonly Expression[]): Expression {
  const of: Expression[] = [];
  for (const part of parts) {
    if (part.kind === "const" && !part.value) return no;
    if (part.kind === "const") continue;
    for (const each of part.kind === "and" ? part.of : [part]) if (!isRepeated(each, of)) of.push(each);
  }
  if (of.length === 0) return yes;
  return of.length === 1 ? of[0]! : { kind: "and", of };
}

function disjunction(drafts: readonly Draft[], groups: Groups): Draft {
  const inFields: number[] = [];
  const inTexts: number[] = [];
  const of: Expression[] = [];
  for (const draft of drafts) {
    if (draft.kind === "literals") (draft.isKeyword ? inTexts : inFields).push(...draft.numbers);
    else if (draft.kind === "const" && draft.value) return yes;
    else if (draft.kind !== "const")
      for (const each of draft.kind === "or" ? draft.of : [draft]) if (!isRepeated(each, of)) of.push(each);
  }
  if (of.length === 0) {
    if (inFields.length === 0)
      return inTexts.length === 0 ? no : { kind: "literals", numbers: inTexts, isKeyword: true };
    if (inTexts.length === 0) return { kind: "literals", numbers: inFields, isKeyword: false };
  }
  for (const numbers of [inTexts, inFields])
    if (numbers.length > 0) of.unshift({ kind: "flag", group: groups.group(numbers) });
  return of.length === 1 ? of[0]! : { kind: "or", of };
}

/** Conditions that mention a selection again would otherwise grow without end. Looks back only a little: lists may be long. */
function isRepeated(part: Expression, before: readonly Expression[]): boolean {
  const from = Math.max(0, before.length - 8);
  for (let i = from; i < before.length; i++) {
    const other = before[i]!;
    if (other === part || (part.kind === "flag" && other.kind === "flag" && other.group === part.group)) return true;
  }
  return false;
}

/** Nodes of an expression written out, or `limit` when there are more. */
export function expressionSize(expression: Expression, limit: number): number {
  let size = 1;
  const of =
    expression.kind === "and" || expression.kind === "or"
      ? expression.of
      : expression.kind === "not"
        ? [expression.of]
        : [];
  for (const part of of) {
    if (size >= limit) return limit;
    size += expressionSize(part, limit - size);
  }
  return Math.min(size, limit);
}
