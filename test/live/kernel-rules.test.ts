// The rules about kernel operations that are built into the agent, on a real kernel: each is set off by a harmless act and fires on it,
// and on its near miss not. Those about modules need a kernel with modules: their events are tested by `agent rules test`.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, TestFolder, waiting } from "./programs.ts";

describeWhere("rules about kernel operations", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("kernel-rules");
  let program = "";
  let agent: LiveAgent;
  let temporary = "";

  beforeAll(async () => {
    program = await folder.compile("operate");
    temporary = mkdtempSync("/tmp/sigil-kernel-rules-");
    agent = await LiveAgent.start();
  }, 120_000);

  afterAll(async () => {
    await agent?.kill();
    if (temporary !== "") rmSync(temporary, { recursive: true, force: true });
    folder.dispose();
  }, 60_000);

  /** Runs it with a word at the end of its command line; the word. */
  async function run(...command: readonly string[]): Promise<string> {
    const token = uniqueToken("sigil-kernel-rule-");
    const { exitCode, output } = await runProgram([...command, token]);
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${output}`);
    return token;
  }

  async function fires(token: string, rule: string): Promise<void> {
    await agent.waitFor(
      (alert) => at(alert, "rule.name") === rule && JSON.stringify(alert).includes(token),
      `an alert of "${rule}"`,
    );
  }

  /** What happened before this was judged: an act that certainly fires, behind it in the same ring. */
  async function silent(token: string, rule: string): Promise<void> {
    const loud = join(temporary, uniqueToken("sigil-lib-"));
    copyFileSync(program, loud);
    await fires(await run(program, "library", loud), "Code mapped from a folder that everybody may write to");
    await agent.barrier();
    expect(agent.containing(token).map((alert) => at(alert, "rule.name"))).not.toContain(rule);
  }

  test("hold taken of the agent", async () => {
    const rule = "Hold taken of the memory of Sigil itself";
    await fires(await run(program, "seize", String(agent.pid)), rule);
    await silent(await run(program, "ptrace"), rule);
  }, 90_000);

  test("a signal that freezes the agent; another that does not", async () => {
    const rule = "Sigil itself was told to stop or freeze by another program";
    const token = await run(program, "signal", String(agent.pid), "19");
    await run(program, "signal", String(agent.pid), "18");
    await fires(token, rule);
    await silent(await run(program, "signal", String(agent.pid), "28"), rule);
  }, 90_000);

  test("a daemon of protection killed, not another program", async () => {
    const rule = "Security or logging process killed or frozen by a signal";
    const daemon = folder.copy(program, "sbin", "auditd");
    for (const [path, isTold] of [
      [daemon, true],
      [program, false],
    ] as const) {
      const victim = await waiting(path);
      const token = await run(program, "signal", String(victim.pid), "9");
      await victim.exited;
      await (isTold ? fires(token, rule) : silent(token, rule));
    }
  }, 90_000);

  test("memory of another program changed, not of a copy of itself", async () => {
    const rule = "Memory of a running process changed by another";
    const victim = await waiting(folder.copy(program, "server"));
    try {
      await fires(await run(program, "poke", String(victim.pid)), rule);
    } finally {
      victim.kill("SIGKILL");
    }
    await silent(await run(program, "vm"), rule);
  }, 90_000);

  test("code from a folder that everybody may write to, not from one of packages", async () => {
    const rule = "Code mapped from a folder that everybody may write to";
    const library = join(temporary, "x.so");
    copyFileSync(program, library);
    await fires(await run(program, "library", library), rule);
    await silent(await run(program, "library", program), rule);
  }, 90_000);

  test("an eBPF program loaded from a folder for data, not by a program of packages", async () => {
    const rule = "eBPF program loaded by a program in a folder for data";
    const copy = join(temporary, "loader");
    copyFileSync(program, copy);
    await fires(await run(copy, "bpf", "/sys/fs/bpf/sigil-is-not-there"), rule);
    await silent(await run(program, "bpf", "/sys/fs/bpf/sigil-is-not-there"), rule);
  }, 90_000);

  test("a file of secrets opened through io_uring", async () => {
    const rule = "File of secrets opened through io_uring";
    await fires(await run(program, "ring-read", "/etc/shadow"), rule);
    await silent(await run(program, "ring-read", "/etc/hostname"), rule);
  }, 90_000);

  test("something mounted over a process, not over a folder", async () => {
    const rule = "Something mounted over the folder of a process in /proc";
    await fires(await run(program, "mount", "/proc/self"), rule);
    mkdirSync(folder.in("mnt"));
    await silent(await run(program, "mount", folder.in("mnt")), rule);
  }, 90_000);
});
