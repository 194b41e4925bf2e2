// The event of a process's start or end: one object a kind, moved from event to event. A field is decoded when it is first
// read, and once an event.

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
import type { FieldReader } from "./process-fields.ts";
import type { ExitStatus } from "./signals.ts";

/** What every live event can ask. */
export interface NormalizeContext {
  readonly fields: FieldTable;
  readonly processes: ProcessCache;
  readonly users: UserNames;
  /** Identity of host and boot: part of every process's identity. */
  readonly hostId: string;
}

export class ProcessEvent implements NormalizedEvent {
  readonly kind: EventKind;
  readonly source: SourceId;
  timeMs = 0;
  /** Set by {@link bind}. */
  entry!: ProcessEntry;
  program: Program | undefined;
  /** How it ended; ends only. */
  exit: ExitStatus | undefined;
  /** Number of the event among those of its kind on its CPU. */
  sequence = 0;

  readonly #context: NormalizeContext;
  readonly #readers: (FieldReader | undefined)[] = [];
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
    readers: Readonly<Record<string, FieldReader>>,
    keywordFields: ReadonlySet<string>,
    context: NormalizeContext,
  ) {
    this.kind = kind;
    this.source = source;
    this.#context = context;
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

  /** Moves the object to the next event. */
  bind(entry: ProcessEntry, timeMs: number, sequence: number, exit?: ExitStatus): void {
    this.entry = entry;
    this.program = entry.program;
    this.timeMs = timeMs;
    this.sequence = sequence;
    this.exit = exit;
    this.#parent = undefined;
    this.#stamp++;
  }

  get(slot: Slot): FieldValue {
    if (this.#stamps[slot] === this.#stamp) return this.#values[slot];
    const reader = this.#readers[slot];
    if (reader === undefined) return undefined;
    const value = reader(this);
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
    if (this.#parent === undefined) this.#parent = this.#context.processes.parentOf(this.entry) ?? null;
    return this.#parent ?? undefined;
  }

  /** Name of the user in a uid field (an offset of `processLayout`) of a process; the number when it has no name. */
  userName(entry: ProcessEntry, uidField: number): string | undefined {
    const record = entry.program?.record;
    if (record === undefined) return undefined;
    const uid = record.field(uidField);
    const { mntNs, userNs } = processLayout;
    return this.#context.users.name(record.field(mntNs), record.field(userNs), uid, entry.pid) ?? String(uid);
  }

  identity(entry: ProcessEntry): ProcessIdentity {
    return processIdentity(this.#context.hostId, entry.pid, entry.startNs);
  }
}
