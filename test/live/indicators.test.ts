// Indicators against the live kernel: what a command line mentions, and where a program lies.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

describeWhere("indicators of live events", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("indicators");
  const word = uniqueToken("sigil-ioc-");
  let agent: LiveAgent;
  let idle = "";
  const digest: Record<string, string> = {};
  const listed = (path: string): Alert[] =>
    agent.alerts.filter(
      (alert) => /^(md5|sha)/.test(String(at(alert, "rule.category"))) && at(alert, "file.path") === path,
    );
  /** Files are hashed out of step with events. */
  const hashed = async (path: string, count: number): Promise<Alert[]> => {
    await agent.barrier();
    for (let i = 0; i < 600 && listed(path).length < count; i++) await Bun.sleep(50);
    return listed(path);
  };

  beforeAll(async () => {
    idle = await folder.compile("idle");
    folder.write("domains.txt", `.${word}.example;told by a list\n`);
    folder.write("paths_regex.txt", `/${word}-[0-9]+$\n`);
    const digests = (["md5", "sha1", "sha256"] as const).map((name) => {
      appendFileSync(folder.copy(idle, name), `${word} ${name}`);
      digest[name] = new Bun.CryptoHasher(name).update(readFileSync(folder.in(name))).digest("hex");
      return `${digest[name].toUpperCase()};listed by its ${name}`;
    });
    folder.write("hashes.txt", digests.join("\n"));
    folder.write("rule.yml", startRule(`${word}-rule`));
    agent = await LiveAgent.start({
      rules: ["rule.yml", "domains.txt", "paths_regex.txt", "hashes.txt"].map((name) => folder.in(name)),
      config: "[yara]\nenabled = false\n",
    });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

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

  test("a program is found by each digest of its file, with the process around it, and again when it starts again", async () => {
    for (const name of ["md5", "sha1", "sha256"]) {
      const path = folder.in(name);
      await runProgram([path, "an argument"]);
      const [alert, ...others] = await hashed(path, 1);
      if (alert === undefined) throw new Error(`no alert for ${name}`);
      expect(others).toEqual([]);
      expect(at(alert, "sigil.engine")).toBe("ioc");
      expect(at(alert, "rule.category")).toBe(name);
      expect(at(alert, "event.category")).toEqual(["malware", "process"]);
      expect(at(alert, "process.command_line")).toBe(`${path} an argument`);
      expect(at(alert, "process.parent.pid")).toBe(process.pid);
      expect(at(alert, `file.hash.${name}`)).toBe(digest[name]);
      expect(at(alert, `process.hash.${name}`)).toBe(digest[name]);
      expect((at(alert, "threat.enrichments") as object[])[0]).toMatchObject({
        indicator: { type: "file", description: `listed by its ${name}`, file: { hash: { [name]: digest[name] } } },
        matched: { atomic: digest[name], field: `file.hash.${name}` },
      });
    }
    await runProgram([folder.in("md5")]);
    expect((await hashed(folder.in("md5"), 2)).length).toBe(2);
  }, 120_000);

  test("a listed program is found when it ends and deletes itself at once, and its changed copy is not", async () => {
    const gone = folder.copy(folder.in("sha1"), "gone");
    await runProgram(["/bin/sh", "-c", `'${gone}'; rm '${gone}'`]);
    expect((await hashed(gone, 1)).map((alert) => at(alert, "file.hash.sha1"))).toEqual([digest.sha1]);
    const changed = folder.copy(folder.in("sha1"), "changed");
    appendFileSync(changed, "x");
    await runProgram([changed]);
    // Behind it in every queue.
    const last = folder.copy(folder.in("sha1"), "last");
    await runProgram([last]);
    expect((await hashed(last, 1)).length).toBe(1);
    expect(listed(changed)).toEqual([]);
  }, 120_000);
});
