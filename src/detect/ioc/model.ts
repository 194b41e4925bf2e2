// What an indicator is, and the packed form in which millions of them cross threads: typed arrays over shared memory, so that the
// worker that detects and the lane that hashes read the same bytes.

import type { Level } from "../detector.ts";
import type { RuleIr } from "../sigma/mod.ts";

export const indicatorKinds = ["domain", "ip", "url", "path", "md5", "sha1", "sha256", "imphash"] as const;
export type IndicatorKind = (typeof indicatorKinds)[number];
export type HashKind = "md5" | "sha1" | "sha256" | "imphash";

/** One indicator, unpacked: made for a hit, never kept for all. */
export interface Indicator {
  readonly kind: IndicatorKind;
  /** As it is looked for: a domain in lower case with its leading `.` or `*.`, a network with its prefix length, a digest in hex. */
  readonly value: string;
  readonly level: Level;
  /** What the feed says about it; empty when nothing. */
  readonly description: string;
  /** A link, or empty. */
  readonly reference: string;
  /** Who says so; empty when the feed does not tell. */
  readonly provider: string;
  /** The feed's own id of it (STIX id, MISP UUID), or empty. */
  readonly feedId: string;
  /** Milliseconds since the epoch after which it does not count; `undefined`: it never expires. */
  readonly expiresMs: number | undefined;
  /** The file it came from, as given. */
  readonly file: string;
}

/** What many indicators of one feed have in common. */
export interface Attributes {
  readonly level: Level;
  readonly reference: string;
  readonly provider: string;
  readonly expiresMs: number | undefined;
  readonly file: string;
}

/** An open-addressing table from the hash of a value to its entry plus 1; 0 is an empty place. Length a power of two. */
export interface HashIndex {
  readonly count: number;
  readonly hashes: Uint32Array;
  readonly entries: Uint32Array;
}

/**
 * Disjoint intervals in order: from `starts[i]` up to the next, `entries[i]` is the narrowest network that holds it plus 1, or 0.
 * An address is one word (IPv4) or four (IPv6), big end first.
 */
export interface IntervalIndex {
  readonly words: 1 | 4;
  readonly starts: Uint32Array;
  readonly entries: Uint32Array;
}

/** All indicators of one load, ready to cross threads. Made by `IndicatorBuilder`, read by `IocEngine`. */
export interface IndicatorSet {
  /** Differs from load to load: nobody who chooses values can choose where they land. */
  readonly seed: number;
  /** Values, each followed by its note. */
  readonly bytes: Uint8Array;
  /** Where the value of an entry starts in `bytes`; one more than there are entries. */
  readonly starts: Uint32Array;
  readonly valueLengths: Uint16Array;
  readonly kinds: Uint8Array;
  /** Index into `attributes`. */
  readonly attributeOf: Uint32Array;
  readonly attributes: readonly Attributes[];
  /** Names that match themselves, names that match all below them. */
  readonly domains: HashIndex;
  readonly domainsBelow: HashIndex;
  /** URLs without scheme, and those that end in `*`, without it. */
  readonly urls: HashIndex;
  readonly urlPrefixes: HashIndex;
  readonly hashes: Readonly<Record<HashKind, HashIndex>>;
  readonly ipv4: IntervalIndex;
  readonly ipv6: IntervalIndex;
  /** Single addresses: 4 or 16 bytes. */
  readonly addresses: HashIndex;
  /** The same with a port: two bytes more. */
  readonly endpoints: HashIndex;
  /** One rule for each path expression, its id the number of its entry. */
  readonly paths: readonly RuleIr[];
  readonly counts: Readonly<Record<IndicatorKind, number>>;
}

/** An indicator was seen in an event. */
export interface IndicatorHit {
  readonly indicator: Indicator;
  /** Name of the field that held it, and what of it matched. */
  readonly field: string;
  readonly observable: string;
}
