// Reads `NAME.tests.yml`, the tests beside a rule `NAME.yml` (format: rules/README.md). Strict: an unknown key or a wrong type is a
// fault with its place, because a test that is silently left out proves nothing. Shared by `rules test` and the project's own tests.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { RuleIr } from "../../detect/sigma/mod.ts";
import { type Diagnostic, nearest } from "../../std/mod.ts";
import { parseDurationMs } from "../config/mod.ts";

/** An event as Sigma sees it, all values text, and whether the rule must match it. */
export interface RuleEvent {
  readonly name: string;
  readonly match: boolean;
  /** File names, without ending, of other rules that match it too. */
  readonly also: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
  /** Where it stands in its file, 1-based. */
  readonly line: number;
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

/** A harmless stand-in for the real thing, run by the live tests. Placeholders in all texts are theirs. */
export interface Detonation {
  readonly name: string;
  readonly match: boolean;
  /** Names of other rules that fire too. */
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

/** Events one after another, and whether a correlation must fire at any of them. */
export interface RuleSequence {
  readonly name: string;
  readonly match: boolean;
  readonly events: readonly SequenceEvent[];
  /** Where it stands in its file, 1-based. */
  readonly line: number;
}

/** One event of a sequence, or the same several times. */
export interface SequenceEvent {
  /** Since the beginning of the sequence. */
  readonly atMs: number;
  readonly times: number;
  readonly everyMs: number;
  /** Name or id of the rule whose log source it is of; empty: the first that the correlation refers to. */
  readonly of: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface RuleTests {
  /** Id of the rule or correlation that the tests belong to. */
  readonly rule: string;
  /** Of a rule. */
  readonly events: readonly RuleEvent[];
  /** Of a correlation. */
  readonly sequences: readonly RuleSequence[];
  readonly detonations: readonly Detonation[];
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

/** UTF-16 units of a tests file: a hundred times our longest. The parser takes up to two seconds for a hostile million of them. */
const testsFileLengthMax = 1024 * 1024;

/** Parses one tests file; the first thing that is not as rules/README.md says is the result instead. Never throws. */
export function readRuleTests(text: string, file: string): RuleTests | Diagnostic {
  const lines = new LineCounter();
  const diagnostic = (offset: number, code: string, message: string, hint = ""): Diagnostic => {
    const { line, col } = offset < 0 ? { line: 0, col: 0 } : lines.linePos(offset);
    return { file, line, column: col, severity: "error", code, message, hint };
  };
  if (text.length > testsFileLengthMax)
    return diagnostic(-1, "too_large", `longer than ${testsFileLengthMax} characters`, "split it");
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "silent",
      stringKeys: true,
    });
    const fault = document.errors[0];
    if (fault !== undefined) return diagnostic(fault.pos[0], "bad_yaml", fault.message.split("\n", 1)[0]!);
    return readRoot(new Reader(lines), document.contents);
  } catch (cause) {
    if (cause instanceof TestsFault) return diagnostic(cause.offset, cause.code, cause.message, cause.hint);
    // The parser throws only what recursion or its own faults make it: bad input all the same.
    return diagnostic(0, "bad_yaml", cause instanceof Error ? cause.message : String(cause));
  }
}

class TestsFault extends Error {
  readonly offset: number;
  readonly code: string;
  readonly hint: string;

  constructor(offset: number, code: string, message: string, hint = "") {
    super(message);
    this.offset = offset;
    this.code = code;
    this.hint = hint;
  }
}

/** A node of the file with what it is called in messages. */
interface Place {
  readonly node: Node | null | undefined;
  readonly at: string;
  /** Of the node, or of the map that lacks it. */
  readonly offset: number;
}

/** Takes nodes apart, and throws {@link TestsFault} for what is not as it should be. */
class Reader {
  readonly #lines: LineCounter;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  line({ offset }: Place): number {
    return this.#lines.linePos(offset).line;
  }

  /** The values of a map by key; those of `keys` that are absent have no node. */
  map(place: Place, keys: readonly string[]): (key: string) => Place {
    const entries = this.entries(place);
    for (const { key, offset } of entries) {
      if (keys.includes(key)) continue;
      const near = nearest(key, keys);
      throw new TestsFault(
        offset,
        "unknown_key",
        `${place.at === "" ? "" : `${place.at}: `}unknown key ${key}`,
        near === undefined ? "" : `did you mean '${near}'?`,
      );
    }
    return (key) => {
      const entry = entries.find((one) => one.key === key);
      return {
        node: entry?.value,
        at: place.at === "" ? key : `${place.at}.${key}`,
        offset: entry?.offset ?? place.offset,
      };
    };
  }

  entries(place: Place): { readonly key: string; readonly offset: number; readonly value: Node | null }[] {
    const { node, at } = this.#present(place);
    if (!isMap(node)) throw this.#wrong(place, "not a map");
    return node.items.map(({ key, value }) => {
      const offset = (key as Node).range?.[0] ?? place.offset;
      if (!isScalar(key))
        throw new TestsFault(offset, "wrong_type", `${at === "" ? "" : `${at}: `}a key is not a text`);
      return { key: String(key.value), offset, value: value as Node | null };
    });
  }

  list(place: Place): readonly Place[] {
    const { node, at } = this.#present(place);
    if (!isSeq(node)) throw this.#wrong(place, "not a list");
    return node.items.map((item, index) => ({
      node: item as Node,
      at: `${at}[${index}]`,
      offset: (item as Node).range?.[0] ?? place.offset,
    }));
  }

  optionalList(place: Place): readonly Place[] {
    return isAbsent(place) ? [] : this.list(place);
  }

  text(place: Place): string {
    const { node } = this.#present(place);
    if (!isScalar(node)) throw this.#wrong(place, "not a text");
    if (typeof node.value !== "string") throw this.#wrong(place, "not a text", "quote it");
    return node.value;
  }

  texts(place: Place): string[] {
    return this.list(place).map((item) => this.text(item));
  }

  /** A map of texts; empty when it may be absent and is. */
  textMap(place: Place): Record<string, string> {
    // Without a prototype: a field may be called `__proto__`.
    const result: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const { key, offset, value } of this.entries(place))
      result[key] = this.text({ node: value, at: `${place.at}.${key}`, offset: value?.range?.[0] ?? offset });
    return result;
  }

  boolean(place: Place): boolean {
    const { node } = this.#present(place);
    if (!isScalar(node) || typeof node.value !== "boolean") throw this.#wrong(place, "not true or false");
    return node.value;
  }

  /** A whole number from 1 on. */
  count(place: Place): number {
    const { node } = this.#present(place);
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
      throw this.#wrong(place, "not a whole number from 1 on");
    return value;
  }

  #present(place: Place): { readonly node: Node; readonly at: string } {
    const { node, at, offset } = place;
    if (node === undefined || node === null)
      throw new TestsFault(offset, "missing_key", at === "" ? "the file is empty" : `${at}: missing`);
    // One line could stand for megabytes.
    if (isAlias(node)) throw this.#wrong(place, "aliases are not read here");
    return { node, at };
  }

  #wrong({ node, at, offset }: Place, what: string, hint = ""): TestsFault {
    return new TestsFault(node?.range?.[0] ?? offset, "wrong_type", at === "" ? what : `${at}: ${what}`, hint);
  }
}

function isAbsent({ node }: Place): boolean {
  return node === undefined || node === null || (isScalar(node) && node.value === null);
}

function readRoot(reader: Reader, node: Node | null): RuleTests {
  const get = reader.map({ node, at: "", offset: 0 }, ["rule", "events", "sequences", "detonations"]);
  const rule = reader.text(get("rule"));
  const sequences = reader.optionalList(get("sequences")).map((place) => readSequence(reader, place));
  const events = sequences.length > 0 && isAbsent(get("events")) ? [] : reader.list(get("events"));
  return {
    rule,
    events: events.map((place) => readEvent(reader, place)),
    sequences,
    detonations: reader.optionalList(get("detonations")).map((place) => readDetonation(reader, place)),
  };
}

function readEvent(reader: Reader, place: Place): RuleEvent {
  const get = reader.map(place, ["name", "match", "also", "fields"]);
  return {
    name: reader.text(get("name")),
    match: reader.boolean(get("match")),
    also: reader.optionalList(get("also")).map((item) => reader.text(item)),
    fields: reader.textMap(get("fields")),
    line: reader.line(place),
  };
}

/** Events of one sequence, repeated ones included: more than any condition needs. */
const sequenceEventsMax = 100_000;

function readSequence(reader: Reader, place: Place): RuleSequence {
  const get = reader.map(place, ["name", "match", "events"]);
  let atMs = -1000;
  let count = 0;
  const events = reader.list(get("events")).map((item): SequenceEvent => {
    const own = reader.map(item, ["at", "times", "every", "of", "fields"]);
    const duration = (key: string): number => {
      const ms = parseDurationMs(reader.text(own(key)));
      if (ms === undefined)
        throw new TestsFault(own(key).offset, "wrong_type", `${own(key).at}: not a duration`, "write 10s, 5m or 1h30m");
      return ms;
    };
    // A second after the one before, unless the test says when.
    atMs = isAbsent(own("at")) ? atMs + 1000 : duration("at");
    const times = isAbsent(own("times")) ? 1 : reader.count(own("times"));
    const everyMs = isAbsent(own("every")) ? 1000 : duration("every");
    count += times;
    if (count > sequenceEventsMax)
      throw new TestsFault(item.offset, "too_many", `${item.at}: more than ${sequenceEventsMax} events in a sequence`);
    const event = {
      atMs,
      times,
      everyMs,
      of: isAbsent(own("of")) ? "" : reader.text(own("of")),
      fields: reader.textMap(own("fields")),
    };
    atMs += (times - 1) * everyMs;
    return event;
  });
  return { name: reader.text(get("name")), match: reader.boolean(get("match")), events, line: reader.line(place) };
}

const detonationKeys = ["name", "match", "also", "stand_ins", "copies", "files", "environment", "run", "expect"];

function readDetonation(reader: Reader, place: Place): Detonation {
  const get = reader.map(place, detonationKeys);
  const optionalMap = (key: string) => (isAbsent(get(key)) ? {} : reader.textMap(get(key)));
  const run = reader.texts(get("run"));
  if (run.length === 0) throw new TestsFault(get("run").offset, "wrong_type", `${place.at}.run: empty`);
  return {
    name: reader.text(get("name")),
    match: reader.boolean(get("match")),
    also: reader.optionalList(get("also")).map((item) => reader.text(item)),
    standIns: reader.optionalList(get("stand_ins")).map((item) => reader.text(item)),
    copies: optionalMap("copies"),
    files: reader.optionalList(get("files")).map((item) => readFile(reader, item)),
    environment: optionalMap("environment"),
    run,
    expect: isAbsent(get("expect")) ? { by: "self" } : readExpected(reader, get("expect")),
  };
}

function readFile(reader: Reader, place: Place): StagedFile {
  const get = reader.map(place, ["path", "text", "mode"]);
  const mode = get("mode");
  return {
    path: reader.text(get("path")),
    text: reader.text(get("text")),
    ...(isAbsent(mode) ? {} : { mode: reader.text(mode) }),
  };
}

function readExpected(reader: Reader, place: Place): ExpectedProcess {
  reader.map(place, ["by", "Image", "CommandLine", "ParentImage"]);
  const { by = "self", ...fields } = reader.textMap(place);
  if (by !== "self" && by !== "child")
    throw new TestsFault(place.offset, "wrong_type", `${place.at}.by: neither self nor child`);
  return { by, ...fields };
}
