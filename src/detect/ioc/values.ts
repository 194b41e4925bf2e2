// What each kind of indicator looks like when it is stored, and when it is looked for: one spelling for each thing that has
// several. What is none is `undefined`, with no exception: lists are long and hostile.

import { domainToASCII } from "node:url";
import { parseAddress } from "../sigma/mod.ts";
import type { HashKind } from "./model.ts";

/** RFC 1035, section 2.3.4. */
const domainLengthMax = 253;
const labelLengthMax = 63;

/**
 * A domain name in lower-case ASCII without its last dot; one with other characters becomes its A-label (RFC 5890). Underscores
 * are taken: service names have them. A name of one label is none: `localhost` is not an indicator.
 */
export function domainName(text: string): string | undefined {
  let name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length > domainLengthMax * 4) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII.
  name = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : domainToASCII(name);
  if (name.length < 3 || name.length > domainLengthMax || !name.includes(".")) return undefined;
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(name)) return undefined;
  for (const label of name.split(".")) if (label.length > labelLengthMax) return undefined;
  // All digits at the end is an address that was mistyped (RFC 3696, section 2).
  return /\.\d+$/.test(name) ? undefined : name;
}

/** Undoes what people do to an indicator so that nobody clicks on it: `hxxp://`, `[.]`, `(dot)`, `[:]`. */
export function refang(text: string): string {
  if (!/[[(]|hxxp/i.test(text)) return text;
  return text
    .replace(/^hxxp/i, "http")
    .replaceAll(/\[\.\]|\(\.\)|\[dot\]|\(dot\)/gi, ".")
    .replaceAll("[:]", ":")
    .replaceAll("[://]", "://");
}

/** An address as its 4 or 16 bytes. An IPv4 address mapped into IPv6 is the IPv4 address. */
export function addressBytes(text: string): number[] | undefined {
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const { bytes } = parsed;
  const isMapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.slice(0, 10).every((byte) => byte === 0);
  return isMapped ? bytes.slice(12) : bytes;
}

/** `10.0.0.0/8` as address bytes and prefix length; host bits are cleared, because feeds leave them set. */
export function networkBytes(text: string): { bytes: number[]; prefix: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const bytes = match === null ? undefined : addressBytes(match[1]!);
  if (match === null || bytes === undefined) return undefined;
  const isMapped = bytes.length === 4 && match[1]!.includes(":");
  const prefix = Number(match[2]) - (isMapped ? 96 : 0);
  if (prefix < 0 || prefix > bytes.length * 8) return undefined;
  return {
    bytes: bytes.map((byte, i) => byte & (0xff << (8 - Math.min(8, Math.max(0, prefix - i * 8)))) & 0xff),
    prefix,
  };
}

/** `1.2.3.4:443` and `[2001:db8::1]:443` as address bytes and two bytes of port. */
export function endpointBytes(text: string): number[] | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const bytes = match === null ? undefined : addressBytes(match[1] ?? match[2] ?? "");
  const port = Number(match?.[3]);
  if (bytes === undefined || port < 1 || port > 65_535) return undefined;
  return [...bytes, port >> 8, port & 0xff];
}

/** RFC 5952: lower case, the longest run of zero groups as `::`. */
export function addressText(bytes: ArrayLike<number>): string {
  if (bytes.length === 4) return Array.from(bytes).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === "0") length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at === -1) return groups.join(":");
  return `${groups.slice(0, best.at).join(":")}::${groups.slice(best.at + best.length).join(":")}`;
}

/**
 * A URL without scheme, user and fragment: host in lower case, port only where it is not the scheme's own, then path and query
 * as they are. Written without a scheme, it stands for all of them.
 */
export function urlKey(text: string): string | undefined {
  const match =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/?#:[\]]+)(?::(\d{1,5}))?([/?#].*)?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = "", host = "", port = "", rest = ""] = match;
  const address = addressBytes(host.startsWith("[") ? host.slice(1, -1) : host);
  const name = address === undefined ? domainName(host) : addressText(address);
  if (name === undefined) return undefined;
  const isOwn = port === "" || ownPorts[scheme.toLowerCase()] === Number(port);
  const fragment = rest.indexOf("#");
  const path = fragment === -1 ? rest : rest.slice(0, fragment);
  const shown = address?.length === 16 ? `[${name}]` : name;
  return `${shown}${isOwn ? "" : `:${Number(port)}`}${path.startsWith("/") ? path : `/${path}`}`;
}

const ownPorts: Readonly<Record<string, number>> = { http: 80, https: 443, ftp: 21, ws: 80, wss: 443 };

/** Bytes of a digest by its kind. */
export const digestSizes: Readonly<Record<HashKind, number>> = { md5: 16, sha1: 20, sha256: 32, imphash: 16 };

/** The kind of a digest written in hex, by its length: 32 digits are MD5, never imphash. */
export function digestKind(hex: string): HashKind | undefined {
  if (!/^[0-9a-f]+$/i.test(hex)) return undefined;
  return hex.length === 32 ? "md5" : hex.length === 40 ? "sha1" : hex.length === 64 ? "sha256" : undefined;
}
