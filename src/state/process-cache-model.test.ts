// The process table against a naive one, and under bounds of every size.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ProcessRecord, recordKind, writeProcessRecord } from "../event/mod.ts";
import { ProcessCache, type ProcessEntry, type Program } from "./process-cache.ts";

const roomy = { entriesMax: 10_000, bytesMax: 1 << 28, exitedMax: 5000, ancestorsMax: 16 };

interface Started {
  readonly pid: number;
  readonly startNs: number;
  readonly ppid: number;
  readonly parentStartNs: number;
  readonly exe?: string;
  readonly args?: string;
}

function record({ pid, startNs, ppid, parentStartNs, exe = "/x", args = "" }: Started): ProcessRecord {
  const fields = { startNs: BigInt(startNs), ppid, parentStartNs: BigInt(parentStartNs) };
  return new ProcessRecord(
    writeProcessRecord({ kind: recordKind.exec, pid, timeNs: 0n, fields, sections: { exe, args } }),
  );
}

// Operations on few pids and starts, so that they meet: pids are reused, parents are missing, ends come twice.
const pid = fc.integer({ min: 1, max: 6 });
const start = fc.integer({ min: 1, max: 3 });
const operation = fc.oneof(
  fc.record({ op: fc.constant("fork" as const), pid, start, ppid: pid, pstart: start, creator: pid }),
  fc.record({
    op: fc.constant("exec" as const),
    pid,
    start,
    ppid: pid,
    pstart: start,
    size: fc.integer({ min: 0, max: 400 }),
  }),
  fc.record({ op: fc.constant("exit" as const), pid, start }),
  fc.record({ op: fc.constant("parent" as const), pid }),
);

/** The same in a few obvious lines, without any bound. */
class Model {
  readonly all = new Map<
    number,
    { start: number; image: string | undefined; end: boolean; ppid: number; pstart: number }
  >();
  serial = 0;

  insert(pid: number, start: number, ppid: number, pstart: number, image: string | undefined) {
    const known = this.all.get(pid);
    if (known?.start === start) return known;
    const made = { start, image, end: false, ppid, pstart };
    this.all.set(pid, made);
    return made;
  }
}

test("with room for all, the table says what a naive one says", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const cache = new ProcessCache(roomy);
      const model = new Model();
      for (const one of operations) {
        if (one.op === "fork") {
          const creator = model.all.get(one.creator);
          const isKnown = creator !== undefined && (one.creator !== one.ppid || creator.start === one.pstart);
          const image = isKnown && !creator.end ? creator.image : undefined;
          model.insert(one.pid, one.start, one.ppid, one.pstart, image);
          cache.fork(one.pid, one.start, one.ppid, one.pstart, one.creator);
        } else if (one.op === "exec") {
          const exe = `/${model.serial++}`;
          model.insert(one.pid, one.start, one.ppid, one.pstart, exe).image = exe;
          cache.exec(record({ pid: one.pid, startNs: one.start, ppid: one.ppid, parentStartNs: one.pstart, exe }));
        } else if (one.op === "exit") {
          const known = model.all.get(one.pid);
          const isKnown = known?.start === one.start;
          // An end is told once, even if the kernel tells it twice.
          const isFirst = isKnown && !known.end;
          if (isKnown) known.end = true;
          expect(cache.exit(one.pid, one.start, 99, 0) !== undefined).toBe(isFirst);
        }
        expect(cache.stats.size).toBe(model.all.size);
        for (const [id, { start: begun, image, end, ppid, pstart }] of model.all) {
          const entry = cache.find(id, begun);
          expect([entry?.program?.image, entry?.endNs !== undefined, entry?.parentPid, entry?.parentStartNs]).toEqual([
            image,
            end,
            ppid,
            pstart,
          ]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("under any bounds the table stays within them, and its account is that of what it holds", () => {
  const limits = fc.record({
    entriesMax: fc.integer({ min: 1, max: 6 }),
    bytesMax: fc.integer({ min: 1, max: 3000 }),
    exitedMax: fc.integer({ min: 1, max: 4 }),
    ancestorsMax: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(limits, fc.array(operation, { maxLength: 80 }), (options, operations) => {
      const cache = new ProcessCache(options);
      const everybody = new Set<ProcessEntry>();
      for (const one of operations) {
        let entry: ProcessEntry | undefined;
        if (one.op === "fork") entry = cache.fork(one.pid, one.start, one.ppid, one.pstart, one.creator);
        else if (one.op === "exec") {
          const parts = { pid: one.pid, startNs: one.start, ppid: one.ppid, parentStartNs: one.pstart };
          entry = cache.exec(record({ ...parts, args: "a".repeat(one.size) }));
          // Whoever just started is there, whatever had to go for it.
          expect(cache.find(one.pid, one.start)).toBe(entry);
          expect(entry.program).toBeDefined();
        } else if (one.op === "exit") cache.exit(one.pid, one.start, 99, 0);
        else {
          const found = cache.find(one.pid, -1);
          if (found !== undefined) cache.parentOf(found);
        }
        if (entry !== undefined) everybody.add(entry);
        const programs = new Map<Program, number>();
        for (const { program, before } of everybody)
          for (const held of [program, before])
            if (held !== undefined) programs.set(held, (programs.get(held) ?? 0) + 1);
        expect(cache.stats.bytes).toBe([...programs.keys()].reduce((sum, { bytes }) => sum + bytes, 0));
        for (const [program, holders] of programs) expect(program.holders).toBe(holders);
        expect(cache.stats.size).toBeLessThanOrEqual(options.entriesMax);
        // One program may be larger than all room: it stays, alone with what only one entry can hold.
        const largest = Math.max(0, ...[...programs.keys()].map(({ bytes }) => bytes));
        if (cache.stats.size > 1) expect(cache.stats.bytes).toBeLessThanOrEqual(options.bytesMax + 2 * largest);
        const children = new Map<ProcessEntry, number>();
        for (const { parent } of everybody)
          if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1);
        for (const known of everybody) expect(known.children).toBe(children.get(known) ?? 0);
        expect([...everybody].filter(({ program }) => program !== undefined).length).toBeLessThanOrEqual(
          options.entriesMax + options.exitedMax,
        );
      }
    }),
    { numRuns: 500 },
  );
});
