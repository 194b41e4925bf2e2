/** The door of `control/scan`: the pool of scan workers, the rules they scan with, and `agent scan`. */
export { fileFields, hitOf, RuleInfos, yaraFacts } from "./alert.ts";
export { cacheFolder, openStore, type ScanCommand, type ScanExit, scan } from "./command.ts";
export { externalsOf } from "./externals.ts";
export { jobsWaitingMax } from "./limits.ts";
export { loadYara, type YaraFiles } from "./load.ts";
export { type Job, type JobResult, type LaneName, type LoadedSnapshot, type PoolStats, ScanPool } from "./pool.ts";
export { type FileFinding, type Hashes, type HashName, hashNames, type ScanAnswer } from "./protocol.ts";
export { type CompiledSet, checkYara, compileYara, type YaraSet, type YaraSource, yaraSet } from "./rules.ts";
export { SnapshotStore } from "./snapshot-store.ts";
export { runScanWorker } from "./worker.ts";
