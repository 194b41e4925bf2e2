/**
 * The door of `detect/yara`: YARA rules over bytes, on YARA-X as WebAssembly. It reads no rule file and has no time limit: rules come as
 * text, and whoever scans does it where the scan can be killed (`control/scan`).
 */
export {
  type Compiled,
  type Externals,
  externalNames,
  validate as validateYara,
  type YaraNamespace,
  type YaraRule,
} from "./compile.ts";
export { classOf, type FileClass } from "./file-class.ts";
export { type ReadInclude, resolveIncludes, type YaraFile } from "./include.ts";
export { levelOf, ruleId, yaraRuleInfo } from "./rule-info.ts";
export { YaraCrash, yaraRuntime } from "./runtime.ts";
export { type PatternMatch, Scanner, type ScanOutcome, type YaraFinding } from "./scanner.ts";
export { checkedSnapshot, SnapshotError, signatureBytes, signSnapshot } from "./snapshot.ts";
