/** The door of the room `detect/sigma`: Sigma 2.1.0 rules to verdicts. Stands alone, usable as a library. */
export { parseAddress } from "./address.ts";
export type { ImportResult, SavedState } from "./correlation-state.ts";
export type {
  CorrelationLimits,
  CorrelationMatch,
  CorrelationStats,
  EmitCorrelation,
  EventSummary,
} from "./correlator.ts";
export { Engine, type EngineOptions, type EngineStats, type InertRule, isKeywordsOnly, satisfier } from "./engine.ts";
export { matchesOf, type RuleMatch } from "./explain.ts";
export {
  type Against,
  describeTest,
  type Explanation,
  explain,
  type ItemExplanation,
  type ValueExplanation,
} from "./explanation.ts";
export { interpret } from "./interpret.ts";
export type {
  Condition,
  CorrelationIr,
  FilterIr,
  LinkedCorrelation,
  Piece,
  Predicate,
  RuleHeader,
  RuleIr,
  Selection,
  Test,
} from "./ir.ts";
export { type LinkInput, type LinkOptions, type LinkResult, linkSigma } from "./link.ts";
export { type Finding, type LintOptions, type LintResult, lintSigma } from "./lint.ts";
export { type ParseOptions, type ParseResult, parseSigma } from "./parse.ts";
export { mapCorrelations } from "./pipeline/correlations.ts";
export { type Pipelines, type PipelinesResult, readPipelines } from "./pipeline/pipeline.ts";
export { NameSlots, RecordEvent } from "./record-event.ts";
export { type Fields, type Solution, solve } from "./solve.ts";
export type { Diagnostic, Level, LogSource, Route, SigmaEvent, SlotTable, Value } from "./types.ts";
