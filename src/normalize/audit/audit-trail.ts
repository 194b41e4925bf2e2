// AuditTrail: from events of the sensors and of logs to the audit records that auditd would have written about them. What no rule
// asks for is not made.

import type { RecordedEvent } from "../json/mod.ts";
import type { NormalizeContext } from "../live-event.ts";
import type { AnyLiveEvent } from "../normalizer.ts";
import { AuditEvent, type AuditFacts, type AuditType, auditTypes } from "./audit-event.ts";
import type { AuditDemand } from "./demand.ts";
import { auditOfLog } from "./from-log.ts";
import { executionKey } from "./keys.ts";

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

  constructor(demand: AuditDemand, context: NormalizeContext, route: Route) {
    this.#demand = demand;
    this.#context = context;
    this.#route = route;
    for (const type of auditTypes) if (demand.types.has(type)) this.#events.set(type, new AuditEvent(type, context));
  }

  /** Does any rule ask for what is made of log lines? */
  get readsLogs(): boolean {
    return [...this.#demand.types].some((type) => !auditTypes.includes(type as AuditType));
  }

  /** An event of a sensor. */
  take(event: AnyLiveEvent): void {
    if (this.#events.size > 0 && event.kind === "process_start") this.#started(event);
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
