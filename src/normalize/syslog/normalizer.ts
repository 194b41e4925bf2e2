// Log lines and journal records to events: product linux, the service by program, facility or file, the message whole for keywords,
// and the fields that rules name. Used live and by replay; the events own their fields.

import type { FieldTable } from "../../event/mod.ts";
import { type Fields, own, RecordedEvent } from "../json/mod.ts";
import { facilityNames, logLineLengthMax, parseLogLine, severityNames } from "./line.ts";
import { addMessageFields } from "./message-fields.ts";
import { logSource } from "./services.ts";
import type { LogClock } from "./time.ts";

/** Where a line stands. */
export interface LogPlace extends LogClock {
  /** Path of the file: decides the service of lines that name no program. */
  readonly path: string;
}

/** One record of `journalctl --output=json`: values are texts, arrays of byte values (not UTF-8), or arrays of these. */
export type JournalRecord = Fields;

export class SyslogNormalizer {
  readonly #table: FieldTable;

  /** `table` is the one that the rules are compiled against. */
  constructor(table: FieldTable) {
    this.#table = table;
  }

  /**
   * The event of one line of a log file, without its line end; `undefined` for a line of nothing but spaces. Every other line is
   * an event, with a message at least. The time is undated when the line has none. Never throws; linear in the length.
   */
  line(text: string, place: LogPlace): RecordedEvent | undefined {
    if (text.trim() === "") return undefined;
    const parsed = parseLogLine(text, place);
    const { program, pid, host, facility, severity, message } = parsed;
    const fields: Fields = { message };
    put(fields, "program", program);
    put(fields, "pid", pid);
    put(fields, "hostname", host);
    put(fields, "facility", facility === undefined ? "" : facilityNames[facility]);
    put(fields, "severity", severity === undefined ? "" : severityNames[severity]);
    addMessageFields(fields, program, message);
    return new RecordedEvent(this.#table, fields, {
      source: logSource(program, facility, place.path),
      timeMs: parsed.timeMs,
      product: "linux",
      host,
      provider: "syslog",
      code: "",
      recordId: "",
      raw: fields,
    });
  }

  /** The event of a journal record; `undefined` when it has no message. Never throws; linear in the record. */
  journal(record: JournalRecord): RecordedEvent | undefined {
    const get = (name: string): string => journalText(own(record, name));
    const message = get("MESSAGE");
    if (message.trim() === "") return undefined;
    const program = get("SYSLOG_IDENTIFIER") || get("_COMM");
    const facility = number(get("SYSLOG_FACILITY"), facilityNames.length);
    const severity = number(get("PRIORITY"), severityNames.length);
    const fields: Fields = { message };
    put(fields, "program", program);
    // With the underscore the journal vouches for it; without, the writer says so.
    put(fields, "pid", get("_PID") || get("SYSLOG_PID"));
    put(fields, "uid", get("_UID"));
    put(fields, "exe", get("_EXE"));
    put(fields, "hostname", get("_HOSTNAME"));
    put(fields, "facility", facility === undefined ? "" : facilityNames[facility]);
    put(fields, "severity", severity === undefined ? "" : severityNames[severity]);
    put(fields, "transport", get("_TRANSPORT"));
    addMessageFields(fields, program, message);
    put(fields, "unit", get("UNIT") || get("_SYSTEMD_UNIT"));
    put(fields, "message_id", get("MESSAGE_ID"));
    return new RecordedEvent(this.#table, fields, {
      source: logSource(program, facility, ""),
      timeMs: microseconds(get("_SOURCE_REALTIME_TIMESTAMP")) ?? microseconds(get("__REALTIME_TIMESTAMP")),
      product: "linux",
      host: get("_HOSTNAME"),
      provider: "journald",
      code: "",
      recordId: "",
      raw: fields,
    });
  }
}

/** Fields that the journal is asked for: all that {@link SyslogNormalizer.journal} reads. */
export const journalFields: readonly string[] = [
  "MESSAGE",
  "MESSAGE_ID",
  "PRIORITY",
  "SYSLOG_FACILITY",
  "SYSLOG_IDENTIFIER",
  "SYSLOG_PID",
  "UNIT",
  "_COMM",
  "_EXE",
  "_HOSTNAME",
  "_PID",
  "_SOURCE_REALTIME_TIMESTAMP",
  "_SYSTEMD_UNIT",
  "_TRANSPORT",
  "_UID",
];

function put(fields: Fields, name: string, value: string | undefined): void {
  if (value !== undefined && value !== "") fields[name] = value;
}

/** A value of a journal record as text: several values of one name are lines, bytes are read as UTF-8. */
function journalText(value: unknown): string {
  if (typeof value === "string") return value.slice(0, logLineLengthMax);
  if (!Array.isArray(value)) return "";
  if (typeof value[0] === "number")
    return Buffer.from(value.slice(0, logLineLengthMax).map((byte) => Number(byte) & 255)).toString();
  // One level: a list of lists of lists is nothing that the journal writes.
  const isFlat = (one: unknown): boolean =>
    typeof one === "string" || (Array.isArray(one) && typeof one[0] === "number");
  const texts = value.slice(0, 16).filter(isFlat).map(journalText);
  return texts.join("\n").slice(0, logLineLengthMax);
}

function number(text: string, below: number): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) < below ? Number(text) : undefined;
}

function microseconds(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) / 1000 : undefined;
}
