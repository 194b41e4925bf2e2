// The event of an activity: what a process did. Its own fields come from the record, those of the process by way of the process
// table, looked up when the first of them is asked for. Valid until the next record is taken.

import {
  type ActivityKind,
  type ActivityRecord,
  actorFlag,
  actorLayout,
  processLayout,
  sourceId,
  sourceRow,
} from "../event/mod.ts";
import { containerOf, type ProcessEntry, type Program } from "../state/mod.ts";
import { type EventDetails, LiveEvent, type NormalizeContext, type Readers, utcTime } from "./live-event.ts";
import type { NetworkMemory } from "./network/memory.ts";
import { kernelFacts } from "./process-facts.ts";

/** How records of some kinds become events. One file a family beside this one; `families.ts` lists them. */
export interface ActivityFamily {
  /** Names of the kinds (`activityKinds` of the room event). */
  readonly kinds: readonly string[];
  /** Fields beyond those of every activity ({@link actorFields}); liveFields lists the same names. */
  readonly readers: Readers<ActivityEvent>;
  /** Those of them where keywords of a rule are searched. */
  readonly keywords: ReadonlySet<string>;
  /** Field whose text a section is, by type of the section: named in `sigil.truncated` when it was cut. */
  readonly sections: Readonly<Record<number, string>>;
  /**
   * Called for every record before detectors see its event, to keep state up to date. False: no detector sees it (a repeat, an
   * answer that only feeds a cache).
   */
  readonly observe?: (event: ActivityEvent) => boolean;
  /** The record holds another event: moves to it. Called after each event until it says no. */
  readonly next?: (event: ActivityEvent) => boolean;
  /** ECS field sets that an alert shows beside those made from the fields. */
  readonly ecs?: (event: ActivityEvent) => Readonly<Record<string, unknown>>;
  /** Facts without an ECS name, for `sigil.*`. */
  readonly extra?: (event: ActivityEvent) => Readonly<Record<string, unknown>>;
}

const orAbsent = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** Fields of every activity: the process that acted. */
export const actorFields: Readers<ActivityEvent> = {
  EventID: ({ code }) => orAbsent(code),
  UtcTime: ({ timeMs }) => utcTime(timeMs),
  ProcessGuid: (event) => event.identityOf(event.pid, event.record.startNs).guid,
  ProcessId: ({ pid }) => String(pid),
  Image: ({ program }) => orAbsent(program?.image),
  CommandLine: ({ program }) => program?.commandLine,
  CurrentDirectory: ({ program }) => orAbsent(program?.record.text("cwd")),
  User: (event) => event.user(event.record.actor(actorLayout.euid)),
  ParentProcessGuid: (event) => event.parent && event.identity(event.parent).guid,
  ParentProcessId: ({ record }) => String(record.actor(actorLayout.ppid)),
  ParentImage: ({ parentProgram }) => orAbsent(parentProgram?.image),
  ParentCommandLine: ({ parentProgram }) => parentProgram?.commandLine,
  LogonId: ({ program }) => program && String(program.record.field(processLayout.loginUid)),
  ThreadName: ({ record }) => orAbsent(record.comm),
  Compat: ({ record }) => String((record.actor(actorLayout.flags) & actorFlag.compat) !== 0),
  ContainerId: ({ program }) => program && containerOf(program.record.text("cgroup"))?.id,
  ContainerRuntime: ({ program }) => program && containerOf(program.record.text("cgroup"))?.runtime,
};

const actorKeywords: ReadonlySet<string> = new Set([
  "Image",
  "CommandLine",
  "User",
  "ParentImage",
  "ParentCommandLine",
]);

/** Inode of the first pid namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h): the same on every Linux. */
const initialPidNs = 0xeffffffc;

export class ActivityEvent extends LiveEvent<ActivityEvent> {
  /** The record it is about. */
  readonly record: ActivityRecord;
  readonly activity: ActivityKind;
  readonly code: string;
  readonly #family: ActivityFamily;
  #entry: ProcessEntry | null | undefined;
  #program: Program | null | undefined;

  constructor(
    activity: ActivityKind,
    family: ActivityFamily,
    code: string,
    record: ActivityRecord,
    context: NormalizeContext,
  ) {
    const source = sourceId(activity.source);
    super(
      sourceRow(source).kind,
      source,
      { ...actorFields, ...family.readers },
      new Set([...actorKeywords, ...family.keywords]),
      context,
    );
    this.activity = activity;
    this.code = code;
    this.record = record;
    this.#family = family;
  }

  /** The record was moved to another activity of this kind. False when no detector is to see it. */
  bind(timeMs: number): boolean {
    this.timeMs = timeMs;
    this.sequence = this.record.sequence;
    this.#entry = undefined;
    this.#program = undefined;
    this.isRepeat = false;
    this.moved();
    return this.#family.observe?.(this) ?? true;
  }

  /** Moves to the next event of the same record; false when there is none. */
  next(): boolean {
    this.moved();
    return this.#family.next?.(this) ?? false;
  }

  /** What is remembered of connections and names. */
  get network(): NetworkMemory {
    return this.context.network;
  }

  get pid(): number {
    return this.record.pid;
  }

  get entry(): ProcessEntry | undefined {
    if (this.#entry === undefined)
      this.#entry = this.context.processes.find(this.record.pid, this.record.startNs) ?? null;
    return this.#entry ?? undefined;
  }

  /** What the process ran at the time of the event: its start of another program may have been heard already. */
  get program(): Program | undefined {
    if (this.#program === undefined) {
      const { entry } = this;
      this.#program = (entry && this.context.processes.programAt(entry, this.record.timeNs)) ?? null;
    }
    return this.#program ?? undefined;
  }

  /** What its parent ran then. */
  get parentProgram(): Program | undefined {
    const { parent } = this;
    return parent && this.context.processes.programAt(parent, this.record.timeNs);
  }

  /** Another process; a start of -1 takes whoever has the pid. `undefined` when the table does not know it. */
  processOf(pid: number, startNs: number): ProcessEntry | undefined {
    return this.context.processes.find(pid, startNs);
  }

  /** What a process ran at the time of the event. */
  programOf(entry: ProcessEntry | undefined): Program | undefined {
    return entry && this.context.processes.programAt(entry, this.record.timeNs);
  }

  /** Pids that the process passes are those of the host. What is not known is taken to be so. */
  get isInInitialPidNs(): boolean {
    const pidNs = this.program?.record.field(processLayout.pidNs) ?? 0;
    return pidNs === 0 || pidNs === initialPidNs;
  }

  /** Name of the user that acts. */
  get actorUser(): string {
    return this.user(this.record.actor(actorLayout.euid));
  }

  /** Name of the user that a program began with. */
  userOfProgram({ record }: Program): string {
    const { mntNs, userNs, euid } = processLayout;
    const name = this.context.users.name(record.field(mntNs), record.field(userNs), record.field(euid), record.pid);
    return name ?? String(record.field(euid));
  }

  /** Name of a user, seen from the mount namespace of whoever acts; the number when it has none. */
  user(uid: number): string {
    const { context, record, program } = this;
    const userNs = program?.record.field(processLayout.userNs);
    if (userNs === undefined) return String(uid);
    return context.users.name(record.actor(actorLayout.mntNs), userNs, uid, record.pid) ?? String(uid);
  }

  details(): EventDetails {
    const { sections, ecs, extra } = this.#family;
    const truncated: string[] = [];
    for (const [type, name] of Object.entries(sections)) if (this.record.isCut(Number(type))) truncated.push(name);
    const { program } = this;
    return {
      truncated,
      ...(ecs === undefined ? {} : { ecs: ecs(this) }),
      extra: { ...(program === undefined ? {} : { process: kernelFacts(program.record) }), ...extra?.(this) },
    };
  }
}
