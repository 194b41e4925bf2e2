import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { faults } from "../../test/fixtures/alerts/ecs-faults.ts";
import { agent, inputs, linuxHost, rule } from "../../test/fixtures/alerts/inputs.ts";
import type { IndicatorFacts } from "../detect/mod.ts";
import type { AlertInput } from "./mod.ts";
import { AlertEncoder, lineSizeMaxBytes } from "./mod.ts";

const encoder = new AlertEncoder({ agent });

function inputOf(name: string): AlertInput {
  const input = inputs[name];
  if (input === undefined) throw new Error(`no input ${name}`);
  return input;
}
const linux = inputOf("linux-process");
const windows = inputOf("windows-process-replay");

function alertOf(input: AlertInput, by = encoder) {
  return JSON.parse(by.alert(input).line);
}

/** The same input with other fields of the event. */
function withFields(
  input: AlertInput,
  fields: Record<string, string>,
  over: Partial<AlertInput["event"]> = {},
): AlertInput {
  return { ...input, event: { ...input.event, ...over, fields } };
}

for (const [name, input] of Object.entries(inputs)) {
  test(`the alert ${name} is the one that was approved (GOLDEN=write writes it anew)`, () => {
    const path = new URL(`../../test/fixtures/alerts/${name}.ndjson`, import.meta.url).pathname;
    // A live id is random; everything else is the same in every run.
    const line =
      input.replay === undefined
        ? encoder.alert(input).line.replace(/"id":"0[0-9a-f-]{35}"/, '"id":"UUID"')
        : encoder.alert(input).line;
    if (process.env.GOLDEN === "write" || !existsSync(path)) {
      if (process.env.CI === "true") throw new Error(`${path} is missing`);
      writeFileSync(path, `${line}\n`);
    }
    const approved = readFileSync(path, "utf8");
    expect(JSON.parse(line)).toEqual(JSON.parse(approved));
    expect(`${line}\n`).toBe(approved);
  });
}

test("an alert has what Elastic's rule for external alerts reads: title, severity, risk, kind, module", () => {
  const levels = [
    ["informational", 21, 5],
    ["low", 21, 21],
    ["medium", 47, 47],
    ["high", 73, 73],
    ["critical", 99, 99],
  ] as const;
  for (const [level, severity, risk] of levels) {
    const document = alertOf({ ...linux, hit: { ...linux.hit, rule: rule({ level }) } });
    expect(document.message).toBe("Reverse shell through /dev/tcp");
    expect(document.event).toMatchObject({
      kind: "alert",
      module: "sigil",
      dataset: "sigil.alerts",
      severity,
      risk_score: risk,
    });
    expect(document.sigil.level).toBe(level);
  }
});

test("ids of live alerts are version 7 and differ; those of a replay depend on file, position, engine and rule alone", () => {
  const live = [alertOf(linux).event.id, alertOf(linux).event.id];
  expect(live[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(live[0]).not.toBe(live[1]);
  // printf '%s\n12\nsigma:5b8a3c1e-…' abab… | sha256sum, with version 8 and variant set by hand.
  const same = alertOf(windows).event.id;
  expect(same).toBe("572345a2-7e43-874d-a3b3-7dbde7c111bc");
  expect(alertOf(windows, new AlertEncoder({ agent: { type: "sigil", version: "9" }, host: linuxHost })).event.id).toBe(
    same,
  );
  const replay = windows.replay ?? { path: "", sequence: 0, digest: "" };
  const others = [
    { ...windows, replay: { ...replay, sequence: 13 } },
    { ...windows, replay: { ...replay, digest: "00" } },
    { ...windows, hit: { ...windows.hit, rule: rule({ id: "other" }) } },
    { ...windows, hit: { ...windows.hit, engine: "ioc" as const } },
  ].map((input) => alertOf(input).event.id);
  expect(new Set([same, ...others]).size).toBe(5);
});

test("a replay says nothing of this machine or of now: no created, agent type and version only, no host but the event's", () => {
  const by = new AlertEncoder({ agent, host: linuxHost });
  const document = alertOf(windows, by);
  expect(document.event.created).toBeUndefined();
  expect(document.agent).toEqual({ type: "sigil", version: "0.1.0" });
  expect(document.host.name).toBe("WS01.corp.example");
  const { host: _, ...withoutHost } = windows;
  expect(alertOf(withoutHost, by).host).toBeUndefined();
  expect(document.sigil.rule.file).toBeUndefined();
  expect(by.alert(windows).line).toBe(encoder.alert(windows).line);
  expect(document.log.file.path).toBe("logs/sysmon.evtx");
  expect([document.event.sequence, document.winlog.record_id, document.sigil.replay]).toEqual([12, "83237", true]);
});

test("the encoder's host stands in live alerts that name none", () => {
  const { host: _, ...withoutHost } = linux;
  expect(alertOf(withoutHost, new AlertEncoder({ agent, host: linuxHost })).host.id).toBe("4c4c4544004a3510");
  expect(alertOf(withoutHost).host).toBeUndefined();
});

test("a namespace that Elasticsearch would refuse is refused here", () => {
  for (const namespace of ["", "Prod", "a-b", "a/b", "a b", "x".repeat(101), "ü".repeat(60)])
    expect(() => new AlertEncoder({ agent, namespace })).toThrow(RangeError);
  expect(alertOf(linux, new AlertEncoder({ agent, namespace: "prod_1" })).data_stream).toEqual({
    type: "logs",
    dataset: "sigil.alerts",
    namespace: "prod_1",
  });
});

test("what is not known or not valid is left out, never guessed", () => {
  const document = alertOf({
    hit: {
      engine: "sigma",
      rule: rule({ author: [], references: [], tags: [], version: "", license: "", description: "" }),
      matches: [],
    },
    event: {
      kind: "network_connect",
      timeMs: Number.NaN,
      provider: "",
      code: "",
      fields: {
        DestinationIp: "-",
        SourceIp: "999.1.1.1",
        DestinationPort: "65536",
        SourcePort: "x",
        Protocol: "T C P",
        User: "-",
      },
      truncated: [],
    },
  });
  expect([
    document.source,
    document.destination,
    document.process,
    document.user,
    document.threat,
    document.tags,
  ]).toEqual(Array(6).fill(undefined));
  expect(document.network).toEqual({ direction: "egress" });
  expect(document.rule).toEqual({
    id: rule().id,
    uuid: rule().id,
    name: rule().title,
    ruleset: "sigma",
    category: "process_creation",
  });
  expect([document["@timestamp"], document.sigil.time_unknown]).toEqual(["1970-01-01T00:00:00.000Z", true]);
  expect(Object.keys(document.event)).not.toContain("code");
});

test("times are ISO 8601 with milliseconds, cut and not rounded; what no index takes is not written", () => {
  const at = (timeMs: number) => alertOf({ ...linux, event: { ...linux.event, timeMs } })["@timestamp"];
  expect(at(1_763_777_673_123.999)).toBe("2025-11-22T02:14:33.123Z");
  expect(at(-1)).toBe("1969-12-31T23:59:59.999Z");
  // Beyond year 9999: the time at which the alert was made stands in.
  expect(at(9e15)).toBe("2026-11-22T02:14:33.130Z");
});

test("Linux starts are `exec`, Windows' are `start`; a registry key's creation and a name's answer have their own words", () => {
  expect(alertOf(linux).event.action).toBe("exec");
  expect(alertOf(windows).event.action).toBe("start");
  const { host: _, ...unknownHost } = windows;
  expect(alertOf(unknownHost).event.action).toBe("start");
  const registry = inputOf("windows-registry-replay");
  const created = alertOf(
    withFields(registry, { EventType: "CreateKey", TargetObject: "HKU\\S-1-5-21\\Software\\New" }),
  );
  expect(created.event).toMatchObject({ action: "creation", type: ["creation", "info"] });
  expect(created.registry).toEqual({
    path: "HKU\\S-1-5-21\\Software\\New",
    hive: "HKU",
    key: "S-1-5-21\\Software\\New",
  });
  const dns = inputOf("windows-dns-ioc-replay");
  const asked = alertOf(withFields(dns, { QueryName: "a.example", QueryStatus: "9003", QueryResults: "-" }));
  expect(asked.event.action).toBe("lookup_requested");
  expect(asked.dns).toEqual({ type: "query", question: { name: "a.example" }, response_code: "NXDOMAIN" });
});

test("Security 4688 names the new process, and its creator as the parent", () => {
  const document = alertOf(
    withFields(windows, {
      NewProcessName: "C:\\Windows\\System32\\cmd.exe",
      NewProcessId: "0x1a2c",
      ProcessId: "0x10",
      ParentProcessName: "C:\\x\\p.exe",
      CommandLine: "cmd /c x",
      SubjectUserName: "bob",
      SubjectDomainName: "CORP",
    }),
  );
  expect(document.process).toEqual({
    pid: 6700,
    name: "cmd.exe",
    executable: "C:\\Windows\\System32\\cmd.exe",
    command_line: "cmd /c x",
    parent: { pid: 16, name: "p.exe", executable: "C:\\x\\p.exe" },
  });
  expect(document.user).toEqual({ name: "bob", domain: "CORP" });
});

test("context beats fields, and fields fill what the context does not know", () => {
  const input = withFields(linux, {
    Image: "/other",
    CommandLine: "other",
    IntegrityLevel: "High",
    OriginalFileName: "orig",
  });
  const document = alertOf({ ...input, process: { entityId: "E", pid: 7, executable: "/real" } });
  expect(document.process).toEqual({
    entity_id: "E",
    pid: 7,
    name: "real",
    executable: "/real",
    command_line: "other",
    pe: { original_file_name: "orig" },
  });
});

test("yara and hash hits are malware in a file or a process; other indicators are intrusion detections", () => {
  const words = (input: AlertInput) => alertOf(input).event.category;
  expect(words(inputOf("linux-file-yara"))).toEqual(["malware", "file"]);
  const byHash = { selection: "hashes", field: "Hashes", modifier: "", pattern: "ab", value: "ab" };
  expect(words({ ...linux, hit: { ...linux.hit, engine: "ioc", matches: [byHash] } })).toEqual(["malware", "process"]);
  expect(words(inputOf("windows-dns-ioc-replay"))).toEqual(["network", "intrusion_detection"]);
});

test("what a source adds stands under sigil.*, bounded, and cannot replace the agent's own members or the prototype", () => {
  const extra = JSON.parse(
    '{"level":"low","engine":"fake","event":{"Image":"fake","More":1},"__proto__":{"polluted":1},"deep":{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}},"n":null,"list":[1,"x"]}',
  );
  const document = alertOf({
    ...linux,
    event: { ...linux.event, extra: { ...extra, bad: Number.NaN, f: () => 1, big: 12n, memfd: true } },
  });
  expect(document.sigil).toMatchObject({
    level: "high",
    engine: "sigma",
    n: null,
    list: [1, "x"],
    big: "12",
    memfd: true,
  });
  expect(document.sigil.event.Image).toBe("/usr/bin/bash");
  expect([document.sigil.bad, document.sigil.f]).toEqual([undefined, undefined]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(document.sigil.truncated).toContain("sigil");
});

test("fields named like members of Object are data", () => {
  const fields = JSON.parse('{"__proto__":"p","constructor":"c","toString":"t","Image":"/x"}') as Record<
    string,
    string
  >;
  const { sigil } = alertOf(withFields(linux, fields));
  expect(Object.entries(sigil.event)).toEqual([
    ["__proto__", "p"],
    ["constructor", "c"],
    ["toString", "t"],
    ["Image", "/x"],
  ]);
});

test("a text above its limit is cut at the end that says less, and named in sigil.truncated", () => {
  const commandLine = `head ${"x".repeat(40_000)} tail`;
  const deep = `/${"d/".repeat(10_000)}evil.sh`;
  const document = alertOf({
    ...linux,
    process: {
      entityId: "E",
      pid: 1,
      commandLine,
      executable: deep,
      args: Array.from({ length: 1000 }, (_, n) => `a${n}`),
      argsCount: 1000,
    },
  });
  expect(document.process.command_line).toHaveLength(32_768);
  expect(document.process.command_line.endsWith(" tail")).toBe(true);
  expect([document.process.executable.length, document.process.name]).toEqual([8192, "evil.sh"]);
  expect([document.process.args.length, document.process.args_count]).toEqual([256, 1000]);
  expect(document.sigil.truncated).toEqual(
    expect.arrayContaining(["process.command_line", "process.executable", "process.args", "sigil.event.AuditField"]),
  );
});

test("no cut leaves half a character, and half characters from outside become U+FFFD", () => {
  const document = alertOf(withFields(linux, { Image: "/a", A: `${"x".repeat(32_767)}😀`, B: "ok \ud800 \udc00" }));
  expect(document.sigil.event.A).toBe("x".repeat(32_767));
  expect(document.sigil.event.B).toBe("ok \ufffd \ufffd");
});

test("a line is one line to every reader and harmless on a terminal, and parses to the same text", () => {
  const evil = "a\nb\r\u0085c\u2028d\u2029e\x1b[2J\x9b2J\u202eexe.txt\x7f\ufeff\0";
  const line = encoder.alert(withFields(linux, { Image: "/a", CommandLine: evil })).line;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
  expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\ufeff]/);
  expect(JSON.parse(line).sigil.event.CommandLine).toBe(evil);
});

test("the worst input there can be still fits into 1 MiB and keeps what identifies the alert", () => {
  // Each unit of U+0001 and U+2028 becomes six bytes.
  const worst = "\u0001\u2028".repeat(50_000);
  const many = Array.from({ length: 1000 }, (_, n) => `${n}${worst}`);
  const record = Object.fromEntries(many.map((text) => [text.slice(0, 300), text]));
  const user = { id: worst, name: worst, domain: worst };
  let process: NonNullable<AlertInput["process"]> | undefined;
  for (let depth = 0; depth < 40; depth++)
    process = {
      ...(process === undefined ? {} : { parent: process }),
      entityId: worst,
      pid: depth,
      name: worst,
      executable: worst,
      commandLine: worst,
      args: many,
      workingDirectory: worst,
      user,
      realUser: user,
      group: user,
      capabilities: many,
      env: record,
      file: { path: worst, inode: worst, mode: worst },
      container: { id: worst, runtime: worst },
    };
  const host = {
    ...linuxHost,
    id: worst,
    name: worst,
    hostname: worst,
    os: { ...linuxHost.os, full: worst, name: worst, kernel: worst },
  };
  const line = encoder.alert({
    hit: {
      engine: "sigma",
      rule: rule({
        title: worst,
        description: worst,
        author: many,
        references: many,
        falsepositives: many,
        tags: many,
        license: worst,
        file: worst,
      }),
      matches: many.map((text) => ({ selection: text, field: text, modifier: text, pattern: text, value: text })),
    },
    host,
    ...(process === undefined ? {} : { process }),
    pending: many,
    createdMs: 0,
    event: {
      kind: "file_create",
      timeMs: 0,
      provider: worst,
      code: worst,
      fields: {
        ...record,
        TargetFilename: worst,
        QueryName: worst,
        QueryResults: worst,
        TargetObject: worst,
        Details: worst,
        ImageLoaded: worst,
        Description: worst,
        Company: worst,
      },
      truncated: many,
      extra: { record, many: [many, many] },
    },
  }).line;
  expect(Buffer.byteLength(line) + 1).toBeLessThanOrEqual(lineSizeMaxBytes);
  const document = JSON.parse(line);
  expect(document.rule.id).toBe(rule().id);
  expect(document.process.pid).toBe(39);
  expect(document.sigil.truncated).toEqual(expect.arrayContaining(["sigil.event", "sigil.match", "sigil.ancestors"]));
});

test("a rule is serialized once, by identity, and a changed rule is a new one", () => {
  let reads = 0;
  const counted = Object.defineProperty({ ...rule() }, "description", {
    enumerable: true,
    get: () => {
      reads++;
      return "d";
    },
  });
  const input = { ...linux, hit: { ...linux.hit, rule: counted } };
  for (let n = 0; n < 5; n++) alertOf(input);
  expect(reads).toBe(1);
  expect(alertOf({ ...linux, hit: { ...linux.hit, rule: rule({ description: "new" }) } }).rule.description).toBe("new");
});

test("an indicator is told in the fields that ECS has for its kind", () => {
  const indicatorOf = (kind: IndicatorFacts["kind"], value: string): unknown => {
    const facts: IndicatorFacts = {
      kind,
      value,
      observable: value,
      field: "DestinationIp",
      description: "",
      reference: "",
      provider: "",
      feedId: "",
      expiresMs: undefined,
    };
    const input = inputOf("windows-dns-ioc-replay");
    const document = JSON.parse(encoder.alert({ ...input, hit: { ...input.hit, indicator: facts } }).line);
    expect(faults(document)).toEqual([]);
    expect(document.threat.enrichments[0].matched).toMatchObject({ atomic: value, field: "destination.ip" });
    return document.threat.indicator;
  };
  const name = "192.0.2.1:443";
  expect(indicatorOf("ip", name)).toEqual({ type: "ipv4-addr", name, ip: "192.0.2.1", port: 443 });
  expect(indicatorOf("ip", "[2001:db8::1]:80")).toMatchObject({ type: "ipv6-addr", ip: "2001:db8::1", port: 80 });
  expect(indicatorOf("ip", "2001:db8::/32")).toEqual({ type: "ipv6-addr", name: "2001:db8::/32" });
  expect(indicatorOf("ip", "192.0.2.1")).toMatchObject({ ip: "192.0.2.1" });
  expect(indicatorOf("domain", "*.a.example")).toMatchObject({ type: "domain-name", url: { domain: "a.example" } });
  expect(indicatorOf("url", "a.example/x")).toMatchObject({ type: "url", url: { original: "a.example/x" } });
  expect(indicatorOf("md5", "ab".repeat(16))).toMatchObject({ type: "file", file: { hash: { md5: "ab".repeat(16) } } });
  expect(indicatorOf("imphash", "ab".repeat(16))).toMatchObject({ file: { pe: { imphash: "ab".repeat(16) } } });
  expect(indicatorOf("path", "^/x$")).toEqual({ type: "file", name: "^/x$" });
});
