// Logs from the disk to an alert: files that are written, rotated and truncated while the agent runs, SigmaHQ's rules about logs, and
// the journal of a journald of the test's own.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sharedDataFolder } from "../data.ts";
import { describeWhere, needsBpf, needsData, needsFile, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { type LogFile, quietLines, standIns } from "./log-lines.ts";
import { closedAccount, TestFolder } from "./programs.ts";

const tokenPrefix = "sigil-log-";

/** A rule for each service that says the service's name in its title. */
const rules = ["sshd", "sudo", "cron", "auth", "syslog"]
  .map(
    (service, index) => `title: Line for ${service}
id: 5f0c7a1e-0000-4000-8000-00000000000${index}
logsource: { product: linux, service: ${service} }
detection:
  words: [${tokenPrefix}]
  condition: words
level: low
`,
  )
  .join("---\n");

/** As rsyslog writes it. */
const classicNow = (): string => {
  const now = new Date();
  const month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")[now.getMonth()];
  return `${month} ${String(now.getDate()).padStart(2)} ${now.toTimeString().slice(0, 8)}`;
};

class LogFolder {
  readonly folder = new TestFolder("logs");
  readonly path = this.folder.in("log");

  constructor() {
    mkdirSync(this.path);
  }

  in(name: string): string {
    return join(this.path, name);
  }

  config(names: readonly string[], more = ""): string {
    return `[sensor]\njournal = "off"\nlog_files = [${names.map((name) => JSON.stringify(this.in(name))).join(", ")}]\n${more}`;
  }

  /** One line as the daemon of this file writes it. */
  write(file: LogFile, text: string): void {
    const own = file === "vsftpd.log" || file === "clamav.log";
    const ctime = `${new Date().toString().slice(0, 11)}${new Date().toTimeString().slice(0, 8)} ${new Date().getFullYear()}`;
    const line = own ? `${ctime}${file === "clamav.log" ? " ->" : ""} ${text}` : `${classicNow()} host1 ${text}`;
    appendFileSync(this.in(file), `${line}\n`);
  }
}

const fired = (agent: LiveAgent, token: string): Promise<Alert> =>
  agent.waitFor((alert) => JSON.stringify(at(alert, "sigil.event") ?? "").includes(token), `the alert of ${token}`);
const titles = (agent: LiveAgent, token: string): unknown[] =>
  agent
    .containing(token)
    .map((alert) => at(alert, "rule.name"))
    .sort();

describeWhere("log files", [needsBpf()], () => {
  const logs = new LogFolder();
  let agent: LiveAgent;

  beforeAll(async () => {
    writeFileSync(logs.in("auth.log"), `${classicNow()} host1 sshd[1]: ${tokenPrefix}of-yesterday\n`);
    const ruleFile = logs.folder.write("rules.yml", rules);
    agent = await LiveAgent.start({ rules: [ruleFile], config: logs.config(["auth.log", "syslog"]) });
  }, 60_000);

  afterAll(async () => {
    await agent.kill();
    logs.folder.dispose();
  }, 60_000);

  test("a line becomes an alert with its service, its fields, its time and its file", async () => {
    const token = uniqueToken(tokenPrefix);
    const beganMs = Math.floor(Date.now() / 1000) * 1000;
    logs.write("auth.log", `sshd[4321]: Failed password for ${token} from 192.0.2.9 port 51234 ssh2`);
    const alert = await fired(agent, token);
    expect(at(alert, "log.file.path")).toBe(logs.in("auth.log"));
    expect(at(alert, "event.provider")).toBe("syslog");
    // What the line says of itself: no process of this host is joined to it.
    expect(at(alert, "process")).toEqual({ name: "sshd", pid: 4321 });
    expect([at(alert, "user.name"), at(alert, "source.ip"), at(alert, "source.port")]).toEqual([
      token,
      "192.0.2.9",
      51234,
    ]);
    expect([at(alert, "event.outcome"), at(alert, "event.action")]).toEqual(["failure", "ssh_login"]);
    expect(at(alert, "event.category")).toEqual(["authentication", "intrusion_detection"]);
    expect(at(alert, "sigil.event")).toEqual({
      message: `Failed password for ${token} from 192.0.2.9 port 51234 ssh2`,
      program: "sshd",
      pid: "4321",
      hostname: "host1",
      auth_method: "password",
      user: token,
      src_ip: "192.0.2.9",
      src_port: "51234",
      outcome: "failure",
    });
    const timeMs = Date.parse(String(at(alert, "@timestamp")));
    expect(timeMs).toBeGreaterThanOrEqual(beganMs);
    expect(timeMs).toBeLessThanOrEqual(Date.now());
    await agent.barrier();
    expect(titles(agent, token)).toEqual(["Line for auth", "Line for sshd"]);
  }, 60_000);

  test("a file that comes later is read; lines of before the start are not", async () => {
    const token = uniqueToken(tokenPrefix);
    logs.write("syslog", `CRON[7]: (root) CMD (${token})`);
    await fired(agent, token);
    await agent.barrier();
    expect(titles(agent, token)).toEqual(["Line for cron", "Line for syslog"]);
    expect(agent.containing(`${tokenPrefix}of-yesterday`)).toEqual([]);
  }, 60_000);

  test("rotation by renaming and by truncating loses no line and gives none twice", async () => {
    const tokens = Array.from({ length: 6 }, () => uniqueToken(tokenPrefix));
    const [a, b, c, d, e, f] = tokens as [string, string, string, string, string, string];
    const line = (token: string) => logs.write("syslog", `app[7]: ${token}`);
    line(a);
    renameSync(logs.in("syslog"), logs.in("syslog.1"));
    appendFileSync(logs.in("syslog.1"), `${classicNow()} host1 app[7]: ${b}\n`);
    line(c);
    await fired(agent, c);
    line(d);
    await fired(agent, d);
    copyFileSync(logs.in("syslog"), logs.in("syslog.2"));
    truncateSync(logs.in("syslog"), 0);
    // logrotate's own pause is shorter; a file that grows past its old size before anybody looks cannot be told from one that grew.
    line(e);
    await fired(agent, e);
    line(f);
    await fired(agent, f);
    for (const token of tokens) expect([token, titles(agent, token)]).toEqual([token, ["Line for syslog"]]);
  }, 60_000);

  test("hostile lines cost an alert each at most, and the account closes", async () => {
    const token = uniqueToken(tokenPrefix);
    appendFileSync(logs.in("auth.log"), Buffer.alloc(3 * 1024 * 1024, 0xff));
    appendFileSync(logs.in("auth.log"), `\n\0\0\0\n<191>1 - - - - - [${"\\".repeat(9000)}\n`);
    logs.write("auth.log", `sudo: ${" ; USER=".repeat(1000)} ${token}`);
    const last = await fired(agent, token);
    expect(String(at(last, "sigil.event.message")).length).toBeGreaterThan(8000);
    const { log } = await agent.stop();
    const account = closedAccount(log);
    expect(account.logs_lost).toBe(0);
    expect(account.logs_in_flight).toBe(0);
    expect(account.logs_seen).toBe(account.logs_delivered as number);
    expect(account.logs_seen).toBeGreaterThan(10);
  }, 60_000);
});

describeWhere("SigmaHQ's rules about logs", [needsBpf(), needsData("sigma")], () => {
  const logs = new LogFolder();
  const files: readonly LogFile[] = ["auth.log", "syslog", "vsftpd.log", "clamav.log"];
  let agent: LiveAgent;

  beforeAll(async () => {
    const sigma = join(sharedDataFolder, "sigma");
    agent = await LiveAgent.start({
      rules: [join(sigma, "rules/linux/builtin"), join(sigma, "rules-emerging-threats")],
      config: logs.config(files),
    });
  }, 60_000);

  afterAll(async () => {
    await agent.kill();
    logs.folder.dispose();
  }, 60_000);

  for (const { id, file, text } of standIns)
    test(`fire on a line of ${file}: ${text.slice(0, 60)}`, async () => {
      const token = uniqueToken("t");
      logs.write(file, text.replaceAll("TOKEN", token));
      const alert = await agent.waitFor(
        (one) => at(one, "rule.id") === id && JSON.stringify(at(one, "sigil.event")).includes(token),
        `an alert of ${id}`,
      );
      expect(at(alert, "log.file.path")).toBe(logs.in(file));
    }, 60_000);

  test("say nothing about what a quiet host writes", async () => {
    const count = agent.alerts.length;
    for (const [file, text] of quietLines) logs.write(file, text);
    const token = uniqueToken("t");
    for (const file of files) logs.write(file, `kernel: device ${token}-${file} entered promiscuous mode`);
    for (const file of files) await fired(agent, `${token}-${file}`);
    expect(agent.alerts.slice(count).filter((alert) => !JSON.stringify(alert).includes(token))).toEqual([]);
  }, 60_000);
});

const journald = "/lib/systemd/systemd-journald";
describeWhere(
  "the journal",
  [needsBpf(), needsFile(journald), ...["journalctl", "nsenter", "unshare", "logger"].map(needsProgram)],
  () => {
    test("is followed, with what it vouches for, and is picked up again when journalctl dies", async () => {
      const folder = new TestFolder("journal");
      // A journald of our own behind a /run of its own; `exec` makes it the process that is started here.
      const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/log/journal /run/systemd/journal && exec ${journald}`;
      const daemon = Bun.spawn(["unshare", "-m", "--propagation", "private", "sh", "-c", script], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      const inside = ["nsenter", "-t", String(daemon.pid), "-m", "--"];
      let agent: LiveAgent | undefined;
      try {
        const socket = "/run/systemd/journal/dev-log";
        const endMs = performance.now() + 20_000;
        while (!existsSync(`/proc/${daemon.pid}/root${socket}`) && performance.now() < endMs) await Bun.sleep(50);
        const say = (program: string, text: string) =>
          runProgram([...inside, "logger", "--socket", socket, "-p", "authpriv.warning", "-t", program, text]);
        await say("sshd", `${tokenPrefix}of-yesterday`);
        agent = await LiveAgent.start({
          rules: [folder.write("rules.yml", rules)],
          config: '[sensor]\njournal = "on"\n',
          prefix: inside,
        });
        const first = uniqueToken(tokenPrefix);
        await say("sshd", `Accepted publickey for ${first} from 2001:db8::7 port 5 ssh2`);
        const alert = await agent.waitFor((one) => JSON.stringify(one).includes(first), "the alert of the journal");
        expect(at(alert, "event.provider")).toBe("journald");
        expect(at(alert, "log")).toBeUndefined();
        expect(at(alert, "sigil.event")).toMatchObject({
          message: `Accepted publickey for ${first} from 2001:db8::7 port 5 ssh2`,
          program: "sshd",
          facility: "authpriv",
          severity: "warning",
          uid: "0",
          transport: "syslog",
          user: first,
          src_ip: "2001:db8::7",
        });
        // The journal knows who really wrote it.
        expect(at(alert, "process.pid")).toBe(Number(at(alert, "sigil.event.pid")));
        // A line can overtake the start of its writer by some milliseconds, and then shows whoever forked it: not five times in a row.
        let isNamed = String(at(alert, "process.command_line")).includes(first);
        for (let more = 0; more < 5 && !isNamed; more++) {
          const word = uniqueToken(tokenPrefix);
          await say("sshd", `Accepted publickey for ${word} from 2001:db8::7 port 5 ssh2`);
          const other = await agent.waitFor(
            (one) => JSON.stringify(one).includes(word),
            "another alert of the journal",
          );
          isNamed = String(at(other, "process.command_line")).includes(word);
        }
        expect(isNamed).toBe(true);

        const child = (await Bun.file(`/proc/${agent.pid}/task/${agent.pid}/children`).text()).trim().split(" ");
        const follower = child.map(Number).find((pid) => pid > 0);
        process.kill(follower as number, "SIGKILL");
        const second = uniqueToken(tokenPrefix);
        await say("sudo", `    eve : TTY=pts/0 ; PWD=/ ; USER=#-1 ; COMMAND=/bin/${second}`);
        const later = await agent.waitFor((one) => JSON.stringify(one).includes(second), "the alert after the restart");
        expect(at(later, "sigil.event")).toMatchObject({ USER: "#-1", COMMAND: `/bin/${second}` });
        await agent.barrier();
        expect(titles(agent, first)).toEqual(["Line for auth", "Line for sshd"]);
        expect(titles(agent, second)).toEqual(["Line for auth", "Line for sudo"]);
        expect(agent.containing("of-yesterday")).toEqual([]);
        const { log } = await agent.stop();
        expect(log).toContain("journalctl ended");
        const account = closedAccount(log);
        expect([account.logs_lost, account.logs_in_flight]).toEqual([0, 0]);
        // Nobody is left behind.
        expect(existsSync(`/proc/${daemon.pid}`)).toBe(true);
      } finally {
        await agent?.kill();
        daemon.kill("SIGKILL");
        await daemon.exited;
        folder.dispose();
      }
    }, 120_000);
  },
);
