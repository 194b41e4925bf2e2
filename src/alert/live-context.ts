// What an alert about a live event says beside the event: the process, its parent and ancestors, user, container, the file it
// runs. Joined from the process table when there is a hit, and only then.

import { eventKinds, exeFlag, type ProcessRecord, processIdentity, processLayout } from "../event/mod.ts";
import {
  type ActivityEvent,
  type AnyLiveEvent,
  type AuditEvent,
  capabilityNames,
  decodeExit,
} from "../normalize/mod.ts";
import {
  type BootClock,
  containerOf,
  type ProcessCache,
  type ProcessEntry,
  type Program,
  podOf,
  type UserNames,
} from "../state/mod.ts";
import { ancestorCommandLineMax } from "./limits.ts";
import type { ContainerContext, EventContext, ProcessContext, UserContext } from "./model.ts";

export interface LiveContextSources {
  readonly processes: ProcessCache;
  readonly users: UserNames;
  readonly clock: BootClock;
  /** As in NormalizeContext: part of every process's identity. */
  readonly hostId: string;
}

/** Parents and grandparents that an alert shows. */
const ancestorsShownMax = 8;
/** Loose values of audit's "never logged in" and "no session". */
const unset = 0xffff_ffff;

const definite = <T extends object>(value: T): T => {
  for (const key in value) if (value[key] === undefined) delete value[key];
  return value;
};

/** The process of an entry with its chain of parents; `program` is what it ran at the event, when that is another by now. */
export function processContext(
  entry: ProcessEntry,
  sources: LiveContextSources,
  depth = 0,
  program = entry.program,
): ProcessContext {
  const record = program?.record;
  const parent = depth < ancestorsShownMax ? sources.processes.parentOf(entry) : undefined;
  const exit = entry.exitStatus === undefined ? undefined : decodeExit(entry.exitStatus);
  const base = {
    entityId: processIdentity(sources.hostId, entry.pid, entry.startNs).entityId,
    pid: entry.pid,
    startMs: sources.clock.toEpochMs(entry.startNs),
    endMs: entry.endNs === undefined ? undefined : sources.clock.toEpochMs(entry.endNs),
    exitCode: exit && exit.signal === 0 ? exit.code : undefined,
    signal: exit && exit.signal !== 0 ? exit.signalName : undefined,
    parent: parent === undefined ? unknownParent(entry, sources.hostId) : processContext(parent, sources, depth + 1),
  };
  return definite(
    record === undefined ? base : { ...base, ...programContext(entry, program, record, sources, depth) },
  ) as ProcessContext;
}

/** The kernel names the parent also when the table does not know it. */
function unknownParent(entry: ProcessEntry, hostId: string): ProcessContext | undefined {
  if (entry.parentPid === 0) return undefined;
  return { entityId: processIdentity(hostId, entry.parentPid, entry.parentStartNs).entityId, pid: entry.parentPid };
}

/**
 * What the program of a process says: everything about the process of the alert (`depth` 0), what ECS shows of a parent (1), and
 * of those above only what `sigil.ancestors` shows. Two thirds of an alert's bytes would be ancestors' facts that nobody sees.
 */
function programContext(
  entry: ProcessEntry,
  program: Program | undefined,
  record: ProcessRecord,
  sources: LiveContextSources,
  depth: number,
) {
  const image = program?.image ?? "";
  const field = (offset: number): number => record.field(offset);
  const user = (offset: number): UserContext => {
    const { mntNs, userNs } = processLayout;
    const name = sources.users.name(field(mntNs), field(userNs), field(offset), entry.pid);
    return name === undefined ? { id: String(field(offset)) } : { id: String(field(offset)), name };
  };
  const shown = {
    name: image === "" ? record.comm : image.slice(image.lastIndexOf("/") + 1),
    executable: image === "" ? undefined : image,
    commandLine: record.lengthOf("args") === 0 ? undefined : program?.commandLine,
    user: user(processLayout.euid),
  };
  // One unit more than is shown, so that the encoder sees that it cuts.
  if (depth > 1) return { ...shown, commandLine: shown.commandLine?.slice(-(ancestorCommandLineMax + 1)) };
  const loginUid = field(processLayout.loginUid);
  const ttyMajor = field(processLayout.ttyMajor);
  const asParent = {
    ...shown,
    args: record.lengthOf("args") === 0 ? undefined : record.list("args"),
    argsCount: field(processLayout.argc) || undefined,
    workingDirectory: record.text("cwd") || undefined,
    interactive: ttyMajor !== 0,
    realUser: user(processLayout.uid),
    group: { id: String(field(processLayout.egid)) },
    loginUserId: loginUid === unset ? undefined : String(loginUid),
    sessionId: field(processLayout.session) || undefined,
    tty: ttyMajor === 0 ? undefined : { major: ttyMajor, minor: field(processLayout.ttyMinor) },
    capabilities: capabilityNames(record.capEffective),
  };
  if (depth > 0) return asParent;
  const isThread = (field(processLayout.exeFlags) & exeFlag.none) !== 0;
  const env = Object.fromEntries(
    record.list("env").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  return {
    ...asParent,
    env: Object.keys(env).length === 0 ? undefined : env,
    file: isThread ? undefined : fileContext(record, image),
    container: containerContext(record),
  };
}

/** Names are added later, by whoever may read files. */
function containerContext(record: ProcessRecord): ContainerContext | undefined {
  const cgroup = record.text("cgroup");
  const container = containerOf(cgroup);
  const podUid = container && podOf(cgroup);
  return podUid === undefined ? container : { ...(container as ContainerContext), podUid };
}

function fileContext(record: ProcessRecord, path: string) {
  return {
    path,
    inode: String(record.exeInode),
    device: `${record.field(processLayout.exeMajor)}:${record.field(processLayout.exeMinor)}`,
    mode: (record.field(processLayout.exeMode) & 0o7777).toString(8).padStart(4, "0"),
    uid: String(record.field(processLayout.exeUid)),
    gid: String(record.field(processLayout.exeGid)),
    ctimeMs: record.exeCtimeMs,
    mtimeMs: record.exeMtimeMs,
    size: record.exeSize,
    links: record.field(processLayout.exeLinks),
  };
}

/** The event of a live record, taken out of the object that the next event will use. */
export function liveEventContext(event: AnyLiveEvent): EventContext {
  const record = event.program?.record;
  const container: ContainerContext | undefined = record && containerContext(record);
  const { truncated, ecs, extra } = event.details();
  const base: EventContext = {
    kind: event.kind,
    timeMs: event.timeMs,
    provider: "ebpf",
    code: eventKinds[event.kind].code,
    fields: event.snapshot(),
    truncated,
    sequence: event.sequence,
    ...(ecs === undefined ? {} : { ecs }),
    ...(extra === undefined ? {} : { extra }),
  };
  return container === undefined ? base : { ...base, container };
}

/** The event of an audit record. Its process is that of the event it was made from. */
export function auditEventContext(event: AuditEvent): EventContext {
  const { kind, timeMs, sequence, program } = event;
  const truncated = event.type === "EXECVE" && program?.record.isCut("args") === true ? ["a0"] : [];
  return { kind, timeMs, sequence, provider: "ebpf", code: "", fields: event.snapshot(), truncated };
}

/** The process of a live event. What the table does not know of it is what its record says. */
export function liveProcessContext(event: AnyLiveEvent, sources: LiveContextSources): ProcessContext {
  const { entry } = event;
  if (entry !== undefined) return processContext(entry, sources, 0, event.program);
  const { pid, startNs, comm } = (event as ActivityEvent).record;
  return {
    entityId: processIdentity(sources.hostId, pid, startNs).entityId,
    pid,
    name: comm,
    startMs: sources.clock.toEpochMs(startNs),
  };
}
