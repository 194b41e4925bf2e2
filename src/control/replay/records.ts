// Cuts a stream of bytes into records of JSON: one a line, or several values in a row (pretty-printed or not, also the
// elements of arrays). Damage costs the record it is in, never the ones after it; a record that is too long is skipped.

import { recordMaxBytes } from "./limits.ts";

/** Gets each record as text, or `undefined` and why it is no record. `line` is 1-based, where the record begins. */
export type OnRecord = (text: string | undefined, line: number, problem: string) => void;

export interface Splitter {
  /** Takes the next bytes; the chunk is not kept after the call. O(bytes). */
  push(chunk: Buffer): void;
  /** The input has ended. */
  end(): void;
}

const newline = 10;
const quote = 34;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;
const openBracket = 91;
const closeBracket = 93;
const comma = 44;

const isSpace = (byte: number): boolean => byte === 32 || byte === newline || byte === 13 || byte === 9;

/** One record a line. Empty lines are nothing. */
export class LineSplitter implements Splitter {
  readonly #onRecord: OnRecord;
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #skipping = false;
  #line = 1;

  constructor(onRecord: OnRecord, maxBytes: number = recordMaxBytes) {
    this.#onRecord = onRecord;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      if (this.#restBytes > 0 || this.#skipping) this.#finish(chunk.subarray(from, at));
      else this.#line1(chunk, from, at);
      this.#line++;
      from = at + 1;
      // A file of nothing but line ends would cost a search for each.
      for (; chunk[from] === newline; from++) this.#line++;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  end(): void {
    if (this.#restBytes > 0 || this.#skipping) this.#finish(Buffer.alloc(0));
  }

  #line1(chunk: Buffer, from: number, to: number): void {
    if (to - from > this.#maxBytes) {
      this.#onRecord(undefined, this.#line, `the line is longer than ${this.#maxBytes} bytes`);
      return;
    }
    let start = from;
    while (start < to && isSpace(chunk[start] ?? 0)) start++;
    if (start < to) this.#onRecord(chunk.toString("utf8", start, to), this.#line, "");
  }

  #keep(bytes: Buffer): void {
    if (this.#skipping) return;
    if (this.#restBytes + bytes.length > this.#maxBytes) {
      this.#skipping = true;
      this.#rest = [];
      this.#restBytes = 0;
      return;
    }
    this.#rest.push(Buffer.from(bytes));
    this.#restBytes += bytes.length;
  }

  #finish(last: Buffer): void {
    this.#keep(last);
    if (this.#skipping) {
      this.#skipping = false;
      this.#onRecord(undefined, this.#line, `the line is longer than ${this.#maxBytes} bytes`);
      return;
    }
    const whole = Buffer.concat(this.#rest, this.#restBytes);
    this.#rest = [];
    this.#restBytes = 0;
    this.#line1(whole, 0, whole.length);
  }
}

/** A line that evtx_dump writes before each record. */
const separator = /^Record \d+ *$/;
/** Enough to recognise a separator. */
const garbageMaxChars = 32;

/** Values in a row; arrays at the top are unpacked. */
export class ValueSplitter implements Splitter {
  readonly #onRecord: OnRecord;
  readonly #maxBytes: number;
  /** Bytes of the value that is open, from earlier chunks. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #tooLong = false;
  /** Open braces and brackets of the value; 0 between values. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inArray = false;
  /** The beginning of something that is no value, until the line ends; `undefined` when there is none. */
  #garbage: string | undefined;
  #garbageLine = 1;
  #line = 1;
  #valueLine = 1;

  constructor(onRecord: OnRecord, maxBytes: number = recordMaxBytes) {
    this.#onRecord = onRecord;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let start = this.#depth > 0 ? 0 : -1;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === newline) this.#line++;
      if (this.#depth === 0) {
        if (this.#between(byte)) start = at;
        continue;
      }
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) this.#inString = false;
        else if (byte === newline) {
          // JSON has no line break in a string: the value was cut short. What follows is read anew.
          this.#drop(this.#valueLine, "a string is not closed");
          start = -1;
        }
        continue;
      }
      if (byte === quote) this.#inString = true;
      else if (byte === openBrace || byte === openBracket) this.#depth++;
      else if (byte === closeBrace || byte === closeBracket) {
        if (--this.#depth > 0) continue;
        this.#finish(chunk.subarray(start, at + 1));
        start = -1;
      }
    }
    if (this.#depth > 0 && start >= 0) this.#keep(chunk.subarray(start));
  }

  end(): void {
    this.#endGarbage();
    if (this.#depth > 0) this.#drop(this.#valueLine, "the input ends inside of a value");
  }

  /** Between values; true when `byte` begins one. */
  #between(byte: number): boolean {
    if (isSpace(byte)) {
      if (byte === newline) this.#endGarbage();
      else if (this.#garbage !== undefined) this.#garbage += " ";
      return false;
    }
    if (byte === openBrace || (byte === openBracket && this.#inArray)) {
      this.#endGarbage();
      this.#depth = 1;
      this.#valueLine = this.#line;
      return true;
    }
    if (this.#garbage !== undefined) {
      if (this.#garbage.length < garbageMaxChars) this.#garbage += String.fromCharCode(byte);
    } else if (byte === openBracket) this.#inArray = true;
    else if (byte === closeBracket && this.#inArray) this.#inArray = false;
    else if (byte !== comma || !this.#inArray) {
      this.#garbage = String.fromCharCode(byte);
      this.#garbageLine = this.#line;
    }
    return false;
  }

  #endGarbage(): void {
    const text = this.#garbage;
    this.#garbage = undefined;
    if (text === undefined || separator.test(text)) return;
    this.#onRecord(undefined, this.#garbageLine, "this is not the beginning of a JSON object");
  }

  #keep(bytes: Buffer): void {
    if (this.#restBytes + bytes.length > this.#maxBytes) this.#tooLong = true;
    if (this.#tooLong) {
      this.#rest = [];
      this.#restBytes = 0;
      return;
    }
    this.#rest.push(Buffer.from(bytes));
    this.#restBytes += bytes.length;
  }

  #finish(last: Buffer): void {
    if (this.#restBytes === 0 && !this.#tooLong && last.length <= this.#maxBytes) {
      this.#onRecord(last.toString("utf8"), this.#valueLine, "");
      return;
    }
    this.#keep(last);
    if (this.#tooLong) {
      this.#drop(this.#valueLine, `the value is longer than ${this.#maxBytes} bytes`);
      return;
    }
    const text = Buffer.concat(this.#rest, this.#restBytes).toString("utf8");
    this.#reset();
    this.#onRecord(text, this.#valueLine, "");
  }

  #drop(line: number, problem: string): void {
    this.#reset();
    this.#onRecord(undefined, line, problem);
  }

  #reset(): void {
    this.#rest = [];
    this.#restBytes = 0;
    this.#tooLong = false;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
  }
}
