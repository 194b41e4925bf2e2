// A long life in short: storms of process starts at changing rates against a running agent, with reloads in between. What must hold
// at any length: every start of a storm that a rule of this run names is one alert, exactly once, unless its loss was counted; the
// account closes to the unit; what is in the alert file is what the agent says it sent; memory does not grow.

import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../native/build-steps.ts";
import { memoryOf } from "../../bench/lib/process-memory.ts";
import { sigmaHqLinux, starterRules } from "../../bench/lib/rules.ts";
import { Spawner } from "../../bench/lib/spawner.ts";
import { seededRandom, slope } from "../../bench/lib/stats.ts";
import { at, LiveAgent, uniqueToken } from "../../live/agent.ts";
import { closedAccount, startRule } from "../../live/programs.ts";

export interface StormOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Told now and then how far it is. */
  readonly progress?: (line: string) => void;
}

export interface StormReport {
  readonly phases: number;
  readonly reloads: number;
  /** Starts by the storms. */
  readonly started: number;
  /** Of these, the ones that must be an alert. */
  readonly marked: number;
  /** Marked starts without an alert: not above `lost` and `outputDropped`, or the agent loses silently. */
  readonly missing: number;
  /** Marked starts with more than one alert of the same rule. */
  readonly doubled: number;
  /** Process starts that the agent says it lost. */
  readonly lost: number;
  /** Alerts that the agent says its output had no room for. */
  readonly outputDropped: number;
  /** The agent's closed account. */
  readonly account: Readonly<Record<string, number>>;
  /** Lines in the alert file: `account.alerts_sent` less `outputDropped`, and state lines (fewer of these when they were dropped). */
  readonly alertLines: number;
  readonly stateLines: number;
  /** The first state lines, as they stand in the file without the parts that every line has: what was lost where. */
  readonly states: readonly unknown[];
  /** Anonymous memory after each storm: seconds since the start, bytes. */
  readonly memory: readonly (readonly [seconds: number, bytes: number])[];
  readonly pssPeakBytes: number;
  /** Growth of anonymous memory over the last two thirds, as a line through all points sees it. */
  readonly grownBytes: number;
}

const rates = [0, 0, 50, 200, 1000, 3000] as const;
const phaseSeconds = 2;
/** At full speed a storm has this many, so that a phase does not take for ever on a slow machine. */
const unpacedMax = 3000;
const reloadEvery = 10;
/** A storm's alerts are all there when this long none came. */
const alertsQuietMs = 3_000;
const statesShownMax = 10;
const markRuleId = "3d0c8f0a-2b61-4a53-8f0e-9c2f5a1d7e44";

/** Reads what the agent appends to its alert file, and counts the marked starts by number. */
class AlertFile {
  lines = 0;
  stateLines = 0;
  readonly states: unknown[] = [];
  /** Alerts of our rule by token. Cleared by whoever has looked. */
  readonly tokens = new Map<string, number>();
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(1 << 20);
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(path: string) {
    writeFileSync(path, "");
    this.#fd = openSync(path, "r");
  }

  read(): void {
    for (let got = readSync(this.#fd, this.#chunk); got > 0; got = readSync(this.#fd, this.#chunk)) {
      const lines = (this.#rest + this.#decoder.decode(this.#chunk.subarray(0, got), { stream: true })).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#line(line);
    }
  }

  #line(line: string): void {
    this.lines++;
    const alert = JSON.parse(line);
    if (at(alert, "event.kind") === "state") {
      this.stateLines++;
      if (this.states.length < statesShownMax) this.states.push({ message: alert.message, sigil: alert.sigil });
    }
    if (at(alert, "rule.id") !== markRuleId) return;
    const args = at(alert, "process.args");
    const token = Array.isArray(args) ? String(args[1]) : "";
    // The spawner has the mark in its own command line, and is none of those it starts.
    if (!/-\d{6}$/.test(token)) return;
    this.tokens.set(token, (this.tokens.get(token) ?? 0) + 1);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Returns when `count` marked starts have their alerts, or when no more come. */
async function allAlerts(file: AlertFile, count: number): Promise<void> {
  let seen = -1;
  for (let movedAt = performance.now(); performance.now() - movedAt < alertsQuietMs; await Bun.sleep(20)) {
    file.read();
    if (file.tokens.size >= count) return;
    if (file.tokens.size !== seen) {
      seen = file.tokens.size;
      movedAt = performance.now();
    }
  }
}

/** Runs storms for about `seconds` and stops the agent. Throws when it dies, when it does not stop, or when its account is open. */
export async function processStorm({ seconds, seed, progress }: StormOptions): Promise<StormReport> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const parent = join(root, "build/soak");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "storm-"));
  const alertPath = join(folder, "alerts.ndjson");
  const file = new AlertFile(alertPath);
  const mark = uniqueToken("soak-");
  writeFileSync(join(folder, "mark.yml"), startRule(mark, markRuleId));
  const spawner = await Spawner.compile();
  const sigmaHq = sigmaHqLinux();
  const rules = [...(sigmaHq.length > 0 ? sigmaHq : [starterRules]), folder];
  const sums = { phases: 0, reloads: 0, started: 0, marked: 0, missing: 0, doubled: 0 };
  const memory: [number, number][] = [];
  let pssPeakBytes = 0;
  try {
    await using agent = await LiveAgent.start({ rules, args: ["--alerts", alertPath] });
    const beganMs = performance.now();
    const elapsed = (): number => (performance.now() - beganMs) / 1000;
    let toldAt = 0;
    while (elapsed() < seconds) {
      const rate = pick(rates);
      const isMarked = random() < 0.25;
      const most = rate === 0 ? unpacedMax : rate * phaseSeconds;
      const count = Math.max(1, Math.ceil(most * random()));
      const prefix = `${isMarked ? mark : "storm"}-${sums.phases}`;
      if (sums.phases % reloadEvery === reloadEvery - 1) {
        process.kill(agent.pid, "SIGHUP");
        sums.reloads++;
      }
      const { started } = await spawner.storm({ count, lanes: pick([1, 2, 4]), rate, prefix });
      sums.phases++;
      sums.started += started;
      if (isMarked) {
        sums.marked += started;
        await allAlerts(file, started);
        for (let i = 0; i < started; i++) {
          const token = `${prefix}-${String(i).padStart(6, "0")}`;
          const seen = file.tokens.get(token) ?? 0;
          if (seen === 0) sums.missing++;
          if (seen > 1) sums.doubled++;
        }
        file.tokens.clear();
      }
      await Bun.sleep(random() * 500);
      const now = memoryOf(agent.pid);
      memory.push([elapsed(), now.anonymousBytes]);
      pssPeakBytes = Math.max(pssPeakBytes, now.pssBytes);
      if (elapsed() - toldAt > 30) {
        toldAt = elapsed();
        progress?.(`${toldAt.toFixed(0)} s: ${JSON.stringify(sums)}, ${(now.pssBytes / 1048576).toFixed(1)} MiB`);
      }
    }
    const { log } = await agent.stop();
    file.read();
    const account = closedAccount(log);
    const late = memory.filter(([at]) => at >= seconds / 3);
    const span = late.length < 2 ? 0 : late.at(-1)![0] - late[0]![0];
    return {
      ...sums,
      lost: account.exec_lost!,
      outputDropped: outputDropped(log),
      account,
      alertLines: file.lines,
      stateLines: file.stateLines,
      states: file.states,
      memory,
      pssPeakBytes,
      grownBytes: span === 0 ? 0 : slope(late) * span,
    };
  } finally {
    file.close();
    spawner.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Alerts that the agent told at its end that an output had to drop. */
function outputDropped(log: string): number {
  const last = log.split("\n").findLast((line) => line.includes("alerts were lost"));
  return Number(/\bdropped=(\d+)/.exec(last ?? "")?.[1] ?? 0);
}

/** What is wrong with a run, one sentence each; nothing when all is well. */
export function stormFaults(it: StormReport): string[] {
  const faults: string[] = [];
  const { account } = it;
  if (account.exec_seen! < it.started)
    faults.push(`the agent saw ${account.exec_seen} of at least ${it.started} starts`);
  const counted = it.lost + it.outputDropped;
  if (it.missing > counted) faults.push(`${it.missing} alerts are missing, and only ${counted} losses were counted`);
  if (it.doubled > 0) faults.push(`${it.doubled} starts gave the same alert twice`);
  if (it.marked === 0) faults.push("no storm was marked: nothing was proved about alerts");
  // The output drops alerts and state lines alike.
  const owed = account.alerts_sent! - it.outputDropped;
  const alerts = it.alertLines - it.stateLines;
  if (alerts < owed || alerts > account.alerts_sent! || (it.outputDropped === 0 && alerts !== owed))
    faults.push(`the agent sent ${account.alerts_sent} alerts and dropped ${it.outputDropped}, the file has ${alerts}`);
  if (account.alerts_dropped !== 0) faults.push(`${account.alerts_dropped} alerts were dropped`);
  return faults;
}
