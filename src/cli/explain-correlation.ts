// What `agent rules explain` says of a correlation: in words what it waits for and in which groups; and with a recording how far its events bring it.

import { formatDurationMs } from "../control/config/mod.ts";
import { type RuleState, ruleStates } from "../control/rules/mod.ts";
import { type CorrelationMatch, Engine, type LinkedCorrelation, type RuleIr } from "../detect/sigma/mod.ts";
import { type FieldTable, type Platform, replayCatalogue } from "../event/mod.ts";
import type { RecordedEvent } from "../normalize/mod.ts";
import { printable } from "../std/mod.ts";
import { sourceText } from "./rules-list.ts";

/** Everything that was loaded: correlations refer to rules by index. */
export interface Loaded {
  readonly rules: readonly RuleIr[];
  readonly correlations: readonly LinkedCorrelation[];
}

/** Groups, and hits, that are shown. */
const shownMax = 5;

export interface CorrelationAbout {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly line: number;
  readonly level: string;
  readonly type: string;
  readonly group_by: readonly string[];
  readonly timespan_ms: number;
  readonly condition: string;
  /** In one sentence. */
  readonly fires_when: string;
  readonly state: RuleState["state"];
  readonly reason: string;
  readonly refers_to: readonly Reference[];
}

interface Reference {
  readonly name: string;
  readonly kind: "rule" | "correlation";
  readonly title: string;
  readonly logsource: string;
  readonly state: RuleState["state"];
  readonly reason: string;
  /** Fields of its events that groups are made by, where they are called otherwise. */
  readonly group_by: readonly string[];
}

export function aboutCorrelation(index: number, loaded: Loaded, platform: Platform): CorrelationAbout {
  const correlation = loaded.correlations[index]!;
  const { id, title, file, line, level, type, groupBy, timespanMs, conditionText, feeds } = correlation;
  const states = ruleStates(loaded, platform);
  const own = states[loaded.rules.length + index]!;
  return {
    id,
    title,
    file,
    line,
    level,
    type,
    group_by: groupBy,
    timespan_ms: timespanMs,
    condition: conditionText,
    fires_when: sentence(correlation),
    state: own.state,
    reason: own.reason,
    refers_to: feeds.map((feed): Reference => {
      const at = feed.rule ?? loaded.rules.length + (feed.correlation ?? 0);
      const { rule, state, reason, logsource } = states[at]!;
      return {
        name: feed.name,
        kind: feed.rule === undefined ? "correlation" : "rule",
        title: rule.title,
        logsource: logsource === undefined ? "" : sourceText(logsource),
        state,
        reason,
        group_by: feed.groupBy.some((field, place) => field !== groupBy[place]) ? feed.groupBy : [],
      };
    }),
  };
}

const relations = {
  gt: "more than",
  gte: "at least",
  lt: "fewer than",
  lte: "at most",
  eq: "exactly",
  neq: "any number but",
} as const;

/** What has to happen, in words. */
function sentence({
  type,
  groupBy,
  timespanMs,
  condition,
  conditionText,
  valueFields,
  percentile,
  feeds,
}: LinkedCorrelation): string {
  const names = feeds.map(({ name }) => name);
  const field = valueFields.join(" with ");
  const numbers =
    condition.kind === "compare"
      ? condition.all.map(({ relation, value }) => `${relations[relation]} ${value}`).join(" and ")
      : "";
  const group = groupBy.length === 0 ? "" : ` with the same ${groupBy.join(" and ")}`;
  const within = ` within ${formatDurationMs(timespanMs)}`;
  const any = names.length === 1 ? names[0] : `any of ${names.join(", ")}`;
  switch (type) {
    case "event_count":
      return `${numbers} events of ${any}${group}${within}`;
    case "value_count":
      return `events of ${any}${group} that have ${numbers} different values of ${field}${within}`;
    case "value_sum":
      return `events of ${any}${group} whose ${field} adds up to ${numbers}${within}`;
    case "value_avg":
      return `events of ${any}${group} whose average ${field} is ${numbers}${within}`;
    case "value_median":
    case "value_percentile": {
      const what = type === "value_median" ? "median" : `${percentile}th percentile of`;
      return `events of ${any}${group} whose ${what} ${field} is ${numbers}${within}`;
    }
    default: {
      const order = type === "temporal_ordered" ? ", in this order" : "";
      const what =
        condition.kind === "every"
          ? `each of ${names.join(", ")}`
          : condition.kind === "boolean"
            ? `what ${conditionText} says`
            : `${numbers} of ${names.join(", ")}`;
      return `events of ${what}${group}${order}${within}`;
    }
  }
}

export function correlationText(about: CorrelationAbout, platform: Platform, bold: (text: string) => string): string {
  const { title, id, level, file, line, state, reason, fires_when, timespan_ms, group_by, refers_to } = about;
  const span = formatDurationMs(timespan_ms);
  let text = `${bold(printable(title))}\n${printable(id)}  ${level}\n${printable(file)}:${line}\n`;
  text += `on ${platform}: ${state}${reason === "" ? "" : ` (${printable(reason)})`}\n`;
  text += `fires when: ${printable(fires_when)}\n`;
  text += `  looks back ${span} from each event; then the group is quiet for ${span}\n`;
  text +=
    group_by.length === 0
      ? "  all events are one group\n"
      : `  a group for each ${printable(group_by.join(" and "))}; an event without ${group_by.length === 1 ? "it" : "one of them"} does not count\n`;
  text += "refers to:\n";
  for (const { name, kind, title: own, logsource, state: theirs, reason: why, group_by: fields } of refers_to) {
    const facts = [kind, logsource, theirs === "active" ? "" : `${theirs}: ${why}`].filter((part) => part !== "");
    text += `  ${printable(name)} (${printable(facts.join(", "))}): ${printable(own)}\n`;
    if (fields.length > 0) text += `    grouped by its ${printable(fields.join(" and "))}\n`;
  }
  return text;
}

export interface CorrelationVerdict {
  readonly fired: number;
  /** The first hits: group, value, time and the newest events. */
  readonly hits: readonly (Pick<CorrelationMatch, "group" | "value" | "events"> & { readonly sequence: number })[];
  /** How many events matched each of what it refers to. */
  readonly matched: Readonly<Record<string, number>>;
  /** Events that lack a field of the group. */
  readonly without_group: number;
  /** The fullest groups at the end of the events. */
  readonly groups: readonly {
    readonly group: Readonly<Record<string, string>>;
    readonly events: number;
    readonly different_values: number;
    readonly rules: readonly string[];
  }[];
}

/** Runs everything over the events, in order of time, and says what came of one correlation. Linear in events. */
export function correlationVerdict(
  index: number,
  { rules, correlations }: Loaded,
  events: readonly RecordedEvent[],
  slots: FieldTable,
): CorrelationVerdict {
  const loud = correlations.map((one) => ({ ...one, silent: false }));
  const heard = rules.map(({ silent: _, ...rule }): RuleIr => rule);
  const { route } = replayCatalogue;
  const engine = new Engine(heard, { slots, route, correlations: loud });
  const target = loud[index]!;
  const matched = new Map(target.feeds.map(({ name }) => [name, 0]));
  const feeds = new Map<unknown, LinkedCorrelation["feeds"][number]>();
  for (const feed of target.feeds)
    feeds.set(feed.rule === undefined ? loud[feed.correlation ?? -1] : heard[feed.rule], feed);
  const count = (what: unknown): LinkedCorrelation["feeds"][number] | undefined => {
    const feed = feeds.get(what);
    if (feed !== undefined) matched.set(feed.name, (matched.get(feed.name) ?? 0) + 1);
    return feed;
  };
  let withoutGroup = 0;
  const hits: CorrelationVerdict["hits"][number][] = [];
  let fired = 0;
  const inOrder = events.map((event, sequence) => ({ event, sequence }));
  inOrder.sort((a, b) => a.event.timeMs - b.event.timeMs || a.sequence - b.sequence);
  for (const { event, sequence } of inOrder) {
    const countRule = (rule: RuleIr): void => {
      const lacks = (field: string): boolean => {
        const value = event.get(slots.slot(field));
        return value === undefined || value === null || (typeof value === "object" && !Array.isArray(value));
      };
      if (count(rule)?.groupBy.some(lacks) === true) withoutGroup++;
    };
    engine.evaluate(event.source, event, countRule, (correlation, { group, value, events: newest }) => {
      count(correlation);
      if (correlation !== target) return;
      fired++;
      if (hits.length < shownMax) hits.push({ sequence, group, value, events: newest });
    });
  }
  const saved = engine.exportState().correlations[index]?.groups ?? [];
  const groups = saved.map(({ values, entries }) => ({
    group: Object.fromEntries(target.groupBy.map((field, at) => [field, values[at] ?? ""])),
    events: entries.length,
    different_values: new Set(entries.map(([, , content]) => content)).size,
    rules: [...new Set(entries.map(([, feed]) => target.feeds[feed]?.name ?? ""))],
  }));
  groups.sort(
    (a, b) => b.rules.length - a.rules.length || b.different_values - a.different_values || b.events - a.events,
  );
  return {
    fired,
    hits,
    matched: Object.fromEntries(matched),
    without_group: withoutGroup,
    groups: groups.slice(0, shownMax),
  };
}

export function correlationVerdictText(
  { type, groupBy, conditionText }: LinkedCorrelation,
  verdict: CorrelationVerdict,
  eventCount: number,
): string {
  const { fired, hits, matched, without_group: without, groups } = verdict;
  const times = fired === 1 ? "once" : `${fired} times`;
  let text =
    fired === 0
      ? `does not fire over ${counted(eventCount, "event")}\n`
      : `fires ${times} over ${counted(eventCount, "event")}\n`;
  for (const { group, value, sequence } of hits)
    text += `  at event ${sequence}: ${printable(groupText(group))}: ${value} (${printable(conditionText)})\n`;
  if (fired > hits.length) text += `  … and ${fired - hits.length} more\n`;
  text += "matched by:\n";
  for (const [name, count] of Object.entries(matched)) text += `  ${printable(name)}: ${counted(count, "event")}\n`;
  if (without > 0) text += `events without ${printable(groupBy.join(" or "))}: ${without}\n`;
  if (groups.length === 0) return `${text}no group has anything in its window at the end\n`;
  text += "fullest groups at the end:\n";
  for (const { group, events, different_values: values, rules } of groups) {
    const isTemporal = type === "temporal" || type === "temporal_ordered";
    const what = isTemporal
      ? `events of ${rules.join(", ")}`
      : `${counted(events, "event")}, ${counted(values, "different value")}`;
    text += `  ${printable(groupText(group))}: ${printable(what)}\n`;
  }
  return text;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function groupText(group: Readonly<Record<string, string>>): string {
  const parts = Object.entries(group).map(([field, value]) => `${field}=${value}`);
  return parts.length === 0 ? "all events" : parts.join(", ");
}
