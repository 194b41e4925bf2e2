// SigmaHQ's rules for auditd on a live kernel without auditd: each act that a rule means is done without harm, and the rule fires with
// the fields that auditd would have written.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sharedDataFolder } from "../data.ts";
import { describeWhere, needsBpf, needsData, needsFile, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, searchPath, uniqueToken } from "./agent.ts";
import {
  type AuditStandIn,
  callActs,
  emptyPlaces,
  executions,
  fileActs,
  logged,
  programsRun,
} from "./audit-standins.ts";
import { compiler, TestFolder } from "./programs.ts";

describeWhere("SigmaHQ's rules for auditd", [needsBpf(), needsProgram(compiler), needsData("sigma")], () => {
  const folder = new TestFolder("auditd");
  let agent: LiveAgent;
  let idle = "";
  let calls = "";

  beforeAll(async () => {
    idle = await folder.compile("idle");
    calls = await folder.compile("calls");
    mkdirSync(folder.in("log"));
    chmodSync(folder.path, 0o755);
    const sigma = join(sharedDataFolder, "sigma");
    const files = ["auth.log", "syslog"].map((name) => JSON.stringify(folder.in("log", name)));
    agent = await LiveAgent.start({
      rules: [join(sigma, "rules/linux/auditd"), join(sigma, "rules-emerging-threats/2026/Exploits/CVE-2026-31431")],
      config: `[sensor]\njournal = "off"\nlog_files = [${files.join(", ")}]\n`,
    });
  }, 60_000);

  afterAll(async () => {
    await agent.kill();
    folder.dispose();
  }, 60_000);

  /** Runs a stand-in and returns the path of its program. */
  async function act({ words, program, uid }: AuditStandIn, token: string): Promise<string> {
    const [name = "", ...args] = words.map((word) => word.replaceAll("TOKEN", token));
    const path = program?.replaceAll("NAME", token) ?? folder.in(token, name);
    if (!path.startsWith("/usr/")) {
      mkdirSync(join(path, ".."), { recursive: true });
      copyFileSync(idle, path);
      chmodSync(join(path, ".."), 0o755);
    }
    try {
      const child = Bun.spawn([path, ...args], {
        argv0: name,
        env: { PATH: searchPath },
        stdin: "ignore",
        stdout: "ignore",
        ...(uid === undefined ? {} : { uid }),
      });
      expect(await child.exited).toBe(0);
    } finally {
      if (path.startsWith("/tmp/")) rmSync(path);
    }
    return path;
  }

  const firedBy = (id: string, matches: (fields: Record<string, string>, alert: Alert) => boolean): Promise<Alert> =>
    agent.waitFor(
      (one) => at(one, "rule.id") === id && matches((at(one, "sigil.event") ?? {}) as Record<string, string>, one),
      `an alert of ${id}`,
    );

  for (const standIn of executions)
    test(`fire on the execution of: ${standIn.words.join(" ")}`, async () => {
      const token = uniqueToken("t");
      const path = await act(standIn, token);
      const words = standIn.words.map((word) => word.replaceAll("TOKEN", token));
      const alert = await firedBy(standIn.id, (fields) => Object.values(fields).some((text) => text.includes(token)));
      const fields = at(alert, "sigil.event") as Record<string, string>;
      expect(fields).toEqual({
        type: "EXECVE",
        argc: String(words.length),
        ...Object.fromEntries(words.map((word, index) => [`a${index}`, word])),
      });
      expect(at(alert, "process.executable")).toBe(path);
    }, 60_000);

  for (const standIn of programsRun)
    test(`fire on the system call that runs ${standIn.words[0]}`, async () => {
      const token = uniqueToken("t");
      const path = await act(standIn, token);
      const alert = await firedBy(standIn.id, ({ type, exe }) => type === "SYSCALL" && exe === path);
      const uid = String(standIn.uid ?? 0);
      expect(at(alert, "sigil.event")).toMatchObject({
        type: "SYSCALL",
        SYSCALL: "execve",
        success: "yes",
        exit: "0",
        ppid: String(process.pid),
        pid: String(at(alert, "process.pid")),
        uid,
        euid: uid,
        comm: (standIn.program === undefined ? standIn.words[0] : path.split("/").at(-1))?.slice(0, 15),
        exe: path,
      });
    }, 60_000);

  for (const { id, file, text } of logged)
    test(`fire on what is logged as ${text.slice(0, 40)}`, async () => {
      const token = uniqueToken("t");
      const line = text.replaceAll("TOKEN", token);
      appendFileSync(folder.in("log", file), `${new Date().toISOString()} host1 ${line}\n`);
      const alert = await firedBy(id, ({ type }) => type !== "SYSCALL");
      const fields = at(alert, "sigil.event") as Record<string, string>;
      expect(fields).toEqual(
        text.startsWith("systemd")
          ? { type: "SERVICE_STOP", unit: "ufw", comm: "systemd", pid: "1", uid: "0", res: "success" }
          : { type: "ADD_USER", op: "adding user", acct: token, id: "1005", pid: "77", res: "success" },
      );
    }, 60_000);

  for (const { id, script, name, nametype } of fileActs)
    test(`fire on what is done to a file: ${script}`, async () => {
      const token = uniqueToken("t");
      const command = `${emptyPlaces} && { ${script.replaceAll("TOKEN", token)}; }`;
      const ran = await runProgram(["unshare", "-m", "--propagation", "private", "sh", "-c", command]);
      expect(ran.exitCode).toBe(0);
      const path = name.replaceAll("TOKEN", token);
      // Whoever else on this machine does the same is not meant.
      const actors = ["sh", "dash", "bash", "touch", "cat", path.split("/").at(-1)];
      const alert = await firedBy(
        id,
        (fields, one) =>
          fields.name === path && fields.nametype === nametype && actors.includes(String(at(one, "process.name"))),
      );
      expect(at(alert, "sigil.event.type")).toBe("PATH");
    }, 60_000);

  for (const { id, call, program, fields } of callActs)
    test(`fire on the system call ${call} of ${program}`, async () => {
      const path = folder.copy(calls, uniqueToken("t"), program);
      using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
      const ran = await runProgram([path, call, String(server.port)]);
      expect(ran.exitCode).toBe(0);
      const alert = await firedBy(id, ({ exe, SYSCALL }) => exe === path && SYSCALL === call);
      expect(at(alert, "sigil.event")).toMatchObject({ type: "SYSCALL", ...fields, comm: program, exe: path });
      expect(at(alert, "process.pid")).toBe(ran.pid);
    }, 60_000);

  test("fire on the making of a special file", async () => {
    const path = folder.in(uniqueToken("pipe"));
    expect((await runProgram(["mknod", path, "p"])).exitCode).toBe(0);
    const alert = await firedBy(
      "710bdbce-495d-491d-9a8f-7d0d88d2b41e",
      ({ SYSCALL, comm }) => SYSCALL === "mknod" && comm === "mknod",
    );
    expect(at(alert, "sigil.event")).toMatchObject({ type: "SYSCALL", success: "yes", comm: "mknod" });
  }, 60_000);

  test("fire on insmod, wherever the name leads to kmod", async () => {
    // Under a /usr/bin of its own: this machine may have no kmod, and must not lose its own.
    const bin = folder.in("bin");
    mkdirSync(bin);
    copyFileSync(idle, join(bin, "kmod"));
    const script = `ln -s kmod ${bin}/insmod; mount --bind ${bin} /usr/bin && exec /usr/bin/insmod`;
    const ran = await runProgram(["unshare", "-m", "--propagation", "private", "sh", "-c", script]);
    expect(ran).toMatchObject({ exitCode: 0, output: "" });
    const alert = await firedBy("106d7cbd-80ff-4985-b682-a7043e5acb72", ({ type }) => type === "SYSCALL");
    expect(at(alert, "sigil.event")).toMatchObject({ comm: "insmod", exe: "/usr/bin/kmod" });
  }, 60_000);

  test("say nothing about ordinary programs", async () => {
    const count = agent.alerts.length;
    for (let i = 0; i < 20; i++) await runProgram([idle, `quiet${i}`]);
    await agent.barrier();
    expect(agent.alerts.slice(count).filter((alert) => at(alert, "process.executable") === idle)).toEqual([]);
  }, 60_000);
});

describeWhere("the rules for auditd", [needsBpf(), needsFile("/bin/true")], () => {
  test("cost nothing while none is loaded: no audit record is made", async () => {
    const folder = new TestFolder("no-auditd");
    try {
      const rule = folder.write(
        "rule.yml",
        "title: Any\nid: 5f0c7a1e-0000-4000-8000-000000000009\nlogsource: { product: linux }\ndetection:\n  s: { type|contains: E }\n  condition: s\n",
      );
      await using agent = await LiveAgent.start({
        rules: [rule],
        config: '[sensor]\njournal = "off"\nlogs_enabled = false\n',
      });
      await runProgram(["/bin/true"]);
      await agent.barrier();
      expect(agent.alerts).toEqual([]);
      await agent.stop();
    } finally {
      folder.dispose();
    }
  }, 60_000);
});
