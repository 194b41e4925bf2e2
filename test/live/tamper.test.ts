// What is done to the agent itself is told, whatever rules are loaded: signals, ptrace, hands on its eBPF objects, its files, times in
// which it was stopped, and what it missed while it did not run. Control groups that flood it are held back, aloud.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, TestFolder, waiting } from "./programs.ts";

const nothing = `title: Nothing
id: 3f1c0b1e-7a52-4a34-8f53-000000000099
logsource: { product: linux, category: process_creation }
detection:
  never: { CommandLine: sigil-never }
  condition: never
`;

const personalities = `title: Personality
id: 3f1c0b1e-7a52-4a34-8f53-000000000098
logsource: { product: linux, category: system_call }
level: low
detection:
  flood: { Syscall: personality, CommandLine|contains: sigil-never }
  condition: flood
`;

describeWhere("tampering with the agent", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("tamper");
  let program = "";
  let rules: string[] = [];

  beforeAll(async () => {
    program = await folder.compile("operate");
    rules = [folder.write("nothing.yml", nothing)];
  }, 120_000);

  afterAll(() => folder.dispose());

  const isState = (action: string) => (alert: Alert) =>
    at(alert, "event.kind") === "state" && at(alert, "event.action") === action;
  const state = (alert: Alert): Record<string, unknown> => at(alert, "sigil.state") as Record<string, unknown>;
  /** Whoever else looks after this machine may take hold of agents as well: only what the test's own program did counts. */
  const isTampering = (token: string) => (alert: Alert) =>
    isState("agent_tampered")(alert) && String(state(alert).CommandLine).includes(token);

  test("a signal from somebody else is told, with who sent it; the ones from whoever started it are not", async () => {
    await using agent = await LiveAgent.start({ rules });
    const token = uniqueToken("sigil-signals-");
    process.kill(agent.pid, "SIGUSR1");
    await runProgram([program, "signal", String(agent.pid), "28", token]); // SIGWINCH: harmless
    const told = await agent.waitFor(isTampering(token), "word of the signal");
    expect(state(told)).toMatchObject({
      action: "signalled",
      Signal: "SIGWINCH",
      Image: program,
      User: "root",
      TargetProcessId: String(agent.pid),
    });
    // Once; and the test's own SIGUSR1 before it not at all.
    await agent.barrier();
    const signals = agent.alerts.filter(
      (alert) => isState("agent_tampered")(alert) && state(alert).action === "signalled",
    );
    expect(signals.map((alert) => state(alert).Signal)).toEqual(["SIGWINCH"]);
  }, 150_000);

  test("an attempt to seize it is told", async () => {
    await using agent = await LiveAgent.start({ rules });
    const token = uniqueToken("sigil-seizes-");
    await runProgram([program, "seize", String(agent.pid), token]);
    const told = await agent.waitFor(isTampering(token), "word of ptrace");
    expect(state(told)).toMatchObject({ action: "memory_taken", EventType: "ptrace_seize", Image: program });
    // It goes on.
    await agent.barrier();
  }, 150_000);

  test("hands on its eBPF objects are told", async () => {
    await using agent = await LiveAgent.start({ rules });
    await agent.barrier();
    const token = uniqueToken("sigil-takes-");
    // By every id there is: among them the agent's.
    const { output } = await runProgram([program, "take", token]);
    expect(Number(/^programs=(\d+)$/m.exec(output)?.[1])).toBeGreaterThan(0);
    const told = await agent.waitFor(isTampering(token), "word of bpf");
    expect(state(told)).toMatchObject({ action: "objects_taken", EventType: "prog_get_fd_by_id", Image: program });
  }, 150_000);

  test("a time in which it was stopped is told, and nothing of it is lost", async () => {
    const token = uniqueToken("sigil-stopped-");
    const seen = folder.write(
      "seen.yml",
      nothing.replace("CommandLine: sigil-never", `CommandLine|contains: ${token}`),
    );
    await using agent = await LiveAgent.start({ rules: [seen] });
    await agent.barrier();
    await runProgram([program, "signal", String(agent.pid), "19"]);
    await runProgram(["/bin/true", token]);
    await Bun.sleep(6500);
    await runProgram([program, "signal", String(agent.pid), "18"]);
    const paused = await agent.waitFor(isState("agent_paused"), "word of the pause");
    expect(Number(state(paused).seconds)).toBeGreaterThanOrEqual(5);
    const stopped = await agent.waitFor(
      (alert) => isState("agent_tampered")(alert) && state(alert).Signal === "SIGSTOP",
      "word of SIGSTOP",
    );
    expect(state(stopped)).toMatchObject({ action: "signalled", Image: program });
    await agent.waitFor(
      (alert) => at(alert, "process.command_line") === `/bin/true ${token}`,
      "what happened meanwhile",
    );
  }, 200_000);

  test("after it was killed the next start says how long nobody watched, and what began meanwhile and still runs", async () => {
    const config = `[service]\nstate_file = "${folder.in("state.json")}"\n`;
    const first = await LiveAgent.start({ rules, config });
    await first.barrier();
    await first.kill();
    const survivor = await waiting(program);
    try {
      await runProgram(["/bin/true"]);
      await using second = await LiveAgent.start({ rules, config });
      const told = await second.waitFor(isState("agent_restarted"), "word of the gap");
      expect(at(told, "event.outcome")).toBe("failure");
      expect(state(told)).toMatchObject({ ended: false, same_boot: true });
      expect(Number(state(told).forks_unseen)).toBeGreaterThanOrEqual(2);
      const running = state(told).still_running as { pid: number; executable: string }[];
      expect(Number(state(told).processes_unseen)).toBeGreaterThanOrEqual(1);
      if (running.length < 20) expect(running).toContainEqual({ pid: survivor.pid, executable: program });
      await second.stop();
    } finally {
      survivor.kill("SIGKILL");
    }
    await using third = await LiveAgent.start({ rules, config });
    const told = await third.waitFor(isState("agent_restarted"), "word of an orderly end");
    expect([at(told, "event.outcome"), state(told).ended]).toEqual(["success", true]);
  }, 200_000);

  test("a state file that makes no sense, or comes from a later version, is said and replaced", async () => {
    for (const content of ["{", '{"format":2}', '{"format":1,"seen_ms":1e300}', "\0".repeat(100)]) {
      const path = folder.write("strange.json", content);
      await using agent = await LiveAgent.start({ rules, config: `[service]\nstate_file = "${path}"\n` });
      expect(agent.log).toContain("the state of the last run cannot be used");
      await agent.stop();
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ format: 1, ended: true });
    }
  }, 200_000);

  test("its configuration, changed or replaced, is told", async () => {
    const path = folder.write("watched.toml", "");
    await using agent = await LiveAgent.start({ rules, args: ["--config", path] });
    writeFileSync(path, "# changed\n");
    const told = await agent.waitFor(isState("agent_file_changed"), "word of the change");
    expect(state(told)).toMatchObject({ path });
    writeFileSync(`${path}.other`, "# replaced\n");
    renameSync(`${path}.other`, path);
    await agent.waitFor(
      (alert) => isState("agent_file_changed")(alert) && state(alert).change === "rename",
      "word of the other file",
    );
  }, 150_000);

  test("a control group that floods it is held back, and that is told and accounted for", async () => {
    await using agent = await LiveAgent.start({ rules: [folder.write("personality.yml", personalities)] });
    await agent.barrier();
    const count = 200_000;
    await runProgram([program, "flood", String(count)], { timeoutMs: 90_000 });
    await agent.barrier();
    const { log } = await agent.stop();
    const told = agent.alerts.find(isState("events_throttled"));
    expect(told).toBeDefined();
    const held = Number(state(told as Alert).personality);
    const value = (name: string): number => Number(new RegExp(`\\bpersonality_${name}=(-?\\d+)`).exec(log)?.[1]);
    expect(value("seen")).toBeGreaterThanOrEqual(count);
    expect([value("lost"), value("unaccounted")]).toEqual([0, 0]);
    // What is neither delivered nor lost was held back; the last second's may not have been told yet.
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(value("seen") - value("delivered"));
    expect(value("delivered")).toBeLessThan(count);
  }, 200_000);
});
