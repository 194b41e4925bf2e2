// What the table of commands is made of, and the types of parsed arguments that follow from it.

import type { KeyName } from "../control/config/mod.ts";

/** Why a value was not taken. */
export class BadValue {
  readonly message: string;
  readonly hint: string;
  constructor(message: string, hint = "") {
    this.message = message;
    this.hint = hint;
  }
}

export interface ArgumentType<T> {
  /** `FILE`, `LEVEL`. */
  readonly name: string;
  /** Words to choose from: shown in help, offered by completions. */
  readonly choices?: readonly string[];
  /** What completions offer when there are no choices. */
  readonly complete: "path" | "command" | "nothing";
  parse(text: string): T | BadValue;
}

export interface Flag<T = unknown> {
  /** Without the dashes: `min-level`. */
  readonly name: string;
  /** One letter, without the dash. */
  readonly short?: string;
  /** Absent: a switch. */
  readonly value?: ArgumentType<T>;
  readonly repeat?: true;
  /** One phrase, no full stop; at most 54 characters, so that help keeps to 80 columns. */
  readonly doc: string;
  /** Sentences for the man page and the reference. */
  readonly more?: string;
  /** Configuration keys that the flag sets. */
  readonly keys?: readonly KeyName[];
}

export interface Operand<T = unknown> {
  readonly value: ArgumentType<T>;
  readonly countMin: 0 | 1;
  readonly countMax: number;
  readonly doc: string;
}

export interface Example {
  readonly line: string;
  readonly doc: string;
}

export interface Command {
  /** Words that choose it: `rules validate`. */
  readonly id: string;
  /** One phrase, no full stop. */
  readonly summary: string;
  /** Paragraphs for the man page and the reference. */
  readonly description: readonly string[];
  readonly flags: readonly Flag[];
  readonly operand?: Operand;
  readonly examples: readonly Example[];
}

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type FlagValueOf<F> = F extends { readonly value: ArgumentType<infer T> }
  ? F extends { readonly repeat: true }
    ? readonly T[]
    : T | undefined
  : boolean;

type OperandsOf<C> = C extends { readonly operand: { readonly value: ArgumentType<infer T> } }
  ? readonly T[]
  : readonly never[];

/**
 * Parsed arguments of a command: a property for each flag (camel case; a switch is a boolean, a repeatable flag a list,
 * any other the value or `undefined`), the operands, and what was typed.
 */
export type ArgsOf<C extends Command> = {
  readonly [F in C["flags"][number] as Camel<F["name"]>]: FlagValueOf<F>;
} & { readonly operands: OperandsOf<C>; readonly raw: RawArgs };

/** Exactly what was typed, before any value was looked at. */
export interface RawArgs {
  readonly command: string;
  /** By name without dashes, in the order typed; a switch has `true`. */
  readonly flags: ReadonlyMap<string, readonly (string | true)[]>;
  readonly operands: readonly string[];
}

/** `min-level` → `minLevel`. */
export function propertyName(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
