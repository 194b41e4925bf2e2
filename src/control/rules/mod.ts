/** The door of `control/rules`: from paths or the binary itself to rules that an engine can take. */
export { type Coverage, coverageOf, navigatorLayer, type TacticCoverage, type TechniqueCoverage } from "./coverage.ts";
export { embeddedRulesFile, embeddedTestsFile } from "./embed.ts";
export { type Indicators, packIndicators } from "./indicators.ts";
export { junitXml } from "./junit.ts";
export { type LintReport, lintRules } from "./lint.ts";
export { loadEmbeddedRules, loadRuleFiles, type RuleFile, type RuleFiles, type RuleKind, ruleKind } from "./load.ts";
export { withPipelines } from "./pipelines.ts";
export {
  type EventOutcome,
  loadEmbeddedTests,
  type RuleOutcome,
  ruleName,
  runRuleTests,
  type TestsReport,
} from "./run-tests.ts";
export {
  builtKinds,
  excludedBy,
  loadSigmaRules,
  parseSigmaFiles,
  readRuleFiles,
  type SigmaFilter,
  type SigmaRules,
} from "./sigma.ts";
export { type RuleState, ruleStates } from "./state.ts";
export {
  type Detonation,
  type ExpectedProcess,
  eventFields,
  type RuleEvent,
  type RuleSequence,
  type RuleTests,
  readRuleTests,
  type StagedFile,
} from "./tests.ts";
