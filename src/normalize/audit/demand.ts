// Which audit records the loaded rules can match: nothing else is made. And which values of `type`, `SYSCALL` and `key` records can
// have at all, so that a rule about others is told as inert.

import { auditKeys, auditRows, auditSyscalls } from "../../event/mod.ts";
import { auditFields, auditTypes } from "./audit-event.ts";
import { loggedAuditFields, loggedAuditTypes } from "./from-log.ts";
import { wantedReads } from "./paths.ts";

/** A rule's tests of one field: may a text satisfy any of them? */
export type FieldTests = readonly ((value: string) => boolean)[];

/** What of a rule matters here. */
export interface AuditRule {
  /** Fields that it asks for. */
  readonly fields: readonly string[];
  /** It has keywords, which search every record. */
  readonly hasKeywords: boolean;
  /** Its tests of a field; empty when it does not ask for it. */
  tests(field: string): FieldTests;
  /** About looking around (ATT&CK's tactic discovery): then reading a file that it names is what it means. */
  readonly isDiscovery: boolean;
}

export interface AuditDemand {
  /** Types of records. */
  readonly types: ReadonlySet<string>;
  /** Names of the activities that records have to be made of. */
  readonly activities: ReadonlySet<string>;
  /** Those whose SYSCALL record is wanted. A rule that names no system call and no key sees those of executions alone. */
  readonly calls: ReadonlySet<string>;
  /** Paths whose being opened for reading is wanted. Of all others only changes are told, and reads of what is sensitive anyway. */
  readonly reads: readonly string[];
}

const fieldsOf: Readonly<Record<string, ReadonlySet<string>>> = {
  ...Object.fromEntries(auditTypes.map((type) => [type, new Set(Object.keys(auditFields[type]))])),
  ...Object.fromEntries(loggedAuditTypes.map((type) => [type, loggedAuditFields])),
};
const allTypes: readonly string[] = Object.keys(fieldsOf);

/** Types of records that a rule may match: those that it names, else those that have any of its fields. */
function typesOf(rule: AuditRule): readonly string[] {
  const tests = rule.tests("type");
  if (tests.length > 0) return allTypes.filter((type) => tests.some((test) => test(type)));
  // Without fields it is about what is absent, or about nothing: any record will do.
  if (rule.hasKeywords || rule.fields.length === 0) return allTypes;
  return allTypes.filter((type) => rule.fields.some((field) => fieldsOf[type]?.has(field)));
}

/** What of `values` a rule names. */
const named = (tests: FieldTests, values: readonly string[]): readonly string[] =>
  values.filter((value) => tests.some((test) => test(value)));

/** Of the rules for auditd. Linear in rules. */
export function auditDemand(rules: readonly AuditRule[]): AuditDemand {
  const types = new Set(rules.flatMap(typesOf));
  const syscalls = new Set(rules.flatMap((rule) => named(rule.tests("SYSCALL"), auditSyscalls)));
  const keys = new Set(rules.flatMap((rule) => named(rule.tests("key"), auditKeys)));
  const calls = new Set<string>();
  const activities = new Set<string>();
  for (const row of auditRows.values()) {
    const names = [row.syscall, ...(row.others ?? [])];
    if (names.some((name) => syscalls.has(name)) || row.keys?.some((key) => keys.has(key)) === true)
      calls.add(row.activity);
    if (calls.has(row.activity) || (row.path !== undefined && types.has("PATH"))) activities.add(row.activity);
  }
  const reads = rules
    .filter((rule) => rule.isDiscovery && typesOf(rule).includes("PATH"))
    .flatMap((rule) => wantedReads(rule.tests("name")));
  return { types, activities, calls, reads: [...new Set(reads)] };
}
