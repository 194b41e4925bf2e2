// Alerts over time, stacked by level. Dragging chooses a window, which is also what is drawn from then on.

import { type ReportLevel, reportLevels } from "../data.ts";
import { formatCount, formatSecond, formatSpan, h, plural, svg } from "./dom.ts";
import type { State } from "./state.ts";

const width = 1200;
const height = 150;
const bottom = 22;
const columnsMax = 150;

interface Column {
  readonly fromMs: number;
  readonly toMs: number;
  readonly byLevel: Map<ReportLevel, number>;
}

export function timeline(state: State): HTMLElement {
  const { binMs, fired, counts } = state.data;
  const bins = fired.flatMap((rule) => rule.bins.map(([bin]) => bin));
  const firstBin = bins.reduce((least, bin) => Math.min(least, bin), Number.POSITIVE_INFINITY);
  const lastBin = bins.reduce((most, bin) => Math.max(most, bin), Number.NEGATIVE_INFINITY);
  const chart = h("div", { class: "chart" });
  const caption = h("p", { class: "muted small" });
  const section = h("section", { "aria-label": "Timeline" }, h("h2", {}, "Timeline"), chart, caption);
  if (bins.length === 0) {
    chart.append(h("p", { class: "muted" }, "No alert has a time."));
    return section;
  }

  state.listen(() => {
    const window = state.filter.window ?? { fromMs: firstBin * binMs, toMs: (lastBin + 1) * binMs };
    const columns = columnsOf(state, window.fromMs, window.toMs);
    const most = columns.reduce((max, { byLevel }) => Math.max(max, sum(byLevel)), 0);
    const span = window.toMs - window.fromMs;
    const x = (timeMs: number): number => ((timeMs - window.fromMs) / span) * width;
    const plot = height - bottom;
    const drawing = svg("svg", {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${plural(
        columns.reduce((total, { byLevel }) => total + sum(byLevel), 0),
        "alert",
      )} from ${formatSecond(window.fromMs)} to ${formatSecond(window.toMs)} UTC`,
    });
    drawing.append(svg("line", { class: "axis", x1: 0, x2: width, y1: plot + 0.5, y2: plot + 0.5 }));
    for (const { fromMs, toMs, byLevel } of columns) {
      const left = x(fromMs);
      const gap = Math.max(1, (x(toMs) - left) * 0.9);
      let y = plot;
      const group = svg("g");
      const lines = [`${formatSecond(fromMs)} – ${formatSecond(toMs)} UTC`];
      for (const level of reportLevels) {
        const count = byLevel.get(level) ?? 0;
        if (count === 0) continue;
        // A single critical alert must not vanish beside a thousand others.
        const tall = Math.max(3, (count / most) * (plot - 14));
        y -= tall;
        group.append(svg("rect", { class: `fill-${level}`, x: left, y, width: gap, height: tall }));
        lines.push(`${level}: ${formatCount(count)}`);
      }
      group.prepend(svg("title", {}, lines.join("\n")));
      drawing.append(group);
    }
    const brush = svg("rect", { class: "brush", x: 0, y: 0, width: 0, height: plot });
    drawing.append(brush);
    const labels = h("div", { class: "ticks small muted" });
    for (let tick = 0; tick <= 4; tick++) {
      const timeMs = window.fromMs + (span * tick) / 4;
      labels.append(h("span", {}, tickLabel(timeMs, span)));
    }
    chart.replaceChildren(h("span", { class: "most small muted" }, `${formatCount(most)} max`), drawing, labels);
    listenToBrush(drawing, brush, (from, to) => {
      const fromMs = Math.floor((window.fromMs + from * span) / binMs) * binMs;
      const toMs = Math.ceil((window.fromMs + to * span) / binMs) * binMs;
      if (toMs > fromMs) state.set({ window: { fromMs, toMs } });
    });
    const step = columns[0] === undefined ? binMs : columns[0].toMs - columns[0].fromMs;
    caption.replaceChildren(
      `One bar is ${formatSpan(step)}. Drag to choose a window. Times are UTC.`,
      counts.undated > 0 ? ` ${plural(counts.undated, "alert")} without a time of their own are not shown.` : "",
    );
    if (state.filter.window !== undefined) {
      const wider = (): void => {
        const fromMs = Math.max(firstBin * binMs, Math.floor((window.fromMs - span / 2) / binMs) * binMs);
        const toMs = Math.min((lastBin + 1) * binMs, Math.ceil((window.toMs + span / 2) / binMs) * binMs);
        const isAll = fromMs <= firstBin * binMs && toMs >= (lastBin + 1) * binMs;
        state.set({ window: isAll ? undefined : { fromMs, toMs } });
      };
      caption.append(
        " ",
        h("button", { type: "button", class: "link", click: wider }, "Wider"),
        " ",
        h("button", { type: "button", class: "link", click: () => state.set({ window: undefined }) }, "Show all"),
      );
    }
  });
  return section;
}

const sum = (byLevel: ReadonlyMap<ReportLevel, number>): number => [...byLevel.values()].reduce((a, b) => a + b, 0);

/** Columns that have an alert. */
function columnsOf(state: State, fromMs: number, toMs: number): Column[] {
  const { binMs } = state.data;
  const step = Math.max(1, Math.ceil((toMs - fromMs) / binMs / columnsMax)) * binMs;
  const columns = new Map<number, Column>();
  for (const { rule, bins } of state.views) {
    for (const [bin, count] of bins) {
      const timeMs = bin * binMs;
      if (timeMs < fromMs || timeMs >= toMs) continue;
      const at = Math.floor((timeMs - fromMs) / step);
      let column = columns.get(at);
      if (column === undefined) {
        column = { fromMs: fromMs + at * step, toMs: fromMs + (at + 1) * step, byLevel: new Map() };
        columns.set(at, column);
      }
      column.byLevel.set(rule.level, (column.byLevel.get(rule.level) ?? 0) + count);
    }
  }
  return [...columns.values()].sort((a, b) => a.fromMs - b.fromMs);
}

function tickLabel(timeMs: number, span: number): string {
  const text = formatSecond(timeMs);
  if (span > 40 * 86_400_000) return text.slice(0, -9);
  if (span > 86_400_000) return text.slice(0, -3);
  return text.slice(-8);
}

/** Tells the chosen part, both ends from 0 to 1. */
function listenToBrush(
  drawing: SVGSVGElement,
  brush: SVGRectElement,
  choose: (from: number, to: number) => void,
): void {
  let start: number | undefined;
  const at = (event: PointerEvent): number => {
    const { left, width: wide } = drawing.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / wide));
  };
  const show = (a: number, b: number): void => {
    brush.setAttribute("x", String(Math.min(a, b) * width));
    brush.setAttribute("width", String(Math.abs(a - b) * width));
  };
  drawing.addEventListener("pointerdown", (event) => {
    start = at(event);
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (start !== undefined) show(start, at(event));
  });
  drawing.addEventListener("pointerup", (event) => {
    const from = start;
    start = undefined;
    show(0, 0);
    // A click is no window.
    if (from !== undefined && Math.abs(at(event) - from) > 0.004) {
      choose(Math.min(from, at(event)), Math.max(from, at(event)));
    }
  });
  drawing.addEventListener("pointercancel", () => {
    start = undefined;
    show(0, 0);
  });
}
