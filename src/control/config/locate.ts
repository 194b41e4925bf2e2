// Where the keys of a TOML document stand. The TOML parser gives values without positions; this walks over a document
// that it accepted, so the walk can be lenient and short: it knows keys, strings, brackets and comments, no value types.

export interface Place {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  /** UTF-16 units that the key takes, quotes included. */
  readonly length: number;
}

/** Key of {@link locateKeys}: the parts of a path, which may themselves contain dots. */
export function placeKey(path: readonly string[]): string {
  return path.join("\0");
}

/**
 * Places of all keys (the first mention of each, prefixes of dotted keys and table headers included). Elements of arrays
 * of tables and of arrays have their index as a part. `text` must be valid TOML; for anything else the result is
 * incomplete. O(length).
 */
export function locateKeys(text: string): ReadonlyMap<string, Place> {
  return new KeyWalk(text).run();
}

interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

class KeyWalk {
  readonly #text: string;
  readonly #places = new Map<string, Place>();
  /** Next index of each array of tables. */
  readonly #arrays = new Map<string, number>();
  /** Offset of the first character of each line. */
  readonly #lineStarts = [0];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
  }

  run(): ReadonlyMap<string, Place> {
    let table: string[] = [];
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!;
      if (char === "#") this.#skipComment();
      else if (char === "[") table = this.#header();
      else if (isBlank(char)) this.#at++;
      else this.#keyValue(table);
    }
    return this.#places;
  }

  #header(): string[] {
    const isArray = this.#text[this.#at + 1] === "[";
    this.#at += isArray ? 2 : 1;
    const parts = this.#key("]");
    this.#at += isArray ? 2 : 1;
    const path: string[] = [];
    for (const [index, part] of parts.entries()) {
      path.push(part.name);
      this.#remember(path, part);
      const key = placeKey(path);
      const next = this.#arrays.get(key);
      if (isArray && index === parts.length - 1) {
        this.#arrays.set(key, (next ?? 0) + 1);
        path.push(String(next ?? 0));
        this.#remember(path, part);
      } else if (next !== undefined) {
        path.push(String(next - 1));
      }
    }
    return path;
  }

  #keyValue(table: readonly string[]): void {
    const before = this.#at;
    const parts = this.#key("=");
    this.#at++;
    const path = [...table];
    for (const part of parts) {
      path.push(part.name);
      this.#remember(path, part);
    }
    this.#value(path);
    // Guards against standing still on text that is no TOML.
    if (this.#at <= before) this.#at = before + 1;
  }

  /** Parts of a dotted key up to `end`, which is left unread. */
  #key(end: string): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#text.length) {
      const start = this.#at;
      const char = this.#text[start]!;
      if (char === end || char === "\n") break;
      if (char === " " || char === "\t" || char === ".") this.#at++;
      else if (char === '"' || char === "'") parts.push({ name: this.#string(), start, end: this.#at });
      else {
        while (this.#at < this.#text.length && !/[\s.=\]"'#]/.test(this.#text[this.#at]!)) this.#at++;
        if (this.#at === start) this.#at++;
        else parts.push({ name: this.#text.slice(start, this.#at), start, end: this.#at });
      }
    }
    return parts;
  }

  /** Skips a value; keys in it are remembered. Depth is bounded by the parser that accepted the document. */
  #value(path: string[]): void {
    this.#skipBlank(" \t");
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") this.#string();
    else if (char === "[") this.#array(path);
    else if (char === "{") this.#inlineTable(path);
    else while (this.#at < this.#text.length && !/[,\]}#\n]/.test(this.#text[this.#at]!)) this.#at++;
  }

  #array(path: string[]): void {
    this.#at++;
    let index = 0;
    while (this.#at < this.#text.length) {
      this.#skipBlank(" \t\r\n,");
      const char = this.#text[this.#at];
      if (char === "#") this.#skipComment();
      else if (char === "]") break;
      else if (char !== undefined) this.#element([...path, String(index++)]);
    }
    this.#at++;
  }

  #element(path: string[]): void {
    const before = this.#at;
    this.#value(path);
    this.#remember(path, { name: "", start: before, end: this.#at });
    if (this.#at <= before) this.#at = before + 1;
  }

  #inlineTable(path: string[]): void {
    this.#at++;
    while (this.#at < this.#text.length) {
      this.#skipBlank(" \t\r\n,");
      const char = this.#text[this.#at];
      if (char === "#") this.#skipComment();
      else if (char === "}") break;
      else if (char !== undefined) this.#keyValue(path);
    }
    this.#at++;
  }

  /** Reads a string of any of the four kinds and returns its value as far as keys need it. */
  #string(): string {
    const quote = this.#text[this.#at]!;
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const close = isLong ? quote.repeat(3) : quote;
    const start = this.#at + close.length;
    let at = start;
    while (at < this.#text.length && !this.#text.startsWith(close, at)) {
      at += quote === '"' && this.#text[at] === "\\" ? 2 : 1;
    }
    // A long string may end with up to two more quotes that belong to it.
    while (isLong && this.#text[at + 3] === quote) at++;
    this.#at = at + close.length;
    const inner = this.#text.slice(start, at);
    return quote === '"' ? unescapeBasic(inner) : inner;
  }

  #skipBlank(chars: string): void {
    while (this.#at < this.#text.length && chars.includes(this.#text[this.#at]!)) this.#at++;
  }

  #skipComment(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #remember(path: readonly string[], part: Part): void {
    const key = placeKey(path);
    if (this.#places.has(key)) return;
    // Binary search: a document may be one long line with a hundred thousand keys.
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lineStarts[middle]! <= part.start) low = middle;
      else high = middle;
    }
    const column = part.start - this.#lineStarts[low]! + 1;
    this.#places.set(key, { line: low + 1, column, length: part.end - part.start });
  }
}

function isBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\n" || char === "\r" || char === "\ufeff";
}

function unescapeBasic(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)/g, (_, sequence: string) => {
    switch (sequence[0]) {
      case "u":
      case "U":
      case "x": {
        const code = Number.parseInt(sequence.slice(1), 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : "";
      }
      case "n":
        return "\n";
      case "t":
        return "\t";
      case "r":
        return "\r";
      case "b":
        return "\b";
      case "f":
        return "\f";
      case "e":
        return "\x1b";
      default:
        return sequence;
    }
  });
}
