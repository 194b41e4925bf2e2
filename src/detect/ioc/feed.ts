// What the formats of feeds have in common: names of types, of severities, and what of a feed's words is kept.

import type { Level } from "../detector.ts";
import type { IndicatorKind } from "./model.ts";
import { addressBytes, digestKind } from "./values.ts";

/** What holds for an indicator of a list that does not say it itself. */
export interface ListDefaults {
  readonly file: string;
  readonly level: Level;
  readonly kind?: IndicatorKind;
}

/** Parts of a note: what is said, and the feed's own id. */
const separator = "\u001f";

export function noteOf(description: string, feedId: string): string {
  const said = description.replaceAll(separator, " ");
  return feedId === "" ? said : `${feedId.slice(0, 128)}${separator}${said}`;
}

export function readNote(note: string): { readonly description: string; readonly feedId: string } {
  const at = note.indexOf(separator);
  return at === -1 ? { description: note, feedId: "" } : { description: note.slice(at + 1), feedId: note.slice(0, at) };
}

/** Spellings of types in lower case, with blanks, `-`, `_` and `:` taken out (MISP, STIX, common feeds). */
const types: Readonly<Record<string, IndicatorKind>> = {
  domain: "domain",
  domainname: "domain",
  hostname: "domain",
  host: "domain",
  fqdn: "domain",
  ip: "ip",
  ipaddress: "ip",
  ipsrc: "ip",
  ipdst: "ip",
  ipv4: "ip",
  ipv4addr: "ip",
  ipv6: "ip",
  ipv6addr: "ip",
  cidr: "ip",
  ipport: "ip",
  url: "url",
  uri: "url",
  link: "url",
  md5: "md5",
  md5hash: "md5",
  sha1: "sha1",
  sha1hash: "sha1",
  sha256: "sha256",
  sha256hash: "sha256",
  imphash: "imphash",
  pathregex: "path",
  path: "path",
};

/** The kind that a feed means, or `undefined` for one that nothing here looks for. */
export function kindOfType(type: string, value: string): IndicatorKind | undefined {
  const name = type
    .toLowerCase()
    .replaceAll(/[\s_:-]/g, "")
    .replace(/^filehash(?=.)/, "");
  if (name === "hash" || name === "filehash") return digestKind(value.trim());
  if (Object.hasOwn(types, name)) {
    const kind = types[name]!;
    // Feeds call a host what is an address.
    return kind === "domain" && addressBytes(value.trim()) !== undefined ? "ip" : kind;
  }
  return undefined;
}

const levels: Readonly<Record<string, Level>> = {
  informational: "informational",
  info: "informational",
  unknown: "low",
  undefined: "low",
  low: "low",
  medium: "medium",
  moderate: "medium",
  high: "high",
  critical: "critical",
  severe: "critical",
};

/** The level that a feed's word or a number from 0 to 100 means. */
export function levelOf(text: string): Level | undefined {
  const word = text.toLowerCase();
  if (Object.hasOwn(levels, word)) return levels[word];
  if (!/^\d{1,3}$/.test(word)) return undefined;
  const number = Number(word);
  return number >= 90 ? "critical" : number >= 70 ? "high" : number >= 40 ? "medium" : "low";
}
