// The intermediate representation of a rule: plain data that can be cloned to another thread or written as JSON, and that
// says everything the interpreter, the compiler and an explanation need. Nothing here refers to text positions but `line`.

import type { Level, LogSource } from "./types.ts";

/** `*` in a glob: any run of characters, also none, also line breaks. */
export const many = 0;
/** `?` in a glob: exactly one character (a code point). */
export const one = 1;
/** A dash in any spelling, made by `windash`: one of {@link dashes}. */
export const dash = 2;

/** What `-` and `/` stand for under `windash`: hyphen, slash, en dash, em dash, horizontal bar. */
export const dashes = "-/\u2013\u2014\u2015";

/** A part of a glob: literal text, or one of {@link many}, {@link one}, {@link dash}. */
export type Piece = string | typeof many | typeof one | typeof dash;

export type LiteralHow = "equals" | "contains" | "startswith" | "endswith";
export type Relation = "eq" | "lt" | "lte" | "gt" | "gte";
export type TimePart = "minute" | "hour" | "day" | "week" | "month" | "year";

/**
 * What one predicate asks of a value. Patterns are already folded unless `cased`. Numbers and booleans are asked as their text
 * (`String(value)`), arrays member by member, objects match nothing; an absent field fails everything but `null`. The meaning of each is defined by `interpret.ts`, which everything else is compared with.
 */
export type Test =
  /** Any of `texts`; several when a modifier writes one value in several ways (windash, base64offset). */
  | { readonly op: "literal"; readonly how: LiteralHow; readonly texts: readonly string[]; readonly cased: boolean }
  /** The whole value against pieces. */
  | { readonly op: "glob"; readonly pieces: readonly Piece[]; readonly cased: boolean }
  /** Any value that has a text: a pattern of nothing but `*`. */
  | { readonly op: "present" }
  /** Unanchored search, RE2 syntax and meaning; flags are some of `i`, `m`, `s`. */
  | { readonly op: "regex"; readonly source: string; readonly flags: string }
  /** `bits` leading bits equal those of `bytes`, 16 of them; IPv4 is mapped into IPv6 (`::ffff:0:0/96`). */
  | { readonly op: "cidr"; readonly bytes: readonly number[]; readonly bits: number }
  | { readonly op: "compare"; readonly relation: Relation; readonly value: number }
  | { readonly op: "time"; readonly part: TimePart; readonly relation: Relation; readonly value: number }
  /** Absent or null. */
  | { readonly op: "null" }
  /** Not absent, be it null or empty. */
  | { readonly op: "exists" }
  /** Another field's value. */
  | { readonly op: "fieldref"; readonly other: string; readonly how: LiteralHow; readonly cased: boolean };

export interface Predicate {
  /** `null` for a keyword, which asks every text of the event. */
  readonly field: string | null;
  readonly test: Test;
  /** The next three as the rule writes them, for explanations. */
  readonly selection: string;
  readonly modifier: string;
  readonly pattern: string;
}

/** A condition: a tree of which the leaves are predicates and selections, both by index into the rule's lists. */
export type Condition =
  | { readonly kind: "and" | "or"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "test"; readonly predicate: number }
  | { readonly kind: "selection"; readonly selection: number }
  | { readonly kind: "const"; readonly value: boolean };

/** A search identifier and what it means; its tree has no `selection` leaves. */
export interface Selection {
  readonly name: string;
  readonly condition: Condition;
}

/** What a rule or a correlation tells people. */
export interface RuleHeader {
  /** As written, or a UUID derived from the document's content: the same document always has the same id. */
  readonly id: string;
  readonly title: string;
  readonly name: string;
  /** `medium` when the document does not say. */
  readonly level: Level;
  readonly status: string;
  readonly description: string;
  readonly author: readonly string[];
  readonly references: readonly string[];
  readonly tags: readonly string[];
  readonly falsepositives: readonly string[];
  /** `modified`, or `date`, or empty; ISO 8601 where the document has it. */
  readonly version: string;
  readonly license: string;
  /** As given to the parser. */
  readonly file: string;
  /** Line of the document's first key. */
  readonly line: number;
}

export interface RuleIr extends RuleHeader {
  /** Fields that the author wants shown with a hit. */
  readonly fields: readonly string[];
  readonly logsource: LogSource & { readonly definition?: string };
  /** Conditions as written; several are alternatives. */
  readonly conditions: readonly string[];
  readonly predicates: readonly Predicate[];
  /** The selections that the condition uses. */
  readonly selections: readonly Selection[];
  readonly condition: Condition;
  /** Set by linking: matches feed correlations and are told to nobody else. */
  readonly silent?: true;
}

/** The name or id by which a filter or a correlation refers to a rule, and where it does. */
export interface Reference {
  readonly name: string;
  readonly line: number;
  readonly column: number;
}

/** A filter: a condition that is added to other rules by AND. */
export interface FilterIr extends RuleHeader {
  readonly logsource: LogSource;
  /** All rules of the log source, or those referred to. */
  readonly rules: "any" | readonly Reference[];
  readonly conditions: readonly string[];
  readonly predicates: readonly Predicate[];
  readonly selections: readonly Selection[];
  readonly condition: Condition;
}

export type CorrelationType =
  | "event_count"
  | "value_count"
  | "temporal"
  | "temporal_ordered"
  | "value_sum"
  | "value_avg"
  | "value_percentile"
  | "value_median";

export type Comparison = "gt" | "gte" | "lt" | "lte" | "eq" | "neq";

/** When a correlation holds. */
export type CorrelationCondition =
  /** Its value satisfies all of these. */
  | { readonly kind: "compare"; readonly all: readonly { readonly relation: Comparison; readonly value: number }[] }
  /** A tree over `rules`, whose leaves are `selection` (the index of a rule). Temporal types only. */
  | { readonly kind: "boolean"; readonly tree: Condition }
  /** Each of `rules` occurred. Temporal types only. */
  | { readonly kind: "every" };

/** A correlation as its document says it, references not yet resolved. */
export interface CorrelationIr extends RuleHeader {
  readonly type: CorrelationType;
  readonly rules: readonly Reference[];
  readonly groupBy: readonly string[];
  readonly timespanMs: number;
  readonly condition: CorrelationCondition;
  /** For people: `gte 5`, `a and not b`. */
  readonly conditionText: string;
  /** `condition.field`: what the value types look at; several are one value together (value_count only). */
  readonly valueFields: readonly string[];
  /** 0 to 100; 50 for value_median. */
  readonly percentile: number;
  /** Other names of fields, by rule. */
  readonly aliases: readonly {
    readonly alias: string;
    readonly fields: readonly { readonly rule: Reference; readonly field: string }[];
  }[];
  /** The rules that it refers to are told as well. */
  readonly generate: boolean;
  /** False: `level` is a default, and linking takes the highest of the rules referred to. */
  readonly hasLevel: boolean;
}

/** One of the rules that feed a correlation, with the fields that its events are read by. */
export interface Feed {
  /** Index into the linked rules or correlations. A correlation stands before those it feeds. */
  readonly rule?: number;
  readonly correlation?: number;
  /** As the correlation refers to it. */
  readonly name: string;
  readonly groupBy: readonly string[];
  readonly valueFields: readonly string[];
}

/** A correlation that can run. */
export interface LinkedCorrelation extends CorrelationIr {
  /** In the order of `rules`. */
  readonly feeds: readonly Feed[];
  /** Of all that decides when it fires, its rules included, headers excluded: windows outlive a reload by this. */
  readonly digest: string;
  /** Feeds other correlations and is told to nobody else. */
  readonly silent: boolean;
}
