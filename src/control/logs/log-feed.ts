// LogFeed: all logs of the host that rules ask about, from the journal and from files, into the ring of the detect worker. A full
// ring makes the readers wait; nothing is thrown away for want of room.

import { existsSync } from "node:fs";
import { RingReader, RingWriter } from "../../ring/mod.ts";
import { FileTail } from "./file-tail.ts";
import { findJournal, JournalFollower } from "./journal-follower.ts";
import { logFilesMax, logPollMs } from "./limits.ts";
import { journalRecordKind, logLineKind, packLogLine } from "./message.ts";

export interface LogFeedOptions {
  /** `auto`: where there is one. */
  readonly journal: "auto" | "on" | "off";
  /** Empty: the usual ones that the journal does not hold. */
  readonly files: readonly string[];
  readonly memory: SharedArrayBuffer;
  /** There is something in the ring. */
  wake(): void;
  /** What an operator should know. */
  tell(level: "info" | "warn", message: string, values: Readonly<Record<string, unknown>>): void;
}

export interface LogFeedStats {
  /** Lines and records put into the ring for the worker that reads it now. */
  readonly written: number;
  /** Lost: longer than a record may be. */
  readonly lost: number;
  readonly cut: number;
}

/**
 * The files that syslog daemons write by default, those of one distribution: the same line stands in several files of some. With a
 * journal only what does not go through syslog.
 */
export function usualLogFiles(hasJournal: boolean, exists: (path: string) => boolean = existsSync): string[] {
  if (hasJournal) return ["/var/log/vsftpd.log"];
  const own = ["/var/log/vsftpd.log", "/var/log/clamav/clamav.log"];
  const isDebian = exists("/var/log/syslog") || exists("/etc/debian_version");
  const common = isDebian ? ["auth.log", "syslog"] : ["secure", "messages", "cron"];
  return [...common.map((name) => `/var/log/${name}`), ...own];
}

export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #writer: RingWriter;
  #tails: FileTail[] = [];
  #journal: JournalFollower | undefined;
  #timer: Timer | undefined;
  #isRunning = false;
  #isWaking = false;
  /** Of readers that were stopped. */
  #pastLost = 0;
  #pastCut = 0;
  /** Written for workers that are gone. */
  #before = 0;
  readonly #problems = new Map<string, string>();

  constructor(options: LogFeedOptions) {
    this.#options = options;
    this.#writer = new RingWriter(options.memory);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Begins with what is written from now on. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { journal, files, tell } = this.#options;
    const program = journal === "off" ? undefined : findJournal();
    if (journal === "on" && program === undefined) tell("warn", "there is no journal to read", {});
    const paths = files.length > 0 ? files : usualLogFiles(program !== undefined);
    if (paths.length > logFilesMax)
      tell("warn", "too many log files: the first are read", { files: paths.length, read: logFilesMax });
    this.#tails = paths.slice(0, logFilesMax).map((path) => new FileTail(path));
    if (program !== undefined)
      this.#journal = new JournalFollower(program, {
        take: (record) => this.#put(journalRecordKind, record),
        ended: (reason, pauseMs) => tell("warn", "journalctl ended", { reason, next_ms: pauseMs }),
      });
    tell("info", "reading logs", { journal: program !== undefined, files: paths.slice(0, logFilesMax).join(" ") });
    this.#poll();
  }

  /** Reads what is there, then closes everything. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    clearTimeout(this.#timer);
    for (const tail of this.#tails) this.#pollOne(tail);
    for (const tail of this.#tails) {
      this.#pastCut += tail.stats.cut;
      tail.close();
    }
    this.#tails = [];
    const journal = this.#journal;
    this.#journal = undefined;
    await journal?.stop();
    this.#pastLost += journal?.stats.oversized ?? 0;
  }

  /** Another worker reads the ring from now on and counts anew: what it will find is all that was written for it so far. */
  restarted(): void {
    this.#before = this.#writer.written - new RingReader(this.#options.memory).pendingCount;
  }

  get stats(): LogFeedStats {
    const cut = this.#tails.reduce((sum, { stats }) => sum + stats.cut, this.#pastCut);
    return {
      written: this.#writer.written - this.#before,
      lost: this.#pastLost + (this.#journal?.stats.oversized ?? 0),
      cut,
    };
  }

  #poll(): void {
    if (!this.#isRunning) return;
    let isMore = false;
    for (const tail of this.#tails) isMore = this.#pollOne(tail) || isMore;
    // More at once, but after the event loop had its turn.
    this.#timer = setTimeout(() => this.#poll(), isMore ? 5 : logPollMs);
  }

  #pollOne(tail: FileTail): boolean {
    let isMore = false;
    let problem = "";
    try {
      const nowMs = Date.now();
      isMore = tail.poll((line) => this.#put(logLineKind, packLogLine(tail.path, nowMs, line)));
      problem = tail.problem;
    } catch (error) {
      // A disk or a network file system that fails.
      tail.fail();
      problem = (error as Error).message;
    }
    if (problem !== (this.#problems.get(tail.path) ?? "")) {
      this.#problems.set(tail.path, problem);
      if (problem !== "") this.#options.tell("warn", "cannot read a log file", { file: tail.path, error: problem });
    }
    return isMore;
  }

  #put(kind: number, payload: Buffer): boolean {
    if (!this.#writer.fits(payload.length)) {
      this.#options.wake();
      return false;
    }
    this.#writer.write(kind, payload);
    this.#wakeSoon();
    return true;
  }

  /** Once for all that is read in this turn of the event loop: a ring of the bell costs more than a line. */
  #wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      this.#options.wake();
    });
  }
}
