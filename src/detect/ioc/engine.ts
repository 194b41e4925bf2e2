// IocEngine: looks what an event holds up in the indicators. Misses, which are all but a few, cost a hash and one place in a
// table; nothing is unpacked before there is a hit.

import type { EventKind, FieldTable, FieldValue, NormalizedEvent, Slot } from "../../event/mod.ts";
import { Engine, type RuleIr, type SigmaEvent } from "../sigma/mod.ts";

import { DigestTable } from "./digest-table.ts";
import { type FieldReading, fieldReadings, type Reading } from "./event-fields.ts";
import { findEntry, finish, hashOf, step } from "./hash-index.ts";
import { indicatorAt, isExpired } from "./indicator-at.ts";
import { findNetwork } from "./intervals.ts";
import { hitsPerEventMax, observablesPerTextMax, textSearchedMax, valueSizeMaxBytes } from "./limits.ts";
import type { HashKind, Indicator, IndicatorHit, IndicatorKind, IndicatorSet } from "./model.ts";
import { eachObservable, type ObservableVisitor } from "./observables.ts";
import { addressBytes, digestSizes, domainName, urlKey } from "./values.ts";

interface Plan {
  readonly field: string;
  readonly slot: Slot;
  readonly portSlot: Slot | undefined;
  readonly reading: Reading;
  readonly isActor: boolean;
}

/** Kinds of events in which the acting process is news. */
const tellsActor: ReadonlySet<EventKind> = new Set<EventKind>(["process_start", "script", "other"]);

export interface IocEngineStats {
  /** Hits by kind. */
  readonly hits: Readonly<Record<IndicatorKind, number>>;
  /** Hits on indicators that had expired since they were loaded: not told. */
  expired: number;
  /** Texts that were too long, or mentioned more than is looked up: searched in part. */
  cut: number;
  /** Hits beyond those of one event that are told. */
  omitted: number;
}

/** Decides whether an event holds an indicator. Not for use from several threads at once; sets may be shared. */
export class IocEngine {
  readonly stats: IocEngineStats = {
    hits: { domain: 0, ip: 0, url: 0, path: 0, md5: 0, sha1: 0, sha256: 0, imphash: 0 },
    expired: 0,
    cut: 0,
    omitted: 0,
  };
  readonly #set: IndicatorSet;
  readonly #plans: readonly Plan[];
  readonly #digestTable: DigestTable;
  readonly #paths: PathMatcher | undefined;
  readonly #scratch = new Uint8Array(valueSizeMaxBytes);
  readonly #address4 = new Uint32Array(1);
  readonly #address6 = new Uint32Array(4);
  readonly #found = new Set<number>();
  #field = "";
  #timeMs = 0;
  #emit: (hit: IndicatorHit) => void = () => {};

  constructor(set: IndicatorSet, slots: FieldTable) {
    this.#set = set;
    this.#digestTable = new DigestTable(set);
    const { counts } = set;
    const hasNames = counts.domain > 0;
    const hasAddresses = counts.ip > 0;
    const wanted: Readonly<Record<Reading, boolean>> = {
      domain: hasNames,
      address: hasAddresses,
      path: counts.path > 0,
      hashes: counts.md5 + counts.sha1 + counts.sha256 + counts.imphash > 0,
      text: hasNames || hasAddresses || counts.url > 0,
    };
    this.#plans = fieldReadings
      .filter(({ reading }) => wanted[reading])
      .map(({ field, reading, port, isActor }: FieldReading) => ({
        field,
        slot: slots.slot(field),
        portSlot: port === undefined ? undefined : slots.slot(port),
        reading,
        isActor: isActor === true,
      }));
    if (counts.path > 0) this.#paths = new PathMatcher(set.paths);
  }

  /** Indicators of all kinds. */
  get count(): number {
    return Object.values(this.#set.counts).reduce((sum, count) => sum + count, 0);
  }

  get counts(): IndicatorSet["counts"] {
    return this.#set.counts;
  }

  /** Tells each indicator that the event holds and that had not expired when it happened, once. Never throws. O(length of the fields). */
  match(event: NormalizedEvent, emit: (hit: IndicatorHit) => void): void {
    const plans = this.#plans;
    this.#emit = emit;
    this.#timeMs = event.timeMs;
    if (this.#found.size > 0) this.#found.clear();
    // What a process did was told when it did it.
    if (event.kind === "process_end") return;
    const isActorNews = tellsActor.has(event.kind);
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i]!;
      if (plan.isActor && !isActorNews) continue;
      const value = event.get(plan.slot);
      if (value === undefined || value === null || value === "") continue;
      this.#field = plan.field;
      this.#read(plan, value, event);
    }
  }

  /** The indicator of a digest in hex, or `undefined`: for files that were hashed. */
  digest(kind: HashKind, hex: string, nowMs: number): Indicator | undefined {
    return this.#digestTable.find(kind, hex, nowMs);
  }

  #read(plan: Plan, value: FieldValue, event: NormalizedEvent): void {
    if (typeof value !== "string") {
      if (Array.isArray(value)) for (const one of value.slice(0, 64)) this.#read(plan, one, event);
      return;
    }
    switch (plan.reading) {
      case "domain":
        this.#domain(value, 0, value.length);
        return;
      case "address":
        this.#address(value, plan.portSlot === undefined ? undefined : event.get(plan.portSlot));
        return;
      case "path":
        this.#paths?.match(value, (entry) => this.#hit(entry, value));
        return;
      case "hashes":
        this.#digests(value);
        return;
      case "text":
        this.#text(value);
    }
  }

  #domain(text: string, from: number, to: number): void {
    if (this.#set.counts.domain === 0) return;
    let end = to;
    if (text.charCodeAt(end - 1) === 0x2e) end--;
    const length = end - from;
    if (length < 3 || length > 253 * 4) return;
    const bytes = this.#scratch;
    const { domains, domainsBelow, seed } = this.#set;
    let hash = seed;
    for (let at = end - 1; at >= from; at--) {
      const code = text.charCodeAt(at);
      if (code > 127) {
        const name = domainName(text.slice(from, end));
        if (name !== undefined) this.#domain(name, 0, name.length);
        return;
      }
      if (code === 0x2e && domainsBelow.count > 0) this.#below(hash, at - from + 1, length, text, from, end);
      const byte = code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
      bytes[at - from] = byte;
      hash = step(hash, byte);
    }
    const entry = findEntry(domains, this.#set, finish(hash), bytes, 0, length);
    if (entry !== -1) this.#hit(entry, text.slice(from, end));
  }

  #below(hash: number, at: number, length: number, text: string, from: number, end: number): void {
    const entry = findEntry(this.#set.domainsBelow, this.#set, finish(hash), this.#scratch, at, length);
    if (entry !== -1) this.#hit(entry, text.slice(from, end));
  }

  #address(text: string, port?: FieldValue): void {
    if (this.#set.counts.ip === 0) return;
    const bytes = addressBytes(text);
    if (bytes === undefined) return;
    const { addresses, endpoints, ipv4, ipv6, seed } = this.#set;
    const scratch = this.#scratch;
    for (let i = 0; i < bytes.length; i++) scratch[i] = bytes[i]!;
    const { length } = bytes;
    const entry = findEntry(addresses, this.#set, hashOf(seed, scratch, 0, length), scratch, 0, length);
    if (entry !== -1) this.#hit(entry, text);
    const number = endpoints.count === 0 ? Number.NaN : Number(port);
    if (number > 0 && number < 65_536) {
      scratch[length] = number >> 8;
      scratch[length + 1] = number & 0xff;
      const hash = hashOf(seed, scratch, 0, length + 2);
      const found = findEntry(endpoints, this.#set, hash, scratch, 0, length + 2);
      if (found !== -1) this.#hit(found, `${text}:${number}`);
    }
    const index = length === 4 ? ipv4 : ipv6;
    if (index.entries.length === 0) return;
    const words = length === 4 ? this.#address4 : this.#address6;
    for (let word = 0; word < words.length; word++) {
      const at = word * 4;
      words[word] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    }
    const network = findNetwork(index, words);
    if (network !== -1) this.#hit(network, text);
  }

  /** Sysmon's `SHA256=…,IMPHASH=…`, or a digest alone. */
  #digests(text: string): void {
    for (const part of text.split(",", 8)) {
      const at = part.indexOf("=");
      const name = part.slice(0, Math.max(at, 0)).trim().toLowerCase();
      const hex = part.slice(at + 1).trim();
      if (at === -1) {
        for (const kind of ["md5", "sha1", "sha256"] as const) this.#hit(this.#digestTable.entry(kind, hex), hex);
      } else if (name in digestSizes) this.#hit(this.#digestTable.entry(name as HashKind, hex), hex);
    }
  }

  #text(text: string): void {
    const half = textSearchedMax / 2;
    const parts = text.length <= textSearchedMax ? [text] : [text.slice(0, half), text.slice(-half)];
    let isCut = parts.length > 1;
    for (const part of parts) isCut = eachObservable(part, observablesPerTextMax, this.#visitor) || isCut;
    if (isCut) this.stats.cut++;
  }

  readonly #visitor: ObservableVisitor = {
    name: (text, from, to) => {
      const last = text.charCodeAt(to - 1);
      // A name ends in a letter, or in a digit only behind `xn--`; four numbers are an address.
      const isNumber = last >= 0x30 && last <= 0x39;
      if (isNumber && this.#set.counts.ip > 0 && to - from <= 15) {
        this.#address(text.slice(from, to), portBehind(text, to));
      }
      this.#domain(text, from, to);
    },
    address6: (text, from, to) => this.#address(text.slice(from, to)),
    url: (text, from, to) => this.#url(text.slice(from, to)),
  };

  #url(text: string): void {
    const { counts, urls, urlPrefixes, seed } = this.#set;
    if (counts.url === 0) return;
    const key = urlKey(text);
    if (key === undefined || key.length > valueSizeMaxBytes / 3) return;
    const bytes = Buffer.from(key);
    const look = (to: number, index: typeof urls): void => {
      const entry = findEntry(index, this.#set, hashOf(seed, bytes, 0, to), bytes, 0, to);
      if (entry !== -1) this.#hit(entry, text);
    };
    look(bytes.length, urls);
    const query = bytes.indexOf(0x3f);
    if (query !== -1) look(query, urls);
    if (urlPrefixes.count === 0) return;
    let hash = seed;
    for (let at = 0; at < bytes.length; at++) {
      hash = step(hash, bytes[at]!);
      const found = findEntry(urlPrefixes, this.#set, finish(hash), bytes, 0, at + 1);
      if (found !== -1) this.#hit(found, text);
    }
  }

  #hit(entry: number, observable: string): void {
    if (entry === -1 || this.#found.has(entry)) return;
    if (this.#found.size >= hitsPerEventMax) {
      this.stats.omitted++;
      return;
    }
    this.#found.add(entry);
    if (isExpired(this.#set, entry, this.#timeMs)) {
      this.stats.expired++;
      return;
    }
    const indicator = indicatorAt(this.#set, entry);
    (this.stats.hits as Record<IndicatorKind, number>)[indicator.kind]++;
    this.#emit({ indicator, field: this.#field, observable });
  }
}

/** `1.2.3.4:443` in a text: the port, if there is one. */
function portBehind(text: string, at: number): number | undefined {
  if (text.charCodeAt(at) !== 0x3a) return undefined;
  const match = /^:(\d{1,5})(?!\d)/.exec(text.slice(at, at + 7));
  return match === null ? undefined : Number(match[1]);
}

/** Path expressions by the Sigma engine: their literals gate them, and what runs runs in linear time. */
class PathMatcher {
  readonly #engine: Engine;
  readonly #event: { path: string } & SigmaEvent;

  constructor(rules: readonly RuleIr[]) {
    this.#engine = new Engine(rules, { slots: { slot: () => 0 }, route: () => ({ sources: [0] }) });
    this.#engine.warm(0);
    const event = { path: "", get: () => event.path, eachText: () => {} };
    this.#event = event;
  }

  match(path: string, emit: (entry: number) => void): void {
    this.#event.path = path;
    this.#engine.evaluate(0, this.#event, (rule) => emit(Number(rule.id)));
  }
}
