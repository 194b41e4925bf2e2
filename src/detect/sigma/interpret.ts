// What a rule means, written for reading: every other way of evaluating is tested against this one. Slow on purpose: it walks
// the tree and asks each predicate anew.

import { inNetwork, parseAddress } from "./address.ts";
import { fold } from "./fold.ts";
import { globMatches } from "./glob.ts";
import type { Condition, LiteralHow, Predicate, RuleIr, Test } from "./ir.ts";
import { compileRegex } from "./regex.ts";
import { related, timePart } from "./time-part.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { anyMember, numericValue, scalarText } from "./value.ts";

/** Whether the event satisfies the rule. Never throws for any event. */
export function interpret(rule: RuleIr, event: SigmaEvent, slots: SlotTable): boolean {
  return holds(rule.condition, rule, event, slots);
}

/** Whether one node of a rule's condition is true for an event. */
export function holds(node: Condition, rule: RuleIr, event: SigmaEvent, slots: SlotTable): boolean {
  switch (node.kind) {
    case "and":
      return node.of.every((part) => holds(part, rule, event, slots));
    case "or":
      return node.of.some((part) => holds(part, rule, event, slots));
    case "not":
      return !holds(node.of, rule, event, slots);
    case "const":
      return node.value;
    case "selection":
      return holds(rule.selections[node.selection]!.condition, rule, event, slots);
    case "test":
      return satisfies(rule.predicates[node.predicate]!, event, slots);
  }
}

/** Whether an event satisfies one predicate. */
export function satisfies(predicate: Predicate, event: SigmaEvent, slots: SlotTable): boolean {
  const { field, test } = predicate;
  if (field !== null) return valueSatisfies(test, event.get(slots.slot(field)), event, slots);
  let found = false;
  event.eachText((text) => {
    found ||= valueSatisfies(test, text, event, slots);
  });
  return found;
}

/** Whether a value, or any member of an array, satisfies a test. */
export function valueSatisfies(test: Test, value: Value, event: SigmaEvent, slots: SlotTable): boolean {
  switch (test.op) {
    case "exists":
      return value !== undefined;
    case "null":
      return anyMember(value, (member) => member === undefined || member === null);
    case "fieldref": {
      const other = event.get(slots.slot(test.other));
      return anyMember(value, (left) => anyMember(other, (right) => refers(test.how, test.cased, left, right)));
    }
    case "compare":
      return anyMember(value, (member) => {
        const number = numericValue(member);
        return number !== undefined && related(number, test.relation, test.value);
      });
    case "time":
      return anyMember(value, (member) => {
        const number = timePart(member, test.part);
        return number !== undefined && related(number, test.relation, test.value);
      });
    default:
      return anyMember(value, (member) => {
        const text = scalarText(member);
        return text !== undefined && textSatisfies(test, text);
      });
  }
}

type TextTest = Extract<Test, { op: "literal" | "glob" | "present" | "regex" | "cidr" }>;

function textSatisfies(test: TextTest, text: string): boolean {
  switch (test.op) {
    case "present":
      return true;
    case "literal": {
      const subject = test.cased ? text : fold(text);
      return test.texts.some((pattern) => compares(test.how, subject, pattern));
    }
    case "glob":
      return globMatches(test.pieces, test.cased ? text : fold(text));
    case "regex": {
      const regex = compileRegex(test.source, test.flags);
      return "test" in regex && regex.test(text);
    }
    case "cidr": {
      const address = parseAddress(text);
      return address !== undefined && inNetwork(address, test);
    }
  }
}

function refers(how: LiteralHow, cased: boolean, left: Value, right: Value): boolean {
  const subject = scalarText(left);
  const pattern = scalarText(right);
  if (subject === undefined || pattern === undefined) return false;
  return cased ? compares(how, subject, pattern) : compares(how, fold(subject), fold(pattern));
}

function compares(how: LiteralHow, subject: string, pattern: string): boolean {
  switch (how) {
    case "equals":
      return subject === pattern;
    case "contains":
      return subject.includes(pattern);
    case "startswith":
      return subject.startsWith(pattern);
    case "endswith":
      return subject.endsWith(pattern);
  }
}
