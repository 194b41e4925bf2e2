// The one place that knows what is being shown; the parts of the page listen to it.

import type { ReportData } from "../data.ts";
import { everything, type Filter, type RuleView, Views } from "./filter.ts";

export class State {
  readonly data: ReportData;
  filter: Filter = everything;
  views: readonly RuleView[];
  readonly #views: Views;
  readonly #listeners: (() => void)[] = [];

  constructor(data: ReportData) {
    this.data = data;
    this.#views = new Views(data);
    this.views = this.#views.under(this.filter);
  }

  /** Runs now, and after every change of the filter. */
  listen(listener: () => void): void {
    this.#listeners.push(listener);
    listener();
  }

  /** Changes parts of the filter; `undefined` takes one away. */
  set(change: { readonly [Key in keyof Filter]?: Filter[Key] | undefined }): void {
    const next: Record<string, unknown> = { ...this.filter, ...change };
    for (const [key, value] of Object.entries(next)) if (value === undefined) delete next[key];
    this.filter = next as unknown as Filter;
    this.views = this.#views.under(this.filter);
    for (const listener of this.#listeners) listener();
  }
}
