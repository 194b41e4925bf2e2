// SigmaHQ's own regression cases, from their JSON form: recordings of a real Windows in which the named rule must match.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import { openLog } from "../../src/control/log/mod.ts";
import { replayEvents } from "../../src/control/replay/mod.ts";
import { loadRuleFiles, parseSigmaFiles } from "../../src/control/rules/mod.ts";
import { DetectorStore, SigmaDetectionHandler } from "../../src/detect/mod.ts";
import { Engine } from "../../src/detect/sigma/mod.ts";
import { FieldTable, replayCatalogue, sourceRow } from "../../src/event/mod.ts";
import type { RecordedEvent } from "../../src/normalize/mod.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsData } from "../needs.ts";

interface Case {
  readonly rule: string;
  readonly json: string;
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
          ?.replace(/\.evtx$/, ".json") ?? "";
      cases.push({ rule, json: join(root, dirname(info), name), wanted: each.match_count ?? 1 });
    }
  }
  return cases;
}

describeWhere("SigmaHQ's regression cases", [needsData("sigma"), needsData("sigma-regression")], () => {
  const sigma = sharedData("sigma") ?? "";
  const regression = sharedData("sigma-regression") ?? "";

  test("match from JSON, each as often as it must", async () => {
    const cases = findCases(regression);
    expect(cases.length).toBeGreaterThan(0);
    const { rules } = parseSigmaFiles(loadRuleFiles([sigma], new Set(["sigma"])), {});
    const fields = new FieldTable();
    const { route, fieldReason } = replayCatalogue;
    const engine = new Engine(rules, { slots: fields, route, fieldReason });
    const store = new DetectorStore({ sigma: engine, digest: "" });
    const counts = new Map<string, number>();
    const sources = new Set<string>();
    const { summary, exitCode } = await replayEvents({
      paths: cases.map(({ json }) => json),
      input: "auto",
      perFile: false,
      failOnAlert: false,
      fields,
      log: openLog({ level: "error", format: "text", file: "" }),
      makeHandler: (emit) => {
        const handler = new SigmaDetectionHandler<RecordedEvent>(store, fields, emit);
        return {
          name: "counted",
          handle(event) {
            sources.add(sourceRow(event.source).name);
            handler.handle(event);
          },
        };
      },
      emit: ({ hit, replay }) => {
        const key = `${replay?.path} ${hit.rule.id}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return true;
      },
    });
    expect(exitCode).toBe(0);
    expect(summary.malformed).toBe(0);
    expect(summary.events).toBeGreaterThanOrEqual(cases.length);
    // Everything in them is from a known source.
    expect([...sources].filter((name) => name === "other" || name.endsWith("/other"))).toEqual([]);
    const missed = cases.filter(({ rule, json, wanted }) => (counts.get(`${json} ${rule}`) ?? 0) < wanted);
    expect(missed.map(({ rule, json }) => `${rule} ${json}`)).toEqual([]);
    expect(engine.stats.faultCount).toBe(0);
    console.log(
      `${cases.length - missed.length} of ${cases.length} regression cases from JSON, ${rules.length} rules, ${summary.events} events, ${summary.alerts} alerts`,
    );
  });
});
