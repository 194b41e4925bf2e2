// What memory the agent takes: sum of PSS over all its processes, 5 s after `agent ready` and again 10 s after a load of some
// thousand processes, with the starter rules and with all Linux rules of SigmaHQ; with these also 10 s after as many alerts; and the kernel's memory
// for its BPF maps. Beside it, in the same run: an empty compiled Bun program with one worker.
//
//   bun test/bench/memory.ts [--rounds 3] [--processes 6000]

import { tmpdir } from "node:os";
import { join } from "node:path";
import { LiveAgent } from "../live/agent.ts";
import { needsBpf, needsData, needsProgram } from "../needs.ts";
import { closedAgentAccount } from "./lib/account.ts";
import { EmptyProgram } from "./lib/empty-program.ts";
import { type Memory, memoryOf } from "./lib/process-memory.ts";
import { benchmark, type Figures, InvalidMeasurement, numberArgument, printTable } from "./lib/report.ts";
import { ruleSets } from "./lib/rules.ts";
import { Spawner } from "./lib/spawner.ts";
import { median } from "./lib/stats.ts";

const aimBytes = 90 * 1024 * 1024;
const settleMs = 5_000;
const restMs = 10_000;
const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

/** Memory at one moment. A second agent on the machine would share pages and make PSS look small. */
function look(pid: number): Memory {
  const memory = memoryOf(pid);
  if (memory.sharers > 0)
    throw new InvalidMeasurement(`${memory.sharers} other processes run the same executable and share its pages`);
  return memory;
}

await benchmark("memory", [needsBpf(), needsData("sigma"), needsProgram("gcc")], async () => {
  const rounds = numberArgument("rounds", 3);
  const processes = numberArgument("processes", 6000);
  const seen = new Map<string, Memory[]>();
  const put = (name: string, memory: Memory): void => void seen.set(name, [...(seen.get(name) ?? []), memory]);
  const empty = await EmptyProgram.compile();
  const spawner = await Spawner.compile();
  // SigmaHQ has a rule for programs that run from here: every start is an alert.
  const suspicious = await Spawner.compile("/tmp");
  try {
    for (let round = 0; round < rounds; round++) {
      const { child } = await empty.start(true);
      await Bun.sleep(settleMs);
      put("empty Bun program, one worker", look(child.pid));
      child.kill("SIGKILL");
      await child.exited;
      for (const { name, paths } of ruleSets()) {
        const alerts = join(tmpdir(), `sigil-memory-${process.pid}.ndjson`);
        const rules = paths === undefined ? {} : { rules: paths };
        await using agent = await LiveAgent.start({ ...rules, args: ["--alerts", alerts] });
        try {
          await Bun.sleep(settleMs);
          put(`${name}, at rest`, look(agent.pid));
          await spawner.storm({ count: processes, lanes: 2, prefix: `memory-${round}` });
          await Bun.sleep(restMs);
          put(`${name}, after ${processes} processes`, look(agent.pid));
          if (paths !== undefined) {
            await suspicious.storm({ count: processes, lanes: 2, prefix: `alerts-${round}` });
            await Bun.sleep(restMs);
            put(`${name}, after ${processes} alerts`, look(agent.pid));
          }
          const account = closedAgentAccount((await agent.stop()).log);
          if (paths !== undefined && account.alerts_sent! < processes)
            throw new InvalidMeasurement(`${account.alerts_sent} alerts where ${processes} were meant to be made`);
          if (account.exec_lost !== 0 || account.exec_seen! < processes)
            throw new InvalidMeasurement(`the agent saw ${account.exec_seen} starts and lost ${account.exec_lost}`);
        } finally {
          await Bun.file(alerts).delete();
        }
      }
    }
  } finally {
    empty.dispose();
    spawner.dispose();
    suspicious.dispose();
  }

  const figures: Record<string, Figures> = {};
  const rows = [...seen].map(([name, all]) => {
    const of = (key: keyof Memory): number => median(all.map((one) => one[key]));
    const worst = Math.max(...all.map((one) => one.pssBytes));
    figures[name] = {
      pss_bytes: of("pssBytes"),
      pss_worst_bytes: worst,
      anonymous_bytes: of("anonymousBytes"),
      bpf_maps_bytes: of("mapsBytes"),
      processes: of("processes"),
    };
    const aim = name.startsWith("empty") ? "limit" : worst < aimBytes ? "< 90 MiB" : "above 90 MiB";
    const cells = [of("pssBytes"), worst, of("anonymousBytes"), of("mapsBytes")].map(mib);
    return [name, ...cells, String(of("processes")), aim];
  });
  printTable(["sum of PSS, MiB", "median", "worst", "anonymous", "BPF maps", "processes", "aim"], rows);
  return { rounds, aim_bytes: aimBytes, storm_processes: processes, memory: figures };
});
