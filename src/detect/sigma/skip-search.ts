// Finds any of some longer ASCII literals without reading every character (Wu and Manber 1994): the last two characters of a window as
// long as the shortest literal say how far the next literal is at least. For keywords, which are looked for in all texts of an event and
// hardly ever there, it reads a fifth of what the automaton reads.

import { foldsToAscii } from "./fold.ts";

/** Told of every literal that is found; several times when it occurs several times. */
export interface LiteralSink {
  hit(number: number): void;
}

/** Literals shorter than this leave too little to skip. */
export const skipLengthMin = 6;
/** More literals than this have some pair of characters in every text. */
export const skipCountMax = 64;

/** Windows are no longer than this: what follows in longer literals is compared. */
const windowMax = 16;

/** Pairs of characters are told apart by this many bits; those that share a place make steps shorter, never wrong. */
const pairBits = 12;

/** Searches ASCII literals, folded, of at least {@link skipLengthMin} characters. */
export class SkipSearch {
  /** Length of the shortest literal (up to a bound): no shorter text need be given to `scan`. */
  readonly window: number;
  /** Per pair of characters: how far the window may move when it ends with them; 0 where a literal's window ends so. */
  readonly #shift = new Uint8Array(1 << pairBits);
  /** Literals whose window ends with pair p, which then has shift 0: `#ends[#endStart[p] … #endStart[p + 1]]`. */
  readonly #endStart = new Uint16Array((1 << pairBits) + 1);
  readonly #ends: Uint16Array;
  /** Beside `#ends`: the first character of the literal, which most places that look like its end do not have. */
  readonly #firsts: Uint8Array;
  readonly #texts: readonly string[];
  readonly #numbers: readonly (readonly number[])[];

  constructor(literals: ReadonlyMap<string, readonly number[]>) {
    this.#texts = [...literals.keys()];
    this.#numbers = [...literals.values()];
    let window = windowMax;
    for (const text of this.#texts) if (text.length < window) window = text.length;
    this.window = window;
    this.#shift.fill(this.window - 1);
    const pairs: number[] = [];
    for (const text of this.#texts)
      for (let last = 1; last < window; last++) {
        const pair = pairOf(text.charCodeAt(last - 1), text.charCodeAt(last));
        const shift = window - 1 - last;
        if (shift < this.#shift[pair]!) this.#shift[pair] = shift;
        if (shift === 0) pairs.push(pair);
      }
    const byPair = [...this.#texts.keys()].sort((a, b) => pairs[a]! - pairs[b]!);
    this.#ends = Uint16Array.from(byPair);
    this.#firsts = Uint8Array.from(byPair, (number) => this.#texts[number]!.charCodeAt(0));
    for (const pair of pairs) this.#endStart[pair + 1]!++;
    for (let pair = 0; pair < 1 << pairBits; pair++) this.#endStart[pair + 1]! += this.#endStart[pair]!;
  }

  get byteLength(): number {
    return this.#shift.byteLength + this.#endStart.byteLength;
  }

  /** Reports every literal in `text`, in whatever case. Linear in the text, for a long text usually a fraction of it. */
  scan(text: string, sink: LiteralSink): void {
    const shifts = this.#shift;
    const { length } = text;
    let last = this.window - 1;
    while (last < length) {
      const first = text.charCodeAt(last - 1);
      const second = text.charCodeAt(last);
      const pair = (first | second) < 128 ? pairOf(first, second) : pairOf(asciiOf(first), asciiOf(second));
      const shift = shifts[pair]!;
      if (shift === 0) {
        this.#report(pair, text, last, sink);
        last++;
      } else last += shift;
    }
  }

  #report(pair: number, text: string, last: number, sink: LiteralSink): void {
    const start = last - this.window + 1;
    const first = codeAt(text, start);
    const end = this.#endStart[pair + 1]!;
    for (let i = this.#endStart[pair]!; i < end; i++) {
      if (this.#firsts[i] !== first) continue;
      const number = this.#ends[i]!;
      if (!standsAt(this.#texts[number]!, text, start)) continue;
      for (const each of this.#numbers[number]!) sink.hit(each);
    }
  }
}

/** Upper and lower case are one here, and with them some other characters that differ in that bit. */
const pairOf = (first: number, second: number): number => (((first | 32) << 5) ^ (second | 32)) & ((1 << pairBits) - 1);

const asciiOf = (code: number): number => (code < 128 ? code : foldsToAscii(code));

/** ASCII in lower case; 128 stands for all other characters. */
const folded = Uint8Array.from({ length: 129 }, (_, code) => (code >= 0x41 && code <= 0x5a ? code + 32 : code));

/** A character, folded if it folds to ASCII. */
export function codeAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return folded[code < 128 ? code : foldsToAscii(code)]!;
}

/** Whether a folded ASCII literal stands at a place of a text in whatever case; makes no strings. */
export function standsAt(literal: string, subject: string, at: number): boolean {
  if (at < 0 || at + literal.length > subject.length) return false;
  for (let i = 0; i < literal.length; i++) if (codeAt(subject, at + i) !== literal.charCodeAt(i)) return false;
  return true;
}
