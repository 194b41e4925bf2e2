/** The door of the room `event`: what an event is, and what its fields are called. Knows no other room. */
export { type ActivityKind, activityByKind, activityKinds } from "./activity-kinds.ts";
export { ActivityRecord } from "./activity-record.ts";
export { type ActivityParts, writeActivityRecord } from "./activity-writer.ts";
export { type AuditRow, auditKeys, auditRows, auditSyscalls } from "./audit-table.ts";
export {
  type Catalogue,
  type CatalogueOptions,
  categorySource,
  channelSource,
  createCatalogue,
  findSource,
  liveSources,
  type Platform,
  replayCatalogue,
  type SourceRow,
  sourceId,
  sourceRow,
  sysmonSource,
} from "./catalogue.ts";
export { type EventKind, eventKinds, type NormalizedEvent } from "./event.ts";
export { type FieldObject, FieldTable, type FieldValue, type Slot } from "./fields.ts";
export { type ProcessIdentity, processIdentity } from "./identity.ts";
export {
  abiDigest,
  abiVersion,
  actorFlag,
  actorLayout,
  credentialsLayout,
  dnsKind,
  dnsSection,
  exeFlag,
  exitLayout,
  fdKind,
  fileFlag,
  fileKind,
  fileLayout,
  fileSection,
  forkLayout,
  headerLayout,
  kind as recordKind,
  networkConfigLayout,
  networkFlag,
  networkKind,
  networkLayout,
  operationKind,
  operationLayout,
  operationMark,
  operationSection,
  processLayout,
  recordFlag,
  sectionFlag,
} from "./layout.gen.ts";
export { fieldsPage, type LiveField, liveFields, liveValues } from "./live-fields.ts";
export { coarseStartNs, ProcessRecord, type ProcessSection } from "./process-record.ts";
export { type ProcessFields, type ProcessRecordParts, writeProcessRecord } from "./record-writer.ts";
export type { LogSource, Route, SourceId } from "./source.ts";
