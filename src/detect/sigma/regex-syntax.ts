// Reads regular expressions far enough to reason about them: which literals they cannot do without (required.ts) and what a
// matching text looks like (solve.ts). Whatever it does not know makes the answer "unknown", never wrong.

export type RegexNode =
  /** Consumes nothing: anchors, boundaries, the empty expression. */
  | { readonly kind: "empty"; readonly anchor: "" | "start" | "end" | "boundary" }
  /** One character of a set; `folded` when case does not matter. */
  | { readonly kind: "set"; readonly set: CharSet; readonly folded: boolean }
  | { readonly kind: "concat" | "either"; readonly of: readonly RegexNode[] }
  | { readonly kind: "repeat"; readonly of: RegexNode; readonly min: number; readonly max: number };

/** Code points from-to, inclusive; `negated` for their complement. */
export interface CharSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

const unknownSyntax = Symbol("unknown syntax");

/** Nesting of groups that is followed. */
const depthMax = 100;

/** The tree of an RE2 expression with flags out of `i`, `m`, `s`, or `undefined` when it has parts that are not known here. */
export function parseRegex(source: string, flags: string): RegexNode | undefined {
  try {
    const parser = new RegexParser(source);
    const node = parser.either({ i: flags.includes("i"), s: flags.includes("s") }, 0);
    return parser.atEnd ? node : undefined;
  } catch (cause) {
    if (cause === unknownSyntax) return undefined;
    throw cause;
  }
}

interface Flags {
  i: boolean;
  s: boolean;
}

const nothing: RegexNode = { kind: "empty", anchor: "" };
const range = (from: number, to: number): readonly [number, number] => [from, to];
const digit = [range(0x30, 0x39)];
const wordChar = [range(0x30, 0x39), range(0x41, 0x5a), range(0x5f, 0x5f), range(0x61, 0x7a)];
const blank = [range(0x09, 0x0a), range(0x0c, 0x0d), range(0x20, 0x20)];

const classes: Readonly<Record<string, CharSet>> = {
  d: { ranges: digit, negated: false },
  D: { ranges: digit, negated: true },
  w: { ranges: wordChar, negated: false },
  W: { ranges: wordChar, negated: true },
  s: { ranges: blank, negated: false },
  S: { ranges: blank, negated: true },
};

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

class RegexParser {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#chars = [...source];
  }

  get atEnd(): boolean {
    return this.#at >= this.#chars.length;
  }

  either(flags: Flags, depth: number): RegexNode {
    if (depth > depthMax) throw unknownSyntax;
    // Flags set in the middle of a group hold to the group's end, across its alternatives.
    const own = { ...flags };
    const of = [this.#concat(own, depth)];
    while (this.#take("|")) of.push(this.#concat(own, depth));
    return of.length === 1 ? of[0]! : { kind: "either", of };
  }

  #concat(flags: Flags, depth: number): RegexNode {
    const of: RegexNode[] = [];
    while (!this.atEnd && this.#chars[this.#at] !== "|" && this.#chars[this.#at] !== ")") {
      of.push(this.#repeated(this.#atom(flags, depth)));
    }
    return of.length === 1 ? of[0]! : of.length === 0 ? nothing : { kind: "concat", of };
  }

  #repeated(atom: RegexNode): RegexNode {
    let node = atom;
    while (true) {
      let min: number;
      let max: number;
      if (this.#take("*")) [min, max] = [0, Number.POSITIVE_INFINITY];
      else if (this.#take("+")) [min, max] = [1, Number.POSITIVE_INFINITY];
      else if (this.#take("?")) [min, max] = [0, 1];
      else {
        const braces = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#chars.slice(this.#at, this.#at + 12).join(""));
        if (braces === null) return node;
        this.#at += braces[0].length;
        min = Number(braces[1]);
        max = braces[2] === undefined ? min : braces[3] === "" ? Number.POSITIVE_INFINITY : Number(braces[3]);
      }
      this.#take("?");
      node = { kind: "repeat", of: node, min, max };
    }
  }

  #atom(flags: Flags, depth: number): RegexNode {
    const char = this.#chars[this.#at++]!;
    switch (char) {
      case "^":
        return { kind: "empty", anchor: "start" };
      case "$":
        return { kind: "empty", anchor: "end" };
      case ".":
        return { kind: "set", set: { ranges: flags.s ? [] : [range(10, 10)], negated: true }, folded: false };
      case "(":
        return this.#group(flags, depth);
      case "[":
        return { kind: "set", set: this.#bracket(), folded: flags.i };
      case "\\":
        return this.#escape(flags);
      case "*":
      case "+":
      case "?":
        throw unknownSyntax;
      default:
        return single(char.codePointAt(0)!, flags);
    }
  }

  #group(flags: Flags, depth: number): RegexNode {
    let inner = flags;
    if (this.#take("?")) {
      const head = /^(?:P?<[A-Za-z_]\w*>|([ims]*)(?:-([ims]*))?([:)]))/.exec(
        this.#chars.slice(this.#at, this.#at + 64).join(""),
      );
      if (head === null) throw unknownSyntax;
      this.#at += head[0].length;
      const set = { ...flags };
      for (const flag of head[1] ?? "") if (flag === "i" || flag === "s") set[flag] = true;
      for (const flag of head[2] ?? "") if (flag === "i" || flag === "s") set[flag] = false;
      if (head[3] === ")") {
        Object.assign(flags, set);
        return nothing;
      }
      inner = set;
    }
    const node = this.either(inner, depth + 1);
    if (!this.#take(")")) throw unknownSyntax;
    return node;
  }

  #escape(flags: Flags): RegexNode {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw unknownSyntax;
    if (char === "b" || char === "B") return { kind: "empty", anchor: "boundary" };
    if (char === "A") return { kind: "empty", anchor: "start" };
    if (char === "z") return { kind: "empty", anchor: "end" };
    const set = classes[char];
    if (set !== undefined) return { kind: "set", set, folded: false };
    return single(this.#escapedCode(char), flags);
  }

  /** The code point of an escape that stands for one character; its letter is already taken. */
  #escapedCode(char: string): number {
    const control = controls[char];
    if (control !== undefined) return control;
    if (char === "x") {
      const code = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(
        this.#chars.slice(this.#at, this.#at + 8).join(""),
      );
      if (code === null) throw unknownSyntax;
      this.#at += code[0].length;
      return Number.parseInt(code[1] ?? code[2]!, 16);
    }
    if (/[A-Za-z0-9]/.test(char)) throw unknownSyntax;
    return char.codePointAt(0)!;
  }

  #bracket(): CharSet {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    let isFirst = true;
    while (isFirst || this.#chars[this.#at] !== "]") {
      isFirst = false;
      const from = this.#member(ranges);
      if (from === undefined) continue;
      if (
        this.#chars[this.#at] === "-" &&
        this.#chars[this.#at + 1] !== "]" &&
        this.#chars[this.#at + 1] !== undefined
      ) {
        this.#at++;
        const to = this.#member(ranges);
        if (to === undefined || to < from) throw unknownSyntax;
        ranges.push([from, to]);
      } else ranges.push([from, from]);
    }
    this.#at++;
    return { ranges, negated };
  }

  /** One character of a bracket, or `undefined` when it was a class, which is then in `ranges`. */
  #member(ranges: (readonly [number, number])[]): number | undefined {
    const char = this.#chars[this.#at++];
    if (char === undefined || (char === "[" && this.#chars[this.#at] === ":")) throw unknownSyntax;
    if (char !== "\\") return char.codePointAt(0)!;
    const escaped = this.#chars[this.#at++];
    if (escaped === undefined) throw unknownSyntax;
    const set = classes[escaped];
    if (set === undefined) return this.#escapedCode(escaped);
    if (set.negated) throw unknownSyntax;
    ranges.push(...set.ranges);
    return undefined;
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

function single(code: number, flags: Flags): RegexNode {
  return { kind: "set", set: { ranges: [[code, code]], negated: false }, folded: flags.i };
}
