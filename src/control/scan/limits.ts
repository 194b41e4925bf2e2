// Every bound of scanning with its reason. What meets one is counted and named in the result of the file it concerns.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Jobs that wait for a worker, in each lane. Each holds a descriptor open, and a process has 1,024 of them by default. */
export const jobsWaitingMax = 256;

/** How often a job is given to another worker after one broke on it. Once: what breaks two, breaks all. */
export const retriesMax = 1;

/** Workers that may fail to start one after the other before the lane is given up. */
export const failedStartsMax = 5;

/** How long a worker may take to start: a loaded host needs a second to map a binary of 120 MB. */
export const workerStartTimeoutMs = 30_000;

/** How long rules may take to compile; 5,800 take 7 s. */
export const compileTimeoutMs = 300_000;

/** Bytes of one answer. The list of 5,800 rules with meta entries is 5 MB; findings of one file are kilobytes. */
export const answerSizeMaxBytes = 64 * MiB;

/** Bytes of a worker's stderr that are kept for the log. */
export const stderrKeptMaxBytes = 4 * KiB;

/** How often the memory of busy workers is looked at. */
export const watchIntervalMs = 500;

/** Jobs after which a worker is replaced whatever its memory: an engine that leaks a little must not leak for weeks. */
export const jobsPerWorkerMax = 50_000;

/** nobody and nogroup, everywhere. */
export const workerUid = 65_534;
export const workerGid = 65_534;

/** Priority of workers: they yield to everything else on the host and still run on an idle one. */
export const workerNice = 10;

/** Bytes read at once: stays in the cache while three digests look at it. */
export const chunkSizeBytes = 256 * KiB;

/** Archives: how deep one may lie in another, how many members, how many bytes all of them may unfold to, and one alone. */
export const archiveDepthMax = 3;
export const archiveMembersMax = 10_000;
export const archiveExpandedMaxBytes = 256 * MiB;
export const memberSizeMaxBytes = 64 * MiB;

/** Members that could not be scanned that a result names; the others are counted. */
export const membersNamedMax = 16;

/** UTF-16 units of a path that a job carries; longer ones cannot be opened on Linux. */
export const pathLengthMax = 4096;

/** Files and folders that `agent scan` looks at. A full file server has some ten million. */
export const walkEntriesMax = 100_000_000;
/** Folders below a given path: PATH_MAX allows no more than 2,048. */
export const walkDepthMax = 2048;

/** Bytes of memory of one process that `--pid` scans, and of one region at a time. */
export const processMemoryMaxBytes = 8 * 1024 * MiB;
export const regionSizeMaxBytes = 64 * MiB;
/** Mappings of one process. The kernel's own bound (vm.max_map_count) is 65,530 by default. */
export const regionsMax = 70_000;

/** Snapshots of compiled rules that are kept: this set, the one before, and those of a test or two. */
export const snapshotsKeptMax = 4;
/** Bytes of one on disk; 5,800 rules take 40 MB. */
export const snapshotSizeMaxBytes = 1024 * MiB;
