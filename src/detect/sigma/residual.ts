// Tests that are no literals as closures over slots: the quick way for the usual text value, the interpreter's for the others.

import { fold } from "./fold.ts";
import { globMatches } from "./glob.ts";
import { satisfies, valueSatisfies } from "./interpret.ts";
import type { Predicate, Test } from "./ir.ts";
import { compileRegex } from "./regex.ts";
import type { SigmaEvent, SlotTable } from "./types.ts";

/** Whether an event satisfies the predicate it was made from. */
export type EventTest = (event: SigmaEvent) => boolean;

export function compileResidual(predicate: Predicate, slots: SlotTable): EventTest {
  const { field, test } = predicate;
  if (field === null) return (event) => satisfies(predicate, event, slots);
  const slot = slots.slot(field);
  if (test.op === "exists") return (event) => event.get(slot) !== undefined;
  const ofText = textTest(test);
  if (ofText === undefined) return (event) => valueSatisfies(test, event.get(slot), event, slots);
  return (event) => {
    const value = event.get(slot);
    if (typeof value === "string") return ofText(value);
    return value !== undefined && value !== null && valueSatisfies(test, value, event, slots);
  };
}

function textTest(test: Test): ((text: string) => boolean) | undefined {
  switch (test.op) {
    case "present":
      return () => true;
    case "regex": {
      const regex = compileRegex(test.source, test.flags);
      return "test" in regex ? (text) => regex.test(text) : () => false;
    }
    case "glob": {
      const { pieces } = test;
      return test.cased ? (text) => globMatches(pieces, text) : (text) => globMatches(pieces, fold(text));
    }
    case "literal": {
      const [only] = test.texts;
      if (!test.cased || test.texts.length !== 1 || only === undefined) return undefined;
      if (test.how === "equals") return (text) => text === only;
      if (test.how === "contains") return (text) => text.includes(only);
      return test.how === "startswith" ? (text) => text.startsWith(only) : (text) => text.endsWith(only);
    }
    default:
      return undefined;
  }
}
