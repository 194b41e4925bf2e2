// The bounds of a replay, each with its reason.

const mib = 1024 * 1024;

/** One record of JSON. The largest real ones (script blocks, whole documents in a field) are below 1 MiB. */
export const recordMaxBytes = 16 * mib;

/** Text of records held in memory to be sorted; parsed they take two to three times as much. The rest goes to a temporary directory. */
export const sortMemoryMaxBytes = 128 * mib;

/** Records held in memory to be sorted: small records cost more than their text. */
export const sortMemoryMaxRecords = 400_000;

/** What is read at once from a file or a run. */
export const chunkBytes = mib;

/** Start of an input that its format is told by. Larger than the first line of any record that is not pathological. */
export const probeBytes = 256 * 1024;

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

if (recordMaxBytes > sortMemoryMaxBytes)
  throw new Error("Cannot sort: one record may be larger than the memory for sorting");
