// What the Sigma room asks of its host and what it gives: the room stands alone and imports nothing of the agent.

/** What a field of an event may hold; `undefined` is absent. */
export type Value = string | number | boolean | null | undefined | readonly Value[] | { readonly [key: string]: Value };

/** An event as the engine reads it: by slot, handed out by {@link SlotTable} when the rules were compiled. */
export interface SigmaEvent {
  /**
   * When it happened: milliseconds since the Unix epoch. Asked only of events that feed a correlation; one without a time counts
   * as happening when the newest did.
   */
  readonly timeMs?: number;
  get(slot: number): Value;
  /**
   * Every value as text, keys excluded, arrays and objects walked: what keywords search. Texts of fewer UTF-16 units than `lengthMin`
   * may be left out.
   */
  eachText(visit: (text: string) => void, lengthMin?: number): void;
}

/** Gives every field name a number, always the same one. */
export interface SlotTable {
  slot(name: string): number;
}

/** `logsource` of a rule. Values as written; comparison is case-insensitive and the host's business. */
export interface LogSource {
  readonly product?: string;
  readonly category?: string;
  readonly service?: string;
}

/** The host's answer to "which of your event sources does this rule see?": numbers, or why there are none. */
export type Route = { readonly sources: readonly number[] } | { readonly reason: string };

export type Level = "informational" | "low" | "medium" | "high" | "critical";

export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}
