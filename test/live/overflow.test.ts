// When there is no room, every loss is counted: the agent is held up while processes with long command lines start, its small
// kernel ring runs over, and afterwards what was started is what was delivered and what was lost, to the unit.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { at, LiveAgent, uniqueToken } from "./agent.ts";
import { closedAccount, compiler, startRule, TestFolder } from "./programs.ts";
import { storm } from "./storm.ts";

const processes = 2000;
const lanes = 2;

const kinds = ["exec", "fork", "exit"] as const;

const everyStart = `title: Every start
logsource: { product: linux, category: process_creation }
detection:
  any: { Image|contains: / }
  condition: any
level: informational
`;

describeWhere("overflow", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("overflow");
  let idle = "";
  let stormProgram = "";

  beforeAll(async () => {
    idle = await folder.compile("idle");
    stormProgram = await folder.compile("storm");
  }, 60_000);

  afterAll(() => folder.dispose());

  test("losses of a full kernel ring are counted to the unit, and said in a state line", async () => {
    const prefix = uniqueToken("sigil-over-");
    const rules = [folder.write("over.yml", everyStart)];
    await using agent = await LiveAgent.start({ rules, config: '[sensor]\nkernel_ring_size = "64KiB"\n' });
    await agent.barrier();
    let started: Awaited<ReturnType<typeof storm>>;
    process.kill(agent.pid, "SIGSTOP");
    try {
      started = await storm(stormProgram, { program: idle, prefix, count: processes, lanes, paddingBytes: 12_000 });
    } finally {
      process.kill(agent.pid, "SIGCONT");
    }
    expect(started.length).toBe(processes);
    await agent.barrier();
    const { log } = await agent.stop();

    const account = closedAccount(log);
    for (const kind of kinds) {
      const { [`${kind}_seen`]: seen, [`${kind}_delivered`]: delivered, [`${kind}_lost`]: lost } = account;
      expect([kind, seen]).toEqual([kind, delivered! + lost!]);
    }
    // 64 KiB hold five such starts: a loss far below the number of processes would not have been an overflow.
    expect(account.exec_lost).toBeGreaterThan(processes / 2);

    // A rule that every start satisfies: as many alerts as deliveries, those of the two barriers left out by the harness.
    const delivered = agent.alerts.filter((alert) => at(alert, "rule.name") === "Every start");
    expect(delivered.length).toBe(account.exec_delivered! - 2);
    const tokens = new Set(started.map(({ token }) => token));
    const seen = delivered
      .map((alert) => (at(alert, "process.args") as string[])[1] ?? "")
      .filter((it) => tokens.has(it));
    expect(new Set(seen).size).toBe(seen.length);
    // Started = seen + lost. Others start processes on this machine, too, and may be among the lost: by no more than these.
    const foreign = account.exec_seen! - processes;
    expect(seen.length + account.exec_lost!).toBeGreaterThanOrEqual(processes);
    expect(seen.length + account.exec_lost!).toBeLessThanOrEqual(processes + foreign);

    const told = agent.alerts.filter((alert) => at(alert, "event.action") === "events_dropped");
    expect(told.length).toBeGreaterThan(0);
    for (const line of told) expect(at(line, "event.kind")).toBe("state");
    const last = told.at(-1)!;
    expect(at(last, "sigil.state.total")).toBeGreaterThan(0);
    expect(at(last, "sigil.state")).toHaveProperty(["exec.droppedKernelRing"]);
  }, 120_000);

  test("with the usual ring the same storm loses nothing while the agent runs", async () => {
    const prefix = uniqueToken("sigil-room-");
    // Only the last one is an alert: what is asked here is whether events fit, not how fast a test reads alerts of 80 KB.
    const last = `${prefix}-${String(processes - 1).padStart(6, "0")}`;
    await using agent = await LiveAgent.start({ rules: [folder.write("room.yml", startRule(last))] });
    await storm(stormProgram, { program: idle, prefix, count: processes, lanes, paddingBytes: 12_000 });
    await agent.barrier();
    const account = closedAccount((await agent.stop()).log);
    for (const kind of kinds) expect([kind, account[`${kind}_lost`]]).toEqual([kind, 0]);
    expect(account.exec_delivered).toBeGreaterThanOrEqual(processes);
    expect(agent.alerts.map((alert) => at(alert, "process.command_line"))).toEqual([
      `${idle} ${last} ${"p".repeat(12_000)}`,
    ]);
  }, 120_000);
});
