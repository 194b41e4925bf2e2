// Runs the tests that lie beside rules (`NAME.tests.yml`): every event through the engine, compiled, and through the interpreter,
// which must agree. Detonations are for the live tests and only counted.

import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import {
  Engine,
  type Explanation,
  explain,
  interpret,
  RecordEvent,
  type RuleHeader,
  type RuleIr,
} from "../../detect/sigma/mod.ts";
import { FieldTable, replayCatalogue } from "../../event/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { SequenceRunner } from "./run-sequences.ts";
import type { SigmaRules } from "./sigma.ts";
import { eventFields, type RuleEvent, type RuleSequence, type RuleTests, readRuleTests } from "./tests.ts";

/** What became of an event, or of a sequence. */
export interface EventOutcome {
  readonly name: string;
  /** Line of it in the tests file. */
  readonly line: number;
  readonly expected: boolean;
  readonly matched: boolean;
  /** What is wrong; empty when the event did what it should. */
  readonly problem: string;
  /** Of the rule on the event, where it did not do what it should. */
  readonly explanation?: Explanation;
}

export interface RuleOutcome {
  /** A rule or a correlation. */
  readonly rule: RuleHeader;
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

/** The tests of the rules inside the binary, by the path of their file: `embedded:…`. */
export async function loadEmbeddedTests(): Promise<ReadonlyMap<string, string>> {
  const { embeddedTests } = await import("./embedded-tests.gen.ts");
  return new Map(embeddedTests.map(({ path, text }) => [`embedded:${path}`, text]));
}

/**
 * Runs all tests of the rules and correlations, in the order of files. `embedded` are the tests of rules inside the binary. Never throws for what is
 * in a file.
 */
export function runRuleTests(sigma: SigmaRules, embedded: ReadonlyMap<string, string> = new Map()): TestsReport {
  const diagnostics: Diagnostic[] = [];
  const tested: Tested[] = [];
  const sequences: RuleOutcome[] = [];
  const sequenceRunner = new SequenceRunner(sigma.rules, sigma.correlations);
  let untestedFiles = 0;
  const rulesByFile = Map.groupBy(sigma.rules, ({ file }) => file);
  for (const { path, kind } of sigma.files.files) {
    if (kind !== "sigma") continue;
    const testsFile = testsFileOf(path, embedded);
    if (testsFile === undefined) {
      untestedFiles++;
      continue;
    }
    const text = embedded.get(testsFile);
    const read = text === undefined ? readTestsFile(testsFile) : readRuleTests(text, testsFile);
    if (!("rule" in read)) {
      diagnostics.push(read);
      continue;
    }
    const isMeant = ({ id }: RuleHeader): boolean => id.toLowerCase() === read.rule.toLowerCase();
    const rule = (rulesByFile.get(path) ?? []).find(isMeant);
    const correlation = sigma.correlations.findIndex((one) => one.file === path && isMeant(one));
    const wrong = (code: string, message: string, hint: string): void =>
      void diagnostics.push(failure(testsFile, 1, code, message, hint));
    if (rule !== undefined) {
      if (read.sequences.length > 0)
        wrong("sequence_of_rule", "sequences are for correlations", "a rule is tested by 'events'");
      else tested.push({ rule, testsFile, tests: read });
    } else if (correlation !== -1) {
      if (read.events.length > 0 || read.detonations.length > 0)
        wrong("event_of_correlation", "a correlation is about several events", "test it by 'sequences'");
      else sequences.push(runSequences(sequenceRunner, sigma, correlation, testsFile, read.sequences, diagnostics));
    } else {
      const message = `no rule or correlation with the id ${read.rule} was loaded from ${basename(path)}`;
      wrong("unknown_rule", message, "the tests name the id of the rule beside them");
    }
  }
  const outcomes = [...new Runner(sigma.rules, tested, diagnostics).run(), ...sequences];
  return { outcomes, untestedFiles, diagnostics };
}

function runSequences(
  runner: SequenceRunner,
  { correlations }: SigmaRules,
  index: number,
  testsFile: string,
  sequences: readonly RuleSequence[],
  diagnostics: Diagnostic[],
): RuleOutcome {
  const startedMs = performance.now();
  const events: EventOutcome[] = [];
  for (const sequence of sequences) {
    const { name, line, match } = sequence;
    const { fired, matches, fault } = runner.run(index, sequence);
    if (fault !== undefined) {
      diagnostics.push(failure(testsFile, line, "bad_sequence", fault, "'of' is the name or id of a rule"));
      continue;
    }
    const what = fired ? "the correlation fires and must not" : "the correlation does not fire and must";
    const problem = fired === match ? "" : `${what} (its rules matched: ${matches})`;
    events.push({ name, line, expected: match, matched: fired, problem });
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { rule: correlations[index]!, testsFile, events, detonations: [], seconds };
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

/** The name by which tests refer to a rule: its file's, without folder and ending. */
export function ruleName(file: string): string {
  return basename(file).replace(/\.ya?ml$/i, "");
}

function testsFileOf(path: string, embedded: ReadonlyMap<string, string>): string | undefined {
  const base = path.replace(/\.ya?ml$/i, "");
  if (path.startsWith("embedded:")) return embedded.has(`${base}.tests.yml`) ? `${base}.tests.yml` : undefined;
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
