// How the engine sees a value of an event: as texts. One definition for the interpreter and everything compiled.

import { valueDepthMax, valueMembersMax } from "./limits.ts";
import type { Value } from "./types.ts";

/** The text of a scalar, or `undefined`: null, objects and arrays have none. */
export function scalarText(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/**
 * Whether `accept` takes the value or, if it is an array, any of its members (arrays of arrays included). Looks at most at
 * {@link valueMembersMax} members of each array and {@link valueDepthMax} levels.
 */
export function anyMember(value: Value, accept: (member: Value) => boolean, depth = 0): boolean {
  if (!Array.isArray(value)) return accept(value);
  if (depth >= valueDepthMax) return false;
  const count = Math.min(value.length, valueMembersMax);
  for (let i = 0; i < count; i++) if (anyMember(value[i], accept, depth + 1)) return true;
  return false;
}

const decimalNumber = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/;

/** The number that a value is or spells in decimal; otherwise `undefined`. */
export function numericValue(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.length > 64 || !decimalNumber.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
