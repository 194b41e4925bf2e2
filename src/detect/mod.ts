/** The door of the room `detect`: detectors, the store that holds the live ones, and the router that feeds them. */
export type { Detector, EngineName, Hit, IndicatorFacts, InertRule, Level, Match, RuleInfo } from "./detector.ts";
export { indicatorHit } from "./indicator-hit.ts";
export {
  DigestTable,
  IndicatorBuilder,
  type IndicatorFileReport,
  type IndicatorSet,
  IocEngine,
  readIndicatorFile,
} from "./ioc/mod.ts";
export { type EventHandler, isStaged, SensorEventRouter, type StagedHandler } from "./router.ts";
export { ruleInfo, SigmaDetectionHandler } from "./sigma-handler.ts";
export { type DetectorSet, DetectorStore } from "./store.ts";
export {
  type ScanFinding,
  type ScanOrigin,
  type ScanSettled,
  type ScanSubject,
  type ScanWanted,
  YaraEventHandler,
  type YaraHandlerStats,
} from "./yara-handler.ts";
