// One value of a detection item as tests: applies the modifiers of the item's plan, left to right (specification 2.1.0).

import { parseNetwork } from "./address.ts";
import { base64Offsets, base64Text, wideText } from "./encode.ts";
import { dash, type LiteralHow, many, type Piece, type Test } from "./ir.ts";
import { expansionCountMax, patternLengthMax, regexLengthMax } from "./limits.ts";
import type { ItemPlan, StringStep } from "./modifiers.ts";
import { didYouMean } from "./nearest.ts";
import { normalizePieces, parsePattern, patternTest } from "./pattern.ts";
import { RuleError } from "./problem.ts";
import { compileRegex } from "./regex.ts";
import { plainValue, type YamlScalar } from "./yaml.ts";

/** Values for `%name%`, given by whoever runs the rules. A value may contain wildcards. */
export type Placeholders = Readonly<Record<string, readonly string[]>>;

/** What a value asks: any of `tests`, or none of them when `negated`. */
export interface ValueTests {
  readonly tests: readonly Test[];
  readonly negated: boolean;
}

/** Reads one value. Throws {@link RuleError} at the value. */
export function readValue(plan: ItemPlan, scalar: YamlScalar, placeholders: Placeholders): ValueTests {
  const { offset } = scalar;
  if (scalar.text.length > patternLengthMax) {
    throw new RuleError(
      "value_too_long",
      offset,
      `Cannot read value: it has ${scalar.text.length} characters, at most ${patternLengthMax} are read`,
    );
  }
  switch (plan.kind) {
    case "string":
      return readString(plan, scalar, placeholders);
    case "regex":
      return positive(readRegex(plan, scalar));
    case "cidr":
      return positive({ op: "cidr", ...parseNetwork(scalar.text, offset) });
    case "exists": {
      const value = plainValue(scalar);
      if (typeof value !== "boolean") throw wrongType(scalar, "exists", "true or false");
      return { tests: [{ op: "exists" }], negated: !value };
    }
    case "compare":
      if (plan.relation === "eq") throw new Error("a comparison has a relation");
      return positive({ op: "compare", relation: plan.relation, value: readNumber(scalar, plan.modifier) });
    case "time": {
      const value = readNumber(scalar, plan.modifier);
      return positive({ op: "time", part: plan.part!, relation: plan.relation, value });
    }
    case "fieldref":
      return positive(readFieldref(plan, scalar));
  }
}

function positive(test: Test): ValueTests {
  return { tests: [test], negated: false };
}

function readString(plan: ItemPlan, scalar: YamlScalar, placeholders: Placeholders): ValueTests {
  const value = plainValue(scalar);
  if (value === null) {
    if (plan.steps.length > 0 || plan.field === null) throw wrongType(scalar, plan.modifier || "keywords", "text");
    return positive({ op: "null" });
  }
  // Numbers are asked as their canonical text, which is also what an event's number is turned into.
  const text = typeof value === "number" && plan.steps.length === 0 ? String(value) : scalar.text;
  let variants: Variant[] = [{ pieces: typeof value === "string" ? parsePattern(text) : [text], encoded: false }];
  for (const step of plan.steps) {
    variants = variants.flatMap((variant) => applyStep(step, variant, scalar, placeholders));
    if (variants.length > expansionCountMax) {
      throw new RuleError(
        "too_many_expansions",
        scalar.offset,
        `Cannot expand value: it stands for more than ${expansionCountMax} values`,
      );
    }
  }
  const isKeyword = plan.field === null && !plan.steps.some((step) => step === "startswith" || step === "endswith");
  const tests = variants.map(({ pieces }) => patternTest(isKeyword ? [many, ...pieces, many] : pieces, plan.cased));
  return { tests: mergeLiterals(tests), negated: false };
}

/** A string on its way through the modifiers; `encoded` says that its characters are bytes. */
interface Variant {
  readonly pieces: readonly Piece[];
  readonly encoded: boolean;
}

function applyStep(step: StringStep, variant: Variant, scalar: YamlScalar, placeholders: Placeholders): Variant[] {
  const { pieces, encoded } = variant;
  switch (step) {
    case "contains":
      return [{ pieces: [many, ...pieces, many], encoded }];
    case "startswith":
      return [{ pieces: [...pieces, many], encoded }];
    case "endswith":
      return [{ pieces: [many, ...pieces], encoded }];
    case "windash":
      return [
        { pieces: pieces.flatMap((piece) => (typeof piece === "string" ? spreadDashes(piece) : [piece])), encoded },
      ];
    case "expand":
      return expand(pieces, scalar, placeholders).map((expanded) => ({ pieces: expanded, encoded }));
    case "utf16le":
    case "utf16be":
    case "utf16":
      return [
        { pieces: pieces.map((piece) => (typeof piece === "string" ? wideText(piece, step) : piece)), encoded: true },
      ];
    case "base64":
    case "base64offset": {
      const bytes = literalBytes(variant, step, scalar);
      const texts = step === "base64" ? [base64Text(bytes)] : base64Offsets(bytes);
      if (texts.some((text) => text === "")) {
        throw new RuleError(
          "bad_value",
          scalar.offset,
          `Cannot apply '${step}': the value is too short to be found in every position`,
        );
      }
      return texts.map((text) => ({ pieces: [text], encoded: false }));
    }
  }
}

/**
 * Which characters `windash` replaces: a `-` or `/` before a word character and not after one, as in the reference
 * implementation. `-param-name` has one such place, the first.
 */
const dashPlace = /(?<![\p{L}\p{N}_])[-/](?=[\p{L}\p{N}_])/gu;

function spreadDashes(text: string): Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(dashPlace)) {
    if (match.index > last) pieces.push(text.slice(last, match.index));
    pieces.push(dash);
    last = match.index + 1;
  }
  if (last < text.length) pieces.push(text.slice(last));
  return pieces;
}

/** Replaces `%name%` by the values it was given (each may hold wildcards), `\%` by a percent sign. */
function expand(pieces: readonly Piece[], scalar: YamlScalar, placeholders: Placeholders): Piece[][] {
  let results: Piece[][] = [[]];
  const append = (choices: readonly (readonly Piece[])[]): void => {
    results = results.flatMap((result) => choices.map((choice) => [...result, ...choice]));
    if (results.length > expansionCountMax) {
      throw new RuleError(
        "too_many_expansions",
        scalar.offset,
        `Cannot expand value: it stands for more than ${expansionCountMax} values`,
      );
    }
  };
  for (const piece of pieces) {
    if (typeof piece !== "string") {
      append([[piece]]);
      continue;
    }
    let last = 0;
    for (const match of piece.matchAll(/\\%|%([^%\s\\]+)%/g)) {
      append([[piece.slice(last, match.index)]]);
      last = match.index + match[0].length;
      const name = match[1];
      if (name === undefined) {
        append([["%"]]);
        continue;
      }
      const values = Object.hasOwn(placeholders, name) ? placeholders[name] : undefined;
      if (values === undefined || values.length === 0) {
        const hint = didYouMean(name, Object.keys(placeholders)) || `give values for '${name}' in the configuration`;
        throw new RuleError(
          "unresolved_placeholder",
          scalar.offset,
          `Cannot expand '%${name}%': no values are given for it`,
          hint,
        );
      }
      append(values.map(parsePattern));
    }
    append([[piece.slice(last)]]);
  }
  return results.map(normalizePieces);
}

function literalBytes({ pieces, encoded }: Variant, step: string, scalar: YamlScalar): Uint8Array {
  let text = "";
  for (const piece of pieces) {
    if (typeof piece !== "string") {
      const hint = "put the encoding before contains, startswith and endswith";
      throw new RuleError("bad_value", scalar.offset, `Cannot apply '${step}' to a value with wildcards`, hint);
    }
    text += piece;
  }
  return Buffer.from(text, encoded ? "latin1" : "utf8");
}

/** Variants that differ only in their text are one predicate. */
function mergeLiterals(tests: readonly Test[]): readonly Test[] {
  const first = tests[0];
  if (tests.length < 2 || first?.op !== "literal") return tests;
  const texts: string[] = [];
  for (const test of tests) {
    if (test.op !== "literal" || test.how !== first.how) return tests;
    texts.push(...test.texts);
  }
  return [{ ...first, texts: [...new Set(texts)] }];
}

function readRegex(plan: ItemPlan, scalar: YamlScalar): Test {
  let source = scalar.text;
  if (source.length > regexLengthMax) {
    throw new RuleError(
      "value_too_long",
      scalar.offset,
      `Cannot read regular expression: it has ${source.length} characters, at most ${regexLengthMax} are read`,
    );
  }
  const check = compileRegex(source, plan.regexFlags);
  if ("fault" in check) {
    throw new RuleError(
      "bad_regex",
      scalar.offset,
      `Cannot compile regular expression: ${check.fault}`,
      "RE2 syntax: no look-around, no back-references",
    );
  }
  // Search is unanchored, so that `contains` adds nothing.
  const contains = plan.steps.includes("contains");
  if (!contains && plan.steps.includes("startswith")) source = `\\A(?:${source})`;
  if (!contains && plan.steps.includes("endswith")) source = `(?:${source})\\z`;
  return { op: "regex", source, flags: [...plan.regexFlags].sort().join("") };
}

function readFieldref(plan: ItemPlan, scalar: YamlScalar): Test {
  const other = scalar.text;
  if (other === "" || plainValue(scalar) === null) throw wrongType(scalar, "fieldref", "the name of a field");
  const has = (step: StringStep): boolean => plan.steps.includes(step);
  const how: LiteralHow =
    has("contains") || (has("startswith") && has("endswith"))
      ? "contains"
      : has("startswith")
        ? "startswith"
        : has("endswith")
          ? "endswith"
          : "equals";
  return { op: "fieldref", other, how, cased: plan.cased };
}

function readNumber(scalar: YamlScalar, modifier: string): number {
  const value = Number(scalar.text);
  if (
    scalar.text.trim() === "" ||
    !/^[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(scalar.text) ||
    !Number.isFinite(value)
  ) {
    throw wrongType(scalar, modifier, "a number");
  }
  return value;
}

function wrongType(scalar: YamlScalar, modifier: string, wanted: string): RuleError {
  const shown = scalar.text === "" ? "an empty value" : `'${scalar.text}'`;
  return new RuleError("wrong_type", scalar.offset, `Cannot use ${shown} with '${modifier}': it takes ${wanted}`);
}
