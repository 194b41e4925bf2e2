// What regular expressions cost on long hostile texts: texts are made from the expression itself (its own characters at random, pieces of what nearly
// matches it repeated), because that is what makes an automaton slow.

import type { RuleIr } from "../../../src/detect/sigma/mod.ts";
import { compileRegex } from "../../../src/detect/sigma/regex.ts";

/** A text of Windows' longest command line, and a little more. */
export const hostileLength = 40 * 1024;

export interface RegexOfRule {
  readonly source: string;
  readonly flags: string;
  /** The first rule that has it. */
  readonly title: string;
}

/** The different expressions of rules, in their order. */
export function regexesOf(rules: readonly RuleIr[]): RegexOfRule[] {
  const found = new Map<string, RegexOfRule>();
  for (const { predicates, title } of rules) {
    for (const { test } of predicates) {
      if (test.op !== "regex") continue;
      const key = `${test.flags}/${test.source}`;
      if (!found.has(key)) found.set(key, { source: test.source, flags: test.flags, title });
    }
  }
  return [...found.values()];
}

/** Runs of one character and of few, that any expression may stumble over. */
const plain = [
  "a",
  "A",
  " ",
  "1",
  "ab",
  "'",
  '"',
  "'+'",
  "(",
  "{0}",
  "%",
  "^",
  "QUFB",
  "\\",
  "/",
  "-",
  ";",
  ".",
  "а",
  "cmd /c set x= & echo ",
  "aB1 -/\\.\"'(){}[]%^$+=,;:",
];

function filled(piece: string): string {
  return piece.repeat(Math.ceil(hostileLength / piece.length)).slice(0, hostileLength);
}

/** Texts of {@link hostileLength} for one expression, by what they are made of. */
export function hostileTexts(source: string, random: () => number): { readonly name: string; readonly text: string }[] {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(random() * list.length)]!;
  const texts = plain.map((piece) => ({ name: `'${piece}' again and again`, text: filled(piece) }));
  // The letters of the expression, and of its classes.
  const own = [...new Set(source.replaceAll(/\\[dDwWsSbB]|\(\?[:a-z]+\)?|[{}()[\]|]/g, " ").replaceAll("\\", ""))];
  if (/\\d|0-9/.test(source)) own.push(..."0123456789");
  if (/\\w|a-z|A-Z/.test(source)) own.push(..."abcdefxyzABCXYZ");
  if (/\\s| /.test(source)) own.push(" ", "\t");
  if (own.length === 0) own.push("x");
  let text = "";
  while (text.length < hostileLength) text += pick(own);
  texts.push({ name: "its own characters at random", text });
  const [one, two] = [pick(own), pick(own)];
  text = "";
  while (text.length < hostileLength) text += random() < 0.5 ? one : two;
  texts.push({ name: `'${one}' and '${two}' at random`, text });
  // Its literal words, in order and out of it: everything but the end matches again and again.
  const words = source.match(/[A-Za-z0-9 _&/.=-]{2,}/g) ?? [];
  if (words.length > 0) {
    texts.push({ name: "its words again and again", text: filled(`${words.join("x")} `) });
    texts.push({ name: "all of its words but the last", text: filled(words.slice(0, -1).join("") || words[0]!) });
    text = "";
    while (text.length < hostileLength) text += pick(words) + pick(own);
    texts.push({ name: "its words at random", text });
  }
  return texts.map(({ name, text: long }) => ({ name, text: long.slice(0, hostileLength) }));
}

export interface RegexCost {
  readonly regex: RegexOfRule;
  readonly name: string;
  readonly ms: number;
}

/**
 * The dearest kind of text of an expression, warm: each kind is met several times, another text of its kind each time (what an automaton learnt of one is of
 * little use for the next), and the least cost after `warm` of them is taken.
 */
export function dearest(regex: RegexOfRule, random: () => number, warm = 12, measured = 4): RegexCost {
  const compiled = compileRegex(regex.source, regex.flags);
  if ("fault" in compiled) throw new Error(`Cannot compile ${regex.source}: ${compiled.fault}`);
  const costs: { name: string; ms: number }[] = [];
  for (let run = 0; run < warm + measured; run++) {
    for (const [at, { name, text }] of hostileTexts(regex.source, random).entries()) {
      const began = performance.now();
      compiled.test(text);
      const ms = performance.now() - began;
      if (run <= warm || ms < costs[at]!.ms) costs[at] = { name, ms };
    }
  }
  const worst = costs.reduce((most, cost) => (cost.ms > most.ms ? cost : most));
  return { regex, ...worst };
}
