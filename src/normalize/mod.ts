/** The door of the room `normalize`: what sensors and recordings deliver, to a NormalizedEvent. */
export { type Fields, JsonNormalizer, type Origin, own, parseTime, RecordedEvent, valueText } from "./json/mod.ts";
