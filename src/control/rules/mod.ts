/** The door of `control/rules`: from paths or the binary itself to rules that an engine can take. */
export { embeddedRulesFile } from "./embed.ts";
export { type LintReport, lintRules } from "./lint.ts";
export { loadEmbeddedRules, loadRuleFiles, type RuleFile, type RuleFiles, type RuleKind, ruleKind } from "./load.ts";
export {
  builtKinds,
  excludedBy,
  loadSigmaRules,
  parseSigmaFiles,
  readRuleFiles,
  type SigmaFilter,
  type SigmaRules,
} from "./sigma.ts";
export {
  type Detonation,
  type ExpectedProcess,
  type RuleEvent,
  type RuleTests,
  readRuleTests,
  type StagedFile,
} from "./tests.ts";
