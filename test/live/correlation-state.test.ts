// A correlation of which half happens before a restart of the agent and half after it: it fires when windows are kept, and does not when they are not.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { describeWhere, needsBpf } from "../needs.ts";
import { at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { RawAgent } from "./raw-agent.ts";

describeWhere("windows of correlations", [needsBpf()], () => {
  const folder = mkdtempSync(join(tmpdir(), "sigil-windows-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const token = uniqueToken("sigil-window-");
  const rules = join(folder, "rules.yml");
  writeFileSync(
    rules,
    [
      "title: Half",
      "name: half",
      "logsource: { product: linux, category: process_creation }",
      `detection: { own: { CommandLine|contains: ${token} }, condition: own }`,
      "level: informational",
      "---",
      "title: Whole",
      "id: 3f0d6a54-7d8e-4a52-9a53-0a3a63e0a1b7",
      "correlation:",
      "  type: event_count",
      "  rules: half",
      "  group-by: [User]",
      "  timespan: 1h",
      "  condition: { gte: 4 }",
      "level: high",
      "",
    ].join("\n"),
  );
  const state = join(folder, "state.json");
  const keeping = `[sigma]\ncorrelation_state = ${JSON.stringify(state)}\n`;

  /** A run of the agent in which the rule matches twice; gives how often the correlation fired, and the log. */
  async function half(config: string): Promise<{ fired: number; log: string }> {
    await using agent = await LiveAgent.start({ rules: [rules], config });
    await runProgram(["/bin/true", token, "1"]);
    await runProgram(["/bin/true", token, "2"]);
    await agent.barrier();
    const fired = agent.alerts.filter((alert) => at(alert, "rule.name") === "Whole").length;
    const { log, exitCode } = await agent.stop();
    expect(exitCode).toBe(0);
    return { fired, log };
  }

  test("outlive a restart when a file keeps them, and only then", async () => {
    expect((await half("")).fired).toBe(0);
    expect((await half("")).fired).toBe(0);
    expect((await half(keeping)).fired).toBe(0);
    const saved = readFileSync(state);
    const second = await half(keeping);
    expect(second.fired).toBe(1);
    expect(second.log).toMatch(/correlation windows restored.*groups=1/);

    // A file that was cut short is refused, said, and replaced.
    writeFileSync(state, saved.subarray(0, -1));
    const refused = await half(keeping);
    expect(refused.fired).toBe(0);
    expect(refused.log).toContain("saved correlation windows are not used");
    expect((await half(keeping)).fired).toBe(1);
  }, 180_000);

  test("outlive the death of the detect worker, as they were when they were saved last", async () => {
    rmSync(state, { force: true });
    expect((await half(keeping)).fired).toBe(0);
    const config = join(folder, "config.toml");
    writeFileSync(config, keeping, { mode: 0o600 });
    const preload = join(import.meta.dir, "terminate-worker.ts");
    const program = [process.execPath, "--preload", preload, join(root, "src/main.ts")];
    await using agent = new RawAgent([...program, "run", "--config", config, "--rules", rules], { cwd: folder });
    await agent.logs("agent ready");
    const from = agent.log.length;
    agent.signal("SIGUSR2");
    await agent.logs("the detect worker died", from);
    await agent.logs("agent ready", from);
    await runProgram(["/bin/true", token, "1"]);
    await runProgram(["/bin/true", token, "2"]);
    await agent.until(() => agent.stdout.includes('"Whole"'), "the alert of the correlation");
    agent.signal("SIGTERM");
    expect((await agent.end()).code).toBe(0);
  }, 120_000);
});
