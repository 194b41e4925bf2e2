import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { printable } from "../../std/mod.ts";
import { logLineLengthMax, logQueueSizeMaxBytes, logRateBurstMax, logRateWindowMs } from "../config/limits.ts";
import type { LogEntry } from "./entry.ts";
import { entryLog, type LogOptions, openLog } from "./log.ts";
import { fileWriter, type LineWriter } from "./writer.ts";

function memoryWriter() {
  const lines: string[] = [];
  let reopened = 0;
  const writer: LineWriter & { lines: string[]; reopened(): number } = {
    lines,
    lost: 0,
    write: (line) => void lines.push(line),
    reopen: () => void reopened++,
    reopened: () => reopened,
    flush: async () => {},
  };
  return writer;
}

function logTo(options: Partial<LogOptions> = {}) {
  const writer = memoryWriter();
  const log = openLog({ level: "info", format: "text", file: "", now: () => 0, writers: [writer], ...options });
  return { log, lines: writer.lines, writer };
}

test("a line has time, level, component, message and fields", () => {
  const { log, lines } = logTo();
  log.child("sensor").info("agent ready", { rules: 25, path: "/a b", ok: true, none: undefined });
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z info  sensor: agent ready rules=25 path="/a b" ok=true']);
});

test("as JSON a line is one object", () => {
  const { log, lines } = logTo({ format: "json" });
  log.warn("cannot read", { path: 'a"b\nc', level: "fake" });
  expect(JSON.parse(lines[0]!)).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    level: "warn",
    component: "agent",
    message: "cannot read",
    path: 'a"b\nc',
    omitted: 1,
  });
});

test("levels below the chosen one are not written, and the level can be changed", () => {
  const { log, lines } = logTo();
  const child = log.child("x");
  child.debug("no");
  expect(child.isOn("debug")).toBe(false);
  log.setLevel("debug");
  child.debug("yes");
  expect(child.isOn("debug")).toBe(true);
  expect(lines).toHaveLength(1);
});

test("no value can break a line, forge a field of its own or drive a terminal", () => {
  for (const format of ["text", "json"] as const) {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, value) => {
        const { log, lines } = logTo({ format });
        log.info("m", { [name]: value, after: 1 });
        expect(lines).toHaveLength(1);
        expect(printable(lines[0]!)).toBe(lines[0]!);
        if (format === "json") expect(JSON.parse(lines[0]!).after).toBe(1);
        else expect(lines[0]!.endsWith(" after=1")).toBe(true);
      }),
      { seed: 5 },
    );
  }
});

test("a value with a space, a quote or an equals sign is quoted", () => {
  const { log, lines } = logTo();
  log.info("m", { a: "x y=z", b: 'q"', c: "" });
  expect(lines[0]).toEndWith('m a="x y=z" b="q\\"" c=""');
});

test("errors are shown with their causes, circles end, hostile objects do not throw", () => {
  const { log, lines } = logTo();
  const circle = new Error("outer");
  circle.cause = circle;
  log.error("a", { error: new Error("cannot load", { cause: new Error("no such file") }) });
  log.error("b", { error: circle });
  const self: Record<string, unknown> = {};
  self.self = self;
  log.error("c", { self, big: 1n, object: { a: 1 } });
  expect(lines[0]).toEndWith('error="cannot load: no such file"');
  expect(lines[1]).toContain("outer: outer");
  expect(lines[2]).toContain('self="(cannot be shown)"');
  expect(lines[2]).toContain('object="{\\"a\\":1}"');
});

test("a line never grows beyond its limit", () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logTo({ format });
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, "x".repeat(5000)]));
    log.info("y".repeat(100_000), fields);
    expect(lines[0]!.length).toBeLessThanOrEqual(logLineLengthMax);
    if (format === "json") expect(JSON.parse(lines[0]!).omitted).toBeGreaterThan(0);
  }
});

test("secrets are masked in messages and values, also where a value is cut or escaped", () => {
  const { log, lines } = logTo();
  log.addSecret("s3cr\net");
  log.addSecret("s3cr");
  log.addSecret("");
  log.addSecret("ab");
  log.info("token s3cr", { url: "https://x/?k=s3cr\net&ab=1", long: `${"x".repeat(1020)}s3cr\net` });
  expect(lines[0]).not.toContain("s3cr");
  expect(lines[0]).toContain("ab=1");
  expect(lines[0]).toContain("token ********");
});

test("lines of one kind beyond the burst are counted and said, other kinds pass", () => {
  let now = 0;
  const { log, lines } = logTo({ now: () => now });
  for (let index = 0; index < 500; index++) log.warn("queue full", { index });
  log.warn("other");
  expect(lines).toHaveLength(logRateBurstMax + 1);
  now = logRateWindowMs;
  log.warn("queue full", { index: 500 });
  expect(lines).toHaveLength(logRateBurstMax + 2);
});

test("what was suppressed is said at the latest when the log is closed", async () => {
  const { log, lines } = logTo();
  for (let index = 0; index < 500; index++) log.warn("queue full", { index });
  await log.close();
  expect(lines.at(-1)).toEndWith(`log lines suppressed count=${500 - logRateBurstMax} of="queue full"`);
});

test("a clock that goes backwards does not silence the log", () => {
  let now = 1e12;
  const { log, lines } = logTo({ now: () => now });
  for (let index = 0; index < logRateBurstMax + 5; index++) log.warn("m");
  now = 0;
  log.warn("m");
  expect(lines).toHaveLength(logRateBurstMax + 1);
});

test("a million kinds of lines cost bounded memory and lose no count", async () => {
  const { log, lines } = logTo();
  for (let kind = 0; kind < 3000; kind++) {
    for (let index = 0; index <= logRateBurstMax; index++) log.child(`c${kind}`).warn("m");
  }
  await log.close();
  const told = lines.filter((line) => line.includes("log lines suppressed"));
  const sum = told.reduce((total, line) => total + Number(/count=(\d+)/.exec(line)![1]), 0);
  expect(sum).toBe(3000);
});

test("entries of another thread are plain data and pass the same limits and masks", () => {
  const { log, lines } = logTo();
  log.addSecret("hunter22");
  const posted: LogEntry[] = [];
  const worker = entryLog(
    "debug",
    "detect",
    (entry) => posted.push(structuredClone(entry)),
    () => 0,
  );
  worker.child("rules").info("loaded", { count: 3, error: new Error("x hunter22") });
  worker.debug("hidden on the main thread");
  worker.trace("hidden in the worker");
  expect(posted).toHaveLength(2);
  for (const entry of posted) log.accept(entry);
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z info  rules: loaded count=3 error="x ********"']);
});

test("a file is appended to, private, and opened anew after it was moved away", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sigil-log-"));
  const path = join(folder, "agent.log");
  const log = openLog({ level: "info", format: "text", file: path, writers: [fileWriter(path)] });
  log.info("one");
  await log.close();
  renameSync(path, `${path}.1`);
  log.info("two");
  log.reopen();
  log.info("three");
  await log.close();
  expect(readFileSync(`${path}.1`, "utf8").match(/: (\w+)\n/g)).toEqual([": one\n", ": two\n"]);
  expect(readFileSync(path, "utf8").match(/: (\w+)\n/g)).toEqual([": three\n"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("as JSON, control characters above ASCII and direction marks become escapes", () => {
  const { log, lines } = logTo({ format: "json" });
  log.info("m", { value: "\u007f\u009b\u2028\u202e\ud800" });
  expect(lines[0]).toContain('"\\u007f\\u009b\\u2028\\u202e\\ud800"');
  expect(JSON.parse(lines[0]!).value).toBe("\u007f\u009b\u2028\u202e\ud800");
});

test("a full disk loses lines, counts them and goes on", async () => {
  const log = openLog({ level: "info", format: "text", file: "", writers: [fileWriter("/dev/full")] });
  for (const message of ["one", "two"]) log.info(message);
  await log.close();
  expect(log.lost).toBe(2);
});

/** Runs a program that logs 20,000 lines to stderr and then says on stdout how many were lost. */
function spawnLogger(stderr: number) {
  const program = `
    import { openLog } from "${join(import.meta.dir, "log.ts")}";
    const log = openLog({ level: "info", format: "text", file: "" });
    const startMs = performance.now();
    for (let index = 0; index < 20000; index++) log.child("c" + index).info("m", { pad: "x".repeat(200) });
    const tookMs = performance.now() - startMs;
    await log.close();
    console.log(JSON.stringify({ lost: log.lost, tookMs, totalMs: performance.now() - startMs }));
    process.exit(0);
  `;
  return Bun.spawnSync([process.execPath, "-e", program], { stdio: ["ignore", "pipe", stderr], timeout: 30_000 });
}

test("a reader of stderr that sleeps neither stops nor bloats the program: the rest is counted", async () => {
  const { openSync, closeSync, constants } = await import("node:fs");
  const fifo = join(mkdtempSync(join(tmpdir(), "sigil-log-")), "stderr");
  Bun.spawnSync(["mkfifo", fifo]);
  // Opened for both, so that it has a reader that never reads.
  const fd = openSync(fifo, constants.O_RDWR);
  const { stdout, exitCode } = spawnLogger(fd);
  closeSync(fd);
  expect(exitCode).toBe(0);
  const { lost, totalMs } = JSON.parse(stdout.toString());
  const lineBytes = 250;
  expect(lost).toBeGreaterThan(20_000 - (logQueueSizeMaxBytes + 65_536) / lineBytes - 1000);
  expect(totalMs).toBeLessThan(20_000);
});

test("a closed stderr makes the log silent, not the program", async () => {
  const { openSync, closeSync, constants } = await import("node:fs");
  const fifo = join(mkdtempSync(join(tmpdir(), "sigil-log-")), "stderr");
  Bun.spawnSync(["mkfifo", fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  closeSync(reader);
  const { stdout, exitCode } = spawnLogger(writer);
  closeSync(writer);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.toString()).lost).toBe(20_000);
});
