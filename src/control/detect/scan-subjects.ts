// What an event gives to scan: the program of a start, the script that its interpreter was given, a library from an unusual place, and a
// file that was closed after it was written.

import type { ScanSubject } from "../../detect/mod.ts";
import {
  exeFlag,
  type FieldTable,
  fileKind,
  fileLayout,
  type NormalizedEvent,
  operationKind,
  operationLayout,
  processLayout,
} from "../../event/mod.ts";
import { ActivityEvent, ProcessEvent } from "../../normalize/mod.ts";
import { executableOf } from "./executable.ts";
import { scriptOf } from "./script-argument.ts";

export interface SubjectOptions {
  readonly fields: FieldTable;
  readonly hostMountNs: number;
  readonly writtenFiles: boolean;
}

const none: readonly never[] = [];

/** Where programs' libraries lie on every host; those of other places are looked at. */
const usualLibraries = ["/usr/", "/lib/", "/lib64/", "/lib32/", "/opt/", "/snap/", "/nix/store/", "/gnu/store/"];
/** Nothing that is written there stays a file. */
const notFiles = ["/proc/", "/sys/", "/dev/"];

const startsIn = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path.startsWith(folder));

/** Returns the function that says it. It never throws for what is in an event; events that give nothing cost a comparison. */
export function scanSubjects(options: SubjectOptions): (event: NormalizedEvent) => readonly ScanSubject[] {
  const target = options.fields.slot("TargetFilename");
  const library = options.fields.slot("ImageLoaded");
  const isHostView = (event: ActivityEvent | ProcessEvent): boolean =>
    event.program?.record.field(processLayout.mntNs) === options.hostMountNs;

  const ofStart = (event: ProcessEvent): readonly ScanSubject[] => {
    const seesHost = isHostView(event);
    const program = executableOf(event, seesHost);
    const record = event.program?.record;
    const path =
      record === undefined
        ? undefined
        : scriptOf({
            image: event.program?.image ?? "",
            isScript: (record.field(processLayout.exeFlags) & exeFlag.script) !== 0,
            typedPath: record.text("filename"),
            folder: record.text("cwd"),
            arguments: () => record.list("args"),
          });
    if (path === undefined) return program === undefined ? none : [program];
    const script = named("script", event.pid, path, "", seesHost);
    return program === undefined ? [script] : [program, script];
  };

  return (event) => {
    if (event instanceof ProcessEvent) return event.kind === "process_start" ? ofStart(event) : none;
    if (!(event instanceof ActivityEvent)) return none;
    const { kind } = event.record;
    if (kind === operationKind.library) {
      const path = event.get(library);
      if (typeof path !== "string" || !path.startsWith("/") || startsIn(path, usualLibraries)) return none;
      const inode = String(event.record.exact(operationLayout.inode));
      return [named("library", event.pid, path, inode, isHostView(event))];
    }
    if (kind !== fileKind.close || !options.writtenFiles) return none;
    const path = event.get(target);
    if (typeof path !== "string" || !path.startsWith("/")) return none;
    if (startsIn(path, notFiles) && !path.startsWith("/dev/shm/")) return none;
    return [named("written", event.pid, path, String(event.record.exact(fileLayout.inode)), isHostView(event))];
  };
}

function named(
  origin: "script" | "library" | "written",
  pid: number,
  path: string,
  inode: string,
  isHostView: boolean,
): ScanSubject {
  // The same name in two containers is two files.
  const identity = `${origin}:${isHostView ? "" : `${inode}:${pid}`}:${path}`;
  return { origin, identity, pid, path, isHostView, inode: inode === "0" ? "" : inode };
}
