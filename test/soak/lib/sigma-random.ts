// Rules and events that nobody would write, as text from a seed: over an alphabet of awkward characters, so that things match, with every modifier,
// nested conditions, keywords, filters and several log sources. The engine in its three forms must say what the interpreter says.

import {
  Engine,
  interpret,
  linkSigma,
  NameSlots,
  parseSigma,
  RecordEvent,
  type RuleIr,
  type Value,
} from "../../../src/detect/sigma/mod.ts";

export type Random = () => number;

/** Treacherous case, separators, wildcards, a character of two units, one that lower-cases to two. */
const characters = [
  "a",
  "b",
  "A",
  "k",
  "\u212a",
  "s",
  "ſ",
  "Σ",
  "ς",
  "İ",
  "i",
  "ß",
  "/",
  "\\",
  "-",
  "–",
  " ",
  ".",
  "1",
  "😀",
  "é",
  "\n",
];
const wildcards = ["*", "?", "\\*", "\\?", "\\\\"];
const fields = ["f", "g", "h", "n"];

class Maker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<Item>(list: readonly Item[]): Item {
    return list[this.below(list.length)]!;
  }

  times<Item>(most: number, make: () => Item, least = 1): Item[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make);
  }

  text(longest = 6): string {
    return this.times(longest, () => this.pick(characters), 0).join("");
  }

  pattern(): string {
    return this.times(5, () => (this.chance(0.2) ? this.pick(wildcards) : this.pick(characters)), 0).join("");
  }

  /** A value in quotes, or a number, a boolean, null. */
  scalar(): string {
    const kind = this.below(20);
    if (kind === 0) return String(this.below(13));
    if (kind === 1) return this.pick(["true", "false"]);
    return JSON.stringify(this.pattern());
  }

  list(make: () => string): string {
    return this.chance(0.5) ? make() : `[${this.times(this.chance(0.05) ? 40 : 4, make).join(", ")}]`;
  }

  item(): string {
    const field = this.pick(fields);
    switch (this.below(14)) {
      case 0:
        return `${field}|re${this.pick(["", "|i", "|s", "|i|m"])}: ${JSON.stringify(this.pick(["a.b", "^a", "k$", "s+", "(?i)ſ|Σ", "[^/]a", "\\d", "(a|b)*1", "^$", ".{3,}"]))}`;
      case 1:
        return `${field}|cidr: ${this.pick(["10.0.0.0/8", "10.1.0.0/16", "::/0", "fe80::/10", "::ffff:10.0.0.0/104"])}`;
      case 2:
        return `${field}|${this.pick(["lt", "lte", "gt", "gte"])}: ${this.below(13)}`;
      case 3:
        return `${field}|exists: ${this.pick(["true", "false"])}`;
      case 4:
        return `${field}|fieldref${this.pick(["", "|contains", "|startswith", "|endswith"])}: ${this.pick(fields)}`;
      case 5:
        return `${field}: null`;
      case 6:
        return `${field}|${this.pick(["base64offset|contains", "base64|contains", "wide|base64offset|contains"])}: ${JSON.stringify(this.pick(["abc", "ab", "ßa", "ſsk"]))}`;
      case 7:
        return `${field}|${this.pick(["contains|all", "all|startswith", "windash|contains|all"])}: [${this.times(3, () => this.scalar(), 2).join(", ")}]`;
      case 8:
        return `'|${this.pick(["contains", "all", "contains|all", "startswith", "re"])}': [${this.times(3, () => JSON.stringify(this.pick(["a", "k", "b1", "s", "/a"])), 2).join(", ")}]`;
      case 9:
        return `${field}|${this.pick(["hour", "minute", "day", "year"])}|${this.pick(["lt", "gte"])}: ${this.below(24)}`;
      case 10:
        return `${field}|expand: ['%names%', ${this.scalar()}]`;
      default:
        return `${field}${this.pick(["", "", "|contains", "|contains", "|startswith", "|endswith", "|endswith", "|cased", "|contains|cased", "|windash", "|windash|contains", "|neq", "|contains|neq", "|utf16le|contains"])}: ${this.list(() => this.scalar())}`;
    }
  }

  /** A selection; keys that repeat are left out, for YAML has none. */
  selection(): string {
    const map = (): string => {
      const items = new Map(this.times(3, () => this.item()).map((item) => [item.slice(0, item.indexOf(": ")), item]));
      return `{ ${[...items.values()].join(", ")} }`;
    };
    const kind = this.below(10);
    if (kind === 0) return `[${this.times(3, () => JSON.stringify(this.pattern() || "a")).join(", ")}]`;
    if (kind <= 2) return `[${this.times(3, map).join(", ")}]`;
    return map();
  }

  condition(names: readonly string[], depth = 0): string {
    const kind = this.below(depth > 3 ? 5 : 10);
    if (kind < 3) return this.pick(names);
    if (kind === 3) return this.pick(["1 of s*", "all of s*", "1 of them", "all of them", "not 1 of s*"]);
    if (kind === 4) return `not ${this.pick(names)}`;
    const part = (): string => this.condition(names, depth + 1);
    if (kind === 9) return `not (${part()})`;
    return `(${this.times(3, part, 2).join(this.pick([" and ", " or ", " and not "]))})`;
  }

  logsource(): string {
    return this.pick(["{ product: p }", "{ category: one }", "{ category: two }", "{ product: p, category: one }"]);
  }

  rule(index: number): string {
    const names = this.times(4, () => "").map((_, at) => `${this.chance(0.1) ? "_" : ""}s${at}`);
    const lines = names.map((name) => `  ${name}: ${this.selection()}`);
    // At least one name that patterns find.
    if (names.every((name) => name.startsWith("_"))) lines.push(`  s9: ${this.selection()}`);
    const condition = this.condition(names);
    return `title: R${index}\nname: r${index}\nlogsource: ${this.logsource()}\ndetection:\n${lines.join("\n")}\n  condition: ${condition}\n`;
  }

  filter(rules: number): string {
    const of = this.chance(0.3) ? "any" : `[r${this.below(rules)}]`;
    return `title: F\nlogsource: ${this.logsource()}\nfilter:\n  rules: ${of}\n  s0: ${this.selection()}\n  condition: not s0\n`;
  }

  value(depth = 0): Value {
    switch (this.below(depth > 1 ? 7 : 10)) {
      case 0:
        return this.pick([null, true, false, 0, 1, 12, 3.5, "", "-"]);
      case 1:
        return this.pick([
          "10.1.2.3",
          "::ffff:10.9.9.9",
          "fe80::1%3",
          "2026-03-01T07:08:09Z",
          "12",
          "true",
          "YWJj",
          "xYWJjx",
        ]);
      case 7:
        return this.times(3, () => this.value(depth + 1), 0);
      case 8:
        return { x: this.value(depth + 1) };
      default:
        return this.text(this.chance(0.05) ? 200 : 10);
    }
  }

  event(): Record<string, Value> {
    const event: Record<string, Value> = {};
    for (const field of fields) if (this.chance(0.75)) event[field] = this.value();
    return event;
  }
}

/** Sources of events that log sources mean. */
const routes: Readonly<Record<string, readonly number[]>> = {
  "p/": [1, 2, 3],
  "/one": [1],
  "/two": [2, 4],
  "p/one": [1],
};

export interface RandomCheck {
  readonly rules: number;
  /** Pairs of a rule and an event that it sees. */
  readonly pairs: number;
  readonly matches: number;
  /** Rules that the parser refused: values that a modifier does not take. */
  readonly refused: number;
}

/**
 * Makes rules and events and compares the engine, with generated code and with closures, with the interpreter. Throws with rule and event
 * when one of them says something else.
 */
export function checkRandomRules(random: Random, ruleCount: number, eventCount: number): RandomCheck {
  const make = new Maker(random);
  const documents = Array.from({ length: ruleCount }, (_, index) => make.rule(index));
  for (let at = make.below(4); at > 0; at--) documents.push(make.filter(ruleCount));
  const parsed = parseSigma(documents.join("---\n"), "random.yml", { placeholders: { names: ["a*", "k", "ß?"] } });
  const { rules } = linkSigma(parsed);
  const slots = new NameSlots();
  const route = ({ product = "", category = "" }) => ({ sources: routes[`${product}/${category}`] ?? [] });
  const engines = [true, false].map((jit) => new Engine(rules, { slots, route, jit }));
  const bySource = new Map<number, RuleIr[]>();
  for (const rule of rules)
    for (const source of route(rule.logsource).sources) bySource.set(source, [...(bySource.get(source) ?? []), rule]);
  let [pairs, matches] = [0, 0];
  for (let at = 0; at < eventCount; at++) {
    const fieldsOf = make.event();
    const source = 1 + make.below(4);
    const event = new RecordEvent(fieldsOf, slots);
    const asked = bySource.get(source) ?? [];
    const wanted = new Set(asked.filter((rule) => interpret(rule, event, slots)));
    pairs += asked.length;
    matches += wanted.size;
    for (const [which, engine] of engines.entries()) {
      // Twice: the second time values are remembered.
      for (const round of [1, 2]) {
        const found = new Set<RuleIr>();
        engine.evaluate(source, event, (rule) => found.add(rule));
        const wrong =
          [...asked].find((rule) => found.has(rule) !== wanted.has(rule)) ??
          [...found].find((rule) => !wanted.has(rule));
        if (wrong === undefined && engine.stats.faultCount === 0) continue;
        const how = `${which === 0 ? "generated code" : "closures"}, round ${round}`;
        const what =
          wrong === undefined
            ? "a fault inside the engine"
            : `rule ${wrong.name} is ${found.has(wrong) ? "" : "not "}found`;
        const text =
          documents.find((document) => document.includes(`name: ${wrong?.name}\n`)) ?? documents.join("---\n");
        throw new Error(
          `${how}: ${what}; the interpreter says otherwise\n${text}\nevent of source ${source}: ${JSON.stringify(fieldsOf)}`,
        );
      }
    }
  }
  return { rules: rules.length, pairs, matches, refused: ruleCount - rules.length };
}
