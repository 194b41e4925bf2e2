// For tests of this room: indicators from short texts, and events from plain objects.

import { type FieldObject, FieldTable, type NormalizedEvent, sourceId } from "../../event/mod.ts";
import { IndicatorBuilder } from "./builder.ts";
import { IocEngine } from "./engine.ts";
import type { IndicatorFileReport } from "./file-report.ts";
import { readIndicatorFile } from "./read-file.ts";

/** An engine over files given as name → text, and what became of each. */
export function engineOf(
  files: Readonly<Record<string, string>>,
  nowMs = 0,
): { engine: IocEngine; reports: IndicatorFileReport[]; find: (fields: FieldObject, timeMs?: number) => string[] } {
  const builder = new IndicatorBuilder(1);
  const reports = Object.entries(files).map(([path, text]) =>
    readIndicatorFile(builder, { path, bytes: Buffer.from(text) }, { level: "high" }, nowMs),
  );
  const slots = new FieldTable();
  const engine = new IocEngine(builder.finish(), slots);
  const find = (fields: FieldObject, timeMs = nowMs): string[] => {
    const found: string[] = [];
    engine.match(eventOf(fields, slots, timeMs), ({ indicator, field, observable }) => {
      found.push(`${field} ${observable} = ${indicator.kind} ${indicator.value}`);
    });
    return found;
  };
  return { engine, reports, find };
}

export function eventOf(fields: FieldObject, slots: FieldTable, timeMs = 0): NormalizedEvent {
  return {
    kind: "other",
    source: sourceId("linux/process_creation"),
    timeMs,
    get: (slot) => fields[slots.name(slot)],
    eachText: () => {},
  };
}
