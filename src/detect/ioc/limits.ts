// The bounds of the room, each with its reason.

/** Indicators of all kinds together: four times the largest public blocklists, and about 350 MB of tables. */
export const indicatorsMax = 8_000_000;

/** Bytes of a file that has to be read as one JSON document (STIX, MISP): parsed, it takes about eight times as much. */
export const jsonSizeMaxBytes = 64 * 1024 * 1024;

/** Bytes of an indicator's value. Longer URLs are not seen in feeds; a domain ends at 253, a path expression rarely above 200. */
export const valueSizeMaxBytes = 2_048;

/** Bytes kept of what a feed says about an indicator; the rest is cut. */
export const noteSizeMaxBytes = 1_024;

/** Path expressions: each is a rule of its own in an engine. */
export const pathRegexesMax = 10_000;

/** Diagnostics of one file; further ones are counted in a last one. */
export const diagnosticsPerFileMax = 20;

/** UTF-16 units of a text that is searched for observables: both ends of a longer one, half each. */
export const textSearchedMax = 32_768;

/** Observables that are looked up in one text: an attacker who fills a script with names must not stop the ring. */
export const observablesPerTextMax = 512;

/** Hits of one event: more say nothing new. */
export const hitsPerEventMax = 32;
