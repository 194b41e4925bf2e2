// Making elements and writing times, numbers and foreign text. Everything that came out of a recording or a rule becomes a text node and
// nothing else: there is no way in here to write markup.

export type Child = Node | string | number | undefined | false;

type Props = Readonly<Record<string, string | number | boolean | ((event: never) => void) | undefined>>;

function fill<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value as (event: Event) => void);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === undefined || child === false) continue;
    element.append(typeof child === "number" ? formatCount(child) : child);
  }
  return element;
}

/** An element; functions among the properties are listeners by the event's name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

export const formatCount = (count: number): string => count.toLocaleString("en-US");

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** UTC, to the millisecond. */
export function formatTime(timeMs: number | undefined): string {
  if (timeMs === undefined || Math.abs(timeMs) > 8.64e15) return "no time";
  return new Date(timeMs).toISOString().replace("T", " ").replace("Z", "");
}

/** UTC, to the second: for tables. */
export const formatSecond = (timeMs: number | undefined): string => formatTime(timeMs).replace(/\.\d+$/, "");

export function formatSpan(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  for (const [size, name] of units) if (ms >= size) return `${formatCount(Math.round((ms / size) * 10) / 10)} ${name}`;
  return `${ms} ms`;
}

/** Characters that show nothing, or that change how their neighbours are shown: with them a file name can look like another. */
const hidden = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Foreign text for the eye: hidden characters as escapes, the direction of writing kept inside. */
export function foreign(text: string): HTMLElement {
  const element = h("bdi");
  appendForeign(element, text);
  return element;
}

/** The same into an element that is there. */
export function appendForeign(element: Element, text: string): void {
  let from = 0;
  for (const { 0: char, index } of text.matchAll(hidden)) {
    if (index > from) element.append(text.slice(from, index));
    const code = char.codePointAt(0)!.toString(16).padStart(4, "0");
    element.append(h("span", { class: "hidden-char", title: "a character that shows nothing" }, `\\u${code}`));
    from = index + char.length;
  }
  if (from < text.length) element.append(text.slice(from));
}
