// The one case folding of the room, applied to patterns when rules are read and to values when events are matched: if the
// two sides ever used different foldings, rules would go silently dead on non-ASCII input.

/**
 * Unicode simple case folding, one character to one character, without regard to context or locale: `fold(a + b)` is
 * `fold(a) + fold(b)` and the length stays, so that positions found in folded text hold in the original. Characters that are
 * equal to RE2's `(?i)` are equal here, so that a folded literal may stand guard before an expression.
 */
export function fold(text: string): string {
  const at = text.length & (recentCount - 1);
  if (recentTexts[at] === text) return recentFolded[at]!;
  const result = foldNow(text);
  if (text.length <= recentLengthMax) {
    recentTexts[at] = text;
    recentFolded[at] = result;
  }
  return result;
}

/** Texts folded last, by their length: the rules woken by one event fold the same few values again and again. */
const recentCount = 16;
const recentLengthMax = 16_384;
const recentTexts = new Array<string>(recentCount).fill("");
const recentFolded = new Array<string>(recentCount).fill("");

/** The ASCII letter that a character beyond ASCII folds to, or 128: only KELVIN SIGN and LATIN SMALL LETTER LONG S do. */
export function foldsToAscii(code: number): number {
  return code === 0x212a ? 0x6b : code === 0x17f ? 0x73 : 128;
}

function foldNow(text: string): string {
  // U+0130 has no simple folding, but `toLowerCase` makes two characters of it.
  const lower = text.includes("\u0130") ? text.split("\u0130").map(lowerCase).join("\u0130") : text.toLowerCase();
  return special.test(lower) ? lower.replace(specials, (char) => folded[char]!) : lower;
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

/** Lower-case letters that fold to another one (Unicode CaseFolding.txt, status C, where it differs from lower-casing). */
const folded: Readonly<Record<string, string>> = {
  "\u00b5": "\u03bc",
  "\u017f": "s",
  "\u0345": "\u03b9",
  "\u03c2": "\u03c3",
  "\u03d0": "\u03b2",
  "\u03d1": "\u03b8",
  "\u03d5": "\u03c6",
  "\u03d6": "\u03c0",
  "\u03f0": "\u03ba",
  "\u03f1": "\u03c1",
  "\u03f5": "\u03b5",
  "\u1c80": "\u0432",
  "\u1c81": "\u0434",
  "\u1c82": "\u043e",
  "\u1c83": "\u0441",
  "\u1c84": "\u0442",
  "\u1c85": "\u0442",
  "\u1c86": "\u044a",
  "\u1c87": "\u0463",
  "\u1c88": "\ua64b",
  "\u1e9b": "\u1e61",
  "\u1fbe": "\u03b9",
};
const special = new RegExp(`[${Object.keys(folded).join("")}]`);
const specials = new RegExp(special.source, "g");
