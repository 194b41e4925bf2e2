// Regular expressions that take exponential time in engines that backtrack: a repetition whose body is itself repeated, so that
// one text can be divided in many ways. This room runs them in linear time; whoever takes the rule elsewhere may not.

import type { CharSet, RegexNode } from "./regex-syntax.ts";
import { parseRegex } from "./regex-syntax.ts";

/** Parts of one body that are held against one another: their square is the cost. Longer ones are hand-made only to be long. */
const partsMax = 64;

/** Whether an expression has a repetition inside a repetition that nothing keeps apart. False for what cannot be read. */
export function hasNestedQuantifier(source: string, flags: string): boolean {
  const node = parseRegex(source, flags);
  return node !== undefined && nests(node);
}

function nests(node: RegexNode): boolean {
  switch (node.kind) {
    case "empty":
    case "set":
      return false;
    case "concat":
    case "either":
      return node.of.some(nests);
    case "repeat":
      return (isOpen(node) && isAmbiguous(node.of)) || nests(node.of);
  }
}

const isOpen = (node: RegexNode): boolean => node.kind === "repeat" && node.max === Number.POSITIVE_INFINITY;

/** Whether a body that is repeated without end can read one text in several ways because of a repetition in it. */
function isAmbiguous(body: RegexNode): boolean {
  if (body.kind === "either") return body.of.some(isAmbiguous);
  const parts = body.kind === "concat" ? body.of : [body];
  if (parts.length > partsMax) return false;
  return parts.some((part, at) => {
    if (part.kind === "either") return part.of.some((way) => isOpen(way) && !isSeparated(way, parts, at));
    if (part.kind === "concat") return isAmbiguous(part) && !isSeparated(part, parts, at);
    return isOpen(part) && !isSeparated(part, parts, at);
  });
}

/** Whether something that must be there, and that the repetition itself cannot read, stands beside it. */
function isSeparated(part: RegexNode, parts: readonly RegexNode[], at: number): boolean {
  const own = letters(part);
  return parts.some(
    (other, index) =>
      index !== at && isNeeded(other) && !letters(other).some((set) => own.some((mine) => overlap(mine, set))),
  );
}

function isNeeded(node: RegexNode): boolean {
  switch (node.kind) {
    case "empty":
      return false;
    case "set":
      return true;
    case "repeat":
      return node.min > 0 && isNeeded(node.of);
    case "concat":
      return node.of.some(isNeeded);
    case "either":
      return node.of.every(isNeeded);
  }
}

/** All sets that a node may read from. */
function letters(node: RegexNode): CharSet[] {
  switch (node.kind) {
    case "empty":
      return [];
    case "set":
      return [node.folded ? bothCases(node.set) : node.set];
    case "repeat":
      return letters(node.of);
    case "concat":
    case "either":
      return node.of.flatMap(letters);
  }
}

/** With the ASCII letters of the other case; others decide no warning. */
function bothCases(set: CharSet): CharSet {
  const ranges = set.ranges.flatMap(([from, to]) => {
    const moved: (readonly [number, number])[] = [[from, to]];
    for (const [low, high, by] of [
      [0x41, 0x5a, 32],
      [0x61, 0x7a, -32],
    ] as const) {
      const start = Math.max(from, low);
      const end = Math.min(to, high);
      if (start <= end) moved.push([start + by, end + by]);
    }
    return moved;
  });
  return { ranges, negated: set.negated };
}

function overlap(one: CharSet, other: CharSet): boolean {
  const left = positive(one);
  const right = positive(other);
  return left.some(([from, to]) => right.some(([low, high]) => from <= high && low <= to));
}

function positive({ ranges, negated }: CharSet): readonly (readonly [number, number])[] {
  if (!negated) return ranges;
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (from > next) gaps.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= 0x10ffff) gaps.push([next, 0x10ffff]);
  return gaps;
}
