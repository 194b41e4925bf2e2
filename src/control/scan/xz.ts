// xz, which Bun cannot unpack: through the npm package xz-decompress, which is xz-embedded as WebAssembly.

import { XzReadableStream } from "xz-decompress";

/** The whole content; throws when it is broken or longer than `sizeMaxBytes`. */
export async function unpackXz(data: Uint8Array, sizeMaxBytes: number): Promise<Uint8Array> {
  const source = new ReadableStream({
    start(controller) {
      controller.enqueue(data);
      controller.close();
    },
  });
  const reader = new XzReadableStream(source as never).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(pieces);
    size += value.length;
    if (size > sizeMaxBytes) {
      await reader.cancel().catch(() => undefined);
      throw Object.assign(new Error("too large"), { code: "ERR_BUFFER_TOO_LARGE" });
    }
    pieces.push(Buffer.from(value));
  }
}

/** An empty file, to get everything loaded that unpacking needs while files can still be opened. */
export const emptyXz: Uint8Array = Uint8Array.from(
  Buffer.from("/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=", "base64"),
);
