// An entry of a packed set, unpacked: done for hits, never for all.

import { kindCodes, writtenDot, writtenStar } from "./builder.ts";
import { readNote } from "./feed.ts";
import type { Indicator, IndicatorKind, IndicatorSet } from "./model.ts";
import { addressText, digestSizes } from "./values.ts";

const kindNames = Object.keys(kindCodes) as IndicatorKind[];

export function isExpired(set: IndicatorSet, entry: number, timeMs: number): boolean {
  const { expiresMs } = set.attributes[set.attributeOf[entry]!]!;
  return expiresMs !== undefined && expiresMs <= timeMs;
}

const decoder = new TextDecoder();

/** An entry in full. */
export function indicatorAt(set: IndicatorSet, entry: number): Indicator {
  const start = set.starts[entry]!;
  const middle = start + set.valueLengths[entry]!;
  // Copied: a decoder takes no memory that threads share.
  const value = set.bytes.slice(start, middle);
  const code = set.kinds[entry]!;
  const kind = kindNames[code & 0xf]!;
  const { description, feedId } = readNote(decoder.decode(set.bytes.slice(middle, set.starts[entry + 1]!)));
  return {
    kind,
    value: valueText(kind, code, value),
    description,
    feedId,
    ...set.attributes[set.attributeOf[entry]!]!,
  };
}

function valueText(kind: IndicatorKind, code: number, value: Uint8Array): string {
  if (kind === "ip") return addressEntryText(value);
  if (kind in digestSizes) return Buffer.from(value).toString("hex");
  const text = decoder.decode(value);
  return (code & writtenDot) !== 0 ? `.${text}` : (code & writtenStar) !== 0 ? `*.${text}` : text;
}

/** An address, one byte longer with a prefix length, two bytes longer with a port. */
function addressEntryText(value: Uint8Array): string {
  const size = value.length < 16 ? 4 : 16;
  const text = addressText(value.subarray(0, size));
  if (value.length === size) return text;
  if (value.length === size + 1) return `${text}/${value[size]}`;
  return `${size === 4 ? text : `[${text}]`}:${(value[size]! << 8) | value[size + 1]!}`;
}
