// The only place that turns text into code. Callers give it their own words, numbers and names from the list of constants; text of
// rules never enters the source, so that no rule can become code.

let allowed: boolean | undefined;

/** Whether this process may compile text at all; asked once. Hosts that forbid it run closures instead. */
export function allowsCode(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function("return 1")() === 1;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}

/** Collects source and the objects that it refers to as `C[0]`, `C[1]` … */
export class CodeWriter {
  readonly #parts: string[] = [];
  readonly #constants: unknown[] = [];

  /** Characters written so far. */
  length = 0;

  /** Appends source text; `source` must be made of literals in our own code and of numbers. */
  write(source: string): this {
    this.#parts.push(source);
    this.length += source.length;
    return this;
  }

  /** The name under which the source reaches `value`. */
  constant(value: unknown): string {
    return `C[${this.#constants.push(value) - 1}]`;
  }

  /** Runs the source as the body of a function of `C` and returns what it returns. */
  compile<T>(): T {
    return new Function("C", `"use strict";${this.#parts.join("")}`)(this.#constants) as T;
  }
}
