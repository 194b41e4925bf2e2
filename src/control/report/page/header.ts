// The top of the page: what was replayed, with what, how much came out of it; and the bar that filters all that is below.

import { type ReportLevel, reportLevels } from "../data.ts";
import { type Child, foreign, formatCount, formatSecond, formatTime, h, plural } from "./dom.ts";
import { everything, noTactic } from "./filter.ts";
import type { State } from "./state.ts";

export function header(state: State): HTMLElement {
  const { data } = state;
  const { counts, fired, hosts } = data;
  const times = fired.flatMap(({ firstMs, lastMs }) =>
    firstMs === undefined || lastMs === undefined ? [] : [firstMs, lastMs],
  );
  const first = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const last = times.reduce((most, time) => Math.max(most, time), Number.NEGATIVE_INFINITY);
  const tile = (value: Child, name: string): HTMLElement =>
    h("div", { class: "tile" }, h("div", { class: "tile-value" }, value), h("div", { class: "muted small" }, name));
  return h(
    "header",
    { class: "top" },
    h(
      "div",
      { class: "title-row" },
      h("h1", {}, "Replay report"),
      h("span", { class: "muted small" }, data.agent),
      themeButton(),
    ),
    h(
      "div",
      { class: "tiles" },
      tile(counts.alerts, counts.alerts === 1 ? "alert" : "alerts"),
      tile(fired.length, fired.length === 1 ? "rule fired" : "rules fired"),
      tile(hosts.filter(([name]) => name !== "").length, "hosts with alerts"),
      tile(counts.events, "events read"),
      times.length === 0
        ? undefined
        : tile(
            h("span", { class: "range" }, formatSecond(first), h("br"), formatSecond(last)),
            "first and last alert, UTC",
          ),
    ),
    about(state),
  );
}

function about({ data }: State): HTMLElement {
  const { inputs, inputsLeftOut, counts, rules, filter } = data;
  const filters = [
    filter.minLevel === "informational" ? "" : `alerts at or above ${filter.minLevel}`,
    filter.sinceMs === undefined ? "" : `events since ${formatTime(filter.sinceMs)} UTC`,
    filter.untilMs === undefined ? "" : `events before ${formatTime(filter.untilMs)} UTC`,
    filter.perFile ? "each file a stream of its own" : "",
  ].filter((part) => part !== "");
  return h(
    "details",
    { class: "about-run" },
    h(
      "summary",
      {},
      `${plural(counts.files, "input")}, ${plural(rules.active, "active rule")}`,
      counts.malformed > 0 ? `, ${plural(counts.malformed, "malformed record")}` : "",
      rules.rejected > 0 ? `, ${plural(rules.rejected, "rejected rule document")}` : "",
    ),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Rules"),
      h(
        "dd",
        {},
        `${formatCount(rules.active)} active, ${formatCount(rules.inert)} inert, ${formatCount(rules.rejected)} rejected; digest `,
        h("code", {}, rules.digest),
      ),
      h("dt", {}, "Filter"),
      h("dd", {}, filters.length === 0 ? "none" : filters.join("; ")),
      counts.alertsOfOtherRules > 0 ? h("dt", {}, "Left out") : undefined,
      counts.alertsOfOtherRules > 0
        ? h(
            "dd",
            {},
            `${plural(counts.alertsOfOtherRules, "alert")} of rules beyond the first ${formatCount(data.fired.length)}`,
          )
        : undefined,
    ),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "inputs" },
        h(
          "thead",
          {},
          h("tr", {}, ...["Input", "Events", "Malformed", "SHA-256"].map((name) => h("th", { scope: "col" }, name))),
        ),
        h(
          "tbody",
          {},
          ...inputs.map(({ path, events, malformed, digest }) =>
            h(
              "tr",
              {},
              h("td", {}, foreign(path)),
              h("td", { class: "number" }, events),
              h("td", { class: "number" }, malformed),
              h("td", {}, h("code", {}, digest === "" ? "not read to its end" : digest)),
            ),
          ),
        ),
      ),
    ),
    inputsLeftOut > 0 && h("p", { class: "note" }, `${plural(inputsLeftOut, "more input")} not listed.`),
  );
}

function themeButton(): HTMLElement {
  const isDark = (): boolean => {
    const { theme } = document.documentElement.dataset;
    return theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
  };
  const click = (): void => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  };
  return h("button", { type: "button", class: "theme", click, title: "Light or dark" }, "◐");
}

/** Stays at the top while the page scrolls. */
export function filterBar(state: State): HTMLElement {
  const { data } = state;
  const alertsOf = (level: ReportLevel): number =>
    data.fired.reduce((total, rule) => (rule.level === level ? total + rule.count : total), 0);
  const levels = h("div", { class: "levels", role: "group", "aria-label": "Levels" });
  const chips = h("div", { class: "chips" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Search rules and events",
    "aria-label": "Search rules and events",
    input: () => {
      clearTimeout(timer);
      timer = setTimeout(() => state.set({ text: search.value }), 150);
    },
  });
  const names = new Map([...data.tacticNames, ...data.techniqueNames, [noTactic, "no tactic named"]]);
  state.listen(() => {
    const { withoutLevels, window, tactic, technique, host, user, text } = state.filter;
    levels.replaceChildren(
      ...[...reportLevels].reverse().flatMap((level) => {
        const count = alertsOf(level);
        if (count === 0) return [];
        const isOn = !withoutLevels.has(level);
        const click = (): void => {
          const next = new Set(withoutLevels);
          if (isOn) next.add(level);
          else next.delete(level);
          state.set({ withoutLevels: next });
        };
        return [
          h(
            "button",
            { type: "button", class: "level-toggle", "aria-pressed": String(isOn), click },
            h("span", { class: `dot fill-${level}` }),
            `${level} `,
            h("b", {}, formatCount(count)),
          ),
        ];
      }),
    );
    const chip = (name: string, value: string, clear: () => void): HTMLElement =>
      h(
        "button",
        { type: "button", class: "chip", title: "Take this filter away", click: clear },
        `${name}: `,
        foreign(value === "" ? "not said" : value),
        " ✕",
      );
    const all: HTMLElement[] = [];
    if (window !== undefined)
      all.push(
        chip("time", `${formatSecond(window.fromMs)} – ${formatSecond(window.toMs)}`, () =>
          state.set({ window: undefined }),
        ),
      );
    const title = (id: string): string => (id === noTactic ? "no tactic named" : `${id} ${names.get(id) ?? ""}`);
    if (tactic !== undefined && technique === undefined)
      all.push(chip("tactic", title(tactic), () => state.set({ tactic: undefined })));
    if (technique !== undefined)
      all.push(chip("technique", title(technique), () => state.set({ technique: undefined, tactic: undefined })));
    if (host !== undefined) all.push(chip("host", host, () => state.set({ host: undefined })));
    if (user !== undefined) all.push(chip("user", user, () => state.set({ user: undefined })));
    const reset = (): void => {
      search.value = "";
      state.set({
        window: undefined,
        tactic: undefined,
        technique: undefined,
        host: undefined,
        user: undefined,
        ...everything,
      });
    };
    const isFiltered = all.length > 0 || text !== "" || withoutLevels.size > 0;
    if (isFiltered) all.push(h("button", { type: "button", class: "link", click: reset }, "Reset"));
    chips.replaceChildren(...all);
  });
  const jump = (name: string): HTMLElement => {
    const click = (): void => document.querySelector(`section[aria-label="${name}"]`)?.scrollIntoView();
    return h("button", { type: "button", class: "link small", click }, name);
  };
  const parts = ["Timeline", "Rules", "ATT&CK", "Hosts", "Users"];
  return h("div", { class: "filter-bar" }, search, levels, chips, h("nav", { class: "jumps" }, ...parts.map(jump)));
}
