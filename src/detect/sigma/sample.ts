// A value that satisfies several predicates of one field at once, as far as a plain construction goes: start, contents, end.

import { dash, many, one, type Piece, type Predicate, type Test } from "./ir.ts";
import { parseRegex, type RegexNode } from "./regex-syntax.ts";
import type { Value } from "./types.ts";

/** `undefined` leaves the field out. `filler` stands wherever the predicates leave room. */
export function sampleValue(predicates: readonly Predicate[], filler: string): Value {
  const tests = predicates.map(({ test }) => test);
  if (tests.some((test) => test.op === "null")) return undefined;
  const whole =
    tests.find((test) => test.op === "literal" && test.how === "equals") ??
    tests.find((test) => special(test) !== undefined);
  if (whole !== undefined) return whole.op === "literal" ? whole.texts[0] : special(whole);
  let start = "";
  let end = "";
  const inside: string[] = [];
  for (const test of tests) {
    if (test.op === "literal") {
      const text = test.texts[0]!;
      if (test.how === "startswith") start = text.length > start.length ? text : start;
      else if (test.how === "endswith") end = text.length > end.length ? text : end;
      else inside.push(text);
    } else if (test.op === "glob") {
      const text = sampleGlob(test.pieces, filler);
      const opens = test.pieces[0] !== many;
      const closes = test.pieces.at(-1) !== many;
      if (opens && closes) return text;
      if (opens) start = text;
      else if (closes) end = text;
      else inside.push(text);
    } else if (test.op === "regex") {
      const node = parseRegex(test.source, test.flags);
      const text = node === undefined ? "" : sampleRegex(node);
      if (anchored(node, "start")) start = text;
      else if (anchored(node, "end")) end = text;
      else inside.push(text);
    }
  }
  // Longest first: the shorter ones are often part of them.
  inside.sort((a, b) => b.length - a.length);
  const kept: string[] = [];
  for (const text of inside) if (![start, end, ...kept].some((other) => other.includes(text))) kept.push(text);
  // Where an edge is open the filler goes there too: a filter may name the bare value.
  const text = [start, ...kept, end].join(filler);
  return text === "" ? "x" : text;
}

/** The value of tests that are about something else than text. */
function special(test: Test): Value {
  switch (test.op) {
    case "cidr":
      return sampleAddress(test.bytes, test.bits);
    case "compare":
      return test.relation === "lt" ? test.value - 1 : test.relation === "gt" ? test.value + 1 : test.value;
    case "time":
      return sampleTime(test);
    default:
      return undefined;
  }
}

function sampleAddress(bytes: readonly number[], bits: number): string {
  const isV4 = bits >= 96 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (isV4) return bytes.slice(12).join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(":");
}

function sampleTime({ part, relation, value }: Extract<Test, { op: "time" }>): string {
  const wanted = relation === "lt" ? value - 1 : relation === "gt" ? value + 1 : value;
  const date = new Date(Date.UTC(2024, 0, 1, 12, 30));
  if (part === "minute") date.setUTCMinutes(wanted);
  if (part === "hour") date.setUTCHours(wanted);
  if (part === "day") date.setUTCDate(wanted);
  if (part === "month") date.setUTCMonth(wanted - 1);
  if (part === "year") date.setUTCFullYear(wanted);
  // 1 January 2024 is a Monday, so that weeks and multiples of seven days coincide.
  if (part === "week") date.setUTCDate(1 + 7 * (wanted - 1));
  return date.toISOString();
}

function sampleGlob(pieces: readonly Piece[], filler: string): string {
  return pieces.map((piece) => (piece === many ? filler : piece === one ? "x" : piece === dash ? "-" : piece)).join("");
}

/** Characters tried as members of a set, most readable first. */
const candidates = "xa0A-_/.: \\";

function sampleRegex(node: RegexNode): string {
  switch (node.kind) {
    case "empty":
      return "";
    case "either":
      return sampleRegex(node.of[0]!);
    case "concat":
      return node.of.map(sampleRegex).join("");
    case "repeat":
      return sampleRegex(node.of).repeat(Math.min(Math.max(node.min, Math.min(1, node.max)), 1_000));
    case "set": {
      const { ranges, negated } = node.set;
      const has = (code: number): boolean => ranges.some(([from, to]) => from <= code && code <= to) !== negated;
      for (const char of candidates) if (has(char.codePointAt(0)!)) return char;
      return negated ? "~" : String.fromCodePoint(ranges[0]?.[0] ?? 0x78);
    }
  }
}

/** Whether every way through an expression begins (or ends) at that edge. */
function anchored(node: RegexNode | undefined, edge: "start" | "end"): boolean {
  if (node === undefined) return false;
  if (node.kind === "empty") return node.anchor === edge;
  if (node.kind === "concat") return anchored(edge === "start" ? node.of[0] : node.of.at(-1), edge);
  return node.kind === "either" && node.of.every((part) => anchored(part, edge));
}
