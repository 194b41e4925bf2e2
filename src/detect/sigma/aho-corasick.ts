// Finds all of many ASCII literals in one pass over a text (Aho and Corasick 1975), as a dense table: one load per character,
// whatever the number of literals. ASCII case is folded by the table itself, and so are the two other characters that fold to ASCII; the
// rest occurs in no literal.

import { foldsToAscii } from "./fold.ts";
import { codeAt, type LiteralSink, standsAt } from "./skip-search.ts";

/** Where literals may stand: anywhere, only at the start, or only at the end (the text is then read backwards). */
export type Place = "anywhere" | "start" | "end";

/**
 * Characters of a literal that the table knows: its last ones, or those nearest to its edge. Longer literals are compared
 * when that much of them is found. The public rules for Linux have literals of 19 characters on average: a third of the
 * states, a tenth of the time to build them, and more of the table stays in the processor's cache.
 */
const windowLength = 6;

//   next: Int32Array, one row per state, one column per class of characters (class 0: all that occur in no literal)
//
//            class 0   a     b     c  …
//   row 0  [   0      12     0     24 ]     an entry is the index of the next row's first column;
//   row 12 [   0      12    ~36     0 ]     ~entry (negative) when that state ends a window;
//   …                                       a state that leads nowhere else is row 0, the root

/** A dense automaton over ASCII literals. Its size is (states × classes) × 4 bytes. */
export class Automaton {
  readonly #place: Place;
  /** By character code; 128 stands for all that ASCII does not have. */
  readonly #classes = new Uint8Array(129);
  readonly #width: number;
  readonly #next: Int32Array;
  /** Per state: its literals are `#outputs[#outputStart[state] … #outputStart[state + 1]]`. */
  readonly #outputStart: Int32Array;
  readonly #outputs: Int32Array;
  /** Beside `#outputs`: the character next to the window in a longer literal, so that most comparisons end before they begin; else 0. */
  readonly #neighbours: Uint8Array;
  /** Per state: the nearest state on its failure path that ends a window, or 0. */
  readonly #outputLink: Int32Array;
  /** Literals longer than their window, which are to be compared; empty text for the others. */
  readonly #texts: string[] = [];
  /** What to report of each literal. */
  readonly #numbers: (readonly number[])[] = [];

  /** Each literal (ASCII, folded, not empty) with the numbers to report when it is found. */
  constructor(literals: ReadonlyMap<string, readonly number[]>, place: Place) {
    this.#place = place;
    const windows = [...literals.keys()].map((literal) => windowOf(literal, place));
    this.#width = this.#assignClasses(windows);
    const trie = new Trie(windows, this.#classes);
    for (const [literal, numbers] of literals) {
      this.#texts.push(literal.length > windowLength ? literal : "");
      this.#numbers.push(numbers);
    }
    const stateCount = trie.stateCount;
    this.#outputStart = new Int32Array(stateCount + 1);
    this.#outputs = new Int32Array(literals.size);
    this.#neighbours = new Uint8Array(literals.size);
    let count = 0;
    for (let state = 0; state < stateCount; state++) {
      for (const literal of trie.ends[state] ?? []) {
        const text = this.#texts[literal]!;
        if (text !== "")
          this.#neighbours[count] = text.charCodeAt(place === "start" ? windowLength : text.length - windowLength - 1);
        this.#outputs[count++] = literal;
      }
      this.#outputStart[state + 1] = count;
    }
    this.#outputLink = new Int32Array(stateCount);
    this.#next = new Int32Array(stateCount * this.#width);
    this.#fill(trie);
  }

  /** Bytes of the tables. */
  get byteLength(): number {
    return (
      this.#next.byteLength + this.#outputStart.byteLength + this.#outputs.byteLength + this.#outputLink.byteLength
    );
  }

  /**
   * Reports every literal in `text`, in whatever case. Returns the bitwise OR of the character codes read: above 127 the text has
   * characters beyond ASCII. Linear in the text, plus the comparisons of long literals.
   */
  scan(text: string, sink: LiteralSink): number {
    return this.#place === "anywhere" ? this.#scanAll(text, sink) : this.#scanEdge(text, sink);
  }

  #scanAll(text: string, sink: LiteralSink): number {
    const next = this.#next;
    const classes = this.#classes;
    let row = 0;
    let codes = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      codes |= code;
      row = next[row + classes[code < 128 ? code : foldsToAscii(code)]!]!;
      if (row < 0) {
        row = ~row;
        this.#report(row, text, i + 1, sink);
      }
    }
    return codes;
  }

  /** From one edge inwards; leaves as soon as no literal can follow. */
  #scanEdge(text: string, sink: LiteralSink): number {
    const next = this.#next;
    const classes = this.#classes;
    const last = text.length - 1;
    const backwards = this.#place === "end";
    let row = 0;
    let codes = 0;
    for (let i = 0; i <= last; i++) {
      const code = text.charCodeAt(backwards ? last - i : i);
      codes |= code;
      row = next[row + classes[code < 128 ? code : foldsToAscii(code)]!]!;
      if (row === 0) break;
      if (row < 0) {
        row = ~row;
        this.#report(row, text, i + 1, sink);
      }
    }
    return codes;
  }

  /** `end` is where the window ends when reading forwards from the start or anywhere. */
  #report(row: number, subject: string, end: number, sink: LiteralSink): void {
    const outputStart = this.#outputStart;
    const neighbours = this.#neighbours;
    const at = this.#place === "start" ? end : (this.#place === "end" ? subject.length - end : end - windowLength) - 1;
    const neighbour = at >= 0 && at < subject.length ? codeAt(subject, at) : 255;
    let state = row / this.#width;
    do {
      const last = outputStart[state + 1]!;
      for (let i = outputStart[state]!; i < last; i++) {
        const needed = neighbours[i]!;
        if (needed !== 0 && needed !== neighbour) continue;
        const literal = this.#outputs[i]!;
        const text = this.#texts[literal]!;
        if (text !== "" && !this.#stands(text, subject, end)) continue;
        const numbers = this.#numbers[literal]!;
        for (let n = 0; n < numbers.length; n++) sink.hit(numbers[n]!);
      }
      state = this.#outputLink[state]!;
    } while (state !== 0);
  }

  #stands(literal: string, subject: string, end: number): boolean {
    if (this.#place === "start") return standsAt(literal, subject, 0);
    return standsAt(literal, subject, (this.#place === "end" ? subject.length : end) - literal.length);
  }

  /** One class for each character that occurs; returns how many there are, with the class of all others. */
  #assignClasses(windows: readonly string[]): number {
    for (const window of windows) for (let i = 0; i < window.length; i++) this.#classes[window.charCodeAt(i)] = 1;
    let count = 1;
    for (let code = 0; code < 128; code++) if (this.#classes[code] !== 0) this.#classes[code] = count++;
    for (let code = 0x41; code <= 0x5a; code++) this.#classes[code] = this.#classes[code + 32]!;
    return count;
  }

  /**
   * Breadth first: a state's row is a copy of the row where its longest proper suffix leads, with its own steps on top. Edges
   * have no suffixes: their rows start empty.
   */
  #fill(trie: Trie): void {
    const width = this.#width;
    const next = this.#next;
    const isAnywhere = this.#place === "anywhere";
    const fail = new Int32Array(trie.stateCount);
    const queue = new Int32Array(trie.stateCount);
    let tail = 1;
    for (let head = 0; head < tail; head++) {
      const state = queue[head]!;
      const row = state * width;
      const back = fail[state]! * width;
      if (isAnywhere && state !== 0) next.copyWithin(row, back, back + width);
      for (let child = trie.firstChild[state]!; child !== 0; child = trie.nextSibling[child]!) {
        const column = trie.label[child]!;
        if (isAnywhere && state !== 0) {
          const suffix = next[back + column]!;
          const target = (suffix < 0 ? ~suffix : suffix) / width;
          fail[child] = target;
          this.#outputLink[child] = trie.ends[target] === undefined ? this.#outputLink[target]! : target;
        }
        const entry = child * width;
        next[row + column] = trie.ends[child] === undefined && this.#outputLink[child] === 0 ? entry : ~entry;
        queue[tail++] = child;
      }
    }
  }
}

function windowOf(literal: string, place: Place): string {
  if (place === "start") return literal.slice(0, windowLength);
  const tail = literal.slice(-windowLength);
  return place === "end" ? [...tail].reverse().join("") : tail;
}

/** A trie over classes as linked lists of children; state 0 is the root. */
class Trie {
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly label: Uint8Array;
  /** Numbers of the windows that end in a state. */
  readonly ends: (number[] | undefined)[] = [];
  stateCount = 1;

  constructor(windows: readonly string[], classes: Uint8Array) {
    const stateCountMax = windows.reduce((sum, window) => sum + window.length, 1);
    this.firstChild = new Int32Array(stateCountMax);
    this.nextSibling = new Int32Array(stateCountMax);
    this.label = new Uint8Array(stateCountMax);
    for (const [number, window] of windows.entries()) {
      let state = 0;
      for (let i = 0; i < window.length; i++) state = this.#step(state, classes[window.charCodeAt(i)]!);
      const ends = this.ends[state];
      if (ends === undefined) this.ends[state] = [number];
      else ends.push(number);
    }
  }

  #step(state: number, label: number): number {
    for (let child = this.firstChild[state]!; child !== 0; child = this.nextSibling[child]!)
      if (this.label[child] === label) return child;
    const child = this.stateCount++;
    this.label[child] = label;
    this.nextSibling[child] = this.firstChild[state]!;
    this.firstChild[state] = child;
    return child;
  }
}
