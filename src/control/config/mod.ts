/** The door of `control/config`: `AppConfig`, how it is put together, and every limit of the program (`limits.ts`). */
export { configReference, configSchema, defaultConfigToml } from "./generate.ts";
export {
  type AppConfig,
  alertFormats,
  type KeyName,
  levels,
  logLevels,
  ruleStatuses,
  type SectionName,
  secretKeyNames,
} from "./keys.ts";
export { captureSizeMaxBytes, diagnosticLineLengthMax, diagnosticsMax } from "./limits.ts";
export {
  defaultConfig,
  type FlagValue,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type Origin,
  type RawConfig,
  type RawValue,
} from "./load.ts";
export { findConfig } from "./search.ts";
export { showConfig, showConfigJson } from "./show.ts";
export { formatDurationMs, formatSizeBytes, parseDurationMs, parseSizeBytes } from "./units.ts";
