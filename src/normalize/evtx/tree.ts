// Binary XML to a tree ([MS-EVEN6] 2.2.12, and the libevtx description of what differs in files): the shape of one element, with the
// places where values will stand. Only templates are read this way, once each, and the rare records that have no template.
//
//   element   := 01|41 [dependency u16] size u32 name-ref [attributes: size u32, (06|46 name-ref text*)*] 03 | 02 content* 04
//   content   := element | text | 0c template instance | 0a name-ref [0b chars] (instruction, ignored)
//   text      := 05|45 01 chars | 07|47 chars | 08|48 u16 | 09|49 name-ref | 0d|0e index u16 type u8
//   name-ref  := offset u32, and the name itself when the offset is the place behind it
//   chars     := count u16, UTF-16

import type { Chunk } from "./chunk-bytes.ts";
import { depthMax } from "./limits.ts";
import { Damage } from "./record.ts";

/** Text, or the number of the substitution whose value stands there. */
export type Part = string | number;

export interface Element {
  readonly name: string;
  /** The substitution that must not be null for the element to exist; -1 when there is none. */
  readonly dependency: number;
  readonly attributes: readonly { readonly name: string; readonly parts: readonly Part[] }[];
  /** Text and values of the content in their order. */
  readonly parts: readonly Part[];
  readonly children: readonly Node[];
}

/** An element, or the place of a template instance that stands in the content. */
export type Node = Element | { readonly instanceAt: number };

/** More of the same content follows. The files set it and need not: the next token tells as well. */
const moreFlag = 0x40;

/** The predefined entities of XML. */
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Reads trees between two places of a chunk. Throws {@link Damage}. */
export class TreeReader {
  readonly #chunk: Chunk;
  readonly #end: number;
  /** Elements of templates carry the number of the substitution that they depend on; others do not. */
  readonly #hasDependencies: boolean;
  readonly #skipInstance: (at: number, end: number) => number;
  #at: number;

  /** `skipInstance` gives the place behind the template instance whose token is at `at`. */
  constructor(
    chunk: Chunk,
    at: number,
    end: number,
    hasDependencies: boolean,
    skipInstance: (at: number, end: number) => number,
  ) {
    this.#chunk = chunk;
    this.#at = at;
    this.#end = end;
    this.#hasDependencies = hasDependencies;
    this.#skipInstance = skipInstance;
  }

  /** Where the next token is. */
  get at(): number {
    return this.#at;
  }

  /** The token at the current place without its flag; end of file when there is nothing more. */
  peek(): number {
    return this.#at < this.#end ? (this.#chunk.bytes[this.#at] ?? 0) & ~moreFlag : 0;
  }

  /** Passes fragment headers and processing instructions. */
  skipProlog(): void {
    for (;;) {
      const token = this.peek();
      if (token === 0x0f) this.#take(4);
      else if (token === 0x0a) this.#instruction();
      else return;
      this.#chunk.spend();
    }
  }

  /** The element whose token is at the current place. */
  element(depth: number): Element {
    if (depth > depthMax) throw new Damage("elements are nested too deep");
    const hasAttributes = (this.#u8() & moreFlag) !== 0;
    const dependency = this.#hasDependencies ? this.#u16() : 0xffff;
    this.#take(4);
    const name = this.#name();
    const attributes = hasAttributes ? this.#attributes() : [];
    const parts: Part[] = [];
    const children: Node[] = [];
    const close = this.#u8();
    if (close === 0x02) this.#content(parts, children, depth);
    else if (close !== 0x03) throw new Damage(`the start of an element ends with the token ${close}`);
    return { name, dependency: dependency === 0xffff ? -1 : dependency, attributes, parts, children };
  }

  #content(parts: Part[], children: Node[], depth: number): void {
    for (;;) {
      this.#chunk.spend();
      if (this.#text(parts)) continue;
      const token = this.peek();
      switch (token) {
        case 0x01:
          children.push(this.element(depth + 1));
          break;
        case 0x04:
          this.#at++;
          return;
        case 0x0a:
          this.#instruction();
          break;
        case 0x0c:
          children.push({ instanceAt: this.#at });
          this.#at = this.#skipInstance(this.#at, this.#end);
          break;
        default:
          throw new Damage(`the content of an element has the token ${token}`);
      }
    }
  }

  #attributes(): Element["attributes"] {
    this.#take(4);
    const attributes: { name: string; parts: Part[] }[] = [];
    while (this.peek() === 0x06) {
      this.#chunk.spend();
      this.#at++;
      const name = this.#name();
      const parts: Part[] = [];
      while (this.#text(parts)) this.#chunk.spend();
      attributes.push({ name, parts });
    }
    return attributes;
  }

  /** Reads one piece of text or a substitution, if one is next. */
  #text(parts: Part[]): boolean {
    switch (this.peek()) {
      case 0x05: {
        this.#at++;
        const type = this.#u8();
        if (type !== 0x01) throw new Damage(`text has the type ${type}`);
        addText(parts, this.#chars());
        return true;
      }
      case 0x07:
        this.#at++;
        addText(parts, this.#chars());
        return true;
      case 0x08:
        this.#at++;
        addText(parts, String.fromCharCode(this.#u16()));
        return true;
      case 0x09: {
        this.#at++;
        const name = this.#name();
        addText(parts, Object.hasOwn(entities, name) ? (entities[name] ?? "") : `&${name};`);
        return true;
      }
      case 0x0d:
      case 0x0e: {
        this.#at++;
        const index = this.#u16();
        // The type that the template foresees; the value says its own.
        this.#take(1);
        parts.push(index);
        return true;
      }
      default:
        return false;
    }
  }

  #instruction(): void {
    this.#at++;
    this.#name();
    if (this.peek() !== 0x0b) return;
    this.#at++;
    const count = this.#u16();
    this.#take(2 * count);
  }

  #name(): string {
    const offset = this.#u32();
    const name = this.#chunk.name(offset);
    if (offset === this.#at) this.#take(this.#chunk.nameBytes(offset));
    return name;
  }

  #chars(): string {
    const count = this.#u16();
    const from = this.#at;
    this.#take(2 * count);
    return this.#chunk.text(from, 2 * count);
  }

  #take(count: number): void {
    this.#chunk.need(this.#at, count, this.#end);
    this.#at += count;
  }

  #u8(): number {
    const at = this.#at;
    this.#take(1);
    return this.#chunk.view.getUint8(at);
  }

  #u16(): number {
    const at = this.#at;
    this.#take(2);
    return this.#chunk.view.getUint16(at, true);
  }

  #u32(): number {
    const at = this.#at;
    this.#take(4);
    return this.#chunk.view.getUint32(at, true);
  }
}

function addText(parts: Part[], text: string): void {
  const last = parts.at(-1);
  if (typeof last === "string") parts[parts.length - 1] = last + text;
  else parts.push(text);
}
