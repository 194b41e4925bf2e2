// Sigma strings as pieces: literal text and wildcards (specification 2.1.0, "Escaping"), and the test that a pattern amounts to.

import { fold } from "./fold.ts";
import { dash, dashes, type LiteralHow, many, one, type Piece, type Test } from "./ir.ts";
import { dashVariantCountMax } from "./limits.ts";

/**
 * `*` and `?` are wildcards, a backslash before one of them or before a backslash makes it literal, any other backslash is
 * itself. Adjacent text is one piece.
 */
export function parsePattern(text: string): Piece[] {
  // A single backslash before anything else is itself.
  if (!/[*?]|\\\\/.test(text)) return text === "" ? [] : [text];
  const pieces: Piece[] = [];
  let literal = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const next = text[i + 1];
    if (char === "\\" && (next === "\\" || next === "*" || next === "?")) {
      literal += next;
      i++;
    } else if (char === "*" || char === "?") {
      if (literal !== "") pieces.push(literal);
      literal = "";
      pieces.push(char === "*" ? many : one);
    } else literal += char;
  }
  if (literal !== "") pieces.push(literal);
  return pieces;
}

/** Merges adjacent text and adjacent `*`: two patterns that mean the same become the same. */
export function normalizePieces(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (typeof piece === "string") {
      if (piece === "") continue;
      if (typeof last === "string") result[result.length - 1] = last + piece;
      else result.push(piece);
    } else if (piece !== many || last !== many) result.push(piece);
  }
  return result;
}

/** The cheapest test that means the same as matching the whole value against `pieces`. */
export function patternTest(raw: readonly Piece[], cased: boolean): Test {
  // Nearly all: one text, with or without a wildcard at its ends.
  const open = raw[0] === many;
  const text = raw[open ? 1 : 0];
  const rest = raw.length - (open ? 2 : 1);
  if (typeof text === "string" && text !== "" && (rest === 0 || (rest === 1 && raw.at(-1) === many))) {
    const how: LiteralHow = open ? (rest === 1 ? "contains" : "endswith") : rest === 1 ? "startswith" : "equals";
    return { op: "literal", how, texts: [cased ? text : fold(text)], cased };
  }
  return anyPatternTest(raw, cased);
}

function anyPatternTest(raw: readonly Piece[], cased: boolean): Test {
  const pieces = normalizePieces(raw).map((piece) => (typeof piece === "string" && !cased ? fold(piece) : piece));
  if (pieces.length === 1 && pieces[0] === many) return { op: "present" };
  const open = pieces[0] === many;
  const ajar = pieces.length > 1 && pieces.at(-1) === many;
  const inner = pieces.slice(open ? 1 : 0, ajar ? -1 : undefined);
  const how: LiteralHow = open ? (ajar ? "contains" : "endswith") : ajar ? "startswith" : "equals";
  const texts = literalTexts(inner);
  return texts === undefined ? { op: "glob", pieces, cased } : { op: "literal", how, texts, cased };
}

/** All texts that pieces without wildcards stand for, or `undefined` when there are too many or there is a wildcard. */
function literalTexts(pieces: readonly Piece[]): string[] | undefined {
  let texts = [""];
  for (const piece of pieces) {
    if (piece === many || piece === one) return undefined;
    const choices = piece === dash ? [...dashes] : [piece];
    texts = texts.flatMap((text) => choices.map((choice) => text + choice));
    if (texts.length > dashVariantCountMax) return undefined;
  }
  return texts;
}
