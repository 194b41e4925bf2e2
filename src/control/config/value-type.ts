// The types a configuration value may have: each knows how to read itself from TOML and from an environment variable,
// how to write itself back, and its JSON Schema.

import { isAbsolute, resolve } from "node:path";
import { nearest, shorten } from "../../std/mod.ts";
import { configListLengthMax, configTextLengthMax } from "./limits.ts";
import { formatDurationMs, formatSizeBytes, parseDurationMs, parseSizeBytes } from "./units.ts";

/** Why a value was not taken. `code` is that of the diagnostic. */
export class Invalid {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  constructor(code: string, message: string, hint = "") {
    this.code = code;
    this.message = message;
    this.hint = hint;
  }
}

export type JsonSchema = { readonly [key: string]: unknown };

/** `Suffix` is the unit that the property of `AppConfig` carries at its end: `Ms`, `Bytes` or nothing. */
export interface ValueType<T, Suffix extends string = ""> {
  /** As the reference page shows it: `duration`, `list of paths`. */
  readonly name: string;
  readonly suffix: Suffix;
  /** A value as TOML (or JSON) gives it. */
  read(value: unknown): T | Invalid;
  /** A value as an environment variable gives it. */
  readText(text: string): T | Invalid;
  /** The TOML text that `read` takes back. */
  write(value: T): string;
  readonly schema: JsonSchema;
  /** Makes relative paths absolute. Absent when the value holds none. */
  resolve?(value: T, folder: string): T;
}

/** What a TOML value is, in words, for a message. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  switch (typeof value) {
    case "string":
      return "a string";
    case "number":
    case "bigint":
      return Number.isInteger(Number(value)) ? "an integer" : "a number";
    case "boolean":
      return "a boolean";
    default:
      return "a table";
  }
}

function wrong(wanted: string, value: unknown, hint = ""): Invalid {
  return new Invalid("wrong_type", `expected ${wanted}, found ${kindOf(value)}`, hint);
}

function tooLong(text: string): Invalid | undefined {
  if (text.length > configTextLengthMax) {
    return new Invalid("too_long", `a text may have ${configTextLengthMax} characters, this one has ${text.length}`);
  }
  if (text.includes("\0")) return new Invalid("wrong_value", "a text must not contain a NUL character");
  return undefined;
}

export const boolean: ValueType<boolean> = {
  name: "boolean",
  suffix: "",
  read: (value) => (typeof value === "boolean" ? value : wrong("a boolean", value, "write true or false")),
  readText(text) {
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "0") return false;
    return new Invalid("wrong_type", `expected a boolean, found '${shorten(text, 40)}'`, "write true or false");
  },
  write: String,
  schema: { type: "boolean" },
};

export function integer(min: number, max: number): ValueType<number> {
  const check = (value: number): number | Invalid =>
    value >= min && value <= max
      ? value
      : new Invalid("out_of_range", `${value} is out of range`, `write a number from ${min} to ${max}`);
  return {
    name: "integer",
    suffix: "",
    read: (value) => (Number.isSafeInteger(value) ? check(value as number) : wrong("an integer", value)),
    readText: (text) =>
      /^[+-]?\d{1,15}$/.test(text)
        ? check(Number(text))
        : new Invalid("wrong_type", `expected an integer, found '${shorten(text, 40)}'`),
    write: String,
    schema: { type: "integer", minimum: min, maximum: max },
  };
}

function measured<Suffix extends string>(
  name: string,
  suffix: Suffix,
  example: string,
  pattern: string,
  min: number,
  max: number,
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
): ValueType<number, Suffix> {
  const readText = (text: string): number | Invalid => {
    const value = parse(text);
    const range = `from ${format(min)} to ${format(max)}`;
    if (value === undefined) {
      return new Invalid(
        "wrong_value",
        `'${shorten(text, 40)}' is not a ${name}`,
        `write a ${name} such as "${example}"`,
      );
    }
    if (value < min || value > max) return new Invalid("out_of_range", `${text} is out of range`, `write one ${range}`);
    return value;
  };
  return {
    name,
    suffix,
    read: (value) =>
      typeof value === "string" ? readText(value) : wrong(`a ${name}`, value, `write a string such as "${example}"`),
    readText,
    write: (value) => JSON.stringify(format(value)),
    schema: { type: "string", pattern, description: `A ${name} from ${format(min)} to ${format(max)}.` },
  };
}

/** Milliseconds inside, `30s` outside. */
export function duration(minMs: number, maxMs: number): ValueType<number, "Ms"> {
  return measured(
    "duration",
    "Ms",
    "30s",
    "^(0|([0-9]+(ms|[dhms]))+)$",
    minMs,
    maxMs,
    parseDurationMs,
    formatDurationMs,
  );
}

/** Bytes inside, `64MiB` outside. */
export function size(minBytes: number, maxBytes: number): ValueType<number, "Bytes"> {
  return measured(
    "size",
    "Bytes",
    "64MiB",
    "^(0|[0-9]+(B|KiB|MiB|GiB))$",
    minBytes,
    maxBytes,
    parseSizeBytes,
    formatSizeBytes,
  );
}

/** Bytes of a ring: a {@link size} that is a power of two, because positions in a ring are masked. */
export function ringSize(minBytes: number, maxBytes: number): ValueType<number, "Bytes"> {
  const plain = size(minBytes, maxBytes);
  const whole = (value: number | Invalid): number | Invalid => {
    if (value instanceof Invalid || (value & (value - 1)) === 0) return value;
    const below = 2 ** Math.floor(Math.log2(value));
    const near = [below, below * 2].filter((one) => one >= minBytes && one <= maxBytes).map(formatSizeBytes);
    return new Invalid("wrong_value", `${formatSizeBytes(value)} is no power of two`, `write ${near.join(" or ")}`);
  };
  return {
    ...plain,
    read: (value) => whole(plain.read(value)),
    readText: (text) => whole(plain.readText(text)),
  };
}

export function choice<const Choice extends string>(choices: readonly Choice[]): ValueType<Choice> {
  const readText = (text: string): Choice | Invalid => {
    const found = choices.find((one) => one === text);
    if (found !== undefined) return found;
    const near = nearest(text, choices);
    const hint = near === undefined ? `write one of ${choices.join(", ")}` : `did you mean '${near}'?`;
    return new Invalid("wrong_value", `'${shorten(text, 40)}' is none of ${choices.join(", ")}`, hint);
  };
  return {
    name: choices.map((one) => `\`${one}\``).join(", "),
    suffix: "",
    read: (value) => (typeof value === "string" ? readText(value) : wrong("a string", value)),
    readText,
    write: (value) => JSON.stringify(value),
    schema: { enum: choices },
  };
}

/** Free text that matches `pattern` (anchored by the caller), described to people by `form`. */
export function text(pattern: RegExp, form: string): ValueType<string> {
  const readText = (value: string): string | Invalid => {
    const long = tooLong(value);
    if (long !== undefined) return long;
    if (pattern.test(value)) return value;
    return new Invalid("wrong_value", `'${shorten(value, 40)}' is not ${form}`, `write ${form}`);
  };
  return {
    name: "text",
    suffix: "",
    read: (value) => (typeof value === "string" ? readText(value) : wrong("a string", value)),
    readText,
    write: (value) => JSON.stringify(value),
    schema: { type: "string", pattern: pattern.source, maxLength: configTextLengthMax },
  };
}

/**
 * A path. `empty` says what the empty text means, `dash` what `-` means; without them such a value is refused.
 * Both pass {@link ValueType.resolve} unchanged.
 */
export function path(special: { readonly empty?: string; readonly dash?: string } = {}): ValueType<string> {
  const readText = (value: string): string | Invalid => {
    if (value === "" && special.empty === undefined) return new Invalid("wrong_value", "a path must not be empty");
    if (value === "-" && special.dash === undefined) return new Invalid("wrong_value", "'-' has no meaning here");
    return tooLong(value) ?? value;
  };
  return {
    name: "path",
    suffix: "",
    read: (value) => (typeof value === "string" ? readText(value) : wrong("a path", value, "write a string")),
    readText,
    write: (value) => JSON.stringify(value),
    schema: { type: "string", maxLength: configTextLengthMax },
    resolve: (value, folder) => (value === "" || value === "-" || isAbsolute(value) ? value : resolve(folder, value)),
  };
}

export function list<T>(
  item: ValueType<T>,
  plural: string,
  lengthMax: number = configListLengthMax,
): ValueType<readonly T[]> {
  const each = <V>(values: readonly V[], readItem: (value: V) => T | Invalid): readonly T[] | Invalid => {
    if (values.length > lengthMax)
      return new Invalid("too_long", `a list may have ${lengthMax} entries, this one has ${values.length}`);
    const items: T[] = [];
    for (const [index, one] of values.entries()) {
      const got = readItem(one);
      if (got instanceof Invalid) return new Invalid(got.code, `entry ${index + 1}: ${got.message}`, got.hint);
      items.push(got);
    }
    return items;
  };
  const read = (value: unknown): readonly T[] | Invalid =>
    Array.isArray(value) ? each(value, item.read) : wrong(`a list of ${plural}`, value, "write it in brackets: [ … ]");
  const { resolve: resolveItem } = item;
  return {
    name: `list of ${plural}`,
    suffix: "",
    read,
    readText: (value) =>
      value.trim() === ""
        ? []
        : each(
            value.split(",").map((one) => one.trim()),
            item.readText,
          ),
    write: (value) => `[${value.map((one) => item.write(one)).join(", ")}]`,
    schema: { type: "array", items: item.schema, maxItems: lengthMax },
    ...(resolveItem === undefined
      ? {}
      : { resolve: (value: readonly T[], folder: string) => value.map((one) => resolveItem(one, folder)) }),
  };
}

/** Names that stand for lists of texts: a TOML table. In the environment: `name=a|b,other=c`. */
export function textLists(namePattern: RegExp): ValueType<Readonly<Record<string, readonly string[]>>> {
  const read = (value: unknown): Readonly<Record<string, readonly string[]>> | Invalid => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date) {
      return wrong("a table of lists", value);
    }
    const entries = Object.entries(value);
    if (entries.length > configListLengthMax) {
      return new Invalid("too_long", `a table may have ${configListLengthMax} names, this one has ${entries.length}`);
    }
    const result: Record<string, readonly string[]> = Object.create(null);
    for (const [name, texts] of entries) {
      if (!namePattern.test(name)) return new Invalid("wrong_value", `'${shorten(name, 40)}' is not a name`);
      if (!Array.isArray(texts) || texts.length > configListLengthMax) return wrong(`a list for '${name}'`, texts);
      for (const one of texts) {
        if (typeof one !== "string") return wrong(`strings in '${name}'`, one);
        const long = tooLong(one);
        if (long !== undefined) return long;
      }
      result[name] = texts;
    }
    return result;
  };
  return {
    name: "table of lists of texts",
    suffix: "",
    read,
    readText(value) {
      const entries: [string, string[]][] = [];
      for (const part of value.split(",")) {
        if (part.trim() === "") continue;
        const at = part.indexOf("=");
        if (at < 0) return new Invalid("wrong_value", `'${shorten(part, 40)}' has no '='`, "write name=a|b,other=c");
        entries.push([part.slice(0, at).trim(), part.slice(at + 1).split("|")]);
      }
      return read(Object.fromEntries(entries));
    },
    write(value) {
      const entries = Object.entries(value).map(
        ([name, texts]) => `${JSON.stringify(name)} = [${texts.map((one) => JSON.stringify(one)).join(", ")}]`,
      );
      return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
    },
    schema: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
  };
}
