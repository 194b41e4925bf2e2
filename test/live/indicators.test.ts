// Indicators against the live kernel: what a command line mentions, and where a program lies.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

describeWhere("indicators of live events", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("indicators");
  const word = uniqueToken("sigil-ioc-");
  let agent: LiveAgent;
  let idle = "";

  beforeAll(async () => {
    idle = await folder.compile("idle");
    folder.write("domains.txt", `.${word}.example;told by a list\n`);
    folder.write("paths_regex.txt", `/${word}-[0-9]+$\n`);
    const rule = folder.write("rule.yml", startRule(`${word}-rule`));
    agent = await LiveAgent.start({ rules: [rule, folder.in("domains.txt"), folder.in("paths_regex.txt")] });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  });

  test("a name in a command line is found below its domain, with the process around it", async () => {
    await runProgram([idle, `https://cdn.${word}.example/x`]);
    await agent.barrier();
    const alerts = agent.alerts.filter((alert) => at(alert, "sigil.engine") === "ioc");
    const [alert] = alerts;
    if (alert === undefined) throw new Error("no alert");
    expect(alerts.length).toBe(1);
    expect(at(alert, "rule.name")).toBe(`Indicator: domain .${word}.example`);
    expect(at(alert, "process.executable")).toBe(idle);
    expect(at(alert, "process.parent.pid")).toBe(process.pid);
    expect(at(alert, "event.action")).toBe("exec");
    expect((at(alert, "threat.enrichments") as object[])[0]).toMatchObject({
      indicator: { type: "domain-name", description: "told by a list" },
      matched: { atomic: `cdn.${word}.example`, field: "process.command_line" },
    });
  });

  test("a program at a path that an expression describes is found, and one beside it is not", async () => {
    await runProgram([folder.copy(idle, `${word}-17`)]);
    await runProgram([folder.copy(idle, `${word}-x`)]);
    await agent.barrier();
    const alerts = agent.alerts.filter((alert) => at(alert, "rule.category") === "path");
    expect(alerts.map((alert) => at(alert, "process.executable"))).toEqual([folder.in(`${word}-17`)]);
  });
});
