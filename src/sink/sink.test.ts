import { afterAll, expect, test } from "bun:test";
import {
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutputRecord } from "../alert/mod.ts";
import type { Level } from "../detect/mod.ts";
import { highWaterBytes, queueSizeMaxBytes } from "./limits.ts";
import { AlertSink, type OutputNotice, type OutputStats, SinkError } from "./mod.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-sink-"));
afterAll(() => {
  if (mount.exitCode === 0) Bun.spawnSync(["umount", join(folder, "small")]);
  rmSync(folder, { recursive: true });
});
let fileCount = 0;
const freshPath = (): string => join(folder, `alerts-${fileCount++}.ndjson`);
const driver = new URL("../../test/fixtures/sink-driver.ts", import.meta.url).pathname;

function record(n: number, filler = "", level: Level = "high"): OutputRecord {
  const line = JSON.stringify({ n, filler });
  return { kind: "alert", level, line, compact: ({ color, width }) => `compact ${n} ${color} ${width}` };
}

interface Outcome {
  readonly stats: OutputStats;
  readonly notices: readonly string[];
  readonly peakBytes: number;
}

/** Runs the driver with its stdout in a shell pipeline; what it said of itself, and what the reader printed. */
async function pipeline(
  args: readonly (string | number)[],
  reader: string,
): Promise<Outcome & { code: number; read: string }> {
  const errors = freshPath();
  const command = `set -o pipefail; { "$BUN" "$DRIVER" ${args.join(" ")} 2>"$ERRORS"; } | { ${reader}; }; echo "code \${PIPESTATUS[0]}"`;
  const child = Bun.spawn(["bash", "-c", command], {
    env: { ...process.env, BUN: process.execPath, DRIVER: driver, ERRORS: errors },
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = (await new Response(child.stdout).text()).trim().split("\n");
  const code = Number(output.pop()?.replace("code ", ""));
  return { ...(JSON.parse(readFileSync(errors, "utf8")) as Outcome), code, read: output.join("\n") };
}

function expectConserved(stats: OutputStats | undefined): void {
  if (stats === undefined) throw new Error("no stats");
  expect(stats.offered).toBe(stats.filtered + stats.written + stats.dropped + stats.failed + stats.queued);
}

const linesOf = (path: string): string[] => readFileSync(path, "utf8").split("\n").slice(0, -1);

test("a caller that waits loses nothing to a slow reader, in steady memory", async () => {
  // 60 MB through a reader that sleeps first and then reads in gulps.
  const { stats, peakBytes, code, read } = await pipeline(["wait", 60_000, 1000], "sleep 0.7; wc -l");
  expect({ code, read: read.trim(), written: stats.written, dropped: stats.dropped }).toEqual({
    code: 0,
    read: "60000",
    written: 60_000,
    dropped: 0,
  });
  expect(peakBytes).toBeLessThan(150 << 20);
  expectConserved(stats);
});

test("a live caller never waits: the queue stays bounded, the newest lines are dropped and counted, whole lines arrive", async () => {
  // 80 MB against a reader that sleeps longer than the driver needs.
  const copy = freshPath();
  const { stats, notices, peakBytes, code } = await pipeline(
    ["live", 80_000, 1000, "-", 10_000],
    `sleep 1.5; cat >${copy}`,
  );
  expect(code).toBe(0);
  expect(stats.dropped).toBeGreaterThan(10_000);
  expect(notices).toEqual(["dropping"]);
  const numbers = linesOf(copy).map((line) => JSON.parse(line).n as number);
  expect(numbers).toHaveLength(stats.written);
  expect(numbers.every((n, index) => index === 0 || n > (numbers[index - 1] ?? 0))).toBe(true);
  expect(stats.written + stats.dropped).toBe(80_000);
  expect(peakBytes).toBeLessThan(200 << 20);
  expectConserved(stats);
});

test("a reader that goes away closes the output quietly: the program ends with 0 and says EPIPE once", async () => {
  const { stats, notices, code, read } = await pipeline(["wait", 50_000, 1000], "head -1 | cut -c1-6");
  expect({ code, read, state: stats.state, notices }).toEqual({
    code: 0,
    read: '{"n":0',
    state: "closed",
    notices: ["closed:EPIPE"],
  });
  expectConserved(stats);
});

test("a reader that never reads cannot hold the end back beyond the deadline", async () => {
  const started = performance.now();
  const { stats, code } = await pipeline(["live", 3000, 1000, "-", 300], "sleep 2");
  expect({ code, failed: stats.failed > 0, state: stats.state }).toEqual({ code: 0, failed: true, state: "closed" });
  expect(performance.now() - started).toBeLessThan(10_000);
  expectConserved(stats);
});

test("writing does not make the shared description non-blocking: who shares the pipe would be hurt", async () => {
  const code = `
    import { readFileSync } from "node:fs";
    import { AlertSink } from ${JSON.stringify(new URL("./mod.ts", import.meta.url).pathname)};
    const sink = new AlertSink({ outputs: [{ path: "-", format: "ndjson" }] });
    sink.write({ kind: "state", line: "{}", compact: () => "" });
    await sink.flush(1000);
    console.error(/flags:\\s*(\\d+)/.exec(readFileSync("/proc/self/fdinfo/1", "utf8"))[1]);
  `;
  const child = Bun.spawn(["bash", "-c", '"$BUN" -e "$CODE" | cat'], {
    env: { ...process.env, BUN: process.execPath, CODE: code },
    stdout: "pipe",
    stderr: "pipe",
  });
  const flags = Number.parseInt(await new Response(child.stderr).text(), 8);
  expect(flags & constants.O_NONBLOCK).toBe(0);
  expect(await new Response(child.stdout).text()).toBe("{}\n");
});

test("a file is created with mode 0600, appended to, and never truncated", async () => {
  const path = freshPath();
  for (const n of [1, 2]) {
    const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }] });
    sink.write(record(n));
    expect((await sink.close(1000))[0]).toMatchObject({ written: 1, failed: 0, state: "closed" });
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(linesOf(path).map((line) => JSON.parse(line).n)).toEqual([1, 2]);
});

test("half a line at the end of a file stays alone: the next line begins on a line of its own", async () => {
  const path = freshPath();
  writeFileSync(path, '{"n":0}\n{"n":1,"fil');
  const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }] });
  sink.write(record(2));
  await sink.close(1000);
  expect(linesOf(path)).toEqual(['{"n":0}', '{"n":1,"fil', '{"n":2,"filler":""}']);
});

test("after a rename and reopen() lines go to the new file, and none is lost or split between the two", async () => {
  const path = freshPath();
  const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }] });
  for (let n = 0; n < 20_000; n++) {
    if (!sink.write(record(n, "y".repeat(200)))) await sink.drain();
    if (n === 10_000) {
      renameSync(path, `${path}.1`);
      expect(await sink.reopen()).toEqual([]);
    }
  }
  expect((await sink.close(5000))[0]).toMatchObject({ written: 20_000 });
  const [old, now] = [linesOf(`${path}.1`), linesOf(path)];
  expect([old.length > 0, now.length > 0]).toEqual([true, true]);
  expect([...old, ...now].map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
});

test("reopen() that fails keeps the old file in use and says why", async () => {
  const path = freshPath();
  const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }] });
  renameSync(path, `${path}.1`);
  symlinkSync("/nonexistent/folder/file", path);
  const errors = await sink.reopen();
  expect(errors.map(({ code }) => code)).toEqual(["ENOENT"]);
  sink.write(record(1));
  await sink.close(1000);
  expect(linesOf(`${path}.1`)).toHaveLength(1);
});

test("a full disk is told once, tried again, and counted; a replay's output closes instead", async () => {
  const notices: OutputNotice[] = [];
  const sink = new AlertSink({
    outputs: [{ path: "/dev/full", format: "ndjson" }],
    onNotice: (notice) => notices.push(notice),
  });
  sink.write(record(1));
  expect(await sink.flush(600)).toBe(false);
  expect(sink.stats()[0]).toMatchObject({ state: "failing", queued: 1, written: 0 });
  expect(sink.stats()[0]?.errors).toBeGreaterThanOrEqual(2);
  expect((await sink.close(10))[0]).toMatchObject({ state: "closed", failed: 1, queued: 0 });
  expect(notices.map((notice) => ("error" in notice ? `${notice.state} ${notice.error.code}` : notice.state))).toEqual([
    "failing ENOSPC",
  ]);
  expect(notices[0]).toMatchObject({ error: { message: "no space left on device" } });

  const child = Bun.spawn([process.execPath, driver, "wait", "50000", "1000", "/dev/full"], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const outcome = JSON.parse(await new Response(child.stderr).text()) as Outcome;
  expect([await child.exited, outcome.notices]).toEqual([0, ["closed:ENOSPC"]]);
});

const mount = Bun.spawnSync(["sh", "-c", 'mkdir -p "$D" && mount -t tmpfs -o size=256k none "$D"'], {
  env: { ...process.env, D: join(folder, "small") },
  stderr: "ignore",
});
if (mount.exitCode !== 0 && process.env.CI === "true")
  throw new Error("Cannot mount a tmpfs: the test of a disk that fills up must run in CI");

test.skipIf(mount.exitCode !== 0)(
  "a disk that fills up in the middle of a line: the rest follows when there is room (needs mount)",
  async () => {
    const path = join(folder, "small", "alerts.ndjson");
    const ballast = join(folder, "small", "ballast");
    writeFileSync(ballast, "b".repeat(100_000));
    const states: string[] = [];
    const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }], onNotice: ({ state }) => states.push(state) });
    for (let n = 0; n < 200; n++) sink.write(record(n, "z".repeat(1003)));
    expect(await sink.flush(400)).toBe(false);
    const torn = readFileSync(path, "utf8");
    expect(torn.endsWith("\n")).toBe(false);
    rmSync(ballast);
    expect(await sink.flush(5000)).toBe(true);
    expect(states).toEqual(["failing", "recovered"]);
    expect(linesOf(path).map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    await sink.close(100);
  },
);

test.skipIf(mount.exitCode !== 0)(
  "reopening while half a line is written begins that line anew in the new file (needs mount)",
  async () => {
    const path = join(folder, "small", "rotated.ndjson");
    const elsewhere = freshPath();
    rmSync(join(folder, "small", "alerts.ndjson"), { force: true });
    const sink = new AlertSink({ outputs: [{ path, format: "ndjson" }] });
    for (let n = 0; n < 400; n++) sink.write(record(n, "z".repeat(1003)));
    expect(await sink.flush(300)).toBe(false);
    renameSync(path, join(folder, "small", "old"));
    symlinkSync(elsewhere, path);
    expect(await sink.reopen()).toEqual([]);
    expect(await sink.flush(5000)).toBe(true);
    const whole = readFileSync(join(folder, "small", "old"), "utf8")
      .split("\n")
      .slice(0, -1);
    expect([...whole, ...linesOf(elsewhere)].map((line) => JSON.parse(line).n)).toEqual(
      Array.from({ length: 400 }, (_, n) => n),
    );
    expectConserved(sink.stats()[0]);
    await sink.close(100);
  },
);

test("what cannot be opened is refused with a reason, and nothing is left behind", () => {
  const good = freshPath();
  const cases: [string, string, RegExp][] = [
    [
      join(folder, "no", "such", "a.ndjson"),
      "E_SINK_NO_FOLDER",
      /^Cannot write alerts to '.*': the folder '.*such' does not exist$/,
    ],
    [folder, "E_SINK_NOT_FILE", /is a directory$/],
  ];
  const fifo = join(folder, "fifo");
  if (Bun.spawnSync(["mkfifo", fifo]).exitCode === 0) cases.push([fifo, "E_SINK_NO_READER", /nobody reads/]);
  for (const [path, code, message] of cases) {
    let thrown: unknown;
    try {
      new AlertSink({
        outputs: [
          { path: good, format: "ndjson" },
          { path, format: "ndjson" },
        ],
      });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SinkError);
    expect((thrown as SinkError).code).toBe(code);
    expect((thrown as SinkError).message).toMatch(message);
  }
});

test.skipIf(process.geteuid?.() !== 0)(
  "a symbolic link that belongs to another user is refused, one of our own is followed (needs root)",
  async () => {
    const target = freshPath();
    const link = freshPath();
    symlinkSync(target, link);
    const sink = new AlertSink({ outputs: [{ path: link, format: "ndjson" }] });
    sink.write(record(1));
    await sink.close(1000);
    expect(linesOf(target)).toHaveLength(1);
    Bun.spawnSync(["chown", "-h", "65534", link]);
    expect(() => new AlertSink({ outputs: [{ path: link, format: "ndjson" }] })).toThrow(
      "it is a symbolic link that belongs to uid 65534",
    );
  },
);

test("a named pipe with a reader is a stream: lines arrive, and a reader that leaves closes it", async () => {
  const fifo = join(folder, "pipe");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const reader = Bun.spawn(["head", "-n", "1", fifo], { stdout: "pipe" });
  const codes: string[] = [];
  let sink: AlertSink | undefined;
  for (let attempt = 0; sink === undefined && attempt < 200; attempt++) {
    try {
      sink = new AlertSink({
        outputs: [{ path: fifo, format: "ndjson" }],
        onNotice: (notice) => "error" in notice && codes.push(notice.error.code),
      });
    } catch {
      await Bun.sleep(10);
    }
  }
  if (sink === undefined) throw new Error("the reader never opened the pipe");
  sink.write(record(1));
  expect(await new Response(reader.stdout).text()).toBe('{"n":1,"filler":""}\n');
  await reader.exited;
  sink.write(record(2));
  await sink.flush(1000);
  expect([sink.isOpen, codes]).toEqual([false, ["EPIPE"]]);
  expect(sink.write(record(3))).toBe(true);
  await sink.drain();
  expect(sink.stats()[0]).toMatchObject({ offered: 3, written: 1, failed: 2 });
});

test("each output has its own format and minimum level; states pass every filter", async () => {
  const [all, severe] = [freshPath(), freshPath()];
  const sink = new AlertSink({
    outputs: [
      { path: all, format: "ndjson" },
      { path: severe, format: "compact", minLevel: "high", width: () => 99, color: true },
    ],
  });
  for (const level of ["informational", "medium", "high", "critical"] as const) sink.write(record(1, level, level));
  sink.write({ kind: "state", line: '{"state":1}', compact: () => "state" });
  const stats = await sink.close(1000);
  expect(stats.map(({ written, filtered }) => [written, filtered])).toEqual([
    [5, 0],
    [3, 2],
  ]);
  expect(linesOf(severe)).toEqual(["compact 1 true 99", "compact 1 true 99", "state"]);
  expect(linesOf(all)).toHaveLength(5);
});

test("several processes that append to one file never mix their lines", async () => {
  const path = freshPath();
  const children = [0, 1, 2].map(() =>
    Bun.spawn([process.execPath, driver, "wait", "3000", "300", path], { stderr: "ignore" }),
  );
  for (const child of children) expect(await child.exited).toBe(0);
  const numbers = linesOf(path).map((line) => JSON.parse(line).n as number);
  expect(numbers).toHaveLength(9000);
});

test("one stuck output does not hold the others", async () => {
  const fifo = join(folder, "stuck");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const path = freshPath();
  const sink = new AlertSink({
    outputs: [
      { path: fifo, format: "ndjson" },
      { path, format: "ndjson" },
    ],
  });
  const filler = "f".repeat(1000);
  const count = Math.ceil((queueSizeMaxBytes + highWaterBytes) / 1000);
  for (let n = 0; n < count; n++) {
    sink.write(record(n, filler));
    if (n % 500 === 0) await Bun.sleep(1);
  }
  await sink.flush(300);
  const [stuck, fine] = sink.stats();
  expect(fine).toMatchObject({ written: count, dropped: 0 });
  expect(stuck?.dropped).toBeGreaterThan(0);
  expect(stuck?.queuedBytes).toBeLessThanOrEqual(queueSizeMaxBytes);
  for (const stats of await sink.close(10)) expectConserved(stats);
  expect(existsSync(path) && held > 0).toBe(true);
});
