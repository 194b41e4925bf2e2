// A rule as a tree for people: what each part asks and, given an event, whether that holds, which values decided it and what the
// event had instead. Made on demand for one event, so it interprets; explain.ts says the little that every alert carries.

import { satisfies } from "./interpret.ts";
import type { Condition, LiteralHow, Predicate, RuleIr, Test } from "./ir.ts";
import { dash, many } from "./ir.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { scalarText } from "./value.ts";

/** Values of one item that are listed: those that decided it come first. A person reads no longer list to its end. */
const valuesShownMax = 8;

/** Parts of one `and` or `or` that are listed, for the same reason; SigmaHQ's longest list of maps has 60. */
const partsShownMax = 64;

/** UTF-16 units of a pattern, a meaning or an event's value: what fits a few lines of a terminal. */
const textShownMax = 400;

/** Members of a list in an event, and letters of its text forms, that are looked at to show it. */
const membersShownMax = 8;

/** `holds` is there when the rule was held against an event. */
export type Explanation =
  | {
      readonly kind: "and" | "or";
      readonly holds?: boolean;
      readonly of: readonly Explanation[];
      /** Parts that are not in `of`. */
      readonly omitted: number;
    }
  | { readonly kind: "not"; readonly holds?: boolean; readonly of: Explanation }
  | {
      readonly kind: "selection";
      readonly holds?: boolean;
      readonly name: string;
      /** Absent where the selection is mentioned again. */
      readonly of?: Explanation;
    }
  | { readonly kind: "const"; readonly holds: boolean }
  | ItemExplanation;

/** One line of a rule: a field, its modifiers, and one value or several. */
export interface ItemExplanation {
  readonly kind: "item";
  readonly holds?: boolean;
  /** Empty for keywords, which search every text of the event. */
  readonly field: string;
  /** As written: `contains|all`. */
  readonly modifier: string;
  /** Whether one of the values is enough. */
  readonly link: "any" | "all";
  /** Those that decided come first when not all are listed. */
  readonly values: readonly ValueExplanation[];
  /** All of them, listed or not. */
  readonly count: number;
  /** What the event has in the field, cut; absent when it has no such field. For keywords the text that matched. */
  readonly found?: string;
  /** Why it does not hold. */
  readonly why?: "absent" | "null" | "no_text" | "differs";
}

export interface ValueExplanation {
  /** As written in the rule, cut. */
  readonly pattern: string;
  /** What the modifiers make of it, in words: `ends with "/curl"`. */
  readonly meaning: string;
  readonly holds?: boolean;
}

/** An event, and the table that its slots are numbered by. */
export interface Against {
  readonly event: SigmaEvent;
  readonly slots: SlotTable;
}

/** The condition of a rule as a tree, held against an event when there is one. Linear in the rule; the result is bounded. Never throws. */
export function explain(rule: RuleIr, against?: Against): Explanation {
  return new Explainer(rule, against).node(rule.condition);
}

class Explainer {
  readonly #rule: RuleIr;
  readonly #against: Against | undefined;
  readonly #selections: (Explanation | undefined)[] = [];

  constructor(rule: RuleIr, against: Against | undefined) {
    this.#rule = rule;
    this.#against = against;
  }

  node(node: Condition): Explanation {
    switch (node.kind) {
      case "const":
        return { kind: "const", holds: node.value };
      case "not": {
        const of = this.node(node.of);
        return { kind: "not", ...heldAs(of.holds === undefined ? undefined : !of.holds), of };
      }
      case "selection": {
        const { name, condition } = this.#rule.selections[node.selection]!;
        const known = this.#selections[node.selection];
        if (known !== undefined) return { kind: "selection", ...heldAs(known.holds), name };
        const of = this.node(condition);
        this.#selections[node.selection] = of;
        return { kind: "selection", ...heldAs(of.holds), name, of };
      }
      case "test":
        return this.#item("or", [this.#rule.predicates[node.predicate]!]);
      case "and":
      case "or":
        return this.#list(node.kind, node.of);
    }
  }

  /** Neighbours that ask the same field in the same way are one line of the rule again. */
  #list(kind: "and" | "or", nodes: readonly Condition[]): Explanation {
    const parts: Explanation[] = [];
    let run: Predicate[] = [];
    const flush = (): void => {
      if (run.length > 0) parts.push(this.#item(kind, run));
      run = [];
    };
    for (const node of nodes) {
      if (node.kind !== "test") {
        flush();
        parts.push(this.node(node));
        continue;
      }
      const predicate = this.#rule.predicates[node.predicate]!;
      const first = run[0];
      if (first !== undefined && (first.field !== predicate.field || first.modifier !== predicate.modifier)) flush();
      run.push(predicate);
    }
    flush();
    if (parts.length === 1) return parts[0]!;
    const holds = this.#against && (kind === "and" ? parts.every(isTrue) : parts.some(isTrue));
    const of = decisiveFirst(parts, kind === "or", partsShownMax);
    return { kind, ...heldAs(holds), of, omitted: parts.length - of.length };
  }

  #item(kind: "and" | "or", predicates: readonly Predicate[]): ItemExplanation {
    const { field, modifier } = predicates[0]!;
    const link = kind === "and" ? "all" : "any";
    const base = { kind: "item", field: field ?? "", modifier, link, count: predicates.length } as const;
    if (this.#against === undefined) return { ...base, values: predicates.slice(0, valuesShownMax).map(meaningOf) };
    const { event, slots } = this.#against;
    const tried = predicates.map((predicate) => ({ predicate, holds: satisfies(predicate, event, slots) }));
    const holds = kind === "and" ? tried.every(isTrue) : tried.some(isTrue);
    const values = decisiveFirst(tried, kind === "or", valuesShownMax).map(({ predicate, holds: one }) => ({
      ...meaningOf(predicate),
      holds: one,
    }));
    if (field === null) {
      const found = holds ? this.#keyword(tried.find(isTrue)!.predicate) : undefined;
      return { ...base, holds, values, ...(found === undefined ? { why: "differs" as const } : { found }) };
    }
    const value = event.get(slots.slot(field));
    return {
      ...base,
      holds,
      values,
      ...(value === undefined ? {} : { found: shownValue(value) }),
      ...(holds ? {} : { why: whyNot(value) }),
    };
  }

  /** The first text of the event that a keyword is found in. */
  #keyword(predicate: Predicate): string | undefined {
    const { event, slots } = this.#against!;
    let first: string | undefined;
    event.eachText((text) => {
      if (first !== undefined) return;
      const only: SigmaEvent = { get: (slot) => event.get(slot), eachText: (visit) => visit(text) };
      if (satisfies(predicate, only, slots)) first = cut(text);
    });
    return first;
  }
}

const isTrue = (part: { readonly holds?: boolean }): boolean => part.holds === true;

function heldAs(holds: boolean | undefined): { readonly holds?: boolean } {
  return holds === undefined ? {} : { holds };
}

/** All parts in their order, or the first `max` of them, those that are `wanted` before the others. */
function decisiveFirst<T extends { readonly holds?: boolean }>(
  parts: readonly T[],
  wanted: boolean,
  max: number,
): readonly T[] {
  if (parts.length <= max) return parts;
  const decisive = parts.filter(({ holds }) => holds === wanted);
  return [...decisive, ...parts.filter(({ holds }) => holds !== wanted)].slice(0, max);
}

function whyNot(value: Value): NonNullable<ItemExplanation["why"]> {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  return typeof value === "object" && !Array.isArray(value) ? "no_text" : "differs";
}

function meaningOf({ pattern, test }: Predicate): ValueExplanation {
  return { pattern: cut(pattern), meaning: cut(describeTest(test)) };
}

const literalWords: Readonly<Record<LiteralHow, string>> = {
  equals: "is",
  contains: "contains",
  startswith: "starts with",
  endswith: "ends with",
};

const relationWords = { eq: "is", lt: "is less than", lte: "is at most", gt: "is greater than", gte: "is at least" };

/** What a test asks of a value, as words that follow the name of a field: `ends with "/curl"`. */
export function describeTest(test: Test): string {
  switch (test.op) {
    case "literal": {
      const shown = test.texts.slice(0, valuesShownMax).map((text) => quoted(cut(text)));
      const rest = test.texts.length - shown.length;
      const texts = `${shown.join(" or ")}${rest > 0 ? ` or ${rest} more` : ""}`;
      return `${literalWords[test.how]} ${texts}${caseNote(test.cased)}`;
    }
    case "glob": {
      const text = test.pieces
        .map((piece) =>
          typeof piece === "string"
            ? piece.replace(/[*?[\]]/g, "\\$&")
            : piece === many
              ? "*"
              : piece === dash
                ? "[-/–—―]"
                : "?",
        )
        .join("");
      return `is like ${quoted(text)}${caseNote(test.cased)}`;
    }
    case "present":
      return "has any value";
    case "regex":
      return `matches /${test.source}/${test.flags} somewhere`;
    case "cidr":
      return `is an address in ${networkText(test.bytes, test.bits)}`;
    case "compare":
      return `${relationWords[test.relation]} ${test.value}`;
    case "time":
      return `is a time whose ${test.part} ${relationWords[test.relation]} ${test.value} (UTC)`;
    case "null":
      return "is absent or null";
    case "exists":
      return "is there";
    case "fieldref":
      return `${literalWords[test.how]} the value of ${test.other}${caseNote(test.cased)}`;
  }
}

/** For people: backslashes stay single, because paths are full of them. Whoever prints it takes care of control characters. */
function quoted(text: string): string {
  return `"${text}"`;
}

function caseNote(cased: boolean): string {
  return cased ? ", in the same case" : "";
}

function networkText(bytes: readonly number[], bits: number): string {
  const isV4 = bits >= 96 && bytes.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
  if (isV4) return `${bytes.slice(12).join(".")}/${bits - 96}`;
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return `${words.join(":")}/${bits}`;
}

/** A value of an event as text: scalars bare, lists and objects in the manner of JSON. Looks at a bounded part of it. */
function shownValue(value: Value, depth = 0): string {
  const text = scalarText(value);
  if (text !== undefined) return depth === 0 || typeof value !== "string" ? cut(text) : JSON.stringify(cut(text));
  if (value === null || value === undefined) return "null";
  if (depth > 2) return "…";
  if (Array.isArray(value)) {
    const shown = value.slice(0, membersShownMax).map((member: Value) => shownValue(member, depth + 1));
    return cut(`[${shown.join(", ")}${value.length > shown.length ? `, … ${value.length - shown.length} more` : ""}]`);
  }
  const shown: string[] = [];
  const object = value as { readonly [key: string]: Value };
  for (const key in object) {
    if (shown.length >= membersShownMax) {
      shown.push("…");
      break;
    }
    shown.push(`${JSON.stringify(cut(key))}: ${shownValue(object[key], depth + 1)}`);
  }
  return cut(`{${shown.join(", ")}}`);
}

/** Never cuts a surrogate pair in half. */
function cut(text: string): string {
  if (text.length <= textShownMax) return text;
  const code = text.charCodeAt(textShownMax - 1);
  return `${text.slice(0, code >= 0xd800 && code < 0xdc00 ? textShownMax - 1 : textShownMax)}…`;
}
