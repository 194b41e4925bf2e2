// How long an alert takes: from the kernel's time of a process start to the moment its line is read from the agent's stdout, a
// hundred starts a second, each of which a rule matches.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../native/build-steps.ts";
import { agentCommand } from "../../live/agent.ts";
import { startRule } from "../../live/programs.ts";
import { InvalidMeasurement } from "./report.ts";
import type { Spawner } from "./spawner.ts";

const word = "alert-latency";
const count = 500;
const rate = 100;
const waitMaxMs = 30_000;

/** Milliseconds of each alert, in order of arrival. The kernel's time is cut to milliseconds in an alert: up to one too much. */
export async function latencies(spawner: Spawner): Promise<number[]> {
  mkdirSync(join(root, "build/bench"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/bench/latency-"));
  const rule = join(folder, "rule.yml");
  writeFileSync(rule, startRule(`${word}-`));
  writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });
  const args = ["run", "--config", join(folder, "empty.toml"), "--rules", rule];
  const child = Bun.spawn([...agentCommand(), ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const found: number[] = [];
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const nowMs = performance.timeOrigin + performance.now();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const alert = JSON.parse(line) as {
          "@timestamp": string;
          event: { kind: string };
          process?: { args?: string[] };
        };
        if (alert.event.kind === "alert" && alert.process?.args?.[1]?.startsWith(`${word}-`))
          found.push(nowMs - Date.parse(alert["@timestamp"]));
      }
    }
  };
  const reading = read();
  try {
    const decoder = new TextDecoder();
    let log = "";
    const isReady = async (): Promise<boolean> => {
      for await (const chunk of child.stderr) {
        log += decoder.decode(chunk, { stream: true });
        if (log.includes("agent ready")) return true;
      }
      return false;
    };
    if (!(await Promise.race([isReady(), Bun.sleep(waitMaxMs).then(() => false)])))
      throw new InvalidMeasurement(`the agent was not ready: ${log}`);
    await Bun.sleep(1_000);
    await spawner.storm({ count, lanes: 1, rate, prefix: word });
    const endMs = performance.now() + waitMaxMs;
    while (found.length < count && performance.now() < endMs) await Bun.sleep(50);
    if (found.length < count) throw new InvalidMeasurement(`${found.length} of ${count} alerts came`);
    return found.slice(0, count);
  } finally {
    child.kill("SIGTERM");
    await child.exited;
    await reading;
    rmSync(folder, { recursive: true, force: true });
  }
}
