// Follows the systemd journal through journalctl, which knows every version of its format: a child process that writes one JSON
// object a record. When it ends it is started again behind the last record, so that nothing is missed in between.

import { existsSync, readdirSync } from "node:fs";
import type { Subprocess } from "bun";
import { journalFields } from "../../normalize/mod.ts";
import {
  journalGoodRunMs,
  journalRecordSizeMaxBytes,
  journalRestartMaxMs,
  journalRestartMinMs,
  logFullPauseMs,
} from "./limits.ts";

/** By its full path: nothing in the environment decides what runs. */
const programs = ["/usr/bin/journalctl", "/bin/journalctl"];
/** systemd.journal(5): kept, and volatile. */
const folders = ["/var/log/journal", "/run/log/journal"];

/** Path of journalctl where a journal is being written, else `undefined`. */
export function findJournal(): string | undefined {
  if (!existsSync("/run/systemd/journal/socket")) return undefined;
  // With Storage=none there is a journal service and no journal.
  const isKept = folders.some((folder) => {
    try {
      return readdirSync(folder).length > 0;
    } catch {
      return false;
    }
  });
  return isKept ? programs.find((path) => existsSync(path)) : undefined;
}

export interface JournalStats {
  records: number;
  /** Records that are longer than taken: lost. */
  oversized: number;
  /** Ends of journalctl that nobody asked for. */
  restarts: number;
}

export interface JournalEvents {
  /** Takes one record; false: no room, it will be offered again. */
  take(record: Buffer): boolean;
  /** journalctl ended; it starts again after the pause. */
  ended(reason: string, pauseMs: number): void;
}

const newline = 10;

export class JournalFollower {
  readonly stats: JournalStats = { records: 0, oversized: 0, restarts: 0 };
  readonly #program: string;
  readonly #events: JournalEvents;
  /** Records of before are not news. */
  readonly #sinceMs = Date.now();
  #child: Subprocess<"ignore", "pipe", "pipe"> | undefined;
  #cursor = "";
  #isStopping = false;
  #ended: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;

  constructor(program: string, events: JournalEvents) {
    this.#program = program;
    this.#events = events;
    this.#ended = this.#run();
  }

  /** Ends journalctl. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child?.kill("SIGTERM");
    this.#wake?.();
    await this.#ended;
  }

  async #run(): Promise<void> {
    let pauseMs = journalRestartMinMs;
    while (!this.#isStopping) {
      const beganMs = performance.now();
      const reason = await this.#follow();
      if (this.#isStopping) return;
      this.stats.restarts++;
      if (performance.now() - beganMs > journalGoodRunMs) pauseMs = journalRestartMinMs;
      this.#events.ended(reason, pauseMs);
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, journalRestartMaxMs);
    }
  }

  /** One run of journalctl; how it ended. */
  async #follow(): Promise<string> {
    try {
      const child = Bun.spawn(
        [
          this.#program,
          ...["--follow", "--output=json", "--all", "--quiet", "--no-pager", "--no-tail"],
          `--output-fields=${journalFields.join(",")}`,
          // Whole seconds: what is a little too old is left out below.
          this.#cursor === "" ? `--since=@${Math.floor(this.#sinceMs / 1000)}` : `--after-cursor=${this.#cursor}`,
        ],
        { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      );
      this.#child = child;
      const said = tail(child.stderr);
      await this.#read(child.stdout);
      // Its stdout may be closed by a fault of ours: nobody may be left behind.
      child.kill("SIGTERM");
      const code = await child.exited;
      return `${child.signalCode ?? `exit code ${code}`} ${(await said).trim()}`.trim();
    } catch (error) {
      return String(error);
    } finally {
      this.#child = undefined;
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let held = Buffer.alloc(0);
    let isSkipping = false;
    for await (const chunk of stream) {
      const bytes = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
      let from = 0;
      for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
        if (isSkipping) isSkipping = false;
        else await this.#give(bytes.subarray(from, end));
        if (this.#isStopping) return;
        from = end + 1;
      }
      held = isSkipping ? Buffer.alloc(0) : Buffer.from(bytes.subarray(from));
      if (held.length > journalRecordSizeMaxBytes) {
        this.stats.oversized++;
        held = Buffer.alloc(0);
        isSkipping = true;
      }
    }
  }

  async #give(record: Buffer): Promise<void> {
    if (record.length > journalRecordSizeMaxBytes) {
      this.stats.oversized++;
      return;
    }
    if (this.#cursor === "" && isBefore(record, this.#sinceMs)) return;
    // While there is no room journalctl waits at its pipe, and the journal keeps what comes.
    while (!this.#events.take(record)) {
      if (this.#isStopping) return;
      await this.#pause(logFullPauseMs);
    }
    this.stats.records++;
    this.#cursor = /"__CURSOR":"([^"\\]{1,512})"/.exec(record.toString("latin1"))?.[1] ?? this.#cursor;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function isBefore(record: Buffer, timeMs: number): boolean {
  const found = /"__REALTIME_TIMESTAMP":"(\d{1,16})"/.exec(record.toString("latin1"));
  return found !== null && Number(found[1]) / 1000 < timeMs;
}

/** The last words of a stream. */
async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text = (text + Buffer.from(chunk).toString()).slice(-500);
  return text;
}
