import { expect, test } from "bun:test";
import { FieldTable, type NormalizedEvent } from "../event/mod.ts";
import { type DetectorSet, DetectorStore, type EventHandler, SensorEventRouter } from "./mod.ts";
import { Engine } from "./sigma/mod.ts";

const event: NormalizedEvent = { kind: "other", source: 0, timeMs: 0, get: () => undefined, eachText: () => {} };

function handler(name: string, handle: () => void): EventHandler<NormalizedEvent> {
  return { name, handle };
}

test("every handler gets every event, in the order they were given", () => {
  const seen: string[] = [];
  const router = new SensorEventRouter(["a", "b", "c"].map((name) => handler(name, () => void seen.push(name))));
  router.route(event);
  router.route(event);
  expect(seen).toEqual(["a", "b", "c", "a", "b", "c"]);
  expect([router.routed, router.faults, router.lastFault]).toEqual([2, 0, undefined]);
});

test("a handler that throws loses that event alone: the others get it, and it gets the next", () => {
  const seen: string[] = [];
  let calls = 0;
  const router = new SensorEventRouter([
    handler("faulty", () => {
      if (++calls % 2 === 1) throw new Error(`fault ${calls}`);
      seen.push("faulty");
    }),
    handler("sound", () => void seen.push("sound")),
  ]);
  for (let i = 0; i < 4; i++) router.route(event);
  expect(seen).toEqual(["sound", "faulty", "sound", "sound", "faulty", "sound"]);
  expect([router.routed, router.faults]).toEqual([4, 2]);
  expect((router.lastFault as Error).message).toBe("fault 3");
});

test("whatever is thrown is kept as it is", () => {
  for (const thrown of ["text", null, 7]) {
    const router = new SensorEventRouter([
      handler("x", () => {
        throw thrown;
      }),
    ]);
    router.route(event);
    expect([router.faults, router.lastFault]).toEqual([1, thrown]);
  }
});

test("a swap puts the new set in place at once, and is counted", () => {
  const engine = (): Engine => new Engine([], { slots: new FieldTable(), route: () => ({ sources: [] }) });
  const set = (digest: string): DetectorSet => ({ sigma: engine(), digest });
  const first = set("1");
  const second = set("2");
  const store = new DetectorStore(first);
  expect([store.current === first, store.sigma === first.sigma, store.swaps]).toEqual([true, true, 0]);
  store.swap(second);
  expect([store.current === second, store.sigma === second.sigma, store.swaps]).toEqual([true, true, 1]);
});
