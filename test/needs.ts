// What a test needs of the machine, checked by probes, so that a test that cannot run says why by name instead of failing or
// vanishing: `npm test` lists it, and with CI=true it is an error.

import { describe, test } from "bun:test";
import { accessSync, constants, existsSync } from "node:fs";
import { sharedDataFolder } from "./data.ts";

/** Why something cannot run here, or undefined when it can. */
export type Obstacle = string | undefined;

export function needsRoot(): Obstacle {
  return process.getuid?.() === 0 ? undefined : "needs root";
}

/** Root on a kernel that describes its types and takes eBPF programs. */
export function needsBpf(): Obstacle {
  if (!existsSync("/sys/kernel/btf/vmlinux")) return "needs a kernel with BTF (/sys/kernel/btf/vmlinux)";
  return needsRoot();
}

export function needsProgram(name: string): Obstacle {
  return Bun.which(name) === null ? `needs the program ${name}` : undefined;
}

export function needsFile(path: string): Obstacle {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch {
    return `needs ${path}`;
  }
}

/** A data set beside the repository (../shared/data). */
export function needsData(name: string): Obstacle {
  return existsSync(`${sharedDataFolder}/${name}`) ? undefined : `needs the data set ${name} in ../shared/data`;
}

/** `describe`, when nothing stands in the way. */
export function describeWhere(name: string, obstacles: readonly Obstacle[], body: () => void): void {
  const reasons = [...new Set(obstacles.filter((it) => it !== undefined))];
  if (reasons.length === 0) {
    describe(name, body);
  } else if (process.env.CI === "true") {
    test(`${name} can run here`, () => {
      throw new Error(`CI=true, and ${reasons.join(", ")}`);
    });
  } else {
    test.skip(`${name} (cannot run here: ${reasons.join(", ")})`, () => {});
  }
}
