// The bytes of an input as its reader wants them: decompressed, text as UTF-8, in chunks; and the SHA-256 of what is stored.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { chunkBytes } from "./limits.ts";

/** An input that is being read. */
export interface ByteSource {
  /** Chunks, of text in UTF-8 without a byte order mark; a chunk is valid until the next one is asked for. May end with an error. */
  readonly chunks: AsyncIterable<Buffer>;
  /** SHA-256 of the stored bytes, hex. Complete once `chunks` has ended, also when it ended with an error. */
  digest(): string;
}

/**
 * Opens `path`, or standard input for `-`. Compression (gzip) and UTF-16 are told by the first bytes, not by the name; nothing is
 * decoded when the input is known to be no text.
 */
export function openBytes(path: string, stdin: NodeJS.ReadableStream, isText: boolean): ByteSource {
  const hash = createHash("sha256");
  let digest: string | undefined;
  const stored = gunzip(hashed(path === "-" ? stdin : fileChunks(path), hash));
  return {
    chunks: isText ? toUtf8(stored) : stored,
    digest: () => {
      digest ??= hash.digest("hex");
      return digest;
    },
  };
}

async function* fileChunks(path: string): AsyncIterable<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    if (!(await file.stat()).isFile()) {
      // Pipes and devices have no offsets and no end that could be asked for.
      yield* createReadStream(path, { highWaterMark: chunkBytes });
      return;
    }
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file?.close();
  }
}

async function* hashed(
  chunks: AsyncIterable<Buffer | string>,
  hash: ReturnType<typeof createHash>,
): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    const bytes =
      typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    hash.update(bytes);
    yield bytes;
  }
}

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const { head, rest } = await take(chunks, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* rest;
    return;
  }
  // The source's buffer is used again while zlib still reads from it.
  const copies = (async function* () {
    for await (const chunk of rest) yield Buffer.from(chunk);
  })();
  const source = Readable.from(copies, { objectMode: true, highWaterMark: 2 });
  const unzipped = createGunzip({ chunkSize: chunkBytes });
  source.on("error", (error) => unzipped.destroy(error));
  try {
    yield* source.pipe(unzipped) as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    unzipped.destroy();
  }
}

async function* toUtf8(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const { head, rest } = await take(chunks, 4);
  const encoding = utf16(head);
  if (encoding !== undefined) {
    const decoder = new TextDecoder(encoding);
    for await (const chunk of rest) yield Buffer.from(decoder.decode(chunk, { stream: true }));
    yield Buffer.from(decoder.decode());
    return;
  }
  let skip = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  for await (const chunk of rest) {
    yield skip > 0 ? chunk.subarray(skip) : chunk;
    skip = 0;
  }
}

/** By the byte order mark, or by the zero half of the first character: a record begins with `{` or `[`. */
function utf16(head: Buffer): "utf-16le" | "utf-16be" | undefined {
  if (head.length < 2) return undefined;
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0x7b && head[1] === 0)) return "utf-16le";
  if ((head[0] === 0xfe && head[1] === 0xff) || (head[0] === 0 && head[1] === 0x7b)) return "utf-16be";
  if (head[0] === 0x5b && head[1] === 0) return "utf-16le";
  if (head[0] === 0 && head[1] === 0x5b) return "utf-16be";
  return undefined;
}

/** The first `count` bytes (fewer when there are none), and all chunks, those of the head joined into the first. Whoever does not
 * read `rest` to its end calls `close`. */
export async function take(
  chunks: AsyncIterable<Buffer>,
  count: number,
): Promise<{ readonly head: Buffer; readonly rest: AsyncIterable<Buffer>; readonly close: () => Promise<void> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let size = 0;
  while (size < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    // One chunk that is enough needs no copy: nothing is asked for before it is used.
    first.push(size === 0 && next.value.length >= count ? next.value : Buffer.from(next.value));
    size += next.value.length;
  }
  const head = first.length === 1 ? (first[0] ?? Buffer.alloc(0)) : Buffer.concat(first);
  return {
    head,
    close: async () => {
      await iterator.return?.();
    },
    rest: (async function* () {
      try {
        if (head.length > 0) yield head;
        for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
      } finally {
        await iterator.return?.();
      }
    })(),
  };
}
