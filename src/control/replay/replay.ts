// `agent replay`: recorded events through the detectors that the agent uses live. All inputs are read first: their digest is part of
// every alert's id, and their records must be sorted by time. Detectors that can look at an event by itself do so while it is read,
// so that only what they found something in is kept and sorted.

import type { AlertInput } from "../../alert/mod.ts";
import { type EventHandler, type Hit, isStaged } from "../../detect/mod.ts";
import type { FieldTable, NormalizedEvent } from "../../event/mod.ts";
import { type AuditDemand, JsonNormalizer } from "../../normalize/mod.ts";
import type { Log } from "../log/mod.ts";
import { type CapturedEvent, type CapturedSource, type CaptureStream, openCapture } from "./capture.ts";
import { Hosts, recordedContext } from "./context.ts";
import type { DetectorSpec } from "./detectors.ts";
import { type FileIdentity, findInputs, type InputFile, sizeOf, workOf } from "./inputs.ts";
import { parallelMinBytes } from "./limits.ts";
import { type Before, orderOf, type Pending, TimeSorter } from "./order.ts";
import { readParallel } from "./parallel.ts";
import { type InputKind, type InputMessage, type ReadResult, readInput, type SourceRead } from "./read-input.ts";
import type { ReadOutcome } from "./worker.ts";

export interface ReplayOptions {
  /** Files, directories, or `-` for standard input; in this order. */
  readonly paths: readonly string[];
  readonly input: InputKind;
  /** Files that are written meanwhile, which are no inputs: below a folder they are left out, named they are refused. */
  readonly outputs?: readonly FileIdentity[] | undefined;
  /** Each input is a stream of its own, with detectors of its own, in the order of inputs. */
  readonly perFile: boolean;
  /** Milliseconds since the epoch: only events at or after `sinceMs` and before `untilMs`. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly failOnAlert: boolean;
  /** The table that the rules were compiled against. */
  readonly fields: FieldTable;
  /**
   * Makes the detectors, with no state from earlier events, that call `emit` while they handle an event; once, or once for
   * each input when they are kept apart.
   */
  readonly makeHandler: (emit: (event: NormalizedEvent, hit: Hit) => void) => EventHandler<NormalizedEvent>;
  /** The audit records that rules ask for, made of captured events; `undefined` when no rule does. */
  readonly auditDemand?: AuditDemand | undefined;
  /** Gets every alert, in order; a promise is waited for, so that a slow output slows the replay down. `false` stops the replay. */
  readonly emit: (alert: AlertInput) => boolean | Promise<boolean>;
  /** Gets how many stored bytes were read, of how many (0 when that is not known), and the events so far; often. */
  readonly onProgress?: (doneBytes: number, totalBytes: number, events: number) => void;
  /** Reads several files at once, with as many workers, when there is enough to read. The result is the same. */
  readonly readers?: { readonly spec: DetectorSpec; readonly count: number; readonly minBytes?: number };
  readonly log: Log;
  readonly stdin?: NodeJS.ReadableStream;
  /** Bytes and records that are sorted in memory; for tests. */
  readonly sortMemory?: { readonly maxBytes: number; readonly maxRecords: number; readonly fanIn?: number };
}

/** What was done, and the exit status. */
export interface ReplayResult {
  readonly summary: {
    readonly files: number;
    readonly events: number;
    readonly malformed: number;
    readonly alerts: number;
    readonly seconds: number;
    readonly events_per_second: number;
  };
  /** Faults of detectors in workers; those on this thread are known to whoever made them. */
  readonly faultCount: number;
  /** In the order of reading. */
  readonly inputs: readonly SourceRead[];
  /** 0, or 1 with `failOnAlert` and an alert; 2 when an input could not be read to its end; 64 when a path cannot be an input. */
  readonly exitCode: 0 | 1 | 2 | 64;
}

/** Replays the inputs. Rejects only for faults outside of them: of the output, of the temporary directory, of a detector. */
export async function replayEvents(options: ReplayOptions): Promise<ReplayResult> {
  return await new Replay(options).run();
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #normalizer: JsonNormalizer;
  readonly #hosts = new Hosts();
  /** What was read, by its number; in the order of reading. */
  readonly #sources = new Map<number, SourceRead>();
  /** Alerts about the event of a capture, and about audit records made of it, that are not told yet. */
  readonly #auditDue: CapturedAlert[] = [];
  /** Captures, by their first reading. */
  readonly #captures: CapturedSource[] = [];
  readonly #before: Before;
  readonly #startedMs = performance.now();
  #events = 0;
  #malformed = 0;
  #alerts = 0;
  #files = 0;
  #doneBytes = 0;
  /** Inside of the engines of workers. */
  #faults = 0;
  #totalBytes = 0;
  #isStopped = false;
  #isPartial = false;
  #isUsage = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#normalizer = new JsonNormalizer(options.fields);
    this.#before = orderOf(options.perFile);
  }

  async run(): Promise<ReplayResult> {
    const { paths, log } = this.#options;
    const { files, skipped, skippedCount, failed, failedCount } = findInputs(paths, this.#options.outputs);
    for (const { path, reason, isUsage } of failed) {
      log.error("input cannot be read", { path, reason });
      if (isUsage) this.#isUsage = true;
      else this.#isPartial = true;
    }
    if (failedCount > failed.length) log.error("inputs cannot be read", { count: failedCount });
    for (const { path, reason } of skipped) log.warn("input skipped", { path, reason });
    if (skippedCount > skipped.length) log.warn("inputs skipped", { count: skippedCount });
    if (files.length === 0 && failed.length === 0) log.warn("no recording found below the given paths");
    // A path that was mistyped would otherwise look like a recording without a finding.
    if (!this.#isUsage) await this.#replay(files);
    return this.#result();
  }

  async #replay(files: readonly InputFile[]): Promise<void> {
    const sorter = new TimeSorter(this.#normalizer, { before: this.#before, ...this.#options.sortMemory });
    const detectors = new Detectors(this.#options);
    this.#totalBytes = this.#options.onProgress === undefined ? 0 : sizeOf(files);
    try {
      const read = await this.#readParallel(files, sorter);
      const sieve = this.#sieve(detectors, sorter);
      for (const [index, file] of files.entries()) {
        const outcome = read?.get(index);
        if (outcome === undefined) await this.#read(file, index, sieve);
        // The rest of it is there already: captures are read here alone, and what is said of it comes with them.
        else if (outcome.result.hasCaptures) await this.#read(file, index, () => {});
        else this.#account(outcome.result, outcome.messages, outcome.messageCount);
        if (outcome !== undefined) this.#events += outcome.events;
      }
      await this.#evaluate(sorter, detectors);
    } finally {
      sorter.close();
      for (const { scan } of this.#captures) scan.close();
    }
  }

  /** Reads what workers can read, when that is worth it. */
  async #readParallel(
    files: readonly InputFile[],
    sorter: TimeSorter,
  ): Promise<ReadonlyMap<number, ReadOutcome> | undefined> {
    const { readers, input, onProgress } = this.#options;
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    if (readers === undefined) return undefined;
    const jobs = [...files.entries()].filter(([, { path }]) => path !== "-");
    const count = Math.min(readers.count, jobs.length);
    if (count < 2 || workOf(jobs.map(([, file]) => file)) < (readers.minBytes ?? parallelMinBytes)) return undefined;
    this.#options.log.debug("reading several inputs at once", { workers: count });
    const outcomes = await readParallel(jobs, {
      spec: readers.spec,
      count,
      input,
      sinceMs,
      untilMs,
      normalizer: this.#normalizer,
      onRecord: (record, bytes) => sorter.add(record, bytes),
      onProgress: (bytes, events) => onProgress?.(bytes, this.#totalBytes, events),
    });
    for (const { faultCount } of outcomes.values()) this.#faults += faultCount;
    return outcomes;
  }

  /** Keeps what is to be evaluated in order: of the events in the time asked for, those that the handler has found something in. */
  #sieve(detectors: Detectors, sorter: TimeSorter): (record: Pending, bytes: number) => void {
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    const { first } = detectors;
    const staged = isStaged(first) ? first : undefined;
    return (record, bytes) => {
      const { event } = record;
      if (event.timeMs < sinceMs || event.timeMs >= untilMs) return;
      this.#events++;
      if (staged === undefined) {
        sorter.add(record, bytes);
        return;
      }
      const found = staged.examine(event);
      if (found !== undefined) sorter.add({ event, input: record.input, sequence: record.sequence, found }, bytes);
    };
  }

  /** Reads one input into the sorter. */
  async #read(file: InputFile, index: number, onEvent: (record: Pending, bytes: number) => void): Promise<void> {
    const { input, fields, log, stdin = process.stdin, onProgress } = this.#options;
    const read = await readInput(file, index, {
      input,
      fields,
      stdin,
      onEvent,
      onCapture: (capture) => void this.#captures.push(capture),
      onMessage: ({ level, message, data }) => log[level](message, data),
      onProgress: (storedBytes) => {
        onProgress?.(this.#doneBytes + storedBytes, this.#totalBytes, this.#events);
        return undefined;
      },
    });
    this.#account(read, [], 0);
  }

  /** Adds up what came of an input, and says what there is to say of it. */
  #account(read: ReadResult, messages: readonly InputMessage[], messageCount: number): void {
    const { log } = this.#options;
    for (const { level, message, data } of messages) log[level](message, data);
    if (messageCount > messages.length)
      log.warn("more was wrong with an input", { count: messageCount - messages.length });
    this.#doneBytes += read.storedBytes;
    for (const source of read.sources) this.#sources.set(source.input, source);
    this.#files += read.files;
    this.#malformed += read.malformed;
    this.#isPartial ||= read.isPartial;
    this.#isUsage ||= read.isUsage;
  }

  async #evaluate(sorter: TimeSorter, detectors: Detectors): Promise<void> {
    const { hits } = detectors;
    const captures = await this.#openCaptures(detectors);
    try {
      for (const pending of sorter.drain()) {
        if (captures.length > 0) await this.#captured(captures, pending, detectors);
        if (this.#isStopped) return;
        const { event, input, found } = pending;
        const handler = detectors.of(input);
        if (found !== undefined && isStaged(handler)) handler.conclude(event, found);
        else handler.handle(event);
        if (hits.length > 0 && !(await this.#tell(hits, input, this.#about(pending)))) return;
        hits.length = 0;
      }
      await this.#captured(captures, undefined, detectors);
    } finally {
      for (const stream of captures) {
        await stream.close();
        this.#sayCapture(stream);
      }
    }
  }

  /** Evaluates what captures have before a recorded event, or all that is left of them. */
  async #captured(captures: readonly CaptureStream[], until: Pending | undefined, detectors: Detectors): Promise<void> {
    const isBefore = (a: Place, b: Place): boolean => this.#before(a, b) < 0;
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    while (!this.#isStopped) {
      let first: CaptureStream | undefined;
      for (const stream of captures)
        if (stream.head !== undefined && (first?.head === undefined || isBefore(stream.head, first.head)))
          first = stream;
      const head = first?.head;
      if (first === undefined || head === undefined || (until !== undefined && !isBefore(head, until))) return;
      const { timeMs } = head.event;
      if (timeMs >= sinceMs && timeMs < untilMs) {
        this.#events++;
        const from = this.#sources.get(head.input);
        if (from !== undefined) from.events++;
        for (const { hit, ...about } of this.#judged(first, head, detectors))
          await this.#tell([hit], head.input, about);
      }
      await first.advance();
    }
  }

  /**
   * Evaluates the event at the head of a capture and the audit records that are made of it, and joins what their alerts say. Fields are
   * decoded when a rule asks for them: a record that lies about its length shows only then, and is one record lost.
   */
  #judged(stream: CaptureStream, head: CapturedEvent, detectors: Detectors): CapturedAlert[] {
    const { hits } = detectors;
    const due = this.#auditDue;
    try {
      detectors.of(head.input).handle(head.event);
      if (hits.length > 0) {
        const { event, process } = stream.context();
        for (const hit of hits) due.push({ hit, event, process, host: stream.host, sequence: head.sequence });
        hits.length = 0;
      }
      stream.audit();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      stream.malformed++;
    }
    hits.length = 0;
    return due.splice(0);
  }

  async #openCaptures(detectors: Detectors): Promise<CaptureStream[]> {
    const streams: CaptureStream[] = [];
    const { auditDemand } = this.#options;
    for (const capture of this.#captures) {
      const stream = await openCapture(capture, this.#options.fields);
      if (stream === undefined) continue;
      if (auditDemand !== undefined)
        stream.makeAudit(auditDemand, (made) => {
          const { hits } = detectors;
          detectors.of(stream.input).handle(made);
          const sequence = stream.nextSequence();
          for (const hit of hits.splice(0)) {
            const { event, process } = stream.context(made);
            this.#auditDue.push({ hit, event, process, host: stream.host, sequence });
          }
        });
      await stream.advance();
      streams.push(stream);
    }
    return streams;
  }

  #sayCapture(stream: CaptureStream): void {
    const input = this.#sources.get(stream.input);
    const path = input?.path ?? "";
    this.#malformed += stream.malformed;
    if (input !== undefined) input.malformed += stream.malformed;
    if (stream.malformed > 0)
      this.#options.log.warn("malformed records skipped", { path, count: stream.malformed, places: stream.malformed });
    if (Object.keys(stream.lost).length > 0)
      this.#options.log.warn("the sensor lost events while this was recorded", { path, ...stream.lost });
  }

  #about({ event, sequence }: Pending): About {
    return { ...recordedContext(event, this.#hosts), sequence, recordId: event.origin.recordId };
  }

  /** Gives the alerts of an event to the output; false when it wants no more. */
  async #tell(hits: readonly Hit[], input: number, about: About): Promise<boolean> {
    const from = this.#sources.get(input);
    if (from === undefined) throw new Error(`Cannot find input ${input}`);
    const { sequence, recordId = "", ...context } = about;
    const replay = { path: from.path, sequence, digest: from.digest, ...(recordId === "" ? {} : { recordId }) };
    for (const hit of hits) {
      this.#alerts++;
      const wanted = this.#options.emit({ hit, ...context, replay });
      if ((typeof wanted === "boolean" ? wanted : await wanted) === false) {
        this.#isStopped = true;
        return false;
      }
    }
    return true;
  }

  #result(): ReplayResult {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const summary = {
      files: this.#files,
      events: this.#events,
      malformed: this.#malformed,
      alerts: this.#alerts,
      seconds: Math.round(seconds * 1000) / 1000,
      events_per_second: seconds > 0 ? Math.round(this.#events / seconds) : 0,
    };
    const found = this.#options.failOnAlert && this.#alerts > 0;
    return {
      summary,
      faultCount: this.#faults,
      // Several readers finish in any order.
      inputs: [...this.#sources.values()].sort((a, b) => a.input - b.input),
      exitCode: this.#isUsage ? 64 : found ? 1 : this.#isPartial ? 2 : 0,
    };
  }
}

/** The detectors of a replay: one for all inputs, or one after another for each. */
class Detectors {
  /** What the last event was hit by. */
  readonly hits: Hit[] = [];
  readonly first: EventHandler<NormalizedEvent>;
  readonly #options: ReplayOptions;
  #current: EventHandler<NormalizedEvent>;
  #input: number | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.first = this.#make();
    this.#current = this.first;
  }

  /** The one for events of an input. */
  of(input: number): EventHandler<NormalizedEvent> {
    if (this.#options.perFile && input !== this.#input && this.#input !== undefined) this.#current = this.#make();
    this.#input = input;
    return this.#current;
  }

  #make(): EventHandler<NormalizedEvent> {
    return this.#options.makeHandler((_, hit) => void this.hits.push(hit));
  }
}

/** What an alert says besides its hit. */
type About = Omit<AlertInput, "hit" | "replay"> & { readonly sequence: number; readonly recordId?: string };

interface Place {
  readonly event: NormalizedEvent;
  readonly input: number;
  readonly sequence: number;
}

type CapturedAlert = Omit<AlertInput, "replay"> & { readonly hit: Hit; readonly sequence: number };
