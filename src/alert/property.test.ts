// Any input at all, as long as it has the types: one line, valid JSON, at most 1 MiB, nothing that ECS would not have.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { faults } from "../../test/fixtures/alerts/ecs-faults.ts";
import { agent } from "../../test/fixtures/alerts/inputs.ts";
import type { EventKind } from "../event/mod.ts";
import { eventKinds } from "../event/mod.ts";
import { AlertEncoder, type AlertInput, lineSizeMaxBytes, type ProcessContext } from "./mod.ts";

const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "",
      "-",
      "\ud800",
      "\n",
      "__proto__",
      "C:\\a\\b.exe",
      "/x/y.z",
      "::1%eth0",
      "0x10",
      "true",
      "HKLM\\a",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }).map((unit) => unit.repeat(20_000)) },
);
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 1.7e12),
);
const texts = fc.array(text, { maxLength: 5 });
const optional = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }, required: (keyof T)[] = []) =>
  fc.record(shape, { requiredKeys: required as never }) as unknown as fc.Arbitrary<T>;
const user = optional({ id: text, name: text, domain: text }, ["id"]);
const file = optional(
  { path: text, inode: text, device: text, mode: text, uid: text, gid: text, ctimeMs: number, links: number },
  ["path"],
);
const container = fc.record({ id: text, runtime: text });

const { process } = fc.letrec<{ process: ProcessContext }>((tie) => ({
  process: fc.record(
    {
      entityId: text,
      pid: number,
      name: text,
      executable: text,
      commandLine: text,
      args: texts,
      argsCount: number,
      workingDirectory: text,
      startMs: number,
      endMs: number,
      exitCode: number,
      signal: text,
      interactive: fc.boolean(),
      user,
      realUser: user,
      group: user,
      loginUserId: text,
      sessionId: number,
      tty: fc.record({ major: number, minor: number }),
      capabilities: fc.array(fc.oneof(text, fc.constant("CAP_KILL"))),
      env: fc.dictionary(text, text, { maxKeys: 3 }),
      hash: fc.record({ md5: text, sha1: text, sha256: text }, { requiredKeys: [] }),
      file,
      container,
      parent: tie("process"),
    },
    { requiredKeys: ["entityId", "pid"] },
  ) as unknown as fc.Arbitrary<ProcessContext>,
}));

const fieldName = fc.oneof(
  text,
  fc.constantFrom(
    ...[
      "Image",
      "CommandLine",
      "User",
      "Hashes",
      "ProcessId",
      "ParentProcessId",
      "DestinationIp",
      "DestinationPort",
      "SourceIp",
      "Protocol",
    ],
    ...[
      "QueryName",
      "QueryResults",
      "QueryStatus",
      "TargetFilename",
      "TargetObject",
      "Details",
      "EventType",
      "ImageLoaded",
      "Signed",
    ],
    ...[
      "SignatureStatus",
      "NewProcessName",
      "NewProcessId",
      "SubjectUserName",
      "Keywords",
      "ParentUser",
      "Initiated",
      "ProcessGuid",
    ],
  ),
);
const fieldValue = fc.oneof(
  text,
  fc.constantFrom(
    "198.51.100.1",
    "2001:db8::1",
    "443",
    "tcp",
    "MD5=097CE5761C89434367598B34FE32893B",
    "DWORD (0x00000001)",
    "SetValue",
  ),
  fc.constant("type:  5 a.example;::ffff:203.0.113.9;"),
);

const input = fc.record(
  {
    hit: fc.record({
      engine: fc.constantFrom("sigma", "yara", "ioc", "signature"),
      rule: fc.record({
        id: text,
        title: text,
        description: text,
        level: fc.constantFrom("informational", "low", "medium", "high", "critical"),
        status: text,
        author: texts,
        references: texts,
        tags: fc.array(fc.oneof(text, fc.constantFrom("attack.t1059.004", "attack.stealth", "attack.t0000.000"))),
        falsepositives: texts,
        version: text,
        license: text,
        file: text,
      }),
      matches: fc.array(fc.record({ selection: text, field: text, modifier: text, pattern: text, value: text }), {
        maxLength: 4,
      }),
    }),
    event: fc.record(
      {
        kind: fc.constantFrom(...(Object.keys(eventKinds) as EventKind[])),
        timeMs: number,
        provider: fc.oneof(text, fc.constant("Microsoft-Windows-Sysmon")),
        code: text,
        fields: fc.dictionary(fieldName, fieldValue, { maxKeys: 12 }),
        truncated: texts,
        sequence: number,
        container,
        extra: fc.dictionary(text, fc.anything({ maxDepth: 3 }), { maxKeys: 4 }),
      },
      { requiredKeys: ["kind", "timeMs", "provider", "code", "fields", "truncated"] },
    ),
    process,
    pending: texts,
    createdMs: number,
    replay: fc.record(
      { path: text, sequence: number, recordId: text, digest: text },
      { requiredKeys: ["path", "sequence", "digest"] },
    ),
    host: fc.record({
      id: text,
      name: text,
      hostname: text,
      architecture: text,
      ip: texts,
      mac: texts,
      os: fc.record({
        type: fc.constantFrom("linux", "windows", "macos"),
        family: text,
        platform: text,
        name: text,
        version: text,
        kernel: text,
        full: text,
      }),
    }),
  },
  { requiredKeys: ["hit", "event"] },
) as unknown as fc.Arbitrary<AlertInput>;

const encoder = new AlertEncoder({ agent });
const runs = Number(globalThis.process.env.FUZZ_RUNS ?? 400);

test("any alert is one line of valid JSON within 1 MiB, and an ECS document", () => {
  fc.assert(
    fc.property(input, (alert) => {
      const { line } = encoder.alert(alert);
      expect(/[\n\r\u0085\u2028\u2029]/.test(line)).toBe(false);
      expect(Buffer.byteLength(line) + 1).toBeLessThanOrEqual(lineSizeMaxBytes);
      const document = JSON.parse(line);
      expect(document.event.kind).toBe("alert");
      expect(faults(document)).toEqual([]);
      // What parses and is written again is the same document: no member twice, no half character.
      expect(JSON.stringify(document).isWellFormed()).toBe(true);
      expect(JSON.parse(JSON.stringify(document))).toEqual(document);
    }),
    { numRuns: runs },
  );
});

test("any alert in replay is the same line every time, from every encoder", () => {
  fc.assert(
    fc.property(input, (alert) => {
      if (alert.replay === undefined) return;
      expect(new AlertEncoder({ agent: { ...agent, id: "other" } }).alert(alert).line).toBe(encoder.alert(alert).line);
    }),
    { numRuns: runs / 2 },
  );
});

test("any alert is one harmless compact line within the width", () => {
  fc.assert(
    fc.property(input, fc.integer({ min: 0, max: 200 }), (alert, width) => {
      const line = encoder.alert(alert).compact({ color: false, width });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
      expect(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/.test(line)).toBe(false);
      if (width > 0) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    }),
    { numRuns: runs },
  );
});
