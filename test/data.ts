// Where tests find the recorded data that lies beside the repository and is never copied into it.

import { existsSync } from "node:fs";
import { join } from "node:path";

export const sharedDataFolder: string = join(import.meta.dir, "../../shared/data");

/**
 * The path of a data set (`sigma`, `evtx` …) beside the repository, or undefined when it is not there: the test then says so and is
 * skipped. In CI the data must be there, and its absence throws.
 */
export function sharedData(name: string): string | undefined {
  const path = join(sharedDataFolder, name);
  if (existsSync(path)) return path;
  if (process.env.CI === "true")
    throw new Error(`CI=true and the data set ${name} is not beside the repository (../shared/data)`);
  return undefined;
}
