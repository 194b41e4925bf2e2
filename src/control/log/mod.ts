/** The door of `control/log`: the operational log. Alerts do not pass here. */
export type { LogEntry, LogFields, LogLevel } from "./entry.ts";
export { entryLog, type Log, type LogOptions, openLog, type RootLog } from "./log.ts";
export { descriptorWriter, fileWriter, type LineWriter } from "./writer.ts";
