// One file of indicators, of any format, into a builder.

import { basename } from "node:path";
import type { IndicatorBuilder } from "./builder.ts";
import { readCsv } from "./csv.ts";
import type { ListDefaults } from "./feed.ts";
import { FileReporter, type IndicatorFileReport } from "./file-report.ts";
import { jsonSizeMaxBytes } from "./limits.ts";
import { readMisp } from "./misp.ts";
import { readStix } from "./stix.ts";
import { listKinds, readTextList } from "./text-list.ts";

export interface IndicatorFile {
  /** As given; its name says the format: `domains.txt`, `x.csv`, `x.stix.json`, `x.misp.json`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Takes all indicators of a file; what cannot be taken is counted and, up to a limit, named. `nowMs` decides what has expired.
 * Never throws. Linear in the file.
 */
export function readIndicatorFile(
  builder: IndicatorBuilder,
  file: IndicatorFile,
  defaults: Omit<ListDefaults, "file" | "kind">,
  nowMs: number,
): IndicatorFileReport {
  const report = new FileReporter(file.path);
  const duplicatesBefore = builder.duplicates;
  const name = basename(file.path).toLowerCase();
  const all: ListDefaults = { ...defaults, file: file.path };
  const listKind = Object.hasOwn(listKinds, name) ? listKinds[name] : undefined;
  if (listKind !== undefined) {
    const { level } = defaults;
    const attributes = builder.attributes({
      level,
      reference: "",
      provider: "",
      expiresMs: undefined,
      file: file.path,
    });
    readTextList(file.bytes, listKind, attributes, builder, report);
  } else if (file.bytes.length > jsonSizeMaxBytes) {
    const message = `larger than ${jsonSizeMaxBytes} bytes, which this format may not be`;
    report.report(0, 0, "error", "too_large", message, "split it, or use text lists");
  } else {
    const text = utf8(file.bytes);
    if (text === undefined) report.report(0, 0, "error", "not_utf8", "not valid UTF-8", "save it as UTF-8");
    else if (name.endsWith(".csv")) readCsv(text, all, builder, report, nowMs);
    else readJson(text, name, all, builder, report, nowMs);
  }
  return report.result(builder.duplicates - duplicatesBefore);
}

function readJson(
  text: string,
  name: string,
  defaults: ListDefaults,
  builder: IndicatorBuilder,
  report: FileReporter,
  nowMs: number,
): void {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    report.report(0, 0, "error", "bad_json", `not JSON: ${(error as Error).message}`, "");
    return;
  }
  if (name.endsWith(".misp.json")) readMisp(document, defaults, builder, report);
  else readStix(document, defaults, builder, report, nowMs);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
