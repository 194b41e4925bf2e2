// Indicators from lists of every format to alerts, through the command line.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentCommand } from "../live/agent.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-indicators-"));
const rules = join(folder, "rules");
mkdirSync(join(rules, "feeds"), { recursive: true });
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
put("empty.toml", "");
put("rules/domains.txt", ".evil.example;stage one\nbroken name\n");
put("rules/feeds/a.csv", "value,type,severity,expires\n203.0.113.7,ip,critical,2025-06-01T00:00:00Z\n");
put("rules/feeds/b.misp.json", JSON.stringify({ Event: { Attribute: [{ type: "md5", value: "ab".repeat(16) }] } }));
put(
  "rules/feeds/c.stix.json",
  JSON.stringify({
    objects: [{ type: "indicator", id: "indicator--1", pattern: "[url:value = 'https://a.example/x']" }],
  }),
);

const channel = { Channel: "Microsoft-Windows-Sysmon/Operational", Provider_Name: "Microsoft-Windows-Sysmon" };
const at = (minute: number, month = "01"): object => ({ UtcTime: `2025-${month}-01 00:0${minute}:00.000` });
put(
  "events.ndjson",
  [
    { EventID: 22, ...channel, ...at(1), QueryName: "www.evil.example" },
    { EventID: 3, ...channel, ...at(2), DestinationIp: "203.0.113.7", DestinationPort: "443" },
    { EventID: 1, ...channel, ...at(3), CommandLine: "curl https://a.example/x", Hashes: `MD5=${"AB".repeat(16)}` },
    // The address had expired by then.
    { EventID: 3, ...channel, ...at(4, "07"), DestinationIp: "203.0.113.7", DestinationPort: "443" },
  ]
    .map((event) => JSON.stringify(event))
    .join("\n"),
);

function agent(...args: string[]): { code: number; out: string; err: string } {
  const environment = { PATH: process.env.PATH ?? "", HOME: folder };
  const ran = Bun.spawnSync([...agentCommand(), ...args], { cwd: folder, env: environment });
  return { code: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("indicators", () => {
  const base = ["--config", join(folder, "empty.toml"), "--rules", rules];

  test("a replay alerts on each that an event holds and that had not expired when it happened", () => {
    const first = agent("replay", ...base, join(folder, "events.ndjson"));
    const alerts = first.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(alerts.map((alert) => [alert.rule.name, alert.sigil.level, alert.event.sequence])).toEqual([
      ["Indicator: domain .evil.example", "high", 0],
      ["Indicator: address 203.0.113.7", "critical", 1],
      ["Indicator: URL a.example/x", "high", 2],
      [`Indicator: MD5 ${"ab".repeat(16)}`, "high", 2],
    ]);
    expect(alerts[0].threat.enrichments[0].matched).toMatchObject({
      atomic: "www.evil.example",
      field: "dns.question.name",
    });
    expect(new Set(alerts.map((alert) => alert.event.id)).size).toBe(4);
    expect(first.err).toContain("broken name");
    // The tables are salted anew in every run, and nothing of that shows.
    expect(agent("replay", ...base, join(folder, "events.ndjson")).out).toBe(first.out);
  });

  test("switched off in the configuration they are not looked up", () => {
    put("off.toml", "[ioc]\nenabled = false\n");
    const { out, code } = agent(
      "replay",
      "--config",
      join(folder, "off.toml"),
      "--rules",
      rules,
      join(folder, "events.ndjson"),
    );
    expect([out, code]).toEqual(["", 0]);
  });

  test("rules validate says what of each list was taken, and names what was not", () => {
    const { out, code } = agent("rules", "validate", "--json", ...base);
    const result = JSON.parse(out);
    expect(code).toBe(1);
    expect(result.indicators.loaded).toBe(3);
    expect(result.indicators.files).toContainEqual({
      file: join(rules, "domains.txt"),
      taken: 1,
      duplicates: 0,
      skipped: 0,
      rejected: 1,
    });
    expect(result.rejected).toMatchObject([{ file: join(rules, "domains.txt"), line: 2, code: "bad_domain" }]);
    // Lists are kept packed: there is no line to be shown, and no empty one is.
    mkdirSync(join(folder, "broken"));
    put("broken/domains.txt", "broken name\n");
    const { err } = agent("rules", "validate", "--rules", join(folder, "broken"));
    expect(err).toContain("domains.txt:1:1: error");
    expect(err).not.toContain("1 |");
  });

  test("lists named in the configuration join the rules inside the binary", () => {
    put("paths.toml", `[ioc]\npaths = [${JSON.stringify(rules)}]\n`);
    const args = ["replay", "--config", join(folder, "paths.toml"), join(folder, "events.ndjson")];
    expect(agent(...args).out.match(/"name":"Indicator: /g)?.length).toBe(4);
  });
});
