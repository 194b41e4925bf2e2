import { expect, test } from "bun:test";
import { Engine, NameSlots, parseSigma, type RuleIr } from "../../detect/sigma/mod.ts";
import { createCatalogue, liveSources } from "../../event/mod.ts";
import { withoutUseless } from "./rule-keeper.ts";

const ruleFor = (logsource: string): RuleIr => {
  const text = `title: T\nid: 00000000-0000-4000-8000-000000000001\nlogsource: { ${logsource} }\ndetection: { s: { Image: a }, condition: s }\n`;
  const { rules, diagnostics } = parseSigma(text, "rule.yml");
  expect(diagnostics).toEqual([]);
  return rules[0]!;
};

test("a rule for another platform goes to the worker without what it asks, and is told inert for the same reason", () => {
  const catalogue = createCatalogue({ live: liveSources.linux, platform: "linux" });
  const inertOf = (rule: RuleIr) =>
    new Engine([rule], {
      slots: new NameSlots(),
      route: (logsource) => catalogue.route(logsource),
      fieldReason: (source, field) => catalogue.fieldReason(source, field),
    }).inert;
  for (const logsource of ["product: windows, category: process_creation", "product: azure", "category: webserver"]) {
    const rule = ruleFor(logsource);
    const slim = withoutUseless(rule);
    expect(slim.predicates).toEqual([]);
    expect(inertOf(rule)).toHaveLength(1);
    expect(inertOf(slim)).toEqual(inertOf(rule));
  }
});

test("a rule for this platform goes to the worker whole", () => {
  for (const logsource of [
    "product: linux, category: process_creation",
    "category: process_creation",
    "product: linux",
  ]) {
    const rule = ruleFor(logsource);
    expect(withoutUseless(rule)).toBe(rule);
  }
});
