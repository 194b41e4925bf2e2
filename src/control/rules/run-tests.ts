// Runs the tests that lie beside rules (`NAME.tests.yml`): every event through the engine, compiled, and through the interpreter,
// which must agree. Detonations are for the live tests and only counted.

import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Engine, type Explanation, explain, interpret, RecordEvent, type RuleIr } from "../../detect/sigma/mod.ts";
import { FieldTable, replayCatalogue } from "../../event/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import type { SigmaRules } from "./sigma.ts";
import { type RuleEvent, type RuleTests, readRuleTests } from "./tests.ts";

export interface EventOutcome {
  readonly name: string;
  /** Line of the event in the tests file. */
  readonly line: number;
  readonly expected: boolean;
  readonly matched: boolean;
  /** What is wrong; empty when the event did what it should. */
  readonly problem: string;
  /** Of the rule on the event, where it did not do what it should. */
  readonly explanation?: Explanation;
}

export interface RuleOutcome {
  readonly rule: RuleIr;
  readonly testsFile: string;
  readonly events: readonly EventOutcome[];
  /** Names of the detonations, which were not run. */
  readonly detonations: readonly string[];
  readonly seconds: number;
}

export interface TestsReport {
  readonly outcomes: readonly RuleOutcome[];
  /** Rule files without a tests file. */
  readonly untestedFiles: number;
  /** Tests that could not be run. */
  readonly diagnostics: readonly Diagnostic[];
}

interface Tested {
  readonly rule: RuleIr;
  readonly testsFile: string;
  readonly tests: RuleTests;
}

/** Runs all tests of the rules, in the order of files. Never throws for what is in a file. */
export function runRuleTests(sigma: SigmaRules): TestsReport {
  const diagnostics: Diagnostic[] = [];
  const tested: Tested[] = [];
  let untestedFiles = 0;
  const rulesByFile = Map.groupBy(sigma.rules, ({ file }) => file);
  for (const { path } of sigma.files.files) {
    const testsFile = testsFileOf(path);
    if (testsFile === undefined) {
      untestedFiles++;
      continue;
    }
    const read = readTestsFile(testsFile);
    if (!("rule" in read)) {
      diagnostics.push(read);
      continue;
    }
    const rule = (rulesByFile.get(path) ?? []).find(({ id }) => id.toLowerCase() === read.rule.toLowerCase());
    if (rule === undefined) {
      const message = `no plain rule with the id ${read.rule} was loaded from ${basename(path)}`;
      diagnostics.push(failure(testsFile, 1, "unknown_rule", message, "the tests name the id of the rule beside them"));
    } else tested.push({ rule, testsFile, tests: read });
  }
  return { outcomes: new Runner(sigma.rules, tested, diagnostics).run(), untestedFiles, diagnostics };
}

class Runner {
  readonly #tested: readonly Tested[];
  readonly #diagnostics: Diagnostic[];
  readonly #slots = new FieldTable();
  readonly #engine: Engine;
  /** By the copies that the engine has. */
  readonly #originals: ReadonlyMap<RuleIr, RuleIr>;
  /** Rules with tests, by folder: these must be quiet on one another's events. */
  readonly #neighbours: ReadonlyMap<string, ReadonlySet<RuleIr>>;

  constructor(rules: readonly RuleIr[], tested: readonly Tested[], diagnostics: Diagnostic[]) {
    this.#tested = tested;
    this.#diagnostics = diagnostics;
    // A rule that is told to nobody because a correlation takes its matches is tested like any other.
    const loud = rules.map(({ silent: _, ...rule }) => rule);
    this.#originals = new Map(loud.map((rule, index) => [rule, rules[index]!]));
    this.#engine = new Engine(loud, { slots: this.#slots, route: replayCatalogue.route });
    const neighbours = new Map<string, Set<RuleIr>>();
    for (const { rule } of tested) {
      const folder = dirname(rule.file);
      const known = neighbours.get(folder);
      if (known === undefined) neighbours.set(folder, new Set([rule]));
      else known.add(rule);
    }
    this.#neighbours = neighbours;
  }

  run(): RuleOutcome[] {
    return this.#tested.flatMap((one) => this.#rule(one) ?? []);
  }

  #rule({ rule, testsFile, tests }: Tested): RuleOutcome | undefined {
    const route = replayCatalogue.route(rule.logsource);
    const source = "sources" in route ? route.sources[0] : undefined;
    if (source === undefined) {
      const reason = "reason" in route ? route.reason : "its log source has no events";
      this.#diagnostics.push(failure(testsFile, 1, "no_source", `the rule cannot be run: ${reason}`));
      return undefined;
    }
    const startedMs = performance.now();
    const events = tests.events.map((event) => this.#event(rule, source, event));
    const seconds = (performance.now() - startedMs) / 1000;
    return { rule, testsFile, events, detonations: tests.detonations.map(({ name }) => name), seconds };
  }

  #event(rule: RuleIr, source: number, test: RuleEvent): EventOutcome {
    const event = new RecordEvent(eventFields(rule, test), this.#slots);
    const hits = new Set<RuleIr>();
    this.#engine.evaluate(source, event, (hit) => hits.add(this.#originals.get(hit)!));
    const matched = hits.has(rule);
    const base = { name: test.name, line: test.line, expected: test.match, matched };
    const explained = () => ({ explanation: explain(rule, { event, slots: this.#slots }) });
    if (matched !== interpret(rule, event, this.#slots))
      return { ...base, problem: "the engine and the interpreter disagree: a fault of this program", ...explained() };
    if (matched !== test.match)
      return {
        ...base,
        problem: matched ? "the rule matches and must not" : "the rule does not match and must",
        ...explained(),
      };
    return { ...base, problem: this.#others(rule, test, hits) };
  }

  /** What is wrong with the other rules of the folder that have tests: those named must match, no other may. */
  #others(rule: RuleIr, { also }: RuleEvent, hits: ReadonlySet<RuleIr>): string {
    for (const other of this.#neighbours.get(dirname(rule.file)) ?? []) {
      if (other === rule || other.file === rule.file) continue;
      const name = ruleName(other.file);
      if (hits.has(other) === also.includes(name)) continue;
      return also.includes(name)
        ? `${name} does not match and must ('also')`
        : `${name} matches and is not named in 'also'`;
    }
    return "";
  }
}

/**
 * The fields of a test as the rule sees them. On Linux a program is typed as it is called, unless the test says otherwise: nearly
 * every test would have to repeat it.
 */
export function eventFields(
  rule: Pick<RuleIr, "logsource">,
  { fields }: Pick<RuleEvent, "fields">,
): Record<string, string> {
  const isLinux = rule.logsource.product?.toLowerCase() === "linux";
  return isLinux && fields.Image !== undefined ? { ImageTyped: fields.Image, ...fields } : { ...fields };
}

/** The name by which tests refer to a rule: its file's, without folder and ending. */
export function ruleName(file: string): string {
  return basename(file).replace(/\.ya?ml$/i, "");
}

function testsFileOf(path: string): string | undefined {
  if (path.startsWith("embedded:")) return undefined;
  const base = path.replace(/\.ya?ml$/i, "");
  return [`${base}.tests.yml`, `${base}.tests.yaml`].find((one) => existsSync(one));
}

/** Bytes of a tests file; its reader has a limit of its own, in characters. */
const testsFileSizeMaxBytes = 4 * 1024 * 1024;

function readTestsFile(path: string): RuleTests | Diagnostic {
  let fd: number | undefined;
  try {
    // Not blocking: it may be a FIFO.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(fd);
    if (!stat.isFile()) return failure(path, 0, "not_a_file", "not a regular file");
    if (stat.size > testsFileSizeMaxBytes)
      return failure(path, 0, "too_large", `larger than ${testsFileSizeMaxBytes} bytes`, "split it");
    const buffer = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(fd, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
    return readRuleTests(new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length)), path);
  } catch (error) {
    if (error instanceof TypeError) return failure(path, 0, "not_utf8", "not valid UTF-8", "save it as UTF-8");
    return failure(path, 0, "cannot_read", `cannot read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function failure(file: string, line: number, code: string, message: string, hint = ""): Diagnostic {
  return { file, line, column: line === 0 ? 0 : 1, severity: "error", code, message, hint };
}
