// An audit record that auditd never wrote: made from an event of our own sensors, with auditd's names and spellings (audit(7) field
// dictionary), so that rules written for auditd run without it. One object a type of record, moved from event to event; it exists
// only while some rule asks for its type.

import {
  actorLayout,
  type EventKind,
  type FieldValue,
  type NormalizedEvent,
  processLayout,
  type Slot,
  sourceId,
} from "../../event/mod.ts";
import type { ProcessEntry, Program } from "../../state/mod.ts";
import { ActivityEvent } from "../activity-event.ts";
import type { NormalizeContext } from "../live-event.ts";
import type { AnyLiveEvent } from "../normalizer.ts";
import { pathNames } from "./paths.ts";
import { auditArch, syscallNumber } from "./syscalls.ts";

/** What a record says beyond who acts. */
export interface AuditFacts {
  /** Name of the system call. */
  readonly syscall: string;
  /** Arguments as auditd writes them: hexadecimal without a prefix. Those that nobody saw are absent. */
  readonly args?: readonly (string | undefined)[];
  readonly success?: boolean;
  readonly exit?: string | undefined;
  readonly key?: string | undefined;
  /** PATH: absolute, though auditd writes what was passed; and `NORMAL CREATE DELETE`. */
  readonly name?: string | undefined;
  readonly nametype?: string | undefined;
  readonly item?: number;
}

/** Types of records that are made from sensor events. */
export const auditTypes = ["SYSCALL", "EXECVE", "CWD", "PATH"] as const;
export type AuditType = (typeof auditTypes)[number];

/** Arguments of a program that have a field: `a0` to `a15`. auditd has as many as there are. */
const argsMax = 16;
/** (uid_t)-1: never logged in, no session. */
const unset = 4_294_967_295;

type Reader = (event: AuditEvent) => FieldValue;

const own =
  (offset: number): Reader =>
  (event) => {
    const value = event.fact(offset);
    return value === undefined ? undefined : String(value);
  };
const named =
  (offset: number): Reader =>
  (event) =>
    event.user(offset);
/** What a record of an activity says itself, by the field of the program's record: that is of the start, this of now. */
const current: ReadonlyMap<number, number> = new Map([
  [processLayout.uid, actorLayout.uid],
  [processLayout.euid, actorLayout.euid],
]);
/** A rule may use any name of a path: each of an array is asked. */
const pathValue = (path: string | undefined): FieldValue => {
  if (path === undefined || path === "") return undefined;
  const names = pathNames(path);
  return names.length === 1 ? path : names;
};
const orAbsent = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

const indexed = (read: (event: AuditEvent, index: number) => string | undefined, count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index): [string, Reader] => [`a${index}`, (it) => read(it, index)]),
  );

const { uid, gid, euid, egid, suid, sgid, loginUid, auditSession, ttyMajor, ttyMinor } = processLayout;

/** By type of record, then by field, in auditd's order. */
export const auditFields: Readonly<Record<AuditType, Readonly<Record<string, Reader>>>> = {
  SYSCALL: {
    type: () => "SYSCALL",
    arch: () => auditArch,
    syscall: ({ facts }) => syscallNumber(facts.syscall),
    success: ({ facts }) => (facts.success === undefined ? undefined : facts.success ? "yes" : "no"),
    exit: ({ facts }) => facts.exit,
    ...indexed(({ facts }, index) => facts.args?.[index], 4),
    ppid: ({ entry }) => entry && String(entry.parentPid),
    pid: ({ entry }) => entry && String(entry.pid),
    auid: own(loginUid),
    uid: own(uid),
    gid: own(gid),
    euid: own(euid),
    suid: own(suid),
    egid: own(egid),
    sgid: own(sgid),
    tty: ({ program }) => program && ttyName(program.record.field(ttyMajor), program.record.field(ttyMinor)),
    ses: own(auditSession),
    comm: ({ base, program }) => orAbsent(base instanceof ActivityEvent ? base.record.comm : program?.record.comm),
    exe: ({ program }) => orAbsent(program?.image),
    key: ({ facts }) => facts.key,
    // What auditd adds with log_format=ENRICHED.
    ARCH: () => (auditArch === "c00000b7" ? "aarch64" : "x86_64"),
    SYSCALL: ({ facts }) => facts.syscall,
    AUID: (event) => (event.program?.record.field(loginUid) === unset ? "unset" : event.user(loginUid)),
    UID: named(uid),
    EUID: named(euid),
    SUID: named(suid),
  },
  EXECVE: {
    type: () => "EXECVE",
    argc: ({ program }) => program && String(program.record.field(processLayout.argc)),
    ...indexed((event, index) => event.args[index], argsMax),
  },
  CWD: { type: () => "CWD", cwd: ({ program }) => orAbsent(program?.record.text("cwd")) },
  PATH: {
    type: () => "PATH",
    item: ({ facts }) => String(facts.item ?? 0),
    name: ({ facts }) => pathValue(facts.name),
    nametype: ({ facts }) => facts.nametype,
  },
};

/** Where keywords are searched. The words of a command line stand in one text: a keyword may span two. */
const keywordFields: Readonly<Record<AuditType, readonly string[]>> = {
  SYSCALL: ["comm", "exe", "key"],
  EXECVE: [],
  CWD: ["cwd"],
  PATH: ["name"],
};

const source = sourceId("linux/auditd");
const none: AuditFacts = { syscall: "" };

export class AuditEvent implements NormalizedEvent {
  readonly kind: EventKind = "other";
  readonly source = source;
  readonly type: AuditType;
  timeMs = 0;
  sequence = 0;
  /** The event that it is made from. Set by {@link bind}. */
  base!: AnyLiveEvent;
  facts: AuditFacts = none;
  readonly #context: NormalizeContext;
  readonly #readers: (Reader | undefined)[] = [];
  readonly #keywordSlots: readonly Slot[];
  #args: readonly (string | undefined)[] | undefined;

  constructor(type: AuditType, context: NormalizeContext) {
    this.type = type;
    this.#context = context;
    for (const [name, reader] of Object.entries(auditFields[type])) {
      const slot = context.fields.slot(name);
      while (this.#readers.length <= slot) this.#readers.push(undefined);
      this.#readers[slot] = reader;
    }
    this.#keywordSlots = keywordFields[type].map((name) => context.fields.slot(name));
  }

  /** Moves the object to the next record. Valid until the call after. */
  bind(base: AnyLiveEvent, facts: AuditFacts): void {
    this.timeMs = base.timeMs;
    this.sequence = base.sequence;
    this.base = base;
    this.facts = facts;
    this.#args = undefined;
  }

  get entry(): ProcessEntry | undefined {
    return this.base.entry;
  }

  /** What the process ran then. */
  get program(): Program | undefined {
    return this.base.program;
  }

  /** By number; of a command line that was cut the first are missing. */
  get args(): readonly (string | undefined)[] {
    if (this.#args !== undefined) return this.#args;
    const record = this.program?.record;
    const kept = record?.list("args") ?? [];
    const missing = record?.isCut("args") === true ? Math.max(0, record.field(processLayout.argc) - kept.length) : 0;
    this.#args = missing === 0 ? kept : [...new Array<undefined>(Math.min(missing, argsMax)), ...kept];
    return this.#args;
  }

  get(slot: Slot): FieldValue {
    return this.#readers[slot]?.(this);
  }

  eachText(visit: (text: string) => void): void {
    if (this.type === "EXECVE" && this.program !== undefined) visit(this.program.commandLine);
    for (const slot of this.#keywordSlots) {
      const value = this.get(slot);
      for (const text of Array.isArray(value) ? value : [value]) if (typeof text === "string") visit(text);
    }
  }

  /** All fields that the record has, by name. */
  snapshot(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const [name, reader] of Object.entries(auditFields[this.type])) {
      const value = reader(this);
      const text = Array.isArray(value) ? value[0] : value;
      if (typeof text === "string") all[name] = text;
    }
    return all;
  }

  /** A number about who acts (an offset of `processLayout`): as of now where the event says so, else as of the program's start. */
  fact(offset: number): number | undefined {
    const now = this.base instanceof ActivityEvent ? current.get(offset) : undefined;
    return now === undefined ? this.program?.record.field(offset) : (this.base as ActivityEvent).record.actor(now);
  }

  /** Name of the user in a uid field of who acts; the number when it has no name. */
  user(offset: number): string | undefined {
    const record = this.program?.record;
    if (record === undefined || this.entry === undefined) return undefined;
    const id = this.fact(offset) ?? 0;
    const { mntNs, userNs } = processLayout;
    return this.#context.users.name(record.field(mntNs), record.field(userNs), id, this.entry.pid) ?? String(id);
  }
}

/** As the kernel's tty_name: pseudo terminals are major 136, virtual consoles 4. */
function ttyName(major: number, minor: number): string {
  if (major === 0) return "(none)";
  if (major >= 136 && major <= 143) return `pts${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return `${major}:${minor}`;
}
