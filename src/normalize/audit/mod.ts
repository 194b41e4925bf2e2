/** The door of `normalize/audit`: audit records made from events of sensors and logs, for rules written for auditd. */
export { AuditEvent, auditFields, auditTypes } from "./audit-event.ts";
export { AuditTrail, type AuditTrailStats } from "./audit-trail.ts";
export { type AuditDemand, type AuditRule, auditDemand, type FieldTests } from "./demand.ts";
export { auditOfLog, loggedAuditTypes } from "./from-log.ts";
