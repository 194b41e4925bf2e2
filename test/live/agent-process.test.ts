// The agent as a process: signals, exit codes, closed streams, missing rights, hostile folders, and the binary where nothing of
// this checkout can be seen.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { describeWhere, needsBpf, needsFile, needsProgram } from "../needs.ts";
import { agentCommand, at, runProgram, uniqueToken } from "./agent.ts";
import { closedAccount, compiler, startRule, TestFolder } from "./programs.ts";
import { RawAgent, type RawOptions } from "./raw-agent.ts";

const binary = join(root, "dist/agent");

describeWhere("the agent's process", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("process");
  const word = uniqueToken("sigil-process-");
  let idle = "";
  let ruleFile = "";
  let config = "";
  let count = 0;

  beforeAll(async () => {
    idle = await folder.compile("idle");
    ruleFile = folder.write("rule.yml", startRule(word));
    config = folder.write("config.toml", "");
    chmodSync(config, 0o600);
  }, 60_000);

  afterAll(() => folder.dispose());

  const token = (): string => `${word}-${++count}x`;
  const run = (args: readonly string[] = [], rules = ruleFile): string[] => [
    ...agentCommand(),
    "run",
    ...["--config", config, "--rules", rules],
    ...args,
  ];
  const options = (more: Partial<RawOptions> = {}): RawOptions => ({ cwd: folder.path, ...more });

  async function ready(
    args: readonly string[] = [],
    more: Partial<RawOptions> = {},
    rules = ruleFile,
  ): Promise<RawAgent> {
    const agent = new RawAgent(run(args, rules), options(more));
    await agent.logs("agent ready");
    return agent;
  }

  /** Starts a process and waits for its alert in `text`. */
  async function alerts(agent: RawAgent, text: () => string = () => agent.stdout): Promise<void> {
    const t = token();
    await runProgram([idle, t]);
    await agent.until(() => text().includes(`${idle} ${t}`), `the alert of ${t}`);
  }

  describe("signals", () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      test(`${signal} ends it at once with exit code 0, every alert written and the account closed`, async () => {
        await using agent = await ready();
        await alerts(agent);
        const t = token();
        await runProgram([idle, t]);
        agent.signal(signal);
        const { code, endMs } = await agent.end();
        expect(code).toBe(0);
        expect(endMs).toBeLessThan(10_000);
        // Started before the signal: it is still told.
        expect(agent.stdout).toContain(`${idle} ${t}`);
        expect(agent.stdout.endsWith("}\n")).toBe(true);
        const account = closedAccount(agent.log);
        expect(account.exec_lost).toBe(0);
        expect(agent.log).toContain(signal);
      }, 60_000);

    test("SIGTERM before it is ready ends it soon, with exit code 0", async () => {
      await using agent = new RawAgent(run(), options());
      await agent.until(() => readFileSync(`/proc/${agent.pid}/status`, "utf8").includes("SigCgt"), "the process");
      // As soon as it takes signals at all; before that SIGTERM is the kernel's to handle.
      await agent.until(() => {
        const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1] ?? "0";
        return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
      }, "a handler of SIGTERM");
      agent.signal("SIGTERM");
      const { code, endMs } = await agent.end();
      expect(code).toBe(0);
      expect(endMs).toBeLessThan(10_000);
    }, 60_000);

    test("a second signal while it drains ends it immediately", async () => {
      // Nobody reads its stdout: what is queued keeps it from ending.
      const fifo = folder.in("fifo");
      await runProgram(["mkfifo", fifo]);
      const script = `exec 3<>${fifo}; exec "$@" >&3`;
      await using agent = new RawAgent(["/bin/sh", "-c", script, "sh", ...run()], options());
      await agent.logs("agent ready");
      const t = token();
      // More than a pipe holds (64 KiB).
      await runProgram([
        "/bin/sh",
        "-c",
        `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ${idle} ${t}; done`,
      ]);
      await Bun.sleep(300);
      agent.signal("SIGINT");
      await agent.logs("stopping");
      await Bun.sleep(300);
      agent.signal("SIGINT");
      const { code, endMs } = await agent.end();
      expect(code).toBe(1);
      expect(endMs).toBeLessThan(2000);
    }, 60_000);

    test("SIGHUP puts changed rules in place, and keeps the old ones when the new cannot be read", async () => {
      const rules = folder.in("reload");
      mkdirSync(rules);
      const first = uniqueToken("sigil-first-");
      const second = uniqueToken("sigil-second-");
      const ruleOf = (word: string): string => startRule(word, "0e8f3c57-4b1a-4a57-9d5e-2f64c1b7a0aa");
      writeFileSync(join(rules, "rule.yml"), ruleOf(first));
      await using agent = await ready([], {}, rules);
      const seen = async (one: string, other: string): Promise<void> => {
        await runProgram([idle, other]);
        await runProgram([idle, one]);
        await agent.until(() => agent.stdout.includes(`${idle} ${one}`), `the alert of ${one}`);
        expect(agent.stdout).not.toContain(`${idle} ${other}`);
      };
      await seen(`${first}-1`, `${second}-1`);

      let from = agent.log.length;
      writeFileSync(join(rules, "rule.yml"), ruleOf(second));
      agent.signal("SIGHUP");
      await agent.logs("rules live", from);
      await seen(`${second}-2`, `${first}-2`);

      from = agent.log.length;
      writeFileSync(join(rules, "rule.yml"), "title: [broken\n");
      agent.signal("SIGHUP");
      await agent.logs("reload failed", from);
      await seen(`${second}-3`, `${first}-3`);

      from = agent.log.length;
      writeFileSync(config, "[sigma]\nmin_levl = 'high'\n");
      writeFileSync(join(rules, "rule.yml"), ruleOf(first));
      agent.signal("SIGHUP");
      await agent.logs("reload failed", from);
      await seen(`${second}-4`, `${first}-4`);

      from = agent.log.length;
      writeFileSync(config, "");
      agent.signal("SIGHUP");
      await agent.logs("rules live", from);
      await seen(`${first}-5`, `${second}-5`);
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
    }, 60_000);

    test("many SIGHUP in a row end with the last rules, and nothing else happens", async () => {
      await using agent = await ready();
      for (let i = 0; i < 50; i++) agent.signal("SIGHUP");
      await alerts(agent);
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      closedAccount(agent.log);
    }, 60_000);

    test("SIGUSR1 opens the file of alerts anew: after a rename alerts go to a new one", async () => {
      const file = folder.in("alerts.ndjson");
      await using agent = await ready(["--alerts", file]);
      await alerts(agent, () => readFileSync(file, "utf8"));
      renameSync(file, `${file}.1`);
      await alerts(agent, () => readFileSync(`${file}.1`, "utf8"));
      agent.signal("SIGUSR1");
      await agent.until(() => existsSync(file), "the new file");
      const before = readFileSync(`${file}.1`, "utf8");
      await alerts(agent, () => readFileSync(file, "utf8"));
      expect(readFileSync(`${file}.1`, "utf8")).toBe(before);
      expect(agent.stdout).toBe("");
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
    }, 60_000);
  });

  describe("streams", () => {
    test("a closed stdout ends it with exit code 0 when that is its only output", async () => {
      const script = `set -o pipefail; "$@" | head -n 1; echo "status of the agent: $?" >&2`;
      await using agent = new RawAgent(["/bin/bash", "-c", script, "bash", ...run()], options());
      await agent.logs("agent ready");
      for (let i = 0; i < 50 && !agent.log.includes("status of the agent"); i++) {
        await runProgram([idle, token()]);
        await Bun.sleep(50);
      }
      await agent.logs("status of the agent");
      expect((await agent.end()).code).toBe(0);
      expect(agent.out.trim().split("\n").length).toBe(1);
      expect(at(JSON.parse(agent.out), "event.kind")).toBe("alert");
      expect(agent.log).not.toContain("EPIPE");
    }, 60_000);

    test("a closed stdout does not end it when alerts go to a file", async () => {
      const file = folder.in("kept.ndjson");
      const script = `exec "$@" >&-`;
      await using agent = new RawAgent(["/bin/sh", "-c", script, "sh", ...run(["--alerts", file])], options());
      await agent.logs("agent ready");
      await alerts(agent, () => readFileSync(file, "utf8"));
      await Bun.sleep(300);
      await alerts(agent, () => readFileSync(file, "utf8"));
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
    }, 60_000);

    test("alerts are appended to a file that is there", async () => {
      const file = folder.write("appended.ndjson", '{"first":true}\n');
      await using agent = await ready(["--alerts", file]);
      await alerts(agent, () => readFileSync(file, "utf8"));
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      const lines = readFileSync(file, "utf8").trim().split("\n");
      expect(lines[0]).toBe('{"first":true}');
      for (const line of lines) JSON.parse(line);
    }, 60_000);

    test("stdout carries nothing but alerts, the log is on stderr", async () => {
      await using agent = await ready(["--log-level", "trace"]);
      await alerts(agent);
      agent.signal("SIGTERM");
      await agent.end();
      for (const line of agent.stdout.trim().split("\n")) expect(at(JSON.parse(line), "event.module")).toBe("sigil");
      expect(agent.log).toContain("agent ready");
      expect(agent.log).not.toContain('"event"');
    }, 60_000);

    test("--duration ends it with exit code 0 after that time", async () => {
      await using agent = await ready(["--duration", "1s"]);
      const { code, endMs } = await agent.end();
      expect(code).toBe(0);
      expect(endMs).toBeGreaterThan(500);
      closedAccount(agent.log);
    }, 60_000);
  });

  describe("rights", () => {
    const setpriv = [needsProgram("setpriv")];
    describeWhere("without capabilities", setpriv, () => {
      for (const [what, flags, missing] of [
        ["all but CAP_SYS_ADMIN and CAP_BPF", ["--bounding-set", "-sys_admin,-bpf"], ["CAP_BPF"]],
        ["all but CAP_SYS_ADMIN and CAP_PERFMON", ["--bounding-set", "-sys_admin,-perfmon"], ["CAP_PERFMON"]],
        ["nobody's", ["--reuid", "65534", "--regid", "65534", "--clear-groups"], ["CAP_BPF", "CAP_PERFMON"]],
      ] as const)
        test(`with rights of ${what} it ends with exit code 77 and says what is missing`, async () => {
          // The rights of the test's folder and of the checkout are not what is asked here.
          const program = folder.copy(binary, "public", "agent");
          chmodSync(program, 0o755);
          chmodSync(folder.path, 0o755);
          const rules = folder.copy(ruleFile, "public", "rule.yml");
          const command = [
            "setpriv",
            ...flags,
            program,
            "run",
            "--config",
            folder.copy(config, "public", "c.toml"),
            "--rules",
            rules,
          ];
          chmodSync(folder.in("public/c.toml"), 0o644);
          await using agent = new RawAgent(command, options({ cwd: "/" }));
          const { code } = await agent.end();
          expect([code, agent.stdout]).toEqual([77, ""]);
          for (const name of missing) expect(agent.log).toContain(name);
          for (const name of ["CAP_BPF", "CAP_PERFMON"])
            if (!(missing as readonly string[]).includes(name)) expect(agent.log).not.toContain(`missing=${name}`);
        }, 60_000);

      test("CAP_BPF and CAP_PERFMON suffice", async () => {
        const setprivFlags = ["--bounding-set", "-all,+bpf,+perfmon"];
        await using agent = new RawAgent(["setpriv", ...setprivFlags, ...run()], options());
        await agent.logs("agent ready");
        await alerts(agent);
        agent.signal("SIGTERM");
        expect((await agent.end()).code).toBe(0);
        closedAccount(agent.log);
      }, 60_000);
    });
  });

  describe("failure", () => {
    test("a detect worker that dies is started again with its rules, and that is said", async () => {
      const preload = join(import.meta.dir, "terminate-worker.ts");
      const command = [
        process.execPath,
        "--preload",
        preload,
        ...[join(root, "src/main.ts"), ...run().slice(agentCommand().length)],
      ];
      await using agent = new RawAgent(command, options());
      await agent.logs("agent ready");
      await alerts(agent);
      const from = agent.log.length;
      agent.signal("SIGUSR2");
      await agent.logs("the detect worker died", from);
      await agent.logs("agent ready", from);
      await alerts(agent);
      const states = agent.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter((line) => at(line, "event.kind") === "state");
      expect(states.map((line) => at(line, "event.action"))).toContain("detect_worker_died");
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      closedAccount(agent.log);
    }, 60_000);
  });

  describeWhere("the binary alone", [needsFile(binary)], () => {
    test("in an empty folder it runs with the rules inside it, and a hostile folder changes nothing", async () => {
      const place = folder.in("alone");
      mkdirSync(place);
      copyFileSync(binary, join(place, "agent"));
      chmodSync(join(place, "agent"), 0o755);
      const trap = folder.in("trapped");
      writeFileSync(join(place, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\nbun = true\n');
      writeFileSync(join(place, "evil.ts"), `require("fs").writeFileSync(${JSON.stringify(trap)}, "x");\n`);
      writeFileSync(
        join(place, ".env"),
        "EDR__LOGGING__LEVEL=nonsense\nEDR__NO__SUCH=1\nBUN_OPTIONS=--preload ./evil.ts\n",
      );
      writeFileSync(
        join(place, "package.json"),
        '{"name":"x","type":"commonjs","scripts":{"preinstall":"touch trapped"}}\n',
      );
      writeFileSync(join(place, "tsconfig.json"), "{ not json");
      mkdirSync(join(place, "node_modules/hyperid"), { recursive: true });
      writeFileSync(
        join(place, "node_modules/hyperid/index.js"),
        "throw new Error('taken from the working folder');\n",
      );
      await using agent = new RawAgent(["./agent", "run"], options({ cwd: place }));
      await agent.logs("agent ready");
      // The rules inside: this one looks like a miner.
      const t = token();
      await runProgram([idle, `stratum+tcp://${t}`]);
      await agent.until(() => agent.stdout.includes(t), "the alert of a starter rule");
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      expect(existsSync(trap)).toBe(false);
      closedAccount(agent.log);
    }, 60_000);

    test("it works where the checkout cannot be seen", async () => {
      const program = folder.copy(binary, "hidden", "agent");
      chmodSync(program, 0o755);
      const script = `mount -t tmpfs none ${root} && ls -A ${root} && exec ${program} run --config ${config} --rules ${ruleFile}`;
      await using agent = new RawAgent(["unshare", "-m", "/bin/sh", "-c", script], options());
      await agent.logs("agent ready");
      await alerts(agent);
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      expect(
        agent.stdout
          .trim()
          .split("\n")
          .every((line) => line.startsWith("{")),
      ).toBe(true);
      closedAccount(agent.log);
    }, 60_000);
  });
});
