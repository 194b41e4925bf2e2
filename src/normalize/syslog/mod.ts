export { facilityNames, type LogLine, logLineLengthMax, parseLogLine, severityNames } from "./line.ts";
export { type JournalRecord, journalFields, type LogPlace, SyslogNormalizer } from "./normalizer.ts";
export { logServices } from "./services.ts";
export type { LogClock } from "./time.ts";
