/** The door of `normalize/syslog`: lines of log files and records of the journal as events. */
export { facilityNames, type LogLine, logLineLengthMax, parseLogLine, severityNames } from "./line.ts";
export { type JournalRecord, journalFields, type LogPlace, SyslogNormalizer } from "./normalizer.ts";
export { logServices } from "./services.ts";
export type { LogClock } from "./time.ts";
