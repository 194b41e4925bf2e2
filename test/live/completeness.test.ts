// Nothing is lost while there is room, and nothing comes twice: ten thousand processes started as fast as this machine can, each
// with a word of its own, under the load of every Linux rule of SigmaHQ. What should be seen is what the program that started
// them says, not what the agent says.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sharedData } from "../data.ts";
import { describeWhere, needsBpf, needsData, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { closedAccount, compiler, startRule, TestFolder } from "./programs.ts";
import { type Started, storm } from "./storm.ts";

const processes = 10_000;
const lanes = 2;

function sigmaHqLinux(): string[] {
  const sigma = sharedData("sigma");
  if (sigma === undefined) return [];
  return ["rules/linux", "rules-threat-hunting/linux", "rules-emerging-threats"].map((name) => `${sigma}/${name}`);
}

/** Alerts of the test's own rule by the word that their process was started with. */
function byToken(alerts: readonly Alert[], ruleId: string): Map<string, Alert[]> {
  const found = new Map<string, Alert[]>();
  for (const alert of alerts) {
    if (at(alert, "rule.id") !== ruleId) continue;
    const token = (at(alert, "process.args") as string[])[1] ?? "";
    const those = found.get(token);
    if (those === undefined) found.set(token, [alert]);
    else those.push(alert);
  }
  return found;
}

/** The test is about events: its own slow reading of 100 MB of alerts on the same two cores must not decide. */
const roomy = '[alerts]\nqueue_size = "256MiB"\n';

const ruleId = "5a3c7a9e-93a6-4a4f-8d0c-6f0e3c1d7b10";

describeWhere("completeness", [needsBpf(), needsProgram(compiler), needsData("sigma")], () => {
  const folder = new TestFolder("completeness");
  let idle = "";
  let stormProgram = "";

  beforeAll(async () => {
    idle = await folder.compile("idle");
    stormProgram = await folder.compile("storm");
  }, 60_000);

  afterAll(() => folder.dispose());

  test(`${processes} processes under all Linux rules of SigmaHQ are each seen once, with the whole truth, and none is lost`, async () => {
    const prefix = uniqueToken("sigil-whole-");
    const rule = folder.write("whole.yml", startRule(prefix, ruleId));
    await using agent = await LiveAgent.start({ rules: [...sigmaHqLinux(), rule], config: roomy });
    const started = await storm(stormProgram, { program: idle, prefix, count: processes, lanes });
    expect(started.length).toBe(processes);
    await agent.barrier(60_000);
    const { log } = await agent.stop();

    const account = closedAccount(log);
    for (const kind of ["exec", "fork", "exit", "task"]) expect([kind, account[`${kind}_lost`]]).toEqual([kind, 0]);
    expect(account.alerts_dropped).toBe(0);
    expect(account.exec_seen).toBeGreaterThanOrEqual(processes + 1);
    expect(account.fork_seen).toBeGreaterThanOrEqual(processes + lanes);
    expect(agent.alerts.filter((alert) => at(alert, "event.kind") === "state")).toEqual([]);

    const seen = byToken(agent.alerts, ruleId);
    // The program that started them has the prefix among its arguments, too.
    seen.delete(idle);
    const faults: string[] = [];
    for (const { token, pid, parent } of started) {
      const alerts = seen.get(token) ?? [];
      const [alert] = alerts;
      if (alert === undefined || alerts.length > 1) {
        faults.push(`${token}: ${alerts.length} alerts`);
        continue;
      }
      const facts = {
        pid: at(alert, "process.pid"),
        executable: at(alert, "process.executable"),
        line: at(alert, "process.command_line"),
        parent: at(alert, "process.parent.pid"),
        parentExecutable: at(alert, "process.parent.executable"),
        parentLine: String(at(alert, "process.parent.command_line")).split(" ").slice(0, 3).join(" "),
      };
      const wanted = {
        pid,
        executable: idle,
        line: `${idle} ${token}`,
        parent,
        parentExecutable: stormProgram,
        parentLine: `${stormProgram} ${idle} ${prefix}`,
      };
      if (!Bun.deepEquals(facts, wanted)) faults.push(`${token}: ${JSON.stringify({ facts, wanted })}`);
    }
    expect(faults.slice(0, 5)).toEqual([]);
    expect(seen.size).toBe(processes);
  }, 180_000);

  test("between the inventory at start and live events is no gap: whoever starts after the first one seen is seen, once", async () => {
    const prefix = uniqueToken("sigil-seam-");
    const rule = folder.write("seam.yml", startRule(prefix, ruleId));
    let started: readonly Started[] = [];
    // Starts before the agent and ends after it is ready.
    const storming = storm(stormProgram, { program: idle, prefix, count: 6000, lanes: 1 }).then((all) => {
      started = all;
    });
    await using agent = await LiveAgent.start({ rules: [rule], config: roomy });
    await storming;
    await agent.barrier();
    const account = closedAccount((await agent.stop()).log);
    expect(account.alerts_dropped).toBe(0);
    expect(agent.alerts.filter((alert) => at(alert, "event.kind") === "state")).toEqual([]);
    const seen = byToken(agent.alerts, ruleId);
    const first = started.findIndex(({ token }) => seen.has(token));
    expect(first).toBeGreaterThan(0);
    const after = started.slice(first);
    expect(after.length).toBeGreaterThan(0);
    expect(after.filter(({ token }) => seen.get(token)?.length !== 1)).toEqual([]);
    // The one that started them ran before the agent: it comes from the inventory, with its command line.
    for (const { token } of [after[0]!, after.at(-1)!]) {
      const alert = seen.get(token)![0]!;
      expect(at(alert, "process.parent.executable")).toBe(stormProgram);
      expect(at(alert, "process.parent.command_line")).toStartWith(`${stormProgram} ${idle} ${prefix}`);
      const chain = [at(alert, "process"), at(alert, "process.parent"), ...(at(alert, "sigil.ancestors") as unknown[])];
      const ids = chain.map((one) => (one as { entity_id: string }).entity_id);
      expect(new Set(ids).size).toBe(ids.length);
    }
  }, 120_000);

  test("nobody but the test made these processes", async () => {
    // A check of the tool: what it says it started, it started.
    const { output } = await runProgram([stormProgram, idle, "sigil-tool", "3", "2", "0"]);
    expect(output.trim().split("\n").length).toBe(3);
  });
});
