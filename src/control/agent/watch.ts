// The agent's watch over itself: acts against it that the detect worker tells of, times in which it was stopped or frozen, control groups
// that are held back, its own files, and what it missed while it did not run. Everything becomes a state document.

import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { lossReportMs, pauseToldMs, pauseWatchMs, stateFileMs } from "../config/limits.ts";
import type { DetectReport, TamperMessage } from "../detect/mod.ts";
import type { Log } from "../log/mod.ts";
import { bootTimeMs, readState, type SavedState, unseen, writeState } from "./state-file.ts";

export type TellState = (
  action: string,
  message: string,
  values: Readonly<Record<string, unknown>>,
  outcome: "success" | "failure",
) => void;

export interface AgentWatchOptions {
  /** Where the file lies that says that the agent lives; empty: nowhere. */
  readonly stateFile: string;
  /** Files that nobody but an update changes: the executable, the configuration, the state file. */
  readonly files: readonly string[];
  readonly version: string;
  readonly tell: TellState;
  readonly log: Log;
}

const messages: Readonly<Record<string, string>> = {
  signalled: "A signal was sent to the agent",
  memory_taken: "Somebody took hold of the agent's memory or threads",
  objects_taken: "Somebody took hold of the agent's eBPF objects",
  programs_detached: "eBPF programs of the agent had been detached; they are attached again",
  more: "More was done to the agent than is told one by one",
};

export class AgentWatch {
  readonly #options: AgentWatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;
  #atMs = performance.now();
  #bootMs = bootTimeMs();
  #cpuMs = cpuTimeMs();
  #savedMs = Number.NEGATIVE_INFINITY;
  #throttled = 0;
  #throttledMs = Number.NEGATIVE_INFINITY;
  #cannotSave = false;
  readonly #startedMs = Date.now();

  constructor(options: AgentWatchOptions) {
    this.#options = options;
  }

  /** Says what was missed since the last run, and begins to watch. `isLateStart` tells processes that began since a CLOCK_BOOTTIME. */
  start(): void {
    const { stateFile } = this.#options;
    if (stateFile !== "") this.#sayGap(readState(stateFile));
    this.#save(false);
    this.#timer = setInterval(() => this.#tick(), pauseWatchMs);
    this.#timer.unref?.();
    this.#watchFiles();
  }

  /** The agent ends as it was told to. */
  stop(): void {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#save(true);
  }

  tampered({ action, isExpected, values }: TamperMessage): void {
    const message = messages[action] ?? action;
    this.#options.log[isExpected ? "info" : "warn"](message, { ...values });
    if (!isExpected) this.#options.tell("agent_tampered", message, { action, ...values }, "failure");
  }

  /** Looks at a report for control groups that were held back; told at most once in a while. */
  report({ throttled }: DetectReport, isLast = false): void {
    const total = Object.values(throttled).reduce((sum, count) => sum + count, 0);
    const now = performance.now();
    if (total < this.#throttled) this.#throttled = 0; // a new worker counts from 0
    if (total <= this.#throttled || (!isLast && now - this.#throttledMs < lossReportMs)) return;
    const fresh = total - this.#throttled;
    this.#throttled = total;
    this.#throttledMs = now;
    this.#options.tell(
      "events_throttled",
      `${fresh} events of busy control groups were held back`,
      { new: fresh, total, ...throttled },
      "failure",
    );
  }

  /** A timer that comes late: the agent was stopped, frozen, or starved; a machine that slept says so itself. */
  #tick(): void {
    const now = performance.now();
    const boot = bootTimeMs();
    const cpu = cpuTimeMs();
    const workedMs = cpu - this.#cpuMs;
    const lateMs = now - this.#atMs - pauseWatchMs;
    const asleepMs = boot - this.#bootMs - (now - this.#atMs);
    this.#atMs = now;
    this.#bootMs = boot;
    this.#cpuMs = cpu;
    // Late for its own work (a large rule set, an emulated machine) is not stopped: who is stopped uses no processor.
    const isBusy = workedMs > lateMs / 2;
    if (lateMs >= pauseToldMs && !isBusy)
      this.#options.tell(
        "agent_paused",
        `The agent did not run for ${Math.round(lateMs / 1000)} seconds`,
        { seconds: Math.round(lateMs / 1000), asleep_seconds: Math.max(0, Math.round(asleepMs / 1000)) },
        "failure",
      );
    else if (asleepMs >= pauseToldMs)
      this.#options.tell(
        "host_slept",
        `The machine slept for ${Math.round(asleepMs / 1000)} seconds`,
        { asleep_seconds: Math.round(asleepMs / 1000) },
        "success",
      );
    if (now - this.#savedMs >= stateFileMs) this.#save(false);
  }

  #sayGap(before: SavedState | string | undefined): void {
    if (before === undefined) return;
    if (typeof before === "string") {
      this.#options.log.warn("the state of the last run cannot be used", { reason: before });
      return;
    }
    const gap = unseen(before);
    const how = before.isEnded ? "ended" : gap.isSameBoot ? "was killed or died" : "did not outlive the last boot";
    this.#options.tell(
      "agent_restarted",
      `The agent ${how} ${gap.seconds} seconds ago; what happened since was not seen`,
      {
        last_seen: new Date(before.seenMs).toISOString(),
        seconds: gap.seconds,
        ended: before.isEnded,
        same_boot: gap.isSameBoot,
        last_version: before.version,
        ...(gap.forks === undefined ? {} : { forks_unseen: gap.forks }),
        ...(gap.processes === undefined ? {} : { processes_unseen: gap.processes, still_running: gap.named }),
      },
      before.isEnded ? "success" : "failure",
    );
  }

  #save(isEnded: boolean): void {
    const { stateFile, version, log } = this.#options;
    if (stateFile === "") return;
    this.#savedMs = performance.now();
    const error = writeState(stateFile, { version, startedMs: this.#startedMs, isEnded });
    if (error !== undefined && !this.#cannotSave)
      log.warn("the state file cannot be written", { path: stateFile, reason: error });
    this.#cannotSave = error !== undefined;
  }

  /** By folder: a file that is replaced by another keeps its name and loses its inode. */
  #watchFiles(): void {
    const { files, log, tell } = this.#options;
    const byFolder = new Map<string, Set<string>>();
    for (const file of files) {
      const names = byFolder.get(dirname(file)) ?? new Set();
      byFolder.set(dirname(file), names.add(basename(file)));
    }
    for (const [folder, names] of byFolder) {
      try {
        const watcher = watch(folder, (kind, name) => {
          if (name === null || !names.has(name)) return;
          const path = `${folder}/${name}`;
          log.warn("a file of the agent changed", { path });
          tell(
            "agent_file_changed",
            `A file of the agent was ${kind === "change" ? "changed" : "replaced or removed"}`,
            { path, change: kind },
            "failure",
          );
        });
        watcher.on("error", () => watcher.close());
        watcher.unref?.();
        this.#watchers.push(watcher);
      } catch (error) {
        log.debug("a folder of the agent cannot be watched", { folder, reason: (error as Error).message });
      }
    }
  }
}

/** Processor time of all threads, milliseconds. */
function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
