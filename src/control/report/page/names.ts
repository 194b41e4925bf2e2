// Hosts and users, most alerts first; choosing one filters.

import { foreign, formatCount, h, plural } from "./dom.ts";
import type { State } from "./state.ts";

const shownFirst = 10;

export function names(state: State): HTMLElement {
  const { hosts, hostsLeftOut, users, usersLeftOut } = state.data;
  return h(
    "div",
    { class: "two" },
    list(state, "Hosts", "host", hosts, hostsLeftOut),
    list(state, "Users", "user", users, usersLeftOut),
  );
}

function list(
  state: State,
  heading: string,
  key: "host" | "user",
  entries: readonly (readonly [string, number])[],
  leftOut: number,
): HTMLElement {
  const body = h("div", { class: "bars" });
  const section = h("section", { "aria-label": heading }, h("h2", {}, heading), body);
  const most = Math.max(1, ...entries.map(([, count]) => count));
  let shown = shownFirst;
  const draw = (): void => {
    const chosen = state.filter[key];
    body.replaceChildren(
      ...entries.slice(0, shown).map(([name, count]) => {
        const bar = h("span", { class: "bar" });
        bar.style.width = `${Math.max(1, (count / most) * 100)}%`;
        return h(
          "button",
          {
            type: "button",
            class: "bar-row",
            "aria-pressed": String(chosen === name),
            click: () => state.set({ [key]: chosen === name ? undefined : name }),
          },
          bar,
          h("span", { class: "bar-name" }, name === "" ? h("i", { class: "muted" }, "not said") : foreign(name)),
          h("span", { class: "number" }, formatCount(count)),
        );
      }),
    );
    if (entries.length > shown) {
      const more = (): void => {
        shown += 100;
        draw();
      };
      body.append(
        h(
          "button",
          { type: "button", class: "link", click: more },
          `${plural(entries.length - shown, "more", "more")} …`,
        ),
      );
    }
    if (leftOut > 0)
      body.append(h("p", { class: "muted small" }, `${plural(leftOut, "alert")} of further names are not listed.`));
  };
  state.listen(draw);
  return section;
}
