// The bounds of a document, each with its reason. What is cut is named in `sigil.truncated`; nothing is cut silently.

/** Bytes of one line with its newline. Shippers and HTTP intakes commonly refuse more than 1 MiB. */
export const lineSizeMaxBytes = 1 << 20;

/** UTF-16 units of a text without a limit of its own. Linux paths end at 4,096 bytes, Windows' at 32,767 units. */
export const textLengthMax = 8_192;

/** UTF-16 units of a command line, a script block and the like: what Windows allows, twice what the Linux sensor keeps. */
export const longTextLengthMax = 32_768;

/** Items of `process.args` and of other lists that an event fills. Above all real use but `xargs` and `ar`. */
export const listCountMax = 256;

/** Fields of `sigil.event`. Sysmon's widest event has 23, the Security log's about 60. */
export const fieldCountMax = 256;

/** Entries of `sigil.match`: a rule that matches by more than this says nothing more by the rest. */
export const matchCountMax = 64;

/** UTF-16 units of a pattern or a value in `sigil.match`; the detectors cut values too. */
export const matchTextLengthMax = 2_048;

/** Processes of `sigil.ancestors`: deeper chains than shell in shell in container runtime in init are loops or attacks. */
export const ancestorCountMax = 16;

/**
 * UTF-16 units of an ancestor's command line: what tells one shell from another. A runner that starts everything below a script in
 * its own arguments would else add that script, several times over, to each alert of a flood.
 */
export const ancestorCommandLineMax = 1_024;

/** Nesting and members of what a source adds under `sigil.*`. */
export const extraDepthMax = 6;
export const extraCountMax = 512;

/** Names in `sigil.truncated`. */
export const truncatedCountMax = 64;

/**
 * A line above {@link lineSizeMaxBytes} is made again with all text limits divided by these, one after the other; the last try
 * also leaves out `sigil.event`, `sigil.match`, `sigil.ancestors`, the environment and what the source added. Then at most
 * about 1,700 texts of 128 units at 6 bytes each remain with the arguments, which always fits (a test gives it the worst).
 */
export const shrinkFactors: readonly number[] = [1, 8, 64, 64];

/** Units that a text keeps at least, however much is shrunk: no name or hash becomes a stump. */
export const textLengthMin = 128;
