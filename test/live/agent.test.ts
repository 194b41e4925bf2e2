// The harness itself: it must fail loudly, and its barrier must work with rules of a test's own.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, needsBpf } from "../needs.ts";
import { at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";

test("runProgram() keeps both streams, and says when a program does not end", async () => {
  const { exitCode, output } = await runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  expect(exitCode).toBe(3);
  expect(output).toBe("out\nerr\n");
  await expect(runProgram(["sleep", "60"], { timeoutMs: 200 })).rejects.toThrow("no end after 200 ms");
});

test("start() throws with the log when the agent ends before it is ready", async () => {
  await expect(LiveAgent.start({ args: ["--no-such-flag"] })).rejects.toThrow(
    /ended with exit code 64[\s\S]*no-such-flag/,
  );
});

describeWhere("LiveAgent", [needsBpf()], () => {
  test("rules of a test's own replace the starter rules, and the barrier still works", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sigil-rules-"));
    const token = uniqueToken("sigil-own-");
    writeFileSync(
      join(folder, "own.yml"),
      [
        "title: Own",
        "id: 0b6f1d8e-9a1c-4f0e-8d5c-3c9a7d2e6b14",
        "logsource: { product: linux, category: process_creation }",
        `detection: { own: { CommandLine|contains: ${token} }, condition: own }`,
        "level: low",
        "",
      ].join("\n"),
    );
    try {
      await using agent = await LiveAgent.start({ rules: [folder] });
      const { pid } = await runProgram(["/bin/true", token, "stratum+tcp://192.0.2.1"]);
      await agent.barrier();
      expect(agent.alerts.map((alert) => [at(alert, "rule.name"), at(alert, "process.pid")])).toEqual([["Own", pid]]);
      expect(agent.containing(token).length).toBe(1);
      expect(await agent.waitFor((alert) => at(alert, "process.pid") === pid, "the alert")).toBe(agent.alerts[0]!);
      await expect(agent.waitFor(() => false, "nothing", 100)).rejects.toThrow(
        "Cannot wait any longer for nothing: 100 ms",
      );
      expect((await agent.stop()).exitCode).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 90_000);
});
