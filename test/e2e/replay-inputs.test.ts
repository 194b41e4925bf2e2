// What `agent replay` reads, through the command: compressed, in archives, on standard input, logs of Linux, much of it at once. Runs against
// the source, and against the compiled binary where there is one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { auditEvent, execve, path, syscall } from "../fixtures/audit-writer.ts";
import { zip } from "../fixtures/zip-writer.ts";

const root = join(import.meta.dir, "../..");
const binary = join(root, "dist/agent");
const programs: [string, string[]][] = [["from source", [process.execPath, join(root, "src/main.ts")]]];
if (existsSync(binary)) programs.push(["compiled", [binary]]);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-inputs-"));
  writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });
  const rules = [
    "title: started\nlogsource: { product: linux, category: process_creation }\nlevel: low\ndetection: { s: { Image: /bin/bad }, condition: s }\n",
    "title: audited\nlogsource: { product: linux, service: auditd }\nlevel: low\ndetection: { s: { type: PATH, name: /etc/shadow }, condition: s }\n",
    "title: logged\nlogsource: { product: linux, service: sshd }\nlevel: low\ndetection: { keywords: ['Accepted password'], condition: keywords }\n",
  ];
  writeFileSync(join(folder, "rules.yml"), rules.join("---\n"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Alert {
  readonly "@timestamp": string;
  readonly rule: { readonly name: string };
  readonly event: { readonly id: string; readonly sequence: number };
  readonly log: { readonly file: { readonly path: string } };
  readonly process?: Readonly<Record<string, unknown>>;
}

let program: string[] = [];

function replay(args: readonly string[], stdin?: Buffer) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...program, "replay", "--rules", "rules.yml", ...args], {
    cwd: folder,
    env: { HOME: folder, EDR_CONFIG: join(folder, "empty.toml") },
    ...(stdin === undefined ? {} : { stdin }),
  });
  const out = stdout.toString();
  const alerts = out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Alert);
  return { out, alerts, err: stderr.toString(), exitCode };
}

const event = (second: number, image = "/bin/bad", more: object = {}): string =>
  JSON.stringify({
    product: "linux",
    category: "process_creation",
    "@timestamp": new Date(Date.UTC(2026, 0, 31) + second * 1000).toISOString(),
    Image: image,
    ...more,
  });

describe.each(programs)("a replay %s", (_, command) => {
  beforeAll(() => {
    program = command;
  });
  test("compressed inputs and archives give what they hold, from a file and from standard input", () => {
    const text = `${event(1)}\n${event(2, "/bin/good")}\n${event(3)}\n`;
    writeFileSync(join(folder, "plain.ndjson"), text);
    const plain = replay(["plain.ndjson"]);
    expect(plain.alerts.map(({ event: { sequence } }) => sequence)).toEqual([0, 2]);
    for (const [name, bytes] of [
      ["a.gz", gzipSync(text)],
      ["a.zst", zstdCompressSync(text)],
      ["a.zip", zip({ name: "plain.ndjson", content: text })],
    ] as const) {
      writeFileSync(join(folder, name), bytes);
      const file = replay([name]);
      const piped = replay(["-"], bytes);
      expect([file.exitCode, piped.exitCode, file.alerts.length, piped.alerts.length]).toEqual([0, 0, 2, 2]);
      const ids = (alerts: readonly Alert[]) => alerts.map(({ event: { id } }) => id);
      expect(ids(piped.alerts)).toEqual(ids(file.alerts));
      // A member of an archive is the file that it was.
      if (name === "a.zip") {
        expect(ids(file.alerts)).toEqual(ids(plain.alerts));
        expect([file, piped].map(({ alerts }) => alerts[0]?.log.file.path)).toEqual([
          "a.zip!plain.ndjson",
          "-!plain.ndjson",
        ]);
      }
    }
  }, 60_000);

  test("logs of Linux in one archive are one stream with the process of each audit record", () => {
    const audit = auditEvent(
      7,
      [syscall("openat", { exe: "/usr/bin/cat" }), execve("cat", "/etc/shadow"), path("/etc/shadow")],
      Date.UTC(2026, 0, 31) / 1000,
    );
    const auth = "2026-01-31T00:00:05Z web sshd[9]: Accepted password for root from 203.0.113.5 port 4\n";
    writeFileSync(
      join(folder, "host.zip"),
      zip(
        { name: "var/log/auth.log", content: auth },
        { name: "var/log/audit/audit.log.1", content: audit.join("\n") },
      ),
    );
    const { alerts, exitCode } = replay(["host.zip"]);
    expect(exitCode).toBe(0);
    expect(alerts.map(({ rule, log, event: { sequence } }) => [rule.name, log.file.path, sequence])).toEqual([
      ["audited", "host.zip!var/log/audit/audit.log.1", 2],
      ["logged", "host.zip!var/log/auth.log", 0],
    ]);
    expect(alerts[0]?.process).toMatchObject({
      pid: 200,
      executable: "/usr/bin/cat",
      command_line: "cat /etc/shadow",
      parent: { pid: 100 },
    });
  }, 60_000);

  test("links that lead nowhere or round in circles cost none of the files beside them", () => {
    const circle = join(folder, "circle");
    mkdirSync(circle, { recursive: true });
    rmSync(join(circle, "b.ndjson"), { force: true });
    rmSync(join(circle, "all"), { force: true });
    rmSync(join(circle, "gone.ndjson"), { force: true });
    symlinkSync("b.ndjson", join(circle, "b.ndjson"));
    symlinkSync(".", join(circle, "all"));
    symlinkSync("nothing", join(circle, "gone.ndjson"));
    writeFileSync(join(circle, "c.ndjson"), event(1));
    const { alerts, err, exitCode } = replay(["circle"]);
    expect([exitCode, alerts.map(({ log }) => log.file.path)]).toEqual([2, ["circle/c.ndjson"]]);
    expect(err.split("\n").filter((line) => line.includes("cannot be read"))).toEqual([
      expect.stringContaining("circle/b.ndjson"),
    ]);
  }, 60_000);

  test("what alerts or the report are written to is no input", () => {
    const out = join(folder, "out");
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    writeFileSync(join(out, "a.ndjson"), event(1));
    const written = (): string => readFileSync(join(out, "alerts.ndjson"), "utf8");
    // Twice: the second time there are alerts in it.
    for (const lines of [1, 2]) {
      const { err, exitCode } = replay(["--alerts", "out/alerts.ndjson", "out"]);
      expect([exitCode, written().trim().split("\n").length]).toEqual([0, lines]);
      expect(err).toContain("out/alerts.ndjson");
    }
    const before = written();
    for (const args of [
      ["--alerts", "out/alerts.ndjson", "out/alerts.ndjson"],
      ["--alerts", "out/alerts.ndjson", "--follow", "out/alerts.ndjson"],
      ["--report", "out/alerts.ndjson", "out/alerts.ndjson"],
      ["--alerts", "out/alerts.ndjson", "--report", "out/alerts.ndjson", "out/a.ndjson"],
    ])
      expect([args, replay(args).exitCode]).toEqual([args, 64]);
    expect(written()).toBe(before);
  }, 120_000);

  test("a damaged archive is said, costs no other input, and gives exit status 2", () => {
    const bytes = zip({ name: "a.json", content: event(1) });
    writeFileSync(join(folder, "cut.zip"), bytes.subarray(0, bytes.length - 25));
    const { alerts, err, exitCode } = replay(["cut.zip", "plain.ndjson"]);
    expect([exitCode, alerts.length]).toEqual([2, 2]);
    expect(err).toContain("the archive is damaged");
  }, 60_000);

  test("much input is read by several workers, with the same alerts", () => {
    // Text that hardly shrinks: what counts is the size of the compressed files.
    const filler = (seed: number): string => {
      let text = "";
      for (let n = 0; text.length < 3000; n++) text += createHash("sha512").update(`${seed}:${n}`).digest("base64");
      return text;
    };
    const names = ["m1.ndjson.gz", "m2.ndjson.gz", "m3.ndjson.gz"];
    for (const [file, name] of names.entries()) {
      const lines = Array.from({ length: 2500 }, (_, n) =>
        event(n % 60, n % 100 === 0 ? "/bin/bad" : "/bin/good", { filler: filler(file * 2500 + n), n }),
      );
      writeFileSync(join(folder, name), gzipSync(lines.join("\n"), { level: 1 }));
    }
    const all = replay(["--log-level", "debug", ...names]);
    expect(all.exitCode).toBe(0);
    expect(all.alerts).toHaveLength(75);
    expect(all.err.includes("reading several inputs at once")).toBe(availableParallelism() >= 2);
    const apart = names.flatMap((name) => replay([name]).alerts.map((alert) => JSON.stringify(alert)));
    expect(all.alerts.map((alert) => JSON.stringify(alert)).toSorted()).toEqual(apart.toSorted());
    const times = all.alerts.map((alert) => alert["@timestamp"]);
    expect(times).toEqual(times.toSorted());
  }, 60_000);
});
