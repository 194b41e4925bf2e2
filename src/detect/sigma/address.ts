// IP addresses and networks as 16 bytes, IPv4 mapped into IPv6 (`::ffff:a.b.c.d`), so that one comparison of leading bits
// serves both. Strict: what is not an address in its usual notation is `undefined`, since a value that merely resembles one must not match.

import { RuleError } from "./problem.ts";

export interface Network {
  readonly bytes: readonly number[];
  /** 0-128; IPv4 prefixes are 96 longer than written. */
  readonly bits: number;
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Reads an address; a zone (`%eth0`) is left out. `v4` says that it was written with dots alone. */
export function parseAddress(text: string): { bytes: number[]; v4: boolean } | undefined {
  if (text.length < 2 || text.length > 64) return undefined;
  if (!text.includes(":")) {
    const four = parseFour(text);
    return four === undefined ? undefined : { bytes: [...mappedPrefix, ...four], v4: true };
  }
  const zone = text.indexOf("%");
  if (zone === text.length - 1) return undefined;
  const bytes = parseSix(zone === -1 ? text : text.slice(0, zone));
  return bytes === undefined ? undefined : { bytes, v4: false };
}

/** Whether the address lies in the network. An address written with dots is in no IPv6 network, not even `::/0`. */
export function inNetwork(address: { bytes: readonly number[]; v4: boolean }, network: Network): boolean {
  if (address.v4 && network.bits < 96) return false;
  const whole = network.bits >> 3;
  for (let i = 0; i < whole; i++) if (address.bytes[i] !== network.bytes[i]) return false;
  const rest = network.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((address.bytes[whole]! ^ network.bytes[whole]!) & mask) === 0;
}

/** Reads `10.0.0.0/8`, `fe80::/10` or a single address. Host bits must be zero. Throws {@link RuleError}. */
export function parseNetwork(text: string, offset: number): Network {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match === null ? undefined : parseAddress(match[1]!);
  if (match === null || address === undefined) {
    throw new RuleError(
      "bad_network",
      offset,
      `Cannot read network '${text}': not an address with a prefix length`,
      "for example 10.0.0.0/8",
    );
  }
  const widest = address.v4 ? 32 : 128;
  const prefix = match[2] === undefined ? widest : Number(match[2]);
  if (prefix > widest)
    throw new RuleError("bad_network", offset, `Cannot read network '${text}': its prefix is longer than ${widest}`);
  const network = { bytes: address.bytes, bits: address.v4 ? prefix + 96 : prefix };
  const masked = address.bytes.map(
    (byte, i) => byte & (0xff << (8 - Math.min(8, Math.max(0, network.bits - i * 8)))) & 0xff,
  );
  if (masked.some((byte, i) => byte !== address.bytes[i])) {
    const shown = address.v4 ? `${masked.slice(12).join(".")}/${prefix}` : "";
    throw new RuleError(
      "bad_network",
      offset,
      `Cannot read network '${text}': bits after the prefix are set`,
      shown && `did you mean '${shown}'?`,
    );
  }
  return network;
}

function parseFour(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes: number[] = [];
  for (const part of parts) {
    // Leading zeros mean octal to some readers and decimal to others: ambiguous, so not an address.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes.push(Number(part));
  }
  return bytes;
}

function parseSix(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups of hex digits; the last may be an IPv4 address when it ends the text. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (isEnd && i === groups.length - 1 && group.includes(".")) {
      const four = parseFour(group);
      if (four === undefined) return undefined;
      bytes.push(...four);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes.length > 16 ? undefined : bytes;
}
