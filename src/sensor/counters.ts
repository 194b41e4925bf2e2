// The loss account of a sensor, per kind of record: every event is in exactly one column after `seen`.

import { countersLayout, kind } from "../event/layout.gen.ts";
import { activityKinds } from "../event/mod.ts";

/** Names of the kinds that always come from the kernel; activities (`activityKinds` of the room event) come when enabled. */
export type RecordKind = "exec" | "fork" | "exit" | "task";
export const recordKinds: readonly RecordKind[] = ["exec", "fork", "exit", "task"];

export interface KindCounters {
  /** Events that happened while a program was attached. */
  readonly seen: number;
  /** Delivered into the shared ring. */
  readonly delivered: number;
  readonly filtered: number;
  /** Lost: the kernel's ring had no room. */
  readonly droppedKernelRing: number;
  /** Lost: the shared ring had no room, and the agent was stopping. */
  readonly droppedSharedRing: number;
  /** Lost: larger than a record can be, no room in a kernel map, or scratch memory in use. */
  readonly missed: number;
  /** Refused by the shim. */
  readonly malformed: number;
  /** In the kernel's ring at the moment of counting; 0 once drained. */
  readonly inFlight: number;
}

export interface SensorCounters extends Readonly<Record<RecordKind, KindCounters>> {
  /** By name, those of which anything was seen or refused. */
  readonly activities: Readonly<Record<string, KindCounters>>;
}

export const countersBytes = countersLayout.bytes * kind.max;

/** Decodes what `sigil_counters` wrote ({@link countersBytes} bytes). */
export function decodeCounters(bytes: Buffer): SensorCounters {
  const of = (kind: number): KindCounters => {
    const at = kind * countersLayout.bytes;
    const read = (offset: number) => Number(bytes.readBigUInt64LE(at + offset));
    const submitted = read(countersLayout.submitted);
    const delivered = read(countersLayout.delivered);
    const droppedSharedRing = read(countersLayout.ring2Full);
    const malformed = read(countersLayout.malformed);
    return {
      seen: read(countersLayout.seen),
      delivered,
      filtered: read(countersLayout.filtered),
      droppedKernelRing: read(countersLayout.ringFull),
      droppedSharedRing,
      missed: read(countersLayout.oversized) + read(countersLayout.mapFull) + read(countersLayout.recursion),
      malformed,
      inFlight: submitted - delivered - droppedSharedRing - malformed,
    };
  };
  const activities: Record<string, KindCounters> = {};
  for (const { kind, name } of activityKinds) {
    const counters = of(kind);
    if (Object.values(counters).some((count) => count !== 0)) activities[name] = counters;
  }
  return { exec: of(kind.exec), fork: of(kind.fork), exit: of(kind.exit), task: of(kind.task), activities };
}

/** `seen` less everything it became; 0 when the account is right (counters are read one after the other, so only at rest). */
export function unaccounted(c: KindCounters): number {
  return (
    c.seen - c.delivered - c.filtered - c.droppedKernelRing - c.droppedSharedRing - c.missed - c.malformed - c.inFlight
  );
}

/** Events lost, all ways together. */
export function lost(c: KindCounters): number {
  return c.droppedKernelRing + c.droppedSharedRing + c.missed + c.malformed;
}
