// Which kinds of files a rule can match at all. A rule that asks for `uint16(0) == 0x5a4d` beside everything else it asks can never
// hold for an ELF, so an ELF is scanned without it: with public rule sets that halves the work. Only what certainly follows from a
// condition is used; every other rule is in all sets.

import type { RuleOutline, SourceOutline, Token } from "./source.ts";
import { numberOf } from "./source.ts";

/** `mz`: begins with MZ. `elf`: begins with 7F 45 4C 46. `other`: everything else. Each buffer is of exactly one class. */
export type FileClass = "mz" | "elf" | "other";
export const fileClasses: readonly FileClass[] = ["mz", "elf", "other"];

const bit: Readonly<Record<FileClass, number>> = { mz: 1, elf: 2, other: 4 };
const all = 7;

export function classOf(data: Uint8Array): FileClass {
  if (data[0] === 0x4d && data[1] === 0x5a) return "mz";
  if (data[0] === 0x7f && data[1] === 0x45 && data[2] === 0x4c && data[3] === 0x46) return "elf";
  return "other";
}

/**
 * For each rule of a namespace, in order, the classes it has to be in: where it can match, and where a rule that refers to it
 * can. Linear in tokens.
 */
export function ruleClasses(sources: readonly SourceOutline[]): (readonly FileClass[])[][] {
  const rules = sources.flatMap((source) => source.rules);
  // Once something could not be read, it may refer to anything.
  const isPartial = sources.some((source) => source.isPartial);
  const masks = rules.map((rule) => (isPartial || rule.isGlobal ? all : classMask(rule.condition, rule, 0)));
  const byName = new Map(rules.map((rule, index) => [rule.name, index]));
  // References go upwards only, so one pass from the last rule suffices.
  for (let index = rules.length - 1; index >= 0; index--) {
    const condition = rules[index]!.condition;
    for (const [at, { kind, text }] of condition.entries()) {
      if (kind !== "word") continue;
      const isWildcard = condition[at + 1]?.text === "*";
      const named = byName.get(text);
      if (named !== undefined) masks[named]! |= masks[index]!;
      if (isWildcard) for (const [name, other] of byName) if (name.startsWith(text)) masks[other]! |= masks[index]!;
    }
  }
  let next = 0;
  return sources.map((source) =>
    source.rules.map(() => {
      const mask = masks[next++]!;
      return fileClasses.filter((one) => (mask & bit[one]) !== 0);
    }),
  );
}

const depthMax = 50;

function classMask(tokens: readonly Token[], rule: RuleOutline, depth: number): number {
  if (depth > depthMax) return all;
  const bare = unwrap(tokens);
  // What follows a colon or a `with` is another scope: no conclusions.
  if (bare.some((token) => token.text === "with")) return all;
  const either = split(bare, "or");
  if (either.length > 1) return either.reduce((mask, part) => mask | classMask(part, rule, depth + 1), 0);
  const both = split(bare, "and");
  if (both.length > 1) return both.reduce((mask, part) => mask & classMask(part, rule, depth + 1), all);
  return atomMask(bare, rule);
}

/** Without parentheses around the whole. */
function unwrap(tokens: readonly Token[]): readonly Token[] {
  let bare = tokens;
  while (bare.length > 2 && bare[0]?.text === "(" && bare[0].kind === "mark") {
    let depth = 0;
    let closes = -1;
    for (const [at, { kind, text }] of bare.entries()) {
      if (kind !== "mark") continue;
      if (text === "(") depth++;
      else if (text === ")" && --depth === 0) {
        closes = at;
        break;
      }
    }
    if (closes !== bare.length - 1) return bare;
    bare = bare.slice(1, -1);
  }
  return bare;
}

/** At a word outside of parentheses and brackets. */
function split(tokens: readonly Token[], word: "and" | "or"): (readonly Token[])[] {
  const parts: (readonly Token[])[] = [];
  let depth = 0;
  let from = 0;
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind === "mark" && (text === "(" || text === "[")) depth++;
    else if (kind === "mark" && (text === ")" || text === "]")) depth--;
    else if (kind === "word" && text === word && depth === 0) {
      parts.push(tokens.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(tokens.slice(from));
  return parts;
}

const readSizes: Readonly<Record<string, readonly [bytes: number, bigEndian: boolean]>> = {
  uint8: [1, false],
  uint8be: [1, true],
  uint16: [2, false],
  uint16be: [2, true],
  uint32: [4, false],
  uint32be: [4, true],
};

/** A statement about the first bytes, or everything. */
function atomMask(tokens: readonly Token[], rule: RuleOutline): number {
  const words = tokens.map((token) => token.text);
  if (tokens.length === 3 && words.join(" ") === "pe . is_pe") return bit.mz;
  // $a at 0
  if (tokens.length === 3 && words[1] === "at" && isZero(tokens[2])) {
    const bytes = rule.bytes.get(words[0]!);
    return bytes === undefined ? all : prefixMask(bytes);
  }
  // uint16(0) == 0x5a4d, either way round
  const [read, value] = words[4] === "==" ? [tokens.slice(0, 4), tokens[5]] : [tokens.slice(2, 6), tokens[0]];
  if (tokens.length !== 6 || (words[4] !== "==" && words[1] !== "==")) return all;
  const shape = readSizes[read[0]!.text];
  const isRead = shape !== undefined && read[1]!.text === "(" && isZero(read[2]) && read[3]!.text === ")";
  if (!isRead || value?.kind !== "number") return all;
  const number = numberOf(value.text);
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** (8 * shape[0])) return all;
  const bytes = Array.from({ length: shape[0] }, (_, i) => Math.floor(number / 2 ** (8 * i)) % 256);
  return prefixMask(shape[1] ? bytes.reverse() : bytes);
}

function isZero(token: Token | undefined): boolean {
  return token?.kind === "number" && numberOf(token.text) === 0;
}

/** Classes whose files can begin with these bytes. */
function prefixMask(bytes: readonly number[]): number {
  const begins = (magic: readonly number[]): "yes" | "maybe" | "no" => {
    for (const [at, byte] of magic.entries()) {
      if (at >= bytes.length) return "maybe";
      if (bytes[at] !== byte) return "no";
    }
    return "yes";
  };
  const mz = begins([0x4d, 0x5a]);
  const elf = begins([0x7f, 0x45, 0x4c, 0x46]);
  if (mz === "yes") return bit.mz;
  if (elf === "yes") return bit.elf;
  return bit.other | (mz === "maybe" ? bit.mz : 0) | (elf === "maybe" ? bit.elf : 0);
}
