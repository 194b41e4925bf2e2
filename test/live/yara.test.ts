// Programs whose files match a YARA rule, started on the live kernel: each start is alerted with its process, also when both the
// process and its file are gone at once.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

describeWhere("files of live starts", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("yara");
  const word = uniqueToken("sigil-yara-");
  let agent: LiveAgent;
  let idle = "";

  /** A program that carries the word; its content differs from every other's. */
  const marked = (name: string): string => {
    const path = folder.copy(idle, name);
    appendFileSync(path, `${word} ${name}`);
    return path;
  };
  const alertsOf = (path: string): Alert[] =>
    agent.alerts.filter((alert) => at(alert, "rule.name") === "marked" && at(alert, "process.executable") === path);
  /** Scans are not in step with the barrier: they come when they are done. */
  const settled = async (path: string, count = 1): Promise<Alert[]> => {
    await agent.barrier();
    for (let i = 0; i < 600 && alertsOf(path).length < count; i++) await Bun.sleep(50);
    return alertsOf(path);
  };

  beforeAll(async () => {
    idle = await folder.compile("idle");
    const yara = folder.write(
      "marked.yar",
      `rule marked : t1 { meta: severity = "critical" attack = "T1027" strings: $word = "${word}" condition: $word }`,
    );
    agent = await LiveAgent.start({
      rules: [yara, folder.write("rule.yml", startRule(`${word}-rule`))],
      config: `[allowlist]\npaths = ["${folder.in("allowed")}"]\n`,
    });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  test("a start is alerted with its process, the file's digests and what matched where", async () => {
    const path = marked("first");
    const content = readFileSync(path);
    await runProgram([path, "an argument"]);
    const [alert, ...others] = await settled(path);
    if (alert === undefined) throw new Error("no alert");
    expect(others).toEqual([]);
    expect(at(alert, "sigil.engine")).toBe("yara");
    expect(at(alert, "event.category")).toEqual(["malware", "process"]);
    expect(at(alert, "event.severity")).toBe(99);
    expect(at(alert, "threat.technique.id")).toEqual(["T1027"]);
    expect(at(alert, "process.command_line")).toBe(`${path} an argument`);
    expect(at(alert, "process.parent.pid")).toBe(process.pid);
    const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    expect([at(alert, "process.hash.sha256"), at(alert, "file.hash.sha256")]).toEqual([sha256, sha256]);
    expect(at(alert, "file.path")).toBe(path);
    const offset = content.indexOf(word);
    expect(at(alert, "sigil.yara.strings")).toEqual([
      { name: "$word", count: 1, matches: [{ offset, length: word.length, snippet: word }] },
    ]);
  }, 60_000);

  test("a second start of the same file is alerted without another scan, a changed file is scanned again", async () => {
    const path = marked("again");
    await runProgram([path]);
    expect((await settled(path)).length).toBe(1);
    await runProgram([path]);
    expect((await settled(path, 2)).length).toBe(2);
    appendFileSync(path, "more");
    await runProgram([path]);
    const digests = (await settled(path, 3)).map((alert) => at(alert, "file.hash.sha256"));
    expect(digests.length).toBe(3);
    expect([digests[0] === digests[1], digests[0] === digests[2]]).toEqual([true, false]);
  }, 60_000);

  test("a file that is deleted while its process ends is scanned all the same", async () => {
    for (let i = 0; i < 5; i++) {
      const path = marked(`gone-${i}`);
      await runProgram(["/bin/sh", "-c", `'${path}'; rm '${path}'`]);
      const [alert] = await settled(path);
      expect(at(alert ?? {}, "process.executable")).toBe(path);
    }
  }, 60_000);

  test("after SIGHUP files are judged by the new rules, known ones too", async () => {
    const path = marked("reloaded");
    await runProgram([path]);
    expect((await settled(path)).map((alert) => at(alert, "sigil.level"))).toEqual(["critical"]);
    folder.write(
      "marked.yar",
      `rule marked : t1 { meta: severity = "low" strings: $word = "${word}" condition: $word }`,
    );
    process.kill(agent.pid, "SIGHUP");
    let levels: unknown[] = [];
    for (let i = 0; i < 300 && !levels.includes("low"); i++) {
      await Bun.sleep(100);
      await runProgram([path]);
      await agent.barrier();
      levels = alertsOf(path).map((alert) => at(alert, "sigil.level"));
    }
    expect(levels).toContain("low");
  }, 120_000);

  test("allowed paths are not scanned", async () => {
    const path = marked("allowed");
    await runProgram([path]);
    // Behind it in every queue.
    const other = marked("not-allowed");
    await runProgram([other]);
    expect((await settled(other)).length).toBe(1);
    expect(alertsOf(path)).toEqual([]);
  }, 60_000);

  test("the account of scans closes", async () => {
    const { log, exitCode } = await agent.stop();
    expect(exitCode).toBe(0);
    const line = log.split("\n").findLast((one) => one.includes("agent stopped")) ?? "";
    const number = (name: string): number => Number(new RegExp(` ${name}=(\\d+)`).exec(line)?.[1] ?? Number.NaN);
    expect(number("scans_done")).toBeGreaterThan(0);
    expect(number("scans_allowed")).toBe(1);
    // At the end something may still be under way.
    expect(number("scans_done") + number("unscannable")).toBeLessThanOrEqual(number("scans_asked"));
    expect([number("scan_timeouts"), number("scan_crashes"), number("executions_overflowed")]).toEqual([0, 0, 0]);
    // Workers try what they must not be able to do, and nobody takes that for an attack on the agent.
    expect(log).not.toContain("took hold of the agent");
  }, 60_000);
});
