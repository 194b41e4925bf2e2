// Reads a capture in pieces of any size: checks the head, every block's seal and the order of blocks. Stops at the first damage,
// which is told and never thrown; only what is no capture, or one of another format, is an error.

import {
  type BlockHeader,
  blockHeaderBytes,
  blockType,
  checkHead,
  decodeHeader,
  decodePayload,
  hashBytes,
  headBytes,
  isSealed,
} from "./format.ts";
import { type CaptureManifest, decodeManifest } from "./manifest.ts";

export interface CaptureSink {
  /** Once, before anything else. */
  onManifest(manifest: CaptureManifest): void;
  /** A block of entries that is what its writer made it; `plain` is decompressed when it is called for. */
  onEntries(header: BlockHeader, plain: () => Buffer | undefined): void;
  /** Where the first byte is that cannot be used, and why. Nothing comes after it. */
  onDamage(offset: number, problem: string): void;
}

export class CaptureReader {
  /** How the capture ended, as its writer says; `undefined` until its last block was read. */
  summary: Readonly<Record<string, unknown>> | undefined;
  readonly #sink: CaptureSink;
  #held: Buffer = Buffer.alloc(0);
  /** Position in the file of the first held byte. */
  #offset = 0;
  #hash: Buffer = Buffer.alloc(hashBytes);
  #entries = 0;
  #state: "head" | "manifest" | "blocks" | "ended" | "damaged" = "head";

  constructor(sink: CaptureSink) {
    this.#sink = sink;
  }

  get isDamaged(): boolean {
    return this.#state === "damaged";
  }

  /** Takes the next bytes. Throws CaptureError when this is no capture, or one that this program must not read. */
  push(chunk: Buffer): void {
    if (this.#state === "damaged") return;
    if (this.#state === "ended") {
      if (chunk.length > 0) this.#damage("bytes follow the end of the capture");
      return;
    }
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    while (this.#step());
  }

  /** The input has ended. Throws like {@link push}. */
  end(): void {
    if (this.#state === "ended" || this.#state === "damaged") return;
    if (this.#state === "head") checkHead(this.#held);
    this.#damage("it ends early");
  }

  #step(): boolean {
    if (this.#state === "head") {
      if (this.#held.length < headBytes) return false;
      checkHead(this.#held);
      this.#drop(headBytes);
      this.#state = "manifest";
      return true;
    }
    if (this.#state !== "manifest" && this.#state !== "blocks") {
      if (this.#state === "ended" && this.#held.length > 0) this.#damage("bytes follow the end of the capture");
      return false;
    }
    if (this.#held.length < blockHeaderBytes) return false;
    const header = decodeHeader(this.#held);
    if (header === undefined) return this.#damage("what should be a block is none");
    const size = blockHeaderBytes + header.storedBytes;
    if (this.#held.length < size) return false;
    const block = this.#held.subarray(0, size);
    if (!isSealed(block, this.#hash)) return this.#damage("a block does not match its checksum");
    const problem = this.#take(header, block);
    if (problem !== undefined) return this.#damage(problem);
    this.#hash = Buffer.from(block.subarray(32, 32 + hashBytes));
    this.#drop(size);
    return true;
  }

  /** Takes a block whose seal holds; the problem when it makes no sense all the same. */
  #take(header: BlockHeader, block: Buffer): string | undefined {
    if (this.#state === "manifest") {
      const plain = header.type === blockType.manifest ? decodePayload(block, header) : undefined;
      if (plain === undefined) return "the manifest is missing";
      this.#sink.onManifest(decodeManifest(plain));
      this.#state = "blocks";
      return undefined;
    }
    if (header.entriesBefore !== this.#entries) return "a block is out of order";
    if (header.type === blockType.end) {
      this.summary = summaryOf(decodePayload(block, header));
      this.#state = "ended";
      return undefined;
    }
    if (header.type !== blockType.entries) return `a block is of the unknown type ${header.type}`;
    this.#entries += header.entries;
    // The block is a view of bytes that go away; whoever wants the payload takes it now.
    this.#sink.onEntries(header, () => decodePayload(block, header));
    return undefined;
  }

  #drop(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
    this.#offset += bytes;
  }

  #damage(problem: string): false {
    this.#state = "damaged";
    this.#sink.onDamage(this.#offset, problem);
    this.#held = Buffer.alloc(0);
    return false;
  }
}

function summaryOf(plain: Buffer | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(plain?.toString() ?? "");
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
