// The Bun executable that carries the agent of a target. Those of this machine are in node_modules (npm ci checked them against the
// lock file); others are fetched with npm pack and checked against the digests below.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BuildError, root, run, say } from "./build-steps.ts";

/** npm's own integrity value (SHA-512 of the tarball) for what is not in package-lock.json. */
const pinned: Record<string, { version: string; integrity: string }> = {
  "@oven/bun-linux-aarch64": {
    version: "1.4.5",
    integrity: "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
  },
};

/** The path of the runtime, fetched when it is not there. */
export async function runtimeFor(packageName: string): Promise<string> {
  const installed = join(root, "node_modules", packageName, "bin/bun");
  if (existsSync(installed)) return installed;
  const pin = pinned[packageName];
  if (pin === undefined) {
    throw new BuildError(
      `${packageName} is not installed; npm ci leaves it out with --omit=optional or on another platform`,
    );
  }
  const folder = join(root, "build/runtimes", `${packageName.replace("/", "+")}-${pin.version}`);
  const executable = join(folder, "package/bin/bun");
  if (existsSync(executable)) return executable;
  say(`fetching ${packageName} ${pin.version}`);
  const landing = `${folder}.tmp`;
  rmSync(landing, { recursive: true, force: true });
  mkdirSync(landing, { recursive: true });
  await run(["npm", "pack", "--loglevel=error", "--pack-destination", landing, `${packageName}@${pin.version}`]);
  const tarball = readdirSync(landing).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new BuildError(`npm pack ${packageName} left no tarball`);
  const digest = createHash("sha512")
    .update(readFileSync(join(landing, tarball)))
    .digest("base64");
  if (`sha512-${digest}` !== pin.integrity) {
    throw new BuildError(`${packageName} ${pin.version} has integrity sha512-${digest}, pinned is ${pin.integrity}`);
  }
  await run(["tar", "--no-same-owner", "-xzf", join(landing, tarball), "-C", landing]);
  rmSync(join(landing, tarball));
  rmSync(folder, { recursive: true, force: true });
  renameSync(landing, folder);
  if (!existsSync(executable)) throw new BuildError(`${packageName} holds no bin/bun`);
  return executable;
}
