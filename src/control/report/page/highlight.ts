// Where in a field's value a rule's patterns are: for the eye, so it looks for the literal parts of a pattern and marks the whole value
// when a pattern has none (regular expressions, networks, comparisons).

import type { ReportMatch } from "../data.ts";

/** A stretch of a value. */
export interface Stretch {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Occurrences of one part that are marked at most: a pattern of one letter matches everywhere. */
const occurrencesMax = 64;

/** The value cut into stretches that together are the value again. */
export function highlight(value: string, matches: readonly Pick<ReportMatch, "modifier" | "pattern">[]): Stretch[] {
  if (value === "" || matches.length === 0) return value === "" ? [] : [{ text: value, isMatch: false }];
  // Folding that keeps positions: a longer lower-case form would shift everything behind it.
  const lower = value.toLowerCase();
  const folded = lower.length === value.length ? lower : value;
  const ranges: [number, number][] = [];
  for (const { modifier, pattern } of matches) ranges.push(...rangesOf(folded, modifier.split("|"), pattern));
  ranges.sort(([a], [b]) => a - b);
  const stretches: Stretch[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    if (to <= at) continue;
    if (from > at) stretches.push({ text: value.slice(at, from), isMatch: false });
    const start = Math.max(at, from);
    const last = stretches.at(-1);
    if (last?.isMatch === true && start === at) {
      stretches[stretches.length - 1] = { text: last.text + value.slice(start, to), isMatch: true };
    } else stretches.push({ text: value.slice(start, to), isMatch: true });
    at = to;
  }
  if (at < value.length) stretches.push({ text: value.slice(at), isMatch: false });
  return stretches;
}

function rangesOf(folded: string, modifiers: readonly string[], pattern: string): [number, number][] {
  const whole: [number, number][] = [[0, folded.length]];
  if (modifiers.some((modifier) => !plainModifiers.has(modifier))) return whole;
  const literals = literalParts(pattern).map((part) => part.toLowerCase());
  if (literals.length === 0) return whole;
  if (modifiers.includes("endswith") && literals.length === 1) {
    const [only = ""] = literals;
    return folded.endsWith(only) ? [[folded.length - only.length, folded.length]] : whole;
  }
  const ranges: [number, number][] = [];
  for (const literal of literals) {
    let count = 0;
    for (let at = folded.indexOf(literal); at !== -1; at = folded.indexOf(literal, at + literal.length)) {
      if (++count > occurrencesMax) break;
      ranges.push([at, at + literal.length]);
      if (modifiers.includes("startswith")) break;
    }
  }
  // Written otherwise than it stands there (dashes, encodings): something in it did match.
  return ranges.length === 0 ? whole : ranges;
}

const plainModifiers: ReadonlySet<string> = new Set(["", "contains", "startswith", "endswith", "all", "cased"]);

/** The text between the wildcards of a Sigma string, escapes resolved. */
export function literalParts(pattern: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    const next = pattern[at + 1];
    if (char === "\\" && (next === "*" || next === "?" || next === "\\")) {
      part += next;
      at++;
    } else if (char === "*" || char === "?") {
      if (part !== "") parts.push(part);
      part = "";
    } else part += char;
  }
  if (part !== "") parts.push(part);
  return parts;
}
