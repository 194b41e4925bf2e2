// Records to events, with all that is remembered between them: the same for the live sensor and for the replay of what a sensor
// delivered. Whoever owns it feeds it records in order, the names of users and the clock; it asks the machine for nothing.

import {
  type AlertInput,
  auditEventContext,
  type EventContext,
  liveEventContext,
  liveProcessContext,
  processContext,
} from "../../alert/mod.ts";
import { type FieldTable, headerLayout, recordKind } from "../../event/mod.ts";
import {
  type AnyLiveEvent,
  AuditEvent,
  NetworkMemory,
  type NetworkMemoryOptions,
  type NormalizeContext,
  Normalizer,
  type NormalizerStats,
  type SensitiveFiles,
} from "../../normalize/mod.ts";
import {
  BootClock,
  ProcessCache,
  type ProcessCacheOptions,
  type ProcessEntry,
  parsePasswd,
  UserNames,
} from "../../state/mod.ts";

/** Bytes of records held until the inventory is there: some thousand starts. Then the first alerts would rather lack a parent than come late. */
const earlySizeMaxBytes = 4 * 1024 * 1024;

export interface DecoderOptions {
  readonly fields: FieldTable;
  readonly processes: ProcessCacheOptions;
  readonly namespacesMax: number;
  readonly hostId: string;
  readonly hostMountNs: number;
  /** Files whose being read is an event. */
  readonly sensitive: SensitiveFiles;
  readonly network: NetworkMemoryOptions;
  /** Milliseconds since the epoch at CLOCK_BOOTTIME 0. */
  readonly bootOffsetMs: () => number;
  /** As in UserNames. */
  readonly usersWanted: (mountNs: number, pid: number) => void;
  /** Milliseconds of a clock that only goes forward, for asking again for names; a replay's stands still. */
  readonly nowMs?: () => number;
}

/** What an alert says about an event and its process. */
export interface LiveContext {
  readonly event: EventContext;
  readonly process: NonNullable<AlertInput["process"]>;
}

export class RecordDecoder {
  readonly processes: ProcessCache;
  readonly users: UserNames;
  readonly clock: BootClock;
  readonly normalizer: Normalizer;
  readonly context: NormalizeContext;

  constructor(options: DecoderOptions) {
    const { fields, hostId, hostMountNs, namespacesMax, nowMs, sensitive } = options;
    this.clock = new BootClock(options.bootOffsetMs);
    this.processes = new ProcessCache(options.processes);
    const wanted = options.usersWanted;
    this.users = new UserNames({ namespacesMax, hostMountNs, wanted, ...(nowMs === undefined ? {} : { nowMs }) });
    const { processes, users, clock } = this;
    const network = new NetworkMemory(options.network);
    this.context = { fields, processes, users, hostId, sensitive, network };
    this.normalizer = new Normalizer({ ...this.context, clock });
  }

  get stats(): Readonly<NormalizerStats> {
    return this.normalizer.stats;
  }

  get inventoryDone(): boolean {
    return this.normalizer.inventoryDone;
  }

  /**
   * Takes the record at `at` of `bytes`; the event that it means, valid until the next call, or `undefined`. A record that contradicts
   * itself is counted as malformed: one event is lost, not all that come after it.
   */
  take(bytes: Buffer, at: number): AnyLiveEvent | undefined {
    try {
      return this.normalizer.take(bytes, at);
    } catch {
      this.normalizer.stats.malformed++;
      return undefined;
    }
  }

  /** Another event of the record that {@link take} was given last, or `undefined`. Asked until there is none. */
  next(): AnyLiveEvent | undefined {
    return this.normalizer.next();
  }

  /** Puts a table of users in place; `undefined`: whoever lived there is gone. */
  setUsers(mountNs: number, passwd: string | undefined): void {
    if (passwd === undefined) this.users.forget(mountNs);
    else this.users.set(mountNs, parsePasswd(passwd));
  }

  /** A process as an alert shows it. */
  processContextOf(entry: ProcessEntry): LiveContext["process"] {
    const { processes, users, clock } = this;
    return processContext(entry, { processes, users, clock, hostId: this.context.hostId });
  }

  /** Joined now: what is known at this moment, about the event that {@link take} gave last, or an audit record made from it. */
  contextOf(event: AnyLiveEvent | AuditEvent): LiveContext {
    const { processes, users, clock } = this;
    const sources = { processes, users, clock, hostId: this.context.hostId };
    return event instanceof AuditEvent
      ? { event: auditEventContext(event), process: liveProcessContext(event.base, sources) }
      : { event: liveEventContext(event), process: liveProcessContext(event, sources) };
  }
}

/**
 * Holds live records until the inventory is complete: the programs report from the moment they are attached, and an alert about
 * a process whose parent comes later in the ring would not know that parent.
 */
export class EarlyRecords {
  readonly #held: Buffer[] = [];
  #bytes = 0;

  /**
   * Keeps a copy (`held`), or leaves the record to be taken at once: it is `inventory`, or there is no more room (`full`) and what
   * was held is to be taken before it.
   */
  hold(bytes: Buffer, at: number): "held" | "inventory" | "full" {
    const kind = bytes.readUInt16LE(at + headerLayout.kind);
    if (kind === recordKind.task || kind === recordKind.inventoryEnd) return "inventory";
    const size = bytes.readUInt32LE(at + headerLayout.size);
    if (this.#bytes + size > earlySizeMaxBytes) return "full";
    this.#bytes += size;
    this.#held.push(Buffer.from(bytes.subarray(at, at + size)));
    return "held";
  }

  /** Is there a record about this process? */
  has(pid: number): boolean {
    return this.#held.some((record) => record.readUInt32LE(headerLayout.pid) === pid);
  }

  /** All that was held, in order. */
  get records(): readonly Buffer[] {
    return this.#held;
  }
}
