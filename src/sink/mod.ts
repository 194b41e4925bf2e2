/** The door of the room `sink`: bounded writers that bring documents to stdout and to files. */
export type { OutputNotice, OutputOptions, OutputStats } from "./output.ts";
export { AlertSink, type AlertSinkOptions } from "./sink.ts";
export { SinkError } from "./target.ts";
