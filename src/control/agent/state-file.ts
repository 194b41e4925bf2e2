// A small file that is written while the agent lives, so that the next start can say how long nobody watched and what happened in that
// time. Replaced in one step: a crash leaves the old one or the new one.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { stateFileSizeMaxBytes, unseenNamedMax } from "../config/limits.ts";

const formatVersion = 1;

export interface SavedState {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly seenMs: number;
  /** The agent ended as it was told to. */
  readonly isEnded: boolean;
  readonly bootId: string;
  /** CLOCK_BOOTTIME, milliseconds. */
  readonly bootMs: number;
  /** Forks since boot, threads included (`processes` of proc_stat(5)). */
  readonly forks: number;
}

const text = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const bootId = (): string => text("/proc/sys/kernel/random/boot_id").trim();
const forks = (): number => Number(/^processes (\d+)$/m.exec(text("/proc/stat"))?.[1] ?? 0);

/** CLOCK_BOOTTIME in milliseconds, to a hundredth of a second; it goes on while the machine sleeps. */
export function bootTimeMs(): number {
  return Number(text("/proc/uptime").split(" ")[0] ?? 0) * 1000;
}

/** The file; a reason when there is one that cannot be used; `undefined` when there is none. */
export function readState(path: string): SavedState | string | undefined {
  let content: string;
  try {
    if (statSync(path).size > stateFileSizeMaxBytes) return "it is too large";
    content = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? undefined : (code ?? "it cannot be read");
  }
  let value: Readonly<Record<string, unknown>>;
  try {
    value = Object(JSON.parse(content)) as Readonly<Record<string, unknown>>;
  } catch {
    return "it is not valid JSON";
  }
  if (value.format !== formatVersion)
    return `its format has version ${String(value.format)}; this program knows ${formatVersion}`;
  const { version, started_ms, seen_ms, ended, boot_id, boot_ms, forks } = value;
  const numbers = [started_ms, seen_ms, boot_ms, forks];
  if (typeof version !== "string" || typeof ended !== "boolean" || typeof boot_id !== "string")
    return "a field is missing";
  if (!numbers.every((one) => typeof one === "number" && Number.isFinite(one))) return "a field is missing";
  const [startedMs = 0, seenMs = 0, bootMs = 0, forkCount = 0] = numbers as number[];
  // A date that no calendar has would throw where it is told.
  if (Math.abs(seenMs) > 8.64e15) return "its time is none";
  return {
    version: version.slice(0, 64),
    startedMs,
    seenMs,
    isEnded: ended,
    bootId: boot_id,
    bootMs,
    forks: forkCount,
  };
}

/** Writes it; the reason when that fails. */
export function writeState(
  path: string,
  state: Pick<SavedState, "version" | "startedMs" | "isEnded">,
): string | undefined {
  const { version, startedMs: started_ms, isEnded: ended } = state;
  const line = {
    format: formatVersion,
    version,
    started_ms,
    seen_ms: Date.now(),
    ended,
    boot_id: bootId(),
    boot_ms: bootTimeMs(),
    forks: forks(),
  };
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(`${path}.new`, "w", 0o600);
    try {
      writeSync(fd, `${JSON.stringify(line)}\n`);
      if (ended) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export interface Gap {
  readonly seconds: number;
  readonly isSameBoot: boolean;
  /** Processes and threads that were made meanwhile; within one boot. */
  readonly forks?: number;
  /** Processes that began meanwhile and still run; the first of them by name. */
  readonly processes?: number;
  readonly named?: readonly { readonly pid: number; readonly executable: string }[];
}

/** What happened since a state was saved, as far as it can still be known. */
export function unseen(before: SavedState): Gap {
  const isSameBoot = before.bootId !== "" && before.bootId === bootId();
  const seconds = isSameBoot
    ? Math.max(0, Math.round((bootTimeMs() - before.bootMs) / 1000))
    : Math.max(0, Math.round((Date.now() - before.seenMs) / 1000));
  if (!isSameBoot) return { seconds, isSameBoot };
  const found = startedSince(before.bootMs);
  return {
    seconds,
    isSameBoot,
    forks: Math.max(0, forks() - before.forks),
    processes: found.length,
    named: found.slice(0, unseenNamedMax).map((pid) => ({ pid, executable: executable(pid) })),
  };
}

/** Pids of processes that began after a CLOCK_BOOTTIME, but for this one. Clock ticks are hundredths of a second everywhere. */
function startedSince(bootMs: number): number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const stat = text(`/proc/${name}/stat`);
    // Field 22, counted behind the name in parentheses, which may hold anything.
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
    if (ticks * 10 > bootMs) pids.push(Number(name));
  }
  return pids;
}

function executable(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).slice(0, 1024);
  } catch {
    return "";
  }
}
