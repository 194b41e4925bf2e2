// Reads the starter rules and the `NAME.tests.yml` beside each of them (format: rules/README.md). Strict: an unknown key or
// a wrong type throws, because a test that is silently left out proves nothing.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export const rulesFolder = join(import.meta.dir, "../../rules/sigma/linux");
const testsEnding = ".tests.yml";

/** An event as Sigma sees it, all values text, and whether the rule must match it. */
export interface RuleEvent {
  readonly name: string;
  readonly match: boolean;
  /** Names of other starter rules that match it too. */
  readonly also: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
}

/** A file that the test puts in place before it runs something; removed afterwards. */
export interface StagedFile {
  readonly path: string;
  readonly text: string;
  /** Octal, `644` when absent. */
  readonly mode?: string;
}

/** What the process that fires must look like, where it is not simply the one that was started. */
export interface ExpectedProcess {
  /** `self`: the process that was started (it may have executed something else since). `child`: a child of it. */
  readonly by: "self" | "child";
  readonly Image?: string;
  readonly CommandLine?: string;
  readonly ParentImage?: string;
}

/** A harmless stand-in for the real thing. Placeholders in all texts: see {@link placeholders}. */
export interface Detonation {
  readonly name: string;
  readonly match: boolean;
  /** Names of other starter rules that fire too. */
  readonly also: readonly string[];
  /** Copies of `/bin/true`: a path, or a name in `{dir}`. */
  readonly standIns: readonly string[];
  /** Target to source. */
  readonly copies: Readonly<Record<string, string>>;
  readonly files: readonly StagedFile[];
  readonly environment: Readonly<Record<string, string>>;
  readonly run: readonly string[];
  readonly expect: ExpectedProcess;
}

export interface RuleTests {
  /** Id of the rule that the tests belong to. */
  readonly rule: string;
  readonly events: readonly RuleEvent[];
  readonly detonations: readonly Detonation[];
}

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
export function readTests(text: string, file: string): RuleTests {
  const root = map(parse(text), file, ["rule", "events", "detonations"]);
  return {
    rule: string(root.rule, `${file}: rule`),
    events: list(root.events, `${file}: events`).map((item, index) => readEvent(item, `${file}: events[${index}]`)),
    detonations: list(root.detonations ?? [], `${file}: detonations`).map((item, index) =>
      readDetonation(item, `${file}: detonations[${index}]`),
    ),
  };
}

function readEvent(value: unknown, at: string): RuleEvent {
  const event = map(value, at, ["name", "match", "also", "fields"]);
  return {
    name: string(event.name, `${at}.name`),
    match: boolean(event.match, `${at}.match`),
    also: list(event.also ?? [], `${at}.also`).map((word) => string(word, `${at}.also`)),
    fields: strings(event.fields, `${at}.fields`),
  };
}

function readDetonation(value: unknown, at: string): Detonation {
  const keys = ["name", "match", "also", "stand_ins", "copies", "files", "environment", "run", "expect"];
  const detonation = map(value, at, keys);
  const run = list(detonation.run, `${at}.run`).map((word, index) => string(word, `${at}.run[${index}]`));
  if (run.length === 0) throw new Error(`${at}.run: empty`);
  return {
    name: string(detonation.name, `${at}.name`),
    match: boolean(detonation.match, `${at}.match`),
    also: list(detonation.also ?? [], `${at}.also`).map((word) => string(word, `${at}.also`)),
    standIns: list(detonation.stand_ins ?? [], `${at}.stand_ins`).map((word) => string(word, `${at}.stand_ins`)),
    copies: strings(detonation.copies ?? {}, `${at}.copies`),
    files: list(detonation.files ?? [], `${at}.files`).map((item) => readFile(item, `${at}.files`)),
    environment: strings(detonation.environment ?? {}, `${at}.environment`),
    run,
    expect: readExpected(detonation.expect ?? {}, `${at}.expect`),
  };
}

function readFile(value: unknown, at: string): StagedFile {
  const file = map(value, at, ["path", "text", "mode"]);
  return {
    path: string(file.path, `${at}.path`),
    text: string(file.text, `${at}.text`),
    ...(file.mode === undefined ? {} : { mode: string(file.mode, `${at}.mode`) }),
  };
}

function readExpected(value: unknown, at: string): ExpectedProcess {
  const { by = "self", ...fields } = strings(map(value, at, ["by", "Image", "CommandLine", "ParentImage"]), at);
  if (by !== "self" && by !== "child") throw new Error(`${at}.by: neither self nor child`);
  return { by, ...fields };
}

function map(value: unknown, at: string, keys?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at}: not a map`);
  for (const key of Object.keys(value))
    if (keys !== undefined && !keys.includes(key)) throw new Error(`${at}: unknown key ${key}`);
  return value as Record<string, unknown>;
}

function list(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${at}: not a list`);
  return value;
}

function string(value: unknown, at: string): string {
  if (typeof value !== "string") throw new Error(`${at}: not a text (quote it)`);
  return value;
}

function strings(value: unknown, at: string): Record<string, string> {
  return Object.fromEntries(Object.entries(map(value, at)).map(([key, one]) => [key, string(one, `${at}.${key}`)]));
}

function boolean(value: unknown, at: string): boolean {
  if (typeof value !== "boolean") throw new Error(`${at}: not true or false`);
  return value;
}
