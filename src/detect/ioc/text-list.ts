// Plain lists: one indicator a line, `value;comment`, `#` starts a comment line. The name of the file says what they are. Read as
// bytes, because there may be millions and a string each would cost more than all the rest.

import type { IndicatorBuilder } from "./builder.ts";
import type { FileReporter } from "./file-report.ts";
import type { IndicatorKind } from "./model.ts";
import { digestKind } from "./values.ts";

/** What a list holds, by the name of its file in lower case. */
export const listKinds: Readonly<Record<string, IndicatorKind | "hash">> = {
  "domains.txt": "domain",
  "ips.txt": "ip",
  "urls.txt": "url",
  "hashes.txt": "hash",
  "paths_regex.txt": "path",
};

const lineFeed = 0x0a;
const semicolon = 0x3b;
const number = 0x23;

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d;

/** In a path expression `;` may stand for itself: there only ` ;` and `;` before a blank start a comment. */
export function readTextList(
  bytes: Uint8Array,
  kind: IndicatorKind | "hash",
  attributes: number,
  builder: IndicatorBuilder,
  report: FileReporter,
): void {
  const decoder = new TextDecoder();
  let line = 0;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length && !report.isFull) {
    line++;
    let end = bytes.indexOf(lineFeed, at);
    if (end === -1) end = bytes.length;
    const next = end + 1;
    let from = at;
    at = next;
    while (from < end && isBlank(bytes[from]!)) from++;
    while (end > from && isBlank(bytes[end - 1]!)) end--;
    if (from === end || bytes[from] === number) continue;
    let to = from;
    while (to < end && !(bytes[to] === semicolon && (kind !== "path" || isSeparator(bytes, to, end)))) to++;
    let noteFrom = Math.min(to + 1, end);
    while (noteFrom < end && isBlank(bytes[noteFrom]!)) noteFrom++;
    while (to > from && isBlank(bytes[to - 1]!)) to--;
    if (kind === "domain" && builder.addPlainDomain(bytes, from, to, noteFrom, end, attributes)) {
      report.taken++;
      continue;
    }
    const value = decoder.decode(bytes.subarray(from, to));
    const note = decoder.decode(bytes.subarray(noteFrom, end));
    const refusal = addOne(builder, kind, value, note, attributes);
    if (refusal === undefined) report.taken++;
    else report.refuse(line, 1, value, refusal);
  }
}

function isSeparator(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 1 === end || isBlank(bytes[at + 1]!) || isBlank(bytes[at - 1] ?? 0);
}

function addOne(
  builder: IndicatorBuilder,
  kind: IndicatorKind | "hash",
  value: string,
  note: string,
  attributes: number,
): ReturnType<IndicatorBuilder["add"]> {
  if (kind !== "hash") return builder.add(kind, value, note, attributes);
  const prefixed = /^(md5|sha1|sha256|imphash)[:=](.*)$/i.exec(value);
  const hex = prefixed?.[2] ?? value;
  const found = (prefixed?.[1]?.toLowerCase() as "md5" | undefined) ?? digestKind(hex);
  return found === undefined ? "bad_digest" : builder.add(found, hex, note, attributes);
}
