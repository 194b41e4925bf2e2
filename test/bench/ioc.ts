// What indicators cost: loading two million names (time, and memory of the process), and looking an event up in them, against the
// plain ways to do the same in the same run: a Set of strings asked for the name and each of its suffixes, and a search through all
// of a thousand names, which is how lists are often done.
//
//   bun test/bench/ioc.ts [--names 2000000] [--turns 15]

import { IndicatorBuilder, IocEngine, readIndicatorFile } from "../../src/detect/mod.ts";
import { type FieldObject, FieldTable, type NormalizedEvent, sourceId } from "../../src/event/mod.ts";
import { benchmark, InvalidMeasurement, numberArgument, printTable, shown } from "./lib/report.ts";
import { estimate, median, seededRandom } from "./lib/stats.ts";

const names = numberArgument("names", 2_000_000);
const turns = numberArgument("turns", 15);
const lookups = 200_000;
const linearNames = 1_000;
const MB = 1e6;

const random = seededRandom(7);
const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const word = (length: number): string =>
  Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join("");

/** Names as lists have them: 20 characters on average, a fifth of them below a common domain. */
function nameList(): string[] {
  const parents = Array.from({ length: 500 }, () => `${word(8)}.example`);
  return Array.from({ length: names }, (_, i) =>
    i % 5 === 0 ? `${word(9)}.${parents[i % parents.length]}` : `${word(12)}.${i % 3 === 0 ? "com" : "example"}`,
  );
}

await benchmark("ioc", [], async () => {
  const list = nameList();
  const bytes = Buffer.from(list.join("\n"));
  const queries = Array.from({ length: 4_096 }, (_, i) => `www.${word(10)}.cdn${i % 9}.${word(9)}.com`);
  const lines = Array.from(
    { length: 512 },
    () =>
      `/usr/bin/python3 -m pip install --index-url https://${word(6)}.example.org/simple ${word(8)}==2.31.0 /opt/a.b/c.py`,
  );

  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const began = performance.now();
  const builder = new IndicatorBuilder();
  const { taken } = readIndicatorFile(builder, { path: "domains.txt", bytes }, { level: "high" }, 0);
  const set = builder.finish();
  const loadMs = performance.now() - began;
  Bun.gc(true);
  const memoryMB = (process.memoryUsage.rss() - before) / MB;
  if (taken < names * 0.999) throw new InvalidMeasurement(`${taken} of ${names} names were taken`);

  const setBegan = performance.now();
  const plain = new Set(bytes.toString().split("\n"));
  const setLoadMs = performance.now() - setBegan;
  const few = list.slice(0, linearNames);

  const slots = new FieldTable();
  const engine = new IocEngine(set, slots);
  let hits = 0;
  const run = (field: string, values: readonly string[], count: number): number => {
    const fields: Record<string, string> = {};
    const slot = slots.slot(field);
    const event: NormalizedEvent = {
      kind: field === "QueryName" ? "dns_query" : "process_start",
      source: sourceId("linux/process_creation"),
      timeMs: 0,
      get: (wanted) => (wanted === slot ? (fields as FieldObject)[field] : undefined),
      eachText: () => {},
    };
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      fields[field] = values[i % values.length]!;
      engine.match(event, () => hits++);
    }
    return ((performance.now() - start) / count) * 1e6;
  };
  const runSet = (): number => {
    const start = performance.now();
    for (let i = 0; i < lookups; i++) {
      let name = queries[i % queries.length]!;
      for (let dot = 0; dot !== -1; dot = name.indexOf(".")) {
        if (dot > 0) name = name.slice(dot + 1);
        if (plain.has(name)) hits++;
      }
    }
    return ((performance.now() - start) / lookups) * 1e6;
  };
  const runLinear = (): number => {
    const count = lookups / 100;
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const name = queries[i % queries.length]!;
      for (const one of few) if (name.endsWith(one)) hits++;
    }
    return ((performance.now() - start) / count) * 1e6;
  };

  const miss: number[] = [];
  const hit: number[] = [];
  const text: number[] = [];
  const viaSet: number[] = [];
  const linear: number[] = [];
  for (let turn = 0; turn < turns + 3; turn++) {
    const found = hits;
    const figures = [
      run("QueryName", queries, lookups),
      run("CommandLine", lines, lookups / 10),
      runSet(),
      runLinear(),
    ];
    if (hits !== found) throw new InvalidMeasurement("a name that is in no list was found");
    const hitNs = run("QueryName", list.slice(turn * 1_000, turn * 1_000 + 1_000), 20_000);
    if (hits - found !== 20_000) throw new InvalidMeasurement(`${hits - found} of 20000 listed names were found`);
    if (turn < 3) continue;
    for (const [index, into] of [miss, text, viaSet, linear].entries()) into.push(figures[index]!);
    hit.push(hitNs);
  }
  const ratio = estimate(viaSet.map((ns, i) => ns / miss[i]!));
  const linearRatio = estimate(linear.map((ns, i) => ns / miss[i]!));
  const of = (values: readonly number[]) => estimate(values);
  printTable(
    ["what", "ns"],
    [
      ["event with a name that is in no list", shown(of(miss))],
      ["event with a name that is", shown(of(hit))],
      ["command line of 100 characters", shown(of(text))],
      [`Set of ${names} strings, asked for each suffix`, shown(of(viaSet))],
      [`search through ${linearNames} names`, shown(of(linear))],
    ],
  );
  console.log(
    `load of ${names} names: ${loadMs.toFixed(0)} ms (aim < 1500), ${memoryMB.toFixed(0)} MB (aim < 300); as a Set ${setLoadMs.toFixed(0)} ms`,
  );
  console.log(
    `against a Set: ${shown(ratio)} times as fast; against ${linearNames} names searched: ${shown(linearRatio)}`,
  );
  return {
    loadMs,
    memoryMB,
    missNs: of(miss),
    hitNs: of(hit),
    textNs: of(text),
    setRatio: ratio,
    linearRatio,
    aimsMet: loadMs < 1_500 && memoryMB < 300 && median(miss) < 1_000,
  };
});
