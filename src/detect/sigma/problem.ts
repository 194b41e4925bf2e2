// Collects what is wrong with one rule file: positions are given as offsets and turned into line and column here.

import { diagnosticCountMax } from "./limits.ts";
import type { Diagnostic } from "./types.ts";

/** A fault found while reading one rule; caught at the border of that rule so that its neighbours still load. */
export class RuleError extends Error {
  readonly code: string;
  readonly offset: number;
  readonly hint: string;

  constructor(code: string, offset: number, message: string, hint = "") {
    super(message);
    this.code = code;
    this.offset = offset;
    this.hint = hint;
  }
}

/** The diagnostics of one file, at most {@link diagnosticCountMax} of them. */
export class Problems {
  readonly list: Diagnostic[] = [];
  readonly #text: string;
  readonly #file: string;
  #lineStarts: number[] | undefined;
  #omitted = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  error(code: string, offset: number, message: string, hint = ""): void {
    this.#add("error", code, offset, message, hint);
  }

  warning(code: string, offset: number, message: string, hint = ""): void {
    this.#add("warning", code, offset, message, hint);
  }

  /** 1-based line of an offset. */
  line(offset: number): number {
    return this.#position(offset).line;
  }

  /** 1-based line and column of an offset. */
  position(offset: number): { readonly line: number; readonly column: number } {
    return this.#position(offset);
  }

  /** Appends the count of what did not fit; call once, last. */
  finish(): Diagnostic[] {
    if (this.#omitted > 0) {
      const message = `${this.#omitted} more problems in this file are not shown`;
      this.list.push({
        file: this.#file,
        line: 0,
        column: 0,
        severity: "error",
        code: "too_many_problems",
        message,
        hint: "",
      });
    }
    return this.list;
  }

  #add(severity: Diagnostic["severity"], code: string, offset: number, message: string, hint: string): void {
    if (this.list.length >= diagnosticCountMax) {
      this.#omitted++;
      return;
    }
    this.list.push({
      file: this.#file,
      ...this.#position(offset),
      severity,
      code,
      message: oneLine(message),
      hint: oneLine(hint),
    });
  }

  #position(offset: number): { line: number; column: number } {
    if (offset < 0) return { line: 0, column: 0 };
    this.#lineStarts ??= lineStarts(this.#text);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** Messages quote hostile text: control characters would forge log lines, and length is bounded. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through.
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return clean.length > 400 ? `${clean.slice(0, 400)}…` : clean;
}
