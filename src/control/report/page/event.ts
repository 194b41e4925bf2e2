// One alert in full, in a drawer: what matched, the process and its parent, what else is known of them in this report, all fields.

import type { ReportAlert, ReportData, ReportEvent, ReportMatch, ReportRule } from "../data.ts";
import { appendForeign, type Child, foreign, formatSecond, formatTime, h, plural } from "./dom.ts";
import { highlight } from "./highlight.ts";
import { badge } from "./rules.ts";

/** Fields that say in one line what happened, the first that is there wins. */
const telling = [
  "CommandLine",
  "ScriptBlockText",
  "TargetObject",
  "TargetFilename",
  "ImageLoaded",
  "QueryName",
  "PipeName",
  "DestinationHostname",
  "DestinationIp",
  "TargetImage",
  "ServiceFileName",
  "ImagePath",
  "ServiceName",
  "TaskName",
  "ObjectName",
  "Payload",
  "HostApplication",
  "ThreatName",
  "Image",
];

const fieldOf = (event: ReportEvent, name: string): string => event.fields.find(([field]) => field === name)?.[1] ?? "";

/** One line about an event. */
export function summaryOf(event: ReportEvent, alert?: ReportAlert): string {
  const shorten = (text: string): string => (text.length > 240 ? `${text.slice(0, 240)} …` : text);
  for (const name of telling) {
    const value = fieldOf(event, name).trim();
    if (value !== "" && value !== "-") return shorten(value.replaceAll(/\s+/g, " "));
  }
  const matched = alert?.matches.find(({ value }) => value !== "")?.value ?? event.fields[0]?.[1] ?? "";
  return shorten(matched.replaceAll(/\s+/g, " "));
}

interface Sighting {
  readonly rule: ReportRule;
  readonly alert: ReportAlert;
}

export class EventPanel {
  readonly element: HTMLDialogElement = h("dialog", { class: "drawer", "aria-label": "Alert" });
  readonly #data: ReportData;
  readonly #byEvent = new Map<number, Sighting[]>();
  /** By host and process GUID: alerts of the process, and of those that it started. */
  readonly #byProcess = new Map<string, number[]>();
  readonly #byParent = new Map<string, number[]>();

  constructor(data: ReportData) {
    this.#data = data;
    for (const rule of data.fired) for (const alert of rule.alerts) push(this.#byEvent, alert.event, { rule, alert });
    for (const [index, event] of data.events.entries()) {
      const own = guid(event, "ProcessGuid");
      const parent = guid(event, "ParentProcessGuid");
      if (own !== undefined) push(this.#byProcess, own, index);
      if (parent !== undefined) push(this.#byParent, parent, index);
    }
    this.element.addEventListener("click", (event) => {
      // Beside the drawer.
      if (event.target === this.element) this.element.close();
    });
  }

  /** Opens the drawer; `among` is what its arrows go through. */
  show(rule: ReportRule, alert: ReportAlert, among: readonly ReportAlert[]): void {
    const event = this.#data.events[alert.event]!;
    const at = among.indexOf(alert);
    const go = (to: number) => (): void => {
      const next = among[to];
      if (next !== undefined) this.show(rule, next, among);
    };
    this.element.replaceChildren(
      h(
        "div",
        { class: "drawer-inner" },
        h(
          "header",
          { class: "drawer-head" },
          h("div", {}, badge(rule), " ", h("strong", {}, foreign(rule.title))),
          h(
            "div",
            { class: "drawer-buttons" },
            h("button", { type: "button", disabled: at <= 0, click: go(at - 1), "aria-label": "Alert before" }, "‹"),
            h("span", { class: "small muted" }, `${at + 1} of ${among.length}`),
            h(
              "button",
              { type: "button", disabled: at + 1 >= among.length, click: go(at + 1), "aria-label": "Next alert" },
              "›",
            ),
            h("button", { type: "button", click: () => this.element.close(), "aria-label": "Close" }, "✕"),
          ),
        ),
        facts(event),
        matchesTable(alert),
        this.#lineage(event),
        this.#others(rule, alert),
        fieldsTable(event, alert),
      ),
    );
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
  }

  /** Grandparents are not in a record; a parent's own alerts may be in the report, and then lead further up. */
  #lineage(event: ReportEvent): Child {
    const image = fieldOf(event, "Image");
    if (image === "") return undefined;
    const parentImage = fieldOf(event, "ParentImage");
    const parent = guid(event, "ParentProcessGuid");
    const own = guid(event, "ProcessGuid");
    const children = own === undefined ? [] : (this.#byParent.get(own) ?? []);
    return h(
      "section",
      {},
      h("h3", {}, "Process"),
      h(
        "div",
        { class: "tree" },
        parentImage === ""
          ? undefined
          : node(
              "parent",
              parentImage,
              fieldOf(event, "ParentCommandLine"),
              fieldOf(event, "ParentProcessId"),
              fieldOf(event, "ParentUser"),
              this.#links(
                parent === undefined ? [] : (this.#byProcess.get(parent) ?? []),
                "alert of the parent",
                "alerts of the parent",
              ),
            ),
        node(
          "process",
          image,
          fieldOf(event, "CommandLine"),
          fieldOf(event, "ProcessId"),
          event.user,
          this.#links(
            (own === undefined ? [] : (this.#byProcess.get(own) ?? [])).filter((at) => this.#data.events[at] !== event),
            "more alert of this process",
            "more alerts of this process",
          ),
        ),
        this.#links(children, "alert of a process that it started", "alerts of processes that it started"),
      ),
    );
  }

  /** Events as links, the first few. */
  #links(events: readonly number[], one: string, many: string): Child {
    if (events.length === 0) return undefined;
    return h(
      "details",
      { class: "links small" },
      h("summary", {}, plural(events.length, one, many)),
      h(
        "ul",
        {},
        ...events.slice(0, 20).flatMap((at) => (this.#byEvent.get(at) ?? []).map((sighting) => this.#link(sighting))),
      ),
    );
  }

  #link({ rule, alert }: Sighting): HTMLElement {
    const event = this.#data.events[alert.event]!;
    return h(
      "li",
      {},
      badge(rule),
      " ",
      h(
        "button",
        { type: "button", class: "link", click: () => this.show(rule, alert, rule.alerts) },
        foreign(rule.title),
      ),
      " ",
      h("span", { class: "muted" }, formatSecond(event.timeMs), " ", foreign(summaryOf(event, alert))),
    );
  }

  #others(rule: ReportRule, alert: ReportAlert): Child {
    const others = (this.#byEvent.get(alert.event) ?? []).filter((sighting) => sighting.rule !== rule);
    if (others.length === 0) return undefined;
    return h(
      "section",
      {},
      h("h3", {}, "The same event also matched"),
      h("ul", { class: "links small" }, ...others.map((it) => this.#link(it))),
    );
  }
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function guid(event: ReportEvent, field: string): string | undefined {
  const value = fieldOf(event, field).replaceAll(/[{}]/g, "").toLowerCase();
  return value === "" || /^[0-]*$/.test(value) ? undefined : `${event.host}\n${value}`;
}

function node(kind: string, image: string, commandLine: string, pid: string, user: string, links: Child): HTMLElement {
  return h(
    "div",
    { class: `node ${kind}` },
    h(
      "div",
      {},
      h("code", {}, foreign(image)),
      h("span", { class: "muted small" }, pid === "" ? "" : ` id ${pid}`, user === "" ? "" : " as ", foreign(user)),
    ),
    commandLine === "" ? undefined : h("div", { class: "command" }, h("code", {}, foreign(commandLine))),
    links,
  );
}

function facts(event: ReportEvent): HTMLElement {
  const source = [event.provider, event.code === "" ? "" : `event ${event.code}`]
    .filter((part) => part !== "")
    .join(", ");
  const record = event.recordId === "" ? "" : `, record id ${event.recordId}`;
  const pairs: readonly (readonly [string, string])[] = [
    [
      "Time",
      `${formatTime(event.timeMs)}${event.timeMs === undefined ? "" : " UTC"}${event.undated === true ? " (of the record before)" : ""}`,
    ],
    ["Host", event.host],
    ["User", event.user],
    ["Source", source],
    ["Found in", `${event.path}, event ${event.sequence}${record}`],
  ];
  return h(
    "dl",
    { class: "facts" },
    ...pairs
      .filter(([, value]) => value !== "")
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, foreign(value))]),
  );
}

function matchesTable({ matches, matchesLeftOut }: ReportAlert): Child {
  if (matches.length === 0) return undefined;
  return h(
    "section",
    {},
    h("h3", {}, "What matched"),
    h(
      "table",
      { class: "matches" },
      h(
        "thead",
        {},
        h("tr", {}, ...["Selection", "Field", "Pattern", "Value"].map((name) => h("th", { scope: "col" }, name))),
      ),
      h(
        "tbody",
        {},
        ...matches.map((match) =>
          h(
            "tr",
            {},
            h("td", {}, foreign(match.selection)),
            h(
              "td",
              {},
              match.field === "" ? h("i", { class: "muted" }, "any") : foreign(match.field),
              match.modifier === "" ? "" : h("span", { class: "muted" }, `|${match.modifier}`),
            ),
            h("td", {}, h("code", {}, foreign(match.pattern))),
            h("td", {}, marked(match.value, [match])),
          ),
        ),
      ),
    ),
    matchesLeftOut > 0 &&
      h("p", { class: "note" }, `${plural(matchesLeftOut, "more match", "more matches")} left out.`),
  );
}

function fieldsTable(event: ReportEvent, { matches }: ReportAlert): HTMLElement {
  const cut = new Set(event.cut);
  return h(
    "section",
    {},
    h("h3", {}, "Fields"),
    h(
      "table",
      { class: "fields" },
      h(
        "tbody",
        {},
        ...event.fields.map(([name, value]) => {
          const own = matches.filter(
            ({ field, value: matched }) => field === name || (field === "" && value.includes(matched)),
          );
          return h(
            "tr",
            { class: own.length > 0 && "matched" },
            h("th", { scope: "row" }, foreign(name)),
            h("td", {}, marked(value, own), cut.has(name) && h("span", { class: "muted" }, " … cut")),
          );
        }),
      ),
    ),
    event.fieldsLeftOut > 0 && h("p", { class: "note" }, `${plural(event.fieldsLeftOut, "more field")} left out.`),
  );
}

function marked(value: string, matches: readonly ReportMatch[]): HTMLElement {
  const element = h("bdi", { class: "value" });
  for (const { text, isMatch } of highlight(value, matches)) {
    if (!isMatch) {
      appendForeign(element, text);
      continue;
    }
    const mark = h("mark");
    appendForeign(mark, text);
    element.append(mark);
  }
  return element;
}
