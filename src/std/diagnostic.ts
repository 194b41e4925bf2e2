// What is wrong with something a person wrote (a rule, a configuration, a list of indicators): a value, never an
// exception, so that one run reports all of them.

export interface Diagnostic {
  readonly file: string;
  /** 1-based; 0 when the fault is in the whole file. */
  readonly line: number;
  /** 1-based, in UTF-16 units; 0 when unknown. */
  readonly column: number;
  readonly severity: "error" | "warning";
  /** Stable, machine-readable: `unknown_modifier`, `wrong_type` … */
  readonly code: string;
  /** "Cannot …: reason" or a statement; one line, no full stop. */
  readonly message: string;
  /** What to do, or the nearest right word; empty when there is nothing to suggest. */
  readonly hint: string;
}
