// YaraEventHandler: when a process starts, its executable goes to be scanned, unless that very file was scanned before. It never waits: a
// scan is asked for, the event's context is kept, and the alert is made when the answer comes. Results are kept by the file's identity
// (device, inode, size and both times to the nanosecond), so that a file that was changed or swapped is scanned again.

import { LRUCache } from "lru-cache";
import type { NormalizedEvent } from "../event/mod.ts";
import type { Hit } from "./detector.ts";
import type { EventHandler } from "./router.ts";

/** How a file came to be looked at: a program that starts, a script that an interpreter was given, a library that was mapped, a file that was written. */
export type ScanOrigin = "program" | "script" | "library" | "written";

/** What is to be scanned for an event. */
export interface ScanSubject {
  readonly origin: ScanOrigin;
  /**
   * Of a program the file's identity as the kernel told it: changes whenever its content may have. Of all others origin and path: whoever
   * opens the file knows what it is.
   */
  readonly identity: string;
  readonly pid: number;
  /** As its process sees it. */
  readonly path: string;
  /** Whether that path means the same to this process. */
  readonly isHostView: boolean;
  /** Empty when the event does not tell. */
  readonly inode: string;
  /** Of programs. */
  readonly sizeBytes?: number;
  readonly mtimeMs?: number;
}

export interface ScanWanted {
  readonly id: number;
  readonly subject: ScanSubject;
}

/** A rule that matches a file or an indicator that holds its digest, and what an alert says of it. */
export interface ScanFinding extends Pick<Hit, "engine" | "rule" | "matches" | "indicator"> {
  /** Members of the alert's `file`, digests among them. */
  readonly file: Readonly<Record<string, unknown>>;
  readonly hash: { readonly md5?: string; readonly sha1?: string; readonly sha256?: string };
  /** `sigil.yara`; absent for indicators. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface ScanSettled {
  readonly id: number;
  /** As in the {@link ScanSubject}: numbers begin anew with each worker. */
  readonly identity: string;
  /**
   * `gone`: there is no such file (any more). `unscannable`: nor would it be the next time (too large, or it breaks scanners). `lost`: the next start asks again. `partial`: told
   * at once, because digests are ready before a scan is; one of the others follows.
   */
  readonly status: "scanned" | "unscannable" | "lost" | "gone" | "partial";
  readonly findings: readonly ScanFinding[];
}

export interface YaraHandlerStats {
  /** Starts whose file was looked up. */
  readonly looked: number;
  /** Answered by what is known. */
  readonly known: number;
  /** Left out by the allow-list. */
  readonly allowed: number;
  readonly asked: number;
  readonly scanned: number;
  readonly unscannable: number;
  /** The file of a program was gone, or there was no room. */
  readonly lost: number;
  /** Scripts, libraries and written files that were not there when they were looked for. */
  readonly gone: number;
  /** Not asked for, because too many were under way. */
  readonly refused: number;
  readonly hits: number;
}

export interface YaraHandlerOptions<Event, Context> {
  /** What an event gives to scan. */
  readonly subjectsOf: (event: Event) => readonly ScanSubject[];
  /** What an alert needs of an event, taken out of it. */
  readonly contextOf: (event: Event) => Context;
  /** Must not block; the answer comes through {@link YaraEventHandler.settle}. */
  readonly want: (wanted: ScanWanted) => void;
  readonly emit: (context: Context, finding: ScanFinding, origin: ScanOrigin) => void;
  /** Files and folders that are not scanned. */
  readonly allowedPaths: readonly string[];
}

/** Results kept: executables of a busy host, several times over. */
const resultsMax = 10_000;
/** How long a result holds: rules may have been told of since, and nothing is believed for ever. */
const resultTtlMs = 6 * 60 * 60 * 1000;
/** Scans under way. Each keeps the contexts of its events: some 10 KB. */
const pendingMax = 1024;
/** Events that wait for one scan. */
const waitersMax = 64;

interface Pending<Context> {
  readonly subject: ScanSubject;
  readonly waiters: Context[];
  /** Told of already. */
  readonly findings: ScanFinding[];
  /** Written to again meanwhile, by the last of these. */
  again: Context | undefined;
}

export class YaraEventHandler<Event extends NormalizedEvent, Context> implements EventHandler<Event> {
  readonly name = "yara";
  readonly #options: YaraHandlerOptions<Event, Context>;
  readonly #results = new LRUCache<string, readonly ScanFinding[]>({ max: resultsMax, ttl: resultTtlMs });
  readonly #pending = new Map<number, Pending<Context>>();
  readonly #byIdentity = new Map<string, Pending<Context>>();
  readonly #count = {
    looked: 0,
    known: 0,
    allowed: 0,
    asked: 0,
    scanned: 0,
    unscannable: 0,
    lost: 0,
    gone: 0,
    refused: 0,
    hits: 0,
  };
  #lastId = 0;

  constructor(options: YaraHandlerOptions<Event, Context>) {
    this.#options = options;
  }

  get stats(): YaraHandlerStats {
    return { ...this.#count };
  }

  handle(event: Event): void {
    for (const subject of this.#options.subjectsOf(event)) this.#look(event, subject);
  }

  #look(event: Event, subject: ScanSubject): void {
    this.#count.looked++;
    const { identity, path } = subject;
    const known = this.#results.get(identity);
    if (known !== undefined) {
      this.#count.known++;
      if (known.length > 0) this.#emit(this.#options.contextOf(event), known, subject);
      return;
    }
    if (this.#isAllowed(path)) {
      this.#count.allowed++;
      return;
    }
    const underWay = this.#byIdentity.get(identity);
    if (underWay === undefined ? this.#pending.size >= pendingMax : underWay.waiters.length >= waitersMax) {
      this.#count.refused++;
      return;
    }
    const context = this.#options.contextOf(event);
    if (underWay !== undefined) {
      // One file, however often it is closed: told once for each content.
      if (subject.origin === "written") underWay.again = context;
      else {
        underWay.waiters.push(context);
        this.#emit(context, underWay.findings, subject);
      }
      return;
    }
    this.#want(subject, context);
  }

  #want(subject: ScanSubject, context: Context): void {
    const { identity } = subject;
    const pending: Pending<Context> = { subject, waiters: [context], findings: [], again: undefined };
    const id = ++this.#lastId;
    this.#pending.set(id, pending);
    this.#byIdentity.set(identity, pending);
    this.#count.asked++;
    this.#options.want({ id, subject });
  }

  /** The answer to something wanted. One that nobody waits for is let go. */
  settle({ id, identity, status, findings }: ScanSettled): void {
    const pending = this.#pending.get(id);
    if (pending?.subject.identity !== identity) return;
    if (status === "partial") pending.findings.push(...findings);
    else this.#settle(id, pending, status, findings);
    for (const context of pending.waiters) this.#emit(context, findings, pending.subject);
    if (status !== "partial" && pending.again !== undefined) this.#want(pending.subject, pending.again);
  }

  #settle(
    id: number,
    pending: Pending<Context>,
    status: Exclude<ScanSettled["status"], "partial">,
    findings: readonly ScanFinding[],
  ): void {
    this.#pending.delete(id);
    this.#byIdentity.delete(pending.subject.identity);
    this.#count[status]++;
    const isKept = pending.subject.origin === "program" && (status === "scanned" || status === "unscannable");
    if (isKept) this.#results.set(pending.subject.identity, [...pending.findings, ...findings]);
  }

  /** Other rules: what the old ones said of files says nothing any more. */
  forget(): void {
    this.#results.clear();
  }

  #emit(context: Context, findings: readonly ScanFinding[], { origin }: ScanSubject): void {
    for (const finding of findings) {
      this.#count.hits++;
      this.#options.emit(context, finding, origin);
    }
  }

  #isAllowed(path: string): boolean {
    return this.#options.allowedPaths.some(
      (allowed) => path === allowed || path.startsWith(allowed.endsWith("/") ? allowed : `${allowed}/`),
    );
  }
}
