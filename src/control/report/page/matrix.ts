// What fired of ATT&CK: a column for each tactic that rules name, a cell for each technique. A rule's tags name tactics and techniques side by side,
// so a technique stands under each tactic that a rule with it names.

import { foreign, formatCount, h, plural } from "./dom.ts";
import { noTactic } from "./filter.ts";
import type { State } from "./state.ts";

interface Cell {
  alerts: number;
  rules: number;
}

export function matrix(state: State): HTMLElement {
  const { tacticNames, techniqueNames } = state.data;
  const names = new Map(techniqueNames);
  const grid = h("div", { class: "matrix" });
  const note = h("p", { class: "muted small" });
  const section = h("section", { "aria-label": "ATT&CK" }, h("h2", {}, "ATT&CK"), grid, note);
  state.listen(() => {
    const columns = new Map<string, Map<string, Cell>>();
    let untagged = 0;
    for (const { rule, count } of state.views) {
      if (count === 0) continue;
      if (rule.techniques.length === 0 && rule.tactics.length === 0) untagged++;
      for (const tactic of rule.tactics.length === 0 && rule.techniques.length > 0 ? [noTactic] : rule.tactics) {
        const cells = columns.get(tactic) ?? new Map<string, Cell>();
        columns.set(tactic, cells);
        for (const technique of rule.techniques.length === 0 ? [""] : rule.techniques) {
          const cell = cells.get(technique) ?? { alerts: 0, rules: 0 };
          cells.set(technique, cell);
          cell.alerts += count;
          cell.rules++;
        }
      }
    }
    const most = Math.max(
      1,
      ...[...columns.values()].flatMap((cells) => [...cells.values()].map(({ alerts }) => alerts)),
    );
    const order = [...tacticNames, [noTactic, "No tactic named"] as const].filter(([id]) => columns.has(id));
    grid.replaceChildren(
      ...order.map(([id, name]) => {
        const cells = [...columns.get(id)!].sort(([, a], [, b]) => b.alerts - a.alerts);
        const isChosen = state.filter.tactic === id && state.filter.technique === undefined;
        return h(
          "div",
          { class: "tactic" },
          h(
            "button",
            {
              type: "button",
              class: "tactic-name",
              "aria-pressed": String(isChosen),
              click: () => state.set({ tactic: isChosen ? undefined : id, technique: undefined }),
            },
            h("span", {}, name),
            h("span", { class: "muted small" }, id === noTactic ? "" : id),
          ),
          ...cells.map(([technique, cell]) => techniqueCell(state, id, technique, names, cell, most)),
        );
      }),
    );
    if (order.length === 0) grid.append(h("p", { class: "muted" }, "No rule that fired names a tactic or technique."));
    const bare =
      untagged === 0 ? "" : ` ${plural(untagged, "rule")} that fired ${untagged === 1 ? "has" : "have"} no ATT&CK tag.`;
    note.textContent = `Tags do not say which technique belongs to which tactic: one stands under every tactic of its rules.${bare}`;
  });
  return section;
}

function techniqueCell(
  state: State,
  tactic: string,
  technique: string,
  names: ReadonlyMap<string, string>,
  { alerts, rules }: Cell,
  most: number,
): HTMLElement {
  const isChosen = state.filter.tactic === tactic && state.filter.technique === technique && technique !== "";
  const parent = technique.includes(".") ? (names.get(technique.slice(0, 5)) ?? "") : "";
  const name = technique === "" ? "no technique named" : (names.get(technique) ?? technique);
  // Four steps of heat by order of magnitude: counts of alerts span several.
  const heat = 1 + Math.min(3, Math.floor((4 * Math.log1p(alerts)) / Math.log1p(most + 1)));
  return h(
    "button",
    {
      type: "button",
      class: `technique heat-${heat}`,
      "aria-pressed": String(isChosen),
      title: `${parent === "" ? "" : `${parent}: `}${name}\n${plural(alerts, "alert")} of ${plural(rules, "rule")}`,
      disabled: technique === "",
      click: () => state.set(isChosen ? { tactic: undefined, technique: undefined } : { tactic, technique }),
    },
    h(
      "span",
      { class: "technique-name" },
      parent === "" ? "" : h("span", { class: "parent small" }, foreign(parent)),
      foreign(name),
    ),
    h("span", { class: "technique-foot small" }, h("span", {}, technique), h("b", {}, formatCount(alerts))),
  );
}
