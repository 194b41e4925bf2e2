// Reads the `condition` of a rule (Sigma specification 2.1.0, "Condition"): not > and > or, parentheses, `1 of`, `all of`,
// `any of`, `them`, and patterns of selection names. Resolves names, so that a result has no open ends.

import type { Condition } from "./ir.ts";
import { conditionDepthMax, conditionLengthMax } from "./limits.ts";
import { didYouMean } from "./nearest.ts";
import { RuleError } from "./problem.ts";

interface Token {
  readonly text: string;
  readonly at: number;
}

/** What the words of a condition resolve to. */
export interface Names {
  readonly all: readonly string[];
  /** The index of a selection that the condition uses; called for every use. */
  index(name: string): number;
}

/**
 * Parses one condition. Throws {@link RuleError}; its offset is `offset` plus the place in `text`, right for conditions on
 * one line. Time is linear in the text times the number of selections.
 */
export function parseCondition(text: string, offset: number, names: Names): Condition {
  if (text.length > conditionLengthMax) {
    throw new RuleError(
      "condition_too_long",
      offset,
      `Cannot read condition: it has ${text.length} characters, at most ${conditionLengthMax} are read`,
    );
  }
  return new ConditionParser(tokenize(text), text.length, offset, names).parse();
}

/** Words are anything between blanks and parentheses: names come from YAML keys and may hold dots, pipes and quotes. */
function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(/[()]|[^\s()]+/g)) tokens.push({ text: match[0], at: match.index });
  return tokens;
}

class ConditionParser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  readonly #offset: number;
  readonly #names: Names;
  readonly #known: ReadonlySet<string>;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], end: number, offset: number, names: Names) {
    this.#tokens = tokens;
    this.#end = end;
    this.#offset = offset;
    this.#names = names;
    this.#known = new Set(names.all);
  }

  parse(): Condition {
    if (this.#tokens.length === 0)
      throw new RuleError("empty_condition", this.#offset, "Cannot read condition: it is empty");
    const result = this.#or();
    const rest = this.#tokens[this.#next];
    if (rest?.text.startsWith("|")) throw this.#aggregation(rest);
    if (rest !== undefined) {
      const what = rest.text === ")" ? "')' closes nothing" : `expected 'and' or 'or' before '${rest.text}'`;
      throw this.#fault("bad_condition", rest, what, rest.text === ")" ? "" : didYouMean(rest.text, ["and", "or"]));
    }
    return result;
  }

  #or(): Condition {
    const of = [this.#and()];
    while (this.#take("or")) of.push(this.#and());
    return of.length === 1 ? of[0]! : { kind: "or", of };
  }

  #and(): Condition {
    const of = [this.#unary()];
    while (this.#take("and")) of.push(this.#unary());
    return of.length === 1 ? of[0]! : { kind: "and", of };
  }

  #unary(): Condition {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw this.#fault("bad_condition", undefined, "a selection is missing at its end");
    if (++this.#depth > conditionDepthMax)
      throw this.#fault("condition_too_deep", token, `nested deeper than ${conditionDepthMax}`);
    const result = this.#primary(token);
    this.#depth--;
    return result;
  }

  #primary(token: Token): Condition {
    this.#next++;
    // A selection may be called `not`, `1` or `all` only in theory: keywords win, as in the reference implementation.
    if (token.text === "not") return { kind: "not", of: this.#unary() };
    if (token.text === "(") {
      const inner = this.#or();
      if (!this.#take(")")) throw this.#fault("bad_condition", token, "'(' is never closed");
      return inner;
    }
    if (this.#tokens[this.#next]?.text === "of") return this.#quantified(token);
    if (token.text === ")" || token.text === "and" || token.text === "or") {
      throw this.#fault("bad_condition", token, `expected a selection before '${token.text}'`);
    }
    if (this.#known.has(token.text)) return { kind: "selection", selection: this.#names.index(token.text) };
    throw this.#unknown(token);
  }

  #quantified(quantifier: Token): Condition {
    this.#next++;
    const target = this.#tokens[this.#next++];
    const kind =
      quantifier.text === "all" ? "and" : quantifier.text === "1" || quantifier.text === "any" ? "or" : undefined;
    if (kind === undefined) {
      throw this.#fault(
        "bad_quantifier",
        quantifier,
        `'${quantifier.text} of' is not in Sigma`,
        "use '1 of', 'any of' or 'all of'",
      );
    }
    if (target === undefined || target.text === "(" || target.text === ")") {
      throw this.#fault(
        "bad_condition",
        target ?? quantifier,
        `'${quantifier.text} of' needs a name, a pattern or 'them'`,
      );
    }
    const found = this.#select(target.text);
    if (found.length === 0) {
      const all = this.#names.all;
      throw this.#fault(
        "empty_selector",
        target,
        `'${target.text}' selects nothing`,
        didYouMean(target.text.replaceAll("*", ""), all),
      );
    }
    const of = found.map((name): Condition => ({ kind: "selection", selection: this.#names.index(name) }));
    return of.length === 1 ? of[0]! : { kind, of };
  }

  /** Names that start with `_` are private: only a pattern that itself starts so reaches them. */
  #select(pattern: string): string[] {
    if (pattern === "them") return this.#names.all.filter((name) => !name.startsWith("_"));
    if (!pattern.includes("*")) return this.#known.has(pattern) ? [pattern] : [];
    const parts = pattern.split("*");
    const hidden = pattern.startsWith("_");
    return this.#names.all.filter((name) => (hidden || !name.startsWith("_")) && matchesParts(name, parts));
  }

  #take(word: string): boolean {
    if (this.#tokens[this.#next]?.text !== word) return false;
    this.#next++;
    return true;
  }

  #unknown(token: Token): RuleError {
    if (token.text.includes("|")) return this.#aggregation(token);
    const lower = token.text.toLowerCase();
    if (["and", "or", "not"].includes(lower)) {
      return this.#fault("keyword_case", token, `'${token.text}' must be written in lower case`, `write '${lower}'`);
    }
    const hint = token.text.includes("*")
      ? "write '1 of' or 'all of' before a pattern"
      : didYouMean(token.text, this.#names.all);
    return this.#fault("unknown_identifier", token, `no selection is called '${token.text}'`, hint);
  }

  #aggregation(token: Token): RuleError {
    return this.#fault(
      "aggregation_condition",
      token,
      "'|' aggregations were removed from Sigma",
      "write a correlation rule",
    );
  }

  #fault(code: string, token: Token | undefined, message: string, hint = ""): RuleError {
    return new RuleError(code, this.#offset + (token?.at ?? this.#end), `Cannot read condition: ${message}`, hint);
  }
}

/** Whether `name` is the parts in order with anything between them: leftmost matches suffice, so no backtracking. */
function matchesParts(name: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
