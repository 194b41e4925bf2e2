// From a sensor record to an event: brings the process table up to date with every record, and answers with the event that
// detectors see — or none, for records that only feed the table. Called once a record on the hot path: no allocation but the
// table's own, no look-up that a rule did not ask for.

import {
  ActivityRecord,
  activityKinds,
  eventKinds,
  exeFlag,
  exitLayout,
  forkLayout,
  headerLayout,
  ProcessRecord,
  processLayout,
  recordKind,
  sourceId,
  sourceRow,
} from "../event/mod.ts";
import type { BootClock, ProcessCache } from "../state/mod.ts";
import { ActivityEvent } from "./activity-event.ts";
import { families } from "./families.ts";
import type { NormalizeContext } from "./live-event.ts";
import { NetworkMemory } from "./network/memory.ts";
import { ProcessEvent } from "./process-event.ts";
import { endFields, endKeywordFields, keywordFields, startFields } from "./process-fields.ts";
import { decodeExit } from "./signals.ts";

export interface NormalizerOptions extends Omit<NormalizeContext, "network"> {
  readonly clock: BootClock;
  /** With bounds of its own when absent. */
  readonly network?: NetworkMemory;
}

/** What came through, by kind of record; `malformed` are records of a kind that this program does not know. */
export interface NormalizerStats {
  exec: number;
  fork: number;
  exit: number;
  task: number;
  /** Of the inventory, what came from /proc: no kernel counter knows of these. */
  recovered: number;
  malformed: number;
  /** Of starts and inventory, 32-bit programs: their system calls go another way. */
  compat: number;
  /** By name of the activity (`activityKinds`), those that came. */
  readonly activities: Record<string, number>;
}

/** Every event that a live sensor delivers. */
export type AnyLiveEvent = ProcessEvent | ActivityEvent;

/** The event object of a kind of activity, and how many of it came. */
interface Decoder {
  readonly event: ActivityEvent;
  readonly name: string;
}

const body = headerLayout.bytes;

export class Normalizer {
  readonly stats: NormalizerStats = {
    exec: 0,
    fork: 0,
    exit: 0,
    task: 0,
    recovered: 0,
    malformed: 0,
    compat: 0,
    activities: {},
  };
  /** Names and connections remembered. */
  readonly network: NetworkMemory;
  /** All of the inventory has come through. */
  inventoryDone = false;
  readonly #processes: ProcessCache;
  readonly #clock: BootClock;
  readonly #record: ProcessRecord;
  readonly #start: ProcessEvent;
  readonly #end: ProcessEvent;
  readonly #activity = new ActivityRecord();
  /** By kind. */
  readonly #decoders: (Decoder | undefined)[] = [];
  /** Of the record taken last, when it may hold more than one event. */
  #last: ActivityEvent | undefined;

  constructor(given: NormalizerOptions) {
    const options = { ...given, network: given.network ?? new NetworkMemory() };
    this.network = options.network;
    this.#processes = options.processes;
    this.#clock = options.clock;
    this.#record = new ProcessRecord(Buffer.alloc(headerLayout.bytes));
    this.#start = new ProcessEvent(
      "process_start",
      sourceId("linux/process_creation"),
      startFields,
      keywordFields,
      options,
    );
    this.#end = new ProcessEvent(
      "process_end",
      sourceId("linux/process_termination"),
      endFields,
      endKeywordFields,
      options,
    );
    for (const activity of activityKinds) {
      const family = families.find(({ kinds }) => kinds.includes(activity.name));
      if (family === undefined) continue;
      const { code } = eventKinds[sourceRow(sourceId(activity.source)).kind];
      const event = new ActivityEvent(activity, family, code, this.#activity, options);
      this.#decoders[activity.kind] = { event, name: activity.name };
    }
  }

  /** Takes the record at `at` of `bytes`; the event it means, valid until the next call, or `undefined`. */
  take(bytes: Buffer, at: number): AnyLiveEvent | undefined {
    this.#last = undefined;
    const kind = bytes.readUInt16LE(at + headerLayout.kind);
    if (kind >= recordKind.activity) return this.#takeActivity(kind, bytes, at);
    const pid = bytes.readUInt32LE(at + headerLayout.pid);
    switch (kind) {
      case recordKind.exec: {
        this.stats.exec++;
        this.#record.bind(bytes, at);
        if (this.#isCompat()) this.stats.compat++;
        const timeMs = this.#clock.toEpochMs(this.#record.timeNs);
        this.#start.bind(this.#processes.exec(this.#record), timeMs, this.#record.sequence);
        return this.#start;
      }
      case recordKind.fork: {
        this.stats.fork++;
        const parentPid = bytes.readUInt32LE(at + body + forkLayout.ppid);
        const creatorPid = bytes.readUInt32LE(at + body + forkLayout.creatorPid);
        const parentStartNs = u64(bytes, at + body + forkLayout.parentStartNs);
        this.#processes.fork(pid, u64(bytes, at + body + forkLayout.startNs), parentPid, parentStartNs, creatorPid);
        return undefined;
      }
      case recordKind.exit: {
        this.stats.exit++;
        const timeNs = u64(bytes, at + headerLayout.timeNs);
        const status = bytes.readUInt32LE(at + body + exitLayout.exitCode);
        const entry = this.#processes.exit(pid, u64(bytes, at + body + exitLayout.startNs), timeNs, status);
        if (entry === undefined) return undefined;
        const sequence = u64(bytes, at + headerLayout.sequence);
        this.#end.bind(entry, this.#clock.toEpochMs(timeNs), sequence, decodeExit(status));
        return this.#end;
      }
      case recordKind.task:
        this.#record.bind(bytes, at);
        if (this.#record.isCoarse) this.stats.recovered++;
        else this.stats.task++;
        if (this.#isCompat()) this.stats.compat++;
        // A live record that came first says the same or more: the inventory looks at the process later than its exec.
        if (this.#processes.find(pid, this.#record.startNs, this.#record.isCoarse)?.program === undefined)
          this.#processes.exec(this.#record);
        return undefined;
      case recordKind.inventoryEnd:
        this.inventoryDone = true;
        return undefined;
      default:
        this.stats.malformed++;
        return undefined;
    }
  }

  #isCompat(): boolean {
    return (this.#record.field(processLayout.exeFlags) & exeFlag.compat) !== 0;
  }

  /** Another event of the record that was taken last, or `undefined`; a record of the DNS may hold several messages. */
  next(): AnyLiveEvent | undefined {
    const event = this.#last;
    if (event?.next() === true) return event;
    this.#last = undefined;
    return undefined;
  }

  #takeActivity(kind: number, bytes: Buffer, at: number): ActivityEvent | undefined {
    const decoder = this.#decoders[kind];
    if (decoder === undefined) {
      this.stats.malformed++;
      return undefined;
    }
    const { activities } = this.stats;
    activities[decoder.name] = (activities[decoder.name] ?? 0) + 1;
    this.#activity.bind(bytes, at);
    const isSeen = decoder.event.bind(this.#clock.toEpochMs(this.#activity.timeNs));
    this.#last = isSeen ? decoder.event : undefined;
    return this.#last;
  }
}

function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
