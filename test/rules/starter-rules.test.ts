// The starter rules without a kernel: each parses without a warning, matches its events and not its near misses, compiled
// and interpreted alike, and none matches ordinary work. What really happens on a machine: test/live/starter-rules.test.ts.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tactics, techniques } from "../../src/alert/attack-names.ts";
import {
  Engine,
  interpret,
  parseSigma,
  type RuleIr,
  type SigmaEvent,
  type SlotTable,
} from "../../src/detect/sigma/mod.ts";
import { createCatalogue, findSource, liveSources } from "../../src/event/mod.ts";
import { readReadme, rulesTable } from "./readme.ts";
import { starterRules } from "./rule-tests.ts";

const slotNumbers = new Map<string, number>();
const slots: SlotTable = {
  slot(name) {
    const known = slotNumbers.get(name) ?? slotNumbers.size;
    slotNumbers.set(name, known);
    return known;
  },
};
const source = findSource("linux/process_creation")!;

/** What a process start looks like when nothing about it is special. */
const ordinary = {
  ImageDeleted: "false",
  ImageMemfd: "false",
  ImageOverlayUpper: "false",
  CurrentDirectory: "/root",
  User: "root",
  RealUser: "root",
  ParentImage: "/usr/bin/bash",
  ParentCommandLine: "-bash",
  Stdin: "tty",
  Stdout: "tty",
  Stderr: "tty",
};

function eventOf(fields: Readonly<Record<string, string>>): SigmaEvent {
  const bySlot = new Map(Object.entries(fields).map(([name, value]) => [slots.slot(name), value]));
  return {
    get: (slot) => bySlot.get(slot),
    eachText: (visit) => {
      for (const value of bySlot.values()) visit(value);
    },
  };
}

const starters = starterRules().map((starter) => ({ ...starter, parsed: parseSigma(starter.text, starter.file) }));
const rules: RuleIr[] = starters.flatMap(({ parsed }) => [...parsed.rules]);
const route = () => ({ sources: [source] });
const engines = [true, false].map((jit) => ({ jit, engine: new Engine(rules, { slots, route, jit }) }));

/** Titles of the rules that match, by every way of evaluation; throws when they do not agree. */
function matching(fields: Readonly<Record<string, string>>): string[] {
  const event = eventOf(fields);
  const interpreted = rules.filter((rule) => interpret(rule, event, slots)).map(({ title }) => title);
  for (const { jit, engine } of engines) {
    const titles: string[] = [];
    engine.evaluate(source, event, (rule) => titles.push(rule.title));
    if (titles.join("\n") !== interpreted.join("\n"))
      throw new Error(
        `Engine (jit ${jit}) and interpreter disagree on ${fields.CommandLine}: ${titles} / ${interpreted}`,
      );
  }
  return interpreted;
}

/** The title of a rule by its name; throws for a name that no rule has. */
function titleOf(name: string): string {
  const starter = starters.find((one) => one.name === name);
  if (starter === undefined) throw new Error(`Cannot find starter rule ${name}`);
  return starter.parsed.rules[0]!.title;
}

/** The lines of benign-commands.txt as events; `@` lines set the context of what follows. */
function benignEvents(): Record<string, string>[] {
  const events: Record<string, string>[] = [];
  let context: Record<string, string> = {};
  for (const line of readFileSync(join(import.meta.dir, "benign-commands.txt"), "utf8").split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (line.startsWith("@")) {
      const pairs = line.slice(1).split(" ; ");
      context = Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf("=")).trim(), pair.slice(pair.indexOf("=") + 1).trim()]),
      );
      continue;
    }
    const cut = line.indexOf("  ");
    if (cut < 0) throw new Error(`Cannot read line of benign-commands.txt: ${line}`);
    const image = line.slice(0, cut);
    events.push({ ...ordinary, ...context, Image: image, ImageTyped: image, CommandLine: line.slice(cut + 2) });
  }
  return events;
}

describe("starter rules", () => {
  test("there are at least 25, over every tactic they are meant for", () => {
    expect(starters.length).toBeGreaterThanOrEqual(25);
    const tags = new Set(rules.flatMap((rule) => rule.tags));
    const wanted =
      "execution persistence privilege-escalation stealth defense-impairment credential-access command-and-control exfiltration";
    for (const tactic of wanted.split(" ")) expect(tags).toContain(`attack.${tactic}`);
  });

  test("ids and titles are unique", () => {
    expect(new Set(rules.map(({ id }) => id)).size).toBe(starters.length);
    expect(new Set(rules.map(({ title }) => title)).size).toBe(starters.length);
  });

  test("all of them can fire on a live Linux agent", () => {
    const { route, fieldReason } = createCatalogue({ live: liveSources.linux, platform: "linux" });
    const engine = new Engine(rules, { slots, route, fieldReason });
    expect(engine.inert).toEqual([]);
    expect(engine.active).toBe(rules.length);
  });

  test("generated code and closures both ran", () => {
    for (const event of benignEvents().slice(0, 1)) matching(event);
    const [generated, closures] = engines.map(({ engine }) => engine.stats);
    expect(generated!.generatedCount).toBe(rules.length);
    expect(closures!.closureCount).toBe(rules.length);
    expect(generated!.faultCount + closures!.faultCount).toBe(0);
  });

  test("no rule matches ordinary work", () => {
    const events = benignEvents();
    expect(events.length).toBeGreaterThanOrEqual(200);
    const offenders = events.flatMap((event) => matching(event).map((title) => `${title}: ${event.CommandLine}`));
    expect(offenders).toEqual([]);
  });

  test("the table in rules/README.md is up to date (bun test/rules/readme.ts --write)", () => {
    expect(readReadme().table).toBe(rulesTable());
  });
});

for (const { name, file, parsed, tests } of starters) {
  describe(name, () => {
    test("parses without a word, with everything a reader needs", () => {
      expect(parsed.diagnostics).toEqual([]);
      expect(parsed.rules.length).toBe(1);
      const rule = parsed.rules[0]!;
      expect(rule.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(tests.rule).toBe(rule.id);
      expect(rule.file).toBe(file);
      expect(rule.author).toEqual(["Sigil"]);
      expect(rule.version).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      expect(rule.title.length).toBeLessThanOrEqual(80);
      expect(rule.description.length).toBeGreaterThan(60);
      expect(rule.falsepositives.length).toBeGreaterThan(0);
      expect(rule.logsource).toEqual({ product: "linux", category: "process_creation" });
    });

    test("its tags are ATT&CK's, and its references are the pages of its techniques", () => {
      const { tags, references } = parsed.rules[0]!;
      const words = tags.map((tag) => tag.replace(/^attack\./, ""));
      const ids = words.filter((word) => /^t\d/.test(word)).map((word) => word.toUpperCase());
      for (const id of ids) expect(techniques.has(id)).toBe(true);
      for (const word of words.filter((one) => !/^t\d/.test(one))) expect(tactics.has(word)).toBe(true);
      expect(ids.length).toBeGreaterThan(0);
      expect(words.length).toBeGreaterThan(ids.length);
      expect(references).toEqual(ids.map((id) => `https://attack.mitre.org/techniques/${id.replace(".", "/")}/`));
    });

    test("has a positive event, a near miss, and a stand-in of each kind", () => {
      for (const list of [tests.events, tests.detonations]) {
        expect(list.some(({ match }) => match)).toBe(true);
        if (list === tests.events) expect(list.some(({ match }) => !match)).toBe(true);
      }
    });

    for (const event of tests.events) {
      test(`${event.match ? "matches" : "does not match"}: ${event.name}`, () => {
        const expected = [...(event.match ? [name] : []), ...event.also].map(titleOf).sort();
        expect(matching({ ImageTyped: event.fields.Image ?? "", ...event.fields }).sort()).toEqual(expected);
      });
    }
  });
}
