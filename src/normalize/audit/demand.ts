// Which audit records the loaded rules can match: nothing else is made. And which values of `type`, `SYSCALL` and `key` records can
// have at all, so that a rule about others is told as inert.

import { auditTypes } from "./audit-event.ts";
import { loggedAuditTypes } from "./from-log.ts";

/** A rule's tests of one field: may a text satisfy any of them? */
export type FieldTests = readonly ((value: string) => boolean)[];

/** What of a rule matters here. */
export interface AuditRule {
  /** Its tests of a field; empty when it does not ask for it. */
  tests(field: string): FieldTests;
}

export interface AuditDemand {
  /** Types of records. */
  readonly types: ReadonlySet<string>;
  /** System calls other than execve whose SYSCALL records are wanted. */
  readonly syscalls: ReadonlySet<string>;
  /** Keys that are wanted. */
  readonly keys: ReadonlySet<string>;
}

const allTypes: readonly string[] = [...auditTypes, ...loggedAuditTypes];

/** What of `values` a rule may match; all of them when it does not ask. */
const wanted = (tests: FieldTests, values: readonly string[], otherwise: readonly string[]): readonly string[] =>
  tests.length === 0 ? otherwise : values.filter((value) => tests.some((test) => test(value)));

/** Of the rules for auditd. `syscalls` and `keys` are those that can be told of. Linear in rules. */
export function auditDemand(
  rules: readonly AuditRule[],
  syscalls: readonly string[],
  keys: readonly string[],
): AuditDemand {
  return {
    types: new Set(rules.flatMap((rule) => wanted(rule.tests("type"), allTypes, allTypes))),
    syscalls: new Set(rules.flatMap((rule) => wanted(rule.tests("SYSCALL"), syscalls, []))),
    keys: new Set(rules.flatMap((rule) => wanted(rule.tests("key"), keys, []))),
  };
}
