// The rules about connections and lookups that are built into the agent, on a real kernel: the stand-ins beside them are run, and
// exactly the expected rules fire, with the place and the process. Nothing leaves this host: no route leads where they connect,
// and lookups go to a port of the loopback device that nobody serves.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { type RuleTests, readRuleTests } from "../../src/control/rules/mod.ts";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { at, LiveAgent } from "./agent.ts";
import { type Detonated, detonate } from "./detonate.ts";

const folder = join(root, "rules/sigma/linux-network");
/** Its stand-in would take minutes; its events are tested by `agent rules test`, the intervals by test/live/network.test.ts. */
const withoutStandIn = new Set(["connections-at-regular-intervals"]);

const ending = ".tests.yml";
const rules: readonly (readonly [name: string, tests: RuleTests])[] = readdirSync(folder)
  .filter((name) => name.endsWith(ending))
  .sort()
  .map((file) => {
    const tests = readRuleTests(readFileSync(join(folder, file), "utf8"), file);
    if (!("rule" in tests)) throw new Error(`${file}: ${tests.message}`);
    return [file.slice(0, -ending.length), tests] as const;
  });

test("every rule about the network has stand-ins, one that fires and one that does not", () => {
  expect(rules.length).toBeGreaterThanOrEqual(6);
  for (const [name, { detonations }] of rules)
    if (!withoutStandIn.has(name)) expect([name, detonations.map(({ match }) => match)]).toEqual([name, [true, false]]);
});

describeWhere("rules about the network", [needsBpf(), needsProgram("perl"), needsProgram("unshare")], () => {
  let agent: LiveAgent;
  const played = new Map<string, Detonated>();

  beforeAll(async () => {
    agent = await LiveAgent.start();
    for (const [name, { detonations }] of rules)
      for (const detonation of detonations) played.set(`${name} ${detonation.name}`, await detonate(detonation));
    await agent.stop();
  }, 120_000);

  afterAll(() => agent?.kill());

  for (const [name, { rule, detonations }] of rules)
    describe(name, () => {
      for (const detonation of detonations)
        test(`${detonation.match ? "fires" : "stays silent"}: ${detonation.name}`, () => {
          const { token, ran, expected } = played.get(`${name} ${detonation.name}`)!;
          if (ran.exitCode !== 0) throw new Error(`Its exit code is ${ran.exitCode}: ${ran.output}`);
          const alerts = agent.containing(token);
          expect(alerts.map((alert) => at(alert, "rule.id"))).toEqual(detonation.match ? [rule] : []);
          for (const alert of alerts) {
            expect(at(alert, "event.category")).toContain("network");
            expect(["connection_attempted", "lookup_requested"]).toContain(String(at(alert, "event.action")));
            expect(at(alert, "process.pid")).toBe(ran.pid);
            expect(at(alert, "process.command_line")).toBe(expected.commandLine);
            expect(at(alert, "destination.ip")).toBe(
              at(alert, "event.action") === "lookup_requested" ? "127.0.0.1" : "198.51.100.1",
            );
          }
        });
    });
});
