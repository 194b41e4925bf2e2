// The values of a template's substitutions: typed bytes of a chunk to what a field holds ([MS-EVEN6] 2.2.12, "BinXml value
// types"). Numbers stay numbers, everything else is the text that converters of event logs write, so that a recording means the
// same as EVTX and as JSON: identifiers without braces in upper case, times in UTC with six digits, hex numbers in lower case.

import type { Chunk } from "./chunk-bytes.ts";
import { sidsMax } from "./limits.ts";
import type { EvtxValue } from "./record.ts";
import { Damage } from "./record.ts";

/** Types of values that readers need by name. The bit 0x80 makes an array of any of them. */
export const nullType = 0x00;
export const stringType = 0x01;
export const binXmlType = 0x21;
const arrayBit = 0x80;

/** Bytes of one element, by type; 0 for types whose size is the value's own. */
const fixedBytes: readonly number[] = [0, 0, 0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 4, 0, 16, 0, 8, 16, 0, 4, 8];

/** Decodes the value of `type` in `size` bytes at `at`, which must lie in the chunk. Never throws but {@link Damage}. O(size). */
export function decodeValue(chunk: Chunk, type: number, at: number, size: number): EvtxValue {
  if (type === stringType) return chunk.text(at, trimmed(chunk, at, size));
  chunk.spendChars(2 * size);
  if ((type & arrayBit) !== 0) return decodeArray(chunk, type & ~arrayBit, at, size);
  if (size === 0) return type === 0x02 || type === 0x0e || type === 0x23 ? "" : null;
  return decodeOne(chunk, type, at, size);
}

/** Size of a string without the zeros that some providers count into it. */
function trimmed(chunk: Chunk, at: number, size: number): number {
  let end = size & ~1;
  while (end >= 2 && chunk.view.getUint16(at + end - 2, true) === 0) end -= 2;
  return end;
}

function decodeOne(chunk: Chunk, type: number, at: number, size: number): EvtxValue {
  const { view, bytes } = chunk;
  const needed = fixedBytes[type] ?? 0;
  if (size < needed) throw new Damage(`a value of type ${type} has ${size} bytes instead of ${needed}`);
  switch (type) {
    case nullType:
      return null;
    case stringType:
      return chunk.text(at, trimmed(chunk, at, size));
    case 0x02:
      return chunk.ansi(at, size);
    case 0x03:
      return view.getInt8(at);
    case 0x04:
      return view.getUint8(at);
    case 0x05:
      return view.getInt16(at, true);
    case 0x06:
      return view.getUint16(at, true);
    case 0x07:
      return view.getInt32(at, true);
    case 0x08:
      return view.getUint32(at, true);
    case 0x09:
      return exact(view.getBigInt64(at, true));
    case 0x0a:
      return unsigned64(view, at);
    case 0x0b:
      return real(Math.fround(view.getFloat32(at, true)), true);
    case 0x0c:
      return real(view.getFloat64(at, true), false);
    case 0x0d:
      return view.getInt32(at, true) !== 0;
    case 0x0e:
      return bytes.toString("hex", at, at + size).toUpperCase();
    case 0x0f:
      return guid(bytes, at);
    case 0x10:
      return size >= 8 ? hex64(view, at) : size >= 4 ? hex32(view, at) : bytes.toString("hex", at, at + size);
    case 0x11:
      return fileTimeText(view, at);
    case 0x12:
      return systemTimeText(view, at);
    case 0x13:
      return sid(chunk, at, size);
    case 0x14:
      return hex32(view, at);
    case 0x15:
      return hex64(view, at);
    case 0x20:
      return size >= 8 ? hex64(view, at) : size >= 4 ? hex32(view, at) : bytes.toString("hex", at, at + size);
    case 0x23:
      return chunk.text(at, trimmed(chunk, at, size));
    default:
      throw new Damage(`no value has the type ${type}`);
  }
}

function decodeArray(chunk: Chunk, type: number, at: number, size: number): EvtxValue {
  const out: EvtxValue[] = [];
  if (type === stringType || type === 0x02) {
    const isWide = type === stringType;
    const step = isWide ? 2 : 1;
    const end = at + (isWide ? size & ~1 : size);
    let from = at;
    for (let i = at; i < end; i += step) {
      if ((isWide ? chunk.view.getUint16(i, true) : chunk.view.getUint8(i)) !== 0) continue;
      out.push(isWide ? chunk.text(from, i - from) : chunk.ansi(from, i - from));
      from = i + step;
    }
    // The last one needs no terminator.
    if (from < end) out.push(isWide ? chunk.text(from, end - from) : chunk.ansi(from, end - from));
    return out;
  }
  if (type === 0x13) {
    for (let i = at; i < at + size; ) {
      const bytes = 8 + 4 * chunk.view.getUint8(Math.min(i + 1, at + size - 1));
      out.push(sid(chunk, i, at + size - i));
      i += bytes;
    }
    return out;
  }
  // Arrays of sizes have four or eight bytes each; nothing but divisibility tells.
  const each = type === 0x10 ? (size % 8 === 0 ? 8 : 4) : (fixedBytes[type] ?? 0);
  if (each === 0) throw new Damage(`no value has the type ${type | arrayBit}`);
  for (let i = at; i + each <= at + size; i += each) out.push(decodeOne(chunk, type, i, each));
  return out;
}

/** A value as text, for where it stands among other text. */
export function textOf(value: EvtxValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  return typeof value === "object" ? value.map(textOf).join(", ") : String(value);
}

/** A whole number, or its digits where a double would round them. */
const exact = (value: bigint): number | string =>
  value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n ? Number(value) : String(value);

function unsigned64(view: DataView, at: number): number | string {
  const high = view.getUint32(at + 4, true);
  return high < 0x20_0000 ? high * 0x1_0000_0000 + view.getUint32(at, true) : String(view.getBigUint64(at, true));
}

/** What is no number is written as Windows writes it: JSON has no word for it. */
function real(value: number, isSingle: boolean): number | string {
  if (Number.isNaN(value)) return "-1.#IND";
  if (!Number.isFinite(value)) return value < 0 ? "-1.#INF" : "1.#INF";
  // The shortest digits that mean the single, not those of the double that it becomes.
  return isSingle ? Number(value.toPrecision(8)) : value;
}

const hex32 = (view: DataView, at: number): string => `0x${view.getUint32(at, true).toString(16)}`;

function hex64(view: DataView, at: number): string {
  const high = view.getUint32(at + 4, true);
  const low = view.getUint32(at, true).toString(16);
  return high === 0 ? `0x${low}` : `0x${high.toString(16)}${low.padStart(8, "0")}`;
}

const digits: Uint8Array = Buffer.from("0123456789ABCDEF", "latin1");
const guidText: Buffer = Buffer.from("00000000-0000-0000-0000-000000000000", "latin1");
/** Where in the text each byte's two digits stand: the first three numbers are little-endian. */
const guidPlaces: Uint8Array = new Uint8Array([6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34]);

function guid(bytes: Uint8Array, at: number): string {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + i] ?? 0;
    const place = guidPlaces[i] ?? 0;
    guidText[place] = digits[byte >> 4] ?? 0;
    guidText[place + 1] = digits[byte & 15] ?? 0;
  }
  return guidText.toString("latin1");
}

/** S-revision-authority-sub… of [MS-DTYP] 2.4.2.2. The texts of the last ones are kept: a log has few. */
function sid(chunk: Chunk, at: number, size: number): string {
  const { view, bytes, sids } = chunk;
  const count = size >= 2 ? view.getUint8(at + 1) : 0;
  if (size < 8 + 4 * count) throw new Damage(`a security identifier is cut short`);
  const key = bytes.toString("latin1", at, at + 8 + 4 * count);
  const known = sids.get(key);
  if (known !== undefined) return known;
  // Forty-eight bits, the only big-endian number of the format.
  const authority = view.getUint16(at + 2) * 0x1_0000_0000 + view.getUint32(at + 4);
  let out = `S-${view.getUint8(at)}-${authority}`;
  for (let i = 0; i < count; i++) out += `-${view.getUint32(at + 8 + 4 * i, true)}`;
  if (sids.size >= sidsMax) sids.clear();
  sids.set(key, out);
  return out;
}

/** 1970-01-01 as a FILETIME: its two halves. */
const epochHigh = 27_111_902;
const epochLow = 3_577_643_008;

/** A FILETIME as microseconds since the Unix epoch; exact between the years 1700 and 2240. */
export function fileTimeMicros(view: DataView, at: number): number {
  // 2^32 is 10 × 429496729 + 6: counted from the epoch, the division by ten stays within what a double holds exactly.
  const high = view.getUint32(at + 4, true) - epochHigh;
  return high * 429_496_729 + Math.floor((high * 6 + view.getUint32(at, true) - epochLow) / 10);
}

/** From 1601 to 1970 in ticks of 100 ns. */
const epochTicks = 116_444_736_000_000_000n;

function fileTimeText(view: DataView, at: number): string {
  const micros = (view.getBigUint64(at, true) - epochTicks) / 10n;
  // Rounded down, also before 1970.
  const fraction = ((micros % 1000n) + 1000n) % 1000n;
  // The latest, in the year 60056, is still a date.
  const date = new Date(Number((micros - fraction) / 1000n));
  return `${date.toISOString().slice(0, -1)}${String(fraction).padStart(3, "0")}Z`;
}

function systemTimeText(view: DataView, at: number): string {
  const part = (index: number, width: number): string =>
    String(view.getUint16(at + 2 * index, true)).padStart(width, "0");
  // As the bytes say it: a time that cannot be is still what was logged.
  return `${part(0, 4)}-${part(1, 2)}-${part(3, 2)}T${part(4, 2)}:${part(5, 2)}:${part(6, 2)}.${part(7, 3)}000Z`;
}
