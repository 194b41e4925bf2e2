// Every bound of the YARA room with its reason. What meets one is told as a diagnostic or counted in a scan's outcome.

/**
 * Matches of one pattern that are kept, and that `#a` counts. Each is an object of its own: a million, libyara's bound, take
 * seconds for a file of zeros. A rule that compares a count with more than this cannot hold.
 */
export const matchesPerPatternMax = 10_000;

/** Rules told of one scanned buffer. Rule sets that match everything say so with their first thousand. */
export const findingsPerScanMax = 1000;

/** Places of one pattern that a finding names. */
export const matchesShownMax = 16;

/** Patterns that a finding names. */
export const patternsShownMax = 64;

/** Bytes of a match that its snippet shows: enough to recognise it, too few to carry a file's content away. */
export const snippetSizeMaxBytes = 48;

/** Meta entries and UTF-16 units of each that a finding names. */
export const metaCountMax = 32;
export const metaTextLengthMax = 1024;
export const tagCountMax = 64;

/** Files that one rule file includes, directly and through others, and how deep. Public sets include a few, one deep. */
export const includesMax = 256;
export const includeDepthMax = 16;

/** Diagnostics told of one rule file; what follows the first few of a broken file rarely says more. */
export const diagnosticsPerFileMax = 20;

/** Rules in one set: ten times the largest public collection. Memory and the cost of each scan grow with them. */
export const rulesMax = 100_000;

/** Rules by name in warnings about costly patterns, for one file. */
export const costlyRulesNamedMax = 20;

/** A snapshot's memory: what a 32-bit WebAssembly memory can hold, less room to scan. Signature-base takes 200 MB. */
export const snapshotSizeMaxBytes = 2 * 1024 * 1024 * 1024;
