/** The door of the room `normalize`: what sensors and recordings deliver, to a NormalizedEvent. */
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
export { type Fields, JsonNormalizer, type Origin, own, parseTime, RecordedEvent, valueText } from "./json/mod.ts";
export { Normalizer, type NormalizerOptions, type NormalizerStats } from "./normalizer.ts";
export { type NormalizeContext, ProcessEvent } from "./process-event.ts";
export { endFields, startFields } from "./process-fields.ts";
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
