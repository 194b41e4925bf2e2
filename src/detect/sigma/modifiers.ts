// The key of a detection item (`CommandLine|contains|all`) as a plan for its values. The table below is the whole list of
// modifiers; what may follow what is checked here, once, so that values.ts has no impossible cases.

import type { Relation, TimePart } from "./ir.ts";
import { didYouMean } from "./nearest.ts";
import { RuleError } from "./problem.ts";

/** Steps that rewrite a string value, in the order written. */
export type StringStep =
  | "contains"
  | "startswith"
  | "endswith"
  | "windash"
  | "expand"
  | "base64"
  | "base64offset"
  | "utf16le"
  | "utf16be"
  | "utf16";

/** What the values of an item are read as. */
export type ItemKind = "string" | "regex" | "cidr" | "exists" | "compare" | "time" | "fieldref";

export interface ItemPlan {
  /** `null` for keywords. */
  readonly field: string | null;
  /** As written, without the field: `contains|all`. */
  readonly modifier: string;
  readonly kind: ItemKind;
  readonly steps: readonly StringStep[];
  /** Of `re`: some of `i`, `m`, `s`. */
  readonly regexFlags: string;
  readonly relation: Relation;
  readonly part: TimePart | undefined;
  /** Values are linked by AND instead of OR. */
  readonly all: boolean;
  readonly cased: boolean;
  /** The whole item is negated. */
  readonly negated: boolean;
}

type Modifier =
  | { readonly does: "step"; readonly step: StringStep }
  | { readonly does: "kind"; readonly kind: "regex" | "cidr" | "exists" | "fieldref" }
  | { readonly does: "flag"; readonly flag: "i" | "m" | "s" }
  | { readonly does: "relation"; readonly relation: Relation }
  | { readonly does: "part"; readonly part: TimePart }
  | { readonly does: "all" | "cased" | "negate" };

/** Specification 2.1.0, appendix "Modifiers"; `wide` is the old name of `utf16le`. */
const modifiers: Readonly<Record<string, Modifier>> = {
  __proto__: null as never,
  contains: { does: "step", step: "contains" },
  startswith: { does: "step", step: "startswith" },
  endswith: { does: "step", step: "endswith" },
  windash: { does: "step", step: "windash" },
  expand: { does: "step", step: "expand" },
  base64: { does: "step", step: "base64" },
  base64offset: { does: "step", step: "base64offset" },
  wide: { does: "step", step: "utf16le" },
  utf16le: { does: "step", step: "utf16le" },
  utf16be: { does: "step", step: "utf16be" },
  utf16: { does: "step", step: "utf16" },
  re: { does: "kind", kind: "regex" },
  i: { does: "flag", flag: "i" },
  ignorecase: { does: "flag", flag: "i" },
  m: { does: "flag", flag: "m" },
  multiline: { does: "flag", flag: "m" },
  s: { does: "flag", flag: "s" },
  dotall: { does: "flag", flag: "s" },
  cidr: { does: "kind", kind: "cidr" },
  exists: { does: "kind", kind: "exists" },
  fieldref: { does: "kind", kind: "fieldref" },
  all: { does: "all" },
  cased: { does: "cased" },
  neq: { does: "negate" },
  lt: { does: "relation", relation: "lt" },
  lte: { does: "relation", relation: "lte" },
  gt: { does: "relation", relation: "gt" },
  gte: { does: "relation", relation: "gte" },
  minute: { does: "part", part: "minute" },
  hour: { does: "part", part: "hour" },
  day: { does: "part", part: "day" },
  week: { does: "part", part: "week" },
  month: { does: "part", part: "month" },
  year: { does: "part", part: "year" },
};

/** Names of all modifiers, for documentation and completion. */
export const modifierNames: readonly string[] = Object.keys(modifiers);

const anchoring: ReadonlySet<StringStep> = new Set(["contains", "startswith", "endswith"]);

/** Reads an item's key; throws {@link RuleError} at the modifier that is wrong. `offset` is that of the key's first character. */
export function readItemKey(key: string, offset: number): ItemPlan {
  const bar = key.indexOf("|");
  const field = bar === -1 ? key : key.slice(0, bar);
  const plan = {
    field: field === "" ? null : field,
    modifier: bar === -1 ? "" : key.slice(bar + 1),
    kind: "string" as ItemKind,
    steps: [] as StringStep[],
    regexFlags: "",
    relation: "eq" as Relation,
    part: undefined as TimePart | undefined,
    all: false,
    cased: false,
    negated: false,
  };
  if (bar === -1) return plan;
  let at = bar + 1;
  let valueModifiers = 0;
  for (const name of plan.modifier.split("|")) {
    const modifier = modifiers[name];
    const here = offset + at;
    const refuse = (why: string, hint = ""): RuleError =>
      new RuleError("bad_modifier", here, `Cannot use modifier '${name}': ${why}`, hint);
    if (modifier === undefined) {
      const what = name === "" ? "a modifier is missing after '|'" : `unknown modifier '${name}'`;
      throw new RuleError("unknown_modifier", here, `Cannot read '${key}': ${what}`, didYouMean(name, modifierNames));
    }
    switch (modifier.does) {
      case "all":
        plan.all = true;
        break;
      case "cased":
        if (!["string", "fieldref", "regex"].includes(plan.kind)) throw refuse("it belongs to text");
        plan.cased = true;
        break;
      case "negate":
        plan.negated = true;
        break;
      case "kind":
        if (valueModifiers > 0 && !(modifier.kind === "fieldref" && plan.steps.every((step) => anchoring.has(step)))) {
          throw refuse("it must be the first modifier");
        }
        plan.kind = modifier.kind;
        break;
      case "flag":
        if (plan.kind !== "regex") throw refuse("it must follow 're'", `write |re|${name}`);
        if (!plan.regexFlags.includes(modifier.flag)) plan.regexFlags += modifier.flag;
        break;
      case "part":
        if (valueModifiers > 0)
          throw refuse("a time part must be the first modifier", "write |hour|gte, not |gte|hour");
        plan.kind = "time";
        plan.part = modifier.part;
        break;
      case "relation":
        if (plan.relation !== "eq" || (plan.kind !== "time" && valueModifiers > 0))
          throw refuse("it compares one number and stands alone");
        plan.relation = modifier.relation;
        if (plan.kind !== "time") plan.kind = "compare";
        break;
      case "step":
        if (
          plan.kind !== "string" &&
          !((plan.kind === "regex" || plan.kind === "fieldref") && anchoring.has(modifier.step))
        ) {
          throw refuse(`it cannot follow '${plan.modifier.split("|")[0]}'`);
        }
        plan.steps.push(modifier.step);
        break;
    }
    if (modifier.does !== "all" && modifier.does !== "cased" && modifier.does !== "negate") valueModifiers++;
    at += name.length + 1;
  }
  if (plan.field === null && !["string", "regex", "cidr"].includes(plan.kind)) {
    throw new RuleError(
      "bad_modifier",
      offset,
      `Cannot use '${plan.modifier}' without a field`,
      "write a field name before the '|'",
    );
  }
  return plan;
}
