import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FieldTable, sourceRow } from "../../event/mod.ts";
import type { RecordedEvent } from "../../normalize/mod.ts";
import { createRing, RingWriter } from "../../ring/mod.ts";
import { JournalFollower } from "./journal-follower.ts";
import { journalRecordSizeMaxBytes } from "./limits.ts";
import { LogFeed, usualLogFiles } from "./log-feed.ts";
import { LogIntake, logEventContext } from "./log-intake.ts";
import { journalRecordKind, packLogLine, unpackLogLine } from "./message.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-feed-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const until = async (condition: () => boolean): Promise<void> => {
  const endMs = performance.now() + 20_000;
  while (!condition() && performance.now() < endMs) await Bun.sleep(5);
  expect(condition()).toBe(true);
};

describe("the usual files", () => {
  test("are those of one distribution: no line stands in two of them", () => {
    const debian = usualLogFiles(false, (path) => path === "/etc/debian_version");
    expect(debian.slice(0, 2)).toEqual(["/var/log/auth.log", "/var/log/syslog"]);
    const other = usualLogFiles(false, () => false);
    expect(other.slice(0, 3)).toEqual(["/var/log/secure", "/var/log/messages", "/var/log/cron"]);
    expect(debian.filter((path) => other.includes(path))).toEqual([
      "/var/log/vsftpd.log",
      "/var/log/clamav/clamav.log",
    ]);
  });

  test("are only those that bypass syslog where the journal is read", () => {
    expect(usualLogFiles(true, () => true)).toEqual(["/var/log/vsftpd.log"]);
  });
});

test("a line comes back from the ring as it was, with its file and time, whatever its bytes", () => {
  const bytes = Buffer.from([0xff, 0, 10, 0x41]);
  expect(unpackLogLine(packLogLine("/var/log/ä.log", 1234.5, bytes))).toEqual({
    path: "/var/log/ä.log",
    readMs: 1234.5,
    line: bytes.toString(),
  });
});

test("a full ring makes the reader wait: every line arrives once and in order, and nothing is dropped", async () => {
  const path = join(folder, "syslog");
  writeFileSync(path, "");
  // A ring of 64 KiB for a megabyte.
  const memory = createRing(64 * 1024);
  const fields = new FieldTable();
  const intake = new LogIntake(memory, fields);
  const told: string[] = [];
  const feed = new LogFeed({
    journal: "off",
    files: [path],
    memory,
    wake: () => {},
    tell: (_, message) => told.push(message),
  });
  feed.start();
  const wanted = Array.from({ length: 2000 }, (_, index) => `line ${index} ${"x".repeat(500)}`);
  appendFileSync(path, wanted.map((text) => `Jan  1 00:00:00 h app[1]: ${text}\n`).join(""));
  const got: RecordedEvent[] = [];
  await until(() => {
    // A slow reader.
    intake.drain((event) => void got.push(event), 50);
    return got.length >= wanted.length;
  });
  await feed.stop();
  intake.drain((event) => void got.push(event), 10_000);
  expect(got.map((event) => event.fields.message)).toEqual(wanted);
  expect(feed.stats).toEqual({ written: wanted.length, lost: 0, cut: 0 });
  expect(intake.stats).toEqual({ taken: wanted.length, malformed: 0 });
  expect(told).toEqual(["reading logs"]);
  const first = got[0] as RecordedEvent;
  // A line of another year is of now: a window of a correlation must not open in the past.
  expect(Math.abs(first.timeMs - Date.now())).toBeLessThan(86_400_000 + 60_000);
  expect(logEventContext(first, intake.pathOf(first))).toMatchObject({ logPath: path, provider: "syslog" });
}, 60_000);

test("when another worker takes over, its account begins with what lies in the ring", async () => {
  const path = join(folder, "syslog");
  writeFileSync(path, "");
  const memory = createRing(64 * 1024);
  const feed = new LogFeed({ journal: "off", files: [path], memory, wake: () => {}, tell: () => {} });
  feed.start();
  appendFileSync(path, "a\nb\nc\nd\ne\n");
  await until(() => feed.stats.written === 5);
  expect(new LogIntake(memory, new FieldTable()).drain(() => {}, 2)).toBe(2);
  feed.restarted();
  const next = new LogIntake(memory, new FieldTable());
  appendFileSync(path, "f\n");
  await until(() => feed.stats.written === 4);
  await feed.stop();
  const got: unknown[] = [];
  next.drain((event) => void got.push(event.fields.message), 100);
  expect(got).toEqual(["c", "d", "e", "f"]);
  expect(next.stats.taken).toBe(feed.stats.written);
}, 60_000);

test("a file that cannot be read is told once, and the others are read", async () => {
  const told: unknown[] = [];
  const good = join(folder, "auth.log");
  writeFileSync(good, "");
  const memory = createRing(64 * 1024);
  const feed = new LogFeed({
    journal: "off",
    files: [folder, good],
    memory,
    wake: () => {},
    tell: (level, message, values) => told.push([level, message, values.file]),
  });
  feed.start();
  appendFileSync(good, "one\n");
  const intake = new LogIntake(memory, new FieldTable());
  const got: string[] = [];
  await until(() => {
    intake.drain((event) => void got.push(sourceRow(event.source).name), 10);
    return got.length > 0;
  });
  await feed.stop();
  expect(got).toEqual(["linux/auth"]);
  expect(told.filter((one) => (one as string[])[0] === "warn")).toEqual([["warn", "cannot read a log file", folder]]);
}, 60_000);

test("what is no record of the journal is counted", () => {
  const memory = createRing(64 * 1024);
  const writer = new RingWriter(memory);
  const intake = new LogIntake(memory, new FieldTable());
  for (const text of ["{", "[]", "null", "7", '{"MESSAGE":"x","_COMM":"sshd","_PID":"7","_UID":"0"}', '{"MESSAGE":""}'])
    writer.write(journalRecordKind, Buffer.from(text));
  const got: RecordedEvent[] = [];
  intake.drain((event) => void got.push(event), 100);
  expect(got.map((event) => [sourceRow(event.source).name, LogIntake.writerOf(event)])).toEqual([["linux/sshd", 7]]);
  expect(intake.stats).toEqual({ taken: 6, malformed: 4 });
});

describe("journalctl", () => {
  /** A program in journalctl's place: notes its arguments and says what it is told to. */
  function stand(script: string): string {
    const path = join(folder, "journalctl");
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${folder}/calls\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }
  const record = (cursor: string, message: string, timeUs = (Date.now() + 5000) * 1000): string =>
    JSON.stringify({ __CURSOR: cursor, __REALTIME_TIMESTAMP: String(timeUs), MESSAGE: message });
  const calls = (): string[] =>
    existsSync(`${folder}/calls`) ? readFileSync(`${folder}/calls`, "utf8").trim().split("\n") : [];

  test("that ends is started again behind the last record", async () => {
    writeFileSync(join(folder, "out"), `${record("s=old", "of before", 1000)}\n${record("s=1;i=2", "new")}\n`);
    const got: string[] = [];
    const ended: string[] = [];
    const follower = new JournalFollower(stand(`cat ${folder}/out; echo why >&2; exit 3`), {
      take: (bytes) => got.push(JSON.parse(bytes.toString()).MESSAGE) > 0,
      ended: (reason, pauseMs) => ended.push(`${reason} ${pauseMs}`),
    });
    await until(() => calls().length >= 2);
    await follower.stop();
    expect(got[0]).toBe("new");
    expect(calls()[0]).toContain("--since=@");
    expect(calls()[1]).toContain("--after-cursor=s=1;i=2");
    expect(ended[0]).toBe("exit code 3 why 1000");
  }, 60_000);

  test("is not asked for more while there is no room, and its records come once", async () => {
    const many = Array.from({ length: 50 }, (_, index) => record(`c${index}`, `m${index}`));
    writeFileSync(join(folder, "out"), `${many.join("\n")}\n`);
    const got: string[] = [];
    let offered = 0;
    const follower = new JournalFollower(stand(`cat ${folder}/out; exec sleep 60`), {
      take: (bytes) => ++offered % 3 === 0 && got.push(JSON.parse(bytes.toString()).MESSAGE) > 0,
      ended: () => {},
    });
    await until(() => got.length >= many.length);
    await follower.stop();
    expect(got).toEqual(many.map((_, index) => `m${index}`));
    expect(follower.stats).toEqual({ records: 50, oversized: 0, restarts: 0 });
  }, 60_000);

  test("that writes a record without an end costs a limit's worth of memory, and what follows is taken", async () => {
    writeFileSync(join(folder, "out"), `${"x".repeat(3 * journalRecordSizeMaxBytes)}\n${record("c", "after")}\n`);
    const got: string[] = [];
    const follower = new JournalFollower(stand(`cat ${folder}/out; exec sleep 60`), {
      take: (bytes) => got.push(JSON.parse(bytes.toString()).MESSAGE) > 0,
      ended: () => {},
    });
    await until(() => got.length > 0);
    await follower.stop();
    expect(got).toEqual(["after"]);
    expect(follower.stats.oversized).toBe(1);
  }, 60_000);

  test("that cannot be started is told, and a stop does not wait for the next start", async () => {
    const ended: string[] = [];
    const follower = new JournalFollower(join(folder, "nothing"), {
      take: () => true,
      ended: (reason) => ended.push(reason),
    });
    await until(() => ended.length > 0);
    await follower.stop();
    expect(ended[0]).toContain("ENOENT");
  }, 60_000);
});
