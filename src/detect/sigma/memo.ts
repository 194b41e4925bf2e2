// Remembers what a value resolved to: processes start again and again from the same image. Bounded, and it steps aside for
// fields whose values hardly repeat, where remembering would only cost memory and time.

/** Values longer than this are not remembered: they are rare, seldom repeat, and would dominate the memory. */
const valueLengthMax = 1_024;

/** Values in one generation; two are kept. At 100 characters a value this is some 400 KiB for a field at worst. */
const generationSizeMax = 1_024;

/** Look-ups after which the share of successful ones decides whether to go on. */
const trialCount = 1_024;

/** Below this share of hits, scanning again costs less than remembering. */
const worthwhileShare = 0.25;

/** Look-ups to sit out before trying again: the load of a machine changes. */
const restCount = 32 * 1_024;

/** A map from text to result with two generations: when the young one is full it becomes the old one, whose rest is dropped. */
export class ValueMemo {
  #young = new Map<string, Int32Array>();
  #old = new Map<string, Int32Array>();
  #lookups = 0;
  #hits = 0;
  #resting = 0;

  get(text: string): Int32Array | undefined {
    if (this.#resting > 0) {
      this.#resting--;
      return undefined;
    }
    if (text.length > valueLengthMax) return undefined;
    if (++this.#lookups >= trialCount) this.#judge();
    const young = this.#young.get(text);
    if (young !== undefined) {
      this.#hits++;
      return young;
    }
    const old = this.#old.get(text);
    if (old === undefined) return undefined;
    this.#hits++;
    this.#insert(text, old);
    return old;
  }

  set(text: string, result: Int32Array): void {
    if (this.#resting === 0 && text.length <= valueLengthMax) this.#insert(text, result);
  }

  #insert(text: string, result: Int32Array): void {
    if (this.#young.size >= generationSizeMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, result);
  }

  #judge(): void {
    if (this.#hits < this.#lookups * worthwhileShare) {
      this.#resting = restCount;
      this.#young.clear();
      this.#old.clear();
    }
    this.#lookups = 0;
    this.#hits = 0;
  }
}
