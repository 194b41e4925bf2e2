// Every type of correlation against a reference that is slow and plain: it keeps all events of a group and, after each, looks at those
// inside the timespan that ends with the newest. Random streams, late events and equal times included.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { correlationText, type Event, kindRule, Run } from "./correlation-kit.ts";
import { lateRunMax } from "./limits.ts";

const spanSeconds = 10;

interface Seen {
  readonly time: number;
  readonly kinds: readonly number[];
  readonly host: string | undefined;
  readonly n: number;
}
/** Whether a window fires, and (for the sake of a test that cannot fail silently) whether it was near. */
type Holds = (window: readonly Seen[]) => boolean;

/** What fires at which event, by the definition. */
function reference(
  events: readonly Seen[],
  usersOf: readonly string[],
  holds: Holds,
  takes: (seen: Seen) => boolean,
): string[] {
  const groups = new Map<string, { events: Seen[]; newest: number; fired: number; lateRun: number }>();
  const told: string[] = [];
  for (const [i, event] of events.entries()) {
    if (!takes(event)) continue;
    const user = usersOf[i]!;
    let group = groups.get(user);
    if (group === undefined) {
      group = { events: [], newest: -Infinity, fired: -Infinity, lateRun: 0 };
      groups.set(user, group);
    }
    if (event.time < group.newest - spanSeconds) {
      if (++group.lateRun < lateRunMax) continue;
      group = { events: [], newest: event.time, fired: -Infinity, lateRun: 0 };
      groups.set(user, group);
    }
    group.lateRun = 0;
    group.events.push(event);
    group.newest = Math.max(group.newest, event.time);
    const window = group.events.filter(({ time }) => time >= group.newest - spanSeconds);
    if (!holds(window) || group.newest <= group.fired + spanSeconds) continue;
    group.fired = group.newest;
    told.push(`${i} ${user}`);
  }
  return told;
}

const distinct = <T>(list: readonly T[]): number => new Set(list).size;
const kindsIn = (window: readonly Seen[]): number => distinct(window.flatMap(({ kinds }) => kinds));
const has = (window: readonly Seen[], kind: number): boolean => window.some(({ kinds }) => kinds.includes(kind));
const sum = (window: readonly Seen[]): number => window.reduce((total, { n }) => total + n, 0);

/** Whether kinds `order[0]`, `order[1]` … occur at times that do not go back: tries every way. */
function inOrder(window: readonly Seen[], order: readonly number[], from = -Infinity): boolean {
  const [first, ...rest] = order;
  if (first === undefined) return true;
  return window.some(({ kinds, time }) => time >= from && kinds.includes(first) && inOrder(window, rest, time));
}
function longestOrder(window: readonly Seen[]): number {
  const subsets = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
  return Math.max(0, ...subsets.filter((order) => inOrder(window, order)).map(({ length }) => length));
}
function percentile(window: readonly Seen[], fraction: number): number {
  const numbers = window.map(({ n }) => n).sort((a, b) => a - b);
  const rank = fraction * (numbers.length - 1);
  const [low, high] = [numbers[Math.floor(rank)]!, numbers[Math.ceil(rank)]!];
  return low + (high - low) * (rank - Math.floor(rank));
}

const cases: [string, Holds, needs?: "host" | "n"][] = [
  ["type: event_count\nrules: [a, b, c]\ncondition: { gte: 4 }", (w) => w.length >= 4],
  ["type: event_count\nrules: [a, b, c]\ncondition: { gt: 1, lte: 3 }", (w) => w.length > 1 && w.length <= 3],
  ["type: event_count\nrules: [a, b, c]\ncondition: { eq: 3 }", (w) => w.length === 3],
  ["type: event_count\nrules: [a, b, c]\ncondition: { neq: 1 }", (w) => w.length !== 1],
  [
    "type: value_count\nrules: [a, b, c]\ncondition: { field: host, gte: 3 }",
    (w) => distinct(w.map(({ host }) => host)) >= 3,
    "host",
  ],
  [
    "type: value_count\nrules: [a, b, c]\ncondition: { field: host, eq: 2 }",
    (w) => distinct(w.map(({ host }) => host)) === 2,
    "host",
  ],
  ["type: temporal\nrules: [a, b, c]", (w) => kindsIn(w) === 3],
  ["type: temporal\nrules: [a, b, c]\ncondition: { eq: 2 }", (w) => kindsIn(w) === 2],
  [
    "type: temporal\nrules: [a, b, c]\ncondition: b and not (a or c) or a and c",
    (w) => (has(w, 1) && !has(w, 0) && !has(w, 2)) || (has(w, 0) && has(w, 2)),
  ],
  ["type: temporal_ordered\nrules: [a, b, c]", (w) => inOrder(w, [0, 1, 2])],
  ["type: temporal_ordered\nrules: [a, b, c]\ncondition: { gte: 2 }", (w) => longestOrder(w) >= 2],
  ["type: temporal_ordered\nrules: [a, b, c]\ncondition: { eq: 1 }", (w) => longestOrder(w) === 1],
  [
    "type: temporal_ordered\nrules: [a, b, c]\ncondition: b and c and not a or a and c",
    (w) => (inOrder(w, [1, 2]) && !has(w, 0)) || inOrder(w, [0, 2]),
  ],
  ["type: value_sum\nrules: [a, b, c]\ncondition: { field: n, gt: 12 }", (w) => sum(w) > 12, "n"],
  ["type: value_avg\nrules: [a, b, c]\ncondition: { field: n, gte: 4 }", (w) => sum(w) / w.length >= 4, "n"],
  ["type: value_median\nrules: [a, b, c]\ncondition: { field: n, gte: 4.5 }", (w) => percentile(w, 0.5) >= 4.5, "n"],
  [
    "type: value_percentile\nrules: [a, b, c]\ncondition: { field: n, percentile: 25, gte: 3 }",
    (w) => percentile(w, 0.25) >= 3,
    "n",
  ],
];

const kindsOfName: Readonly<Record<string, readonly number[]>> = { a: [0], b: [1], c: [2], ab: [0, 1], ca: [0, 2] };
const rules = ["a", "b", "c"].map((name) => kindRule(name).replace(`kind: ${name}`, `kind|contains: ${name}`));

/** Steps of time: mostly forward, now and then back, sometimes far. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 2, arbitrary: fc.integer({ min: -9, max: 0 }) },
  { weight: 1, arbitrary: fc.constantFrom(-40, -11, -10, 10, 11, 25) },
);
const anEvent = fc.record({
  step,
  user: fc.constantFrom("x", "y"),
  kind: fc.constantFrom("a", "b", "c", "a", "b", "c", "ab", "ca"),
  host: fc.constantFrom("p", "q", "r", undefined),
  n: fc.integer({ min: -2, max: 9 }),
});

test.each(cases)("%j fires as the definition says, for any stream of events", (...[body, holds, needs]) => {
  const text = correlationText("x", `${body}\ntimespan: ${spanSeconds}s\ngroup-by: user`);
  let fired = 0;
  fc.assert(
    fc.property(fc.array(anEvent, { maxLength: 60 }), fc.boolean(), (drawn, alone) => {
      // Groups that are quiet for two timespans are cleared away: exact as long as nothing is late by more than one, or nobody else moves on.
      // An event that lacks the counted field is of no group, and moves on like somebody else's.
      const list = alone ? drawn.map((one) => ({ ...one, user: "x", host: one.host ?? "p" })) : drawn;
      let time = 1000;
      let newest = time;
      const seen = list.map(({ step, kind, host, n }): Seen => {
        time += step;
        if (!alone) time = Math.max(time, newest - spanSeconds);
        newest = Math.max(newest, time);
        return { time, kinds: kindsOfName[kind]!, host, n };
      });
      const expected = reference(
        seen,
        list.map(({ user }) => user),
        holds,
        ({ host }) => needs !== "host" || host !== undefined,
      );
      const run = new Run([...rules, text]);
      const found: string[] = [];
      for (const [i, { user, kind, host, n }] of list.entries()) {
        const event: Event = [seen[i]!.time, { user, kind, host, n }];
        const before = run.told.length;
        run.feed(event);
        for (const { match } of run.told.slice(before)) found.push(`${i} ${match!.group.user}`);
      }
      fired += found.length;
      expect(found).toEqual(expected);
      expect(run.engine.correlationStats).toMatchObject({
        evictedCount: 0,
        overflowCount: 0,
        firedCount: found.length,
      });
    }),
    { numRuns: 150 },
  );
  expect(fired).toBeGreaterThan(20);
});

test("a window that was written out and read back goes on as if nothing had been", () => {
  fc.assert(
    fc.property(fc.constantFrom(...cases), fc.array(anEvent, { maxLength: 60 }), fc.nat(60), ([body], list, cut) => {
      const text = correlationText("x", `${body}\ntimespan: ${spanSeconds}s\ngroup-by: user`);
      let time = 1000;
      const events = list.map(({ step, ...fields }): Event => {
        time += Math.abs(step);
        return [time, fields];
      });
      const whole = new Run([...rules, text]).feed(...events);
      const first = new Run([...rules, text]).feed(...events.slice(0, cut));
      const second = new Run([...rules, text]);
      const saved: unknown = JSON.parse(JSON.stringify(first.engine.exportState()));
      expect(second.engine.importState(saved)).toMatchObject({ unknownCount: 0, malformedCount: 0 });
      expect([...first.heard, ...second.feed(...events.slice(cut)).heard]).toEqual(whole.heard);
    }),
    { numRuns: 300 },
  );
});
