// Compressed bytes to what they hold: gzip and zstd, told by the first bytes, also one inside the other; and the bounds within which an
// input may grow while it is unpacked.

import { Readable, type Transform } from "node:stream";
import { createGunzip, createInflateRaw, createZstdDecompress } from "node:zlib";
import { take } from "./bytes.ts";
import { InputError } from "./input-error.ts";
import { chunkBytes, idleMaxBytes, layersMax, unpackedMaxBytes, unpackedMaxRatio } from "./limits.ts";
import { ZstdFrames } from "./zstd-frames.ts";

/** An input unpacks to too much: nothing more of it is read, whatever else is in it. */
export class BombError extends InputError {}

/** The bounds of one input: what was read of it, and what that became. */
export class UnpackBudget {
  #stored = 0;
  #size = 0;
  #unpacked = 0;
  #idle = 0;
  readonly #unpackedMax: number;
  readonly #idleMax: number;

  constructor(unpackedMax: number = unpackedMaxBytes, idleMax: number = idleMaxBytes) {
    this.#unpackedMax = unpackedMax;
    this.#idleMax = idleMax;
  }

  /** Bytes that were read of the input as it is stored. */
  get storedBytes(): number {
    return this.#stored;
  }

  stored(bytes: number): void {
    this.#stored += bytes;
  }

  /** The size of the input, where it is known before it was read. */
  size(bytes: number): void {
    this.#size = bytes;
  }

  /** Bytes came out of a decompressor. Throws {@link BombError} when it is more than any recording becomes. */
  unpacked(bytes: number): void {
    this.#unpacked += bytes;
    if (this.#unpacked > Math.max(this.#unpackedMax, unpackedMaxRatio * Math.max(this.#stored, this.#size)))
      throw new BombError(`it unpacks to more than ${this.#unpackedMax} bytes and ${unpackedMaxRatio} times its size`);
  }

  /** Unpacked bytes went to a reader, which found events in them or not. Throws {@link BombError} when there was none for too long. */
  delivered(bytes: number, foundEvents: boolean): void {
    this.#idle = foundEvents ? 0 : this.#idle + bytes;
    if (this.#idle > this.#idleMax) throw new BombError(`no event in ${this.#idleMax} bytes that it unpacks to`);
  }
}

/** Takes the layers of compression off. `isPacked` when there was one. A chunk is valid until the next one is asked for. */
export async function unpackLayers(
  stored: AsyncIterable<Buffer>,
  budget: UnpackBudget,
): Promise<{
  readonly chunks: AsyncIterable<Buffer>;
  readonly head: Buffer;
  readonly isPacked: boolean;
  close(): Promise<void>;
}> {
  let chunks = stored;
  for (let layer = 0; ; layer++) {
    const { head, rest, close } = await take(chunks, 4);
    const compression = compressionOf(head);
    if (compression === undefined)
      return { chunks: rest, head: Buffer.from(head.subarray(0, 4)), isPacked: layer > 0, close };
    if (layer >= layersMax) {
      await close();
      throw new InputError(`it is compressed more than ${layersMax} times over`);
    }
    chunks = countUnpacked(decompress(rest, compression), budget);
  }
}

export type Compression = "gzip" | "zstd" | "deflate";

/** By the first four bytes; never `deflate`, which has no signature. */
export function compressionOf(head: Buffer): Compression | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head.length < 4) return undefined;
  const magic = head.readUInt32LE(0);
  // A skippable frame may come first: some tools put an index there.
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? "zstd" : undefined;
}

/** Counts what is read of the input as it is stored. */
export async function* countStored(chunks: AsyncIterable<Buffer>, budget: UnpackBudget): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    budget.stored(chunk.length);
    yield chunk;
  }
}

/** Counts what comes out of a decompressor. */
export async function* countUnpacked(chunks: AsyncIterable<Buffer>, budget: UnpackBudget): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    budget.unpacked(chunk.length);
    yield chunk;
  }
}

/** Decompresses a stream; ends with an error (of the decompressor, or {@link InputError}) when it is damaged or ends early. */
export async function* decompress(chunks: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> {
  const frames = compression === "zstd" ? new ZstdFrames() : undefined;
  // The source's buffer is used again while the decompressor still reads from it.
  const copies = (async function* () {
    for await (const chunk of chunks) {
      frames?.push(chunk);
      yield Buffer.from(chunk);
    }
  })();
  const source = Readable.from(copies, { objectMode: true, highWaterMark: 2 });
  const unpacked = decompressor(compression);
  source.on("error", (error) => unpacked.destroy(error));
  try {
    yield* source.pipe(unpacked) as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    unpacked.destroy();
  }
  if (frames !== undefined && !frames.isComplete) throw new InputError("the compressed data ends early");
}

function decompressor(compression: Compression): Transform {
  const options = { chunkSize: chunkBytes };
  if (compression === "gzip") return createGunzip(options);
  return compression === "zstd" ? createZstdDecompress(options) : createInflateRaw(options);
}
