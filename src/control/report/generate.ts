// Bundles what runs inside of a report (page/) into page.gen.ts, or with --check says whether that is stale (exit status 1). A script for
// `npm run build` and `npm run ok`: bun src/control/report/generate.ts [--check]

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dir;
const output = join(folder, "page.gen.ts");

async function bundle(): Promise<string> {
  const result = await Bun.build({
    entrypoints: [join(folder, "page/main.ts")],
    target: "browser",
    format: "iife",
    minify: true,
  });
  const script = (await result.outputs[0]!.text()).trim();
  const style = readFileSync(join(folder, "page/style.css"), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([{};,]) ?/g, "$1")
    .trim();
  // Nothing in either may end the element that it stands in, whatever a minifier does to strings.
  if (/<\/?(?:script|style|!--)/i.test(script + style))
    throw new Error("Cannot embed the page: it would end its own element");
  return [
    "// Made from page/ by src/control/report/generate.ts; do not edit.\n\n",
    `export const pageScript: string = ${JSON.stringify(script)};\n\n`,
    `export const pageStyle: string = ${JSON.stringify(style)};\n`,
  ].join("");
}

const wanted = await bundle();
let found = "";
try {
  found = readFileSync(output, "utf8");
} catch {
  // Absent is stale.
}
if (found !== wanted) {
  if (process.argv.includes("--check")) {
    console.error("src/control/report/page.gen.ts is stale: run bun src/control/report/generate.ts");
    process.exit(1);
  }
  writeFileSync(output, wanted);
  console.error("Wrote src/control/report/page.gen.ts");
}
