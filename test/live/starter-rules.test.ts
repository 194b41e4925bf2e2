// The starter rules on a real kernel: the agent runs with the rules inside it, every stand-in is run, and exactly the expected
// rules fire with the right fields. Then ordinary work is done, and nothing may fire.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { parseSigma, type RuleIr } from "../../src/detect/sigma/mod.ts";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Detonation, starterRules } from "../rules/rule-tests.ts";
import { type Alert, at, LiveAgent } from "./agent.ts";
import { type Detonated, detonate } from "./detonate.ts";
import { quietWork } from "./quiet-work.ts";

const starters = starterRules().map((starter) => ({
  ...starter,
  rule: parseSigma(starter.text, starter.file).rules[0]!,
}));
const severities: Readonly<Record<string, number>> = { low: 21, medium: 47, high: 73, critical: 99 };

function idOf(name: string): string {
  const starter = starters.find((one) => one.name === name);
  if (starter === undefined) throw new Error(`Cannot find starter rule ${name}`);
  return starter.rule.id;
}

/** Ids of the sessions that exist now: field 6 of /proc/PID/stat, counted after the name, which may hold anything. */
function sessions(): Set<string> {
  const ids = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      ids.add(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]!);
    } catch {
      // Ended meanwhile.
    }
  return ids;
}

/** Checks one alert against what was run. */
function compare(alert: Alert, rule: RuleIr, { ran, expected, beganMs, endedMs }: Detonated): void {
  expect(at(alert, "rule.id")).toBe(rule.id);
  expect(at(alert, "rule.name")).toBe(rule.title);
  expect(at(alert, "message")).toBe(rule.title);
  expect(at(alert, "event.kind")).toBe("alert");
  expect(at(alert, "event.action")).toBe("exec");
  expect(at(alert, "event.category")).toContain("process");
  expect(at(alert, "event.type")).toContain("start");
  expect(at(alert, "event.severity")).toBe(severities[rule.level]);
  expect(at(alert, "sigil.engine")).toBe("sigma");
  expect(at(alert, "sigil.level")).toBe(rule.level);
  expect(at(alert, "threat.technique.id")).toContain(
    rule.tags
      .find((tag) => /^attack\.t\d/.test(tag))!
      .slice(7, 12)
      .toUpperCase(),
  );

  if (expected.image !== undefined) expect(at(alert, "process.executable")).toBe(expected.image);
  expect(at(alert, "process.command_line")).toBe(expected.commandLine);
  expect((at(alert, "process.args") as string[]).join(" ")).toBe(expected.commandLine);
  expect(at(alert, "process.working_directory")).toBe(expected.workingDirectory);
  expect(at(alert, "user.name")).toBe("root");
  expect(at(alert, "user.id")).toBe("0");
  if (expected.by === "self") {
    expect(at(alert, "process.pid")).toBe(ran.pid);
    expect(at(alert, "process.parent.pid")).toBe(process.pid);
  } else {
    expect(at(alert, "process.pid")).not.toBe(ran.pid);
    expect(at(alert, "process.parent.pid")).toBe(ran.pid);
  }
  if (expected.parentImage !== undefined) expect(at(alert, "process.parent.executable")).toBe(expected.parentImage);
  // The kernel's clock and the test's may differ by the resolution of the boot time.
  const timeMs = Date.parse(String(at(alert, "@timestamp")));
  expect(timeMs).toBeGreaterThanOrEqual(beganMs - 100);
  expect(timeMs).toBeLessThanOrEqual(endedMs + 100);

  const matches = at(alert, "sigil.match") as { selection: string; field: string; pattern: string; value: string }[];
  expect(matches.length).toBeGreaterThan(0);
  for (const { selection, field, pattern } of matches) {
    expect(rule.selections.map(({ name }) => name)).toContain(selection);
    expect(field).not.toBe("");
    expect(pattern).toBeString();
  }
  expect(at(alert, "sigil.event.CommandLine")).toBe(expected.commandLine);
  expect(at(alert, "sigil.event.ProcessId")).toBe(String(at(alert, "process.pid")));
}

describeWhere("starter rules on the live agent", [needsBpf(), needsProgram("perl")], () => {
  let agent: LiveAgent;
  const detonated = new Map<Detonation, Detonated | Error>();
  const quiet = quietWork();

  beforeAll(async () => {
    agent = await LiveAgent.start();
    for (const { tests } of starters)
      for (const detonation of tests.detonations) {
        const result = await detonate(detonation).catch((error: Error) => error);
        detonated.set(detonation, result);
      }
    await agent.barrier();
  }, 120_000);

  afterAll(async () => {
    await agent?.kill();
  }, 60_000);

  for (const { name, rule, tests } of starters) {
    describe(name, () => {
      for (const detonation of tests.detonations) {
        test(`${detonation.match ? "fires" : "stays silent"}: ${detonation.name}`, () => {
          const result = detonated.get(detonation);
          if (result === undefined || result instanceof Error) throw result ?? new Error("It was not run");
          if (result.ran.exitCode !== 0)
            throw new Error(`Its exit code is ${result.ran.exitCode}: ${result.ran.output}`);
          const alerts = agent.containing(result.token);
          const expected = [...(detonation.match ? [name] : []), ...detonation.also].map(idOf).sort();
          expect(alerts.map((alert) => String(at(alert, "rule.id"))).sort()).toEqual(expected);
          for (const alert of alerts.filter((one) => at(one, "rule.id") === rule.id)) compare(alert, rule, result);
        });
      }
    });
  }

  for (const work of quiet) {
    const title = `no alert during ${work.name}`;
    if (work.obstacle !== undefined && process.env.CI !== "true") {
      test.skip(`${title} (cannot run here: ${work.obstacle})`, () => {});
      continue;
    }
    test(title, async () => {
      if (work.obstacle !== undefined) throw new Error(`CI=true, and ${work.obstacle}`);
      const before = agent.alerts.length;
      const elsewhere = sessions();
      const { ran, session, canary } = await work.run();
      await agent.barrier();
      if (ran.exitCode !== 0) throw new Error(`Its exit code is ${ran.exitCode}: ${ran.output}`);
      const alerts = agent.alerts.slice(before);
      const sessionOf = (alert: Alert): string =>
        String(at(alert, "sigil.event.TerminalSessionId") ?? at(alert, "process.session_leader.pid"));
      const isCanary = (alert: Alert): boolean => String(at(alert, "process.command_line")).includes(canary);
      // Proves that the agent watched this work, and that its silence is no accident.
      expect(alerts.filter(isCanary).map(sessionOf)).toEqual([String(session)]);
      const offenders = alerts.filter((alert) => !isCanary(alert));
      const foreign = offenders.filter((alert) => elsewhere.has(sessionOf(alert)));
      for (const alert of foreign)
        process.stderr.write(`during ${work.name}, from elsewhere: ${JSON.stringify(alert)}\n`);
      // In CI the machine is clean: whatever fires is a rule's fault. Elsewhere people are at work beside the test.
      expect(process.env.CI === "true" ? offenders : offenders.filter((alert) => !foreign.includes(alert))).toEqual([]);
    }, 240_000);
  }

  test("the agent drains and ends with exit code 0", async () => {
    const { exitCode } = await agent.stop();
    expect(exitCode).toBe(0);
  }, 60_000);
});
