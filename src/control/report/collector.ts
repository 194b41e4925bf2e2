// Gathers a report from the alerts of a replay as they come, in bounded memory. Everything is taken from the alerts and the inputs:
// no clock, nothing of this machine, so the same replay gives the same report.

import { type AlertInput, reachesLevel, tactics, techniques, threatOf } from "../../alert/mod.ts";
import type { Match, RuleInfo } from "../../detect/mod.ts";
import {
  type ReportData,
  type ReportEvent,
  type ReportInput,
  type ReportLevel,
  type ReportMatch,
  type ReportRule,
  reportLevels,
} from "./data.ts";
import {
  eventFieldsMax,
  eventMaxChars,
  firedRulesMax,
  inputsMax,
  matchesMax,
  matchMaxChars,
  namesMax,
  ruleListMax,
  ruleTextMaxChars,
  valueMaxChars,
} from "./limits.ts";
import { AlertSample, type Sampled } from "./sample.ts";
import { Timeline } from "./timeline.ts";

/** What the replay knows besides its alerts. */
export interface ReportFacts {
  readonly agent: string;
  readonly inputs: readonly ReportInput[];
  readonly files: number;
  readonly events: number;
  readonly malformed: number;
  readonly rules: ReportData["rules"];
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly perFile: boolean;
}

interface Matches {
  readonly matches: readonly ReportMatch[];
  readonly leftOut: number;
}

interface FiredRule {
  readonly index: number;
  readonly info: RuleInfo;
  readonly hosts: Set<string>;
  count: number;
  firstMs: number;
  lastMs: number;
}

export class ReportCollector {
  readonly #minLevel: ReportLevel;
  /** By what a rule is: hits of indicators bring a new object each time. */
  readonly #rules = new Map<string, FiredRule>();
  readonly #timeline = new Timeline();
  readonly #sample = new AlertSample<ReportEvent, Matches>();
  readonly #hosts = new NameCounts();
  readonly #users = new NameCounts();
  #alerts = 0;
  #undated = 0;
  #alertsOfOtherRules = 0;
  /** The event of the alert before: several rules can match one, and it is kept once. */
  #lastContext: AlertInput["event"] | undefined;
  #last: Sampled<ReportEvent> | undefined;

  /** Alerts below `minLevel` are left out, as in the output. */
  constructor(minLevel: ReportLevel) {
    this.#minLevel = minLevel;
  }

  /** Takes an alert. O(fields) when it is kept, O(1) otherwise. */
  add(alert: AlertInput): void {
    const { rule } = alert.hit;
    if (!reachesLevel(rule.level, this.#minLevel)) return;
    this.#alerts++;
    const host = cut(alert.host?.name ?? "", 256);
    const user = userOf(alert.event.fields);
    const hostIsListed = this.#hosts.add(host);
    this.#users.add(user);
    const isUndated = alert.event.extra?.undated === true;
    if (isUndated) this.#undated++;

    const key = `${alert.hit.engine}\n${rule.id}\n${rule.title}\n${rule.file}`;
    let fired = this.#rules.get(key);
    if (fired === undefined) {
      if (this.#rules.size >= firedRulesMax) {
        this.#alertsOfOtherRules++;
        return;
      }
      fired = { index: this.#rules.size, info: rule, hosts: new Set(), count: 0, firstMs: NaN, lastMs: NaN };
      this.#rules.set(key, fired);
    }
    fired.count++;
    if (hostIsListed) fired.hosts.add(host);
    const { timeMs } = alert.event;
    if (!isUndated && isShowable(timeMs)) {
      // Negated comparisons, so that the first time takes the place of NaN.
      if (!(fired.firstMs <= timeMs)) fired.firstMs = timeMs;
      if (!(fired.lastMs >= timeMs)) fired.lastMs = timeMs;
      this.#timeline.add(fired.index, timeMs);
    }
    if (!this.#sample.wants(fired.index)) return;
    if (this.#lastContext !== alert.event || this.#last === undefined) {
      this.#lastContext = alert.event;
      this.#last = reportEvent(alert, host, user, isUndated);
    }
    const matches = reportMatches(alert.hit.matches);
    this.#sample.keep(fired.index, this.#last, matches, JSON.stringify(matches).length);
  }

  finish(facts: ReportFacts): ReportData {
    const rank = (level: ReportLevel): number => reportLevels.indexOf(level);
    const fired = [...this.#rules.values()].sort(
      (a, b) => rank(b.info.level) - rank(a.info.level) || b.count - a.count || a.index - b.index,
    );
    const events: ReportEvent[] = [];
    const numbers = new Map<Sampled<ReportEvent>, number>();
    const number = (on: Sampled<ReportEvent>): number => {
      let known = numbers.get(on);
      if (known === undefined) {
        known = events.push(on.event) - 1;
        numbers.set(on, known);
      }
      return known;
    };
    const rules = fired.map((each): ReportRule => {
      const { index, info, count, hosts, firstMs, lastMs } = each;
      return {
        ...ruleTexts(info),
        count,
        hostCount: hosts.size,
        ...(Number.isNaN(firstMs) ? {} : { firstMs, lastMs }),
        bins: this.#timeline.bins(index),
        alerts: this.#sample.of(index).map(({ on, detail }) => ({
          event: number(on),
          matches: detail.matches,
          matchesLeftOut: detail.leftOut,
        })),
      };
    });
    const { agent, inputs, files, events: eventCount, malformed, sinceMs, untilMs, perFile } = facts;
    return {
      version: 1,
      agent,
      inputs: inputs.slice(0, inputsMax),
      inputsLeftOut: Math.max(0, inputs.length - inputsMax),
      counts: {
        files,
        events: eventCount,
        malformed,
        alerts: this.#alerts,
        undated: this.#undated,
        alertsOfOtherRules: this.#alertsOfOtherRules,
      },
      rules: facts.rules,
      filter: {
        minLevel: this.#minLevel,
        ...(sinceMs === undefined ? {} : { sinceMs }),
        ...(untilMs === undefined ? {} : { untilMs }),
        perFile,
      },
      binMs: this.#timeline.widthMs,
      alertsPerRuleMax: this.#sample.limit,
      fired: rules,
      hosts: this.#hosts.sorted(),
      hostsLeftOut: this.#hosts.leftOut,
      users: this.#users.sorted(),
      usersLeftOut: this.#users.leftOut,
      tacticNames: tacticNames(rules),
      techniqueNames: techniqueNames(rules),
      events,
    };
  }
}

/** Counts by name, of at most {@link namesMax} names; the alerts of others are counted together. */
class NameCounts {
  leftOut = 0;
  readonly #counts = new Map<string, number>();

  /** False when the name is not told apart from others. */
  add(name: string): boolean {
    const before = this.#counts.get(name);
    if (before === undefined && this.#counts.size >= namesMax) {
      this.leftOut++;
      return false;
    }
    this.#counts.set(name, (before ?? 0) + 1);
    return true;
  }

  sorted(): [string, number][] {
    return [...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  }
}

const cut = (text: string, maxChars: number): string => (text.length > maxChars ? text.slice(0, maxChars) : text);

/** Whether a Date can hold it. */
const isShowable = (timeMs: number): boolean => Math.abs(timeMs) <= 8.64e15;

const noUser = new Set(["", "-"]);

/** Who did it, by the first of the fields that say so in the records of Sysmon, Windows and Linux. */
function userOf(fields: Readonly<Record<string, string>>): string {
  const text = (name: string): string => {
    const value = Object.hasOwn(fields, name) ? (fields[name] ?? "") : "";
    return noUser.has(value) ? "" : cut(value, 256);
  };
  const direct = text("User") || text("SourceUser");
  if (direct !== "") return direct;
  for (const who of ["Subject", "Target"]) {
    const name = text(`${who}UserName`);
    if (name === "") continue;
    const domain = text(`${who}DomainName`);
    return domain === "" ? name : `${domain}\\${name}`;
  }
  return text("user.name");
}

function reportEvent(alert: AlertInput, host: string, user: string, isUndated: boolean): Sampled<ReportEvent> {
  const { timeMs, provider, code, fields, truncated } = alert.event;
  const shown: [string, string][] = [];
  const wasCut = new Set(truncated);
  let fieldsLeftOut = 0;
  let chars = 0;
  for (const name in fields) {
    const value = fields[name] ?? "";
    const room = Math.min(valueMaxChars, eventMaxChars - chars);
    if (shown.length >= eventFieldsMax || room <= 0) {
      fieldsLeftOut++;
      continue;
    }
    const label = cut(name, 256);
    if (value.length > room) wasCut.add(name);
    shown.push([label, cut(value, room)]);
    chars += label.length + Math.min(value.length, room);
  }
  const event: ReportEvent = {
    ...(isShowable(timeMs) ? { timeMs } : {}),
    ...(isUndated ? { undated: true as const } : {}),
    host,
    user,
    provider: cut(provider, 256),
    code: cut(code, 64),
    path: cut(alert.replay?.path ?? "", 4096),
    sequence: alert.replay?.sequence ?? 0,
    recordId: cut(alert.replay?.recordId ?? "", 64),
    fields: shown,
    cut: [...wasCut].slice(0, eventFieldsMax).map((name) => cut(name, 256)),
    fieldsLeftOut,
  };
  return { event, chars: JSON.stringify(event).length, uses: 0 };
}

function reportMatches(matches: readonly Match[]): Matches {
  const shown = matches.slice(0, matchesMax).map(({ selection, field, modifier, pattern, value }) => ({
    selection: cut(selection, 256),
    field: cut(field, 256),
    modifier: cut(modifier, 256),
    pattern: cut(pattern, matchMaxChars),
    value: cut(value, matchMaxChars),
  }));
  return { matches: shown, leftOut: matches.length - shown.length };
}

type RuleTexts = Omit<ReportRule, "count" | "hostCount" | "firstMs" | "lastMs" | "bins" | "alerts">;

function ruleTexts(info: RuleInfo): RuleTexts {
  const list = (texts: readonly string[]): string[] =>
    texts.slice(0, ruleListMax).map((text) => cut(text, ruleTextMaxChars));
  const threat = threatOf(info.tags);
  const children = threat?.technique?.subtechnique?.id ?? [];
  const parents = (threat?.technique?.id ?? []).filter((id) => !children.some((child) => child.startsWith(`${id}.`)));
  return {
    id: cut(info.id, 256),
    title: cut(info.title, 1024) || cut(info.id, 256),
    level: info.level,
    status: cut(info.status, 64),
    description: cut(info.description, ruleTextMaxChars),
    category: cut(info.category ?? "", 256),
    author: list(info.author),
    references: list(info.references),
    tags: list(info.tags),
    falsepositives: list(info.falsepositives),
    tactics: threat?.tactic?.id ?? [],
    techniques: [...parents, ...children].sort(),
  };
}

function tacticNames(rules: readonly ReportRule[]): [string, string][] {
  const used = new Set(rules.flatMap(({ tactics }) => tactics));
  const names = new Map<string, string>();
  // One id had several names over the versions of ATT&CK; which was meant is not in the id.
  for (const { id, name } of tactics.values()) {
    const before = names.get(id);
    if (used.has(id)) names.set(id, before === undefined ? name : `${before} / ${name}`);
  }
  for (const id of used) if (!names.has(id)) names.set(id, id);
  return [...names];
}

function techniqueNames(rules: readonly ReportRule[]): [string, string][] {
  const used = new Set(rules.flatMap(({ techniques }) => techniques));
  for (const id of [...used]) used.add(id.slice(0, 5));
  return [...used].sort().map((id) => [id, techniques.get(id) ?? id]);
}
