// What is scanned besides programs: scripts that interpreters are given, and files when they are closed after writing.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, chmodSync, renameSync } from "node:fs";
import { describeWhere, needsBpf } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { startRule, TestFolder } from "./programs.ts";

describeWhere("files that are no programs", [needsBpf()], () => {
  const folder = new TestFolder("origins");
  const word = uniqueToken("sigil-origin-");
  let agent: LiveAgent;

  const alertsOf = (path: string, isWrite: boolean): Alert[] =>
    agent.alerts.filter(
      (alert) =>
        at(alert, "sigil.engine") === "yara" &&
        at(alert, "file.path") === path &&
        (at(alert, "event.action") !== "exec") === isWrite,
    );
  const settled = async (path: string, isWrite: boolean, count: number): Promise<Alert[]> => {
    await agent.barrier();
    for (let i = 0; i < 600 && alertsOf(path, isWrite).length < count; i++) await Bun.sleep(50);
    return alertsOf(path, isWrite);
  };

  beforeAll(async () => {
    agent = await LiveAgent.start({
      rules: [
        folder.write("marked.yar", `rule marked { strings: $word = "${word}" condition: $word }`),
        folder.write("rule.yml", startRule(`${word}-rule`)),
      ],
      config: "[scanner]\nwritten_files = true\n",
    });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  });

  test("a script given to an interpreter is found, with the interpreter's process, each time it runs", async () => {
    const script = folder.write("given", `# ${word}\nexit 0\n`);
    await runProgram(["/bin/sh", script]);
    const [alert] = await settled(script, false, 1);
    if (alert === undefined) throw new Error("no alert");
    expect(at(alert, "process.args")).toContain(script);
    expect(at(alert, "file.hash.sha256")).toMatch(/^[0-9a-f]{64}$/);
    // The digest is the script's, not the interpreter's.
    expect(at(alert, "process.hash")).toBeUndefined();
    await runProgram(["/bin/sh", script]);
    expect((await settled(script, false, 2)).length).toBe(2);
  }, 60_000);

  test("a script that names its interpreter is found, also when it deletes itself", async () => {
    const script = folder.write("named", `#!/bin/sh\n# ${word}\nrm "$0"\n`);
    chmodSync(script, 0o755);
    await runProgram([script]);
    expect((await settled(script, false, 1)).length).toBe(1);
  }, 60_000);

  test("a written file is found once for each content, and what is swapped in is scanned again", async () => {
    const path = folder.in("written");
    await runProgram(["/bin/sh", "-c", `echo ${word} one > '${path}'`]);
    const [alert] = await settled(path, true, 1);
    if (alert === undefined) throw new Error("no alert");
    expect(at(alert, "process.name")).toBeString();
    await runProgram(["/bin/sh", "-c", `echo ${word} two >> '${path}'`]);
    const digests = (await settled(path, true, 2)).map((one) => at(one, "file.hash.sha256"));
    expect(new Set(digests).size).toBe(2);
    const other = folder.write("other", `# harmless ${word.slice(0, -1)}`);
    renameSync(other, path);
    appendFileSync(path, `${word} three`);
    expect((await settled(path, true, 3)).length).toBe(3);
  }, 60_000);
});
