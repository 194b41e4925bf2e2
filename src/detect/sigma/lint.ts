// What is probably not meant in a rule that loads all the same: conditions that are always or never true, values that cannot do
// what they look like, headers that lack what others rely on. Reads the file anew, with positions; for `rules validate`, not for loading.

import { Collection } from "./collection.ts";
import { textOffset } from "./detection.ts";
import { describeTest } from "./explanation.ts";
import { globMatches } from "./glob.ts";
import { many, type Piece, type RuleIr, type Test } from "./ir.ts";
import { type Conflict, possibility } from "./lint-logic.ts";
import { hasNestedQuantifier } from "./lint-regex.ts";
import { type ItemPlan, readItemKey } from "./modifiers.ts";
import { Problems, RuleError } from "./problem.ts";
import { readRule } from "./rule.ts";
import type { Diagnostic, LogSource } from "./types.ts";
import { type Placeholders, readValue } from "./values.ts";
import {
  child,
  plainValue,
  readDocuments,
  type YamlEntry,
  type YamlMap,
  type YamlNode,
  type YamlScalar,
} from "./yaml.ts";

/** What the host knows and this room does not. */
export interface LintOptions {
  readonly placeholders?: Placeholders;
  /** What is wrong with a field's name for a log source; `undefined` when nothing is known to be. */
  field?(logsource: LogSource, field: string): Finding | undefined;
  /** What is wrong with a tag. */
  tag?(tag: string): Finding | undefined;
}

export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface LintResult {
  /** Warnings, in the order of documents; at most 200 of a file, the last one saying how many more there are. */
  readonly diagnostics: readonly Diagnostic[];
  /** For finding what several documents share. */
  readonly titles: readonly { readonly title: string; readonly line: number; readonly column: number }[];
}

/** Looks through the text of one rule file. Documents that do not load are left out: `parseSigma` says why. Never throws. */
export function lintSigma(text: string, file: string, options: LintOptions = {}): LintResult {
  const problems = new Problems(text, file);
  const unheard = new Problems(text, file);
  const titles: { title: string; line: number; column: number }[] = [];
  const collection = new Collection();
  for (const document of readDocuments(text)) {
    if ("error" in document) {
      collection.forget();
      continue;
    }
    try {
      if (document.root.kind !== "map") continue;
      const root = collection.resolve(document.root);
      if (root === undefined) continue;
      const title = root.entries.find(({ key }) => key === "title");
      if (title?.value.kind === "scalar")
        titles.push({ title: title.value.text, ...problems.position(title.value.offset) });
      const isRule = child(root, "correlation") === undefined && child(root, "filter") === undefined;
      if (isRule) {
        const rule = readRule(root, text, file, unheard, options.placeholders ?? {});
        new RuleLint(root, rule, text, problems, options).run();
      } else lintHeader(root, ["id"], problems, options);
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
    }
  }
  // What a template says stands in each of its rules, and is told once.
  const seen = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  for (const one of problems.finish()) {
    const key = `${one.line}:${one.column}:${one.code}`;
    if (!seen.has(key)) diagnostics.push({ ...one, severity: "warning" });
    seen.add(key);
  }
  return { diagnostics, titles };
}

const whyHeader: Readonly<Record<string, string>> = {
  id: "an alert cannot be traced back to a rule whose id changes with every edit",
  level: "without a level the rule counts as medium",
  status: "without a status nobody knows how far to trust it",
  description: "whoever gets the alert has only the title",
};

function lintHeader(root: YamlMap, keys: readonly string[], problems: Problems, options: LintOptions): void {
  const missing = keys.filter((key) => {
    const node = child(root, key);
    return node === undefined || (node.kind === "scalar" && node.text.trim() === "");
  });
  if (missing.length > 0) {
    const at = root.entries.find(({ key }) => key === "title") ?? root.entries[0];
    const message = `The document has no ${missing.join(", no ")}`;
    problems.warning(
      "missing_header",
      at?.keyOffset ?? root.offset,
      message,
      missing.length > 1 ? "" : whyHeader[missing[0]!],
    );
  }
  const tags = child(root, "tags");
  const items = tags?.kind === "list" ? tags.items : tags?.kind === "scalar" ? [tags] : [];
  for (const item of items) {
    if (item.kind !== "scalar" || item.text === "") continue;
    const finding = options.tag?.(item.text);
    if (finding !== undefined) problems.warning(finding.code, item.offset, finding.message, finding.hint);
  }
}

/** Of one condition, those that are looked at; hand-written ones have three. */
const quantifiersMax = 100;

class RuleLint {
  readonly #root: YamlMap;
  readonly #rule: RuleIr;
  readonly #source: string;
  readonly #problems: Problems;
  readonly #options: LintOptions;
  readonly #fieldsSeen = new Set<string>();

  constructor(root: YamlMap, rule: RuleIr, source: string, problems: Problems, options: LintOptions) {
    this.#root = root;
    this.#rule = rule;
    this.#source = source;
    this.#problems = problems;
    this.#options = options;
  }

  run(): void {
    lintHeader(this.#root, ["id", "status", "description", "level"], this.#problems, this.#options);
    const detection = child(this.#root, "detection");
    if (detection?.kind !== "map") return;
    const selections = detection.entries.filter(({ key }) => key !== "condition" && key !== "timeframe");
    for (const { value } of selections) this.#detection(value);
    const condition = child(detection, "condition");
    const scalars = condition?.kind === "list" ? condition.items : condition === undefined ? [] : [condition];
    for (const scalar of scalars) {
      if (scalar.kind === "scalar") this.#quantifiers(scalar, selections);
    }
    this.#logic(selections, scalars[0]);
  }

  #detection(node: YamlNode): void {
    if (node.kind === "map") for (const entry of node.entries) this.#item(entry);
    else if (node.kind === "list") for (const item of node.items) this.#detection(item);
  }

  #item({ key, keyOffset, value }: YamlEntry): void {
    const first = this.#source[keyOffset];
    const offset = first === '"' || first === "'" ? keyOffset + 1 : keyOffset;
    const plan = readItemKey(key, offset);
    if (plan.field !== null) this.#field(plan.field, offset);
    const values = value.kind === "list" ? value.items : [value];
    for (const one of values) {
      if (one.kind !== "scalar") continue;
      this.#blank(plan, one);
      for (const test of readValue(plan, one, this.#options.placeholders ?? {}).tests) this.#value(plan, one, test);
    }
  }

  #field(field: string, offset: number): void {
    if (this.#fieldsSeen.has(field)) return;
    this.#fieldsSeen.add(field);
    const finding = this.#options.field?.(this.#rule.logsource, field);
    if (finding !== undefined) this.#problems.warning(finding.code, offset, finding.message, finding.hint);
  }

  /** Blanks inside of a value are meant; at an edge that must meet the edge of the event's value they hardly ever are. */
  #blank(plan: ItemPlan, scalar: YamlScalar): void {
    if (plan.kind !== "string" || typeof plainValue(scalar) !== "string") return;
    const has = (step: "contains" | "startswith" | "endswith"): boolean => plan.steps.includes(step);
    if (has("contains") || plan.field === null || scalar.text.trim() === "") return;
    const atStart = !has("endswith") && /^\s/.test(scalar.text);
    const atEnd = !has("startswith") && /\s$/.test(scalar.text);
    if (!atStart && !atEnd) return;
    const where = atStart ? "begins" : "ends";
    const hint = "blanks at the edge must be in the event too; write |contains if they only keep words apart";
    this.#problems.warning("blank_value", scalar.offset, `The value ${where} with a blank`, hint);
  }

  #value(plan: ItemPlan, scalar: YamlScalar, test: Test): void {
    const anchored = plan.steps.some((step) => step === "contains" || step === "startswith" || step === "endswith");
    const isEmpty = test.op === "literal" && test.how !== "equals" && test.texts.includes("");
    if (plan.kind === "string" && anchored && (test.op === "present" || isEmpty)) {
      const hint = plan.field === null ? "" : `write '${plan.field}|exists: true' if that is meant`;
      this.#problems.warning(
        "only_wildcards",
        scalar.offset,
        `'${plan.modifier}' with nothing but wildcards holds for every value`,
        hint,
      );
    }
    if (test.op === "regex" && hasNestedQuantifier(test.source, test.flags)) {
      this.#problems.warning(
        "nested_quantifier",
        scalar.offset,
        "The regular expression repeats what is itself repeated: engines that backtrack take exponential time for it",
        "here it takes linear time; where it must run elsewhere too, drop one of the repetitions",
      );
    }
  }

  /** `all of` of one selection: either a pattern that does not select what it should, or a word too many. */
  #quantifiers(scalar: YamlScalar, selections: readonly YamlEntry[]): void {
    const isOneLine = !/[\r\n]/.test(scalar.text);
    const mentions = scalar.text.matchAll(/(?:^|[\s(])all\s+of\s+([^\s()]+)/g).take(quantifiersMax);
    for (const match of mentions) {
      const target = match[1]!;
      const pattern = target === "them" ? "*" : target;
      const pieces = pattern.split("*").flatMap((text, at): Piece[] => (at === 0 ? [text] : [many, text]));
      const wanted = pieces.filter((piece) => piece !== "");
      const hidden = pattern.startsWith("_");
      const found = selections.filter(({ key }) => globMatches(wanted, key) && (hidden || !key.startsWith("_")));
      if (found.length !== 1) continue;
      const at = isOneLine
        ? textOffset(scalar, this.#source) + match.index + match[0].length - target.length
        : scalar.offset;
      this.#problems.warning(
        "all_of_single",
        at,
        `'all of ${target}' selects one selection only: '${found[0]!.key}'`,
        target.includes("*") || target === "them" ? "" : `write '${target}'`,
      );
    }
  }

  #logic(selections: readonly YamlEntry[], condition: YamlNode | undefined): void {
    const rule = this.#rule;
    let isTold = false;
    for (const { name, condition: node } of rule.selections) {
      const { possible, conflict } = possibility(rule, node, true);
      if (possible) continue;
      isTold = true;
      const at = selections.find(({ key }) => key === name)?.keyOffset ?? condition?.offset ?? 0;
      this.#problems.warning("never_true", at, `'${name}' can never be true${because(conflict)}`, onList(conflict));
    }
    const at = condition?.kind === "scalar" ? textOffset(condition, this.#source) : (condition?.offset ?? 0);
    const can = possibility(rule, rule.condition, true);
    // What one of its selections explains needs no second warning.
    if (!can.possible && !isTold)
      this.#problems.warning(
        "never_true",
        at,
        `The condition can never be true${because(can.conflict)}`,
        onList(can.conflict),
      );
    if (can.possible && !possibility(rule, rule.condition, false).possible)
      this.#problems.warning("always_true", at, "The condition is true for every event of the log source");
  }
}

function because(conflict: Conflict | undefined): string {
  if (conflict === undefined) return "";
  const { left, right, onList: both } = conflict;
  const what = left.field === null ? "a text of the event" : `'${left.field}'`;
  const [one, other] = [describeTest(left.test), describeTest(right.test)];
  if (both) return `: no value of ${what} ${one} and ${other}`;
  if (one === other) return `: it wants and refuses that ${what} ${one}`;
  return `: every value of ${what} that ${one} is refused because it ${other}`;
}

function onList(conflict: Conflict | undefined): string {
  return conflict?.onList === true ? "only a field that is a list could hold both" : "";
}
