// The part of YAML that Sigma rules are written in (block maps and lists, one-line scalars, `[a, b]`, `|` and `>`), read ten times as
// fast as the whole language. It never reports a fault: whatever it does not know for certain, it leaves to yaml-full.ts, and a
// test compares the two on every rule there is and on random text.

import { nodeCountMax, nodeDepthMax } from "./limits.ts";
import type { YamlDocument, YamlEntry, YamlNode, YamlScalar } from "./yaml.ts";
import { readFlowList } from "./yaml-flow.ts";

/** Thrown and caught inside this file: the text is not in the subset. */
const notInSubset = Symbol("not in subset");

/** Characters whose meaning depends on context we do not track: tabs, controls, lone carriage returns, other line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const unusual = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f\u0085\u2028\u2029\ufeff]|\r(?!\n)/;

/** YAML allows a key of at most this length without an explicit `?`. */
const keyLengthMax = 1_000;

/** All documents, or `undefined` when the text needs the whole language or is at fault. Linear in the text. */
export function parseBlock(text: string): YamlDocument[] | undefined {
  if (unusual.test(text)) return undefined;
  try {
    return new BlockReader(text).documents();
  } catch (cause) {
    if (cause === notInSubset) return undefined;
    throw cause;
  }
}

class BlockReader {
  readonly #text: string;
  /** Per line: offset of its start, of its first character that is no blank, and of its end; the column of the second. */
  readonly #starts: number[] = [];
  readonly #firsts: number[] = [];
  readonly #ends: number[] = [];
  readonly #indents: number[] = [];
  #line = 0;
  #depth = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
    let start = 0;
    while (start < text.length) {
      let feed = text.indexOf("\n", start);
      if (feed === -1) feed = text.length;
      const end = feed > start && text.charCodeAt(feed - 1) === 0x0d ? feed - 1 : feed;
      let first = start;
      while (first < end && text.charCodeAt(first) === 0x20) first++;
      this.#starts.push(start);
      this.#firsts.push(first);
      this.#ends.push(end);
      this.#indents.push(first - start);
      start = feed + 1;
    }
  }

  documents(): YamlDocument[] {
    const documents: YamlDocument[] = [];
    while (true) {
      this.#skipBlank();
      if (this.#line >= this.#starts.length) return documents;
      if (this.#isMarker(this.#line)) {
        this.#line++;
        continue;
      }
      documents.push({ root: this.#node(0) });
      this.#skipBlank();
      if (this.#line < this.#starts.length && !this.#isMarker(this.#line)) throw notInSubset;
    }
  }

  /** Whether a line separates documents. Anything else that starts like a marker or a directive is not for us. */
  #isMarker(line: number): boolean {
    const start = this.#starts[line]!;
    if (this.#text.startsWith("---", start)) {
      if (this.#ends[line] === start + 3) return true;
      throw notInSubset;
    }
    if (this.#text.startsWith("...", start) || this.#text[start] === "%") throw notInSubset;
    return false;
  }

  /** Moves to the next line that has content. */
  #skipBlank(): void {
    while (this.#line < this.#starts.length) {
      const first = this.#firsts[this.#line]!;
      if (first !== this.#ends[this.#line] && this.#text.charCodeAt(first) !== 0x23) return;
      this.#line++;
    }
  }

  /** A map or list whose first line is the current one, indented by at least `indentMin`. */
  #node(indentMin: number): YamlNode {
    const indent = this.#indents[this.#line]!;
    if (indent < indentMin || ++this.#depth > nodeDepthMax || ++this.#nodes > nodeCountMax) throw notInSubset;
    const node = this.#isItem(this.#line) ? this.#list(indent) : this.#map(indent);
    this.#depth--;
    return node;
  }

  #isItem(line: number): boolean {
    const first = this.#firsts[line]!;
    if (this.#text.charCodeAt(first) !== 0x2d) return false;
    return first + 1 === this.#ends[line] || this.#text.charCodeAt(first + 1) === 0x20;
  }

  /** Whether the current line belongs to a collection at `indent`; throws when its indentation fits nowhere. */
  #continues(indent: number): boolean {
    this.#skipBlank();
    if (this.#line >= this.#starts.length) return false;
    if (this.#indents[this.#line] === 0 && this.#isMarker(this.#line)) return false;
    if (this.#indents[this.#line]! > indent) throw notInSubset;
    return this.#indents[this.#line] === indent;
  }

  #list(indent: number): YamlNode {
    const items: YamlNode[] = [];
    const offset = this.#firsts[this.#line]!;
    while (this.#continues(indent) && this.#isItem(this.#line)) {
      const line = this.#line;
      let at = this.#firsts[line]! + 1;
      while (this.#text.charCodeAt(at) === 0x20) at++;
      if (at < this.#ends[line]! && this.#startsCollection(at, line)) {
        // `- key: value`: the rest of the line is the first line of a collection that is indented to there.
        this.#firsts[line] = at;
        this.#indents[line] = at - this.#starts[line]!;
        items.push(this.#node(indent + 1));
      } else items.push(this.#value(this.#firsts[line]! + 1, indent, false));
    }
    return { kind: "list", items, offset };
  }

  #startsCollection(at: number, line: number): boolean {
    const code = this.#text.charCodeAt(at);
    const next = at + 1 === this.#ends[line] ? 0x20 : this.#text.charCodeAt(at + 1);
    if (code === 0x2d && next === 0x20) return true;
    return code !== 0x7c && code !== 0x3e && code !== 0x23 && this.#keyEnd(at, line) !== -1;
  }

  #map(indent: number): YamlNode {
    const entries: YamlEntry[] = [];
    const keys = new Set<string>();
    const offset = this.#firsts[this.#line]!;
    while (this.#continues(indent)) {
      const keyOffset = this.#firsts[this.#line]!;
      const colon = this.#keyEnd(keyOffset, this.#line);
      if (colon <= keyOffset || this.#isItem(this.#line) || colon - keyOffset > keyLengthMax) throw notInSubset;
      const key = this.#scalarOnLine(keyOffset, colon).text;
      if (keys.has(key)) throw notInSubset;
      keys.add(key);
      entries.push({ key, keyOffset, value: this.#value(colon + 1, indent, true) });
    }
    return { kind: "map", entries, offset };
  }

  /** The colon that ends a key starting at `at`, or -1 when the line holds none. */
  #keyEnd(at: number, line: number): number {
    const text = this.#text;
    const end = this.#ends[line]!;
    const first = text.charCodeAt(at);
    let i = at;
    if (first === 0x22 || first === 0x27) {
      i = this.#quoteEnd(at, end);
      while (i < end && text.charCodeAt(i) === 0x20) i++;
      return text.charCodeAt(i) === 0x3a && (i + 1 === end || text.charCodeAt(i + 1) === 0x20) ? i : -1;
    }
    for (; i < end; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x3a && (i + 1 === end || text.charCodeAt(i + 1) === 0x20)) return i;
      if (code === 0x23 && text.charCodeAt(i - 1) === 0x20) return -1;
    }
    return -1;
  }

  /** What stands behind a colon or a dash, on this line or below. Leaves the reader behind it. */
  #value(from: number, indent: number, inMap: boolean): YamlNode {
    if (++this.#nodes > nodeCountMax) throw notInSubset;
    const text = this.#text;
    const line = this.#line;
    const end = this.#ends[line]!;
    let at = from;
    while (at < end && text.charCodeAt(at) === 0x20) at++;
    const code = text.charCodeAt(at);
    if (at === end || code === 0x23) {
      this.#line++;
      this.#skipBlank();
      const next = this.#line;
      if (next >= this.#starts.length || this.#indents[next]! < indent) return emptyAt(from);
      if (this.#indents[next]! > indent) return this.#isText(next) ? this.#textBelow(indent) : this.#node(indent);
      // A list may stand at the indentation of its key.
      if (inMap && this.#isItem(next) && !(indent === 0 && this.#isMarker(next))) return this.#node(indent);
      return emptyAt(from);
    }
    if (code === 0x7c || code === 0x3e) return this.#blockScalar(at, indent);
    if (code === 0x5b) return this.#flowList(at, indent);
    let stop = end;
    const isQuoted = code === 0x22 || code === 0x27;
    if (isQuoted) {
      stop = this.#quoteEnd(at, end);
      if (!/^(?: *$| +#)/.test(text.slice(stop, end))) throw notInSubset;
    } else {
      const comment = text.indexOf(" #", at);
      if (comment !== -1 && comment < end) stop = comment;
    }
    const scalar = this.#scalarOnLine(at, stop);
    this.#line++;
    const next = this.#nextContent();
    if (next >= this.#starts.length || this.#indents[next]! <= indent) return scalar;
    // A deeper line below continues a plain scalar; after a comment or a quote it is a fault.
    if (isQuoted || stop !== end) throw notInSubset;
    return { ...scalar, text: this.#continued(scalar.text, indent) };
  }

  /** `[a, b]`, with nothing behind it and nothing deeper below it. */
  #flowList(at: number, indent: number): YamlNode {
    const end = this.#ends[this.#line]!;
    const list = readFlowList(this.#text, at, end, (from) => {
      const stop = this.#quoteEnd(from, end);
      return { scalar: this.#scalarOnLine(from, stop), end: stop };
    });
    if (list === undefined || !/^(?: *$| +#)/.test(this.#text.slice(list.end, end))) throw notInSubset;
    this.#nodes += list.items.length;
    if (this.#nodes > nodeCountMax) throw notInSubset;
    this.#line++;
    const next = this.#nextContent();
    if (next < this.#starts.length && this.#indents[next]! > indent) throw notInSubset;
    return { kind: "list", items: list.items, offset: at };
  }

  /** Whether a line below its key is neither a list nor a map. */
  #isText(line: number): boolean {
    return !this.#isItem(line) && this.#keyEnd(this.#firsts[line]!, line) === -1;
  }

  /** A plain scalar that starts on a line of its own. */
  #textBelow(indent: number): YamlScalar {
    const at = this.#firsts[this.#line]!;
    const scalar = this.#scalarOnLine(at, this.#ends[this.#line]!);
    if (!scalar.plain) throw notInSubset;
    this.#line++;
    return { ...scalar, text: this.#continued(scalar.text, indent) };
  }

  /** The next line with content; the reader stays where it is. */
  #nextContent(): number {
    const line = this.#line;
    this.#skipBlank();
    const next = this.#line;
    this.#line = line;
    return next;
  }

  /** A plain scalar over several lines: a line break is a blank, an empty line a line break. */
  #continued(first: string, indent: number): string {
    let result = first;
    let breaks = 0;
    for (; this.#line < this.#starts.length; this.#line++) {
      const from = this.#firsts[this.#line]!;
      let end = this.#ends[this.#line]!;
      if (from === end) {
        breaks++;
        continue;
      }
      if (this.#indents[this.#line]! <= indent) break;
      while (this.#text.charCodeAt(end - 1) === 0x20) end--;
      const line = this.#text.slice(from, end);
      if (/^#|:(?: |$)| #/.test(line)) throw notInSubset;
      result += (breaks > 0 ? "\n".repeat(breaks) : " ") + line;
      breaks = 0;
    }
    return result;
  }

  /** A quoted scalar (from quote to behind the closing one) or a plain one; blanks at its end are not part of it. */
  #scalarOnLine(at: number, end: number): YamlScalar {
    const text = this.#text;
    const quote = text[at];
    if (quote === "'" || quote === '"') {
      const close = text.lastIndexOf(quote, end - 1);
      const inner = text.slice(at + 1, close);
      const value = quote === "'" ? inner.replaceAll("''", "'") : unescapeDouble(inner);
      return { kind: "scalar", text: value, plain: false, offset: at };
    }
    let stop = end;
    while (stop > at && text.charCodeAt(stop - 1) === 0x20) stop--;
    const value = text.slice(at, stop);
    // Indicators that would make it something else, and `: ` or a colon at its end, which would make it a key.
    if (/^(?:[,[\]{}#&*!|>%@`]|[-?:](?: |$))|:(?: |$)| #/.test(value)) throw notInSubset;
    return { kind: "scalar", text: value, plain: true, offset: at };
  }

  /** The offset behind a closing quote on the same line. */
  #quoteEnd(at: number, end: number): number {
    const text = this.#text;
    const quote = text.charCodeAt(at);
    for (let i = at + 1; i < end; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x5c && quote === 0x22) i++;
      else if (code === quote) {
        if (quote === 0x22 || text.charCodeAt(i + 1) !== 0x27) return i + 1;
        i++;
      }
    }
    throw notInSubset;
  }

  /** `|` keeps line breaks, `>` turns single ones into blanks. */
  #blockScalar(at: number, indent: number): YamlScalar {
    const text = this.#text;
    const header = /^([|>])(-?)(?: *$| +#)/.exec(text.slice(at, this.#ends[this.#line]));
    if (header === null) throw notInSubset;
    const lines: string[] = [];
    let contentIndent = -1;
    let leading = 0;
    for (this.#line++; this.#line < this.#starts.length; this.#line++) {
      const line = this.#line;
      const isBlank = this.#firsts[line] === this.#ends[line];
      if (contentIndent === -1) {
        if (isBlank) {
          leading = Math.max(leading, this.#indents[line]!);
          lines.push("");
          continue;
        }
        contentIndent = this.#indents[line]!;
        if (contentIndent <= indent || leading > contentIndent) throw notInSubset;
      }
      if (!isBlank && this.#indents[line]! < contentIndent) break;
      lines.push(text.slice(Math.min(this.#starts[line]! + contentIndent, this.#ends[line]!), this.#ends[line]));
    }
    if (contentIndent === -1) throw notInSubset;
    if (this.#line < this.#starts.length && this.#indents[this.#line]! > indent) throw notInSubset;
    // Lines of blanks alone belong to the text or to its end depending on what follows.
    while (lines.at(-1) === "") lines.pop();
    if (lines.some((line) => /^ *$/.test(line) && line !== "")) throw notInSubset;
    const body = header[1] === "|" ? lines.join("\n") : foldLines(lines);
    return { kind: "scalar", text: header[2] === "-" ? body : `${body}\n`, plain: false, offset: at };
  }
}

function emptyAt(offset: number): YamlScalar {
  return { kind: "scalar", text: "", plain: true, offset };
}

/** Lines that start with a blank keep their breaks in YAML; text that has any is left to the whole language. */
function foldLines(lines: readonly string[]): string {
  let result = "";
  let breaks = 0;
  for (const line of lines) {
    if (line.startsWith(" ")) throw notInSubset;
    if (line === "") breaks++;
    else {
      if (result !== "" || breaks > 0) result += breaks > 0 ? "\n".repeat(breaks) : " ";
      result += line;
      breaks = 0;
    }
  }
  return result;
}

const doubleEscapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  '"': '"',
  "/": "/",
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
};

function unescapeDouble(inner: string): string {
  if (!inner.includes("\\")) return inner;
  return inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/g,
    (_, two?: string, four?: string, one?: string) => {
      const hex = two ?? four;
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const plain = doubleEscapes[one ?? ""];
      if (plain === undefined) throw notInSubset;
      return plain;
    },
  );
}
