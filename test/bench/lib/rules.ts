// The rule sets that benchmarks compare: the starter rules inside the binary, and every rule of SigmaHQ for Linux.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../native/build-steps.ts";
import { sharedData } from "../../data.ts";

/** Folders named `linux`, and files elsewhere whose log source names Linux. Empty when the data set is not there. */
export function sigmaHqLinux(): string[] {
  const folder = sharedData("sigma");
  if (folder === undefined) return [];
  const paths: string[] = [];
  const walk = (below: string): void => {
    for (const entry of readdirSync(below, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(below, entry.name);
      if (entry.isDirectory() && entry.name === "linux") paths.push(path);
      else if (entry.isDirectory()) walk(path);
      else if (/\.ya?ml$/.test(entry.name) && /^\s+product:\s*['"]?linux\b/m.test(readFileSync(path, "utf8")))
        paths.push(path);
    }
  };
  walk(folder);
  return paths;
}

/** The sources of the rules inside the binary. */
export const starterRules: string = join(root, "rules/sigma");

export interface RuleSet {
  readonly name: "starter rules" | "all Linux SigmaHQ rules";
  /** For the agent's `--rules`; undefined: the rules inside the binary. */
  readonly paths: readonly string[] | undefined;
}

export function ruleSets(): RuleSet[] {
  return [
    { name: "starter rules", paths: undefined },
    { name: "all Linux SigmaHQ rules", paths: sigmaHqLinux() },
  ];
}
