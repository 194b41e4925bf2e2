// What an input is, by its first bytes: which of the readers gets it, or the name of what Sigil cannot read yet.

import { evtxMagic } from "../../normalize/mod.ts";
import { captureMagic } from "../capture/mod.ts";

export type Format = "auditd" | "syslog" | "ndjson" | "json" | "evtx" | "capture";
export type Detected = { readonly format: Format; readonly isGuess?: true } | { readonly unsupported: string };

const starts = (bytes: Buffer, magic: string): boolean => bytes.subarray(0, magic.length).toString("latin1") === magic;

/** What audispd, auditd or ausearch wrote, which may put a line between events. */
const auditd = /^(?:(?:----|time->[^\n]*)\r?\n)*(?:node=\S+ )?type=[A-Z0-9_[\]]+ msg=audit\(/;
/** A time as log files have it, and what may stand before it (RFC 3164, RFC 5424, ctime(3)). */
const syslog =
  /^(?:<\d{1,3}>(?:1 )?)?(?:(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)? )/;
/** A text that begins with a damaged line: it may be anything. */
const guess: Detected = { format: "ndjson", isGuess: true };

/** Decides by `head`, the first bytes of the input after decompression and in UTF-8. */
export function detectFormat(head: Buffer): Detected {
  // A file, or its chunks alone, as they are carved from a disk.
  if (starts(head, evtxMagic) || starts(head, "ElfChnk\0")) return { format: "evtx" };
  if (starts(head, captureMagic)) return { format: "capture" };
  if (starts(head, "BZh") || starts(head, "\xfd7zXZ")) return { unsupported: "bzip2 or xz" };
  let at = 0;
  while (at < head.length && (head[at] ?? 0) <= 32 && (head[at] ?? 0) !== 0) at++;
  const first = head[at];
  if (first === undefined) return { format: "ndjson" };
  if (first === 0x5b) return { format: "json" };
  if (first !== 0x7b) {
    const beginning = head.toString("latin1", at, at + 512);
    if (auditd.test(beginning)) return { format: "auditd" };
    if (syslog.test(beginning)) return { format: "syslog" };
    if (/^Record \d+\r?\n\s*\{/.test(head.toString("latin1", at, at + 64))) return { format: "json" };
    // A text that begins with a damaged line is still read; bytes that no text has are not.
    return head.subarray(0, 1024).includes(0) ? { unsupported: "binary" } : guess;
  }
  const end = head.indexOf(10, at);
  const line = head.toString("utf8", at, end === -1 ? head.length : end);
  if (isObject(line)) return { format: "ndjson" };
  // The reader for values also reads lines; only damage is dearer there.
  if (end === -1) return { format: "json" };
  let next = end + 1;
  while (next < head.length && (head[next] ?? 0) <= 32) next++;
  // A pretty-printed object goes on with a key or ends; several objects on one line stand against each other.
  const goesOn = head[next] === 0x22 || head[next] === 0x7d;
  return { format: goesOn || line.includes("}{") || line.includes("} {") || line.includes("},{") ? "json" : "ndjson" };
}

function isObject(line: string): boolean {
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
}
