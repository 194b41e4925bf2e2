// From rule texts to sets ready to scan with: one for each class of files, holding the rules that can match there. Compiling is
// optimistic (all at once); when YARA-X refuses something, every file is tried alone, so that one bad file is rejected with its
// line and column and the others stay.

import type { Diagnostic } from "../../std/mod.ts";
import { type FileClass, fileClasses, ruleClasses } from "./file-class.ts";
import { costlyRulesNamedMax, diagnosticsPerFileMax, matchesPerPatternMax, rulesMax } from "./limits.ts";
import type { RuleSource } from "./rule-info.ts";
import { type Compiler, LoadedRules, type YaraRuntime } from "./runtime.ts";
import { outline, placeOf, type SourceOutline } from "./source.ts";

/** One rule file with what it includes, in order of definition; rules of one namespace may refer to each other. */
export interface YaraNamespace {
  readonly name: string;
  /** The last is the file itself. Includes are blanked out, so that lines stay what they were. */
  readonly parts: readonly { readonly file: string; readonly text: string }[];
}

export interface YaraRule extends RuleSource {
  readonly line: number;
  readonly isPrivate: boolean;
}

export interface Compiled {
  readonly sets: ReadonlyMap<FileClass, LoadedRules>;
  /** Private rules included. */
  readonly rules: readonly YaraRule[];
  readonly diagnostics: readonly Diagnostic[];
  /** Namespaces that were rejected. */
  readonly rejected: number;
}

/** Variables that rules may ask for, as Loki and THOR define them; all texts, empty where they are not known. */
export const externalNames = ["filename", "filepath", "extension", "filetype", "owner"] as const;
export type Externals = Readonly<Record<(typeof externalNames)[number], string>>;

/** Warnings whose text would be made anew for every scan. Put before a rule, a comment of this form silences them. */
const warningCodes =
  "consecutive_jumps potentially_slow_loop unsatisfiable_expr invariant_expr non_bool_expr bool_int_comparison duplicate_import redundant_modifier " +
  "slow_pattern unsupported_module ignored_rule text_as_hex invalid_metadata missing_metadata invalid_rule_name too_many_iterations unknown_tag " +
  "invalid_tag deprecated_field ambiguous_expr unintended_pattern_in_set unused_identifier global_rule_misuse duplicate_pattern_value";
const suppression = `/* suppress: ${warningCodes.replaceAll(" ", ", ")} */ `;

interface Namespace {
  readonly source: YaraNamespace;
  readonly outlines: readonly SourceOutline[];
  readonly classes: readonly (readonly (readonly FileClass[])[])[];
  /** Taken whole into every set: its slices did not compile although it does. */
  isWhole: boolean;
  isRejected: boolean;
}

export function compileRules(runtime: YaraRuntime, namespaces: readonly YaraNamespace[]): Compiled {
  const diagnostics: Diagnostic[] = [];
  const all = namespaces.map((source): Namespace => {
    const outlines = source.parts.map((part) => outline(part.text));
    return { source, outlines, classes: ruleClasses(outlines), isWhole: false, isRejected: false };
  });
  let count = 0;
  for (const one of all) {
    count += one.outlines.reduce((sum, { rules }) => sum + rules.length, 0);
    if (count <= rulesMax) continue;
    one.isRejected = true;
    const message = `more than ${rulesMax} YARA rules in all`;
    diagnostics.push(fault(one.source.parts.at(-1)?.file ?? one.source.name, "too_many", message));
  }
  // At most: all at once; without the bad; without slices of those that only fail when sliced; without those that fail even then.
  let sets: ReadonlyMap<FileClass, LoadedRules> | undefined;
  for (let turn = 0; turn < 4 && sets === undefined; turn++) {
    const failed = new Map<Namespace, string>();
    sets = build(runtime, all, failed);
    for (const [one, reason] of failed) {
      const found = turn === 0 ? validate(runtime, one.source) : [];
      const errors = found.filter(({ severity }) => severity === "error");
      if (errors.length > 0 || one.isWhole || turn > 1) {
        one.isRejected = true;
        const file = one.source.parts.at(-1)?.file ?? one.source.name;
        diagnostics.push(...(errors.length > 0 ? errors : [fault(file, "yara_compile", reason)]));
      } else one.isWhole = true;
    }
  }
  return {
    sets: sets ?? new Map(),
    rules: all.filter((one) => !one.isRejected).flatMap(rulesOf),
    diagnostics,
    rejected: all.filter((one) => one.isRejected).length,
  };
}

/** What YARA-X says about a file alone: errors, and warnings about what makes scans slow or can never hold. */
export function validate(runtime: YaraRuntime, source: YaraNamespace): Diagnostic[] {
  const compiler = newCompiler(runtime);
  const found: Diagnostic[] = [];
  try {
    for (const { file, text } of source.parts) {
      const before = compiler.warnings.length;
      try {
        compiler.addSource(text);
      } catch {
        for (const message of compiler.errors.slice(0, diagnosticsPerFileMax))
          found.push(toDiagnostic(message, file, text, "error"));
        return found;
      }
      const warnings = compiler.warnings.slice(before);
      const rules = outline(text).rules.map((rule) => ({ name: rule.name, line: placeOf(text, rule.from).line }));
      const told = warnings.slice(0, diagnosticsPerFileMax + costlyRulesNamedMax);
      for (const message of told) {
        const one = toDiagnostic(message, file, text, "warning");
        const rule = rules.findLast(({ line }) => line <= one.line);
        found.push(rule === undefined ? one : { ...one, message: `${one.message} (rule ${rule.name})` });
      }
    }
    return found;
  } finally {
    compiler.free();
  }
}

function newCompiler(runtime: YaraRuntime): Compiler {
  const compiler = runtime.compiler();
  for (const name of externalNames) compiler.defineGlobal(name, "");
  return compiler;
}

/** The sets, or `undefined` when some namespaces failed (with YARA-X's words). */
function build(
  runtime: YaraRuntime,
  all: readonly Namespace[],
  failed: Map<Namespace, string>,
): ReadonlyMap<FileClass, LoadedRules> | undefined {
  const sets = new Map<FileClass, LoadedRules>();
  for (const fileClass of fileClasses) {
    const compiler = newCompiler(runtime);
    let isEmpty = true;
    try {
      for (const one of all) {
        if (one.isRejected || failed.has(one)) continue;
        const parts = one.source.parts.flatMap(({ text }, index) => sliced(text, one, index, fileClass) ?? []);
        if (parts.length === 0) continue;
        compiler.newNamespace(one.source.name);
        for (const part of parts) {
          try {
            compiler.addSource(part);
            isEmpty = false;
          } catch (error) {
            failed.set(one, firstLine(error));
            break;
          }
        }
      }
      if (failed.size === 0 && !isEmpty) sets.set(fileClass, new LoadedRules(compiler.build(), matchesPerPatternMax));
    } finally {
      compiler.free();
    }
  }
  if (failed.size === 0) return sets;
  for (const set of sets.values()) set.free();
  return undefined;
}

/** A part without the rules that cannot match files of this class, lines kept; `undefined` when none is left. */
function sliced(text: string, one: Namespace, index: number, fileClass: FileClass): string | undefined {
  const { rules, isPartial } = one.outlines[index]!;
  if (isPartial) return text;
  let result = "";
  let from = 0;
  let kept = 0;
  for (const [at, rule] of rules.entries()) {
    result += text.slice(from, rule.from);
    from = rule.to;
    if (one.isWhole || one.classes[index]![at]!.includes(fileClass)) {
      kept++;
      result += suppression + text.slice(rule.from, rule.to);
    } else result += text.slice(rule.from, rule.to).replace(/[^\n]+/g, "");
  }
  return kept === 0 ? undefined : result + text.slice(from);
}

function rulesOf(one: Namespace): YaraRule[] {
  return one.outlines.flatMap(({ rules }, index) => {
    const { file, text } = one.source.parts[index]!;
    let line = 1;
    let at = 0;
    return rules.map(({ name, tags, meta, isPrivate, from }) => {
      // Rules stand in order, so each line is counted once.
      for (let end = text.indexOf("\n", at); end !== -1 && end < from; end = text.indexOf("\n", at)) {
        line++;
        at = end + 1;
      }
      return { namespace: one.source.name, name, tags, meta, isPrivate, file, line };
    });
  });
}

const firstLine = (error: unknown): string =>
  String((error as Error).message ?? error)
    .split("\n", 1)[0]!
    .slice(0, 300);

function fault(file: string, code: string, message: string): Diagnostic {
  return { file, line: 0, column: 0, severity: "error", code, message, hint: "" };
}

/** YARA-X's report: `error[E009]: title`, ` --> line:3:5` (columns in code points), the source, and a label under the place. */
function toDiagnostic(report: string, file: string, text: string, severity: Diagnostic["severity"]): Diagnostic {
  const lines = report.split("\n");
  const [, code = "", title = ""] = /^\w+\[(\w+)\]: (.*)$/.exec(lines[0] ?? "") ?? [];
  const [, line = "0", points = "0"] = /^\s*--> \w+:(\d+):(\d+)/.exec(lines[1] ?? "") ?? [];
  const label = lines.find((one) => /^\s*\|\s+[-^]+ /.test(one))?.replace(/^\s*\|\s+[-^]+ /, "") ?? "";
  const source = text.split("\n", Number(line))[Number(line) - 1] ?? "";
  const before = [...source.slice(0, 4 * Number(points))].slice(0, Math.max(0, Number(points) - 1)).join("");
  return {
    file,
    line: Number(line),
    column: Number(points) === 0 ? 0 : before.length + 1,
    severity,
    code: `yara_${code === "" ? "error" : code}`,
    message: (title === "" ? firstLine(report) : title).slice(0, 300),
    hint: label.slice(0, 300),
  };
}
