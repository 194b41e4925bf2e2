// Lookups, live: what resolvers ask and are told, over UDP and TCP, IPv4 and IPv6, with the process that asked; and names of
// addresses on the connections that follow. The server of names and whoever asks it live in a network namespace of their own.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, realpathSync } from "node:fs";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, searchPath, uniqueToken } from "./agent.ts";
import { field, lookupLine, questionLines } from "./network-lines.ts";
import { closedAccount, compiler, TestFolder } from "./programs.ts";

/** Every lookup of a name with `token`, every connection to an address with such a name. */
const rulesOf = (token: string): string => `title: Lookup of the test
id: 3f5c2a8e-6d53-4b59-9d6c-8f3f6a1f0d01
logsource: { product: linux, category: dns_query }
detection:
  name: { QueryName|contains: ${token} }
  condition: name
level: informational
---
title: Connection of the test
id: 3f5c2a8e-6d53-4b59-9d6c-8f3f6a1f0d02
logsource: { product: linux, category: network_connection }
detection:
  name: { DestinationHostname|contains: ${token} }
  condition: name
level: informational
`;

const programPath = (name: string): string | undefined =>
  searchPath
    .split(":")
    .map((folder) => `${folder}/${name}`)
    .find((path) => existsSync(path));

/** The program asks for NAME; `image` is who does it. */
const resolvers: readonly (readonly [what: string, program: string | undefined, args: (name: string) => string[]])[] = [
  ["glibc", programPath("getent"), (name) => ["ahosts", name]],
  ["Bun", process.execPath, (name) => ["-e", `await require("node:dns").promises.resolve4(${JSON.stringify(name)})`]],
  ["BIND's dig", programPath("dig"), (name) => ["+short", "+tries=1", name]],
  ["busybox", programPath("busybox"), (name) => ["nslookup", name]],
];

describeWhere("lookups", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("dns");
  const token = uniqueToken("sigil");
  let program = "";
  let rules = "";
  let servers = "";

  beforeAll(async () => {
    program = await folder.compile("network");
    rules = folder.write("rules.yml", rulesOf(token));
    servers = folder.write("resolv.conf", "nameserver 127.0.0.1\n");
  }, 60_000);

  afterAll(() => folder.dispose());

  /** Runs a command where the server of names is, and returns what the agent told of it. */
  async function told(
    commands: readonly (readonly string[])[],
    config = "",
  ): Promise<{ alerts: readonly Alert[]; account: Readonly<Record<string, number>> }> {
    await using agent = await LiveAgent.start({ rules: [rules], config });
    for (const command of commands) {
      const { exitCode, output } = await runProgram([program, "within", servers, ...command]);
      expect([command.join(" "), exitCode, exitCode === 0 ? "" : output]).toEqual([command.join(" "), 0, ""]);
    }
    const { log } = await agent.stop();
    return { alerts: agent.alerts, account: closedAccount(log) };
  }

  for (const [what, resolver, args] of resolvers) {
    if (resolver === undefined) continue;
    test(`of ${what} are told with the name, the answer, and who asked`, async () => {
      const name = `www.${token}.test`;
      const { alerts } = await told([[resolver, ...args(name)]]);
      const image = realpathSync(resolver);
      const question = alerts.find((one) => field(one, "EventType") === "query" && field(one, "QueryType") === "A");
      const answer = alerts.find((one) => field(one, "EventType") === "answer" && field(one, "QueryType") === "A");
      for (const alert of [question, answer]) {
        expect(alert).toBeDefined();
        expect([at(alert!, "process.executable"), at(alert!, "dns.question.name")]).toEqual([image, name]);
      }
      expect(at(question!, "event.action")).toBe("lookup_requested");
      expect(at(answer!, "event.action")).toBe("lookup_result");
      expect(field(answer!, "QueryResults")).toBe("type:  5 edge.test;::ffff:198.51.100.7;");
      expect(at(answer!, "dns.resolved_ip")).toEqual(["198.51.100.7"]);
      expect(at(question!, "process.pid")).toBe(at(answer!, "process.pid"));
    }, 120_000);
  }

  test("over UDP and TCP, IPv4 and IPv6, connected or not, are told alike", async () => {
    await using agent = await LiveAgent.start({ rules: [rules] });
    const { exitCode, pid } = await runProgram([program, "questions", `${token}.test`]);
    expect(exitCode).toBe(0);
    closedAccount((await agent.stop()).log);
    expect(agent.alerts.map(lookupLine).sort()).toEqual(questionLines(`${token}.test`));
    for (const alert of agent.alerts) {
      const facts = ["process.executable", "process.pid", "network.protocol"].map((path) => at(alert, path));
      expect(facts).toEqual([program, pid, "dns"]);
      expect(Number(field(alert, "SourcePort"))).toBeGreaterThan(1024);
    }
  }, 120_000);

  test("of other types, and without an answer, say what came", async () => {
    const { alerts } = await told([
      [program, "ask", "udp", "127.0.0.1", `six.${token}.test`, "28"],
      [program, "ask", "udp", "127.0.0.1", `text.${token}.test`, "16"],
      [program, "ask", "udp", "127.0.0.1", `mail.${token}.test`, "15"],
      [program, "ask", "udp", "127.0.0.1", `none.${token}.test`, "1"],
    ]);
    const answers = alerts.filter((one) => field(one, "EventType") === "answer").map(lookupLine);
    expect(answers.map((text) => text.replaceAll(token, "T"))).toEqual([
      "answer six.T.test AAAA 0 2001:db8::7; udp 127.0.0.1 53",
      "answer text.T.test TXT 0 type:  16 text.T.test; udp 127.0.0.1 53",
      "answer mail.T.test MX 9501 - udp 127.0.0.1 53",
      "answer none.T.test A 9003 - udp 127.0.0.1 53",
    ]);
    expect(alerts.map((one) => at(one, "dns.response_code")).filter((code) => code !== undefined)).toEqual([
      "NOERROR",
      "NOERROR",
      "NOERROR",
      "NXDOMAIN",
    ]);
  }, 120_000);

  test("that are too long for a datagram are told again over TCP", async () => {
    const getent = programPath("getent")!;
    const name = `long.${token}.test`;
    const { alerts } = await told([[getent, "ahosts", name]]);
    const lines = alerts.map(lookupLine);
    expect(lines).toContain(`query ${name} A - - udp 127.0.0.1 53`);
    expect(lines).toContain(`answer ${name} A 9501 - udp 127.0.0.1 53`);
    expect(lines).toContain(`query ${name} A - - tcp 127.0.0.1 53`);
    expect(lines).toContain(`answer ${name} A 0 type:  5 edge.test;::ffff:198.51.100.7; tcp 127.0.0.1 53`);
    const truncated = alerts.find((one) => lookupLine(one).startsWith(`answer ${name} A 9501`))!;
    expect(at(truncated, "dns.header_flags")).toContain("TC");
  }, 120_000);

  test("give a later connection to the address its name, of another process too", async () => {
    const name = `peer.${token}.test`;
    const { alerts } = await told([
      [program, "ask", "udp", "127.0.0.1", name, "1"],
      // No route leads there: the attempt counts.
      ["/bin/sh", "-c", `${program} ask tcp 198.51.100.7 ignored.test 1; test $? = 1`],
    ]);
    const attempt = alerts.find((one) => field(one, "EventType") === "connect");
    expect(
      ["DestinationIp", "DestinationHostname", "DestinationPort", "Result"].map((one) => field(attempt!, one)),
    ).toEqual(["198.51.100.7", name, "53", "-101"]);
    expect(at(attempt!, "destination.domain")).toBe(name);
  }, 120_000);

  test("at another port are told when the configuration names it, and not otherwise", async () => {
    const { alerts, account } = await told(
      [[program, "ask", "udp", "127.0.0.1", `port.${token}.test`, "1"]],
      "[network]\ndns_ports = [5353]\n",
    );
    expect(alerts.map(lookupLine)).toEqual([]);
    expect(account.dns_query_seen ?? 0).toBe(0);
  }, 60_000);

  describe("by the thousand", () => {
    /**
     * Returns when everything before the call is judged and told: a name that is looked up now comes last. A stop has a deadline, which
     * a busy machine with a storm to tell may not keep. Alerts can be dropped (and counted) while others wait: then it is asked again.
     */
    async function caughtUp(agent: LiveAgent): Promise<void> {
      for (let tries = 1; ; tries++) {
        const last = `last${tries}.${token}.test`;
        expect((await runProgram([program, "lookups", "1", "0", last], { timeoutMs: 60_000 })).exitCode).toBe(0);
        try {
          await agent.waitFor(
            (alert) => field(alert, "QueryName")?.endsWith(last) === true,
            "the end of the storm",
            60_000,
          );
          return;
        } catch (error) {
          if (tries === 3) throw error;
        }
      }
    }

    async function storm(count: number, perSecond: number) {
      await using agent = await LiveAgent.start({ rules: [rules], config: '[alerts]\nqueue_size = "256MiB"\n' });
      const command = [program, "lookups", String(count), String(perSecond), `${token}.test`];
      expect((await runProgram(command, { timeoutMs: 120_000 })).exitCode).toBe(0);
      await caughtUp(agent);
      const account = closedAccount((await agent.stop()).log);
      const seen = { query: new Map<string, number>(), answer: new Map<string, number>() };
      for (const alert of agent.alerts) {
        const name = field(alert, "QueryName") ?? "";
        const isAnswer = field(alert, "EventType") === "answer";
        // An answer counts when it is the one to this question.
        const results = `::ffff:10.${[16, 8, 0].map((shift) => (Number(name.slice(1, 7)) >> shift) & 255).join(".")};`;
        if (isAnswer && field(alert, "QueryResults") !== results) continue;
        if (at(alert, "process.executable") !== program) continue;
        const names = isAnswer ? seen.answer : seen.query;
        names.set(name, (names.get(name) ?? 0) + 1);
      }
      return { account, seen };
    }
    const names = (count: number): string[] =>
      Array.from({ length: count }, (_, i) => `n${String(i).padStart(6, "0")}.${token}.test`);

    test("at 2,000 a second are seen whole, question and answer, and told once each or counted", async () => {
      const count = 6000;
      const { account, seen } = await storm(count, 2000);
      expect([account.dns_query_lost, account.dns_answer_lost]).toEqual([0, 0]);
      let untold = 0;
      for (const [kind, map] of Object.entries(seen)) {
        expect([kind, account[`dns_${kind}_seen`]! >= count]).toEqual([kind, true]);
        const counts = names(count).map((name) => map.get(name) ?? 0);
        expect([kind, counts.filter((told) => told > 1)]).toEqual([kind, []]);
        untold += counts.filter((told) => told === 0).length;
      }
      // Alerts are made only of the test's names. With far more work than processors some may be dropped; each is in the account.
      expect(untold).toBeLessThanOrEqual(account.alerts_dropped!);
    }, 400_000);

    test("as fast as it goes lose little, and what is lost is counted", async () => {
      const count = 10_000;
      const { account, seen } = await storm(count, 0);
      for (const [kind, map] of Object.entries(seen)) {
        const missing = names(count).filter((name) => !map.has(name)).length;
        expect(missing).toBeLessThanOrEqual(account[`dns_${kind}_lost`]! + account.alerts_dropped!);
        // Of a slow machine's dropped alerts nobody knows the kind; the sensor itself keeps up.
        expect([kind, missing - account.alerts_dropped! <= count / 100]).toEqual([kind, true]);
      }
    }, 400_000);
  });
});
