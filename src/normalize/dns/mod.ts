/** DNS messages from their bytes. */
export { type DnsEdns, type DnsMessage, type DnsQuestion, type DnsRecord, parseDns } from "./message.ts";
export { queryResults, queryResultsLengthMax } from "./query-results.ts";
export { ipv4Text, ipv6Text } from "./record-data.ts";
export { DnsStreams, type DnsStreamsOptions, type DnsStreamsStats } from "./stream.ts";
export { queryStatus, recordClassName, recordType, recordTypeName, responseCodeName } from "./types.ts";
