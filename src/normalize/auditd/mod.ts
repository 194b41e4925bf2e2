// The door of the audit log's folder: lines to events.
export { AuditNormalizer, type AuditOptions, type AuditProcess } from "./normalizer.ts";
export { auditLineMaxLength, parseAuditLine } from "./record.ts";
