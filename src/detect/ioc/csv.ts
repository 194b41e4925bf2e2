// Indicators as CSV (RFC 4180) with a header line: a column with the value, and columns that say what it is, how bad, until when
// and who says so. Column names of the feeds that people have are understood.

import type { Level } from "../detector.ts";
import type { IndicatorBuilder } from "./builder.ts";
import { kindOfType, type ListDefaults, levelOf, noteOf } from "./feed.ts";
import type { FileReporter } from "./file-report.ts";
import { valueSizeMaxBytes } from "./limits.ts";
import type { Attributes } from "./model.ts";

/** What a column may be called, in lower case with blanks, `-` and `_` taken out. */
const columns: Readonly<Record<string, readonly string[]>> = {
  value: ["value", "indicator", "ioc", "iocvalue", "observable", "indicatorvalue"],
  type: ["type", "indicatortype", "ioctype", "kind"],
  level: ["severity", "level", "threatlevel", "priority"],
  expires: ["expires", "expiry", "expiration", "validuntil", "expirationdate"],
  provider: ["source", "provider", "feed", "reporter", "author"],
  reference: ["reference", "references", "link", "url", "referencelink"],
  description: ["description", "comment", "note", "name", "title", "malware", "malwareprintable"],
  id: ["id", "uuid", "iocid"],
};

/** A field longer than this belongs to no list of indicators. */
const fieldLengthMax = 16 * valueSizeMaxBytes;

export function readCsv(
  text: string,
  defaults: ListDefaults,
  builder: IndicatorBuilder,
  report: FileReporter,
  nowMs: number,
): void {
  let header: Map<string, number> | undefined;
  for (const { fields, line } of csvRows(text, report)) {
    if (report.isFull) return;
    if (header === undefined) {
      header = headerOf(fields);
      if (header.has("value") && (header.has("type") || defaults.kind !== undefined)) continue;
      const missing = header.has("value") ? "type" : "value";
      report.report(
        line,
        1,
        "error",
        "no_header",
        `cannot tell which column is the ${missing}: the first line must name the columns`,
        "for example value,type,severity,expires,source,description",
      );
      return;
    }
    takeRow(header, fields, line, { defaults, builder, report, nowMs });
  }
}

interface Target {
  readonly defaults: ListDefaults;
  readonly builder: IndicatorBuilder;
  readonly report: FileReporter;
  readonly nowMs: number;
}

function takeRow(header: ReadonlyMap<string, number>, fields: readonly string[], line: number, target: Target): void {
  const { defaults, builder, report, nowMs } = target;
  const cell = (name: string): string => fields[header.get(name) ?? -1]?.trim() ?? "";
  const value = cell("value");
  if (value === "") return;
  const type = cell("type");
  const kind = type === "" ? defaults.kind : kindOfType(type, value);
  if (kind === undefined) {
    report.skipped++;
    report.report(line, 1, "warning", "unknown_type", `nothing looks for indicators of the type '${type}'`, "");
    return;
  }
  const expires = cell("expires");
  const expiresMs = expires === "" ? undefined : Date.parse(expires);
  if (Number.isNaN(expiresMs))
    report.report(line, 1, "warning", "bad_time", `cannot read '${expires}' as a time: it never expires`, "ISO 8601");
  else if (expiresMs !== undefined && expiresMs <= nowMs) {
    report.skipped++;
    return;
  }
  const stated = cell("level");
  const level: Level | undefined = stated === "" ? defaults.level : levelOf(stated);
  if (level === undefined)
    report.report(line, 1, "warning", "unknown_level", `unknown severity '${stated}'`, "low, medium, high or critical");
  const attributes: Attributes = {
    level: level ?? defaults.level,
    reference: cell("reference"),
    provider: cell("provider"),
    expiresMs: Number.isNaN(expiresMs) ? undefined : expiresMs,
    file: defaults.file,
  };
  const note = noteOf(cell("description"), cell("id"));
  const refusal = builder.add(kind, value, note, builder.attributes(attributes));
  if (refusal === undefined) report.taken++;
  else report.refuse(line, 1, value, refusal);
}

function headerOf(fields: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  const names = fields.map((field) =>
    field
      .trim()
      .toLowerCase()
      .replaceAll(/[\s_#-]/g, ""),
  );
  for (const [column, spellings] of Object.entries(columns)) {
    // The earlier spelling is the better one: a list with `value` and `url` has its indicators in `value`.
    const best = spellings.find((spelling) => names.includes(spelling));
    if (best !== undefined) found.set(column, names.indexOf(best));
  }
  return found;
}

/** Rows with the line they start on; empty lines and lines that start with `#` are left out. Linear in the text. */
export function* csvRows(
  text: string,
  report?: FileReporter,
): Generator<{ readonly fields: readonly string[]; readonly line: number }> {
  let at = text.startsWith("\ufeff") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const started = line;
    if (text[at] === "#") {
      const end = text.indexOf("\n", at);
      at = end === -1 ? text.length : end + 1;
      line++;
      continue;
    }
    const fields: string[] = [];
    let isEnd = false;
    while (!isEnd) {
      let field = "";
      if (text[at] === '"') {
        at++;
        while (at <= text.length) {
          let quote = text.indexOf('"', at);
          if (quote === -1) {
            report?.report(started, 1, "error", "open_quote", "a quoted field has no end", 'close it with "');
            quote = text.length;
          }
          field += text.slice(at, quote);
          at = quote + 1;
          if (text[at] !== '"') break;
          field += '"';
          at++;
        }
        for (let nl = field.indexOf("\n"); nl !== -1; nl = field.indexOf("\n", nl + 1)) line++;
      }
      const from = at;
      while (at < text.length && text[at] !== "," && text[at] !== "\n") at++;
      isEnd = text[at] !== ",";
      // The other half of a line end, where it is not in quotes.
      field += text.slice(from, isEnd && at > from && text[at - 1] === "\r" ? at - 1 : at);
      if (field.length > fieldLengthMax) {
        report?.report(started, 1, "warning", "too_long", "a field is longer than any indicator, and was cut", "");
        field = field.slice(0, fieldLengthMax);
      }
      fields.push(field);
      at++;
    }
    line++;
    if (fields.length > 1 || fields[0] !== "") yield { fields, line: started };
  }
}
