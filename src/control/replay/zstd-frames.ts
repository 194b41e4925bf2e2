// Where the frames of a zstd stream end (RFC 8878, 3.1). The decompressor says nothing when its input stops in the middle of a frame, so
// the headers of frames and blocks are followed beside it.

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

const dictionaryIdBytes = [0, 1, 2, 4] as const;
const contentSizeBytes = [0, 2, 4, 8] as const;

/** What the bytes that are collected next are. */
type State = "magic" | "skippable" | "descriptor" | "block";

/** Takes a stream in pieces. Never throws: what is no zstd is for the decompressor to refuse. O(blocks), not O(bytes). */
export class ZstdFrames {
  #state: State = "magic";
  /** Header bytes collected so far, little-endian, and how many are wanted. */
  #value = 0;
  #have = 0;
  #want = 4;
  /** Content to pass over before the next header. */
  #skip = 0;
  /** Bytes behind the last block of the frame. */
  #checksumBytes = 0;
  #frames = 0;
  #isLost = false;

  /** All bytes so far are whole frames, at least one. */
  get isComplete(): boolean {
    return !this.#isLost && this.#frames > 0 && this.#state === "magic" && this.#have === 0 && this.#skip === 0;
  }

  /** Takes the next bytes; they are not kept. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#isLost; ) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at);
        this.#skip -= count;
        at += count;
        continue;
      }
      this.#value += (bytes[at++] ?? 0) * 2 ** (8 * this.#have++);
      if (this.#have === this.#want) this.#header();
    }
  }

  #header(): void {
    const value = this.#value;
    this.#value = 0;
    this.#have = 0;
    switch (this.#state) {
      case "magic":
        if (value === frameMagic) this.#next("descriptor", 1);
        else if ((value & 0xfffffff0) >>> 0 === skippableMagic) this.#next("skippable", 4);
        else this.#isLost = true;
        return;
      case "skippable":
        this.#skip = value;
        this.#frames++;
        this.#next("magic", 4);
        return;
      case "descriptor": {
        const isSingle = (value & 0x20) !== 0;
        const sizeFlag = value >> 6;
        const sizeBytes = sizeFlag === 0 && isSingle ? 1 : (contentSizeBytes[sizeFlag] ?? 0);
        this.#skip = (isSingle ? 0 : 1) + (dictionaryIdBytes[value & 3] ?? 0) + sizeBytes;
        this.#checksumBytes = (value & 4) === 0 ? 0 : 4;
        this.#next("block", 3);
        return;
      }
      case "block": {
        const isRepeat = ((value >> 1) & 3) === 1;
        this.#skip = isRepeat ? 1 : value >> 3;
        if ((value & 1) === 0) return;
        this.#skip += this.#checksumBytes;
        this.#frames++;
        this.#next("magic", 4);
      }
    }
  }

  #next(state: State, want: number): void {
    this.#state = state;
    this.#want = want;
  }
}
