// Bytes of files in chunks, their first bytes, and text as UTF-8.

import type { FileHandle } from "node:fs/promises";
import { chunkBytes } from "./limits.ts";

/**
 * What a pipe or a device has to give: it has no offsets. It is not opened by name again: a named pipe would wait for another
 * writer. A chunk is valid until the next one is asked for.
 */
export async function* pipeChunks(file: FileHandle): AsyncIterable<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** `length` bytes of a file from the offset `from`, fewer when it ends before. A chunk is valid until the next one is asked for. */
export async function* fileRange(file: FileHandle, from: number, length: number): AsyncIterable<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, length)));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - done), from + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Text in UTF-16 as UTF-8, and without a byte order mark; anything else as it is. */
export async function* toUtf8(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
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
