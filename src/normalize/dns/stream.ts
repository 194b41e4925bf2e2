// DNS over TCP: messages with a length of two bytes before each (RFC 1035, 4.2.2), put together from segments that may hold a part
// of one or several. Keyed by connection and direction; bounded in connections and in bytes, the least recently used goes first,
// and what it had half-finished is counted.

import { streamMessageMaxBytes } from "./limits.ts";

export interface DnsStreamsOptions {
  /** Connections remembered at once, each direction for itself. */
  readonly streamsMax: number;
  /** Bytes of half-finished messages together. */
  readonly bytesMax: number;
}

interface Stream {
  /** TCP sequence number of the byte that comes next. */
  next: number;
  /** The half-finished message, `used` bytes of it; grows by doubling, so that a message of single bytes costs no more than one of few segments. */
  data: Buffer;
  used: number;
}

export interface DnsStreamsStats {
  /** Segments, or their beginnings, that came again. */
  repeated: number;
  /** Half-finished messages given up: bytes are missing, the connection ended, or there were too many. */
  abandoned: number;
}

const nothing = Buffer.alloc(0);
const lengthBytes = 2;
/** The most that one half-finished message holds: its length, and all but its last byte. */
export const pendingMaxBytes = lengthBytes + streamMessageMaxBytes - 1;

export class DnsStreams {
  readonly #options: DnsStreamsOptions;
  /** Least recently used first. */
  readonly #streams = new Map<string, Stream>();
  #bytes = 0;
  readonly stats: DnsStreamsStats = { repeated: 0, abandoned: 0 };

  constructor(options: DnsStreamsOptions) {
    this.#options = options;
  }

  /** Connections remembered. */
  get size(): number {
    return this.#streams.size;
  }

  /** Bytes held for half-finished messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes the payload of a segment that begins at TCP sequence number `sequence`, and calls `visit` with every message that is whole
   * now, without its length. `key` names the connection and the direction. What `visit` gets is valid during the call only.
   * Amortized O(bytes).
   */
  take(key: string, sequence: number, payload: Buffer, visit: (bytes: Buffer, from: number, to: number) => void): void {
    let stream = this.#streams.get(key);
    let fresh = payload;
    if (stream === undefined) stream = { next: sequence, data: nothing, used: 0 };
    else {
      this.#streams.delete(key);
      // How much of the segment was there before, modulo 2^32; below zero, bytes are missing in between.
      const known = (stream.next - sequence) | 0;
      if (known > 0) this.stats.repeated++;
      if (known < 0) this.#giveUp(stream);
      else fresh = payload.subarray(Math.min(known, payload.length));
      if (known < 0) stream.next = sequence;
    }
    // The most recently used stands last.
    this.#streams.set(key, stream);
    stream.next = (stream.next + fresh.length) >>> 0;
    const at = this.#finish(stream, fresh, visit);
    this.#visitWhole(stream, fresh, at, visit);
    this.#trim();
  }

  /** The connection is over: what it left half-finished is given up. */
  end(key: string): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    this.#streams.delete(key);
    this.#giveUp(stream);
  }

  /** Feeds the half-finished message; returns how many bytes of `fresh` belong to it. */
  #finish(stream: Stream, fresh: Buffer, visit: (bytes: Buffer, from: number, to: number) => void): number {
    let at = 0;
    while (stream.used > 0 && at < fresh.length) {
      const wanted =
        stream.used < lengthBytes ? lengthBytes - stream.used : lengthBytes + stream.data.readUInt16BE(0) - stream.used;
      const taken = Math.min(wanted, fresh.length - at);
      this.#append(stream, fresh, at, at + taken);
      at += taken;
      if (stream.used < lengthBytes || stream.used < lengthBytes + stream.data.readUInt16BE(0)) continue;
      const { data, used } = stream;
      this.#release(stream);
      visit(data, lengthBytes, used);
    }
    return at;
  }

  #visitWhole(
    stream: Stream,
    fresh: Buffer,
    from: number,
    visit: (bytes: Buffer, from: number, to: number) => void,
  ): void {
    let at = from;
    while (fresh.length - at >= lengthBytes) {
      const end = at + lengthBytes + fresh.readUInt16BE(at);
      if (end > fresh.length) break;
      visit(fresh, at + lengthBytes, end);
      at = end;
    }
    if (at < fresh.length) this.#append(stream, fresh, at, fresh.length);
  }

  #append(stream: Stream, from: Buffer, at: number, end: number): void {
    const size = stream.used + end - at;
    if (size > stream.data.length) {
      const grown = Buffer.alloc(Math.max(512, 2 ** Math.ceil(Math.log2(size))));
      stream.data.copy(grown, 0, 0, stream.used);
      stream.data = grown;
    }
    from.copy(stream.data, stream.used, at, end);
    stream.used = size;
    this.#bytes += end - at;
  }

  #release(stream: Stream): void {
    this.#bytes -= stream.used;
    stream.used = 0;
    stream.data = nothing;
  }

  #giveUp(stream: Stream): void {
    if (stream.used > 0) this.stats.abandoned++;
    this.#release(stream);
  }

  #trim(): void {
    while (this.#streams.size > this.#options.streamsMax || this.#bytes > this.#options.bytesMax) {
      const oldest = this.#streams.entries().next().value;
      if (oldest === undefined) return;
      this.#streams.delete(oldest[0]);
      this.#giveUp(oldest[1]);
    }
  }
}
