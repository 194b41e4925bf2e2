/** The door of the room `detect/ioc`: lists of indicators, packed, and what an event holds of them. */
export { IndicatorBuilder } from "./builder.ts";
export { DigestTable } from "./digest-table.ts";
export { IocEngine, type IocEngineStats } from "./engine.ts";
export type { IndicatorFileReport } from "./file-report.ts";
export type { HashKind, Indicator, IndicatorHit, IndicatorKind, IndicatorSet } from "./model.ts";
export { type IndicatorFile, readIndicatorFile } from "./read-file.ts";
