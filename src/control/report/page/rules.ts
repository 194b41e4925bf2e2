// The rules that fired: sortable, each opening to what it says and to the alerts that were kept.

import { type ReportAlert, type ReportRule, reportLevels } from "../data.ts";
import { foreign, formatCount, formatSecond, h, plural } from "./dom.ts";
import { type EventPanel, summaryOf } from "./event.ts";
import type { RuleView } from "./filter.ts";
import type { State } from "./state.ts";

interface Column {
  readonly name: string;
  readonly isNumber?: true;
  readonly value: (view: RuleView) => number | string;
}

const columns: readonly Column[] = [
  { name: "Level", value: ({ rule }) => reportLevels.indexOf(rule.level) },
  { name: "Rule", value: ({ rule }) => rule.title.toLowerCase() },
  { name: "Alerts", isNumber: true, value: ({ count }) => count },
  { name: "Hosts", isNumber: true, value: ({ rule }) => rule.hostCount },
  { name: "First", value: ({ rule }) => rule.firstMs ?? Number.POSITIVE_INFINITY },
  { name: "Last", value: ({ rule }) => rule.lastMs ?? Number.POSITIVE_INFINITY },
];

/** Rows that are drawn at first, so that what is below is not far away; and with each click. */
const rowsFirst = 25;
const rowsStep = 200;

export function rules(state: State, panel: EventPanel): HTMLElement {
  let sortBy = 0;
  let isDescending = true;
  let shown = rowsFirst;
  const open = new Set<ReportRule>();
  const head = h("tr");
  const body = h("tbody");
  const count = h("span", { class: "muted" });
  const more = h("div");
  const note = h("p", { class: "muted small" });

  const draw = (): void => {
    head.replaceChildren(
      ...columns.map(({ name, isNumber }, at) => {
        const sort = at !== sortBy ? "none" : isDescending ? "descending" : "ascending";
        const choose = (): void => {
          isDescending = at === sortBy ? !isDescending : name !== "Rule" && name !== "First";
          sortBy = at;
          draw();
        };
        const arrow = at !== sortBy ? "" : isDescending ? " ▾" : " ▴";
        return h(
          "th",
          { scope: "col", "aria-sort": sort, class: isNumber === true && "number" },
          h("button", { type: "button", class: "sort", click: choose }, name + arrow),
        );
      }),
    );
    const { value } = columns[sortBy]!;
    const views = state.views.filter((view) => view.count > 0);
    views.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = x < y ? -1 : x > y ? 1 : 0;
      return (isDescending ? -order : order) || b.count - a.count;
    });
    count.textContent = ` ${plural(views.length, "rule")}, ${plural(
      views.reduce((total, view) => total + view.count, 0),
      "alert",
    )}`;
    const isSampled = views.some(({ isExact }) => !isExact);
    note.textContent = isSampled
      ? "Hosts, users and words in events are looked for in the alerts that this report keeps; counts marked ≥ are of these."
      : "";
    body.replaceChildren(...views.slice(0, shown).flatMap((view) => rows(state, panel, view, open, draw)));
    more.replaceChildren();
    if (views.length > shown) {
      const click = (): void => {
        shown += rowsStep;
        draw();
      };
      more.append(
        h("button", { type: "button", class: "link", click }, `${formatCount(views.length - shown)} more rules …`),
      );
    }
    if (views.length === 0)
      body.append(h("tr", {}, h("td", { colspan: 6, class: "muted" }, "Nothing passes the filter.")));
  };
  state.listen(draw);
  return h(
    "section",
    { "aria-label": "Rules" },
    h("h2", {}, "Rules", count),
    h("div", { class: "scroll" }, h("table", { class: "rules" }, h("thead", {}, head), body)),
    more,
    note,
  );
}

function rows(state: State, panel: EventPanel, view: RuleView, open: Set<ReportRule>, draw: () => void): HTMLElement[] {
  const { rule } = view;
  const isOpen = open.has(rule);
  const toggle = (): void => {
    if (isOpen) open.delete(rule);
    else open.add(rule);
    draw();
  };
  const row = h(
    "tr",
    { class: `rule${isOpen ? " open" : ""}`, "data-rule": rule.id },
    h("td", {}, badge(rule)),
    h(
      "td",
      {},
      h(
        "button",
        { type: "button", class: "title", "aria-expanded": String(isOpen), click: toggle },
        isOpen ? "▾ " : "▸ ",
        foreign(rule.title),
      ),
      h("span", { class: "techniques small muted" }, rule.techniques.join(" ")),
    ),
    h(
      "td",
      { class: "number" },
      view.isExact || rule.alerts.length === rule.count ? "" : "≥ ",
      formatCount(view.count),
    ),
    h("td", { class: "number" }, formatCount(rule.hostCount)),
    h("td", { class: "time" }, formatSecond(rule.firstMs)),
    h("td", { class: "time" }, formatSecond(rule.lastMs)),
  );
  if (!isOpen) return [row];
  return [row, h("tr", { class: "detail" }, h("td", { colspan: 6 }, about(rule), alerts(state, panel, view)))];
}

export const badge = ({ level }: Pick<ReportRule, "level">): HTMLElement =>
  h("span", { class: `badge level-${level}` }, level === "informational" ? "info" : level);

function about(rule: ReportRule): HTMLElement {
  const pair = (name: string, values: readonly (Node | string)[]): HTMLElement[] =>
    values.length === 0 ? [] : [h("dt", {}, name), h("dd", {}, ...values.flatMap((value) => [h("div", {}, value)]))];
  return h(
    "div",
    { class: "about" },
    rule.description === "" ? undefined : h("p", { class: "description" }, foreign(rule.description)),
    h(
      "dl",
      {},
      ...pair("Id", [foreign(rule.id)]),
      ...pair("Status", rule.status === "" ? [] : [foreign(rule.status)]),
      ...pair("Author", rule.author.map(foreign)),
      ...pair("Tags", rule.tags.length === 0 ? [] : [foreign(rule.tags.join(", "))]),
      ...pair("False positives", rule.falsepositives.map(foreign)),
      ...pair("References", rule.references.map(reference)),
    ),
  );
}

/** Only what is plainly a page of the web becomes a link; following it is the reader's choice. */
function reference(text: string): HTMLElement {
  if (!/^https?:\/\/[^\s]+$/i.test(text)) return foreign(text);
  return h("a", { href: text, rel: "noopener noreferrer", target: "_blank" }, foreign(text));
}

function alerts(state: State, panel: EventPanel, view: RuleView): HTMLElement {
  const { rule } = view;
  const { events } = state.data;
  const leftOut = rule.count - rule.alerts.length;
  const show = (alert: ReportAlert): void => panel.show(rule, alert, view.alerts);
  return h(
    "div",
    {},
    leftOut > 0 &&
      h(
        "p",
        { class: "note" },
        rule.alerts.length === 0
          ? `None of the ${formatCount(rule.count)} alerts is kept here: the report is full.`
          : `${formatCount(rule.alerts.length)} of ${formatCount(rule.count)} alerts are kept, evenly spread; ${formatCount(leftOut)} are left out.`,
      ),
    view.alerts.length > 0 &&
      h(
        "table",
        { class: "alerts" },
        h(
          "thead",
          {},
          h("tr", {}, ...["Time (UTC)", "Host", "User", "Event"].map((name) => h("th", { scope: "col" }, name))),
        ),
        h(
          "tbody",
          {},
          ...view.alerts.map((alert) => {
            const event = events[alert.event]!;
            return h(
              "tr",
              { class: "alert", click: () => show(alert) },
              h("td", { class: "time" }, h("button", { type: "button", class: "link" }, formatTimeOf(event))),
              h("td", {}, foreign(event.host)),
              h("td", {}, foreign(event.user)),
              h("td", { class: "summary" }, foreign(summaryOf(event, alert))),
            );
          }),
        ),
      ),
  );
}

const formatTimeOf = (event: { readonly timeMs?: number; readonly undated?: true }): string =>
  event.undated === true ? "no time" : formatSecond(event.timeMs);
