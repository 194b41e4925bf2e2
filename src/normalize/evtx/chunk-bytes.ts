// The bytes of one chunk and what is read from them everywhere: text, names, checked numbers. One instance serves a whole file; its
// buffer is filled anew for each chunk.

import { chunkBytes, chunkHeaderBytes, nameMaxChars, recordCharsMax, recordWorkMax } from "./limits.ts";
import { Damage } from "./record.ts";

/** Texts up to here are looked at character by character for whether one byte each is enough; longer ones are copied as they are. */
const narrowMaxChars = 128;

/** Windows-1252 where it differs from Latin-1; the file does not say which code page it was. */
const ansiDecoder: TextDecoder = new TextDecoder("windows-1252");

export class Chunk {
  /** Room for the chunk and for the header of what follows. */
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Bytes of this chunk; fewer when it was cut short. Nothing behind them is read as part of it. */
  size = 0;
  /** Bytes of the input in the buffer, from the beginning of the chunk. */
  filled = 0;
  /** Security identifiers by their bytes. */
  readonly sids: Map<string, string> = new Map<string, string>();
  readonly #narrow: Buffer = Buffer.alloc(narrowMaxChars);
  readonly #names: Map<number, string> = new Map<number, string>();
  #workLeft = 0;
  #charsLeft = 0;

  constructor() {
    // Its own memory: offset 0 of the view is offset 0 of the chunk.
    const memory = new ArrayBuffer(chunkBytes + chunkHeaderBytes);
    this.bytes = Buffer.from(memory);
    this.view = new DataView(memory);
  }

  /** The buffer holds another chunk now. */
  renew(): void {
    this.size = Math.min(this.filled, chunkBytes);
    this.#names.clear();
  }

  /** A new record may do its work. */
  beginRecord(): void {
    this.#workLeft = recordWorkMax;
    this.#charsLeft = recordCharsMax;
  }

  /** One token, value or field of the record's budget. */
  spend(): void {
    if (--this.#workLeft < 0) throw new Damage("the record multiplies its content");
  }

  /** Characters (or bytes that become some) of the record's budget. */
  spendChars(count: number): void {
    this.#charsLeft -= count;
    if (this.#charsLeft < 0) throw new Damage("the record multiplies its text");
  }

  /** Throws {@link Damage} unless `count` bytes at `at` end by `end`. */
  need(at: number, count: number, end: number): void {
    if (at + count > end) throw new Damage("the content goes on behind its end");
  }

  /** UTF-16 of `size` bytes at `at`; both must lie in the chunk. Unpaired surrogates stay as they are. */
  text(at: number, size: number): string {
    const count = size >> 1;
    this.spendChars(count);
    if (count === 0) return "";
    if (count <= narrowMaxChars) {
      const { view } = this;
      const narrow = this.#narrow;
      let all = 0;
      for (let i = 0; i < count; i++) {
        const code = view.getUint16(at + 2 * i, true);
        all |= code;
        narrow[i] = code;
      }
      if (all < 256) return narrow.toString("latin1", 0, count);
    }
    return this.bytes.toString("utf16le", at, at + 2 * count);
  }

  /** Text of one byte a character, up to its first zero. */
  ansi(at: number, size: number): string {
    this.spendChars(size);
    const all = this.bytes.subarray(at, at + size);
    const zero = all.indexOf(0);
    return ansiDecoder.decode(zero === -1 ? all : all.subarray(0, zero));
  }

  /** The name at `at`: link (4 bytes), hash (2), number of characters (2), UTF-16. */
  name(at: number): string {
    const known = this.#names.get(at);
    if (known !== undefined) return known;
    this.need(at, 8, this.size);
    const count = this.view.getUint16(at + 6, true);
    if (count > nameMaxChars) throw new Damage("a name is too long");
    this.need(at + 8, 2 * count, this.size);
    const name = this.text(at + 8, 2 * count);
    this.#names.set(at, name);
    return name;
  }

  /** Bytes of the name at `at`, with its terminator. */
  nameBytes(at: number): number {
    this.need(at, 8, this.size);
    return 10 + 2 * this.view.getUint16(at + 6, true);
  }
}
