// Brings rules, filters and correlations of all files together: references are resolved, filters added to their rules,
// correlations put in an order in which each follows what feeds it. Plain data in and out, so that it runs off the hot path.

import { createHash } from "node:crypto";
import { weight } from "./detection.ts";
import { addFilters, contains } from "./filter-apply.ts";
import { levels } from "./header.ts";
import type { CorrelationIr, Feed, FilterIr, LinkedCorrelation, Reference, RuleHeader, RuleIr } from "./ir.ts";
import { conditionWeightMax, filterWeightMax } from "./limits.ts";
import { nearest } from "./nearest.ts";
import { oneLine } from "./problem.ts";
import type { Diagnostic, Level } from "./types.ts";

export interface LinkInput {
  readonly rules: readonly RuleIr[];
  readonly filters: readonly FilterIr[];
  readonly correlations: readonly CorrelationIr[];
}

export interface LinkOptions {
  /** Which rules and correlations are wanted. One that is not wanted stays, silent, while a wanted correlation needs it. */
  readonly wanted?: (header: RuleHeader) => boolean;
}

export interface LinkResult {
  /** In the order given, filters applied; without what is neither wanted nor needed. */
  readonly rules: readonly RuleIr[];
  /** Each after those that feed it. `feeds` are indices into these two lists. */
  readonly correlations: readonly LinkedCorrelation[];
  /** Errors name correlations that were rejected and filters that were not applied. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Never throws. A reference means the first rule with that id (any case) or, failing that, that name, in any file.
 * A filter that refers to an unknown rule is a warning, for the rule may be one of another installation; a correlation that does is
 * rejected, for it would wait for what never comes. The time is linear in rules and references, filters for `any` times rules.
 */
export function linkSigma(input: LinkInput, options: LinkOptions = {}): LinkResult {
  return new Linker(input, options.wanted ?? (() => true)).run();
}

/** What a reference leads to. */
type Target = { readonly rule: number } | { readonly correlation: number };

class Linker {
  readonly #input: LinkInput;
  readonly #wanted: (header: RuleHeader) => boolean;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #byId = new Map<string, Target>();
  readonly #byName = new Map<string, Target>();
  readonly #rules: RuleIr[];
  #omitted = 0;

  constructor(input: LinkInput, wanted: (header: RuleHeader) => boolean) {
    this.#input = input;
    this.#wanted = wanted;
    this.#rules = [...input.rules];
    for (const [rule, header] of input.rules.entries()) this.#index(header, { rule });
    for (const [correlation, header] of input.correlations.entries()) this.#index(header, { correlation });
  }

  run(): LinkResult {
    const result = this.#link();
    if (this.#omitted > 0) {
      const message = `${this.#omitted} more problems of references are not shown`;
      this.#diagnostics.push({
        file: "",
        line: 0,
        column: 0,
        severity: "error",
        code: "too_many_problems",
        message,
        hint: "",
      });
    }
    return result;
  }

  #link(): LinkResult {
    this.#applyFilters();
    const { correlations } = this.#input;
    if (correlations.length === 0)
      return { rules: this.#rules.filter(this.#wanted), correlations: [], diagnostics: this.#diagnostics };
    const targets = correlations.map((one) => this.#targetsOf(one));
    const order = this.#order(targets);
    return { ...this.#assemble(order, targets), diagnostics: this.#diagnostics };
  }

  #index(header: RuleHeader, target: Target): void {
    const id = header.id.toLowerCase();
    if (!this.#byId.has(id)) this.#byId.set(id, target);
    if (header.name === "") return;
    if (!this.#byName.has(header.name)) this.#byName.set(header.name, target);
    else
      this.#warn(header, "duplicate_name", `Another rule is called '${header.name}' too: a reference means the first`);
  }

  #find(name: string): Target | undefined {
    return this.#byId.get(name.toLowerCase()) ?? this.#byName.get(name);
  }

  #applyFilters(): void {
    const byRule = new Map<number, FilterIr[]>();
    const weights = new Map<number, number>();
    let left = filterWeightMax;
    for (const filter of this.#input.filters) {
      const chosen = filter.rules === "any" ? this.#rules.keys() : this.#chosen(filter, filter.rules);
      const added = weight(filter.condition, filter.selections);
      for (const index of chosen) {
        const rule = this.#rules[index]!;
        if (!contains(filter.logsource, rule.logsource)) continue;
        const total = (weights.get(index) ?? weight(rule.condition, rule.selections)) + added;
        left -= Math.max(1, filter.predicates.length);
        if (left < 0 || total > conditionWeightMax) {
          const message = `Cannot apply filter '${filter.title}' to '${rule.title}': together they come to too many values`;
          this.#report("error", filter, "filter_too_large", message);
          if (left < 0) break;
          continue;
        }
        weights.set(index, total);
        const list = byRule.get(index);
        if (list === undefined) byRule.set(index, [filter]);
        else list.push(filter);
      }
    }
    for (const [index, filters] of byRule) this.#rules[index] = addFilters(this.#rules[index]!, filters);
  }

  /** The rules that a filter names, each once. */
  #chosen(filter: FilterIr, references: readonly Reference[]): Set<number> {
    const chosen = new Set<number>();
    for (const reference of references) {
      const at = { ...reference, file: filter.file };
      const target = this.#find(reference.name);
      if (target === undefined)
        this.#warn(at, "unknown_rule", `No rule has the id or name '${reference.name}'`, this.#hint(reference));
      else if (!("rule" in target))
        this.#warn(at, "filtered_correlation", `'${reference.name}' is a correlation: filters apply to plain rules`);
      else if (contains(filter.logsource, this.#rules[target.rule]!.logsource)) chosen.add(target.rule);
      else
        this.#warn(
          at,
          "other_logsource",
          `'${reference.name}' has another log source than the filter, which leaves it alone`,
        );
    }
    return chosen;
  }

  /** What feeds a correlation, or `undefined` when a reference leads nowhere (told). */
  #targetsOf(correlation: CorrelationIr): Target[] | undefined {
    const targets: Target[] = [];
    for (const reference of correlation.rules) {
      const target = this.#find(reference.name);
      if (target === undefined) {
        const message = `Cannot load correlation '${correlation.title}': no rule has the id or name '${reference.name}'`;
        this.#report("error", { ...reference, file: correlation.file }, "unknown_rule", message, this.#hint(reference));
        return undefined;
      }
      const isSame = (other: Target): boolean => keyOf(other) === keyOf(target);
      if (targets.some(isSame)) {
        const message = `Cannot load correlation '${correlation.title}': it refers to the same rule twice, the second time as '${reference.name}'`;
        this.#report("error", { ...reference, file: correlation.file }, "repeated_rule", message);
        return undefined;
      }
      targets.push(target);
    }
    for (const { alias, fields } of correlation.aliases) {
      for (const { rule } of fields) {
        const target = this.#find(rule.name);
        if (target !== undefined && targets.some((other) => keyOf(other) === keyOf(target))) continue;
        const message = `Cannot load correlation '${correlation.title}': alias '${alias}' is about '${rule.name}', which is none of its rules`;
        const hint = nearest(
          rule.name,
          correlation.rules.map(({ name }) => name),
        );
        this.#report(
          "error",
          { ...rule, file: correlation.file },
          "unknown_rule",
          message,
          hint === undefined ? "" : `did you mean '${hint}'?`,
        );
        return undefined;
      }
    }
    return targets;
  }

  /** Correlations in an order in which each follows what feeds it; what waits for itself or for a rejected one is left out, and told. */
  #order(targets: readonly (readonly Target[] | undefined)[]): number[] {
    const { correlations } = this.#input;
    const feeds = targets.map((list) => (list ?? []).flatMap((one) => ("correlation" in one ? [one.correlation] : [])));
    const fed: number[][] = targets.map(() => []);
    for (const [index, list] of feeds.entries()) for (const below of list) fed[below]!.push(index);
    const missing = feeds.map((list) => list.length);
    const order = [...targets.keys()].filter((index) => targets[index] !== undefined && missing[index] === 0);
    for (const index of order)
      for (const above of fed[index]!) if (--missing[above]! === 0 && targets[above] !== undefined) order.push(above);
    // What a rejected one feeds is rejected too; what is then left feeds itself, or is fed by what does.
    const rejected = new Set(targets.keys().filter((index) => targets[index] === undefined));
    for (const index of rejected) for (const above of fed[index]!) rejected.add(above);
    const loaded = new Set(order);
    for (const [index, correlation] of correlations.entries()) {
      if (loaded.has(index) || targets[index] === undefined) continue;
      const [code, why] = rejected.has(index)
        ? ["rejected_rule", "it refers to a correlation that was rejected"]
        : ["correlation_cycle", "it refers to itself, directly or through others"];
      this.#report("error", correlation, code, `Cannot load correlation '${correlation.title}': ${why}`);
    }
    return order;
  }

  #assemble(
    order: readonly number[],
    targets: readonly (readonly Target[] | undefined)[],
  ): Omit<LinkResult, "diagnostics"> {
    const levelled = this.#levels(order, targets);
    // Wanted, and what those are fed by, from the last to the first.
    const needed = new Set<number>();
    const neededRules = new Set<number>();
    for (const index of [...order].reverse()) {
      if (!needed.has(index) && !this.#wanted(levelled.get(index)!)) continue;
      needed.add(index);
      for (const target of targets[index]!) {
        if ("rule" in target) neededRules.add(target.rule);
        else needed.add(target.correlation);
      }
    }
    const spoken = this.#silenced(needed, targets);
    const rules: RuleIr[] = [];
    const ruleIndex = new Map<number, number>();
    for (const [index, rule] of this.#rules.entries()) {
      const isWanted = this.#wanted(rule);
      if (!isWanted && !neededRules.has(index)) continue;
      ruleIndex.set(index, rules.length);
      rules.push(!isWanted || spoken.get(`r${index}`) === false ? { ...rule, silent: true } : rule);
    }
    const correlations: LinkedCorrelation[] = [];
    const correlationIndex = new Map<number, number>();
    const digests = new Map<RuleIr, string>();
    for (const index of order) {
      if (!needed.has(index)) continue;
      const correlation = levelled.get(index)!;
      const feeds = targets[index]!.map((target, i): Feed => {
        const { name } = correlation.rules[i]!;
        const fields = this.#fieldsOf(correlation, target);
        if ("rule" in target) return { rule: ruleIndex.get(target.rule)!, name, ...fields };
        return { correlation: correlationIndex.get(target.correlation)!, name, ...fields };
      });
      const silent = !this.#wanted(correlation) || spoken.get(`c${index}`) === false;
      const digest = digestOf(correlation, feeds, rules, correlations, digests);
      correlationIndex.set(index, correlations.length);
      correlations.push({ ...correlation, feeds, digest, silent });
    }
    return { rules, correlations };
  }

  /** Correlations with their level: that of the most serious rule that feeds them when they do not say. */
  #levels(order: readonly number[], targets: readonly (readonly Target[] | undefined)[]): Map<number, CorrelationIr> {
    const result = new Map<number, CorrelationIr>();
    for (const index of order) {
      const correlation = this.#input.correlations[index]!;
      const below = targets[index]!.map(
        (target): Level => ("rule" in target ? this.#rules[target.rule]! : result.get(target.correlation)!).level,
      );
      const highest = levels[Math.max(...below.map((level) => levels.indexOf(level)))] ?? correlation.level;
      result.set(index, correlation.hasLevel ? correlation : { ...correlation, level: highest });
    }
    return result;
  }

  /** For each target that a needed correlation refers to: whether any of these lets it be told (`generate`). */
  #silenced(needed: ReadonlySet<number>, targets: readonly (readonly Target[] | undefined)[]): Map<string, boolean> {
    const spoken = new Map<string, boolean>();
    for (const index of needed) {
      const { generate } = this.#input.correlations[index]!;
      for (const target of targets[index]!) spoken.set(keyOf(target), generate || spoken.get(keyOf(target)) === true);
    }
    return spoken;
  }

  /** The fields of a correlation as they are called in the events of one of its rules. */
  #fieldsOf(correlation: CorrelationIr, target: Target): Pick<Feed, "groupBy" | "valueFields"> {
    const aliases = new Map<string, string>();
    for (const { alias, fields } of correlation.aliases)
      for (const { rule, field } of fields)
        if (keyOf(this.#find(rule.name)!) === keyOf(target)) aliases.set(alias, field);
    const resolve = (names: readonly string[]): string[] => names.map((name) => aliases.get(name) ?? name);
    return { groupBy: resolve(correlation.groupBy), valueFields: resolve(correlation.valueFields) };
  }

  #hint({ name }: Reference): string {
    const found = nearest(name, [...this.#byName.keys(), ...this.#byId.keys()]);
    return found === undefined ? "" : `did you mean '${found}'?`;
  }

  #warn(at: Place, code: string, message: string, hint = ""): void {
    this.#report("warning", at, code, message, hint);
  }

  #report(severity: Diagnostic["severity"], at: Place, code: string, message: string, hint = ""): void {
    if (this.#diagnostics.length >= diagnosticsMax) {
      this.#omitted++;
      return;
    }
    const { file, line, column = 1 } = at;
    this.#diagnostics.push({ file, line, column, severity, code, message: oneLine(message), hint: oneLine(hint) });
  }
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
}

/** Rules by the ten thousand with one wrong reference each say nothing more by the last. */
const diagnosticsMax = 10_000;

function keyOf(target: Target): string {
  return "rule" in target ? `r${target.rule}` : `c${target.correlation}`;
}

/** SHA-256 over what a correlation fires by. */
function digestOf(
  correlation: CorrelationIr,
  feeds: readonly Feed[],
  rules: readonly RuleIr[],
  correlations: readonly LinkedCorrelation[],
  known: Map<RuleIr, string>,
): string {
  const { type, timespanMs, condition, percentile } = correlation;
  const below = feeds.map(({ rule, correlation: inner, groupBy, valueFields }) => {
    const of = rule === undefined ? correlations[inner!]!.digest : ruleDigest(rules[rule]!, known);
    return [of, groupBy, valueFields, inner === undefined ? [] : correlations[inner]!.groupBy];
  });
  return sha256([type, timespanMs, condition, percentile, correlation.groupBy, correlation.valueFields, below]);
}

function ruleDigest(rule: RuleIr, known: Map<RuleIr, string>): string {
  const found = known.get(rule);
  if (found !== undefined) return found;
  const { product, category, service } = rule.logsource;
  const digest = sha256([
    [product ?? "", category ?? "", service ?? ""],
    rule.predicates.map(({ field, test }) => [field, test]),
    rule.selections.map(({ condition }) => condition),
    rule.condition,
  ]);
  known.set(rule, digest);
  return digest;
}

function sha256(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
