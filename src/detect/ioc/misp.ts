// Indicators of MISP exports: a single event, a list of them, or the answer of a search. Attributes that are marked as not for
// detection (`to_ids`) are left out, as MISP means it.

import type { Level } from "../detector.ts";
import type { IndicatorBuilder } from "./builder.ts";
import { kindOfType, type ListDefaults, noteOf } from "./feed.ts";
import type { FileReporter } from "./file-report.ts";
import type { IndicatorKind } from "./model.ts";

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** MISP, threat levels: 1 high, 2 medium, 3 low, 4 undefined. */
const levels: Readonly<Record<string, Level>> = { "1": "high", "2": "medium", "3": "low" };

/** Events of one file; more is a database, not an export. */
const eventsMax = 100_000;

export function readMisp(
  document: unknown,
  defaults: ListDefaults,
  builder: IndicatorBuilder,
  report: FileReporter,
): void {
  const events = eventsOf(document);
  if (events.length === 0) report.report(0, 0, "error", "no_event", "not a MISP export: it has no `Event`", "");
  for (const event of events) {
    const number = builder.attributes({
      level: levels[String(event.threat_level_id)] ?? defaults.level,
      reference: "",
      provider: isObject(event.Orgc) ? text(event.Orgc.name) : "",
      expiresMs: undefined,
      file: defaults.file,
    });
    const about = text(event.info);
    const attributes = [
      ...list(event.Attribute),
      ...list(event.Object).flatMap((object) => (isObject(object) ? list(object.Attribute) : [])),
    ];
    for (const attribute of attributes) {
      if (report.isFull) return;
      if (isObject(attribute)) takeAttribute(attribute, about, number, builder, report);
    }
  }
}

function eventsOf(document: unknown): Fields[] {
  const found: Fields[] = [];
  const take = (value: unknown): void => {
    if (!isObject(value) || found.length >= eventsMax) return;
    if (isObject(value.Event)) found.push(value.Event);
    for (const one of list(value.response)) take(one);
  };
  if (Array.isArray(document)) for (const one of document) take(one);
  else take(document);
  return found;
}

function takeAttribute(
  attribute: Fields,
  about: string,
  number: number,
  builder: IndicatorBuilder,
  report: FileReporter,
): void {
  const type = text(attribute.type);
  const value = text(attribute.value);
  const found = attribute.to_ids === false || attribute.deleted === true ? [] : observablesOf(type, value);
  if (found.length === 0) report.skipped++;
  const comment = text(attribute.comment);
  const note = noteOf(comment === "" || about === "" ? about + comment : `${about}: ${comment}`, text(attribute.uuid));
  for (const one of found) {
    const refusal = builder.add(one.kind, one.value, note, number);
    if (refusal === undefined) report.taken++;
    else report.refuse(0, 0, one.value, refusal);
  }
}

/** A composite such as `filename|sha256` or `domain|ip` holds its parts in the order of its name. */
function observablesOf(type: string, value: string): { kind: IndicatorKind; value: string }[] {
  if (type === "ip-dst|port" || type === "ip-src|port") {
    const [address = "", port = ""] = value.split("|");
    return [{ kind: "ip", value: address.includes(":") ? `[${address}]:${port}` : `${address}:${port}` }];
  }
  const values = type.includes("|") ? value.split("|") : [value];
  return type.split("|").flatMap((part, i) => {
    const kind = kindOfType(part, values[i] ?? "");
    // A `path` of MISP is a name, not an expression.
    return kind === undefined || kind === "path" || values[i] === undefined ? [] : [{ kind, value: values[i] }];
  });
}
