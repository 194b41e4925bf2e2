// Log sources: the classes of events that exist, and which of them a rule's `logsource` means. A rule is bucketed once,
// at load; an event carries the id of its source, so routing costs an array index.

/** Index of a source in the catalogue that made it. */
export type SourceId = number;

/** A rule's `logsource`, all parts optional and case-insensitive (Sigma specification 2.1.0, "Log source"). */
export interface LogSource {
  readonly product?: string;
  readonly category?: string;
  readonly service?: string;
}

/** Where a log source leads: the sources whose events it sees, or why there are none on this agent. */
export type Route = { readonly sources: readonly SourceId[] } | { readonly reason: string };
