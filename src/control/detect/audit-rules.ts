// From loaded rules to the audit records that they need.

import { type RuleIr, satisfier } from "../../detect/sigma/mod.ts";
import { type LogSource, type Route, sourceId } from "../../event/mod.ts";
import { type AuditDemand, auditDemand } from "../../normalize/mod.ts";

const auditd = sourceId("linux/auditd");

/** What the rules for auditd ask for; `undefined` when there are none. Linear in rules. */
export function auditNeeds(rules: readonly RuleIr[], route: (logsource: LogSource) => Route): AuditDemand | undefined {
  const own = rules.filter((rule) => {
    const found = route(rule.logsource);
    return "sources" in found && found.sources.includes(auditd);
  });
  if (own.length === 0) return undefined;
  const asked = own.map(({ predicates, tags }) => ({
    fields: predicates.flatMap(({ field, test }) => (field === null || test.op === "null" ? [] : [field])),
    hasKeywords: predicates.some(({ field }) => field === null),
    isDiscovery: tags.includes("attack.discovery"),
    tests: (field: string) => predicates.filter((predicate) => predicate.field === field).map(satisfier),
  }));
  return auditDemand(asked);
}
