// What the network families remember between events, and what they know about the event at hand. One instance a normalizer.

import {
  ConnectionAggregator,
  type ConnectionAggregatorOptions,
  type ConnectionAggregatorStats,
  DnsCache,
  type DnsCacheOptions,
  type DnsCacheStats,
} from "../../state/mod.ts";
import { type DnsMessage, DnsStreams, type DnsStreamsOptions, type DnsStreamsStats } from "../dns/mod.ts";

export interface NetworkMemoryOptions {
  readonly names: DnsCacheOptions;
  readonly connections: ConnectionAggregatorOptions;
  readonly streams: DnsStreamsOptions;
}

/** The bounds, each with its reason. */
export const networkMemoryDefaults: NetworkMemoryOptions = {
  names: {
    // A busy browser learns a thousand addresses a day.
    hostEntriesMax: 16_384,
    processesMax: 512,
    // Far below those of the host: one process must not push out all others. All of them together are 32,768 names, of 1,020 units each
    // when somebody makes them as long as he can.
    processEntriesMax: 64,
    // Programs keep answers, and connections, for longer than the answer says.
    ttlMinMs: 5 * 60_000,
    // Addresses change hands.
    ttlMaxMs: 24 * 60 * 60_000,
  },
  // Some 200 bytes each.
  connections: { entriesMax: 16_384, intervalMs: 60_000 },
  // Sixteen of the longest messages half-finished at once; most are never longer than a segment.
  streams: { streamsMax: 1024, bytesMax: 1 << 20 },
};

export interface DnsStats {
  /** Messages that became events. */
  messages: number;
  /** Payloads to or from a name server's port that are no DNS, or another kind of message than lookups: no event. */
  others: number;
  /** Answers whose end was not recorded, or that contradict themselves; what could be read became an event. */
  damaged: number;
}

/** Counters of all of it. */
export interface NetworkReport {
  readonly names: DnsCacheStats;
  readonly connections: ConnectionAggregatorStats;
  readonly streams: DnsStreamsStats;
  readonly dns: DnsStats;
}

export class NetworkMemory {
  readonly names: DnsCache;
  readonly connections: ConnectionAggregator;
  readonly streams: DnsStreams;
  readonly dns: DnsStats = { messages: 0, others: 0, damaged: 0 };
  /** Messages of the record at hand that wait to be told; the first is the event's. */
  readonly messages: DnsMessage[] = [];

  constructor(options: NetworkMemoryOptions = networkMemoryDefaults) {
    this.names = new DnsCache(options.names);
    this.connections = new ConnectionAggregator(options.connections);
    this.streams = new DnsStreams(options.streams);
  }
  report(): NetworkReport {
    return {
      names: { ...this.names.stats },
      connections: { ...this.connections.stats },
      streams: { ...this.streams.stats },
      dns: { ...this.dns },
    };
  }
}
