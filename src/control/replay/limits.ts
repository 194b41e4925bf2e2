// The bounds of a replay, each with its reason.

const mib = 1024 * 1024;

/** One record of JSON. The largest real ones (script blocks, whole documents in a field) are below 1 MiB. */
export const recordMaxBytes = 16 * mib;

/**
 * Text of records held in memory to be sorted; parsed they take some ten times as much. The rest goes to a temporary directory, which costs next
 * to nothing more: holding many objects is as dear as writing them.
 */
export const sortMemoryMaxBytes = 32 * mib;

/** Records held in memory to be sorted: small records cost more than their text. */
export const sortMemoryMaxRecords = 100_000;

/** Sorted runs in the temporary directory that are open at once, on each level: 1024 descriptors are the usual limit. */
export const runsMax = 64;

/** What is read at once from a file or a run. */
export const chunkBytes = mib;

/** Start of an input that its format is told by. Larger than the first line of any record that is not pathological. */
export const probeBytes = 256 * 1024;

/** Layers of compression around one input. Nobody has more than two by accident. */
export const layersMax = 4;

/** Archives in archives. Evidence is sometimes packed twice, never four times. */
export const archiveDepthMax = 3;

/** Entries of an archive that are looked at. */
export const archiveEntriesMax = 100_000;

/** Recordings of one archive: their names are held to be sorted. */
export const archiveMembersMax = 10_000;

/** Name of a member: PATH_MAX of Linux. Together the names of an archive stay below 40 MiB. */
export const memberNameMaxBytes = 4096;

/** An archive that cannot be read in place (from standard input, compressed, inside of another) in the temporary directory. */
export const spoolMaxBytes = 16 * 1024 * mib;

/**
 * What one input may unpack to, unless it is large itself: then {@link unpackedMaxRatio} times its size. Recordings shrink to a tenth or a
 * fiftieth; bombs grow a thousandfold and more, layer by layer.
 */
export const unpackedMaxBytes = 16 * 1024 * mib;
export const unpackedMaxRatio = 200;

/** Unpacked bytes in a row without one event: sixteen of the largest records. Zeros end here, long before the limit above. */
export const idleMaxBytes = 256 * mib;

/** Recordings of one input, archives in archives included. Also the distance between the numbers of inputs. */
export const sourcesMax = 1_000_000;

/** Workers that read at once. Each compiles the rules for itself: some 60 MB with all of SigmaHQ. */
export const readersMax = 8;
/** Inputs smaller than this together are read before workers that compile all rules once more have saved any time. */
export const parallelMinBytes = 128 * mib;
/** What a compressed input is reckoned to become when the work is estimated. */
export const compressionUsual = 10;
/** Records on their way from a worker, at once, and how many such batches may wait for the main thread: 4 MiB a worker. */
export const batchBytes = 512 * 1024;
export const batchesWaitingMax = 8;
/** Lines for the log that are kept of one input until its turn comes. */
export const messagesPerInputMax = 200;

/** Files followed at once: each holds a descriptor and at most one unfinished record. */
export const followedMax = 256;
/** Read at once from a followed file: its alerts leave before more is read. */
export const followChunkBytes = 64 * 1024;
/** Pause after a round in which no followed file had grown. */
export const followPollMs = 250;
/** A file that was moved away is still read for that long after its last growth: writers reopen late. */
export const followGraceMs = 2000;
/** A followed file that does not grow for that long has no more records of an event to come. */
export const followIdleMs = 1000;

/** Malformed records that the log names, per input; all are counted. */
export const malformedLoggedMax = 5;

/** Files below directories that the log names as left out; all are counted. */
export const skippedNamedMax = 5;

/** Files of a directory tree. */
export const filesMax = 100_000;

/** Directories below a path; deeper is a loop or an attack. */
export const directoryDepthMax = 32;

/** Characters of one field in an alert's `sigil.event`. */
export const fieldMaxChars = 32_768;

/** Fields in an alert's `sigil.event`; Windows' own records have at most about 60. */
export const fieldsMax = 512;

if (!Number.isSafeInteger((filesMax + 1) * sourcesMax)) throw new Error("Cannot number inputs: there may be too many");
if (idleMaxBytes < 2 * recordMaxBytes)
  throw new Error("Cannot unpack: one large record would look like an input without events");
if (recordMaxBytes > sortMemoryMaxBytes)
  throw new Error("Cannot sort: one record may be larger than the memory for sorting");
