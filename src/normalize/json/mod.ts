/** Recorded JSON of every known shape to a NormalizedEvent. */
export { JsonNormalizer } from "./normalizer.ts";
export { type Fields, type Origin, own, RecordedEvent, valueText } from "./recorded-event.ts";
export { parseTime } from "./time.ts";
