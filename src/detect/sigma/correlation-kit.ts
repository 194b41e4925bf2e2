// For tests of correlations only: rules in a line, events in a row, and what fired.

import { expect } from "bun:test";
import type { CorrelationMatch } from "./correlator.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { type LinkOptions, type LinkResult, linkSigma } from "./link.ts";
import { parseSigma } from "./parse.ts";
import { NameSlots, RecordEvent } from "./record-event.ts";
import type { Diagnostic, Value } from "./types.ts";

/** A rule that matches events whose field `kind` is its name. */
export function kindRule(name: string, more = ""): string {
  return `title: Rule ${name}\nname: ${name}\nlogsource: { product: linux }\n${more}detection: { s: { kind: ${name} }, condition: s }\n`;
}

/** A correlation; `body` are the lines of its section, `more` those of its header. */
export function correlationText(name: string, body: string, more = ""): string {
  const lines = body.trim().replaceAll("\n", "\n  ");
  return `title: Correlation ${name}\nname: ${name}\n${more}correlation:\n  ${lines}\n`;
}

export interface Linked extends LinkResult {
  readonly codes: string[];
}

/** Documents of one file, parsed and linked. */
export function link(documents: readonly string[], options: LinkOptions = {}): Linked {
  const parsed = parseSigma(documents.join("---\n"), "x.yml");
  const result = linkSigma(parsed, options);
  const diagnostics: Diagnostic[] = [...parsed.diagnostics, ...result.diagnostics];
  return { ...result, diagnostics, codes: diagnostics.map(({ severity, code }) => `${severity} ${code}`) };
}

/** An event: seconds, and fields; `undefined` for no time. */
export type Event = readonly [seconds: number | undefined, fields: Readonly<Record<string, Value>>];

/** Something that was told, by the seconds of the event that was at hand. */
export interface Told {
  readonly at: number | undefined;
  /** Name of the rule or correlation. */
  readonly name: string;
  readonly match?: CorrelationMatch;
}

export class Run {
  readonly engine: Engine;
  readonly told: Told[] = [];
  readonly #slots: NameSlots;

  constructor(
    documents: readonly string[] | LinkResult,
    options: Partial<EngineOptions> = {},
    slots = new NameSlots(),
  ) {
    const linked = "rules" in documents ? documents : link(documents);
    expect(linked.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    this.#slots = slots;
    const { rules, correlations } = linked;
    this.engine = new Engine(rules, { slots, route: () => ({ sources: [0] }), correlations, ...options });
  }

  feed(...events: readonly Event[]): this {
    for (const [seconds, fields] of events) {
      const event = new RecordEvent(fields, this.#slots, seconds === undefined ? undefined : seconds * 1000);
      this.engine.evaluate(
        0,
        event,
        ({ name }) => this.told.push({ at: seconds, name }),
        ({ name }, match) => this.told.push({ at: seconds, name, match }),
      );
    }
    return this;
  }

  /** What was told as `name@seconds`, in order. */
  get heard(): string[] {
    return this.told.map(({ name, at }) => `${name}@${at}`);
  }
}
