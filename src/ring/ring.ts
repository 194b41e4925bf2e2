// One writer, one reader, in a SharedArrayBuffer. The shim's thread writes sensor records into such a ring directly; between
// workers the same ring carries jobs and alerts. Nothing here blocks; who sleeps on a ring decides how to be woken.
//
//   bytes   0 head   written, modulo 2^32   (writer's cache line)
//           4 size   of the data
//           8 waiting: the reader sleeps
//          64 tail   read, modulo 2^32      (reader's cache line)
//         128 data   ┌────────┬──────┬───────────────┬─────┐
//                    │ rec n  │ rec… │   free        │ PAD │   records are multiples of 8 and never wrap:
//                    └────────┴──────┴───────────────┴─────┘   what does not fit before the end starts over at 0
//                       ▲ tail          ▲ head
//
// The writer fills the bytes, then stores head: a reader that sees head sees the bytes (Atomics are sequentially
// consistent; the shim uses release). head is read once per drain, so a fast writer cannot hold the reader in its loop.

import { headerLayout, kind, ringLayout } from "../event/layout.gen.ts";

const headAt = ringLayout.head >> 2;
const sizeAt = ringLayout.size >> 2;
const waitingAt = ringLayout.waiting >> 2;
const tailAt = ringLayout.tail >> 2;
const dataAt = ringLayout.bytes;

/** Smallest header a record can have: size (u32), kind (u16), and two bytes more. */
const frameBytes = 8;

/** A ring whose bytes make no sense: the reader cannot find the next record any more. Never repaired, only restarted. */
export class RingCorruptError extends Error {
  readonly code = "E_RING_CORRUPT";
}

/** Memory for a ring with `bytes` of data, a power of two of at least 4 KiB. Throws RangeError otherwise. */
export function createRing(bytes: number): SharedArrayBuffer {
  if (!Number.isInteger(bytes) || bytes < 4096 || bytes > 2 ** 30 || (bytes & (bytes - 1)) !== 0)
    throw new RangeError(`Cannot make a ring of ${bytes} bytes: a power of two from 4096 to 2^30 is needed`);
  const memory = new SharedArrayBuffer(dataAt + bytes);
  new Int32Array(memory)[sizeAt] = bytes;
  return memory;
}

function sizeOf(words: Int32Array): number {
  const bytes = words[sizeAt] as number;
  if (bytes < 4096 || (bytes & (bytes - 1)) !== 0 || words.byteLength < dataAt + bytes)
    throw new RingCorruptError(`Cannot use a ring of ${bytes} bytes in ${words.byteLength} bytes of memory`);
  return bytes;
}

/** The reading end. At most one per ring. */
export class RingReader {
  /** The data of the ring; offsets that {@link drain} hands out are into it. */
  readonly bytes: Buffer;
  readonly #words: Int32Array;
  readonly #size: number;
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, (memory.byteLength >> 2) & ~1);
    this.#size = sizeOf(this.#words);
    this.bytes = Buffer.from(memory, dataAt, this.#size);
    this.#tail = Atomics.load(this.#words, tailAt);
  }

  /** Bytes that the writer cannot use now: written and not yet given back. */
  get pendingBytes(): number {
    return (Atomics.load(this.#words, headAt) - Atomics.load(this.#words, tailAt)) >>> 0;
  }

  /** Where the writer stands now: what {@link drain} takes as `end`. */
  get end(): number {
    return Atomics.load(this.#words, headAt);
  }

  /** Records that are there now. Linear in them; meant for a ring that nobody reads at the moment. Throws like {@link drain}. */
  get pendingCount(): number {
    const head = Atomics.load(this.#words, headAt);
    let count = 0;
    for (let at = Atomics.load(this.#words, tailAt); at !== head; ) {
      const offset = at & (this.#size - 1);
      const size = this.bytes.readUInt32LE(offset + headerLayout.size);
      if (size < frameBytes || (size & 7) !== 0 || size > (head - at) >>> 0 || offset + size > this.#size)
        throw new RingCorruptError(`Cannot count the records of a ring: one of ${size} bytes`);
      if (this.bytes.readUInt16LE(offset + headerLayout.kind) !== kind.pad) count++;
      at = (at + size) | 0;
    }
    return count;
  }

  /**
   * Hands every record that is there now (or was at `end`) to `take`, as its offset in {@link bytes}, oldest first, `max` at most; returns how many.
   * A record's bytes are valid only inside the call. Room is given back in steps of 64 records and at the end. Throws
   * RingCorruptError when a size is impossible; what `take` throws passes through, with that record counted as read.
   */
  drain(take: (offset: number) => void, max = Number.MAX_SAFE_INTEGER, end = this.end): number {
    const words = this.#words;
    const bytes = this.bytes;
    const mask = this.#size - 1;
    const head = end;
    let tail = this.#tail;
    let taken = 0;
    try {
      while (tail !== head && taken < max) {
        const offset = tail & mask;
        const size = bytes.readUInt32LE(offset + headerLayout.size);
        if (size < frameBytes || (size & 7) !== 0 || size > (head - tail) >>> 0 || offset + size > this.#size)
          throw new RingCorruptError(`Cannot read a record of ${size} bytes at ${offset}`);
        tail = (tail + size) | 0;
        if (bytes.readUInt16LE(offset + headerLayout.kind) === kind.pad) continue;
        taken++;
        take(offset);
        if ((taken & 63) === 0) Atomics.store(words, tailAt, tail);
      }
    } finally {
      this.#tail = tail;
      Atomics.store(words, tailAt, tail);
    }
    return taken;
  }

  /**
   * Resolves when there is something to read or `timeoutMs` is over. For readers that live on an event loop; the writer is a
   * {@link RingWriter}, which wakes them.
   */
  async wait(timeoutMs: number): Promise<void> {
    const words = this.#words;
    Atomics.store(words, waitingAt, 1);
    if (this.pendingBytes > 0) return;
    const result = Atomics.waitAsync(words, waitingAt, 1, timeoutMs);
    if (result.async) await result.value;
  }
}

/** The writing end in TypeScript (the sensor rings are written by the shim). At most one per ring. */
export class RingWriter {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #size: number;
  /** Messages that did not fit. */
  dropped = 0;
  /** Messages that went in. */
  written = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, (memory.byteLength >> 2) & ~1);
    this.#size = sizeOf(this.#words);
    this.#bytes = Buffer.from(memory, dataAt, this.#size);
  }

  /** Would a payload of this length go in now? */
  fits(payloadBytes: number): boolean {
    return this.#place(payloadBytes) !== undefined;
  }

  /** Where a message with such a payload would lie and how much filler comes before it; `undefined` when there is no room. */
  #place(payloadBytes: number): { readonly at: number; readonly size: number; readonly skip: number } | undefined {
    const size = (messageHeaderBytes + payloadBytes + 7) & ~7;
    const at = Atomics.load(this.#words, headAt);
    const free = this.#size - ((at - Atomics.load(this.#words, tailAt)) >>> 0);
    const toEnd = this.#size - (at & (this.#size - 1));
    const skip = size <= toEnd ? 0 : toEnd;
    return size > this.#size >> 1 || skip + size > free ? undefined : { at, size, skip };
  }

  /**
   * Writes one message: `kindOf` (1 to 65535) and a payload, which {@link readMessage} gives back. False when there is no room
   * (counted in `dropped`) — a message can be half the ring at most. Wakes a waiting reader.
   */
  write(kindOf: number, payload: Uint8Array): boolean {
    const place = this.#place(payload.length);
    if (place === undefined) {
      this.dropped++;
      return false;
    }
    const { at, size, skip } = place;
    const offset = at & (this.#size - 1);
    if (skip > 0) {
      this.#bytes.writeUInt32LE(skip, offset + headerLayout.size);
      this.#bytes.writeUInt16LE(kind.pad, offset + headerLayout.kind);
    }
    const to = skip > 0 ? 0 : offset;
    this.#bytes.writeUInt32LE(size, to + headerLayout.size);
    this.#bytes.writeUInt16LE(kindOf, to + headerLayout.kind);
    this.#bytes.writeUInt32LE(payload.length, to + payloadLengthAt);
    this.#bytes.set(payload, to + messageHeaderBytes);
    Atomics.store(this.#words, headAt, (at + skip + size) | 0);
    this.written++;
    if (Atomics.exchange(this.#words, waitingAt, 0) === 1) Atomics.notify(this.#words, waitingAt);
    return true;
  }
}

const payloadLengthAt = 8;
const messageHeaderBytes = 16;

/** A message of a {@link RingWriter}, at an offset that `drain` handed out. The payload is a copy. */
export function readMessage(bytes: Buffer, offset: number): { kind: number; payload: Buffer } {
  const size = bytes.readUInt32LE(offset + headerLayout.size);
  const length = bytes.readUInt32LE(offset + payloadLengthAt);
  if (length > size - messageHeaderBytes)
    throw new RingCorruptError(`Cannot read ${length} bytes of a ${size} byte message`);
  const start = offset + messageHeaderBytes;
  return {
    kind: bytes.readUInt16LE(offset + headerLayout.kind),
    payload: Buffer.from(bytes.subarray(start, start + length)),
  };
}
