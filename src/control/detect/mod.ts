/** The door of `control/detect`: what runs in the detect worker, and the messages it exchanges with the main thread. */
export { auditNeeds } from "./audit-rules.ts";
export { EarlyRecords, type LiveContext, RecordDecoder } from "./decoder.ts";
export { runDetectLoop } from "./loop.ts";
export {
  type AlertMessage,
  alertMessageKind,
  type DetectReport,
  type FromDetect,
  type RulesMessage,
  type StartMessage,
  type TamperMessage,
  type ToDetect,
} from "./protocol.ts";
export { StormWatch } from "./storm.ts";
