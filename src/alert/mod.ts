/** The door of the room `alert`: from a hit to the line that leaves. Knows events and detectors; writes nothing anywhere. */
export { type Threat, threatOf } from "./attack.ts";
export { type Tactic, tactics, techniques } from "./attack-names.ts";
export { type CompactOptions, useColor } from "./compact.ts";
export {
  AlertEncoder,
  type AlertEncoderOptions,
  type EventInput,
  ecsVersion,
  type OutputRecord,
  type StateInput,
} from "./encoder.ts";
export { lineSizeMaxBytes } from "./limits.ts";
export {
  auditEventContext,
  type LiveContextSources,
  liveEventContext,
  liveProcessContext,
  processContext,
} from "./live-context.ts";
export type {
  AgentContext,
  AlertInput,
  ContainerContext,
  EventContext,
  FileContext,
  HostContext,
  ProcessContext,
  ReplayContext,
  UserContext,
} from "./model.ts";
export { reachesLevel, type Severity, severities } from "./severity.ts";
