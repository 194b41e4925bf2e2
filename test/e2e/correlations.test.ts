// Correlations from rule files to alerts, through `agent replay`: one of each family, a filter, a collection.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-correlations-"));
writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });

const started = (name: string, image: string): string =>
  `title: ${name}\nname: ${name}\nlogsource: { product: linux, category: process_creation }\nlevel: low\ndetection: { s: { Image|endswith: /${image} }, condition: s }\n`;
const correlation = (name: string, body: string): string =>
  `title: ${name}\nname: ${name}\nlevel: high\ncorrelation:\n  group-by: User\n  timespan: 1m\n  ${body.replaceAll("\n", "\n  ")}\n`;

/** Minutes apart, so that scenes do not see each other; users keep them apart as well. */
let minute = 0;
function scene(user: string, ...steps: readonly (readonly [second: number, image: string, more?: object])[]): string[] {
  minute += 10;
  const base = Date.parse("2026-01-31T00:00:00Z") + minute * 60_000;
  return steps.map(([second, image, more]) =>
    JSON.stringify({
      product: "linux",
      category: "process_creation",
      UtcTime: new Date(base + second * 1000).toISOString().replace("T", " ").slice(0, 23),
      Image: `/usr/bin/${image}`,
      User: user,
      ...more,
    }),
  );
}

interface Alert {
  rule: { name: string };
  "@timestamp": string;
  event: { id: string };
  sigil: { match: { selection: string; field: string; modifier: string; pattern: string; value: string }[] };
}

function replay(rules: readonly string[], events: readonly string[], ...options: string[]): Alert[] {
  writeFileSync(join(folder, "rules.yml"), rules.join("---\n"));
  writeFileSync(join(folder, "events.ndjson"), `${events.join("\n")}\n`);
  const binary = join(root, "dist/agent");
  const program =
    process.env.SIGIL_E2E_BINARY === "1" && existsSync(binary)
      ? [binary]
      : [process.execPath, join(root, "src/main.ts")];
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    [...program, "replay", "--rules", "rules.yml", ...options, "events.ndjson"],
    { cwd: folder, env: { HOME: folder, EDR_CONFIG: join(folder, "empty.toml") } },
  );
  expect([exitCode, stderr.toString().includes("rejected")]).toEqual([0, false]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Alert);
}

const rules = ["id", "whoami", "uname", "curl", "su", "sudo"].map((image) => started(image, image));

describe("agent replay", () => {
  test("fires each family of correlations, tells its group and condition, and not the rules it refers to", () => {
    const correlations = [
      correlation("count", "type: event_count\nrules: su\ncondition: { gte: 3 }"),
      correlation("values", "type: value_count\nrules: curl\ncondition: { field: CommandLine, gte: 2 }"),
      correlation("near", "type: temporal\nrules: [id, whoami, uname]"),
      correlation("chain", "type: temporal_ordered\nrules: [count, sudo]"),
      correlation("sum", "type: value_sum\nrules: sudo\ncondition: { field: Size, gt: 100 }"),
    ];
    const events = [
      ...scene("u1", [0, "su"], [1, "su"], [61.001, "su"]),
      ...scene("u2", [0, "su"], [1, "su"], [2, "su"], [3, "su"]),
      ...scene(
        "u3",
        [0, "curl", { CommandLine: "a" }],
        [1, "curl", { CommandLine: "a" }],
        [2, "curl", { CommandLine: "b" }],
      ),
      ...scene("u4", [0, "uname"], [1, "id"], [2, "whoami"]),
      ...scene("u5", [0, "su"], [1, "su"], [2, "su"], [3, "sudo", { Size: 60 }], [4, "sudo", { Size: 60 }]),
      ...scene("u6", [0, "sudo"], [1, "su"], [2, "su"], [3, "su"]),
    ];
    const alerts = replay([...rules, ...correlations], events);
    const shown = alerts.map(
      ({ rule, sigil }) => `${rule.name} ${sigil.match.find(({ selection }) => selection === "group-by")?.value}`,
    );
    // `count` is silent: `chain` refers to it.
    expect(shown).toEqual(["values u3", "near u4", "chain u5", "sum u5"]);
    expect(alerts[0]!.sigil.match).toEqual([
      { selection: "group-by", field: "User", modifier: "", pattern: "", value: "u3" },
      { selection: "condition", field: "CommandLine", modifier: "value_count", pattern: "gte 2", value: "2" },
      expect.objectContaining({ selection: "event", pattern: "curl", value: "2026-01-31T00:30:01.000Z a" }),
      expect.objectContaining({ selection: "event", pattern: "curl", value: "2026-01-31T00:30:02.000Z b" }),
    ]);
    expect(alerts[0]!["@timestamp"]).toBe("2026-01-31T00:30:02.000Z");
  });

  test("takes events by their time, whatever their order in the file, and gives the same twice", () => {
    const correlations = [correlation("order", "type: temporal_ordered\ngenerate: true\nrules: [id, whoami]")];
    const events = scene("u", [0, "id"], [1, "whoami"]).reverse();
    const first = replay([...rules, ...correlations], events);
    expect(first.map(({ rule }) => rule.name)).toEqual(["id", "whoami", "order"]);
    expect(replay([...rules, ...correlations], events)).toEqual(first);
  });

  test("keeps windows of inputs apart with --per-file", () => {
    const [one, two] = scene("u", [0, "su"], [1, "su"]) as [string, string];
    writeFileSync(join(folder, "more.ndjson"), `${two}\n`);
    const twice = [correlation("count", "type: event_count\nrules: su\ncondition: { gte: 2 }")];
    expect(replay([...rules, ...twice], [one], "more.ndjson").length).toBe(1);
    expect(replay([...rules, ...twice], [one], "--per-file", "more.ndjson").length).toBe(0);
  });

  test("gives each group of a correlation that fires on one event an id of its own", () => {
    const rule = (name: string, field: string) =>
      `title: ${name}\nname: ${name}\nlogsource: { product: linux, category: process_creation }\ndetection: { s: { Image|endswith: /su, ${field}|exists: true }, condition: s }\n`;
    const either = [
      "title: either\ncorrelation:\n  type: event_count\n  rules: [from, to]\n  group-by: [who]\n  timespan: 1m\n  condition: { gte: 2 }",
      "  aliases: { who: { from: User, to: Target } }\n",
    ].join("\n");
    const events = scene("u", [0, "su", { Target: "t" }], [1, "su", { Target: "t" }]);
    const alerts = replay([rule("from", "User"), rule("to", "Target"), either], events);
    const groups = alerts.map(({ sigil }) => sigil.match.find(({ selection }) => selection === "group-by")?.value);
    expect(groups.toSorted()).toEqual(["t", "u"]);
    expect(new Set(alerts.map(({ event }) => event.id)).size).toBe(2);
  });

  test("applies filters and collections", () => {
    const collection = [
      "action: global\ntitle: tool\nlogsource: { product: linux, category: process_creation }\ndetection: { condition: s }\n",
      "detection: { s: { Image|endswith: /su } }\n",
      "detection: { s: { Image|endswith: /sudo } }\n",
      "title: f\nlogsource: { product: linux }\nfilter: { rules: any, s: { User: robot }, condition: not s }\n",
    ];
    expect(
      replay(collection, [...scene("robot", [0, "su"], [1, "sudo"]), ...scene("u", [0, "su"], [1, "sudo"])]).length,
    ).toBe(2);
  });
});
