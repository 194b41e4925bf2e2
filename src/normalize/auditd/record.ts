// One line of the audit log to its fields (auditd.conf(5), audit-userspace's specification of records, kernel/audit.c): values in quotes, in
// hexadecimal where they hold what quotes could not, a text of user space in apostrophes with fields of its own, and behind a group
// separator what auditd added when its log format is ENRICHED.

import type { Fields } from "../json/mod.ts";
import { recordType, syscallName } from "./names.ts";
import { decodeSockaddr } from "./sockaddr.ts";

export interface AuditRecord {
  /** `SYSCALL`, `EXECVE`, `USER_LOGIN` … */
  readonly type: string;
  readonly timeMs: number;
  /** Records of one event have the same number and time. */
  readonly serial: string;
  /** The host that the record is from; empty when it does not say. */
  readonly node: string;
  /** `type` and the fields, under their own names. Belongs to the receiver. */
  readonly fields: Fields;
}

/** Bytes of a line. The kernel's records have at most 8970, auditd adds the names of users and the like. */
export const auditLineMaxLength = 65_536;

const groupSeparator = 0x1d;
const space = 32;
const quote = 34;
const apostrophe = 39;
const equals = 61;
const openBrace = 123;

/** `type=SYSCALL msg=audit(1604996384.965:93777):`, behind the header of a syslog line where audispd or the kernel wrote to that. */
const start = /^(?:node=(\S{1,255}) )?type=([A-Z0-9_[\]]{1,48}) (?:msg=)?audit\((\d{1,11})\.(\d{3}):(\d{1,20})\): ?/;
/** What stands before it in a syslog file. */
const header = /^[^=]{1,256}? (?=node=|type=)/;

/** Fields whose values are in hexadecimal unless they are in quotes (audit-userspace, `typetab.h`: what is escaped). */
const escaped: ReadonlySet<string> = new Set(
  (
    "acct cmd comm cwd data device dir exe file grp invalid_context key name ocomm old_name new_name path proctitle " +
    "root_dir sw vm watch"
  ).split(" "),
);
/** Arguments of EXECVE, whole and in pieces. */
export const argument = /^a(\d{1,6})(?:\[(\d{1,6})\])?$/;

const hexadecimal = /^(?:[0-9A-F]{2})+$/;

/**
 * Takes a line apart, without its end. A text says why it is no record; `undefined` is a line that means nothing (blank, or what ausearch
 * writes between events). Never throws; linear in the length.
 */
export function parseAuditLine(line: string): AuditRecord | string | undefined {
  if (line.length > auditLineMaxLength) return `the line is longer than ${auditLineMaxLength} characters`;
  const found = start.exec(line) ?? start.exec(line.replace(header, ""));
  if (found === null) {
    if (line === "----" || line.startsWith("time->") || line.trim() === "") return undefined;
    return "this is not the beginning of an audit record";
  }
  const [head, node = "", name = "", seconds = "", millis = "", serial = ""] = found;
  const body = found.input;
  const type = recordType(name);
  const fields: Fields = { type };
  new Body(body, type, fields).read(head.length);
  derive(fields);
  return { type, timeMs: Number(seconds) * 1000 + Number(millis), serial, node, fields };
}

/** Reads `key=value` pairs into fields. */
class Body {
  readonly #line: string;
  readonly #type: string;
  readonly #fields: Fields;
  /** The field that a word without a key belongs to: values without quotes may have blanks (`op=adding user`). */
  #open: string | undefined;
  #text = "";

  constructor(line: string, type: string, fields: Fields) {
    this.#line = line;
    this.#type = type;
    this.#fields = fields;
  }

  read(from: number): void {
    this.#pairs(from, this.#line.length);
    if (this.#text !== "") this.#set("text", this.#text);
  }

  #pairs(from: number, end: number): void {
    const line = this.#line;
    for (let at = from; at < end; ) {
      const code = line.charCodeAt(at);
      if (code === space || code === groupSeparator) {
        if (code === groupSeparator) this.#open = undefined;
        at++;
        continue;
      }
      let stop = at;
      while (stop < end) {
        const each = line.charCodeAt(stop);
        if (each === equals || each === space || each === groupSeparator) break;
        stop++;
      }
      if (line.charCodeAt(stop) !== equals || stop >= end || stop === at) {
        const next = stop === at ? stop + 1 : stop;
        this.#word(line.slice(at, next));
        at = next;
        continue;
      }
      at = this.#value(line.slice(at, stop), stop + 1, end);
    }
  }

  /** Reads the value that begins at `from`; the place behind it. */
  #value(key: string, start: number, end: number): number {
    const line = this.#line;
    // `subj==unconfined`: the label begins with the sign.
    const from = line.charCodeAt(start) === equals ? start + 1 : start;
    this.#open = undefined;
    switch (from < end ? line.charCodeAt(from) : space) {
      case quote: {
        const close = line.indexOf('"', from + 1);
        const to = close === -1 || close > end ? end : close;
        this.#set(key, line.slice(from + 1, to));
        return to + 1;
      }
      case apostrophe: {
        // Names in it are not escaped for apostrophes: it ends with the last one.
        const separator = line.indexOf("\x1d", from);
        const limit = separator === -1 || separator > end ? end : separator;
        const close = line.lastIndexOf("'", limit - 1);
        const to = close > from ? close : limit;
        this.#pairs(from + 1, to);
        this.#open = undefined;
        return to + 1;
      }
      case openBrace: {
        const close = line.indexOf("}", from);
        const to = close === -1 || close > end ? end : close;
        this.#set(key, line.slice(from + 1, to).trim());
        return to + 1;
      }
      default: {
        let to = from;
        while (to < end && line.charCodeAt(to) !== space && line.charCodeAt(to) !== groupSeparator) to++;
        const value = line.slice(from, to);
        if (value === "(null)") this.#set(key, null);
        else if (hexadecimal.test(value) && this.#isEscaped(key)) this.#set(key, this.#decode(key, value));
        else {
          this.#set(key, value);
          this.#open = key;
        }
        return to;
      }
    }
  }

  #isEscaped(key: string): boolean {
    return escaped.has(key) || (this.#type === "EXECVE" && argument.test(key));
  }

  /** Pieces of an argument stay as they are: a character may be cut in two. */
  #decode(key: string, value: string): Fields[string] {
    if (key.endsWith("]")) return `\0${value}`;
    const bytes = Buffer.from(value, "hex");
    if (key === "proctitle") return bytes.toString("utf8").replace(/\0+$/, "").replaceAll("\0", " ");
    const text = bytes.toString("utf8");
    // Several rules matched: their keys stand in one field.
    return key === "key" && text.includes("\x01") ? text.split("\x01") : text;
  }

  #word(word: string): void {
    const key = this.#open;
    const before = key === undefined ? undefined : this.#fields[key];
    if (key !== undefined && typeof before === "string") this.#fields[key] = `${before} ${word}`;
    else this.#text = this.#text === "" ? word : `${this.#text} ${word}`;
  }

  /** The first of a name stands: the outer fields of a record are the kernel's word. */
  #set(key: string, value: Fields[string]): void {
    const fields = this.#fields;
    // An inherited name is no field yet.
    if (fields[key] !== undefined && (key === "__proto__" || Object.hasOwn(fields, key))) return;
    fields[key] = value;
  }
}

const denial = /^avc: (denied|granted) \{ ([^}]*) \}/;

/** Adds what the record says in numbers: the name of the system call, the address of a socket, the verdict of an access check. */
function derive(fields: Fields): void {
  const { arch, syscall, saddr, text } = fields;
  if (typeof arch === "string" && typeof syscall === "string") {
    const name = syscallName(arch, syscall);
    if (name !== undefined) fields.SYSCALL = name;
  }
  if (typeof saddr === "string") for (const [name, value] of decodeSockaddr(saddr)) fields[name] ??= value;
  if (typeof text !== "string") return;
  const verdict = denial.exec(text);
  if (verdict === null) return;
  fields.seresult ??= verdict[1];
  fields.seperms ??= verdict[2];
}
