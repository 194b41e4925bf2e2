// What is done to the agent itself: signals, ptrace, its memory, hands on its eBPF objects, attachments that went. Told to the main
// thread as it happens, whatever rules are loaded, a few in a while and the rest as a number; nobody is exempt. Of the agent's own process
// only the bpf(2) calls of its loading are left out, and counted.

import { operationKind, operationLayout, operationMark } from "../../event/mod.ts";
import { ActivityEvent, type AnyLiveEvent } from "../../normalize/mod.ts";
import type { KernelObjects } from "../../sensor/mod.ts";
import { tamperToldMax } from "../config/limits.ts";
import type { TamperMessage } from "./protocol.ts";

/** Commands of bpf(2) by what their id names. */
const handsOn: Readonly<Record<number, keyof KernelObjects>> = {
  13: "programs",
  14: "maps",
  29: "links",
  30: "links",
  34: "links",
};

/** Fields of an event that tell who did what; Sysmon's names. */
const toldFields: ReadonlySet<string> = new Set([
  "EventType",
  "Signal",
  "Result",
  "ObjectId",
  "ProgramName",
  "TargetFilename",
  "TargetProcessId",
  "TargetImage",
  "ProcessId",
  "Image",
  "CommandLine",
  "User",
  "LogonId",
  "ParentProcessId",
  "ParentImage",
  "ParentCommandLine",
  "ContainerId",
  "ThreadName",
]);

/** Kinds that are always enabled, for what concerns the agent. */
export const guardKinds: readonly number[] = [
  operationKind.signal,
  operationKind.ptrace,
  operationKind.memory,
  operationKind.bpf,
];

/** Times of loading that are kept: events of the one before the last have long come through. */
const loadsMax = 8;
/** Between the kernel's clock and this one. */
const clockToleranceMs = 20;

export class Guard {
  readonly #tell: (message: TamperMessage) => void;
  readonly #ownPid: number;
  readonly #parentPid: number;
  #objects: KernelObjects | undefined;
  /** When the sensor loaded, newest last; the first time begins before the first event. */
  readonly #loads: { fromMs: number; toMs: number }[] = [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY }];
  #told = 0;
  /** Since the last report: what was done and not told one by one. */
  #untold = 0;
  /** Events held back in the kernel, by number of their kind; totals. */
  readonly throttled = new Map<number, number>();
  /** Calls of bpf(2) that were the sensor's own loading: no detector looked at them. */
  ownLoads = 0;

  constructor(ownPid: number, parentPid: number, tell: (message: TamperMessage) => void) {
    this.#ownPid = ownPid;
    this.#parentPid = parentPid;
    this.#tell = tell;
  }

  /** The sensor loads objects of its own from now until {@link loaded}: bpf(2) calls of this process in that time are its work. */
  loads(nowMs: number): void {
    if (this.#loads.at(-1)?.toMs === Number.POSITIVE_INFINITY) return;
    this.#loads.push({ fromMs: nowMs - clockToleranceMs, toMs: Number.POSITIVE_INFINITY });
    if (this.#loads.length > loadsMax) this.#loads.shift();
  }

  /** Is it the sensor's own loading? Such a call is news to nobody; any other of this process is. */
  isOwnLoad(event: AnyLiveEvent): boolean {
    if (!(event instanceof ActivityEvent) || event.record.kind !== operationKind.bpf) return false;
    if (event.pid !== this.#ownPid) return false;
    const { timeMs } = event;
    const isOwn = this.#loads.some(({ fromMs, toMs }) => timeMs >= fromMs && timeMs <= toMs);
    if (isOwn) this.ownLoads++;
    return isOwn;
  }

  /** It is done with that, whether it succeeded or not. */
  loaded(nowMs: number): void {
    const last = this.#loads.at(-1);
    if (last !== undefined) last.toMs = Math.min(last.toMs, nowMs + clockToleranceMs);
  }

  /** The sensor loaded other objects. */
  own(objects: KernelObjects): void {
    this.#objects = objects;
  }

  /** Looks at an event; false when it is about the sensor and no detector's business. */
  take(event: AnyLiveEvent): boolean {
    if (!(event instanceof ActivityEvent)) return true;
    const { record } = event;
    switch (record.kind) {
      case operationKind.throttle: {
        const kind = record.field(operationLayout.value);
        this.throttled.set(kind, (this.throttled.get(kind) ?? 0) + record.wide(operationLayout.length));
        break;
      }
      case operationKind.signal:
      case operationKind.ptrace:
      case operationKind.memory:
        if ((record.field(operationLayout.marks) & operationMark.protected) !== 0) this.#tampered(event);
        break;
      case operationKind.bpf:
        this.#bpf(event);
        break;
    }
    return true;
  }

  /** Programs whose attachment somebody had taken away; they are attached again. */
  detached(programs: readonly string[]): void {
    if (programs.length > 0) this.#say({ action: "programs_detached", values: { programs: programs.join(" ") } });
  }

  /** Once in a while: the next ones are told one by one again. */
  rest(): void {
    if (this.#untold > 0)
      this.#tell({
        type: "tamper",
        action: "more",
        isExpected: false,
        timeMs: Date.now(),
        values: { more: this.#untold },
      });
    this.#told = 0;
    this.#untold = 0;
  }

  #bpf(event: ActivityEvent): void {
    const { record } = event;
    if (event.pid === this.#ownPid) return;
    const of = handsOn[record.field(operationLayout.code)];
    if (of !== undefined && this.#objects?.[of].has(record.field(operationLayout.value2)) === true)
      this.#tampered(event);
  }

  #tampered(event: ActivityEvent): void {
    const values: Record<string, string> = {};
    for (const [name, value] of Object.entries(event.snapshot())) if (toldFields.has(name)) values[name] = value;
    const { kind } = event.record;
    const isSignal = kind === operationKind.signal;
    // Whoever started the agent may tell it to stop, to reload, to reopen; a service manager does.
    const isExpected = isSignal && event.pid === this.#parentPid;
    const action = isSignal ? "signalled" : kind === operationKind.bpf ? "objects_taken" : "memory_taken";
    this.#say({ action, values, timeMs: event.timeMs, isExpected });
  }

  #say(what: {
    action: string;
    values: Readonly<Record<string, string>>;
    timeMs?: number;
    isExpected?: boolean;
  }): void {
    if (this.#told >= tamperToldMax) {
      this.#untold++;
      return;
    }
    this.#told++;
    this.#tell({ type: "tamper", isExpected: false, timeMs: Date.now(), ...what });
  }
}
