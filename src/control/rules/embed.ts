// Turns the folder `rules/` of the repository into the module that carries the rules inside the binary. Build time only.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type RuleKind, ruleKind } from "./load.ts";

/** Kinds of rules that ship inside the binary. */
const embeddedKinds: ReadonlySet<RuleKind | undefined> = new Set<RuleKind>(["sigma", "ioc", "yara"]);

/** Path (from `root`) and text of `embedded.gen.ts`: every rule below `rules/`, in order of path, the same on every machine. */
export function embeddedRulesFile(root: string): { readonly path: string; readonly text: () => string } {
  return {
    path: "src/control/rules/embedded.gen.ts",
    text: () => {
      const entries = rulePaths(join(root, "rules"), "").map((path) => {
        const text = readFileSync(join(root, "rules", path), "utf8");
        return `  { path: ${JSON.stringify(path)}, text: ${JSON.stringify(text)} },\n`;
      });
      return [
        "// Made from rules/ by src/control/rules/embed.ts; do not edit.\n\n",
        "/** The rules that ship inside the binary: path below rules/ with forward slashes, and the text of the file. */\n",
        "export const embeddedRules: readonly { readonly path: string; readonly text: string }[] = [\n",
        ...entries,
        "];\n",
      ].join("");
    },
  };
}

/** The same for the tests beside them: `agent rules test` runs them without a folder at hand. */
export function embeddedTestsFile(root: string): { readonly path: string; readonly text: () => string } {
  return {
    path: "src/control/rules/embedded-tests.gen.ts",
    text: () => {
      const folder = join(root, "rules");
      const entries = rulePaths(folder, "").flatMap((path) => {
        const tests = path.replace(/\.yml$/, ".tests.yml");
        if (tests === path || !existsSync(join(folder, tests))) return [];
        const text = readFileSync(join(folder, tests), "utf8");
        return [`  { path: ${JSON.stringify(tests)}, text: ${JSON.stringify(text)} },\n`];
      });
      return [
        "// Made from rules/ by src/control/rules/embed.ts; do not edit.\n\n",
        "/** The tests of the rules that ship inside the binary: path below rules/ with forward slashes, and the text of the file. */\n",
        "export const embeddedTests: readonly { readonly path: string; readonly text: string }[] = [\n",
        ...entries,
        "];\n",
      ].join("");
    },
  };
}

function rulePaths(folder: string, prefix: string): string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = prefix + entry.name;
    if (entry.isDirectory()) paths.push(...rulePaths(join(folder, entry.name), `${path}/`));
    else if (entry.isFile() && embeddedKinds.has(ruleKind(entry.name))) paths.push(path);
  }
  return paths.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
