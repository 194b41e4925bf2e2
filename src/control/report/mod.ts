/** The door of `control/report`: the report of a replay that a person reads, one HTML file. */
export { ReportCollector, type ReportFacts } from "./collector.ts";
export type { ReportData, ReportInput } from "./data.ts";
export { reportHtml } from "./html.ts";
export { writeReport } from "./write.ts";
