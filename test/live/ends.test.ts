// Every process ends once, however it ends: the agent's code and signal are those that the kernel told the parent (waitpid). And
// those who ran before the agent are known to it, each once.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { realpathSync } from "node:fs";
import { constants } from "node:os";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, searchPath, uniqueToken } from "./agent.ts";
import { compiler, endRule, startRule, TestFolder } from "./programs.ts";

const word = uniqueToken("sigil-end-");

describeWhere("ends and what was there before", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("ends");
  let agent: LiveAgent;
  let act = "";
  let idle = "";
  let before: ReturnType<typeof startBefore>;

  function startBefore() {
    // Waits for lines, and starts one process for each.
    const script = `while read t; do ${idle} $t; done; : ${word}-before`;
    return Bun.spawn(["/bin/sh", "-c", script], {
      cwd: folder.path,
      env: { PATH: searchPath },
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  beforeAll(async () => {
    act = await folder.compile("act");
    idle = await folder.compile("idle");
    before = startBefore();
    const rules = [folder.write("start.yml", startRule(word)), folder.write("end.yml", endRule(word))];
    agent = await LiveAgent.start({ rules });
  }, 60_000);

  afterAll(async () => {
    before?.kill("SIGKILL");
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  const ends = (pid: number): Alert[] =>
    agent.alerts.filter((alert) => at(alert, "event.action") === "end" && at(alert, "process.pid") === pid);
  const starts = (pid: number): Alert[] =>
    agent.alerts.filter((alert) => at(alert, "event.action") === "exec" && at(alert, "process.pid") === pid);

  const signalName = (number: number): string =>
    Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);

  let count = 0;
  for (const [way, what] of [
    ["code", "by its own exit code"],
    ["group", "by exit_group of a thread that is not the first"],
    ["threads", "by every thread ending itself, the first one first"],
    ["term", "by SIGTERM"],
    ["kill", "by SIGKILL"],
    ["abort", "by SIGABRT"],
    ["many", "by SIGKILL with eight threads running"],
  ] as const)
    test(`a process that ends ${what} ends once, with what its parent was told`, async () => {
      const t = `${word}-${++count}x`;
      const { exitCode, output } = await runProgram([act, "reap", way, t], { cwd: folder.path });
      expect(exitCode).toBe(0);
      const [pid = 0, status = 0] = output.trim().split(" ").map(Number);
      await agent.barrier();
      expect(starts(pid).length).toBe(1);
      const found = ends(pid);
      expect(found.length).toBe(1);
      const [end] = found as [Alert];
      // wait(2): the low seven bits are the signal, the next byte is the code.
      const signal = status & 0x7f;
      if (signal === 0) {
        expect(at(end, "sigil.event.ExitCode")).toBe(String((status >> 8) & 0xff));
        expect(at(end, "process.exit_code")).toBe((status >> 8) & 0xff);
        expect(at(end, "sigil.event.ExitSignal")).toBeUndefined();
      } else {
        expect(at(end, "sigil.event.ExitSignal")).toBe(signalName(signal));
        expect(at(end, "sigil.process.signal")).toBe(signalName(signal));
        expect(at(end, "sigil.event.ExitCode")).toBeUndefined();
        expect(at(end, "process.exit_code")).toBeUndefined();
      }
      expect(at(end, "process.entity_id")).toBe(at(starts(pid)[0]!, "process.entity_id") as string);
      expect(at(end, "process.executable")).toBe(act);
      expect(Date.parse(String(at(end, "process.end")))).toBeGreaterThanOrEqual(
        Date.parse(String(at(end, "process.start"))),
      );
    });

  test("a process that is killed from outside ends once, by SIGKILL", async () => {
    const t = `${word}-outside`;
    const child = Bun.spawn(["/bin/sh", "-c", `: ${t}; read never`], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    await agent.waitFor((alert) => at(alert, "process.pid") === child.pid, "the start");
    child.kill("SIGKILL");
    await child.exited;
    await agent.barrier();
    expect(ends(child.pid).map((alert) => at(alert, "sigil.event.ExitSignal"))).toEqual(["SIGKILL"]);
  });

  test("a fork that never execs ends once as well, as what its parent ran", async () => {
    const t = `${word}-fork`;
    const { output } = await runProgram(["/bin/sh", "-c", `(exec 3<&0; echo $PPID; :) & wait; : ${t}`]);
    expect(output).not.toBe("");
    await agent.barrier();
    const those = agent.alerts.filter(
      (alert) => at(alert, "event.action") === "end" && String(at(alert, "process.command_line")).includes(t),
    );
    // The shell and the subshell.
    expect(those.map((alert) => at(alert, "process.executable"))).toEqual([
      realpathSync("/bin/sh"),
      realpathSync("/bin/sh"),
    ]);
    expect(new Set(those.map((alert) => at(alert, "process.entity_id"))).size).toBe(2);
  });

  test("who ran before the agent is known as a parent, with its command line, and is one process in all alerts", async () => {
    for (const t of [`${word}-a`, `${word}-b`]) before.stdin.write(`${t}\n`);
    before.stdin.flush();
    const lineOf = (t: string) => (alert: Alert) =>
      at(alert, "event.action") === "exec" && at(alert, "process.command_line") === `${idle} ${t}`;
    const children = [];
    for (const t of [`${word}-a`, `${word}-b`]) children.push(await agent.waitFor(lineOf(t), t));
    for (const child of children) {
      expect(at(child, "process.parent.pid")).toBe(before.pid);
      expect(at(child, "process.parent.executable")).toBe(realpathSync("/bin/sh"));
      expect(at(child, "process.parent.args")).toEqual(["/bin/sh", "-c", expect.stringContaining(`${word}-before`)]);
      expect(at(child, "process.parent.working_directory")).toBe(folder.path);
      expect(at(child, "process.parent.user.name")).toBe("root");
      // Its parent is this test, which ran before as well.
      expect(at(child, "sigil.ancestors.0.pid")).toBe(process.pid);
      expect(at(child, "sigil.ancestors.0.executable")).toBe(realpathSync("/proc/self/exe"));
    }
    expect(new Set(children.map((child) => at(child, "process.parent.entity_id"))).size).toBe(1);
    // It was there before: its own start is no event.
    expect(starts(before.pid)).toEqual([]);

    before.stdin.end();
    await before.exited;
    await agent.barrier();
    const [end] = ends(before.pid);
    expect(ends(before.pid).length).toBe(1);
    expect(at(end!, "process.entity_id")).toBe(at(children[0]!, "process.parent.entity_id") as string);
    expect(at(end!, "sigil.event.ExitCode")).toBe("0");
  });

  test("the chain of ancestors goes up to the first process", async () => {
    const t = `${word}-chain`;
    await runProgram([idle, t]);
    await agent.barrier();
    const [alert] = agent.alerts.filter((one) => at(one, "sigil.event.CommandLine") === `${idle} ${t}`);
    const chain = at(alert!, "sigil.ancestors") as { pid: number; start?: string }[];
    // Told by /proc, as far as the alert shows it (8 generations).
    const expected: number[] = [];
    let pid = process.pid;
    while (pid > 0 && expected.length < 8) {
      const stat = await Bun.file(`/proc/${pid}/stat`).text();
      pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (pid > 0) expected.push(pid);
    }
    expect(chain.map((one) => one.pid).slice(0, expected.length)).toEqual(expected.slice(0, chain.length));
    expect(chain.length).toBeGreaterThanOrEqual(Math.min(7, expected.length));
  });
});
