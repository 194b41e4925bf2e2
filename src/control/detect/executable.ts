// The executable of a start, as something to scan.

import type { ScanSubject } from "../../detect/mod.ts";
import { exeFlag, type NormalizedEvent, processLayout } from "../../event/mod.ts";
import { ProcessEvent } from "../../normalize/mod.ts";

/** `undefined` for events that start no program, and for what has no file. */
export function executableOf(event: NormalizedEvent, isHostView: boolean): ScanSubject | undefined {
  if (event.kind !== "process_start" || !(event instanceof ProcessEvent)) return undefined;
  const record = event.program?.record;
  if (record === undefined || (record.field(processLayout.exeFlags) & exeFlag.none) !== 0) return undefined;
  const { exeMajor, exeMinor, exeMtimeNs, exeCtimeNs } = processLayout;
  const field = (offset: number): number => record.field(offset);
  const inode = String(record.exeInode);
  const identity = [
    ...[field(exeMajor), field(exeMinor), inode, record.exeSize],
    ...[record.exeMtimeMs, field(exeMtimeNs), record.exeCtimeMs, field(exeCtimeNs)],
  ].join(":");
  return {
    origin: "program",
    identity,
    isHostView,
    pid: event.pid,
    path: event.program?.image ?? "",
    inode,
    sizeBytes: Number(record.exeSize),
    mtimeMs: record.exeMtimeMs,
  };
}
