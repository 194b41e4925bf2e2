import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ChunkWriter, event, evtxFile, fileHeader, namedData, string } from "../../../test/fixtures/evtx-writer.ts";
import type { AlertInput } from "../../alert/mod.ts";
import type { StagedHandler } from "../../detect/mod.ts";
import { FieldTable } from "../../event/mod.ts";
import { RecordedEvent } from "../../normalize/mod.ts";
import { openLog } from "../log/mod.ts";
import { type ReplayOptions, type ReplayResult, replayEvents } from "./replay.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
};

const rule = {
  id: "r",
  title: "R",
  description: "",
  level: "high",
  status: "",
  author: [],
  references: [],
  tags: [],
  falsepositives: [],
  version: "",
  license: "",
  file: "",
} as const;

interface Run extends ReplayResult {
  readonly alerts: AlertInput[];
  readonly seen: RecordedEvent[];
  readonly log: string[];
}

/** Replays with a detector that hits events whose CommandLine is `bad`. */
async function run(paths: string[], options: Partial<ReplayOptions> = {}): Promise<Run> {
  const alerts: AlertInput[] = [];
  const seen: RecordedEvent[] = [];
  const log: string[] = [];
  const fields = new FieldTable();
  const slot = fields.slot("CommandLine");
  const result = await replayEvents({
    paths,
    input: "auto",
    perFile: false,
    failOnAlert: false,
    fields,
    makeHandler: (emit) => ({
      name: "test",
      handle(event) {
        if (event instanceof RecordedEvent) seen.push(event);
        if (event.get(slot) === "bad") emit(event, { engine: "sigma", rule, matches: [] });
      },
    }),
    emit: (alert) => {
      alerts.push(alert);
      return true;
    },
    log: openLog({
      level: "trace",
      format: "json",
      file: "",
      writers: [{ write: (line) => void log.push(line), reopen() {}, flush: async () => {}, lost: 0 }],
    }),
    ...options,
  });
  return { ...result, alerts, seen, log };
}

const at = (second: number, more: object = {}): string =>
  JSON.stringify({
    EventID: 1,
    Channel: "Microsoft-Windows-Sysmon/Operational",
    UtcTime: `2020-01-01 00:00:${String(second).padStart(2, "0")}.000`,
    ...more,
  });
const names = (seen: readonly RecordedEvent[]) => seen.map((event) => event.fields.n);

describe("order", () => {
  test("all inputs are one stream in order of event time", async () => {
    const a = file("a.ndjson", [at(1, { n: "a1" }), at(4, { n: "a4" })].join("\n"));
    const b = file("b.ndjson", [at(3, { n: "b3" }), at(2, { n: "b2" })].join("\n"));
    expect(names((await run([a, b])).seen)).toEqual(["a1", "b2", "b3", "a4"]);
  });

  test("events of equal time keep the order of the inputs", async () => {
    const a = file("a.ndjson", [at(1, { n: "a0" }), at(1, { n: "a1" })].join("\n"));
    const b = file("b.ndjson", [at(1, { n: "b0" })].join("\n"));
    expect(names((await run([b, a])).seen)).toEqual(["b0", "a0", "a1"]);
  });

  test("a detector that examines events by themselves concludes only those that it found something in, in order", async () => {
    const examined: unknown[] = [];
    const concluded: unknown[] = [];
    const staged: StagedHandler<RecordedEvent, string> = {
      name: "staged",
      handle: () => {
        throw new Error("What is staged is examined");
      },
      examine: ({ fields }) => {
        examined.push(fields.n);
        return fields.keep === true ? `found ${fields.n}` : undefined;
      },
      conclude: ({ fields }, found) => void concluded.push([fields.n, found]),
    };
    const makeHandler = () => staged;
    const lines = [
      at(5, { n: 0, keep: true }),
      at(4, { n: 1 }),
      at(3, { n: 2, keep: true }),
      at(9, { n: 3, keep: true }),
    ];
    const path = file("a.ndjson", lines.join("\n"));
    const untilMs = Date.parse("2020-01-01T00:00:09Z");
    const { summary } = await run([path], { makeHandler, untilMs });
    const inOrder = [
      [2, "found 2"],
      [0, "found 0"],
    ];
    expect([examined, concluded]).toEqual([[0, 1, 2], inOrder]);
    expect(summary.events).toBe(3);
    concluded.length = 0;
    // What was written to disk has lost what was found, and is handled whole.
    const handle = (event: RecordedEvent): void => staged.conclude(event, staged.examine(event) ?? "nothing");
    const sortMemory = { maxBytes: 1, maxRecords: 1 };
    await run([path], { makeHandler: () => ({ ...staged, handle }), untilMs, sortMemory });
    expect(concluded).toEqual(inOrder);
  });

  test("--per-file keeps inputs apart", async () => {
    const a = file("a.ndjson", [at(4, { n: "a4" }), at(1, { n: "a1" })].join("\n"));
    const b = file("b.ndjson", at(2, { n: "b2" }));
    expect(names((await run([a, b], { perFile: true })).seen)).toEqual(["a1", "a4", "b2"]);
  });

  test("an event without a time follows the one before it, and the log says so", async () => {
    const a = file("a.ndjson", `${at(5, { n: 0 })}\n{"EventID":1,"Image":"C:\\\\x","n":1}\n${at(6, { n: 2 })}\n`);
    const result = await run([a]);
    expect(names(result.seen)).toEqual([0, 1, 2]);
    expect(result.seen[1]?.timeMs).toBe(Date.parse("2020-01-01T00:00:05Z"));
    expect(result.log.join("")).toContain("records without a time");
  });

  test("what does not fit in memory is sorted on disk, with the same result and nothing left behind", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("sigil-replay-"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 30 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 9 }),
        async (inputs, maxRecords) => {
          const paths = inputs.map((seconds, index) =>
            file(
              `s${index}.ndjson`,
              seconds
                .map((second, n) => at(second, { n: `${index}:${n}`, CommandLine: n % 3 === 0 ? "bad" : "x" }))
                .join("\n"),
            ),
          );
          const inMemory = await run(paths);
          const onDisk = await run(paths, {
            sortMemory: { maxBytes: 1 << 30, maxRecords, fanIn: 2 + (maxRecords % 3) },
          });
          expect(names(onDisk.seen)).toEqual(names(inMemory.seen));
          expect(onDisk.alerts).toEqual(inMemory.alerts);
        },
      ),
      { numRuns: 40 },
    );
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("sigil-replay-"))).toEqual(before);
  });
});

describe("an alert of a replay", () => {
  test("says where the event is from, and nothing of this machine or this moment", async () => {
    const content = `${at(1)}\n${at(2, { CommandLine: "bad", Hostname: "wks", RecordNumber: 7, Count: 3, Empty: null })}\n`;
    const path = file("alert.ndjson", content);
    const { alerts } = await run([path]);
    expect(alerts).toHaveLength(1);
    const [alert] = alerts;
    expect(alert?.replay).toEqual({
      path,
      sequence: 1,
      recordId: "7",
      digest: new Bun.CryptoHasher("sha256").update(content).digest("hex"),
    });
    expect(alert?.host).toMatchObject({ id: "", name: "wks", os: { type: "windows" }, ip: [] });
    expect(alert?.createdMs).toBeUndefined();
    expect(alert?.event).toMatchObject({
      kind: "process_start",
      code: "1",
      timeMs: Date.parse("2020-01-01T00:00:02Z"),
    });
    expect(alert?.event.fields).toMatchObject({ CommandLine: "bad", Count: "3", Empty: "" });
  });

  test("is the same whenever it is made", async () => {
    const path = file("twice.ndjson", [at(2, { CommandLine: "bad" }), at(1, { CommandLine: "bad" })].join("\n"));
    expect((await run([path])).alerts).toEqual((await run([path])).alerts);
  });

  test("waits for a slow output, and an output that wants no more ends the replay", async () => {
    const path = file("slow.ndjson", [1, 2, 3, 4].map((second) => at(second, { CommandLine: "bad" })).join("\n"));
    let open = 0;
    const { seen } = await run([path], {
      emit: async () => {
        expect(++open).toBe(1);
        await Bun.sleep(1);
        open--;
        return true;
      },
    });
    expect(seen).toHaveLength(4);
    expect((await run([path], { emit: () => false })).seen).toHaveLength(1);
  });
});

describe("inputs", () => {
  test("may be compressed, in UTF-16, with a byte order mark, or standard input", async () => {
    const text = `${at(1, { n: "ä" })}\n${at(2, { n: "€" })}\n`;
    const le = Buffer.from(`\ufeff${text}`, "utf16le");
    const be = Buffer.from(le).swap16();
    const forms: (string | Uint8Array)[] = [
      text,
      `\ufeff${text}`,
      le,
      be,
      Buffer.from(text, "utf16le"),
      gzipSync(text),
      gzipSync(le),
    ];
    for (const [index, form] of forms.entries()) {
      const { seen, summary } = await run([file(`form${index}`, form)]);
      expect(names(seen)).toEqual(["ä", "€"]);
      expect(summary.malformed).toBe(0);
    }
    expect(names((await run(["-"], { stdin: Readable.from([Buffer.from(text)]) })).seen)).toEqual(["ä", "€"]);
  });

  test("below a directory are taken in sorted order, hidden and foreign files left out", async () => {
    const root = join(folder, "tree");
    for (const [name, n] of [
      ["b.json", 2],
      ["a/z.ndjson", 1],
      ["c.jsonl.gz", 3],
    ] as const) {
      const text = at(1, { n });
      file(`tree/${name}`, name.endsWith(".gz") ? gzipSync(text) : text);
    }
    file("tree/.hidden.json", at(1, { n: "hidden" }));
    file("tree/info.yml", "x: 1");
    file("tree/trace.etl", "\0\0");
    const { seen, summary, log, exitCode } = await run([root]);
    expect(names(seen)).toEqual([1, 2, 3]);
    expect(summary.files).toBe(3);
    expect(log.join("")).toContain("trace.etl");
    expect(exitCode).toBe(0);
  });

  test("that are damaged lose only what is damaged, and the log names the first ones", async () => {
    const path = file("bad.ndjson", [at(1), "{broken", "[1,2]", '"text"', ...Array(10).fill("nope"), at(2)].join("\n"));
    const { summary, log, seen, exitCode } = await run([path]);
    expect(summary).toMatchObject({ events: 2, malformed: 13 });
    expect(seen).toHaveLength(2);
    expect(log.filter((line) => line.includes("malformed record skipped"))).toHaveLength(5);
    expect(log.join("")).toContain('"line":2');
    expect(exitCode).toBe(0);
  });

  test("whose compression is damaged give what is there, and exit status 2", async () => {
    const whole = gzipSync(Array.from({ length: 5000 }, (_, n) => at(1, { n, filler: Math.random() })).join("\n"));
    const { summary, exitCode } = await run([file("cut.gz", whole.subarray(0, whole.length / 2))]);
    expect(exitCode).toBe(2);
    expect(summary.events).toBeGreaterThan(100);
  });

  test("that do not exist, or that this version does not read, are errors of usage", async () => {
    expect((await run([join(folder, "nothing")])).exitCode).toBe(64);
    const { exitCode, log } = await run([file("x.bz2", "BZh91AY")]);
    expect(exitCode).toBe(64);
    expect(log.join("")).toContain("bzip2");
    expect((await run([file("no.evtx", "{}")], { input: "evtx" })).exitCode).toBe(64);
  });

  test("that the system refuses to read give exit status 2", async () => {
    // A regular file that says EIO to everyone, root included.
    const { exitCode, log } = await run(["/proc/self/mem"]);
    expect(exitCode).toBe(2);
    expect(log.join("")).toContain("EIO");
  });

  test("can be limited in time: from `since`, before `until`", async () => {
    const path = file("when.ndjson", [1, 2, 3, 4].map((n) => at(n, { n })).join("\n"));
    const ms = (second: number) => Date.parse("2020-01-01T00:00:00Z") + second * 1000;
    expect(names((await run([path], { sinceMs: ms(2), untilMs: ms(4) })).seen)).toEqual([2, 3]);
  });

  test("of arbitrary bytes neither fail nor hang", async () => {
    const path = join(folder, "noise");
    const magic = fc.constantFrom(
      "",
      "\x1f\x8b\x08",
      "\xff\xfe",
      "\xfe\xff",
      "\xef\xbb\xbf",
      "[",
      "{",
      '{\n"',
      "{\0",
      "ElfFile\0",
    );
    await fc.assert(
      fc.asyncProperty(
        magic,
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom("auto", "ndjson", "json", "evtx"),
        async (start, noise, input) => {
          writeFileSync(path, Buffer.concat([Buffer.from(start, "latin1"), noise]));
          const { exitCode } = await run([path], { input });
          expect([0, 2, 64]).toContain(exitCode);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("event logs", () => {
  const created = (second: number): number => Date.UTC(2020, 0, 1, 0, 0, second);
  const write = (to: ChunkWriter, id: number, second: number, command: string, n: string): ChunkWriter =>
    to.record(id, () =>
      event(to, id, "t", namedData("CommandLine", "n"), [string(command), string(n)], created(second)),
    );

  test("are one stream with other recordings, and say the number of the record", async () => {
    const log = evtxFile(
      write(write(new ChunkWriter(), 71, 4, "bad", "e4"), 72, 2, "x", "e2").seal(),
      write(new ChunkWriter(), 73, 6, "x", "e6").seal(),
    );
    const path = file("log.evtx", log);
    const { seen, alerts, summary } = await run([
      path,
      file("log.ndjson", [at(3, { n: "j3" }), at(5, { n: "j5" })].join("\n")),
    ]);
    expect(names(seen)).toEqual(["e2", "j3", "e4", "j5", "e6"]);
    expect(summary).toMatchObject({ files: 2, events: 5, malformed: 0, alerts: 1 });
    expect(alerts[0]?.replay).toEqual({
      path,
      sequence: 0,
      recordId: "71",
      digest: new Bun.CryptoHasher("sha256").update(log).digest("hex"),
    });
    expect(alerts[0]?.host).toMatchObject({ name: "host", os: { type: "windows" } });
  });

  test("are known by what they hold: gzipped, from standard input, by folder, or as they are told", async () => {
    const log = evtxFile(write(new ChunkWriter(), 1, 1, "x", "e1").seal());
    expect(names((await run([file("misnamed.json", log)])).seen)).toEqual(["e1"]);
    expect(names((await run([file("log.evtx.gz", gzipSync(log))])).seen)).toEqual(["e1"]);
    expect(names((await run([file("chunk", log.subarray(4096))])).seen)).toEqual(["e1"]);
    expect(names((await run(["-"], { stdin: Readable.from([log]), input: "evtx" })).seen)).toEqual(["e1"]);
    file("logs/a.evtx", log);
    file("logs/b.evtx.gz", gzipSync(log));
    expect((await run([join(folder, "logs")])).summary).toMatchObject({ files: 2, events: 2 });
    // A file header that looks like a byte order mark is still no text when EVTX is asked for.
    const marked = Buffer.from(log);
    marked.set([0xff, 0xfe], 0);
    expect(names((await run([file("marked.evtx", marked)], { input: "evtx" })).seen)).toEqual(["e1"]);
  });

  test("lose only what is damaged, and the log says where", async () => {
    const chunk = new ChunkWriter();
    for (let id = 1; id <= 9; id++) write(chunk, id, id, "x", `e${id}`);
    const log = evtxFile(chunk.seal());
    const fourth = log.indexOf(Buffer.from([0x2a, 0x2a, 0, 0]), log.indexOf(Buffer.from("e3", "utf16le")));
    log.fill(0xee, fourth, fourth + 40);
    const result = await run([file("damaged.evtx", log)]);
    expect(names(result.seen)).toEqual(["e1", "e2", "e3", "e5", "e6", "e7", "e8", "e9"]);
    expect(result.summary).toMatchObject({ events: 8, malformed: 1 });
    expect(result.exitCode).toBe(0);
    expect(result.log.join("")).toContain("checksum");
    expect(result.log.find((line) => line.includes("malformed record skipped"))).toContain(`"offset":${fourth}`);
  });

  test("that are none although they were promised are errors of usage, also when they end early", async () => {
    for (const content of ["", "{}", gzipSync(Buffer.alloc(100_000, 1))])
      expect((await run([file("none.evtx", content)], { input: "evtx" })).exitCode).toBe(64);
    const cut = gzipSync(Buffer.alloc(100_000, 1)).subarray(0, 60);
    expect((await run([file("cut.evtx", cut)], { input: "evtx" })).exitCode).toBe(2);
    expect((await run([file("header.evtx", fileHeader(0))])).summary).toMatchObject({ events: 0, malformed: 0 });
  });

  test("are the same events when they had to wait on disk", async () => {
    const chunk = new ChunkWriter();
    for (let id = 1; id <= 30; id++) write(chunk, id, (id * 7) % 30, id % 3 === 0 ? "bad" : "x", `e${id}`);
    const path = file("disk.evtx", evtxFile(chunk.seal()));
    const inMemory = await run([path]);
    const onDisk = await run([path], { sortMemory: { maxBytes: 1 << 30, maxRecords: 4 } });
    expect(inMemory.alerts).toHaveLength(10);
    expect(onDisk.alerts).toEqual(inMemory.alerts);
    expect(names(onDisk.seen)).toEqual(names(inMemory.seen));
  });
});

describe("logs of Linux", () => {
  const audit = [
    'type=SYSCALL msg=audit(1577836803.000:7): arch=c000003e syscall=59 ppid=1 pid=42 uid=1000 comm="id" exe="/bin/id"',
    'type=EXECVE msg=audit(1577836803.000:7): argc=1 a0="id"',
    "garbage",
  ].join("\n");
  const auth = ["Jan  1 00:00:02 web sshd[9]: Accepted publickey", "Jan  1 00:00:04 web sudo: alice : x"].join("\r\n");

  test("are one stream with each other and with other recordings", async () => {
    const authPath = file("logs/auth.log", auth);
    utimesSync(authPath, 1577836900, 1577836900);
    const { seen, summary } = await run([
      file("logs/audit.log", audit),
      authPath,
      file(
        "logs/journal.json",
        '{"__REALTIME_TIMESTAMP":"1577836802500000","MESSAGE":"hello","SYSLOG_IDENTIFIER":"CRON"}',
      ),
    ]);
    expect(seen.map(({ fields }) => fields.type ?? fields.program)).toEqual([
      "sshd",
      "CRON",
      "SYSCALL",
      "EXECVE",
      "sudo",
    ]);
    expect(summary).toMatchObject({ files: 3, events: 5, malformed: 1 });
  });

  test("give alerts that know the process from the other records, and the line", async () => {
    const fields = new FieldTable();
    const slot = fields.slot("a0");
    const { alerts } = await run([file("audit.log", audit)], {
      fields,
      makeHandler: (emit) => ({
        name: "test",
        handle(event) {
          if (event.get(slot) === "id") emit(event, { engine: "sigma", rule, matches: [] });
        },
      }),
    });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({
      process: { pid: 42, executable: "/bin/id", args: ["id"], user: { id: "1000" }, parent: { pid: 1 } },
      replay: { sequence: 1 },
    });
  });

  test("below a folder are told from other files with such names", async () => {
    file("var/log/messages-20200101", auth);
    file("var/log/audit/audit.log.1.gz", gzipSync(audit));
    file("var/log/dpkg.log", "nothing of the kind");
    file("var/log/wtmp", "\0\0");
    const { summary, log, exitCode } = await run([join(folder, "var")]);
    expect(summary).toMatchObject({ files: 3, events: 4, malformed: 1 });
    expect(log.find((line) => line.includes("dpkg.log"))).toContain("no log of a known form");
    expect(exitCode).toBe(0);
  });
});

describe("exit status", () => {
  test("is 0 with alerts, and 1 with alerts and --fail-on-alert", async () => {
    const bad = file("exit.ndjson", at(1, { CommandLine: "bad" }));
    const good = file("good.ndjson", at(1));
    expect((await run([bad])).exitCode).toBe(0);
    expect((await run([bad], { failOnAlert: true })).exitCode).toBe(1);
    expect((await run([good], { failOnAlert: true })).exitCode).toBe(0);
  });

  test("comes with counts", async () => {
    const path = file("count.ndjson", [at(1, { CommandLine: "bad" }), at(2), "x"].join("\n"));
    const { summary } = await run([path]);
    expect(summary).toMatchObject({ files: 1, events: 2, malformed: 1, alerts: 1 });
    expect(summary.seconds).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(summary.events_per_second)).toBe(true);
  });
});
