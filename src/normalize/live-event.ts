// What all events of the live sensor have in common: one object a kind, moved from event to event, whose fields are decoded
// when they are first read, and once an event.

import {
  type EventKind,
  type FieldTable,
  type FieldValue,
  type NormalizedEvent,
  type ProcessIdentity,
  processIdentity,
  processLayout,
  type Slot,
  type SourceId,
} from "../event/mod.ts";
import type { ProcessCache, ProcessEntry, Program, UserNames } from "../state/mod.ts";
import type { NetworkMemory } from "./network/memory.ts";
import type { SensitiveFiles } from "./sensitive-files.ts";

/** What every live event can ask. */
export interface NormalizeContext {
  readonly fields: FieldTable;
  readonly processes: ProcessCache;
  readonly users: UserNames;
  /** Identity of host and boot: part of every process's identity. */
  readonly hostId: string;
  /** Files whose being read is an event; the default list when absent. */
  readonly sensitive?: SensitiveFiles;
  readonly network: NetworkMemory;
}

/** Reads one field; `undefined`: the event does not have it. */
export type Reader<Event> = (event: Event) => string | undefined;
export type Readers<Event> = Readonly<Record<string, Reader<Event>>>;

/** What an alert shows of an event beyond its fields. */
export interface EventDetails {
  /** Names of fields whose text was cut. */
  readonly truncated: readonly string[];
  /** ECS field sets that the event fills itself, before its fields do: `{ file: { inode: "12" } }`. */
  readonly ecs?: Readonly<Record<string, unknown>>;
  /** Facts without an ECS name, for `sigil.*`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** `Self` is the class that extends it: what its readers get. */
export abstract class LiveEvent<Self = never> implements NormalizedEvent {
  readonly kind: EventKind;
  readonly source: SourceId;
  timeMs = 0;
  /** Number of the event among those of its kind on its CPU. */
  sequence = 0;
  /** A repeat of an event that was told: the detectors see it, what comes after them leaves it out. */
  isRepeat = false;

  readonly context: NormalizeContext;
  readonly #readers: (Reader<Self> | undefined)[] = [];
  readonly #names: readonly string[];
  readonly #slots: readonly Slot[];
  readonly #keywordSlots: readonly Slot[];
  readonly #values: FieldValue[] = [];
  readonly #stamps: number[] = [];
  #stamp = 0;
  #parent: ProcessEntry | null | undefined;

  constructor(
    kind: EventKind,
    source: SourceId,
    readers: Readers<Self>,
    keywordFields: ReadonlySet<string>,
    context: NormalizeContext,
  ) {
    this.kind = kind;
    this.source = source;
    this.context = context;
    this.#names = Object.keys(readers);
    this.#slots = this.#names.map((name) => {
      const slot = context.fields.slot(name);
      while (this.#readers.length <= slot) {
        this.#readers.push(undefined);
        this.#values.push(undefined);
        this.#stamps.push(0);
      }
      this.#readers[slot] = readers[name];
      return slot;
    });
    this.#keywordSlots = this.#slots.filter((_, i) => keywordFields.has(this.#names[i] as string));
  }

  /** Forgets what was decoded: the next event begins. */
  protected moved(): void {
    this.#parent = undefined;
    this.#stamp++;
  }

  /** The process that the event is about; `undefined` when the table does not know it. */
  abstract get entry(): ProcessEntry | undefined;
  /** What it ran when the event happened. */
  abstract get program(): Program | undefined;
  /** Its pid, known or not. */
  abstract get pid(): number;
  /** What an alert shows beyond the fields. Built when it is asked for. */
  abstract details(): EventDetails;

  get(slot: Slot): FieldValue {
    if (this.#stamps[slot] === this.#stamp) return this.#values[slot];
    const reader = this.#readers[slot];
    if (reader === undefined) return undefined;
    const value = reader(this as unknown as Self);
    this.#values[slot] = value;
    this.#stamps[slot] = this.#stamp;
    return value;
  }

  eachText(visit: (text: string) => void): void {
    for (const slot of this.#keywordSlots) {
      const value = this.get(slot);
      if (typeof value === "string") visit(value);
    }
  }

  /** All fields that the event has, by name, as text: what `sigil.event` of an alert shows. */
  snapshot(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const [i, slot] of this.#slots.entries()) {
      const value = this.get(slot);
      if (typeof value === "string") all[this.#names[i] as string] = value;
    }
    return all;
  }

  /** The process that started it, as the table knows it. Looked up once an event, and only when asked for. */
  get parent(): ProcessEntry | undefined {
    if (this.#parent === undefined) {
      const { entry } = this;
      this.#parent = (entry === undefined ? undefined : this.context.processes.parentOf(entry)) ?? null;
    }
    return this.#parent ?? undefined;
  }

  /** Name of the user in a uid field (an offset of `processLayout`) of a process; the number when it has no name. */
  userName(entry: ProcessEntry, uidField: number): string | undefined {
    const record = entry.program?.record;
    if (record === undefined) return undefined;
    const uid = record.field(uidField);
    const { mntNs, userNs } = processLayout;
    return this.context.users.name(record.field(mntNs), record.field(userNs), uid, entry.pid) ?? String(uid);
  }

  identity(entry: ProcessEntry): ProcessIdentity {
    return this.identityOf(entry.pid, entry.startNs);
  }

  identityOf(pid: number, startNs: number): ProcessIdentity {
    return processIdentity(this.context.hostId, pid, startNs);
  }
}

/** Sysmon's spelling of a moment: `2026-01-31 12:00:00.123`, UTC. */
export function utcTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("T", " ").slice(0, 23);
}
