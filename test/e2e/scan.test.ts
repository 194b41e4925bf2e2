// `agent scan` as a user meets it: exit statuses, one alert a finding, and files that try to stop it.

import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zlib from "node:zlib";
import { type Alert, agentCommand, at } from "../live/agent.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sigil-scan-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string): string => join(folder, name);
const write = (name: string, content: string | Uint8Array): string => {
  mkdirSync(join(inFolder(name), ".."), { recursive: true });
  writeFileSync(inFolder(name), content);
  return inFolder(name);
};

const rules = write(
  "rules/r.yar",
  `rule marked : t1 { meta: severity = "high" description = "it is marked" strings: $a = "marked content" condition: $a }
   rule endless { condition: filename == "endless" and for all i in (0..1000000000000) : ( i >= 0 ) }`,
);
const config = write("config.toml", `[scanner]\nfile_timeout = "3s"\ncache_folder = "${inFolder("cache")}"\n`);

function scan(...args: readonly string[]): { code: number; alerts: Alert[]; log: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [...agentCommand(), "scan", "--config", config, "--rules", rules, ...args],
    { cwd: folder, env: { PATH: "/usr/bin:/bin" }, timeout: 100_000 },
  );
  const lines = stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
  return { code: exitCode, alerts: lines.map((line) => JSON.parse(line) as Alert), log: stderr.toString() };
}
const counts = (log: string): Record<string, number> =>
  Object.fromEntries(
    [...(log.split("\n").find((line) => line.includes("scan done")) ?? "").matchAll(/ ([a-z_]+)=([\d.]+)/g)].map(
      ([, name, value]) => [name, Number(value)],
    ),
  );

describe("agent scan", () => {
  test("looks files up in the indicators, beside YARA rules and without any", () => {
    const listed = write("listed/sample", "content that a list knows by its digest");
    const digest = new Bun.CryptoHasher("sha256").update("content that a list knows by its digest").digest("hex");
    const lists = write("lists/hashes.txt", `${digest};seen in a test\n`);
    write("lists/paths_regex.txt", "/listed/[a-z]+$ ; lies in a bad place\n");
    for (const more of [["--rules", rules], []]) {
      const command = ["scan", "--config", config, "--rules", join(lists, ".."), ...more, inFolder("listed")];
      const { exitCode, stdout } = Bun.spawnSync([...agentCommand(), ...command], { cwd: folder, timeout: 100_000 });
      const alerts = stdout
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Alert);
      expect([more.length, exitCode]).toEqual([more.length, 1]);
      expect(alerts.map((alert) => [at(alert, "sigil.engine"), at(alert, "rule.category")])).toEqual([
        ["ioc", "sha256"],
        ["ioc", "path"],
      ]);
      for (const alert of alerts) {
        expect(at(alert, "file.path")).toBe(listed);
        expect(at(alert, "file.hash.sha256")).toBe(digest);
      }
    }
  }, 120_000);

  const timeoutMs = 120_000;

  test(
    "ends with 0 when nothing is found, 1 when something is, 2 when something could not be scanned",
    () => {
      write("clean/a", "nothing here");
      write("found/b", "some marked content");
      symlinkSync("/etc/passwd", inFolder("clean/link"));
      expect(scan("clean").code).toBe(0);
      expect(scan("clean", "found").code).toBe(1);
      const { code, log } = scan("clean", "absent");
      expect([code, log.includes("no such file")]).toEqual([2, true]);
      // A finding counts more.
      expect(scan("found", "absent").code).toBe(1);
      expect(scan().code).toBe(64);
      expect(scan("--pid", "x").code).toBe(64);
    },
    timeoutMs,
  );

  test(
    "an alert names rule, file, digests and place, also of a member of an archive",
    () => {
      const content = "some marked content";
      write("one/file.txt", content);
      write("one/packed.gz", zlib.gzipSync(content));
      const { alerts, code } = scan("--json", "one");
      expect(code).toBe(1);
      const [plain, packed] = alerts.sort((a, b) =>
        String(at(a, "file.path")).localeCompare(String(at(b, "file.path"))),
      );
      expect(at(plain!, "file.path")).toBe(inFolder("one/file.txt"));
      expect(at(plain!, "file.size")).toBe(content.length);
      const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex");
      expect(at(plain!, "file.hash.sha256")).toBe(sha256);
      expect([at(plain!, "rule.name"), at(plain!, "rule.description")]).toEqual(["marked", "it is marked"]);
      expect([at(plain!, "event.kind"), at(plain!, "event.category"), at(plain!, "event.severity")]).toEqual([
        ...["alert", ["malware", "file"], 73],
      ]);
      expect(at(plain!, "sigil.engine")).toBe("yara");
      expect(at(plain!, "sigil.match")).toEqual([
        { selection: "$a", field: "file.content", modifier: "at", pattern: "0x5", value: "marked content" },
      ]);
      expect(at(packed!, "sigil.yara.member")).toBe("(gzip)");
    },
    timeoutMs,
  );

  test(
    "what tries to stop it ends by its limit, is counted, and the rest is scanned",
    () => {
      write("odd/found", "some marked content");
      write("odd/endless", "x");
      Bun.spawnSync(["mkfifo", inFolder("odd/fifo")]);
      writeFileSync(inFolder("odd/huge"), "");
      truncateSync(inFolder("odd/huge"), 2 ** 31);
      write("odd/nul", Buffer.alloc(100_000_000));
      let bomb: Uint8Array = Buffer.alloc(30_000_000);
      for (let i = 0; i < 6; i++) bomb = zlib.gzipSync(bomb);
      write("odd/bomb.gz", bomb);
      const { code, alerts, log } = scan("odd", "/proc/self/status", "/dev/zero");
      expect(code).toBe(1);
      expect(alerts.map((alert) => at(alert, "rule.name"))).toEqual(["marked"]);
      for (const [name, reason] of [
        ["endless", "it took too long"],
        ["huge", "larger than"],
        ["bomb.gz", "levels deep"],
        ["/dev/zero", "not a regular file"],
      ])
        expect([name, log.split("\n").some((line) => line.includes(name!) && line.includes(reason!))]).toEqual([
          name,
          true,
        ]);
      expect(counts(log)).toMatchObject({ timeouts: 1, findings: 1, skipped: 1 });
    },
    timeoutMs,
  );

  test(
    "a file that is written to while it is read is told of as such",
    async () => {
      const path = write("growing/file", Buffer.alloc(100_000_000));
      let isDone = false;
      const writing = (async () => {
        while (!isDone) {
          appendFileSync(path, "x");
          await Bun.sleep(1);
        }
      })();
      const child = Bun.spawn([...agentCommand(), "scan", "--config", config, "--rules", rules, "growing"], {
        ...{ cwd: folder, env: { PATH: "/usr/bin:/bin" }, stdout: "pipe", stderr: "pipe" },
      });
      const code = await child.exited;
      isDone = true;
      await writing;
      expect([code, (await new Response(child.stderr).text()).includes("changes while it is read")]).toEqual([2, true]);
    },
    timeoutMs,
  );

  test(
    "the memory of a process is scanned, and one that is gone is told of",
    () => {
      const child = Bun.spawn(["/bin/sh", "-c", `x="marked content"; read y`], { stdin: "pipe" });
      try {
        const { alerts, code, log } = scan("--pid", String(child.pid));
        // Some hosts let nobody trace.
        if (code === 2 && log.includes("permission denied")) return;
        expect(code).toBe(1);
        expect(at(alerts[0]!, "rule.name")).toBe("marked");
        expect(at(alerts[0]!, "process.pid")).toBe(child.pid);
        expect(at(alerts[0]!, "process.executable")).toContain("sh");
      } finally {
        child.kill();
      }
      expect(scan("--pid", "4194304").code).toBe(2);
    },
    timeoutMs,
  );

  test(
    "rules that cannot be used end it with 78, and bad ones are named",
    () => {
      const bad = write("bad.yar", "rule x { condition: nothing }");
      const { exitCode, stderr } = Bun.spawnSync(
        [...agentCommand(), "scan", "--config", config, "--rules", bad, "clean"],
        { cwd: folder, env: { PATH: "/usr/bin:/bin" } },
      );
      expect(exitCode).toBe(78);
      expect(stderr.toString()).toContain("unknown identifier `nothing`");
    },
    timeoutMs,
  );
});
