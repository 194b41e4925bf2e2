// Writes the generated files of the repository, or with --check says which are stale (exit status 1). A script for
// `npm run ok` and for whoever changed a table: bun src/cli/generate.ts [--check]

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { embeddedRulesFile, embeddedTestsFile } from "../control/rules/mod.ts";
import { generatedFiles } from "./generated.ts";

const root = join(import.meta.dir, "..", "..");
const isCheck = process.argv.includes("--check");
const files = [...generatedFiles, embeddedRulesFile(root), embeddedTestsFile(root)];
let staleCount = 0;

for (const { path, text } of files) {
  const file = join(root, path);
  const wanted = text();
  let found: string | undefined;
  try {
    found = readFileSync(file, "utf8");
  } catch {
    // Absent is stale.
  }
  if (found === wanted) continue;
  staleCount++;
  if (isCheck) {
    console.error(`${path} is stale: run bun src/cli/generate.ts`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  console.error(`Wrote ${path}`);
}
process.exit(isCheck && staleCount > 0 ? 1 : 0);
