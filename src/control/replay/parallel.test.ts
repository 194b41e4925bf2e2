import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { zip } from "../../../test/fixtures/zip-writer.ts";
import type { AlertInput } from "../../alert/mod.ts";
import { SigmaDetectionHandler } from "../../detect/mod.ts";
import { linkSigma, parseSigma } from "../../detect/sigma/mod.ts";
import { FieldTable, recordKind, writeProcessRecord } from "../../event/mod.ts";
import { JsonNormalizer } from "../../normalize/mod.ts";
import { readHost } from "../agent/mod.ts";
import { CaptureWriter, encodeManifest, entryType } from "../capture/mod.ts";
import { openLog } from "../log/mod.ts";
import { BatchWriter, readBatch } from "./batch.ts";
import { makeDetectors } from "./detectors.ts";
import type { Pending } from "./order.ts";
import { type ReplayOptions, type ReplayResult, replayEvents } from "./replay.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-parallel-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rules = [
  "title: bad\nname: bad\nid: 00000000-0000-0000-0000-000000000001\nlogsource: { product: linux, category: process_creation }\ndetection: { s: { Image: /bin/bad }, condition: s }\n",
  "title: often\nid: 00000000-0000-0000-0000-000000000002\ncorrelation: { type: event_count, rules: bad, group-by: [User], timespan: 20s, generate: true, condition: { gte: 2 } }\n",
];
const linked = linkSigma(parseSigma(rules.join("---\n"), "x.yml"));
const spec = { rules: linked.rules, indicators: undefined, digest: "d" };

interface Run {
  readonly alerts: AlertInput[];
  readonly log: string[];
  readonly result: Omit<ReplayResult, "summary"> & { readonly summary: Partial<ReplayResult["summary"]> };
}

async function run(paths: string[], more: Partial<ReplayOptions>): Promise<Run> {
  const alerts: AlertInput[] = [];
  const log: string[] = [];
  const fields = new FieldTable();
  const { engine, store } = makeDetectors(spec, fields, linked.correlations);
  const { summary, ...result } = await replayEvents({
    paths,
    input: "auto",
    perFile: false,
    failOnAlert: false,
    fields,
    makeHandler: (emit) => {
      engine.forgetState();
      return new SigmaDetectionHandler(store, fields, emit);
    },
    emit: (alert) => {
      alerts.push(alert);
      return true;
    },
    log: openLog({
      level: "info",
      format: "text",
      file: "",
      now: () => 0,
      writers: [{ write: (line) => void log.push(line), reopen() {}, flush: async () => {}, lost: 0 }],
    }),
    ...more,
  });
  const { seconds: _, events_per_second: __, ...counts } = summary;
  return { alerts, log, result: { ...result, summary: counts } };
}

const event = (second: number, image: string, user: string): string =>
  JSON.stringify({
    product: "linux",
    category: "process_creation",
    "@timestamp": new Date(Date.UTC(2026, 0, 31) + second * 1000).toISOString(),
    Image: image,
    User: user,
  });

test("several inputs at once give what one after another gives: alerts, counts, log, in the same order", async () => {
  const line = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 99 }), fc.constantFrom("/bin/bad", "/bin/good"), fc.constantFrom("a", "b"))
      .map((all) => event(...all)),
    fc.constant("broken"),
    fc.constant('{"EventID":1,"Image":"/bin/bad"}'),
  );
  const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));
  const form = fc.constantFrom("ndjson", "json.gz", "zip", "evtx");
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(text, form), { minLength: 2, maxLength: 6 }),
      fc.boolean(),
      async (files, perFile) => {
        const here = join(folder, String(number++));
        mkdirSync(here);
        for (const [index, [content, ending]] of files.entries()) {
          const path = join(here, `${index}.${ending}`);
          const packed = zip(
            { name: "b.json", content },
            { name: "a.json", content: "damaged" },
            { name: "c.json", content, crc: 1 },
          );
          writeFileSync(path, ending === "zip" ? packed : ending === "json.gz" ? gzipSync(content) : content);
        }
        const limits = { sinceMs: Date.UTC(2026, 0, 31) + 5000, perFile };
        const one = await run([here], limits);
        const several = await run([here], { ...limits, readers: { spec, count: 2, minBytes: 0 } });
        expect(several.alerts).toEqual(one.alerts);
        expect(several.result).toEqual(one.result);
        expect(several.log).toEqual(one.log);
      },
    ),
    { numRuns: 8 },
  );
}, 120_000);

/** A capture of one process that was started. */
function capture(): Buffer {
  const manifest = encodeManifest({
    agent: { version: "1", commit: "c" },
    kernel: "6.1.0",
    host: { ...readHost(), id: "machine", name: "n", hostname: "n" },
    hostId: "machine|boot",
    hostMountNs: 9,
    startedMs: 0,
    sensitiveFiles: [],
    foldIntervalMs: 60_000,
    probes: [],
  });
  const parts: Buffer[] = [];
  const writer = new CaptureWriter(manifest, (bytes) => parts.push(Buffer.from(bytes)));
  const clock = Buffer.alloc(8);
  clock.writeDoubleLE(Date.UTC(2026, 0, 31) + 10_000);
  const record = writeProcessRecord({
    kind: recordKind.exec,
    pid: 5,
    timeNs: 5_000_000n,
    sequence: 1n,
    flags: 0,
    comm: "bad",
    fields: { startNs: 4_000_000n, mntNs: 9 },
    fdKinds: [0, 0, 0],
    sections: { exe: "/bin/bad", args: "/bin/bad\0" },
  });
  writer.add(entryType.clock, 1, clock);
  writer.add(entryType.ready, 1, Buffer.alloc(0));
  writer.add(entryType.record, 1, record);
  writer.end({ reason: "duration" });
  return Buffer.concat(parts);
}

test("captures among several inputs are read where the process table is, in archives too", async () => {
  const here = join(folder, "captures");
  mkdirSync(here);
  writeFileSync(join(here, "a.capture"), capture());
  writeFileSync(join(here, "b.ndjson"), [event(9, "/bin/bad", "u"), event(11, "/bin/bad", "u"), "broken"].join("\n"));
  writeFileSync(
    join(here, "c.zip"),
    zip(
      { name: "x.ndjson", content: `${event(12, "/bin/bad", "u")}\nbroken` },
      { name: "y.capture", content: capture() },
    ),
  );
  const one = await run([here], {});
  const several = await run([here], { readers: { spec, count: 2, minBytes: 0 } });
  expect(
    one.alerts.filter(({ hit }) => hit.rule.title === "bad").map(({ event: { timeMs } }) => timeMs % 60_000),
  ).toEqual([9000, 10_005, 10_005, 11_000, 12_000]);
  expect(one.result.summary).toMatchObject({ files: 4, events: 5, malformed: 2 });
  expect(several).toEqual(one);
}, 60_000);

test("what happened at the same time keeps the order of the inputs, whichever worker is done first", async () => {
  const here = join(folder, "ties");
  mkdirSync(here);
  const long = Array.from({ length: 20_000 }, () => event(1, "/bin/good", "u"));
  writeFileSync(join(here, "a.ndjson"), [...long, event(1, "/bin/bad", "a")].join("\n"));
  writeFileSync(join(here, "b.ndjson"), event(1, "/bin/bad", "b"));
  const { alerts } = await run([here], { readers: { spec, count: 2, minBytes: 0 } });
  expect(alerts.map(({ event: { fields } }) => fields.User)).toEqual(["a", "b"]);
}, 60_000);

test("workers do the looking", async () => {
  const here = join(folder, "looking");
  mkdirSync(here);
  for (const name of ["a", "b"]) writeFileSync(join(here, `${name}.ndjson`), event(1, "/bin/bad", "u"));
  const blind = await run([here], { readers: { spec: { ...spec, rules: [] }, count: 2, minBytes: 0 } });
  expect([blind.alerts.length, blind.result.summary.events]).toEqual([0, 2]);
}, 60_000);

test("what crosses threads is what it was", () => {
  const normalizer = new JsonNormalizer(new FieldTable());
  const made: [Pending, number][] = [];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: "grapheme", maxLength: 200_000, size: "xlarge" }), fc.nat(), fc.nat())),
      (all) => {
        made.length = 0;
        const batches: Uint8Array[] = [];
        const writer = new BatchWriter(normalizer, (batch) => batches.push(batch));
        for (const [text, input, sequence] of all) {
          const record = normalizer.normalize({ CommandLine: text, EventID: 1, "@timestamp": sequence });
          if (record !== undefined) made.push([{ event: record, input, sequence }, text.length]);
        }
        for (const [record, bytes] of made) writer.add(record, bytes);
        writer.flush();
        const back: [Pending, number][] = [];
        for (const batch of batches) readBatch(batch, normalizer, (record, bytes) => back.push([record, bytes]));
        const plain = (records: readonly [Pending, number][]) =>
          records.map(([{ event, input, sequence }, bytes]) => [
            event.fields,
            event.timeMs,
            event.source,
            input,
            sequence,
            bytes,
          ]);
        expect(plain(back)).toEqual(plain(made));
      },
    ),
    { numRuns: 50 },
  );
}, 60_000);
