// Indicators ready for an engine: packed from all files of a rule set. What was left out of each file is counted, and named up to
// a limit.

import { IndicatorBuilder, type IndicatorFileReport, type IndicatorSet, readIndicatorFile } from "../../detect/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import type { RuleFile } from "./load.ts";

export interface Indicators {
  /** Absent when there is not one: then no event is looked up. */
  readonly set: IndicatorSet | undefined;
  readonly count: number;
  readonly reports: readonly IndicatorFileReport[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Those that had expired at `nowMs` are left out; in a replay nothing has. Linear in the bytes of the files. */
export function packIndicators(
  files: readonly RuleFile[],
  { enabled, defaultSeverity }: AppConfig["ioc"],
  nowMs: number,
): Indicators {
  if (!enabled) return { set: undefined, count: 0, reports: [], diagnostics: [] };
  const builder = new IndicatorBuilder();
  const reports: IndicatorFileReport[] = [];
  for (const { path, kind, bytes } of files)
    if (kind === "ioc" && bytes !== undefined)
      reports.push(readIndicatorFile(builder, { path, bytes }, { level: defaultSeverity }, nowMs));
  const { count } = builder;
  return {
    set: count === 0 ? undefined : builder.finish(),
    count,
    reports,
    diagnostics: reports.flatMap(({ diagnostics }) => diagnostics),
  };
}
