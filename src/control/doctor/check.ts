// What a check of `agent doctor` is, and what it answers.

import type { LoadedConfig } from "../config/mod.ts";

export type Verdict = "ok" | "warning" | "failure";

/** What one check found. */
export interface Finding {
  readonly id: string;
  readonly verdict: Verdict;
  /** One sentence: what was found. */
  readonly message: string;
  /** What does not work because of it; empty when all is well. */
  readonly affects: string;
  /** How to mend it; empty when there is nothing to do. */
  readonly hint: string;
}

export interface DoctorContext {
  readonly config: LoadedConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Below which `/proc` and `/sys` are looked for; empty but in tests. */
  readonly root: string;
}

/** Looks at one thing and changes nothing. May find several; never throws for what it finds. */
export interface Check {
  readonly id: string;
  run(context: DoctorContext): Promise<readonly Finding[]> | readonly Finding[];
}

export function good(id: string, message: string): Finding {
  return { id, verdict: "ok", message, affects: "", hint: "" };
}

export function bad(
  id: string,
  verdict: "warning" | "failure",
  message: string,
  affects: string,
  hint: string,
): Finding {
  return { id, verdict, message, affects, hint };
}
