// Every bound of the Sigma room with its reason. A rule that breaks one is rejected with a diagnostic, an event that
// breaks one is evaluated in a documented, bounded way; nothing here is ever exceeded silently.

/** Characters in one rule file. The largest public rule (SigmaHQ, a list of 1,090 packages) has 300 thousand. */
export const fileSizeMax = 8 * 1024 * 1024;

/** Documents in one file. Collections in the wild hold tens; each costs a header's worth of memory. */
export const documentCountMax = 10_000;

/** Nodes (maps, lists, scalars) a file may expand to, aliases counted each time they are used: stops alias bombs. */
export const nodeCountMax = 500_000;

/** How deep YAML may nest. Real rules reach 5; recursion over the tree must never meet the end of the stack. */
export const nodeDepthMax = 64;

/** Diagnostics kept for one file; the last one says how many were left out. */
export const diagnosticCountMax = 200;

/** Characters in one condition. Hand-written ones stay below 1,000; generated allow-lists may reach thousands. */
export const conditionLengthMax = 64 * 1024;

/** Nesting of parentheses and `not` in a condition: bounds recursion in every walker of the tree. */
export const conditionDepthMax = 200;

/** Predicates of one rule. The largest public rule has 4,432; conditions that mention a selection again share them. */
export const predicateCountMax = 100_000;

/**
 * Predicates of a rule counted each time the condition reaches them through a selection: what the interpreter does at worst for
 * one event. Public rules stay below 10,000.
 */
export const conditionWeightMax = 200_000;

/** Characters in one value of a rule. Emoji and registry values stay below 1,000. */
export const patternLengthMax = 16 * 1024;

/** Characters in one regular expression. The longest public one has 250. */
export const regexLengthMax = 4 * 1024;

/** Literals that placeholders in one value may expand to (a cartesian product). */
export const expansionCountMax = 4_096;

/**
 * Literals that `windash` may turn one value into before it becomes a character class: 25 is two dashes of five
 * spellings each; the automaton shares their common parts, so this costs little and covers all public rules.
 */
export const dashVariantCountMax = 25;

/** How deep arrays and objects inside an event are walked; deeper parts match nothing. JSON logs stay below 10. */
export const valueDepthMax = 32;

/** Members of one array value that are looked at, for the same reason. */
export const valueMembersMax = 4_096;

/** Matches listed for one hit; a rule whose 1,000 values all match is explained well enough by the first. */
export const matchCountMax = 64;

/** UTF-16 units of an event's value that a match shows. */
export const matchValueLengthMax = 4_096;

/** Compiled regular expressions kept for reuse between parse, interpretation and compilation. */
export const regexCacheMax = 2_048;

/** Rules that one filter or correlation may refer to. A temporal correlation costs this much memory a group, ordered ones its square. */
export const referenceCountMax = 64;

/** Fields in one `group-by` or `field`. */
export const groupFieldCountMax = 16;

/** Ten years: no process runs longer, and the sum of a time and a span stays an exact number. */
export const timespanMaxMs = 10 * 31_556_952_000;

/** Largest number that counting correlations compare with: a group keeps one entry more than this, 16 bytes each. */
export const countThresholdMax = 100_000;

/** Predicates that filters may add to all rules together: a filter for `any` rule is repeated in each. */
export const filterWeightMax = 4_000_000;

/** Alternatives that the boolean condition of a temporal_ordered correlation may come to. */
export const orderedAlternativeMax = 256;

/**
 * What all windows of all correlations may hold, by estimate: the agent's whole budget is 100 MB. A group of a small count costs 600
 * bytes, so this is about 50,000 of them; then the group that was quiet longest goes, and is counted.
 */
export const windowsSizeMaxBytes = 32 * 1024 * 1024;

/** Groups of one correlation, whatever they cost: look-ups stay in the processor's cache of pages. */
export const groupCountMax = 50_000;

/** Numbers that one group of value_sum, value_avg, value_percentile or value_median keeps; beyond, the oldest go, counted. */
export const sampleCountMax = 10_000;

/** Events that one group of temporal_ordered keeps to put late ones into their place. In order, none are needed. */
export const orderedEventCountMax = 512;

/** Characters of a value that groups or is counted; of longer ones the beginning and a digest are kept. */
export const groupValueLengthMax = 256;

/** Events listed with a hit of a correlation: the newest. */
export const summaryCountMax = 16;

/** Late events in a row after which a group starts over: its newest time was wrong, or the clock was set back. */
export const lateRunMax = 8;
