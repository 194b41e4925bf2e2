// The engine: rules sorted by the sources of events that they see, each source compiled as one partition when its first event
// arrives (or earlier, by `warm`). A rule that can never fire here is told as inert, with the reason, never silently dead.

import { exportWindows, type ImportResult, importWindows, type SavedState } from "./correlation-state.ts";
import { type CorrelationLimits, type CorrelationStats, Correlator, type EmitCorrelation } from "./correlator.ts";
import { buildExpression, Groups, type IsDead } from "./expression.ts";
import { valueSatisfies } from "./interpret.ts";
import type { LinkedCorrelation, Predicate, RuleIr } from "./ir.ts";
import { whyNever } from "./never.ts";
import { Partition } from "./partition.ts";
import type { LogSource, Route, SigmaEvent, SlotTable } from "./types.ts";
import { allowsCode } from "./writer.ts";

export interface EngineOptions {
  readonly slots: SlotTable;
  /** Which sources a rule sees, or why none. `isKeywordsOnly`: it names no field, so that only sources of text can mean anything to it. */
  route(logsource: LogSource, isKeywordsOnly: boolean): Route;
  /**
   * Why a source never fills a field; `undefined` when it does (or may). `satisfies` tells whether a value of the field would satisfy
   * the predicate at hand: a source that knows all values that the field can have answers for them.
   */
  fieldReason?(source: number, field: string, satisfies: (value: string) => boolean): string | undefined;
  /** Generate code; default: where the process allows it. Without it the same rules run as closures. */
  readonly jit?: boolean;
  /** Correlations over the rules, as `linkSigma` gave both. */
  readonly correlations?: readonly LinkedCorrelation[];
  /** Other limits of their memory than the usual ones. */
  readonly correlationLimits?: CorrelationLimits;
}

/** A rule that loaded and can never fire here. */
export interface InertRule {
  readonly id: string;
  readonly title: string;
  readonly reason: string;
}

/** How the rules of the partitions compiled so far are run, and what they did. */
export interface EngineStats {
  /** Rules that run as generated code or as closures; a rule counts once for every source it sees. */
  readonly compiledCount: number;
  readonly generatedCount: number;
  readonly closureCount: number;
  /** Rules too large to compile: correct, and slow. */
  readonly interpretedCount: number;
  /** Rules that no literal can rule out: run for every event of their source. */
  readonly openCount: number;
  /** Rules run, over all events: the work that the index left. */
  readonly checkedCount: number;
  /** Faults inside the engine that were contained; anything but 0 is a bug. */
  readonly faultCount: number;
  readonly tableBytes: number;
}

export class Engine {
  /** Rules and correlations that can fire here. */
  readonly active: number;
  readonly inert: readonly InertRule[];
  readonly #options: EngineOptions;
  readonly #jit: boolean;
  /** Absent when there are no correlations. */
  readonly #correlator: Correlator | undefined;
  readonly #rulesBySource = new Map<number, RuleIr[]>();
  readonly #partitions: (Partition | null | undefined)[] = [];

  /** Sorts the rules; compiles nothing yet. Source numbers must be small integers: they index an array. */
  constructor(rules: readonly RuleIr[], options: EngineOptions) {
    this.#options = options;
    this.#jit = (options.jit ?? true) && allowsCode();
    const inert: InertRule[] = [];
    const dead = rules.map((rule) => {
      const reason = this.#place(rule);
      if (reason !== undefined) inert.push({ id: rule.id, title: rule.title, reason });
      return reason !== undefined;
    });
    const correlations = options.correlations ?? [];
    for (const [index, reason] of whyNever(correlations, dead).entries()) {
      const { id, title } = correlations[index]!;
      if (reason !== undefined) inert.push({ id, title, reason });
    }
    this.inert = inert;
    this.active = rules.length + correlations.length - inert.length;
    this.#correlator =
      correlations.length === 0
        ? undefined
        : new Correlator(rules, correlations, options.slots, options.correlationLimits);
  }

  /** Sources that have rules. */
  get sources(): readonly number[] {
    return [...this.#rulesBySource.keys()];
  }

  /**
   * Calls `emit` for each rule that the event satisfies, in the order of loading, and then `emitCorrelation` for each correlation that
   * it completes; silent ones are not told. Throws only what these throw. Costs one pass over each field that rules ask for, plus the
   * rules that the literals found could make true; correlations cost events that feed none nothing. Both may call the engine again.
   */
  evaluate(source: number, event: SigmaEvent, emit: (rule: RuleIr) => void, emitCorrelation?: EmitCorrelation): void {
    const matched = this.match(source, event);
    if (matched !== undefined) this.conclude(matched, event, emit, emitCorrelation);
  }

  /**
   * The first half of {@link evaluate}: the rules that the event satisfies, silent ones too, in the order of loading; `undefined` when there
   * are none. It depends on no other event, so that it may be asked in any order.
   */
  match(source: number, event: SigmaEvent): readonly RuleIr[] | undefined {
    const partition = this.#partitions[source];
    if (partition === null) return undefined;
    return (partition ?? this.#compile(source))?.evaluate(event);
  }

  /** The second half of {@link evaluate}, of what {@link match} found: correlations want the events in the order of their times. */
  conclude(
    matched: readonly RuleIr[],
    event: SigmaEvent,
    emit: (rule: RuleIr) => void,
    emitCorrelation?: EmitCorrelation,
  ): void {
    for (const rule of matched) if (rule.silent !== true) emit(rule);
    this.#correlator?.take(matched, event, emitCorrelation);
  }

  /**
   * Takes over the windows of an engine that this one replaces, of all correlations that still fire by the same (whatever their title or
   * level). The engine before must not evaluate any more. Returns how many correlations kept their windows.
   */
  adoptState(previous: Engine): number {
    if (this.#correlator === undefined || previous.#correlator === undefined) return 0;
    return this.#correlator.adopt(previous.#correlator);
  }

  /** Empties all windows: what comes next is another stream of events. */
  forgetState(): void {
    this.#correlator?.forget();
  }

  /** All windows as JSON, to be kept over a restart. */
  exportState(): SavedState {
    return this.#correlator === undefined ? { version: 1, correlations: [] } : exportWindows(this.#correlator);
  }

  /** Takes back what {@link exportState} gave, into a new engine. Never throws: what does not fit is counted. */
  importState(saved: unknown): ImportResult {
    if (this.#correlator === undefined) return { groupCount: 0, unknownCount: 0, malformedCount: 0 };
    return importWindows(this.#correlator, saved);
  }

  /** What correlations hold and did; `undefined` when there are none. Linear in groups. */
  get correlationStats(): CorrelationStats | undefined {
    return this.#correlator?.stats;
  }

  /** Compiles a source's rules now, or all sources', instead of at the first event. */
  warm(source?: number): void {
    for (const each of source === undefined ? this.sources : [source])
      if (this.#partitions[each] === undefined) this.#compile(each);
  }

  get stats(): EngineStats {
    const compiled = this.#partitions.filter((partition) => partition !== undefined && partition !== null);
    const sum = (of: (partition: Partition) => number): number =>
      compiled.reduce((total, partition) => total + of(partition), 0);
    const generatedCount = sum(({ kinds }) => kinds.filter((kind) => kind === "generated").length);
    const closureCount = sum(({ kinds }) => kinds.filter((kind) => kind === "closure").length);
    return {
      compiledCount: generatedCount + closureCount,
      generatedCount,
      closureCount,
      interpretedCount: sum(({ kinds }) => kinds.filter((kind) => kind === "interpreted").length),
      openCount: sum((partition) => partition.openCount),
      checkedCount: sum((partition) => partition.checkedCount),
      faultCount: sum((partition) => partition.faultCount),
      tableBytes: sum((partition) => partition.byteLength),
    };
  }

  /** `null` for a source without rules, so that its events cost one comparison from then on. */
  #compile(source: number): Partition | null {
    const rules = this.#rulesBySource.get(source);
    const partition =
      rules === undefined ? null : new Partition(rules, this.#options.slots, this.#dead(source), this.#jit);
    this.#partitions[source] = partition;
    return partition;
  }

  /** Files a rule under its sources; returns why it can never fire when there are none. */
  #place(rule: RuleIr): string | undefined {
    const route = this.#options.route(rule.logsource, isKeywordsOnly(rule));
    if ("reason" in route) return route.reason;
    let reason = route.sources.length === 0 ? "no event source here has this log source" : undefined;
    let placed = false;
    for (const source of route.sources) {
      const why = this.#deadReason(rule, source);
      if (why !== undefined) {
        reason ??= why;
        continue;
      }
      placed = true;
      const list = this.#rulesBySource.get(source);
      if (list === undefined) this.#rulesBySource.set(source, [rule]);
      else list.push(rule);
    }
    return placed ? undefined : reason;
  }

  #dead(source: number): IsDead {
    const { fieldReason } = this.#options;
    if (fieldReason === undefined) return () => false;
    return (predicate) =>
      needsField(predicate) && fieldReason(source, predicate.field!, satisfier(predicate)) !== undefined;
  }

  /** Why the rule cannot become true on a source whose missing fields are taken into account. */
  #deadReason(rule: RuleIr, source: number): string | undefined {
    const { fieldReason } = this.#options;
    if (fieldReason === undefined) return undefined;
    const reasons = new Set<string>();
    for (const predicate of rule.predicates) {
      const why = needsField(predicate) ? fieldReason(source, predicate.field!, satisfier(predicate)) : undefined;
      if (why !== undefined) reasons.add(why);
    }
    if (reasons.size === 0) return undefined;
    const expression = buildExpression(rule, new Groups(), this.#dead(source));
    return expression.kind === "const" && !expression.value ? [...reasons].join("; ") : undefined;
  }
}

/** Whether the rule names no field: it asks for words, wherever they stand. */
export const isKeywordsOnly = ({ predicates }: Pick<RuleIr, "predicates">): boolean =>
  predicates.every(({ field }) => field === null);

/** Whether a value would satisfy the predicate; one that compares with another field may always be satisfied. */
export function satisfier({ test }: Predicate): (value: string) => boolean {
  return test.op === "fieldref" ? () => true : (value) => valueSatisfies(test, value, emptyEvent, emptySlots);
}

const emptyEvent: SigmaEvent = { get: () => undefined, eachText: () => {} };
const emptySlots: SlotTable = { slot: () => 0 };

/** Whether an absent field makes the predicate false; null is true of it. */
function needsField({ field, test }: Predicate): boolean {
  return field !== null && test.op !== "null";
}
