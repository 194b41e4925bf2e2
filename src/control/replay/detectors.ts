// The detectors of a replay, made the same on every thread: from rules and indicators, which are plain data, over the log sources of recordings.

import { DetectorStore, IocEngine, type RuleInfo, ruleInfo } from "../../detect/mod.ts";
import { Engine, isKeywordsOnly, type LinkedCorrelation, type RuleIr } from "../../detect/sigma/mod.ts";
import {
  createCatalogue,
  type FieldTable,
  liveSources,
  type NormalizedEvent,
  replayCatalogue,
} from "../../event/mod.ts";
import { RecordedEvent } from "../../normalize/mod.ts";

/** What detectors are made of. Crosses threads by `postMessage`. */
export interface DetectorSpec {
  readonly rules: readonly RuleIr[];
  readonly indicators: ConstructorParameters<typeof IocEngine>[0] | undefined;
  /** Of the rule files. */
  readonly digest: string;
}

/** Makes detectors over `fields`. Correlations need all events in order: a thread that sees some of them goes without. */
export function makeDetectors(
  { rules, indicators, digest }: DetectorSpec,
  fields: FieldTable,
  correlations: readonly LinkedCorrelation[] = [],
): { readonly engine: Engine; readonly store: DetectorStore } {
  const { route, fieldReason } = replayCatalogue;
  const engine = new Engine(rules, { slots: fields, route, fieldReason, correlations });
  const ioc = indicators === undefined ? {} : { ioc: new IocEngine(indicators, fields) };
  return { engine, store: new DetectorStore({ sigma: engine, digest, ...ioc }) };
}

/** The log sources of the live sensor, whose events captures hold. */
export const captureCatalogue = createCatalogue({ live: liveSources.linux, platform: "linux" });

/**
 * Whether the live agent would have shown an event of a capture to a rule. A recording may hold anything, so a rule for a whole product
 * is asked about all of it; the sensor's events it sees in fewer places (`Catalogue.route`). Other events and detectors: true.
 */
export function seenLive(rules: readonly RuleIr[]): (rule: RuleInfo, event: NormalizedEvent) => boolean {
  const sources = new Map<RuleInfo, ReadonlySet<number>>();
  for (const rule of rules) {
    if (rule.logsource.category !== undefined || rule.logsource.service !== undefined) continue;
    const route = captureCatalogue.route(rule.logsource, isKeywordsOnly(rule));
    sources.set(ruleInfo(rule), new Set("sources" in route ? route.sources : []));
  }
  return (rule, event) => event instanceof RecordedEvent || sources.get(rule)?.has(event.source) !== false;
}
