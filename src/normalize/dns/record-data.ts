// The data of a resource record as text, in the presentation form that the RFC of its type gives. What contradicts itself is shown
// as bytes (RFC 3597): a record is never lost because its data are odd.

import { dataLengthMax, serviceParametersMax } from "./limits.ts";
import { decodeName } from "./names.ts";
import { recordType } from "./types.ts";

export interface RecordData {
  readonly text: string;
  /** Addresses that the record gives: of A and AAAA, and the hints of SVCB and HTTPS. IPv4 dotted, IPv6 as RFC 5952 writes it. */
  readonly addresses: readonly string[];
}

/** Where a record's data lie: `from` the start of the message, `at` to `end` the data. */
export interface DataPlace {
  readonly from: number;
  readonly at: number;
  readonly end: number;
}

/** The data of a record of `type`. O(bytes of the data). */
export function recordData(bytes: Buffer, type: number, place: DataPlace): RecordData {
  const read = readers.get(type);
  const data = read?.(bytes, place);
  return data ?? { text: rawText(bytes, place.at, place.end), addresses: [] };
}

type Reader = (bytes: Buffer, place: DataPlace) => RecordData | undefined;

const plain = (text: string): RecordData => ({ text: cut(text), addresses: [] });
const cut = (text: string): string => (text.length > dataLengthMax ? text.slice(0, dataLengthMax) : text);

/** RFC 3597: what a program that does not know the type writes. */
function rawText(bytes: Buffer, at: number, end: number): string {
  const size = end - at;
  if (size <= 0) return "\\# 0";
  return cut(`\\# ${size} ${bytes.toString("hex", at, Math.min(end, at + dataLengthMax / 2))}`);
}

export function ipv4Text(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of two and more zero groups as `::`; v4-mapped as `::ffff:1.2.3.4`. */
export function ipv6Text(bytes: Buffer, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(at + i));
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return `::ffff:${ipv4Text(bytes, at + 12)}`;
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > bestLength) {
      bestAt = i;
      bestLength = end - i;
    }
    i = end === i ? i + 1 : end;
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (bestAt < 0) return hex(groups);
  return `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + bestLength))}`;
}

const address4: Reader = (bytes, { at, end }) => {
  if (end - at !== 4) return undefined;
  const text = ipv4Text(bytes, at);
  return { text, addresses: [text] };
};

const address6: Reader = (bytes, { at, end }) => {
  if (end - at !== 16) return undefined;
  const text = ipv6Text(bytes, at);
  return { text, addresses: [text] };
};

/** NS, CNAME, PTR, DNAME: a name that fills the data. */
const nameAlone: Reader = (bytes, { from, at, end }) => {
  const name = decodeName(bytes, from, at, end);
  return name === undefined || name.end !== end ? undefined : plain(name.text);
};

const soa: Reader = (bytes, { from, at, end }) => {
  const server = decodeName(bytes, from, at, end);
  const mailbox = server && decodeName(bytes, from, server.end, end);
  if (server === undefined || mailbox === undefined || end - mailbox.end !== 20) return undefined;
  const numbers = [0, 4, 8, 12, 16].map((offset) => bytes.readUInt32BE(mailbox.end + offset));
  return plain(`${server.text} ${mailbox.text} ${numbers.join(" ")}`);
};

const mx: Reader = (bytes, { from, at, end }) => {
  const name = end - at < 3 ? undefined : decodeName(bytes, from, at + 2, end);
  return name === undefined || name.end !== end ? undefined : plain(`${bytes.readUInt16BE(at)} ${name.text}`);
};

const srv: Reader = (bytes, { from, at, end }) => {
  const name = end - at < 7 ? undefined : decodeName(bytes, from, at + 6, end);
  if (name === undefined || name.end !== end) return undefined;
  return plain(`${[0, 2, 4].map((offset) => bytes.readUInt16BE(at + offset)).join(" ")} ${name.text}`);
};

/**
 * The strings of a TXT record, joined without anything between: that is how DKIM and SPF read them, and how a tunnel's bytes are
 * whole. Bytes that are not printable ASCII as \DDD.
 */
const txt: Reader = (bytes, { at, end }) => {
  let text = "";
  for (let i = at; i < end; ) {
    const stop = i + 1 + (bytes[i] as number);
    if (stop > end) return undefined;
    text += printable(bytes, i + 1, stop);
    i = stop;
  }
  return plain(text);
};

const caa: Reader = (bytes, { at, end }) => {
  if (end - at < 2) return undefined;
  const tagEnd = at + 2 + (bytes[at + 1] as number);
  if (tagEnd > end) return undefined;
  return plain(`${bytes[at]} ${printable(bytes, at + 2, tagEnd)} "${printable(bytes, tagEnd, end)}"`);
};

const quote = 0x22;
const backslash = 0x5c;
function printable(bytes: Buffer, at: number, end: number): string {
  let isPlain = true;
  for (let i = at; i < end && isPlain; i++) {
    const byte = bytes[i] as number;
    isPlain = byte >= 0x20 && byte < 0x7f && byte !== quote && byte !== backslash;
  }
  if (isPlain) return bytes.toString("latin1", at, end);
  let text = "";
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === quote || byte === backslash) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

/** RFC 9460, 14.3.2. */
const parameterNames = "mandatory alpn no-default-alpn port ipv4hint ech ipv6hint dohpath ohttp".split(" ");

/** SVCB and HTTPS: priority, target, parameters (RFC 9460, 2.1). */
const service: Reader = (bytes, { from, at, end }) => {
  const target = end - at < 3 ? undefined : decodeName(bytes, from, at + 2, end);
  if (target === undefined) return undefined;
  const parts = [String(bytes.readUInt16BE(at)), target.text];
  const addresses: string[] = [];
  let i = target.end;
  for (let count = 0; i < end; count++) {
    if (i + 4 > end) return undefined;
    const key = bytes.readUInt16BE(i);
    const stop = i + 4 + bytes.readUInt16BE(i + 2);
    if (stop > end) return undefined;
    if (count < serviceParametersMax) parts.push(parameterText(bytes, key, i + 4, stop, addresses));
    i = stop;
  }
  return { text: cut(parts.join(" ")), addresses };
};

const noValue = 2;
const port = 3;
const hint4 = 4;
const hint6 = 6;
function parameterText(bytes: Buffer, key: number, at: number, end: number, addresses: string[]): string {
  const name = parameterNames[key] ?? `key${key}`;
  if (key === noValue || at === end) return name;
  const hex = (): string => `${name}=${bytes.toString("hex", at, Math.min(end, at + 512))}`;
  if (key === 0) {
    if ((end - at) % 2 !== 0) return hex();
    const keys: string[] = [];
    for (let i = at; i < end; i += 2) keys.push(parameterNames[bytes.readUInt16BE(i)] ?? `key${bytes.readUInt16BE(i)}`);
    return `${name}=${keys.join(",")}`;
  }
  if (key === 1) {
    const protocols: string[] = [];
    for (let i = at; i < end; ) {
      const stop = i + 1 + (bytes[i] as number);
      if (stop > end) return hex();
      protocols.push(printable(bytes, i + 1, stop));
      i = stop;
    }
    return `${name}=${protocols.join(",")}`;
  }
  if (key === port && end - at === 2) return `${name}=${bytes.readUInt16BE(at)}`;
  const width = key === hint4 ? 4 : key === hint6 ? 16 : 0;
  if (width === 0 || (end - at) % width !== 0) return hex();
  const hints: string[] = [];
  for (let i = at; i < end; i += width) hints.push(width === 4 ? ipv4Text(bytes, i) : ipv6Text(bytes, i));
  addresses.push(...hints);
  return `${name}=${hints.join(",")}`;
}

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [recordType.a, address4],
  [recordType.aaaa, address6],
  [recordType.ns, nameAlone],
  [recordType.cname, nameAlone],
  [recordType.ptr, nameAlone],
  [recordType.dname, nameAlone],
  [recordType.soa, soa],
  [recordType.mx, mx],
  [recordType.srv, srv],
  [recordType.txt, txt],
  [recordType.spf, txt],
  [recordType.caa, caa],
  [recordType.svcb, service],
  [recordType.https, service],
]);
