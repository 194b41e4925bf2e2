// The operational log: what the program says about itself, apart from alerts. Goes to stderr and, when asked for, to a
// file. Made once on the main thread; other threads hand their entries over (`entryLog`, `accept`).

import { logCloseTimeoutMs, logRateWindowMs, logSecretsMax } from "../config/limits.ts";
import {
  jsonLine,
  type LogEntry,
  type LogFields,
  type LogLevel,
  logLevelRank,
  plainFields,
  textLine,
} from "./entry.ts";
import { RateLimit } from "./rate.ts";
import { descriptorWriter, fileWriter, type LineWriter } from "./writer.ts";

/** What the rest of the program sees. No method throws or blocks; `message` is a constant, values are fields. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  /** The same log under the name of another part of the program. */
  child(component: string): Log;
  /** Whether entries of this level are written: asks before something costly is put together. */
  isOn(level: LogLevel): boolean;
}

export interface RootLog extends Log {
  /** Takes an entry made on another thread. */
  accept(entry: LogEntry): void;
  setLevel(level: LogLevel): void;
  /** This value is never written from now on. Empty and very short ones (under 4 characters) are not masked. */
  addSecret(value: string): void;
  /** Opens the log file anew (SIGUSR1). */
  reopen(): void;
  /** Says what was suppressed and waits, for a bounded time, until all is written. */
  close(): Promise<void>;
  /** Lines that no reader got, over all outputs. */
  readonly lost: number;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Empty: none. `openLog` throws when it cannot be opened. */
  readonly file: string;
  readonly component?: string;
  readonly now?: () => number;
  /** Instead of stderr and `file`: for tests. */
  readonly writers?: readonly LineWriter[];
  /** Takes the place of standard error. */
  readonly stderr?: LineWriter;
}

/** Opens the log of the program. */
export function openLog(options: LogOptions): RootLog {
  return new MainLog(options, options.writers ?? [options.stderr ?? descriptorWriter(2), ...openFile(options.file)]);
}

function openFile(path: string): LineWriter[] {
  if (path === "") return [];
  try {
    return [fileWriter(path)];
  } catch (cause) {
    throw new Error(`cannot open the log file ${path}`, { cause });
  }
}

/** A log for another thread: entries are handed to `post` as plain data and written by {@link RootLog.accept}. */
export function entryLog(
  level: LogLevel,
  component: string,
  post: (entry: LogEntry) => void,
  now: () => number = Date.now,
): Log {
  return new PartLog(component, (one) => logLevelRank[one] <= logLevelRank[level], post, now);
}

class PartLog implements Log {
  readonly #component: string;
  readonly #isOn: (level: LogLevel) => boolean;
  readonly #take: (entry: LogEntry) => void;
  readonly #now: () => number;

  constructor(
    component: string,
    isOn: (level: LogLevel) => boolean,
    take: (entry: LogEntry) => void,
    now: () => number,
  ) {
    this.#component = component;
    this.#isOn = isOn;
    this.#take = take;
    this.#now = now;
  }

  error(message: string, fields?: LogFields): void {
    this.#add("error", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#add("warn", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#add("info", message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.#add("debug", message, fields);
  }
  trace(message: string, fields?: LogFields): void {
    this.#add("trace", message, fields);
  }

  child(component: string): Log {
    return new PartLog(component, this.#isOn, this.#take, this.#now);
  }

  isOn(level: LogLevel): boolean {
    return this.#isOn(level);
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.#isOn(level)) return;
    const component = this.#component;
    this.#take({ timeMs: this.#now(), level, component, message, fields: plainFields(fields) });
  }
}

class MainLog extends PartLog implements RootLog {
  readonly #writers: readonly LineWriter[];
  readonly #format: (entry: LogEntry) => string;
  readonly #clock: () => number;
  readonly #rate = new RateLimit();
  readonly #secrets: string[] = [];
  readonly #state: { level: LogLevel };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LogOptions, writers: readonly LineWriter[]) {
    const state = { level: options.level };
    const now = options.now ?? Date.now;
    super(
      options.component ?? "agent",
      (level) => logLevelRank[level] <= logLevelRank[state.level],
      (entry) => this.accept(entry),
      now,
    );
    this.#state = state;
    this.#clock = now;
    this.#writers = writers;
    this.#format = options.format === "json" ? jsonLine : textLine;
  }

  accept(entry: LogEntry): void {
    if (!this.isOn(entry.level)) return;
    if (this.#rate.admit(`${entry.component}\0${entry.message}`, entry.timeMs)) {
      this.#write(entry);
      return;
    }
    // Says how many were left out even if nothing is logged afterwards; a waiting timer keeps no program alive.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tellSuppressed(false);
    }, logRateWindowMs);
    this.#timer.unref?.();
  }

  setLevel(level: LogLevel): void {
    this.#state.level = level;
  }

  addSecret(value: string): void {
    if (value.length < 4 || this.#secrets.includes(value)) return;
    if (this.#secrets.length >= logSecretsMax) throw new RangeError(`Cannot mask more than ${logSecretsMax} secrets`);
    this.#secrets.push(value);
    // A secret that contains another one is masked first.
    this.#secrets.sort((a, b) => b.length - a.length);
  }

  reopen(): void {
    for (const writer of this.#writers) writer.reopen();
  }

  async close(): Promise<void> {
    this.#tellSuppressed(true);
    await Promise.all(this.#writers.map((writer) => writer.flush(logCloseTimeoutMs)));
  }

  get lost(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.lost, 0);
  }

  #tellSuppressed(all: boolean): void {
    const timeMs = this.#clock();
    for (const { key, count } of this.#rate.due(timeMs, all)) {
      const [component = "", message = ""] = key.split("\0");
      this.#write({
        timeMs,
        level: "warn",
        component,
        message: "log lines suppressed",
        fields: { count, of: message },
      });
    }
  }

  #write(entry: LogEntry): void {
    const line = this.#format(this.#masked(entry));
    for (const writer of this.#writers) writer.write(line);
  }

  /** Secrets are taken out before a value is escaped or cut: afterwards they might no longer be recognized. */
  #masked(entry: LogEntry): LogEntry {
    if (this.#secrets.length === 0) return entry;
    const fields: Record<string, string | number | boolean> = {};
    for (const [name, value] of Object.entries(entry.fields)) {
      fields[name] = typeof value === "string" ? this.#mask(value) : value;
    }
    return { ...entry, message: this.#mask(entry.message), fields };
  }

  #mask(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, "********");
    return masked;
  }
}
