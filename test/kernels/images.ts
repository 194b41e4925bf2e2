// Debian's own kernels for the kernel matrix: the newest package of a series, downloaded with apt-get, unpacked under build/ and
// never installed. Kept there by package name, so that a second run fetches nothing.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BuildError, root, run } from "../../native/build-steps.ts";

/** The kernels that the agent is tried on besides the host's, by series; each names Debian's package of the newest one. */
export const kernelPackages = {
  "6.1": "linux-image-cloud-amd64",
  "6.12": "linux-image-6.12-cloud-amd64",
} as const;

export type KernelSeries = keyof typeof kernelPackages;

/** Ending of a folder that is still being filled, or was when someone stopped it. */
const unfinished = ".tmp";

/** The path of a bootable kernel image of the series; throws with the reason when it cannot be had. */
export async function kernelImage(series: KernelSeries): Promise<string> {
  const store = join(root, "build/kernels");
  const known = existsSync(store)
    ? readdirSync(store).find((name) => name.startsWith(`linux-image-${series}.`) && !name.endsWith(unfinished))
    : undefined;
  return imageIn(join(store, known ?? (await download(series, store))));
}

/** Why there is no such kernel to boot, as a test's obstacle; downloads it when that has not been done. */
export async function needsKernel(series: KernelSeries): Promise<string | undefined> {
  try {
    await kernelImage(series);
    return undefined;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return `needs Debian's kernel ${series}: ${error.message.split("\n")[0]}`;
  }
}

async function download(series: KernelSeries, store: string): Promise<string> {
  const depends = await run(["apt-cache", "depends", "--important", kernelPackages[series]]);
  const name = /^\s*\|?Depends: (linux-image-\S+)/m.exec(depends)?.[1];
  if (name === undefined || !name.startsWith(`linux-image-${series}.`)) {
    throw new BuildError(`${kernelPackages[series]} names no kernel ${series}; apt-get update may help`);
  }
  const landing = join(store, `${name}${unfinished}`);
  rmSync(landing, { recursive: true, force: true });
  mkdirSync(join(landing, "root"), { recursive: true });
  await run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name], { cwd: landing });
  const archive = readdirSync(landing).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new BuildError(`apt-get download ${name} left no package`);
  await run(["dpkg", "-x", join(landing, archive), join(landing, "root")]);
  rmSync(join(landing, archive));
  rmSync(join(store, name), { recursive: true, force: true });
  renameSync(landing, join(store, name));
  return name;
}

function imageIn(folder: string): string {
  const boot = join(folder, "root/boot");
  const image = existsSync(boot) ? readdirSync(boot).find((name) => name.startsWith("vmlinuz-")) : undefined;
  if (image === undefined) throw new BuildError(`${folder} holds no kernel image`);
  return join(boot, image);
}
