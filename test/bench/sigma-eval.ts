// What one Linux exec event costs in the Sigma engine: all SigmaHQ rules that see Linux process starts (those
// for the whole product too, which search keywords) on synthetic but varied command lines (a build, a package installation, an administrator at work, cron, containers). Prints µs per event.
//
//   bun test/bench/sigma-eval.ts [folder of rules]

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, interpret, NameSlots, parseSigma, type RuleIr } from "../../src/detect/sigma/mod.ts";
import { createCatalogue, sourceId } from "../../src/event/mod.ts";
import { sharedData } from "../data.ts";
import { execEvents } from "./lib/linux-exec.ts";

const folder = process.argv[2] ?? sharedData("sigma");
if (folder === undefined) {
  console.error("No rules: ../shared/data/sigma is not there, and no folder was given.");
  process.exit(0);
}

const slots = new NameSlots();
const events = execEvents(20_000, slots);

const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.ya?ml$/.test(file));
const texts = files
  .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }))
  .filter(({ text }) => /product:\s*['"]?linux/.test(text));
const parseStart = performance.now();
const rules: RuleIr[] = texts.flatMap(({ file, text }) => parseSigma(text, file).rules);
const parseMs = performance.now() - parseStart;
const catalogue = createCatalogue({ live: new Set(["linux/process_creation"]), platform: "linux" });
const exec = sourceId("linux/process_creation");
const compileStart = performance.now();
const engine = new Engine(rules, {
  slots,
  route: (logsource) => catalogue.route(logsource),
  fieldReason: (source, field) => catalogue.fieldReason(source, field),
});
engine.warm();
const compileMs = performance.now() - compileStart;

let matches = 0;
const count = (): void => {
  matches++;
};
function round(): number {
  const start = performance.now();
  for (const event of events) engine.evaluate(exec, event, count);
  return ((performance.now() - start) * 1000) / events.length;
}
const first = round();
const rounds: number[] = [];
for (let i = 0; i < 15; i++) {
  rounds.push(round());
}
rounds.sort((a, b) => a - b);

const inert = new Set(engine.inert.map(({ id }) => id));
const routed = rules.filter(({ id }) => !inert.has(id));
let wrong = 0;
for (const event of events.slice(0, 2_000)) {
  const found = new Set<RuleIr>();
  engine.evaluate(exec, event, (rule) => found.add(rule));
  for (const rule of routed) {
    if (interpret(rule, event, slots) !== found.has(rule)) wrong++;
  }
}

const { stats } = engine;
const perEvent = (stats.checkedCount / (events.length * 16 + 2_000)).toFixed(2);
console.log(
  `rules: ${engine.active} of ${rules.length}, ${stats.generatedCount} generated, ${stats.interpretedCount} interpreted, ${stats.openCount} open`,
);
console.log(
  `parse ${parseMs.toFixed(1)} ms (${texts.length} files), compile ${compileMs.toFixed(1)} ms, tables ${(stats.tableBytes / 1024).toFixed(0)} KiB`,
);
console.log(
  `first pass ${first.toFixed(2)} µs/event; then median ${rounds[7]!.toFixed(2)}, best ${rounds[0]!.toFixed(2)}, worst ${rounds.at(-1)!.toFixed(2)} µs/event`,
);
console.log(
  `${perEvent} rules looked at per event; ${matches} matches; ${wrong} verdicts differ from the interpreter, ${stats.faultCount} faults`,
);
if (wrong > 0 || stats.faultCount > 0) process.exit(1);
