import { expect, test } from "bun:test";
import type { NormalizedEvent } from "../event/mod.ts";
import { type ScanFinding, type ScanOrigin, type ScanWanted, YaraEventHandler } from "./yara-handler.ts";

interface Start {
  readonly identity: string;
  readonly path?: string;
  readonly name: string;
  readonly origin?: ScanOrigin;
}
const finding = (title: string): ScanFinding =>
  ({ rule: { title }, matches: [], file: {}, hash: {}, facts: {} }) as unknown as ScanFinding;

function scene(allowedPaths: readonly string[] = []) {
  const wanted: ScanWanted[] = [];
  const alerts: string[] = [];
  const handler = new YaraEventHandler<NormalizedEvent, string>({
    subjectsOf: (event) => {
      const { identity, path = "/x", origin = "program" } = event as unknown as Start;
      return identity === "" ? [] : [{ origin, identity, path, isHostView: true, pid: 1, inode: "1" }];
    },
    contextOf: (event) => (event as unknown as Start).name,
    want: (one) => wanted.push(one),
    emit: (context, { rule }) => alerts.push(`${context}: ${rule.title}`),
    allowedPaths,
  });
  const start = (name: string, identity: string, path = "/x", origin: ScanOrigin = "program"): void =>
    handler.handle({ name, identity, path, origin } as unknown as NormalizedEvent);
  return { wanted, alerts, handler, start };
}

test("a file is scanned once, and every start of it is alerted, while it is scanned and after", () => {
  const { wanted, alerts, handler, start } = scene();
  start("first", "a");
  start("second", "a");
  expect(wanted.map(({ id, subject }) => [id, subject.identity])).toEqual([[1, "a"]]);
  handler.settle({ id: 1, identity: "a", status: "scanned", findings: [finding("r1"), finding("r2")] });
  start("third", "a");
  expect(alerts).toEqual(["first: r1", "first: r2", "second: r1", "second: r2", "third: r1", "third: r2"]);
  expect(wanted.length).toBe(1);
  expect(handler.stats).toMatchObject({ looked: 3, known: 1, asked: 1, scanned: 1, hits: 6 });
});

test("a clean file says nothing and is not asked for again; a changed one is, and so is one that could not be scanned", () => {
  const { wanted, alerts, handler, start } = scene();
  start("x", "clean");
  handler.settle({ id: 1, identity: "clean", status: "scanned", findings: [] });
  start("x", "clean");
  start("x", "clean but changed");
  handler.settle({ id: 2, identity: "clean but changed", status: "lost", findings: [] });
  start("x", "clean but changed");
  expect([wanted.length, alerts.length, handler.stats.lost]).toEqual([3, 0, 1]);
});

test("a file that no scanner can take is not given to the next one until it changes", () => {
  const { wanted, handler, start } = scene();
  start("x", "huge");
  handler.settle({ id: 1, identity: "huge", status: "unscannable", findings: [] });
  start("x", "huge");
  expect([wanted.length, handler.stats.unscannable]).toEqual([1, 1]);
});

test("new rules ask anew; answers that nobody waits for are let go; events without a file are passed over", () => {
  const { wanted, alerts, handler, start } = scene();
  start("x", "a");
  // Of a worker before this one, which counted from one as well.
  handler.settle({ id: 1, identity: "another", status: "scanned", findings: [finding("late")] });
  handler.settle({ id: 1, identity: "a", status: "scanned", findings: [] });
  handler.settle({ id: 1, identity: "a", status: "scanned", findings: [finding("late")] });
  handler.forget();
  start("x", "a");
  start("x", "");
  expect([wanted.length, alerts]).toEqual([2, []]);
});

test("allowed paths are files and whole folders, not beginnings of names", () => {
  const { wanted, handler, start } = scene(["/opt/tools", "/usr/bin/one"]);
  for (const path of ["/opt/tools/a", "/usr/bin/one", "/opt/tools2", "/usr/bin/one2", "/usr/bin/one/x"])
    start("x", path, path);
  expect(wanted.map(({ subject }) => subject.path)).toEqual(["/opt/tools2", "/usr/bin/one2"]);
  expect(handler.stats.allowed).toBe(3);
});

test("what is under way is bounded, and what has no room is counted", () => {
  const { wanted, handler, start } = scene();
  for (let i = 0; i < 1100; i++) start("x", `file ${i}`);
  for (let i = 0; i < 100; i++) start("x", "file 0");
  expect(wanted.length).toBe(1024);
  expect(handler.stats.refused).toBe(76 + 37);
});

test("digests are told before the scan is done, to whoever waits then and to whoever comes meanwhile, each once", () => {
  const { wanted, alerts, handler, start } = scene();
  start("first", "a");
  handler.settle({ id: 1, identity: "a", status: "partial", findings: [finding("digest")] });
  expect(alerts).toEqual(["first: digest"]);
  start("second", "a");
  handler.settle({ id: 1, identity: "a", status: "scanned", findings: [finding("rule")] });
  start("third", "a");
  expect(alerts.slice(1)).toEqual(["second: digest", "first: rule", "second: rule", "third: digest", "third: rule"]);
  expect([wanted.length, handler.stats.scanned]).toEqual([1, 1]);
});

test("a file that is written again while it is scanned is scanned again, and told once for each scan", () => {
  const { wanted, alerts, handler, start } = scene();
  for (const name of ["first", "second", "third"]) start(name, "written:/x", "/x", "written");
  handler.settle({ id: 1, identity: "written:/x", status: "scanned", findings: [finding("r")] });
  expect([alerts, wanted.length]).toEqual([["first: r"], 2]);
  handler.settle({ id: 2, identity: "written:/x", status: "scanned", findings: [finding("r")] });
  expect([alerts, wanted.length]).toEqual([["first: r", "third: r"], 2]);
  // Nothing is kept by a name.
  start("later", "written:/x", "/x", "written");
  expect(wanted.length).toBe(3);
});
