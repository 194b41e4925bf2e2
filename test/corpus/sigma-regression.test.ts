// SigmaHQ's own regression cases, from both of their forms: recordings of a real Windows in which the named rule must match, as
// EVTX and as the JSON that was made of it. Both must give the same alerts.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import type { AlertInput } from "../../src/alert/mod.ts";
import { openLog } from "../../src/control/log/mod.ts";
import { replayEvents } from "../../src/control/replay/mod.ts";
import { loadRuleFiles, parseSigmaFiles } from "../../src/control/rules/mod.ts";
import { DetectorStore, SigmaDetectionHandler } from "../../src/detect/mod.ts";
import { Engine, type RuleIr } from "../../src/detect/sigma/mod.ts";
import type { NormalizedEvent } from "../../src/event/mod.ts";
import { FieldTable, replayCatalogue, sourceRow } from "../../src/event/mod.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsData } from "../needs.ts";

interface Case {
  readonly rule: string;
  /** Without its extension. */
  readonly path: string;
  readonly wanted: number;
}

function findCases(root: string): Case[] {
  const cases: Case[] = [];
  for (const info of [...new Glob("**/info.yml").scanSync(root)].sort()) {
    const text = readFileSync(join(root, info), "utf8");
    const yaml = Bun.YAML.parse(text) as {
      readonly rule_metadata: readonly { readonly id: string }[];
      readonly regression_tests_info: readonly { readonly path: string; readonly match_count?: number }[];
    };
    for (const each of yaml.regression_tests_info) {
      const rule = yaml.rule_metadata[0]?.id ?? "";
      const name =
        each.path
          .split("/")
          .at(-1)
          ?.replace(/\.evtx$/, "") ?? "";
      cases.push({ rule, path: join(root, dirname(info), name), wanted: each.match_count ?? 1 });
    }
  }
  return cases;
}

type Extension = ".json" | ".evtx";

interface Result {
  readonly alerts: readonly AlertInput[];
  readonly events: number;
  readonly sources: ReadonlySet<string>;
}

async function replayForm(cases: readonly Case[], rules: readonly RuleIr[], extension: Extension): Promise<Result> {
  const fields = new FieldTable();
  const { route, fieldReason } = replayCatalogue;
  const engine = new Engine(rules, { slots: fields, route, fieldReason });
  const store = new DetectorStore({ sigma: engine, digest: "" });
  const alerts: AlertInput[] = [];
  const sources = new Set<string>();
  const { summary, exitCode } = await replayEvents({
    paths: cases.map(({ path }) => path + extension),
    input: "auto",
    // So that the events of both forms come in the same order, whatever time they have.
    perFile: true,
    failOnAlert: false,
    fields,
    log: openLog({ level: "error", format: "text", file: "" }),
    makeHandler: (emit) => {
      const handler = new SigmaDetectionHandler<NormalizedEvent>(store, fields, emit);
      return {
        name: "counted",
        handle(event) {
          sources.add(sourceRow(event.source).name);
          handler.handle(event);
        },
      };
    },
    emit: (alert) => {
      alerts.push(alert);
      return true;
    },
  });
  expect(exitCode).toBe(0);
  expect(summary.malformed).toBe(0);
  expect(engine.stats.faultCount).toBe(0);
  return { alerts, events: summary.events, sources };
}

const missedOf = (cases: readonly Case[], { alerts }: Result, extension: Extension): string[] => {
  const counts = new Map<string, number>();
  for (const { hit, replay } of alerts) {
    const key = `${replay?.path} ${hit.rule.id}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return cases
    .filter(({ rule, path, wanted }) => (counts.get(`${path}${extension} ${rule}`) ?? 0) < wanted)
    .map(({ rule, path }) => `${rule} ${path}`);
};

describeWhere("SigmaHQ's regression cases", [needsData("sigma"), needsData("sigma-regression")], () => {
  const cases = findCases(sharedData("sigma-regression") ?? "");
  const { rules } = parseSigmaFiles(loadRuleFiles([sharedData("sigma") ?? ""], new Set(["sigma"])), {});

  test("match from JSON and from EVTX, each as often as it must, with the same alerts", async () => {
    expect(cases.length).toBeGreaterThan(0);
    const json = await replayForm(cases, rules, ".json");
    const evtx = await replayForm(cases, rules, ".evtx");
    for (const [result, extension] of [
      [json, ".json"],
      [evtx, ".evtx"],
    ] as const) {
      expect(missedOf(cases, result, extension)).toEqual([]);
      expect(result.events).toBeGreaterThanOrEqual(cases.length);
      // Everything in them is from a known source.
      expect([...result.sources].filter((name) => name === "other" || name.endsWith("/other"))).toEqual([]);
    }
    expect(evtx.events).toBe(json.events);
    expect(evtx.alerts.map(comparable)).toEqual(json.alerts.map(comparable));
    console.log(
      `${cases.length} of ${cases.length} regression cases from JSON and from EVTX, ${rules.length} rules, ${evtx.events} events, ${evtx.alerts.length} alerts each`,
    );
  });
});

/** Where the JSON was edited after it was made: the EVTX beside it has other letters. */
const edited: readonly (readonly [field: string, value: string])[] = [
  ["ParentCommandLine", "C:\\Windows\\Explorer.exe"],
];
const asRecorded = (field: string, value: string): string =>
  edited.some((it) => it[0] === field && it[1].toLowerCase() === value.toLowerCase())
    ? value.toLowerCase()
    : value.trim();

/** An alert without what must differ: the file it is from, and blanks around values, which were taken out of the JSON. */
function comparable({ hit, event, host, replay }: AlertInput): unknown {
  return {
    rule: hit.rule.id,
    matches: hit.matches.map((match) => JSON.stringify(match).replaceAll(/\s+"/g, '"')),
    path: replay?.path.replace(/\.(?:evtx|json)$/, ""),
    sequence: replay?.sequence,
    recordId: replay?.recordId,
    host,
    ...event,
    fields: Object.fromEntries(Object.entries(event.fields).map(([name, value]) => [name, asRecorded(name, value)])),
  };
}
