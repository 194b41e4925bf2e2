// The event of a process's start or end.

import type { ProcessEntry, Program } from "../state/mod.ts";
import { type EventDetails, LiveEvent } from "./live-event.ts";
import { kernelFacts } from "./process-facts.ts";
import type { ExitStatus } from "./signals.ts";

/** Sections whose cut shows under another name in `sigil.truncated`. */
const cutNames = {
  exe: "Image",
  cwd: "CurrentDirectory",
  filename: "ImageTyped",
  args: "CommandLine",
  cgroup: "CgroupPath",
  env: "Environment",
} as const;

export class ProcessEvent extends LiveEvent<ProcessEvent> {
  /** Set by {@link bind}. */
  entry!: ProcessEntry;
  program: Program | undefined;
  /** How it ended; ends only. */
  exit: ExitStatus | undefined;

  /** Moves the object to the next event. */
  bind(entry: ProcessEntry, timeMs: number, sequence: number, exit?: ExitStatus): void {
    this.entry = entry;
    this.program = entry.program;
    this.timeMs = timeMs;
    this.sequence = sequence;
    this.exit = exit;
    this.moved();
  }

  get pid(): number {
    return this.entry.pid;
  }

  details(): EventDetails {
    const record = this.program?.record;
    if (record === undefined) return { truncated: [] };
    const truncated: string[] = [];
    for (const [section, name] of Object.entries(cutNames))
      if (record.isCut(section as keyof typeof cutNames)) truncated.push(name);
    return { truncated, extra: { process: kernelFacts(record) } };
  }
}
