// Captures whose seals are right and whose records lie: a replay loses those records, counts them, and goes on.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { FieldTable, headerLayout, recordKind, writeActivityRecord, writeProcessRecord } from "../../event/mod.ts";
import { readHost } from "../agent/mod.ts";
import { CaptureWriter, encodeManifest, entryType } from "../capture/mod.ts";
import { openLog } from "../log/mod.ts";
import { replayEvents } from "./replay.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-captures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const manifest = encodeManifest({
  agent: { version: "1", commit: "" },
  kernel: "",
  host: readHost(),
  hostId: "h",
  hostMountNs: 1,
  startedMs: 0,
  sensitiveFiles: [],
  foldIntervalMs: 60_000,
  probes: [],
});

const start = (args: string): Buffer =>
  writeProcessRecord({
    kind: recordKind.exec,
    pid: 7,
    timeNs: 9n,
    fields: { startNs: 5n, argc: 1 },
    sections: { exe: "/bin/x", args },
  });

/** Replays the records with a detector that reads every field and hits the command line `bad`. */
async function replay(records: readonly Uint8Array[]): Promise<{ alerts: number; malformed: number }> {
  const path = join(folder, `${crypto.randomUUID()}.capture`);
  const parts: Buffer[] = [];
  const writer = new CaptureWriter(manifest, (bytes) => parts.push(Buffer.from(bytes)));
  writer.clock(1_700_000_000_000);
  writer.add(entryType.ready, 0, Buffer.alloc(0));
  for (const record of records) writer.record("bulk", record);
  writer.end({ reason: "test" });
  writeFileSync(path, Buffer.concat(parts));
  const fields = new FieldTable();
  const slot = fields.slot("CommandLine");
  let alerts = 0;
  const rule = {
    id: "r",
    title: "R",
    description: "",
    level: "low",
    status: "",
    author: [],
    references: [],
    tags: [],
  } as const;
  const { summary } = await replayEvents({
    paths: [path],
    input: "auto",
    perFile: false,
    failOnAlert: false,
    fields,
    log: openLog({ level: "error", format: "text", file: "" }),
    makeHandler: (emit) => ({
      name: "all",
      handle(event) {
        for (let one = 0; one < fields.size; one++) event.get(one);
        if (event.get(slot) === "bad")
          emit(event, {
            engine: "sigma",
            rule: { ...rule, falsepositives: [], version: "", license: "", file: "" },
            matches: [],
          });
      },
    }),
    emit: () => {
      alerts++;
      return true;
    },
  });
  return { alerts, malformed: summary.malformed };
}

test("an activity whose own part is too short is one record lost", async () => {
  const short = [16, 32, 48, 64, 65, 70, 77, 84].map((kind) =>
    writeActivityRecord({ kind, pid: 7, startNs: 5n, timeNs: 9n, fixed: new Uint8Array(4) }),
  );
  const { alerts, malformed } = await replay([start("bad\0"), ...short, start("bad\0")]);
  expect(alerts).toBe(2);
  expect(malformed).toBeGreaterThan(0);
  expect(malformed).toBeLessThanOrEqual(short.length);
});

test("records of any bytes neither end the replay nor hide the ones behind them", async () => {
  const noise = fc
    .tuple(fc.integer({ min: 1, max: 130 }), fc.uint8Array({ minLength: headerLayout.bytes, maxLength: 400 }))
    .map(([kind, bytes]) => {
      const record = Buffer.from(bytes.subarray(0, bytes.length & ~7));
      record.writeUInt32LE(record.length, headerLayout.size);
      record.writeUInt16LE(kind, headerLayout.kind);
      return record;
    });
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 8 }), async (records) => {
      const { alerts } = await replay([...records, start("bad\0")]);
      expect(alerts).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 60 },
  );
}, 30_000);
