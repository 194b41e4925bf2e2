// Names of a DNS message, in the presentation form of RFC 1035 (5.1): labels joined by dots, no dot at the end, the root as ".",
// a dot or backslash inside a label escaped by a backslash, every other byte that is not printable ASCII as \DDD.

import { labelOctetsMax, nameJumpsMax, nameOctetsMax } from "./limits.ts";

/** A name, and where the bytes after it begin. */
export interface DecodedName {
  readonly text: string;
  readonly end: number;
}

/**
 * Reads the name at `at`; `undefined` when it is no name: it runs past `to`, is longer than 255 octets, has a reserved label type,
 * or a pointer that does not lead backwards. A pointer must lead before the place where the labels that it stands for began, so
 * that no loop is possible. `from` is where the message begins: pointers count from there. At most 255 octets are looked at.
 */
export function decodeName(bytes: Buffer, from: number, at: number, to: number): DecodedName | undefined {
  let text = "";
  let position = at;
  let began = at;
  let end = -1;
  let octets = 1;
  for (let jumps = 0; ; ) {
    if (position >= to) return undefined;
    const length = bytes[position] as number;
    if (length === 0) {
      if (end < 0) end = position + 1;
      return { text: text === "" ? "." : text, end };
    }
    if (length <= labelOctetsMax) {
      octets += length + 1;
      const next = position + 1 + length;
      if (octets > nameOctetsMax || next > to) return undefined;
      const label = labelText(bytes, position + 1, next);
      text = text === "" ? label : `${text}.${label}`;
      position = next;
      continue;
    }
    if (length < 0xc0 || position + 1 >= to || ++jumps > nameJumpsMax) return undefined;
    if (end < 0) end = position + 2;
    const target = from + (((length & 0x3f) << 8) | (bytes[position + 1] as number));
    if (target >= began) return undefined;
    began = target;
    position = target;
  }
}

function labelText(bytes: Buffer, at: number, end: number): string {
  for (let i = at; i < end; i++) if (!isPlain(bytes[i] as number)) return escapedText(bytes, at, end);
  return bytes.toString("latin1", at, end);
}

const dot = 0x2e;
const backslash = 0x5c;
const isPlain = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== dot && byte !== backslash;

function escapedText(bytes: Buffer, at: number, end: number): string {
  let text = "";
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (isPlain(byte)) text += String.fromCharCode(byte);
    else if (byte === dot || byte === backslash) text += `\\${String.fromCharCode(byte)}`;
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}
