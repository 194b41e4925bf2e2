// The detectors of a replay, made the same on every thread: from rules and indicators, which are plain data, over the log sources of recordings.

import { DetectorStore, IocEngine } from "../../detect/mod.ts";
import { Engine, type LinkedCorrelation, type RuleIr } from "../../detect/sigma/mod.ts";
import { type FieldTable, replayCatalogue } from "../../event/mod.ts";

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
