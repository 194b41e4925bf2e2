// Turns values from outside into values that a document may hold: texts within their limits, numbers, dates and addresses
// that an index accepts. What is absent, empty or invalid becomes `undefined` and so is left out, never guessed.

import { isIP } from "node:net";
import {
  extraCountMax,
  extraDepthMax,
  lineSizeMaxBytes,
  listCountMax,
  textLengthMax,
  textLengthMin,
  truncatedCountMax,
} from "./limits.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
/** A document, or a part of one. `undefined` members are left out when it is written. */
export interface Doc {
  [key: string]: DocValue;
}
export type DocValue = string | number | boolean | null | undefined | readonly DocValue[] | Doc;

/** Which end of a text survives a cut: of paths the end tells more, of prose the beginning. */
export type Keep = "head" | "tail";

/** The shaping of one document; remembers which of its fields were cut. */
export class Shaper {
  readonly truncated = new Set<string>();
  /** Whether only the parts that identify the alert are wanted. */
  readonly isMinimal: boolean;
  readonly #divisor: number;
  #units = 0;

  constructor(divisor = 1, isMinimal = false) {
    this.#divisor = divisor;
    this.isMinimal = isMinimal;
  }

  /** Whether the texts so far cannot fit into a line: what is made now is thrown away, so texts are not looked at any more. */
  get isOverflowing(): boolean {
    return this.#units > lineSizeMaxBytes;
  }

  /** Notes that `name` was cut. */
  cut(name: string): void {
    if (this.truncated.size < truncatedCountMax) this.truncated.add(name);
  }

  /** Well-formed text within its limit; `undefined` for what is not a text or is empty. `name` is the ECS name. */
  text(value: unknown, name: string, lengthMax: number = textLengthMax, keep: Keep = "head"): string | undefined {
    return typeof value === "string" && value !== "" ? this.anyText(value, name, lengthMax, keep) : undefined;
  }

  /** As {@link text}, but keeps an empty text. */
  anyText(value: string, name: string, lengthMax: number = textLengthMax, keep: Keep = "head"): string {
    const max = this.#divisor === 1 ? lengthMax : Math.max(textLengthMin, Math.floor(lengthMax / this.#divisor));
    this.#units += Math.min(value.length, max);
    if (this.isOverflowing) return "";
    if (value.length <= max) return value.isWellFormed() ? value : value.toWellFormed();
    this.cut(name);
    // A pair that the cut splits loses its other half too: a lone surrogate is no character.
    if (keep === "tail") {
      const start = value.length - max;
      return value.slice(isLowSurrogate(value, start) ? start + 1 : start).toWellFormed();
    }
    return value.slice(0, isLowSurrogate(value, max) ? max - 1 : max).toWellFormed();
  }

  /** A list of texts without the empty ones; `undefined` when nothing is left. */
  texts(
    values: readonly unknown[] | undefined,
    name: string,
    countMax: number = listCountMax,
    lengthMax?: number,
  ): string[] | undefined {
    return this.#list(values, name, countMax, (value) => this.text(value, name, lengthMax));
  }

  /** A list of arguments: as {@link texts}, but an empty one is an argument too. */
  words(values: readonly unknown[] | undefined, name: string): string[] | undefined {
    return this.#list(values, name, listCountMax, (value) =>
      typeof value === "string" ? this.anyText(value, name) : undefined,
    );
  }

  #list(
    values: readonly unknown[] | undefined,
    name: string,
    countMax: number,
    read: (value: unknown) => string | undefined,
  ): string[] | undefined {
    if (!Array.isArray(values)) return undefined;
    const texts: string[] = [];
    for (const value of values) {
      const text = read(value);
      if (text === undefined) continue;
      if (texts.length === countMax) {
        this.cut(name);
        break;
      }
      texts.push(text);
    }
    return texts.length === 0 ? undefined : texts;
  }

  /** Plain JSON of whatever a source added, bounded in depth, members and text. */
  json(value: unknown, name: string): JsonValue | undefined {
    let left = Math.max(16, Math.floor(extraCountMax / this.#divisor));
    const walk = (part: unknown, depth: number): JsonValue | undefined => {
      if (left-- <= 0 || depth > extraDepthMax) {
        this.cut(name);
        return undefined;
      }
      switch (typeof part) {
        case "string":
          return this.anyText(part, name);
        case "boolean":
          return part;
        case "number":
          return Number.isFinite(part) ? part : undefined;
        case "bigint":
          return part.toString().slice(0, 64);
        case "object": {
          if (part === null) return null;
          if (Array.isArray(part)) {
            const list: JsonValue[] = [];
            for (const item of part) {
              const json = walk(item, depth + 1);
              if (json !== undefined) list.push(json);
              if (left <= 0) break;
            }
            return list;
          }
          const members: [string, JsonValue][] = [];
          for (const key in part) {
            if (!Object.hasOwn(part, key)) continue;
            // A member of this name would change the document's prototype when it is copied.
            if (key === "__proto__") {
              this.cut(name);
              continue;
            }
            const json = walk((part as Record<string, unknown>)[key], depth + 1);
            if (json !== undefined) members.push([this.anyText(key, name, 256), json]);
            if (left <= 0) break;
          }
          return Object.fromEntries(members);
        }
      }
      return undefined;
    };
    return walk(value, 0);
  }
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** ISO 8601 in UTC with milliseconds; `undefined` for a time that an index would refuse (years 1-9999 are accepted). */
export function isoTime(timeMs: number | undefined): string | undefined {
  if (typeof timeMs !== "number" || !(timeMs >= -62_135_596_800_000 && timeMs < 253_402_300_800_000)) return undefined;
  return new Date(Math.floor(timeMs)).toISOString();
}

/** An integer that JSON carries exactly. */
export function integer(
  value: unknown,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

/** An integer written in decimal or as `0x…` hexadecimal. */
export function parseInteger(text: string | undefined, max?: number): number | undefined {
  if (text === undefined || !/^(?:\d{1,16}|0x[0-9a-f]{1,14})$/i.test(text)) return undefined;
  return integer(Number(text), 0, max);
}

/** An IP address as an index takes it: without zone, brackets or port. */
export function address(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > 64) return undefined;
  const zone = text.indexOf("%");
  const bare = zone === -1 ? text : text.slice(0, zone);
  return isIP(bare) === 0 ? undefined : bare;
}

/** `true`/`false` as sources write them. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined;
}

export interface PathParts {
  readonly directory?: string;
  readonly name?: string;
  readonly extension?: string;
  readonly driveLetter?: string;
}

/** The parts of a path of either platform; a path is Windows' when it has a drive, or backslashes and no slash at its start. */
export function splitPath(path: string): PathParts {
  const isWindows = /^[A-Za-z]:/.test(path) || (!path.startsWith("/") && path.includes("\\"));
  const cut = isWindows ? Math.max(path.lastIndexOf("\\"), path.lastIndexOf("/")) : path.lastIndexOf("/");
  const name = path.slice(cut + 1);
  const directory =
    cut === -1 ? "" : cut === 0 || (isWindows && cut === 2) ? path.slice(0, cut + 1) : path.slice(0, cut);
  const dot = name.lastIndexOf(".");
  return {
    ...(directory === "" ? {} : { directory }),
    ...(name === "" ? {} : { name }),
    ...(dot > 0 && dot < name.length - 1 ? { extension: name.slice(dot + 1) } : {}),
    ...(isWindows && path[1] === ":" ? { driveLetter: path.charAt(0).toUpperCase() } : {}),
  };
}

/** The object without its `undefined` members and empty objects; `undefined` when nothing is left. */
export function compactDoc(doc: Doc): Doc | undefined {
  let isEmpty = true;
  for (const key of Object.keys(doc)) {
    const value = doc[key];
    if (value === undefined) {
      delete doc[key];
      continue;
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      const inner = compactDoc(value as Doc);
      if (inner === undefined) {
        delete doc[key];
        continue;
      }
    }
    isEmpty = false;
  }
  return isEmpty ? undefined : doc;
}
