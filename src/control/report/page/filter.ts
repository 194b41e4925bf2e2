// What of the report is shown: the filter, and what each rule has left under it. Level, time, tactic, technique and rules found by their own
// words are counted over all alerts; host, user and words in events only over the alerts that were kept, which the page says.

import type { ReportAlert, ReportData, ReportEvent, ReportLevel, ReportRule } from "../data.ts";

export interface Filter {
  /** Levels that are switched off. */
  readonly withoutLevels: ReadonlySet<ReportLevel>;
  /** A window, `to` excluded; on the edges of stretches. */
  readonly window?: { readonly fromMs: number; readonly toMs: number };
  readonly tactic?: string;
  readonly technique?: string;
  readonly host?: string;
  readonly user?: string;
  readonly text: string;
}

export const everything: Filter = { withoutLevels: new Set(), text: "" };

/** A rule under a filter. */
export interface RuleView {
  readonly rule: ReportRule;
  /** Alerts that pass; of those that were kept when {@link isExact} is false. */
  readonly count: number;
  readonly isExact: boolean;
  readonly alerts: readonly ReportAlert[];
  /** Stretches of the timeline and alerts in them, in the window or not. */
  readonly bins: readonly (readonly [number, number])[];
}

export class Views {
  readonly #data: ReportData;
  readonly #eventTexts: (string | undefined)[] = [];
  readonly #ruleTexts = new Map<ReportRule, string>();

  constructor(data: ReportData) {
    this.#data = data;
  }

  /** The rules that have anything left. Linear in kept alerts. */
  under(filter: Filter): RuleView[] {
    const views: RuleView[] = [];
    const words = filter.text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    for (const rule of this.#data.fired) {
      if (filter.withoutLevels.has(rule.level)) continue;
      if (filter.tactic === noTactic ? rule.tactics.length > 0 : !hasOr(rule.tactics, filter.tactic)) continue;
      if (!hasOr(rule.techniques, filter.technique)) continue;
      const rest = words.filter((word) => !this.#textOfRule(rule).includes(word));
      const isExact = rest.length === 0 && filter.host === undefined && filter.user === undefined;
      const passing = isExact ? rule.alerts : rule.alerts.filter((alert) => this.#passes(alert, filter, rest));
      if (passing.length === 0 && !isExact) continue;
      const bins = isExact ? rule.bins : this.#binsOf(passing);
      const { window } = filter;
      const alerts =
        window === undefined ? passing : passing.filter(({ event }) => isIn(this.#data.events[event], window));
      const { binMs } = this.#data;
      const count =
        window !== undefined && isExact
          ? bins.reduce(
              (sum, [bin, n]) => (bin * binMs >= window.fromMs && bin * binMs < window.toMs ? sum + n : sum),
              0,
            )
          : isExact
            ? rule.count
            : alerts.length;
      views.push({ rule, count, isExact, alerts, bins });
    }
    return views;
  }

  #passes({ event: index }: ReportAlert, { host, user }: Filter, words: readonly string[]): boolean {
    const event = this.#data.events[index];
    if (event === undefined) return false;
    if (host !== undefined && event.host !== host) return false;
    if (user !== undefined && event.user !== user) return false;
    return words.length === 0 || words.every((word) => this.#textOfEvent(index, event).includes(word));
  }

  #binsOf(alerts: readonly ReportAlert[]): [number, number][] {
    const bins = new Map<number, number>();
    for (const { event } of alerts) {
      const { timeMs, undated } = this.#data.events[event] ?? {};
      if (timeMs === undefined || undated === true) continue;
      const bin = Math.floor(timeMs / this.#data.binMs);
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
    }
    return [...bins];
  }

  #textOfEvent(index: number, { host, user, provider, code, path, fields }: ReportEvent): string {
    let text = this.#eventTexts[index];
    if (text === undefined) {
      text = [host, user, provider, code, path, ...fields.flat()].join("\n").toLowerCase();
      this.#eventTexts[index] = text;
    }
    return text;
  }

  #textOfRule(rule: ReportRule): string {
    let text = this.#ruleTexts.get(rule);
    if (text === undefined) {
      const { id, title, description, tags, category, author } = rule;
      text = [id, title, description, category, ...tags, ...author].join("\n").toLowerCase();
      this.#ruleTexts.set(rule, text);
    }
    return text;
  }
}

/** The column of the matrix for rules whose tags name no tactic. */
export const noTactic = "-";

const hasOr = (list: readonly string[], wanted: string | undefined): boolean =>
  wanted === undefined || list.some((id) => id === wanted || id.startsWith(`${wanted}.`));

function isIn(event: ReportEvent | undefined, { fromMs, toMs }: { fromMs: number; toMs: number }): boolean {
  if (event?.timeMs === undefined || event.undated === true) return false;
  return event.timeMs >= fromMs && event.timeMs < toMs;
}
