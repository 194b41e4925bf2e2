import { expect, test } from "bun:test";
import { FieldTable } from "../event/mod.ts";
import type { Hit } from "./detector.ts";
import { Engine, linkSigma, parseSigma, RecordEvent } from "./sigma/mod.ts";
import { SigmaDetectionHandler } from "./sigma-handler.ts";
import { DetectorStore } from "./store.ts";

const rule = "title: Su\nname: su\nlogsource: { product: linux }\ndetection: { s: { Image: su }, condition: s }\n";
const correlation =
  "title: Often\nlevel: high\ncorrelation: { type: event_count, rules: su, group-by: User, timespan: 10s, condition: { gte: 3 } }\n";
const other = rule.replace("title: Su\nname: su", "title: Id").replace("Image: su", "Image: id");

test("windows of correlations outlive a swap of other rules, and a hit tells its group, condition and events", () => {
  const fields = new FieldTable();
  const engine = (...documents: string[]): Engine => {
    const { rules, correlations } = linkSigma(parseSigma(documents.join("---\n"), "x.yml"));
    return new Engine(rules, { slots: fields, route: () => ({ sources: [0] }), correlations });
  };
  const store = new DetectorStore({ sigma: engine(rule, correlation), digest: "1" });
  const hits: Hit[] = [];
  const handler = new SigmaDetectionHandler(store, fields, (_, hit) => hits.push(hit));
  const happen = (second: number, Image: string): void => {
    const event = new RecordEvent({ Image, User: "root" }, fields, second * 1000);
    const { timeMs = 0 } = event;
    handler.handle({
      kind: "process_start",
      source: 0,
      timeMs,
      get: (slot) => event.get(slot) as string | undefined,
      eachText: (visit) => event.eachText(visit),
    });
  };
  happen(1, "su");
  happen(2, "su");
  store.swap({ sigma: engine(other, correlation.replace("title: Often", "title: Renamed"), rule), digest: "2" });
  happen(3, "id");
  happen(4, "su");
  expect(hits.map(({ rule: { title, level, category } }) => [title, level, category])).toEqual([
    ["Id", "medium", undefined],
    ["Renamed", "high", undefined],
  ]);
  expect(hits[1]).toMatchObject({ engine: "sigma" });
  expect(hits[1]!.matches).toEqual([
    { selection: "group-by", field: "User", modifier: "", pattern: "", value: "root" },
    { selection: "condition", field: "", modifier: "event_count", pattern: "gte 3", value: "3" },
    ...[1, 2, 4].map((second) => {
      return { selection: "event", field: "", modifier: "", pattern: "su", value: `1970-01-01T00:00:0${second}.000Z` };
    }),
  ]);
});
