import { expect, test } from "bun:test";
import { operationKind } from "../../event/mod.ts";
import { ActivityEvent, type AnyLiveEvent } from "../../normalize/mod.ts";
import { Guard } from "./guard.ts";

const own = 100;

/** As much of an event as the question needs. */
function bpfCall(pid: number, timeMs: number): AnyLiveEvent {
  const event = Object.create(ActivityEvent.prototype) as ActivityEvent;
  Object.defineProperties(event, {
    record: { value: { kind: operationKind.bpf } },
    pid: { value: pid },
    timeMs: { value: timeMs, writable: true },
  });
  return event;
}

test("the sensor's own loading is nobody's news; what this process does at other times, and what others do, is", () => {
  const guard = new Guard(own, 1, () => {});
  guard.loads(1_000);
  expect(guard.isOwnLoad(bpfCall(own, 500))).toBe(true);
  guard.loaded(2_000);
  expect([1_999, 2_500].map((timeMs) => guard.isOwnLoad(bpfCall(own, timeMs)))).toEqual([true, false]);
  expect(guard.isOwnLoad(bpfCall(own + 1, 1_500))).toBe(false);
  // The next set of rules asks for other programs.
  guard.loads(5_000);
  expect(guard.isOwnLoad(bpfCall(own, 6_000))).toBe(true);
  guard.loaded(7_000);
  expect([3_000, 6_000, 8_000].map((timeMs) => guard.isOwnLoad(bpfCall(own, timeMs)))).toEqual([false, true, false]);
  expect(guard.ownLoads).toBe(4);
});
