// What the sensor delivered, recorded and replayed: the same rules fire on the same processes as live, twice the same bytes and
// without a single capability; cut, damaged and lossy captures are usable and say so.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { CaptureReader, entriesOf, entryType } from "../../src/control/capture/mod.ts";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, agentCommand, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, endRule, startRule, TestFolder } from "./programs.ts";
import { RawAgent } from "./raw-agent.ts";
import { storm } from "./storm.ts";

const starterRules = join(root, "rules/sigma/linux");
function activityRule(name: string, logsource: string, test: string): string {
  return `title: Activity ${name}
id: 0e8f3c57-4b1a-4a57-9d5e-${name.length.toString(16).padStart(4, "0")}c1b7a0f1
logsource: { product: linux${logsource === "" ? "" : ", "}${logsource} }
level: low
detection:
  it:
    ${test}
  condition: it
`;
}

/** Drops every capability before it executes the rest: root, and yet nothing that a sensor needs. */
const powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];

interface Replayed {
  readonly alerts: readonly Alert[];
  readonly out: string;
  readonly log: string;
  readonly code: number;
}

describeWhere("capture", [needsBpf(), needsProgram(compiler), needsProgram("setpriv")], () => {
  const folder = new TestFolder("capture");
  const prefix = uniqueToken("sigil-captured-");
  const rules: string[] = [starterRules];
  const scene = folder.in("scene.capture");
  let live: Alert[] = [];

  function replay(path: string, options: { stdin?: string; more?: string[] } = {}): Replayed {
    writeFileSync(folder.in("empty.toml"), "", { mode: 0o600 });
    const command = [...powerless, ...agentCommand(), "replay", "--config", folder.in("empty.toml"), "--summary"];
    const { stdout, stderr, exitCode } = Bun.spawnSync(
      [...command, ...rules.flatMap((one) => ["--rules", one]), ...(options.more ?? []), path],
      { env: { PATH: process.env.PATH ?? "" }, stdin: options.stdin ? Bun.file(options.stdin) : "ignore" },
    );
    const lines = stdout
      .toString()
      .split("\n")
      .filter((line) => line !== "");
    return {
      alerts: lines.map((line) => JSON.parse(line) as Alert),
      out: stdout.toString(),
      log: stderr.toString(),
      code: exitCode,
    };
  }

  async function capturing(path: string, config = ""): Promise<RawAgent> {
    const file = folder.write("capture.toml", config);
    const command = [...agentCommand(), "capture", "--config", file, "--output", path];
    const agent = new RawAgent(command, { cwd: folder.path });
    await agent.logs("capture ready");
    return agent;
  }

  beforeAll(async () => {
    rules.push(folder.write("start.yml", startRule(prefix)), folder.write("end.yml", endRule(prefix)));
    const operate = await folder.compile("operate");
    rules.push(
      folder.write(
        "activities.yml",
        ["memfd_create", "process_access", "io_uring", "file_event", "network_connection"]
          .map((category) => activityRule(category, `category: ${category}`, `CommandLine|contains: ${prefix}`))
          .concat(activityRule("audit", "service: auditd", `type: EXECVE\n    a2|contains: ${prefix}`))
          // Words for the whole product: sought where the live agent seeks them.
          .concat(activityRule("product-wide", "", `- ${prefix}`))
          .join("---\n"),
      ),
    );
    const agent = await LiveAgent.start({ rules });
    await using recorder = await capturing(scene);
    try {
      for (const mark of ["a", "b", "c"])
        await runProgram(["/bin/sh", "-c", `: ${prefix}-${mark}; /bin/true "$0"`, prefix]);
      await runProgram(["/bin/true", `stratum+tcp://${prefix}`]);
      await runProgram(["/bin/sh", "-c", `kill -9 $$; : ${prefix}`]);
      await runProgram(["setpriv", "--reuid=1", "/bin/sh", "-c", `: ${prefix}-user`]);
      await runProgram([operate, "memfd", "name", prefix]);
      await runProgram([operate, "ptrace", prefix]);
      await runProgram([operate, "uring", folder.path, prefix]);
      await runProgram(["/bin/sh", "-c", `echo x > ${folder.in("made")}; : ${prefix}`]);
      await agent.waitFor((alert) => at(alert, "sigil.event.TargetFilename") === folder.in("made"), "the file");
      await agent.barrier();
      recorder.signal("SIGTERM");
      expect((await recorder.end()).code).toBe(0);
    } finally {
      await agent.stop();
    }
    live = agent.containing(prefix).filter((alert) => at(alert, "event.kind") === "alert");
  }, 120_000);

  afterAll(() => folder.dispose());

  /** What an alert says that does not depend on which sensor saw the event, or when exactly. */
  const facts = (alerts: readonly Alert[]): string[] =>
    alerts
      // Made by a child between its fork and its start of two programs in a row: which of them it counts for depends on how the
      // records of both rings fell into batches.
      .filter((alert) => !String(at(alert, "sigil.event.TargetFilename")).startsWith("/tmp/sigil-output-"))
      .map((alert) =>
        JSON.stringify(
          [
            "rule.id",
            "event.action",
            "process.pid",
            "process.command_line",
            "process.executable",
            "process.working_directory",
            "sigil.event.ExitCode",
            "process.entity_id",
            "process.parent.entity_id",
            "process.parent.command_line",
            "process.user",
            "process.real_user",
            "host.id",
            "host.os",
            "sigil.match",
            "sigil.ancestors",
            "sigil.event.ExitSignal",
            "sigil.event.EventType",
            "sigil.event.TargetFilename",
            "sigil.event.TargetImage",
            "sigil.event.MemoryFileName",
            "sigil.event.a2",
          ].map((path) => at(alert, path) ?? null),
        ),
      )
      .sort();

  test("a replay of it fires the rules that fired live, on the same processes", () => {
    const { alerts, code, log } = replay(scene);
    expect(code).toBe(0);
    expect(live.length).toBeGreaterThan(10);
    expect(new Set(live.map((alert) => at(alert, "rule.name")))).toContain("Cryptocurrency miner");
    expect(live.some((alert) => at(alert, "process.user.name") === "daemon")).toBe(true);
    for (const name of ["memfd_create", "process_access", "io_uring", "file_event", "audit"])
      expect(live.map((alert) => at(alert, "rule.name"))).toContain(`Activity ${name}`);
    expect(live.some((alert) => at(alert, "sigil.event.ExitSignal") === "SIGKILL")).toBe(true);
    expect(facts(alerts.filter((alert) => JSON.stringify(alert).includes(prefix)))).toEqual(facts(live));
    expect(JSON.parse(log.trim().split("\n").at(-1) ?? "")).toMatchObject({ files: 1, malformed: 0 });
    for (const alert of alerts) {
      expect(at(alert, "log.file.path")).toBe(scene);
      expect(at(alert, "event.created")).toBeUndefined();
    }
  }, 60_000);

  test("two replays give the same bytes, from a file, and from standard input but for the name", () => {
    const first = replay(scene);
    expect(replay(scene).out).toBe(first.out);
    const piped = replay("-", { stdin: scene });
    expect(piped.out.replaceAll('"path":"-"', `"path":${JSON.stringify(scene)}`)).toBe(first.out);
  }, 60_000);

  test("only its owner can read it, and of passwd only names and numbers stand in it", () => {
    expect(statSync(scene).mode & 0o777).toBe(0o600);
    const tables: string[] = [];
    const reader = new CaptureReader({
      onManifest: () => {},
      onEntries: (_, plain) => {
        for (const { type, bytes } of entriesOf(plain() ?? Buffer.alloc(0)))
          if (type === entryType.users) tables.push((JSON.parse(bytes.toString()) as { passwd: string }).passwd);
      },
      onDamage: (_, problem) => expect(problem).toBe(""),
    });
    reader.push(readFileSync(scene));
    reader.end();
    expect(tables.length).toBeGreaterThan(0);
    for (const line of tables
      .join("\n")
      .split("\n")
      .filter((one) => one !== ""))
      expect(line).toMatch(/^[^:]+::\d+$/);
    expect(tables[0]).toContain("root::0");
  });

  test("cut short it is usable up to there, and says so", () => {
    const cut = folder.in("cut.capture");
    const bytes = readFileSync(scene);
    writeFileSync(cut, bytes.subarray(0, bytes.length - 100));
    const { alerts, code, log } = replay(cut);
    expect(code).toBe(2);
    expect(log).toContain("it ends early");
    expect(alerts.length).toBeGreaterThan(0);
    expect(replay(cut).out).toBe(replay(cut).out);
  }, 60_000);

  test("damaged it is usable up to there; of another version it is refused", () => {
    const bytes = readFileSync(scene);
    const damaged = folder.in("damaged.capture");
    bytes[bytes.length - 300] = (bytes[bytes.length - 300] as number) ^ 1;
    writeFileSync(damaged, bytes);
    const result = replay(damaged);
    expect([result.code, result.log.includes("a block does not match its checksum")]).toEqual([2, true]);
    const other = folder.in("other.capture");
    bytes.writeUInt32LE(99, 8);
    writeFileSync(other, bytes);
    const refused = replay(other);
    expect([refused.code, refused.out]).toEqual([64, ""]);
    expect(refused.log).toContain("its format has version 99; this program reads version 1");
  }, 60_000);

  test("with losses it is usable and says how many", async () => {
    const [idle, stormProgram] = [await folder.compile("idle"), await folder.compile("storm")];
    const path = folder.in("lossy.capture");
    await using recorder = await capturing(path, '[sensor]\nkernel_ring_size = "64KiB"\n');
    recorder.signal("SIGSTOP");
    try {
      await storm(stormProgram, { program: idle, prefix, count: 500, lanes: 2, paddingBytes: 12_000 });
    } finally {
      recorder.signal("SIGCONT");
    }
    // The rings are full until it has caught up.
    for (let i = 0; i < 40; i++) {
      await runProgram(["/bin/true", `${prefix}-afterwards`]);
      await Bun.sleep(25);
    }
    recorder.signal("SIGINT");
    expect((await recorder.end()).code).toBe(0);
    expect(recorder.log).toContain("events were lost; the capture says which");
    const { alerts, log, code } = replay(path);
    expect(code).toBe(0);
    expect(Number(/exec\.droppedKernelRing=(\d+)/.exec(log)?.[1])).toBeGreaterThan(100);
    expect(alerts.some((alert) => at(alert, "process.command_line") === `/bin/true ${prefix}-afterwards`)).toBe(true);
  }, 120_000);

  test("ends by itself before it is larger than it may be, and is whole", async () => {
    const path = folder.in("small.capture");
    const file = folder.write("small.toml", "");
    const command = [...agentCommand(), "capture", "--config", file, "--output", path, "--max-size", "8MiB"];
    await using recorder = new RawAgent(command, { cwd: folder.path });
    await recorder.logs("capture ready");
    // Nothing makes random letters much smaller.
    const noise = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(11_000))).toString("base64");
    for (let i = 0; i < 1500 && !recorder.log.includes("capture ended"); i++)
      Bun.spawnSync(["/bin/true", prefix, noise()], { stdio: ["ignore", "ignore", "ignore"] });
    await recorder.logs("capture ended");
    expect((await recorder.end()).code).toBe(0);
    expect(recorder.log).toContain("reason=size");
    expect(statSync(path).size).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(replay(path).code).toBe(0);
  }, 120_000);

  test("a full disk ends it with exit code 2, and it says so", async () => {
    const command = [...agentCommand(), "capture", "--config", folder.write("full.toml", ""), "--output", "/dev/full"];
    await using recorder = new RawAgent(command, { cwd: folder.path });
    expect((await recorder.end()).code).toBe(2);
    expect(recorder.log).toContain("the capture is not complete: it cannot be written");
  }, 60_000);
});
