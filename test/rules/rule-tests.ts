// Reads the starter rules and the `NAME.tests.yml` beside each of them (format: rules/README.md), with the reader of `agent rules
// test`. Throws where that has a diagnostic.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Detonation, type RuleTests, readRuleTests } from "../../src/control/rules/mod.ts";

export type { Detonation };

export const rulesFolder = join(import.meta.dir, "../../rules/sigma/linux");
const testsEnding = ".tests.yml";

export interface StarterRule {
  /** Name of the file without its ending. */
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly tests: RuleTests;
}

/** What `{…}` stands for in a detonation: an ordinary folder, two writable ones, a word that occurs nowhere else, and programs. */
export const placeholders = ["dir", "tmp", "shm", "token", "sh", "loader"] as const;

/** All starter rules with their tests, in order of name. Throws for a rule without tests and for tests without a rule. */
export function starterRules(): StarterRule[] {
  const names = readdirSync(rulesFolder).sort();
  for (const name of names)
    if (name.endsWith(testsEnding) && !names.includes(name.replace(testsEnding, ".yml")))
      throw new Error(`Cannot find the rule of ${name}`);
  return names
    .filter((name) => name.endsWith(".yml") && !name.endsWith(testsEnding))
    .map((file) => {
      const name = file.slice(0, -".yml".length);
      const path = join(rulesFolder, name + testsEnding);
      if (!existsSync(path)) throw new Error(`Cannot find ${name}${testsEnding}: every rule has tests`);
      return {
        name,
        file,
        text: readFileSync(join(rulesFolder, file), "utf8"),
        tests: readTests(readFileSync(path, "utf8"), name + testsEnding),
      };
    });
}

/** Parses one tests file; throws an Error that names the place when anything is not as rules/README.md says. */
function readTests(text: string, file: string): RuleTests {
  const tests = readRuleTests(text, file);
  if ("rule" in tests) return tests;
  throw new Error(`${file}:${tests.line}:${tests.column}: ${tests.message}`);
}
