// AuditTrail: from events of the sensors and of logs to the audit records that auditd would have written about them. What no rule
// asks for is not made.

import {
  type ActivityRecord,
  activityKinds,
  auditRows,
  operationKind,
  operationLayout,
  type Slot,
} from "../../event/mod.ts";
import { ActivityEvent } from "../activity-event.ts";
import type { RecordedEvent } from "../json/mod.ts";
import type { NormalizeContext } from "../live-event.ts";
import type { AnyLiveEvent } from "../normalizer.ts";
import { AuditEvent, type AuditFacts, type AuditType, auditTypes } from "./audit-event.ts";
import type { AuditDemand } from "./demand.ts";
import { auditOfLog } from "./from-log.ts";
import { connectionKey, executionKey } from "./keys.ts";
import { syscallName } from "./syscalls.ts";

export interface AuditTrailStats {
  /** Records made, all types together. */
  made: number;
}

type Route = (event: AuditEvent | RecordedEvent) => void;

export class AuditTrail {
  readonly stats: AuditTrailStats = { made: 0 };
  readonly #context: NormalizeContext;
  readonly #demand: AuditDemand;
  readonly #events = new Map<AuditType, AuditEvent>();
  readonly #route: Route;
  readonly #slots;

  constructor(demand: AuditDemand, context: NormalizeContext, route: Route) {
    this.#demand = demand;
    this.#context = context;
    this.#route = route;
    const { fields } = context;
    this.#slots = {
      target: fields.slot("TargetFilename"),
      from: fields.slot("SourceFilename"),
      result: fields.slot("Result"),
      destination: fields.slot("DestinationIp"),
    };
    for (const type of auditTypes) if (demand.types.has(type)) this.#events.set(type, new AuditEvent(type, context));
  }

  /** Numbers of the activities that have to be recorded. */
  get kinds(): readonly number[] {
    return activityKinds.filter(({ name }) => this.#demand.activities.has(name)).map(({ kind }) => kind);
  }

  /** Paths whose being read has to be told. */
  get reads(): readonly string[] {
    return this.#demand.reads;
  }

  /** Does any rule ask for what is made of log lines? */
  get readsLogs(): boolean {
    return [...this.#demand.types].some((type) => !auditTypes.includes(type as AuditType));
  }

  /** An event of a sensor. */
  take(event: AnyLiveEvent): void {
    if (this.#events.size === 0) return;
    if (event instanceof ActivityEvent) this.#acted(event);
    else if (event.kind === "process_start") this.#started(event);
  }

  #acted(event: ActivityEvent): void {
    const { name } = event.activity;
    if (!this.#demand.activities.has(name)) return;
    const row = auditRows.get(name);
    if (row === undefined) return;
    const text = (slot: Slot): string | undefined => {
      const value = event.get(slot);
      return typeof value === "string" && value !== "" ? value : undefined;
    };
    const { target, from, result, destination } = this.#slots;
    // What the call returned: a descriptor, 0, or an error with its sign; of a connection 0, or an error without one.
    const exit = text(result) ?? "0";
    const success = row.keys === undefined ? !exit.startsWith("-") : exit === "0";
    const to = text(destination);
    const call = isOperation(event.record) ? event.record.field(operationLayout.call) : undefined;
    const facts: AuditFacts = {
      syscall: (call === undefined ? undefined : syscallName(call)) ?? row.syscall,
      success,
      exit,
      args: call === undefined ? addressSize(to) : argumentsOf(event.record, name),
      key: row.keys === undefined || to === undefined ? undefined : connectionKey(to, success),
    };
    // A kernel operation without a call is the kernel's own word about one that is told as well.
    if (this.#demand.calls.has(name) && call !== 0) this.#make("SYSCALL", event, facts);
    const path = text(target);
    if (row.path === undefined || path === undefined) return;
    const source = row.from === undefined ? undefined : text(from);
    if (source !== undefined) this.#make("PATH", event, { ...facts, name: source, nametype: row.from, item: 0 });
    this.#make("PATH", event, { ...facts, name: path, nametype: row.path, item: source === undefined ? 0 : 1 });
  }

  /** A program was started: SYSCALL, EXECVE, CWD and PATH, as the kernel writes them at the end of execve(2). */
  #started(base: AnyLiveEvent): void {
    const { program } = base;
    if (program === undefined) return;
    const typed = program.record.text("filename");
    const facts: AuditFacts = {
      syscall: "execve",
      success: true,
      exit: "0",
      key: executionKey(typed, program.image),
    };
    this.#make("SYSCALL", base, facts);
    this.#make("EXECVE", base, facts);
    this.#make("CWD", base, facts);
    this.#make("PATH", base, { ...facts, name: typed || program.image, nametype: "NORMAL", item: 0 });
  }

  /** A log line: what its writer would have told auditd as well. */
  logged(event: RecordedEvent): void {
    const record = auditOfLog(event, this.#context.fields);
    if (record === undefined || !this.#demand.types.has(String(record.fields.type))) return;
    this.stats.made++;
    this.#route(record);
  }

  #make(type: AuditType, base: AnyLiveEvent, facts: AuditFacts): void {
    const event = this.#events.get(type);
    if (event === undefined) return;
    event.bind(base, facts);
    this.stats.made++;
    this.#route(event);
  }
}

/** connect(fd, address, size): sizeof(struct sockaddr_in), or of its brother. */
const addressSize = (destination: string | undefined): (string | undefined)[] =>
  destination === undefined ? [] : [undefined, undefined, destination.includes(":") ? "1c" : "10"];

/** Are the record's own fields those of a kernel operation? Network and files have others. */
const isOperation = ({ kind }: ActivityRecord): boolean => kind >= operationKind.ptrace && kind <= operationKind.socket;

/** The arguments that are numbers, by the activity's name: as auditd writes them, hexadecimal without a prefix. */
function argumentsOf(record: ActivityRecord, name: string): (string | undefined)[] {
  const { code, flags, address, targetNsPid } = operationLayout;
  const small = (offset: number): string => record.field(offset).toString(16);
  const large = (offset: number): string => record.exact(offset).toString(16);
  switch (name) {
    case "personality":
    case "userfaultfd":
      return [large(flags)];
    case "kernel_log":
      return [small(code)];
    case "socket":
      return [small(code), large(flags), large(address)];
    case "ptrace":
      return [small(code), small(targetNsPid)];
    case "process_memory":
      return [small(targetNsPid)];
    case "bpf":
    case "prctl":
      return [small(code)];
    case "namespace":
      return [large(flags)];
    case "memfd":
      return [undefined, large(flags)];
    default:
      return [];
  }
}
