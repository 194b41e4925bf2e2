// Whether a condition can become true at all, or false at all: a bounded search for one set of demands on the fields of an event
// that do not contradict each other. Says "never" only when every way was tried.

import { inNetwork, parseAddress } from "./address.ts";
import { globMatches } from "./glob.ts";
import type { Condition, Predicate, RuleIr, Test } from "./ir.ts";
import { compileRegex } from "./regex.ts";
import { numericValue } from "./value.ts";

/**
 * What one search may cost: one for each pair of demands, and more where their texts are long or one is an expression. A rule of the
 * public corpus takes a few hundred; what takes more counts as possible, so that the lint stays quiet rather than slow.
 */
const costMax = 50_000;

/** Choices that a search makes on the way to one answer: each takes frames of the stack. Beyond, the answer is "possible". */
const choiceDepthMax = 500;

/** A pair of demands that no event meets; `onList` when an event whose field is a list could. */
export interface Conflict {
  readonly left: Predicate;
  readonly right: Predicate;
  readonly onList: boolean;
}

export interface Possibility {
  /** False only when that is proven. */
  readonly possible: boolean;
  /** The contradiction that the last way failed of. */
  readonly conflict?: Conflict;
}

/** Whether `node` can be `wanted` for some event. */
export function possibility(
  rule: Pick<RuleIr, "predicates" | "selections">,
  node: Condition,
  wanted: boolean,
): Possibility {
  const search = new Search(rule);
  const possible = search.meets(node, wanted);
  return possible || search.conflict === undefined ? { possible } : { possible, conflict: search.conflict };
}

interface Demand {
  readonly predicate: Predicate;
  readonly wanted: boolean;
}

class Search {
  conflict: Conflict | undefined;
  readonly #rule: Pick<RuleIr, "predicates" | "selections">;
  readonly #byField = new Map<string, Demand[]>();
  #cost = 0;
  #depth = 0;

  constructor(rule: Pick<RuleIr, "predicates" | "selections">) {
    this.#rule = rule;
  }

  meets(node: Condition, wanted: boolean): boolean {
    return this.#way(node, wanted, () => true);
  }

  /** Goes through the ways to make `node` be `wanted`, and calls `next` on each until it succeeds; demands are taken back after each. */
  #way(node: Condition, wanted: boolean, next: () => boolean): boolean {
    switch (node.kind) {
      case "const":
        return node.value === wanted && next();
      case "not":
        return this.#way(node.of, !wanted, next);
      case "selection":
        return this.#way(this.#rule.selections[node.selection]!.condition, wanted, next);
      case "test":
        return this.#demand({ predicate: this.#rule.predicates[node.predicate]!, wanted }, next);
      case "and":
      case "or": {
        if ((node.kind === "or") === wanted) return node.of.some((part) => this.#way(part, wanted, next));
        return this.#all(node.of, 0, wanted, next);
      }
    }
  }

  #all(parts: readonly Condition[], at: number, wanted: boolean, next: () => boolean): boolean {
    // A long list of plain values makes no choice: taken in one go, so that the depth of the search does not grow with it.
    let end = at;
    while (end < parts.length && parts[end]!.kind === "test") end++;
    if (end - at > 1) {
      const demands = parts.slice(at, end).map((part): Demand => {
        const { predicate } = part as Extract<Condition, { kind: "test" }>;
        return { predicate: this.#rule.predicates[predicate]!, wanted };
      });
      return this.#demands(demands, () => (end === parts.length ? next() : this.#all(parts, end, wanted, next)));
    }
    if (at === parts.length) return next();
    if (this.#depth >= choiceDepthMax) return true;
    this.#depth++;
    const result = this.#way(parts[at]!, wanted, () => this.#all(parts, at + 1, wanted, next));
    this.#depth--;
    return result;
  }

  #demand(demand: Demand, next: () => boolean): boolean {
    return this.#demands([demand], next);
  }

  #demands(demands: readonly Demand[], next: () => boolean): boolean {
    const taken: Demand[][] = [];
    let isGood = true;
    for (const demand of demands) {
      const list = this.#of(demand.predicate.field);
      if (!this.#fits(demand, list)) {
        isGood = false;
        break;
      }
      list.push(demand);
      taken.push(list);
    }
    const result = isGood && next();
    for (const list of taken.reverse()) list.pop();
    return result;
  }

  #of(field: string | null): Demand[] {
    const key = field === null ? "" : `=${field}`;
    let list = this.#byField.get(key);
    if (list === undefined) {
      list = [];
      this.#byField.set(key, list);
    }
    return list;
  }

  #fits(demand: Demand, others: readonly Demand[]): boolean {
    for (const other of others) {
      // Out of patience: what was not proven impossible is possible.
      this.#cost += 1 + factsOf(demand.predicate.test).cost + factsOf(other.predicate.test).cost;
      if (this.#cost > costMax) return true;
      const conflict = contradiction(demand, other);
      if (conflict === undefined) continue;
      this.conflict = conflict;
      return false;
    }
    return true;
  }
}

function contradiction(one: Demand, other: Demand): Conflict | undefined {
  if (!one.wanted && !other.wanted) return undefined;
  if (one.wanted && other.wanted) {
    // Keywords search all texts of an event, so that two of them never exclude each other.
    if (one.predicate.field === null || !excludes(one.predicate.test, other.predicate.test)) return undefined;
    return { left: other.predicate, right: one.predicate, onList: true };
  }
  const [yes, no] = one.wanted ? [one, other] : [other, one];
  if (!implies(yes.predicate.test, no.predicate.test)) return undefined;
  return { left: yes.predicate, right: no.predicate, onList: false };
}

/** Of a test, worked out once: the same for tests that ask the same, and what comparing with it costs. */
interface Facts {
  readonly key: string;
  readonly cost: number;
}

const known = new WeakMap<Test, Facts>();

function factsOf(test: Test): Facts {
  let facts = known.get(test);
  if (facts === undefined) {
    const key = JSON.stringify(test);
    facts = { key, cost: (key.length >> 8) + (test.op === "regex" ? 50 : 0) };
    known.set(test, facts);
  }
  return facts;
}

/** Whether every value that satisfies `one` satisfies `other`; false when that is not known. Right for lists too. */
export function implies(one: Test, other: Test): boolean {
  if (one === other || (one.op === other.op && factsOf(one).key === factsOf(other).key)) return true;
  if (one.op === "null") return false;
  if (other.op === "exists") return true;
  if (other.op === "present") return one.op !== "exists";
  if (one.op === "literal") {
    if (other.op === "literal" && one.cased === other.cased) {
      return one.texts.every((text) => other.texts.some((wanted) => covers(one.how, text, other.how, wanted)));
    }
    return one.how === "equals" && one.texts.every((text) => knownToSatisfy(text, one.cased, other) === true);
  }
  return false;
}

type How = Extract<Test, { op: "literal" }>["how"];

/** Whether text that is (contains, starts with, ends with) `text` must be (contain …) `wanted`. */
function covers(how: How, text: string, otherHow: How, wanted: string): boolean {
  switch (otherHow) {
    case "equals":
      return how === "equals" && text === wanted;
    case "contains":
      return text.includes(wanted);
    case "startswith":
      return (how === "equals" || how === "startswith") && text.startsWith(wanted);
    case "endswith":
      return (how === "equals" || how === "endswith") && text.endsWith(wanted);
  }
}

/** Whether no single value satisfies both; false when that is not known. Of a list one member may satisfy each. */
function excludes(one: Test, other: Test): boolean {
  if (one.op === "null" || other.op === "null") {
    const rest = one.op === "null" ? other : one;
    return rest.op !== "null" && rest.op !== "exists";
  }
  if (one.op !== "literal") {
    if (other.op === "literal") return excludes(other, one);
    return one.op === "compare" && other.op === "compare" && apart(one, other);
  }
  if (other.op === "literal") {
    if (one.cased !== other.cased) return false;
    return one.texts.every((text) => other.texts.every((wanted) => cannotBoth(one.how, text, other.how, wanted)));
  }
  return one.how === "equals" && one.texts.every((text) => knownToSatisfy(text, one.cased, other) === false);
}

function cannotBoth(how: How, text: string, otherHow: How, wanted: string): boolean {
  if (how === "equals") return !covers("equals", text, otherHow, wanted);
  if (otherHow === "equals") return !covers("equals", wanted, how, text);
  if (how !== otherHow || how === "contains") return false;
  if (how === "startswith") return !text.startsWith(wanted) && !wanted.startsWith(text);
  return !text.endsWith(wanted) && !wanted.endsWith(text);
}

type Compare = Extract<Test, { op: "compare" }>;

function apart(one: Compare, other: Compare): boolean {
  const low = (test: Compare): number =>
    test.relation === "gt" || test.relation === "gte" ? test.value : Number.NEGATIVE_INFINITY;
  const high = (test: Compare): number =>
    test.relation === "lt" || test.relation === "lte" ? test.value : Number.POSITIVE_INFINITY;
  const from = Math.max(low(one), low(other));
  const to = Math.min(high(one), high(other));
  const isOpen = [one, other].some(
    ({ relation, value }) => (relation === "gt" || relation === "lt") && value === from && value === to,
  );
  return from > to || (from === to && isOpen);
}

/** Whether a value that is `text` satisfies a test, where that does not depend on letters whose case is open. */
function knownToSatisfy(text: string, cased: boolean, test: Test): boolean | undefined {
  switch (test.op) {
    case "glob":
      return test.cased === cased ? globMatches(test.pieces, text) : undefined;
    case "regex": {
      // Without regard to case the value may be written in any: only an expression that does not care either is known.
      if (!cased && !test.flags.includes("i") && text !== text.toUpperCase()) return undefined;
      const regex = compileRegex(test.source, test.flags);
      return "test" in regex ? regex.test(text) : undefined;
    }
    case "cidr": {
      const address = parseAddress(text);
      return address !== undefined && inNetwork(address, test);
    }
    case "compare": {
      const number = numericValue(text);
      if (number === undefined) return false;
      switch (test.relation) {
        case "lt":
          return number < test.value;
        case "lte":
          return number <= test.value;
        case "gt":
          return number > test.value;
        case "gte":
          return number >= test.value;
        case "eq":
          return number === test.value;
      }
      return undefined;
    }
    default:
      return undefined;
  }
}
