// Boots a kernel with the scene's root under software emulation and takes what the scene left; or plays the scene on the host's
// own kernel in a chroot. Every run has a deadline, and ends
// with the process that started it.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { type KernelSeries, kernelImage } from "./images.ts";
import { overlayModule, stage, stageRoot, writeFolder, writeInitramfs } from "./stage.ts";

/** What a played scene left. */
export interface Played {
  /** The beginning of every token. */
  readonly token: string;
  /** Files of the scene's /tmp by name. */
  readonly files: ReadonlyMap<string, string>;
  /** From the start of the machine to its end. */
  readonly totalMs: number;
}

/**
 * A guest needs some 25 s on an idle machine with two cores, boot included, and seven times as long on one with six times more work than
 * processors. They run side by side: the longest stays well within the suite's 15 minutes.
 */
export const guestTimeoutMs = 420_000;
export const hostTimeoutMs = 180_000;
const memoryMiB = 1024;
const consoleKeptMaxChars = 8_192;

const agent = join(root, "dist/agent");

/** Command line of QEMU for a kernel; both serial ports go to files. Without KVM: a guest of a guest starts nowhere else. */
export function machineCommand(image: string, initramfs: string, serial: readonly string[], words = ""): string[] {
  return [
    ...["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", String(memoryMiB)],
    ...["-nographic", "-no-reboot", "-nic", "none", "-monitor", "none"],
    ...serial.flatMap((port) => ["-serial", port]),
    ...["-kernel", image, "-initrd", initramfs],
    ...["-append", `console=ttyS0 panic=-1 quiet lsm=lockdown,capability,bpf ${words}`.trim()],
  ];
}

/** Writes the initramfs of a series; `folder` must exist. */
export async function prepareGuest(
  series: KernelSeries,
  folder: string,
): Promise<{ image: string; initramfs: string }> {
  const image = await kernelImage(series);
  const initramfs = join(folder, "initramfs");
  writeInitramfs(await stage(agent, folder, await overlayModule(join(image, "../.."))), initramfs);
  return { image, initramfs };
}

/** Boots the series' kernel, plays the scene, and returns what it left. Throws with the console when the guest does not finish. */
export async function playInGuest(series: KernelSeries): Promise<Played> {
  return inFolder(`guest-${series}-`, async (folder) => {
    const { image, initramfs } = await prepareGuest(series, folder);
    const [console, results] = [join(folder, "console"), join(folder, "results")];
    const totalMs = await ended(
      machineCommand(image, initramfs, [`file:${console}`, `file:${results}`]),
      guestTimeoutMs,
      () => tail(console),
    );
    return { token: "sigil-scene", files: unpack(results, () => tail(console)), totalMs };
  });
}

/** Plays the scene on this machine's kernel, in a chroot and a mount namespace of its own. */
export async function playOnHost(): Promise<Played> {
  return inFolder("host-", async (folder) => {
    const place = join(folder, "root");
    writeFolder(await stage(agent, folder), place);
    const token = `sigil-scene-${crypto.randomUUID().slice(0, 8)}`;
    const script = `
      set -e
      cd "$0"
      mount --rbind /dev dev; mount -t proc proc proc; mount -t sysfs sysfs sys
      mount -t cgroup2 cgroup2 sys/fs/cgroup
      for place in tmp srv layers; do mount -t tmpfs tmpfs $place; done
      /bin/busybox chroot . /bin/busybox --install -s /bin
      status=0
      /bin/busybox chroot . /bin/busybox env -i PATH=/bin sh /scene.sh "$1" >tmp/output 2>&1 || status=$?
      tar -cz -C tmp facts endings truth.ndjson alerts.ndjson agent.log network output >"$2"
      exit $status`;
    const results = join(folder, "results");
    const command = ["unshare", "--mount", "sh", "-c", script, place, token, results];
    const totalMs = await ended(command, hostTimeoutMs, () => "");
    return { token, files: unpack(results, () => ""), totalMs };
  });
}

/** A folder of a test that was killed holds 120 MB. None is in use for as long as this, unless somebody sits in a guest's shell. */
const leftoverAgeMs = 24 * 3_600_000;

function removeLeftovers(): void {
  for (const name of readdirSync(stageRoot)) {
    const path = join(stageRoot, name);
    // Another test may remove its own meanwhile.
    const info = statSync(path, { throwIfNoEntry: false });
    if (info !== undefined && Date.now() - info.mtimeMs > leftoverAgeMs) rmSync(path, { recursive: true, force: true });
  }
}

async function inFolder<T>(prefix: string, body: (folder: string) => Promise<T>): Promise<T> {
  mkdirSync(stageRoot, { recursive: true });
  removeLeftovers();
  const folder = mkdtempSync(join(stageRoot, prefix));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs a command to its end and returns how long it took; whatever its status, what it left says how it went. It is killed at the
 * deadline, with all that it started, and when this process dies.
 */
async function ended(command: readonly string[], timeoutMs: number, context: () => string): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...command], {
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  let isLate = false;
  const kill = (): void => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nobody of its group is left.
    }
  };
  process.on("exit", kill);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  try {
    await child.exited;
  } finally {
    clearTimeout(timer);
    process.off("exit", kill);
  }
  if (isLate) throw new Error(`The scene did not end within ${timeoutMs / 1000} s\n${context()}`);
  return performance.now() - startedMs;
}

function unpack(archive: string, context: () => string): ReadonlyMap<string, string> {
  const tar = (...args: string[]) => Bun.spawnSync(["tar", ...args], { timeout: 30_000, maxBuffer: 256 * 1024 * 1024 });
  const list = tar("-tzf", archive);
  const names = list.stdout.toString().split("\n").filter(Boolean);
  if (list.exitCode !== 0 || names.length === 0)
    throw new Error(`The scene left nothing: ${list.stderr.toString().trim()}\n${context()}`);
  return new Map(names.map((name) => [name, tar("-xzOf", archive, name).stdout.toString()]));
}

function tail(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(-consoleKeptMaxChars);
  } catch {
    return "";
  }
}
