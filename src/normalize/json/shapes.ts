// The shapes that recorded events come in as JSON, each made flat: fields by Sysmon-style name, and what the envelope says
// about where the event is from. Flat records are used as they are, without a copy.

import { addEcs, at, ecsProduct } from "./ecs.ts";
import { type Fields, own } from "./recorded-event.ts";

/** A record made flat; envelope facts are empty when the record does not have them. */
export interface Flat {
  readonly shape: "flat" | "evtx" | "winlogbeat" | "ecs" | "sigil";
  readonly fields: Fields;
  readonly raw: Fields;
  readonly channel: string;
  readonly provider: string;
  /** NaN when there is none or it is not a number. */
  readonly eventId: number;
  readonly host: string;
  readonly recordId: string;
  readonly product: string;
  /** Candidates for the event's time, best first. */
  readonly times: readonly unknown[];
}

export const object = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

const text = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : "";

/** Envelopes that exports put around a record: Elasticsearch's `_source`, Splunk's `result`. */
const envelopes = ["_source", "result"] as const;

/** Makes a record flat. O(fields). The record is the result's to keep and to change. */
export function flatten(record: Fields, enveloped = true): Flat {
  const event = object(own(record, "Event"));
  if (event !== undefined && object(own(event, "System")) !== undefined) return fromEvtx(event, record);
  if (hasFlatId(record)) return fromFlat(record);
  if (enveloped) {
    for (const name of envelopes) {
      const inner = object(own(record, name));
      if (inner !== undefined) return flatten(inner, false);
    }
  }
  const sigil = object(own(record, "sigil"));
  const seen = sigil === undefined ? undefined : object(own(sigil, "event"));
  if (seen !== undefined) return fromSigil(record, seen);
  if (object(own(record, "winlog")) !== undefined) return fromWinlogbeat(record);
  if (object(own(record, "System")) !== undefined) return fromEvtx(record, record);
  const nested = undot(record);
  if (nested !== undefined)
    return object(own(nested, "winlog")) === undefined ? fromEcs(nested, record) : fromWinlogbeat(nested);
  if (isEcs(record)) return fromEcs(record, record);
  return fromFlat(record);
}

const hasFlatId = (record: Fields): boolean => {
  const id = own(record, "EventID") ?? own(record, "EventId") ?? own(record, "EventCode");
  return typeof id === "number" || typeof id === "string";
};

const isEcs = (record: Fields): boolean =>
  object(own(record, "event")) !== undefined ||
  object(own(record, "process")) !== undefined ||
  object(own(record, "ecs")) !== undefined;

function fromFlat(record: Fields): Flat {
  const id = own(record, "EventID") ?? own(record, "EventId") ?? own(record, "EventCode");
  if (id !== undefined && own(record, "EventID") === undefined) record.EventID = id;
  const channel = text(own(record, "Channel") ?? own(record, "LogName"));
  const provider = text(
    own(record, "Provider_Name") ?? own(record, "SourceName") ?? own(record, "ProviderName") ?? own(record, "Provider"),
  );
  if (provider !== "" && own(record, "Provider_Name") === undefined) record.Provider_Name = provider;
  const host = own(record, "Computer") ?? own(record, "Hostname") ?? own(record, "ComputerName") ?? own(record, "host");
  return {
    shape: "flat",
    fields: channel.startsWith("Microsoft-Windows-Windows Defender") ? squeeze(record) : record,
    raw: record,
    channel,
    provider,
    eventId: number(id),
    host: text(host) || text(at(record, "host", "name")),
    recordId: text(own(record, "EventRecordID") ?? own(record, "RecordNumber") ?? own(record, "RecordID")),
    product: "",
    times: [
      own(record, "UtcTime"),
      own(record, "SystemTime"),
      own(record, "TimeCreated"),
      own(record, "@timestamp"),
      own(record, "EventTime"),
      own(record, "timestamp"),
      own(record, "Timestamp"),
      own(record, "time"),
      own(record, "ts"),
      own(record, "_time"),
      own(record, "eventTime"),
    ],
  };
}

/** `Threat Name` is `ThreatName` to rules. */
function squeeze(record: Fields): Fields {
  const out: Fields = {};
  for (const name in record) out[name.includes(" ") ? name.replaceAll(" ", "") : name] = record[name];
  return out;
}

// ---------------------------------------------------------------------------------------------------------- event log XML

/** The attribute of an element, as the usual converters of event log XML to JSON write it. */
function attribute(parent: Fields, element: string, name: string): Fields[string] {
  const inner = object(own(parent, element));
  if (inner !== undefined) {
    const attributes = object(own(inner, "#attributes"));
    const value = attributes === undefined ? (own(inner, `@${name}`) ?? own(inner, name)) : own(attributes, name);
    if (value !== undefined) return value;
  }
  const apart = object(own(parent, `${element}_attributes`));
  return apart === undefined ? undefined : own(apart, name);
}

/** An element's value without its attributes. */
function content(value: Fields[string]): Fields[string] {
  const inner = object(value);
  if (inner === undefined) return value;
  if ("#text" in inner) return own(inner, "#text");
  return "#attributes" in inner && Object.keys(inner).length === 1 ? null : value;
}

/** System elements that rules name as fields. */
const systemFields = [
  "Channel",
  "Computer",
  "EventRecordID",
  "Level",
  "Task",
  "Opcode",
  "Keywords",
  "Version",
] as const;

function fromEvtx(event: Fields, raw: Fields): Flat {
  const system = object(own(event, "System")) ?? {};
  const fields: Fields = {};
  const provider = text(attribute(system, "Provider", "Name"));
  const id = content(own(system, "EventID"));
  for (const name of systemFields) {
    const value = content(own(system, name));
    if (value !== undefined) fields[name] = value;
  }
  if (id !== undefined) fields.EventID = id;
  if (provider !== "") fields.Provider_Name = provider;
  // Before the event's own data, which may have the same names: a cleared log's record tells the channel that was cleared.
  const channel = text(fields.Channel);
  const host = text(fields.Computer);
  const recordId = text(fields.EventRecordID);
  const userId = attribute(system, "Security", "UserID");
  if (userId !== undefined && userId !== null) fields.UserID = userId;
  const data = object(own(event, "EventData"));
  if (data !== undefined) addData(data, fields);
  const user = object(own(event, "UserData"));
  if (user !== undefined) addUserData(user, fields, 0);
  return {
    shape: "evtx",
    fields,
    raw,
    channel,
    provider,
    eventId: number(id),
    host,
    recordId,
    product: "",
    times: [
      own(fields, "UtcTime"),
      attribute(system, "TimeCreated", "SystemTime"),
      content(own(system, "TimeCreated")),
    ],
  };
}

const isMeta = (name: string): boolean => name === "#attributes" || name.startsWith("@") || name === "xmlns";
const fieldName = (name: string): string => (name.includes(" ") ? name.replaceAll(" ", "") : name);

function addData(data: Fields, fields: Fields): void {
  for (const name in data) {
    if (isMeta(name) || name === "EventData_attributes") continue;
    const value = data[name];
    if (name === "Data" && typeof value === "object" && value !== null)
      addDataElements(value as Fields | readonly Fields[string][], fields);
    else fields[fieldName(name)] = content(value);
  }
}

/** `Data` elements: named ones are fields, unnamed ones are the values of the field `Data`. */
function addDataElements(value: Fields | readonly Fields[string][], fields: Fields): void {
  const elements: readonly Fields[string][] = Array.isArray(value) ? value : [value as Fields];
  const unnamed: Fields[string][] = [];
  const named = new Map<string, number>();
  for (const element of elements) {
    const inner = object(element);
    const attributes = inner === undefined ? undefined : (object(own(inner, "#attributes")) ?? inner);
    const name = attributes === undefined ? undefined : (own(attributes, "Name") ?? own(attributes, "@Name"));
    if (inner !== undefined && typeof name === "string") {
      fields[freeName(fieldName(name), named)] = own(inner, "#text") ?? own(inner, "$text") ?? null;
      continue;
    }
    const plain = content(element);
    if (Array.isArray(plain)) for (const item of plain) unnamed.push(item);
    else unnamed.push(plain);
  }
  if (unnamed.length === 1) fields.Data = unnamed[0];
  else if (unnamed.length > 1) fields.Data = unnamed;
}

/**
 * `name`, or with a number when an element had that name already, as the reader of event logs numbers them: nothing that was logged is
 * hidden by its like. `named` has the names so far with the last number tried. O(1) amortized.
 */
function freeName(name: string, named: Map<string, number>): string {
  let last = named.get(name);
  if (last === undefined) {
    named.set(name, 0);
    return name;
  }
  for (;;) {
    const free = `${name}_${++last}`;
    if (named.has(free)) continue;
    named.set(name, last).set(free, 0);
    return free;
  }
}

/** UserData has one element of the provider's own; its leaves are the fields. */
function addUserData(element: Fields, fields: Fields, depth: number): void {
  for (const name in element) {
    if (isMeta(name)) continue;
    const value = element[name];
    const inner = object(value);
    if (inner !== undefined && !("#text" in inner) && depth < 4) addUserData(inner, fields, depth + 1);
    else fields[fieldName(name)] = content(value);
  }
}

// --------------------------------------------------------------------------------------------------------- Elastic's shapes

function fromWinlogbeat(record: Fields): Flat {
  const winlog = object(own(record, "winlog")) ?? {};
  const fields: Fields = {};
  const data = object(own(winlog, "event_data"));
  if (data !== undefined) addData(data, fields);
  const user = object(own(winlog, "user_data"));
  if (user !== undefined) addUserData(user, fields, 0);
  const numbered: Fields[string][] = [];
  for (let i = 1; i <= 32; i++) {
    const value = own(fields, `param${i}`);
    if (value === undefined) break;
    numbered.push(value);
  }
  if (numbered.length > 0 && own(fields, "Data") === undefined) fields.Data = numbered;
  const id = own(winlog, "event_id") ?? at(record, "event", "code");
  const channel = text(own(winlog, "channel"));
  const provider = text(own(winlog, "provider_name") ?? at(record, "event", "provider"));
  const host = text(own(winlog, "computer_name")) || text(at(record, "host", "name"));
  set(fields, "EventID", id);
  set(fields, "Channel", channel);
  set(fields, "Provider_Name", provider);
  set(fields, "Computer", host);
  set(fields, "EventRecordID", own(winlog, "record_id"));
  set(fields, "Level", at(record, "log", "level"));
  set(fields, "Keywords", own(winlog, "keywords"));
  set(fields, "Task", own(winlog, "task"));
  set(fields, "Message", own(record, "message"));
  addEcs(record, fields);
  return {
    shape: "winlogbeat",
    fields,
    raw: record,
    channel,
    provider,
    eventId: number(id),
    host,
    recordId: text(own(winlog, "record_id")),
    product: channel.startsWith("Linux-") ? "linux" : "windows",
    times: [own(fields, "UtcTime"), own(record, "@timestamp"), own(winlog, "time_created")],
  };
}

function fromEcs(record: Fields, raw: Fields): Flat {
  const fields: Fields = {};
  const id = at(record, "event", "code");
  set(fields, "EventID", id);
  set(fields, "Message", own(record, "message"));
  const audit = object(at(record, "auditd", "data"));
  if (audit !== undefined) for (const name in audit) fields[name] = audit[name];
  addEcs(record, fields);
  addLeaves(record, "", fields, { left: leavesMax }, 0);
  return {
    shape: "ecs",
    fields,
    raw: raw === record ? record : { ...raw, ...record },
    channel: "",
    provider: text(at(record, "event", "provider")) || text(at(record, "event", "module")),
    eventId: number(id),
    host: text(at(record, "host", "name")) || text(at(record, "host", "hostname")),
    recordId: "",
    product: ecsProduct(record),
    times: [own(record, "@timestamp"), at(record, "event", "start"), at(record, "event", "created")],
  };
}

const leavesMax = 1024;

/** The leaves of a nested record under their dotted names: rules may be written in ECS, and keywords search them. */
function addLeaves(from: Fields, prefix: string, fields: Fields, budget: { left: number }, depth: number): void {
  for (const name in from) {
    const value = from[name];
    const inner = object(value);
    if (inner !== undefined && depth < depthMax) addLeaves(inner, `${prefix}${name}.`, fields, budget, depth + 1);
    else if (--budget.left >= 0) set(fields, prefix + name, value);
  }
}

function fromSigil(record: Fields, seen: Fields): Flat {
  const id = own(seen, "EventID") ?? at(record, "event", "code");
  const fields: Fields = { ...seen };
  set(fields, "EventID", id);
  return {
    shape: "sigil",
    fields,
    raw: record,
    channel: text(own(seen, "Channel")),
    provider: text(own(seen, "Provider_Name") ?? at(record, "event", "provider")),
    eventId: number(id),
    host: text(at(record, "host", "name")),
    recordId: text(at(record, "winlog", "record_id")),
    product: ecsProduct(record),
    times: [own(seen, "UtcTime"), own(record, "@timestamp")],
  };
}

function set(fields: Fields, name: string, value: Fields[string]): void {
  if (value !== undefined && value !== "" && own(fields, name) === undefined) fields[name] = value;
}

function number(id: unknown): number {
  if (typeof id === "number") return id;
  return typeof id === "string" && /^\d{1,6}$/.test(id) ? Number(id) : Number.NaN;
}

/** Roots of dotted keys that exports write instead of nesting; others (`host.name` of a flat log) are left alone. */
const dotted = /^(?:winlog|event|process|file|registry|dns|network|source|destination|host|user|dll)\./;
const keysMax = 4096;
const depthMax = 16;

/** The record with its dotted keys nested, or `undefined` when it has none of ECS. */
function undot(record: Fields): Fields | undefined {
  let found = false;
  for (const name in record) {
    if (!dotted.test(name)) continue;
    found = true;
    break;
  }
  if (!found) return undefined;
  const out: Fields = {};
  let keys = 0;
  for (const name in record) {
    if (++keys > keysMax) break;
    const parts = dotted.test(name) ? name.split(".", depthMax) : [name];
    let here = out;
    for (const part of parts.slice(0, -1)) {
      const next: Fields = { ...(object(own(here, part)) ?? {}) };
      define(here, part, next);
      here = next;
    }
    define(here, parts.at(-1) ?? name, record[name]);
  }
  return out;
}

/** `here[name] = value`, also when the name is `__proto__`. */
function define(here: Fields, name: string, value: Fields[string]): void {
  if (name === "__proto__") return;
  here[name] = value;
}
