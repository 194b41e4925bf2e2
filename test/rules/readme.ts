// The table of starter rules in rules/README.md, made from the rules: `bun test/rules/readme.ts --write` renews it, a test
// fails when it is stale.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tactics } from "../../src/alert/attack-names.ts";
import { parseSigma } from "../../src/detect/sigma/mod.ts";
import { starterRules } from "./rule-tests.ts";

const path = join(import.meta.dir, "../../rules/README.md");
const begin = "<!-- rules: begin -->\n";
const end = "<!-- rules: end -->";

/** One row a rule, in order of file name. */
export function rulesTable(): string {
  const rows = starterRules().map(({ name, file, text }) => {
    const rule = parseSigma(text, file).rules[0]!;
    const words = rule.tags.map((tag) => tag.replace(/^attack\./, ""));
    const where = words.flatMap((word) => tactics.get(word)?.name ?? []).join(", ");
    const ids = words.filter((word) => /^t\d/.test(word)).map((word) => word.toUpperCase());
    return `| [${name}](sigma/linux/${file}) | ${rule.title} | ${rule.level} | ${where} | ${ids.join(", ")} |\n`;
  });
  return `| rule | title | level | tactics | techniques |\n|---|---|---|---|---|\n${rows.join("")}`;
}

/** The page around the table, and the table as it stands there. */
export function readReadme(): { readonly before: string; readonly table: string; readonly after: string } {
  const text = readFileSync(path, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`Cannot find the table in ${path}`);
  return {
    before: text.slice(0, from + begin.length),
    table: text.slice(from + begin.length, to),
    after: text.slice(to),
  };
}

if (import.meta.main && process.argv.includes("--write")) {
  const { before, after } = readReadme();
  writeFileSync(path, before + rulesTable() + after);
}
