// The bounds of a report, each with its reason. What is left out is counted and shown in the report itself.

/** Alerts of one rule that are kept with their events: more than a person reads of one rule; an even sample of all. */
export const alertsPerRuleMax = 50;

/** Characters of all kept events and matches: a page of twice this size still opens within seconds. */
export const keptMaxChars = 16 * 1024 * 1024;

/** Rules with an alert; public rule sets have fewer than 5,000 altogether. Alerts of further ones are counted together. */
export const firedRulesMax = 5_000;

/** Characters of one value of an event: enough for command lines, the beginning of script blocks. */
export const valueMaxChars = 4_096;

/** Characters of all values of one event. */
export const eventMaxChars = 32_768;

/** Fields of one event; Windows' own records have at most about 60. */
export const eventFieldsMax = 256;

/** Matches shown with one alert. */
export const matchesMax = 32;

/** Characters of one pattern or name in a match. */
export const matchMaxChars = 1_024;

/** Characters of one text of a rule: descriptions are a few sentences. */
export const ruleTextMaxChars = 4_096;

/** References, tags, authors and the like of one rule, each. */
export const ruleListMax = 32;

/** Hosts, and users, that are listed; the alerts of others are counted together. */
export const namesMax = 1_000;

/** Inputs that are listed. */
export const inputsMax = 1_000;

/** Pairs of a rule and a stretch of time on the timeline: its resolution is halved when there are more. */
export const timelinePairsMax = 50_000;

/** The finest stretch of time on the timeline. */
export const timelineWidthMinMs = 1_000;
