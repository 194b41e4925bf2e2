// Finds all of many ASCII literals in one pass over a text (Aho and Corasick 1975), as a dense table: one load per character,
// whatever the number of literals. ASCII case is folded by the table itself; other characters occur in no literal.

/** Where literals may stand: anywhere, only at the start, or only at the end (the text is then read backwards). */
export type Place = "anywhere" | "start" | "end";

//   next: Int32Array, one row per state, one column per class of characters (class 0: all that occur in no literal)
//
//            class 0   a     b     c  …
//   row 0  [   0      12     0     24 ]     an entry is the index of the next row's first column;
//   row 12 [   0      12    ~36     0 ]     ~entry (negative) when that state ends a literal;
//   …                                       a state that leads nowhere else is row 0, the root

/** A dense automaton over ASCII literals. Reading never allocates; its size is (states × classes) × 4 bytes. */
export class Automaton {
  readonly #classes = new Uint8Array(128);
  readonly #classCount: number;
  readonly #next: Int32Array;
  /** Per state: where its own outputs begin in `#outputs`; one more entry than states. */
  readonly #outputStart: Int32Array;
  readonly #outputs: Int32Array;
  /** Per state: the nearest state on its failure path that has outputs, or 0. */
  readonly #outputLink: Int32Array;
  readonly #place: Place;

  /** Each literal (ASCII, lower case, not empty, distinct) with the numbers to report when it is found. */
  constructor(literals: ReadonlyMap<string, readonly number[]>, place: Place) {
    this.#place = place;
    const used = new Set<number>();
    let unitCount = 0;
    for (const literal of literals.keys()) {
      for (let i = 0; i < literal.length; i++) used.add(literal.charCodeAt(i));
      unitCount += literal.length;
    }
    let classCount = 1;
    for (const code of [...used].sort((a, b) => a - b)) this.#classes[code] = classCount++;
    for (let code = 0x41; code <= 0x5a; code++) this.#classes[code] = this.#classes[code + 32]!;
    this.#classCount = classCount;

    let next = new Int32Array((unitCount + 1) * classCount);
    const ends = new Map<number, readonly number[]>();
    let stateCount = 1;
    for (const [literal, numbers] of literals) {
      let row = 0;
      for (let i = 0; i < literal.length; i++) {
        const code = literal.charCodeAt(place === "end" ? literal.length - 1 - i : i);
        const cell = row + this.#classes[code]!;
        if (next[cell] === 0) next[cell] = stateCount++ * classCount;
        row = next[cell]!;
      }
      ends.set(row / classCount, numbers);
    }
    next = next.slice(0, stateCount * classCount);
    this.#next = next;
    this.#outputLink = new Int32Array(stateCount);
    if (place === "anywhere") this.#addFailures(stateCount, ends);
    this.#outputStart = new Int32Array(stateCount + 1);
    const outputs: number[] = [];
    for (let state = 0; state < stateCount; state++) {
      outputs.push(...(ends.get(state) ?? []));
      this.#outputStart[state + 1] = outputs.length;
    }
    this.#outputs = Int32Array.from(outputs);
    for (let cell = 0; cell < next.length; cell++) {
      const state = next[cell]! / classCount;
      if (ends.has(state) || this.#outputLink[state] !== 0) next[cell] = ~next[cell]!;
    }
  }

  /** Bytes of the tables. */
  get byteLength(): number {
    return (
      this.#next.byteLength + this.#outputStart.byteLength + this.#outputs.byteLength + this.#outputLink.byteLength
    );
  }

  /**
   * Calls for each literal found: `sink.hit(number)`, several times when it occurs several times. Returns the bitwise OR of all
   * character codes read: above 127 the text must be folded first and read again. Linear in the text.
   */
  scan(text: string, sink: { hit(number: number): void }): number {
    return this.#place === "anywhere" ? this.#scanAll(text, sink) : this.#scanEdge(text, sink);
  }

  #scanAll(text: string, sink: { hit(number: number): void }): number {
    const next = this.#next;
    const classes = this.#classes;
    let row = 0;
    let codes = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      codes |= code;
      row = next[row + (code < 128 ? classes[code]! : 0)]!;
      if (row < 0) {
        row = ~row;
        this.#report(row, sink);
      }
    }
    return codes;
  }

  /** From one edge inwards; leaves as soon as no literal can follow. */
  #scanEdge(text: string, sink: { hit(number: number): void }): number {
    const next = this.#next;
    const classes = this.#classes;
    const backwards = this.#place === "end";
    let row = 0;
    let codes = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(backwards ? text.length - 1 - i : i);
      codes |= code;
      row = next[row + (code < 128 ? classes[code]! : 0)]!;
      if (row === 0) break;
      if (row < 0) {
        row = ~row;
        this.#report(row, sink);
      }
    }
    return codes;
  }

  #report(row: number, sink: { hit(number: number): void }): void {
    let state = row / this.#classCount;
    do {
      const end = this.#outputStart[state + 1]!;
      for (let i = this.#outputStart[state]!; i < end; i++) sink.hit(this.#outputs[i]!);
      state = this.#outputLink[state]!;
    } while (state !== 0);
  }

  /** Completes the table breadth first: a missing step continues where the longest proper suffix would. */
  #addFailures(stateCount: number, ends: ReadonlyMap<number, unknown>): void {
    const width = this.#classCount;
    const next = this.#next;
    const fail = new Int32Array(stateCount);
    const queue = new Int32Array(stateCount);
    let head = 0;
    let tail = 0;
    for (let column = 1; column < width; column++) if (next[column] !== 0) queue[tail++] = next[column]! / width;
    while (head < tail) {
      const state = queue[head++]!;
      const back = fail[state]!;
      this.#outputLink[state] = ends.has(back) ? back : this.#outputLink[back]!;
      for (let column = 1; column < width; column++) {
        const cell = state * width + column;
        const onFailure = next[back * width + column]!;
        if (next[cell] === 0) next[cell] = onFailure;
        else {
          const target = next[cell]! / width;
          fail[target] = onFailure / width;
          queue[tail++] = target;
        }
      }
    }
  }
}
