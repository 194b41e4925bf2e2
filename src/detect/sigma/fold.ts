// The one case folding of the room, applied to patterns when rules are read and to values when events are matched: if the
// two sides ever used different foldings, rules would go silently dead on non-ASCII input.

/**
 * Folds case one character to one character, without regard to context or locale: `fold(a + b) === fold(a) + fold(b)` and
 * the length stays, so that positions found in folded text hold in the original. Two characters need help, because
 * `toLowerCase` treats them by context or changes their length: final sigma and U+0130.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  if (lower === text && !lower.includes("ς")) return text;
  if (text.includes("\u0130")) return text.split("\u0130").map(fold).join("\u0130");
  return lower.includes("ς") ? lower.replaceAll("ς", "σ") : lower;
}
