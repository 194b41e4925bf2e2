// Reads the outline of a YARA source file: which rules it has, where, and the words of their conditions. YARA-X is the judge of
// what is right; this is for what its JavaScript interface does not tell (names and lines without a scan), for `include`, and for
// sorting rules by the kind of file they can match. Linear in the text; what it cannot read it leaves to YARA-X's diagnostics.

export interface Token {
  readonly kind: "word" | "number" | "text" | "regex" | "mark";
  /** As written; of a text what stands between the quotes. */
  readonly text: string;
  /** UTF-16 offset in the source. */
  readonly at: number;
}

export interface RuleOutline {
  readonly name: string;
  readonly isPrivate: boolean;
  readonly isGlobal: boolean;
  readonly tags: readonly string[];
  readonly meta: readonly (readonly [string, string | number | boolean])[];
  /** `$a` to its value, for patterns that are plain bytes at their start (no alternatives, no modifiers that change bytes). */
  readonly bytes: ReadonlyMap<string, readonly number[]>;
  readonly condition: readonly Token[];
  /** From the first modifier to behind the closing brace. */
  readonly from: number;
  readonly to: number;
}

export interface IncludeOutline {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

export interface SourceOutline {
  readonly rules: readonly RuleOutline[];
  readonly includes: readonly IncludeOutline[];
  /** The reading broke off: nothing may be concluded from what is not in `rules`. */
  readonly isPartial: boolean;
}

/** 1-based line and column (UTF-16 units) of an offset. O(offset). */
export function placeOf(text: string, at: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1 && end < at; end = text.indexOf("\n", start)) {
    line++;
    start = end + 1;
  }
  return { line, column: at - start + 1 };
}

export function outline(text: string): SourceOutline {
  const reader = new Reader(text);
  const rules: RuleOutline[] = [];
  const includes: IncludeOutline[] = [];
  try {
    for (;;) {
      const first = reader.next();
      if (first === undefined) break;
      if (first.text === "import") reader.expect("text");
      else if (first.text === "include") {
        const path = reader.expect("text");
        includes.push({ path: path.text, from: first.at, to: reader.at });
      } else rules.push(reader.rule(first));
    }
    return { rules, includes, isPartial: false };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { rules, includes, isPartial: true };
  }
}

class Unreadable extends Error {}

const wordPattern = /[A-Za-z_][A-Za-z0-9_]*/y;
const patternName = /[$#@!][A-Za-z0-9_]*\*?/y;
const numberPattern = /0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*(?:\.[0-9]+)?(?:KB|MB)?/y;
const markPattern = /==|!=|<=|>=|<<|>>|\.\.|[\s\S]/y;
const spacePattern = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const textPattern = /"(?:[^"\\\n]|\\[^\n])*"/y;
const multilinePattern = /"""(?:[^\\]|\\[\s\S])*?"""/y;
/** A slash ends it even inside brackets; only an escaped one does not. */
const regexPattern = /\/(?:[^/\\\n]|\\[^\n])+\/[a-z]*/y;

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  next(): Token | undefined {
    this.#match(spacePattern);
    const { at } = this;
    const first = this.#text[at];
    if (first === undefined) return undefined;
    const token = (kind: Token["kind"], text: string | undefined): Token => {
      if (text === undefined) throw new Unreadable();
      return { kind, text, at };
    };
    if (first === '"') {
      const long = this.#match(multilinePattern);
      if (long !== undefined) return token("text", long.slice(3, -3));
      return token("text", this.#match(textPattern)?.slice(1, -1));
    }
    if (first === "/") return token("regex", this.#match(regexPattern));
    const word = this.#match(wordPattern);
    if (word !== undefined) return token("word", word);
    if (/[$#@]/.test(first) || (first === "!" && this.#text[at + 1] !== "="))
      return token("word", this.#match(patternName));
    const number = this.#match(numberPattern);
    if (number !== undefined) return token("number", number);
    return token("mark", this.#match(markPattern));
  }

  expect(kind: Token["kind"], text?: string): Token {
    const token = this.next();
    if (token?.kind !== kind || (text !== undefined && token.text !== text)) throw new Unreadable();
    return token;
  }

  /** Looks at what comes without taking it. */
  #peek(): Token | undefined {
    const { at } = this;
    const token = this.next();
    this.at = at;
    return token;
  }

  rule(first: Token): RuleOutline {
    let isPrivate = false;
    let isGlobal = false;
    let word = first;
    for (; word.text === "private" || word.text === "global"; word = this.expect("word")) {
      if (word.text === "private") isPrivate = true;
      else isGlobal = true;
    }
    if (word.text !== "rule") throw new Unreadable();
    const { text: name } = this.expect("word");
    const tags: string[] = [];
    let opening = this.next();
    if (opening?.text === ":") {
      for (opening = this.next(); opening?.kind === "word"; opening = this.next()) tags.push(opening.text);
    }
    if (opening?.text !== "{") throw new Unreadable();
    const meta: [string, string | number | boolean][] = [];
    const bytes = new Map<string, readonly number[]>();
    let condition: Token[] = [];
    for (;;) {
      const section = this.next();
      if (section === undefined) throw new Unreadable();
      if (section.text === "}") break;
      this.expect("mark", ":");
      if (section.text === "meta") this.#meta(meta);
      else if (section.text === "strings") this.#strings(bytes);
      else if (section.text === "condition") {
        condition = this.#condition();
        break;
      } else throw new Unreadable();
    }
    return { name, isPrivate, isGlobal, tags, meta, bytes, condition, from: first.at, to: this.at };
  }

  #meta(meta: [string, string | number | boolean][]): void {
    for (;;) {
      const key = this.#peek();
      if (key?.kind !== "word" || key.text === "strings" || key.text === "condition") {
        // A meta entry may bear the name of a section.
        const { at } = this;
        this.next();
        const isEntry = this.#peek()?.text === "=";
        this.at = at;
        if (!isEntry) return;
      }
      this.next();
      this.expect("mark", "=");
      let value = this.next();
      const isNegative = value?.text === "-" && value.kind === "mark";
      if (isNegative) value = this.next();
      if (key === undefined || value === undefined) throw new Unreadable();
      if (value.kind === "text") meta.push([key.text, unescaped(value.text)]);
      else if (value.kind === "number")
        meta.push([key.text, isNegative ? -numberOf(value.text) : numberOf(value.text)]);
      else meta.push([key.text, value.text === "true"]);
    }
  }

  #strings(bytes: Map<string, readonly number[]>): void {
    for (;;) {
      const key = this.#peek();
      if (key?.kind !== "word" || !key.text.startsWith("$")) return;
      this.next();
      this.expect("mark", "=");
      const value = this.next();
      if (value === undefined) throw new Unreadable();
      let plain: number[] | undefined;
      if (value.kind === "mark" && value.text === "{") plain = this.#hex();
      else if (value.kind === "text") plain = plainBytes(value.text);
      else if (value.kind !== "regex") throw new Unreadable();
      // Modifiers: words, with arguments in parentheses.
      for (let next = this.#peek(); next !== undefined; next = this.#peek()) {
        if (next.text === "(") {
          while (this.next()?.text !== ")") if (this.#peek() === undefined) throw new Unreadable();
          continue;
        }
        if (next.kind !== "word" || next.text.startsWith("$") || !modifiers.has(next.text)) break;
        this.next();
        if (next.text !== "ascii" && next.text !== "fullword" && next.text !== "private") plain = undefined;
      }
      if (plain !== undefined && plain.length > 0 && key.text !== "$") bytes.set(key.text, plain);
    }
  }

  /** A hex string behind its opening brace; the bytes before its first wildcard, jump or alternative. */
  #hex(): number[] {
    const bytes: number[] = [];
    let isPlain = true;
    let digits = "";
    for (;;) {
      this.#match(spacePattern);
      const sign = this.#text[this.at++];
      if (sign === undefined) throw new Unreadable();
      if (sign === "}") return bytes;
      if (!isPlain) continue;
      if (/[0-9a-fA-F]/.test(sign)) {
        digits += sign;
        if (digits.length < 2) continue;
        bytes.push(Number.parseInt(digits, 16));
        digits = "";
      } else isPlain = false;
    }
  }

  #condition(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      const token = this.next();
      if (token === undefined) throw new Unreadable();
      if (token.kind === "mark" && token.text === "}") return tokens;
      tokens.push(token);
    }
  }
}

const modifiers: ReadonlySet<string> = new Set("ascii wide nocase fullword private xor base64 base64wide".split(" "));

/** The bytes of a text without escapes other than `\\`, `\"` and `\xNN`; `undefined` for what is not plain. */
function plainBytes(text: string): number[] | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code < 0x20) return undefined;
    if (code !== 0x5c) {
      bytes.push(code);
      continue;
    }
    const next = text[++i];
    if (next === "\\" || next === '"') bytes.push(next.charCodeAt(0));
    else if (next === "x" && /^[0-9a-fA-F]{2}$/.test(text.slice(i + 1, i + 3))) {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else return undefined;
  }
  return bytes;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, sign: string | undefined) =>
    hex !== undefined
      ? String.fromCharCode(Number.parseInt(hex, 16))
      : sign === "n"
        ? "\n"
        : sign === "t"
          ? "\t"
          : (sign ?? ""),
  );
}

/** Value of a number as YARA writes it: hex, octal, decimal, `KB` and `MB`. */
export function numberOf(text: string): number {
  const plain = text.replaceAll("_", "");
  if (plain.endsWith("KB")) return Number(plain.slice(0, -2)) * 1024;
  if (plain.endsWith("MB")) return Number(plain.slice(0, -2)) * 1024 * 1024;
  return Number(plain);
}
