// "Did you mean …?": the right word nearest to a wrong one, for flags, keys and names that a person typed.

/** Words longer than this are not compared: the cost is quadratic, and nobody mistypes a name of 65 letters. */
const wordLengthMax = 64;

/**
 * The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours; case ignored), or
 * `undefined` when none is near enough to be what was meant: at most a third of the word's length, and never more than 3.
 * A candidate that the word is the beginning of counts as near. Ties go to the first candidate.
 * O(candidates × length²).
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > wordLengthMax) return undefined;
  const wanted = word.toLowerCase();
  const distanceMax = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  let best: string | undefined;
  let bestDistance = distanceMax + 1;
  let prefixed: string | undefined;
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase();
    if (lower === wanted) return candidate;
    if (prefixed === undefined && wanted.length >= 3 && lower.startsWith(wanted)) prefixed = candidate;
    if (lower.length > wordLengthMax || Math.abs(lower.length - wanted.length) > distanceMax) continue;
    const distance = editDistance(wanted, lower);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? prefixed;
}

/** Optimal string alignment distance: like Levenshtein's, a swap of two neighbours counting one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped =
        i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (swapped) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
