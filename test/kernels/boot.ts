// Boots a kernel of the matrix by hand, with a shell on the console: bun test/kernels/boot.ts 6.1. `sh /scene.sh sigil-scene` plays
// the scene there; leave with `exit`, or Ctrl-A X.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { machineCommand, prepareGuest } from "./guest.ts";
import { type KernelSeries, kernelPackages } from "./images.ts";
import { stageRoot } from "./stage.ts";

const series = process.argv[2] ?? "";
if (!Object.hasOwn(kernelPackages, series)) {
  process.stderr.write(`Which kernel? One of ${Object.keys(kernelPackages).join(", ")}\n`);
  process.exit(64);
}
mkdirSync(stageRoot, { recursive: true });
const folder = mkdtempSync(join(stageRoot, "boot-"));
try {
  const { image, initramfs } = await prepareGuest(series as KernelSeries, folder);
  const command = machineCommand(image, initramfs, ["mon:stdio"], "sigil.shell");
  process.exitCode = await Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"] }).exited;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
