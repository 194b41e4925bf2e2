// Gathers indicators from any number of lists and packs them: each value once, with the most severe of what is said about it.

import type { Level } from "../detector.ts";
import { parseSigma, type RuleIr } from "../sigma/mod.ts";
import { findEntry, finish, forwardHashOf, hashOf, place, sharedUint32, step, type Values } from "./hash-index.ts";
import { buildIntervals, type Network } from "./intervals.ts";
import { indicatorsMax, noteSizeMaxBytes, pathRegexesMax, valueSizeMaxBytes } from "./limits.ts";
import type { Attributes, HashIndex, HashKind, IndicatorKind, IndicatorSet } from "./model.ts";
import { addressBytes, digestSizes, domainName, endpointBytes, networkBytes, refang, urlKey } from "./values.ts";

/** How entries of a domain were written, in the upper bits of their kind. */
export const writtenDot = 0x10;
export const writtenStar = 0x20;

/** Codes of kinds in `IndicatorSet.kinds`; their lower four bits. */
export const kindCodes: Readonly<Record<IndicatorKind, number>> = {
  domain: 0,
  ip: 1,
  url: 2,
  path: 3,
  md5: 4,
  sha1: 5,
  sha256: 6,
  imphash: 7,
};

const severities: Readonly<Record<Level, number>> = { informational: 0, low: 1, medium: 2, high: 3, critical: 4 };

/** Why an indicator was not taken: a code of a diagnostic, or `full` when there is no room for more. */
export type Refusal = "bad_domain" | "bad_address" | "bad_url" | "bad_digest" | "bad_regex" | "too_long" | "full";

const encoder = new TextEncoder();

export class IndicatorBuilder {
  readonly counts: Record<IndicatorKind, number> = {
    domain: 0,
    ip: 0,
    url: 0,
    path: 0,
    md5: 0,
    sha1: 0,
    sha256: 0,
    imphash: 0,
  };
  /** Values that were there already. */
  duplicates = 0;
  readonly #seed: number;
  #bytes = new Uint8Array(1 << 16);
  #size = 0;
  #starts = new Uint32Array(1 << 10);
  #valueLengths = new Uint16Array(1 << 10);
  #kinds = new Uint8Array(1 << 10);
  #attributeOf = new Uint32Array(1 << 10);
  #count = 0;
  readonly #attributes: Attributes[] = [];
  readonly #attributeIds = new Map<string, number>();
  readonly #domains = new GrowingIndex();
  readonly #domainsBelow = new GrowingIndex();
  readonly #urls = new GrowingIndex();
  readonly #urlPrefixes = new GrowingIndex();
  readonly #addresses = new GrowingIndex();
  readonly #endpoints = new GrowingIndex();
  readonly #networks = new GrowingIndex();
  readonly #paths = new GrowingIndex();
  readonly #hashes: Record<HashKind, GrowingIndex> = {
    md5: new GrowingIndex(),
    sha1: new GrowingIndex(),
    sha256: new GrowingIndex(),
    imphash: new GrowingIndex(),
  };
  readonly #ipv4: Network[] = [];
  readonly #ipv6: Network[] = [];
  readonly #rules: RuleIr[] = [];

  /** `seed` only for tests: it must be unknown to those who choose values. */
  constructor(seed: number = crypto.getRandomValues(new Uint32Array(1))[0]!) {
    this.#seed = seed;
  }

  /** Indicators taken so far, of all kinds. */
  get count(): number {
    return this.#count;
  }

  /** The number of a set of attributes, for {@link add}: the same for equal ones. */
  attributes(attributes: Attributes): number {
    const { level, reference, provider, expiresMs, file } = attributes;
    const key = JSON.stringify([level, reference, provider, expiresMs ?? null, file]);
    const known = this.#attributeIds.get(key);
    if (known !== undefined) return known;
    this.#attributes.push(attributes);
    this.#attributeIds.set(key, this.#attributes.length - 1);
    return this.#attributes.length - 1;
  }

  /** Takes an indicator as a person or a feed wrote it; `note` is what is said about it. Answers why it did not. */
  add(kind: IndicatorKind, written: string, note: string, attributes: number): Refusal | undefined {
    if (kind === "path") return this.#addPath(written, note, attributes);
    const text = refang(written.trim());
    if (kind === "domain") return this.#addDomain(text, note, attributes);
    if (kind === "ip") return this.#addAddress(text, note, attributes);
    if (kind === "url") return this.#addUrl(text, note, attributes);
    if (text.length !== digestSizes[kind] * 2 || !/^[0-9a-f]+$/i.test(text)) return "bad_digest";
    return this.#insert(this.#hashes[kind], kindCodes[kind], Buffer.from(text, "hex"), note, attributes);
  }

  /**
   * The quick way for a plain name in a list: `bytes[from, to)` without blanks, with its note `[noteFrom, noteTo)`. False when it
   * has anything but letters, digits, `-`, `_` and inner dots: then {@link add} must look.
   */
  addPlainDomain(
    bytes: Uint8Array,
    from: number,
    to: number,
    noteFrom: number,
    noteTo: number,
    attributes: number,
  ): boolean {
    const length = to - from;
    if (length < 3 || length > 253 || this.#count >= indicatorsMax) return false;
    this.#reserve(length + Math.min(noteTo - noteFrom, noteSizeMaxBytes));
    const start = this.#size;
    let hash = this.#seed;
    let label = 0;
    let hasDot = false;
    // The last label decides between a name and a mistyped address: one letter or hyphen makes it a name.
    let isName = false;
    for (let at = to - 1; at >= from; at--) {
      const byte = plainBytes[bytes[at]!]!;
      if (byte === 0) return false;
      if (byte === 0x2e) {
        if (label === 0) return false;
        label = 0;
        hasDot = true;
      } else {
        if (++label > 63) return false;
        if (!hasDot && (byte < 0x30 || byte > 0x39)) isName = true;
      }
      this.#bytes[start + at - from] = byte;
      hash = step(hash, byte);
    }
    if (!hasDot || label === 0 || !isName) return false;
    if (this.#isKnown(this.#domains, finish(hash), this.#bytes, start, start + length, attributes)) return true;
    this.#size += length;
    const noteEnd = Math.min(noteTo, noteFrom + noteSizeMaxBytes);
    if (noteEnd > noteFrom) {
      this.#bytes.set(bytes.subarray(noteFrom, noteEnd), this.#size);
      this.#size += noteEnd - noteFrom;
    }
    this.#domains.insert(finish(hash), this.#entry(kindCodes.domain, start, length, attributes));
    this.counts.domain++;
    return true;
  }

  /** Packs what was gathered. The builder must not be used any more. */
  finish(): IndicatorSet {
    const bytes = new Uint8Array(new SharedArrayBuffer(this.#size));
    bytes.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = new Uint8Array(0);
    const starts = shared(this.#starts.subarray(0, this.#count), 1);
    starts[this.#count] = this.#size;
    const valueLengths = new Uint16Array(new SharedArrayBuffer(this.#count * 2));
    valueLengths.set(this.#valueLengths.subarray(0, this.#count));
    const kinds = new Uint8Array(new SharedArrayBuffer(this.#count));
    kinds.set(this.#kinds.subarray(0, this.#count));
    return {
      seed: this.#seed,
      bytes,
      starts,
      valueLengths,
      kinds,
      attributeOf: shared(this.#attributeOf.subarray(0, this.#count), 0),
      attributes: this.#attributes,
      domains: this.#domains.finish(),
      domainsBelow: this.#domainsBelow.finish(),
      urls: this.#urls.finish(),
      urlPrefixes: this.#urlPrefixes.finish(),
      hashes: {
        md5: this.#hashes.md5.finish(),
        sha1: this.#hashes.sha1.finish(),
        sha256: this.#hashes.sha256.finish(),
        imphash: this.#hashes.imphash.finish(),
      },
      ipv4: buildIntervals(1, this.#ipv4),
      ipv6: buildIntervals(4, this.#ipv6),
      addresses: this.#addresses.finish(),
      endpoints: this.#endpoints.finish(),
      paths: this.#rules,
      counts: this.counts,
    };
  }

  #addDomain(text: string, note: string, attributes: number): Refusal | undefined {
    const written = text.startsWith("*.") ? writtenStar : text.startsWith(".") ? writtenDot : 0;
    const name = domainName(text.slice(written === writtenStar ? 2 : written === writtenDot ? 1 : 0));
    if (name === undefined) return "bad_domain";
    const value = encoder.encode(name);
    const kind = kindCodes.domain | written;
    if (written === 0) return this.#insert(this.#domains, kind, value, note, attributes);
    if (written === writtenStar) return this.#insert(this.#domainsBelow, kind, value, note, attributes);
    // Itself and all below it: one entry, found from both sides.
    const hash = hashOf(this.#seed, value, 0, value.length);
    if (this.#isKnown(this.#domainsBelow, hash, value, 0, value.length, attributes)) return undefined;
    const refusal = this.#insert(this.#domainsBelow, kind, value, note, attributes);
    if (refusal === undefined && this.#domains.find(hash, this.#values, value, 0, value.length) === -1)
      this.#domains.insert(hash, this.#count - 1);
    return refusal;
  }

  #addAddress(text: string, note: string, attributes: number): Refusal | undefined {
    const kind = kindCodes.ip;
    const single = addressBytes(text);
    if (single !== undefined) return this.#insert(this.#addresses, kind, Uint8Array.from(single), note, attributes);
    const endpoint = endpointBytes(text);
    if (endpoint !== undefined) return this.#insert(this.#endpoints, kind, Uint8Array.from(endpoint), note, attributes);
    const network = networkBytes(text);
    if (network === undefined) return "bad_address";
    const { bytes, prefix } = network;
    // As long as an address with one byte more; a table of them finds those that are written twice.
    const value = Uint8Array.from([...bytes, prefix]);
    const before = this.#count;
    const refusal = this.#insert(this.#networks, kind, value, note, attributes);
    if (refusal !== undefined || this.#count === before) return refusal;
    const last = bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - i * 8))));
    const words = (of: readonly number[]): Uint32Array =>
      Uint32Array.from({ length: of.length / 4 }, (_, i) =>
        [0, 1, 2, 3].reduce((word, byte) => ((word << 8) | of[i * 4 + byte]!) >>> 0, 0),
      );
    (bytes.length === 4 ? this.#ipv4 : this.#ipv6).push({ first: words(bytes), last: words(last), entry: before });
    return undefined;
  }

  #addUrl(text: string, note: string, attributes: number): Refusal | undefined {
    const isPrefix = text.endsWith("*");
    const key = urlKey(isPrefix ? text.slice(0, -1) : text);
    if (key === undefined) return "bad_url";
    const value = encoder.encode(key);
    return this.#insert(isPrefix ? this.#urlPrefixes : this.#urls, kindCodes.url, value, note, attributes);
  }

  #addPath(text: string, note: string, attributes: number): Refusal | undefined {
    if (this.#rules.length >= pathRegexesMax) return "full";
    const before = this.#count;
    const rule = pathRule(text, before);
    if (rule === undefined) return "bad_regex";
    const refusal = this.#insert(this.#paths, kindCodes.path, encoder.encode(text), note, attributes);
    if (refusal === undefined && this.#count > before) this.#rules.push(rule);
    return refusal;
  }

  get #values(): Values {
    return { bytes: this.#bytes, starts: this.#starts, valueLengths: this.#valueLengths };
  }

  /** Looks a value up; one that is there gets the more severe attributes. */
  #isKnown(
    index: GrowingIndex,
    hash: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    attributes: number,
  ): boolean {
    const known = index.find(hash, this.#values, bytes, from, to);
    if (known === -1) return false;
    this.duplicates++;
    const before = this.#attributes[this.#attributeOf[known]!]!;
    if (severities[this.#attributes[attributes]!.level] > severities[before.level])
      this.#attributeOf[known] = attributes;
    return true;
  }

  #insert(index: GrowingIndex, kind: number, value: Uint8Array, note: string, attributes: number): Refusal | undefined {
    if (value.length > valueSizeMaxBytes) return "too_long";
    if (this.#count >= indicatorsMax) return "full";
    const hash = (index === this.#urlPrefixes ? forwardHashOf : hashOf)(this.#seed, value, 0, value.length);
    if (this.#isKnown(index, hash, value, 0, value.length, attributes)) return undefined;
    const said = encoder.encode(note).subarray(0, noteSizeMaxBytes);
    this.#reserve(value.length + said.length);
    const start = this.#size;
    this.#bytes.set(value, start);
    this.#bytes.set(said, start + value.length);
    this.#size += value.length + said.length;
    index.insert(hash, this.#entry(kind, start, value.length, attributes));
    this.counts[kindNames[kind & 0xf]!]++;
    return undefined;
  }

  #entry(kind: number, start: number, length: number, attributes: number): number {
    const entry = this.#count++;
    if (entry === this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(entry * 2));
      this.#attributeOf = grown(this.#attributeOf, new Uint32Array(entry * 2));
      this.#valueLengths = grown(this.#valueLengths, new Uint16Array(entry * 2));
      this.#kinds = grown(this.#kinds, new Uint8Array(entry * 2));
    }
    this.#starts[entry] = start;
    this.#valueLengths[entry] = length;
    this.#kinds[entry] = kind;
    this.#attributeOf[entry] = attributes;
    return entry;
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const more = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + size));
    more.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = more;
  }
}

const kindNames = Object.keys(kindCodes) as IndicatorKind[];

/** What a byte of a plain name is in lower case; 0 for one that a name cannot have. */
const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte).toLowerCase();
  return /^[a-z0-9._-]$/.test(char) ? char.charCodeAt(0) : 0;
});

function grown<T extends Uint8Array | Uint16Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function shared(from: Uint32Array, more: number): Uint32Array {
  const to = sharedUint32(from.length + more);
  to.set(from);
  return to;
}

/** A path expression as a Sigma rule, so that the engine's literals gate it and its matcher runs in linear time. */
function pathRule(expression: string, entry: number): RuleIr | undefined {
  if (expression === "" || expression.length > valueSizeMaxBytes) return undefined;
  // JSON is YAML, and the expression is a value in it.
  const text = JSON.stringify({
    title: `path ${entry}`,
    id: String(entry),
    logsource: { category: "path" },
    detection: { path: { "path|re": expression }, condition: "path" },
  });
  const parsed = parseSigma(text, "path", {});
  return parsed.diagnostics.some(({ severity }) => severity === "error") ? undefined : parsed.rules[0];
}

/** A hash table that grows as it is filled; see {@link HashIndex}. */
class GrowingIndex {
  #count = 0;
  #hashes = new Uint32Array(16);
  #entries = new Uint32Array(16);

  find(hash: number, values: Values, bytes: Uint8Array, from: number, to: number): number {
    return findEntry(
      { count: this.#count, hashes: this.#hashes, entries: this.#entries },
      values,
      hash,
      bytes,
      from,
      to,
    );
  }

  /** The value must not be there yet. */
  insert(hash: number, entry: number): void {
    if ((this.#count + 1) * 3 > this.#hashes.length * 2) this.#resize(this.#hashes.length * 2);
    place(this.#hashes, this.#entries, hash, entry + 1);
    this.#count++;
  }

  finish(): HashIndex {
    return { count: this.#count, hashes: shared(this.#hashes, 0), entries: shared(this.#entries, 0) };
  }

  #resize(size: number): void {
    const hashes = new Uint32Array(size);
    const entries = new Uint32Array(size);
    for (let at = 0; at < this.#hashes.length; at++)
      if (this.#hashes[at] !== 0) place(hashes, entries, this.#hashes[at]!, this.#entries[at]!);
    this.#hashes = hashes;
    this.#entries = entries;
  }
}
