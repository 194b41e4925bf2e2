// Values of items as the reference implementation shows them to pipelines: after `contains`, `startswith` and `endswith` have become
// wildcards. Encodings (`base64`, `wide` …) make bytes of a value, which pipelines here leave alone.

import { many, type Piece } from "../ir.ts";
import { patternLengthMax } from "../limits.ts";
import type { ItemPlan, StringStep } from "../modifiers.ts";
import { normalizePieces, parsePattern } from "../pattern.ts";
import { plainValue, type YamlScalar } from "../yaml.ts";

const anchoring: ReadonlySet<StringStep> = new Set(["contains", "startswith", "endswith"]);
const kept: ReadonlySet<StringStep> = new Set(["windash", "expand"]);

/** Whether the values of an item are text that pipelines may look at and rewrite. */
export function isText(plan: ItemPlan): boolean {
  return plan.kind === "string" && plan.steps.every((step) => anchoring.has(step) || kept.has(step));
}

/** The pieces of a text value with its wildcards; `undefined` for null, booleans and (unless asked for) numbers. */
export function piecesOf(plan: ItemPlan, scalar: YamlScalar, withNumbers = false): Piece[] | undefined {
  const value = plainValue(scalar);
  const isNumber = typeof value === "number";
  if (plan.steps.length === 0 && typeof value !== "string" && !(isNumber && withNumbers)) return undefined;
  if (value === null) return undefined;
  let pieces: Piece[] = parsePattern(scalar.text);
  for (const step of plan.steps) {
    if (step === "contains" || step === "endswith") pieces = [many, ...pieces];
    if (step === "contains" || step === "startswith") pieces = [...pieces, many];
  }
  return normalizePieces(pieces);
}

/** The plan of an item whose values carry their wildcards themselves. */
export function withoutAnchors(plan: ItemPlan): ItemPlan {
  const steps = plan.steps.filter((step) => !anchoring.has(step));
  const words = plan.modifier.split("|").filter((word) => !(anchoring as ReadonlySet<string>).has(word));
  return { ...plan, steps, modifier: words.join("|") };
}

/** `*` and `?` for wildcards; literal ones have a backslash before them, and so has a backslash before a wildcard. */
export function plainText(pieces: readonly Piece[]): string {
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") text += piece.replaceAll(/[*?]/g, "\\$&");
    else text += `${text.endsWith("\\") ? "\\" : ""}${piece === many ? "*" : "?"}`;
  }
  return text;
}

/** The same text, as a rule would write it: backslashes that escape nothing are doubled, so that they stay what they are. */
export function asPattern(plain: string): string {
  return plain.replaceAll(/\\\\(?=[*?])|\\(?![*?])/g, "\\\\");
}

/** Pieces as a rule would write them. */
export function writePattern(pieces: readonly Piece[]): string {
  return pieces
    .map((piece) => (typeof piece === "string" ? piece.replaceAll(/[\\*?]/g, "\\$&") : piece === many ? "*" : "?"))
    .join("");
}

/** A text value in the place of another; cut, so that rewriting cannot make it grow without end (the limit then refuses it). */
export function textScalar(text: string, at: YamlScalar): YamlScalar {
  return { kind: "scalar", text: text.slice(0, patternLengthMax + 1), plain: false, offset: at.offset };
}
