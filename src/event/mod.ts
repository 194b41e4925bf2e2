/** The door of the room `event`: what an event is, and what its fields are called. Knows no other room. */
export { type EventKind, eventKinds, type NormalizedEvent } from "./event.ts";
export { type FieldObject, FieldTable, type FieldValue, type Slot } from "./fields.ts";
export type { LogSource, Route, SourceId } from "./source.ts";
