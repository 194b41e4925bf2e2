// Records packed one after another into a buffer that crosses threads: each a header (text bytes, input, time, sequence, size of the record in its
// input; 8 bytes each, little-endian) and the event packed as text. Written and read by the same program.

import type { JsonNormalizer } from "../../normalize/mod.ts";
import { batchBytes } from "./limits.ts";
import type { Pending } from "./order.ts";

const headerBytes = 40;

/** Collects records and hands a full buffer over; what it hands over belongs to the receiver. */
export class BatchWriter {
  readonly #normalizer: JsonNormalizer;
  readonly #onBatch: (batch: Uint8Array<ArrayBuffer>) => void;
  #buffer: Buffer<ArrayBuffer> | undefined;
  #used = 0;

  constructor(normalizer: JsonNormalizer, onBatch: (batch: Uint8Array<ArrayBuffer>) => void) {
    this.#normalizer = normalizer;
    this.#onBatch = onBatch;
  }

  /** Takes a record whose text in the input has `bytes`. O(size of the event). */
  add({ event, input, sequence }: Pending, bytes: number): void {
    const text = this.#normalizer.pack(event);
    const room = headerBytes + text.length * 3;
    if (this.#buffer !== undefined && this.#used + room > this.#buffer.length) this.flush();
    // Not of the pool: the whole of it goes to another thread.
    this.#buffer ??= Buffer.from(new ArrayBuffer(Math.max(batchBytes, room)));
    const buffer = this.#buffer;
    const at = this.#used;
    const length = buffer.write(text, at + headerBytes, "utf8");
    buffer.writeDoubleLE(length, at);
    buffer.writeDoubleLE(input, at + 8);
    buffer.writeDoubleLE(event.timeMs, at + 16);
    buffer.writeDoubleLE(sequence, at + 24);
    buffer.writeDoubleLE(bytes, at + 32);
    this.#used = at + headerBytes + length;
  }

  /** Hands over what there is. */
  flush(): void {
    const buffer = this.#buffer;
    if (buffer !== undefined && this.#used > 0) this.#onBatch(new Uint8Array(buffer.buffer, 0, this.#used));
    this.#buffer = undefined;
    this.#used = 0;
  }
}

/** Gives the records of a batch in their order. */
export function readBatch(
  batch: Uint8Array,
  normalizer: JsonNormalizer,
  onRecord: (record: Pending, bytes: number) => void,
): void {
  const buffer = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let at = 0; at < buffer.length; ) {
    const from = at + headerBytes;
    const to = from + buffer.readDoubleLE(at);
    const event = normalizer.unpack(buffer.toString("utf8", from, to), buffer.readDoubleLE(at + 16));
    onRecord(
      { event, input: buffer.readDoubleLE(at + 8), sequence: buffer.readDoubleLE(at + 24) },
      buffer.readDoubleLE(at + 32),
    );
    at = to;
  }
}
