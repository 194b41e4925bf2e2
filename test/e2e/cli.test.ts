// The command line from outside: exit statuses, streams, closed pipes. Runs against the source, and against the compiled
// binary where there is one.

import { describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-e2e-"));
const binary = join(root, "dist/agent");

const programs: [string, string[]][] = [["from source", [process.execPath, join(root, "src/main.ts")]]];
if (existsSync(binary)) programs.push(["compiled", [binary]]);

/** Nothing of the machine that runs the tests gets in; PATH is not needed. */
const cleanEnvironment = { HOME: folder, TERM: "dumb", EDR_CONFIG: join(folder, "empty.toml") };
writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });

const goodRule =
  "title: Curl\nid: 11111111-1111-4111-8111-111111111111\nlogsource: { product: linux, category: process_creation }\n" +
  "detection: { a: { Image|endswith: /curl }, condition: a }\n";
mkdirSync(join(folder, "rules"));
writeFileSync(join(folder, "rules", "good.yml"), goodRule);
writeFileSync(join(folder, "bad.yml"), goodRule.replace("endswith", "endwith"));
const event = { EventID: 1, Image: "/usr/bin/curl", CommandLine: "curl x", UtcTime: "2026-01-01 00:00:00.000" };
writeFileSync(join(folder, "events.ndjson"), `${JSON.stringify(event)}\n`.repeat(20_000));

for (const [name, program] of programs) {
  const agent = (argv: string[], environment: Record<string, string> = {}) => {
    const { stdout, stderr, exitCode } = Bun.spawnSync([...program, ...argv], {
      cwd: folder,
      env: { ...cleanEnvironment, ...environment },
      stdin: "ignore",
    });
    return { out: stdout.toString(), err: stderr.toString(), code: exitCode };
  };

  describe(`agent ${name}`, () => {
    test("help and version go to stdout and succeed", () => {
      for (const argv of [
        ["--help"],
        ["-h"],
        ["help"],
        ["run", "--help"],
        ["help", "config", "show"],
        ["config", "-h"],
      ]) {
        const { out, err, code } = agent(argv);
        expect([argv, code, err, out.includes("Usage: agent")]).toEqual([argv, 0, "", true]);
      }
      for (const argv of [["--version"], ["-V"], ["version"]]) {
        expect(agent(argv)).toMatchObject({
          code: 0,
          err: "",
          out: expect.stringMatching(/^agent \d+\.\d+\.\d+ \(.*\)\n$/),
        });
      }
    });

    test("version --json names all parts", () => {
      const { out, code } = agent(["version", "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        name: "sigil",
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        commit: expect.any(String),
        bun: expect.any(String),
        target: expect.any(String),
        abi: expect.stringMatching(/^[0-9a-f]{16}$/),
        embedded_rules: expect.any(Number),
      });
    });

    test("a wrong command line exits 64 with the nearest word, and says nothing on stdout", () => {
      for (const [argv, hint] of [
        [["rnu"], "did you mean 'run'?"],
        [["--ruls", "x"], "did you mean '--rules'?"],
        [["config", "chekc"], "did you mean 'check'?"],
        [["run", "--min-level", "hgih"], "did you mean 'high'?"],
        [["run", "--duration", "soon"], "write 30s, 5m or 1h30m"],
        [["replay"], "Try 'agent replay --help'."],
        [["help", "confg"], "did you mean 'config'?"],
      ] as const) {
        const { out, err, code } = agent([...argv]);
        expect([argv, code, out, err.includes(hint)]).toEqual([argv, 64, "", true]);
      }
    });

    test("arguments that would drive a terminal are written out", () => {
      const { err, code } = agent(["\x1b]0;owned\x07", "--x"]);
      expect(code).toBe(64);
      expect(err).toContain("\\x1b]0;owned\\x07");
      expect(err).not.toContain("\x1b");
    });

    test("a wrong configuration exits 78 with file, line, column, the line and a caret", () => {
      const file = join(folder, "wrong.toml");
      writeFileSync(file, '# hi\n[sigma]\n  min_levl = "high"\nenabled = 3\n', { mode: 0o600 });
      for (const argv of [
        ["config", "check", "--config", file],
        ["config", "show", "--config", file],
        ["rules", "validate", "--config", file],
        ["replay", "--config", file, "events.ndjson"],
        ["run", "--config", file],
      ]) {
        const { out, err, code } = agent(argv);
        expect([argv, code, out]).toEqual([argv, 78, ""]);
        expect(err).toContain(`${file}:3:3: error: unknown key 'min_levl' in [sigma]\n`);
        expect(err).toContain("  3 |   min_levl = \"high\"\n    |   ^\n  hint: did you mean 'min_level'?\n");
        expect(err).toContain(`${file}:4:1: error: sigma.enabled: expected a boolean, found an integer\n`);
      }
    });

    test("the environment is checked like the file", () => {
      const { err, code } = agent(["config", "check"], { EDR__SIGMA__MIN_LEVEL: "hgih", EDR__SIGMA__MIN_LEVLE: "low" });
      expect(code).toBe(78);
      expect(err).toContain("EDR__SIGMA__MIN_LEVEL: error: 'hgih'");
      expect(err).toContain("EDR__SIGMA__MIN_LEVLE: error: unknown environment variable");
      expect(err).toContain("did you mean 'EDR__SIGMA__MIN_LEVEL'?");
    });

    test("a configuration in the working folder is not read", () => {
      const trap = mkdtempSync(join(tmpdir(), "sigil-trap-"));
      writeFileSync(join(trap, "config.toml"), "nonsense = 1\n");
      writeFileSync(join(trap, ".env"), "EDR__NONSENSE__KEY=1\n");
      const { exitCode, stderr } = Bun.spawnSync([...program, "config", "check"], {
        cwd: trap,
        env: cleanEnvironment,
      });
      const err = stderr.toString();
      expect(err).not.toContain("nonsense = 1");
      // Bun itself reads .env when it runs a source file; the compiled agent must not.
      if (name === "compiled") expect([exitCode, err.includes("NONSENSE")]).toEqual([0, false]);
    });

    test("config show says where each value comes from, flags and variables included", () => {
      const { out, code } = agent(["config", "show", "--json"], { EDR__LOGGING__LEVEL: "debug" });
      expect(code).toBe(0);
      const { file, values } = JSON.parse(out);
      expect(file).toBe(join(folder, "empty.toml"));
      expect(values.find((one: { key: string }) => one.key === "logging.level")).toEqual({
        key: "logging.level",
        value: "debug",
        origin: { kind: "environment", name: "EDR__LOGGING__LEVEL" },
      });
      expect(agent(["config", "show"]).out).toContain("[sigma]");
    });

    test("config init writes what config check accepts, privately, and never over a file", () => {
      const file = join(mkdtempSync(join(tmpdir(), "sigil-init-")), "config.toml");
      expect(agent(["config", "init", "--output", file])).toMatchObject({ code: 0, out: "" });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, "utf8")).toBe(agent(["config", "init"]).out);
      expect(readFileSync(file, "utf8")).toBe(readFileSync(join(root, "config.toml"), "utf8"));
      expect(agent(["config", "check", "--config", file]).code).toBe(0);
      expect(agent(["config", "init", "--output", file])).toMatchObject({
        code: 1,
        err: expect.stringContaining("exists"),
      });
    });

    test("config schema prints a JSON Schema", () => {
      const { out, code } = agent(["config", "schema"]);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ $schema: expect.any(String), additionalProperties: false });
    });

    test("rules validate exits 0 for good rules and 1 when one is rejected, with its place", () => {
      const good = agent(["rules", "validate", "--rules", "rules", "--json"]);
      expect(good.code).toBe(0);
      expect(JSON.parse(good.out)).toMatchObject({ documents: 1, loaded: 1, inert: [], rejected: [] });
      const bad = agent(["rules", "validate", "--rules", "rules", "--rules", "bad.yml", "--json"]);
      expect(bad.code).toBe(1);
      const result = JSON.parse(bad.out);
      expect(result).toMatchObject({ documents: 2, loaded: 1 });
      expect(result.rejected).toEqual([
        {
          file: "bad.yml",
          line: 4,
          column: expect.any(Number),
          code: "unknown_modifier",
          message: expect.stringContaining("endwith"),
          hint: expect.stringContaining("endswith"),
        },
      ]);
      const people = agent(["rules", "validate", "--rules", "bad.yml"]);
      expect(people.err).toContain("bad.yml:4:");
      expect(people.out).toContain("1 rejected");
    });

    test("the rules inside are valid", () => {
      const { out, code } = agent(["rules", "validate", "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(out).loaded).toBeGreaterThanOrEqual(25);
    });

    test("rules that do not exist are rejected by name", () => {
      const { err, code } = agent(["rules", "validate", "--rules", "nowhere"]);
      expect(code).toBe(1);
      expect(err).toContain("nowhere: error: cannot read: no such file or folder");
    });

    test("colours only where they are wanted", () => {
      const wrong = ["config", "check", "--config", "missing.toml"];
      expect(agent(wrong).err).not.toContain("\x1b[");
      expect(agent(wrong, { FORCE_COLOR: "1" }).err).toContain("\x1b[1;31merror");
      expect(agent(wrong, { FORCE_COLOR: "1", NO_COLOR: "1" }).err).not.toContain("\x1b[");
    });

    test("a reader that goes away ends every printing command quietly with 0", async () => {
      for (const argv of [
        ["--help"],
        ["config", "init"],
        ["config", "schema"],
        ["completion", "bash"],
        ["man"],
        ["version", "--json"],
        ["rules", "validate", "--json"],
        ["replay", "--rules", "rules", "events.ndjson"],
      ]) {
        // A FIFO whose reader is gone before the program starts: no race.
        const fifo = join(mkdtempSync(join(tmpdir(), "sigil-pipe-")), "stdout");
        Bun.spawnSync(["mkfifo", fifo]);
        const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
        const writer = openSync(fifo, constants.O_WRONLY);
        closeSync(reader);
        const { exitCode, stderr } = Bun.spawnSync([...program, ...argv], {
          cwd: folder,
          env: cleanEnvironment,
          stdio: ["ignore", writer, "pipe"],
          timeout: 30_000,
        });
        closeSync(writer);
        expect([argv, exitCode]).toEqual([argv, 0]);
        expect(stderr.toString()).not.toMatch(/EPIPE| {4}at /);
      }
    }, 120_000);

    test("a reader that takes one line and leaves gets its line", () => {
      const command = `${[...program, "replay", "--rules", "rules", "events.ndjson"].map((word) => `'${word}'`).join(" ")}`;
      const script = `set -o pipefail; ${command} 2>/dev/null | head -1`;
      const { stdout, exitCode } = Bun.spawnSync(["/bin/bash", "-c", script], {
        cwd: folder,
        env: { ...cleanEnvironment, PATH: "/usr/bin:/bin" },
        timeout: 30_000,
      });
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout.toString()).rule.name).toBe("Curl");
    });

    test("with stdout and stderr closed the program still ends by itself", () => {
      const command = `${[...program, "version"].map((word) => `'${word}'`).join(" ")}`;
      const { exitCode } = Bun.spawnSync(["/bin/bash", "-c", `${command} >&- 2>&-`], {
        cwd: folder,
        env: cleanEnvironment,
        timeout: 30_000,
      });
      expect([0, 1]).toContain(exitCode!);
    });

    test("without privileges run exits 77 and says what is missing", () => {
      if (process.getuid?.() !== 0) return;
      const argv = ["--reuid=65534", "--regid=65534", "--clear-groups", ...program, "run", "--duration", "1s"];
      const { exitCode, stderr } = Bun.spawnSync(["setpriv", ...argv], {
        cwd: "/",
        env: { TERM: "dumb", PATH: "/usr/bin:/bin" },
        timeout: 30_000,
      });
      expect(exitCode).toBe(77);
      expect(stderr.toString()).toContain("missing");
    });
  });
}
