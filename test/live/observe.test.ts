// The running agent, asked how it is: status, metrics, events, reload and doctor over its control socket, and who may not ask.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { agentCommand, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describeWhere("the running agent, asked", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("observe");
  const word = uniqueToken("sigil-observe-");
  const socket = folder.in("own/control.sock");
  let config = "";
  let port = 0;
  let idle = "";
  let agent: LiveAgent;

  async function ask(...args: string[]): Promise<Ran> {
    const child = Bun.spawn([...agentCommand(), ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, out, err };
  }

  beforeAll(async () => {
    idle = await folder.compile("idle");
    port = await freePort();
    const text = `[service]\ncontrol_socket = "${socket}"\n[metrics]\nlisten = "127.0.0.1:${port}"\n`;
    config = folder.write("config.toml", text);
    chmodSync(config, 0o600);
    agent = await LiveAgent.start({ rules: [folder.write("rule.yml", startRule(word))], config: text });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  test("status counts what happened a moment ago, and says that all is well", async () => {
    const before = JSON.parse((await ask("status", "--json", "--config", config)).out);
    await runProgram([idle, `${word}-one`]);
    await agent.barrier();
    const { code, out } = await ask("status", "--json", "--config", config);
    const status = JSON.parse(out);
    expect([code, status.complaints, status.ready, status.pid]).toEqual([0, [], true, agent.pid]);
    expect(status.sensor.events.exec.seen).toBeGreaterThan(before.sensor.events.exec?.seen ?? 0);
    expect(status.alerts.sent).toBeGreaterThan(before.alerts.sent);
    expect(status.rules).toMatchObject({ active: 2, rejected: 0 });
    expect(status.sensor.programs).toContainEqual({ name: "process_exec", state: "attached", error: "" });
    const text = (await ask("status", "--config", config)).out;
    expect(text).toContain("all is well");
    expect(text).toMatch(/^exec +\d+ +\d+ +0 +0/m);
  });

  test("the socket and its folder are its owner's alone", () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(folder.in("own")).mode & 0o777).toBe(0o700);
  });

  test("metrics are well-formed, on the socket and on the port; only the socket can reload", async () => {
    const local = await fetch("http://agent/metrics", { unix: socket });
    const remote = await fetch(`http://127.0.0.1:${port}/metrics`);
    for (const response of [local, remote]) {
      expect(response.headers.get("content-type")).toContain("version=0.0.4");
      const lines = (await response.text()).trimEnd().split("\n");
      for (const line of lines)
        expect(line).toMatch(
          /^(?:# (?:HELP|TYPE) sigil_[a-z_0-9]+ .+|sigil_[a-z_0-9]+(?:\{(?:[a-z]+="[^"]*",?)+\})? [-+.e0-9]+)$/,
        );
      expect(lines).toContain("sigil_ready 1");
      expect(lines.some((line) => line.startsWith('sigil_events_seen_total{kind="exec"}'))).toBe(true);
    }
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    for (const route of ["/status", "/events"])
      expect((await fetch(`http://127.0.0.1:${port}${route}`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/reload`, { method: "POST" })).status).toBe(404);
  });

  test("events shows alerts as they are made, beside the outputs", async () => {
    const child = Bun.spawn([...agentCommand(), "events", "--count", "1", "--config", config], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    const reading = new Response(child.stdout).text();
    // It listens some moments after it was started; another start does no harm.
    while (child.exitCode === null) {
      await runProgram([idle, `${word}-event`]);
      await Bun.sleep(50);
    }
    const [line = ""] = (await reading).split("\n");
    expect(at(JSON.parse(line), "process.command_line")).toBe(`${idle} ${word}-event`);
    expect(agent.containing(`${word}-event`).length).toBeGreaterThan(0);
  });

  test("reload makes it read its rules again", async () => {
    folder.write(
      "rule.yml",
      `${startRule(word)}---\n${startRule(`${word}-other`, "0e8f3c57-4b1a-4a57-9d5e-2f64c1b7a0ff")}`,
    );
    expect((await ask("reload", "--config", config)).code).toBe(0);
    const endMs = performance.now() + 20_000;
    let active = 0;
    while (active !== 3 && performance.now() < endMs) {
      active = JSON.parse((await ask("status", "--json", "--config", config)).out).rules.active;
      await Bun.sleep(50);
    }
    expect(active).toBe(3);
  });

  test("top draws one view where there is no terminal", async () => {
    const { code, out } = await ask("top", "--interval", "200ms", "--config", config);
    expect(code).toBe(0);
    expect(out).toContain(`process ${agent.pid}`);
    expect(out).toMatch(/^exec /m);
  });

  test("doctor knows the agent that runs, and says what is loose", async () => {
    const { out } = await ask("doctor", "--json", "--config", config);
    const { checks } = JSON.parse(out) as { checks: { id: string; verdict: string; message: string }[] };
    expect(checks.find(({ id }) => id === "agent")).toMatchObject({ verdict: "ok" });
    expect(checks.find(({ id }) => id === "rights")).toMatchObject({ verdict: "ok" });
    const loose = folder.write("loose.yml", startRule(word));
    chmodSync(loose, 0o666);
    const { code, out: text } = await ask("doctor", "--config", config, "--rules", loose);
    expect(text).toContain(`others can write to ${loose}`);
    expect(code).toBeGreaterThan(0);
  });

  test("a second agent leaves the socket to the first, says so, and watches all the same", async () => {
    const text = `[service]\ncontrol_socket = "${socket}"\n`;
    await using second = await LiveAgent.start({ rules: [folder.in("rule.yml")], config: text });
    expect(second.log).toContain("another agent has it");
    expect(JSON.parse((await ask("status", "--json", "--config", config)).out).pid).toBe(agent.pid);
    await second.stop();
    expect(existsSync(socket)).toBe(true);
  });

  test("a socket that a dead agent left is taken over; a file in its place is left alone", async () => {
    const stale = folder.in("stale.sock");
    const left = await LiveAgent.start({
      rules: [folder.in("rule.yml")],
      config: `[service]\ncontrol_socket = "${stale}"\n`,
    });
    await left.kill();
    expect(existsSync(stale)).toBe(true);
    chmodSync(folder.path, 0o755);
    await using next = await LiveAgent.start({
      rules: [folder.in("rule.yml")],
      config: `[service]\ncontrol_socket = "${stale}"\n`,
    });
    const answer = (await (await fetch("http://agent/status", { unix: stale })).json()) as { pid: number };
    expect(answer.pid).toBe(next.pid);
    await next.stop();
    expect(existsSync(stale)).toBe(false);
    writeFileSync(stale, "mine");
    await using last = await LiveAgent.start({
      rules: [folder.in("rule.yml")],
      config: `[service]\ncontrol_socket = "${stale}"\n`,
    });
    expect(last.log).toContain("something else stands there");
    expect(await Bun.file(stale).text()).toBe("mine");
  });

  test("without an agent the commands say so and end with 69", async () => {
    const lonely = folder.write("lonely.toml", `[service]\ncontrol_socket = "${folder.in("none.sock")}"\n`);
    chmodSync(lonely, 0o600);
    for (const command of ["status", "events", "top", "reload"]) {
      const { code, err } = await ask(command, "--config", lonely);
      expect([command, code]).toEqual([command, 69]);
      expect(err).toContain("no agent runs");
    }
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
