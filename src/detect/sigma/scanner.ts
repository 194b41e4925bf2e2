// Resolves every literal of one field against one value, in one go: exact ones by hash, edges by a trie read from that edge,
// the rest by one automaton. What it reports are group numbers: the engine has put literals that are linked by OR in groups.

import { Automaton } from "./aho-corasick.ts";
import { fold } from "./fold.ts";
import type { LiteralHow } from "./ir.ts";
import { ValueMemo } from "./memo.ts";
import { SkipSearch, skipCountMax, skipLengthMin } from "./skip-search.ts";

/** A folded literal and the groups it belongs to. */
export interface ScannedLiteral {
  readonly how: LiteralHow;
  readonly text: string;
  readonly groups: readonly number[];
}

/** A literal with a character beyond ASCII, found through that character. */
interface WideLiteral {
  readonly how: LiteralHow;
  readonly text: string;
  /** Where in `text` the character stands. */
  readonly at: number;
  readonly groups: readonly number[];
}

const none = new Int32Array(0);

/** Not reentrant: the result of `scan` is valid until the next call. */
export class FieldScanner {
  readonly #exact = new Map<string, readonly number[]>();
  /** Lengths that an exact literal has: folding keeps the length, so that most values need not be folded and looked up. */
  readonly #exactLengths = new Set<number>();
  readonly #start: Automaton | undefined;
  readonly #end: Automaton | undefined;
  readonly #anywhere: Automaton | undefined;
  /** In place of `#anywhere` when its literals are few and long. */
  readonly #skipping: SkipSearch | undefined;
  readonly #wide = new Map<number, WideLiteral[]>();
  /** Absent where scanning costs no more than looking a value up. */
  readonly #memo: ValueMemo | undefined;
  /** Per group: the number of the last scan that found it. */
  readonly #seen: Int32Array;
  #scanNumber = 0;
  #found: Int32Array;
  #foundCount = 0;

  /** A literal may be given twice, with different groups. `isRare`: that one is found is the exception, as with keywords. */
  constructor(given: readonly ScannedLiteral[], groupCount: number, isRare = false) {
    const literals = merge(given);
    const byPlace = {
      startswith: new Map<string, readonly number[]>(),
      endswith: new Map<string, readonly number[]>(),
      contains: new Map<string, readonly number[]>(),
    };
    const wide: ScannedLiteral[] = [];
    for (const literal of literals) {
      if (literal.how === "equals") {
        this.#exact.set(literal.text, literal.groups);
        this.#exactLengths.add(literal.text.length);
      } else if (isAscii(literal.text)) byPlace[literal.how].set(literal.text, literal.groups);
      else wide.push(literal);
    }
    const automaton = (
      map: ReadonlyMap<string, readonly number[]>,
      place: "start" | "end" | "anywhere",
    ): Automaton | undefined => (map.size === 0 ? undefined : new Automaton(map, place));
    this.#start = automaton(byPlace.startswith, "start");
    this.#end = automaton(byPlace.endswith, "end");
    if (isRare && canSkip(byPlace.contains)) this.#skipping = new SkipSearch(byPlace.contains);
    else this.#anywhere = automaton(byPlace.contains, "anywhere");
    for (const literal of wide) this.#addWide(literal);
    this.#memo = this.#anywhere === undefined && wide.length === 0 ? undefined : new ValueMemo();
    this.#seen = new Int32Array(groupCount);
    this.#found = new Int32Array(Math.min(groupCount, 64));
  }

  /** Bytes of the tables, without the memo. */
  get byteLength(): number {
    return [this.#start, this.#end, this.#anywhere].reduce(
      (sum, one) => sum + (one?.byteLength ?? 0),
      this.#seen.byteLength + (this.#skipping?.byteLength ?? 0),
    );
  }

  /** The groups of which a literal is satisfied by `text`, each once. */
  scan(text: string): Int32Array {
    const memo = this.#memo;
    if (memo === undefined) return this.#resolve(text);
    const known = memo.get(text);
    if (known !== undefined) return known;
    const result = this.#resolve(text);
    memo.set(text, result);
    return result;
  }

  /** Reports one group; called by the automata. */
  hit(group: number): void {
    if (this.#seen[group] === this.#scanNumber) return;
    this.#seen[group] = this.#scanNumber;
    if (this.#foundCount === this.#found.length) {
      const larger = new Int32Array(this.#found.length * 2);
      larger.set(this.#found);
      this.#found = larger;
    }
    this.#found[this.#foundCount++] = group;
  }

  #resolve(text: string): Int32Array {
    this.#begin();
    // Calls that do nothing would teach the compiler that there is nothing to compile.
    if (this.#skipping !== undefined && text.length >= this.#skipping.window) this.#skipping.scan(text, this);
    let codes = this.#anywhere === undefined ? undefined : this.#anywhere.scan(text, this);
    this.#start?.scan(text, this);
    this.#end?.scan(text, this);
    if (this.#exactLengths.has(text.length)) this.#equals(fold(text));
    if (this.#wide.size > 0) {
      codes ??= orOfCodes(text);
      if (codes >= 128) this.#scanWide(fold(text));
    }
    return this.#foundCount === 0 ? none : this.#found.slice(0, this.#foundCount);
  }

  #begin(): void {
    if (this.#scanNumber === 0x7fffffff) {
      this.#seen.fill(0);
      this.#scanNumber = 0;
    }
    this.#scanNumber++;
    this.#foundCount = 0;
  }

  #equals(folded: string): void {
    const groups = this.#exact.get(folded);
    if (groups !== undefined) for (const group of groups) this.hit(group);
  }

  /** Files a literal under the one of its characters beyond ASCII that fewest others are filed under. */
  #addWide({ how, text, groups }: ScannedLiteral): void {
    let at = -1;
    let fewest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const count = this.#wide.get(code)?.length ?? 0;
      if (code >= 128 && count < fewest) {
        at = i;
        fewest = count;
      }
    }
    const code = text.charCodeAt(at);
    const bucket = this.#wide.get(code);
    if (bucket === undefined) this.#wide.set(code, [{ how, text, at, groups }]);
    else bucket.push({ how, text, at, groups });
  }

  #scanWide(folded: string): void {
    for (let i = 0; i < folded.length; i++) {
      const code = folded.charCodeAt(i);
      if (code < 128) continue;
      const bucket = this.#wide.get(code);
      if (bucket === undefined) continue;
      for (const literal of bucket) {
        const start = i - literal.at;
        if (start < 0 || !folded.startsWith(literal.text, start)) continue;
        if (literal.how === "startswith" && start !== 0) continue;
        if (literal.how === "endswith" && start + literal.text.length !== folded.length) continue;
        for (const group of literal.groups) this.hit(group);
      }
    }
  }
}

function merge(given: readonly ScannedLiteral[]): ScannedLiteral[] {
  const merged = new Map<string, ScannedLiteral>();
  for (const literal of given) {
    const key = `${literal.how}\u0000${literal.text}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? literal : { ...literal, groups: [...known.groups, ...literal.groups] });
  }
  return [...merged.values()];
}

/** Whether a search that skips reads less than the automaton. */
function canSkip(literals: ReadonlyMap<string, unknown>): boolean {
  if (literals.size === 0 || literals.size > skipCountMax) return false;
  for (const literal of literals.keys()) if (literal.length < skipLengthMin) return false;
  return true;
}

function isAscii(text: string): boolean {
  return orOfCodes(text) < 128;
}

function orOfCodes(text: string): number {
  let codes = 0;
  for (let i = 0; i < text.length; i++) codes |= text.charCodeAt(i);
  return codes;
}
