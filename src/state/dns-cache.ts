// DnsCache: which name an address was asked for by. Filled from every DNS answer that the sensor sees; a network event takes its
// `DestinationHostname` from here. What a process was itself told comes first: several names share an address, and who asks a
// server of its own can make it answer anything. What others were told comes second, for programs that ask through a resolver.

export interface DnsCacheOptions {
  /** Addresses remembered for the whole host. */
  readonly hostEntriesMax: number;
  /** Processes with names of their own. */
  readonly processesMax: number;
  /** Addresses of one process. Its oldest goes first: who asks much forgets its own names, not those of others. */
  readonly processEntriesMax: number;
  /** A shorter time to live counts as this: a program connects some time after it asked, and many keep answers longer than they may. */
  readonly ttlMinMs: number;
  /** A longer one counts as this. */
  readonly ttlMaxMs: number;
}

export interface DnsCacheStats {
  /** Addresses of the host-wide table, and of all processes together. */
  hostEntries: number;
  processEntries: number;
  /** Answers taken. */
  learned: number;
  /** Forgotten although they were still valid, because a table was full. */
  evicted: number;
  /** Questions, and how they were answered. */
  lookups: number;
  ownHits: number;
  hostHits: number;
}

interface Entry {
  name: string;
  untilMs: number;
}

/** Addresses, least recently learned first. */
type Names = Map<string, Entry>;

export class DnsCache {
  readonly #options: DnsCacheOptions;
  readonly #host: Names = new Map();
  /** Least recently learned first. */
  readonly #processes = new Map<string, Names>();
  readonly stats: DnsCacheStats = {
    hostEntries: 0,
    processEntries: 0,
    learned: 0,
    evicted: 0,
    lookups: 0,
    ownHits: 0,
    hostHits: 0,
  };

  constructor(options: DnsCacheOptions) {
    this.#options = options;
  }

  /**
   * An answer: `process` (any text that identifies it; `undefined` when it is not known) asked for `name` and was told `address`.
   * The name is the one that was asked for, not the last of a chain. The last answer for an address wins. Amortized O(1).
   */
  learn(process: string | undefined, name: string, address: string, ttlSeconds: number, nowMs: number): void {
    const { ttlMinMs, ttlMaxMs, hostEntriesMax, processesMax, processEntriesMax } = this.#options;
    const entry = { name, untilMs: nowMs + Math.min(Math.max(ttlSeconds * 1000, ttlMinMs), ttlMaxMs) };
    this.stats.learned++;
    this.#put(this.#host, address, entry, hostEntriesMax, nowMs);
    this.stats.hostEntries = this.#host.size;
    if (process === undefined) return;
    const names = this.#processes.get(process) ?? new Map<string, Entry>();
    this.#processes.delete(process);
    this.#processes.set(process, names);
    const before = names.size;
    this.#put(names, address, { ...entry }, processEntriesMax, nowMs);
    this.stats.processEntries += names.size - before;
    if (this.#processes.size <= processesMax) return;
    const oldest = this.#processes.entries().next().value;
    if (oldest === undefined) return;
    for (const { untilMs } of oldest[1].values()) if (untilMs > nowMs) this.stats.evicted++;
    this.#remove(...oldest);
  }

  /** The name by which `process` knows `address`, else the one by which the host does; `undefined` when neither or too old. O(1). */
  nameOf(process: string | undefined, address: string, nowMs: number): string | undefined {
    this.stats.lookups++;
    const own = process === undefined ? undefined : this.#processes.get(process)?.get(address);
    if (own !== undefined && own.untilMs > nowMs) {
      this.stats.ownHits++;
      return own.name;
    }
    const host = this.#host.get(address);
    if (host === undefined || host.untilMs <= nowMs) return undefined;
    this.stats.hostHits++;
    return host.name;
  }

  /** A process has ended: what it alone was told is of no use any more. */
  forget(process: string): void {
    const names = this.#processes.get(process);
    if (names !== undefined) this.#remove(process, names);
  }

  #remove(process: string, names: Names): void {
    this.#processes.delete(process);
    this.stats.processEntries -= names.size;
  }

  #put(names: Names, address: string, entry: Entry, entriesMax: number, nowMs: number): void {
    names.delete(address);
    names.set(address, entry);
    if (names.size <= entriesMax) return;
    const oldest = names.entries().next().value;
    if (oldest === undefined) return;
    names.delete(oldest[0]);
    if (oldest[1].untilMs > nowMs) this.stats.evicted++;
  }
}
