/** The door of the room `normalize`: what sensors and recordings deliver, to a NormalizedEvent. */

export { ActivityEvent, type ActivityFamily, actorFields } from "./activity-event.ts";
export {
  type AuditDemand,
  AuditEvent,
  type AuditRule,
  AuditTrail,
  auditDemand,
  auditTypes,
  type FieldTests,
  loggedAuditTypes,
} from "./audit/mod.ts";
export { AuditNormalizer, type AuditProcess, auditLineMaxLength } from "./auditd/mod.ts";
export { capabilityNames } from "./capabilities.ts";
export {
  type EvtxDamage,
  EvtxError,
  EvtxReader,
  type EvtxRecord,
  type EvtxStats,
  type EvtxValue,
  evtxMagic,
} from "./evtx/mod.ts";
export { families } from "./families.ts";
export { type Fields, JsonNormalizer, type Origin, own, parseTime, RecordedEvent, valueText } from "./json/mod.ts";
export { type EventDetails, LiveEvent, type NormalizeContext } from "./live-event.ts";
export {
  NetworkMemory,
  type NetworkMemoryOptions,
  type NetworkReport,
  networkMemoryDefaults,
} from "./network/memory.ts";
export { type AnyLiveEvent, Normalizer, type NormalizerOptions, type NormalizerStats } from "./normalizer.ts";
export { ProcessEvent } from "./process-event.ts";
export { endFields, startFields } from "./process-fields.ts";
export { defaultSensitiveFiles, SensitiveFiles } from "./sensitive-files.ts";
export { decodeExit, type ExitStatus } from "./signals.ts";
export {
  type JournalRecord,
  journalFields,
  type LogClock,
  type LogPlace,
  logLineLengthMax,
  logServices,
  SyslogNormalizer,
} from "./syslog/mod.ts";
