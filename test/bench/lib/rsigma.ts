// RSigma, the fastest Sigma engine there is, as a peer to measure against: its released crate, built here by cargo for this very
// processor, and run as its own documentation says.

import { existsSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { root } from "../../../native/build-steps.ts";

export const rsigmaVersion = "0.26.0";

export interface Rsigma {
  readonly path: string;
  readonly version: string;
  readonly build: string;
}

/** The release profile that its own repository builds with (one unit), whole-program optimization on top, and this processor's instructions. */
const buildEnvironment = {
  CARGO_PROFILE_RELEASE_LTO: "fat",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "1",
  RUSTFLAGS: "-C target-cpu=native",
};

/**
 * Builds RSigma below `build/bench` unless that was done before; takes ten minutes on two processors. Without the daemon, which `engine
 * eval` does not use. Gives the reason when it cannot be had.
 */
export async function getRsigma(given: string | undefined): Promise<Rsigma | { readonly missing: string }> {
  const folder = join(root, "build/bench", `rsigma-${rsigmaVersion}`);
  const path = given ?? join(folder, "bin/rsigma");
  if (!existsSync(path)) {
    if (given !== undefined) return { missing: `there is no file ${given}` };
    const cargo = Bun.which("cargo");
    if (cargo === null) return { missing: "cargo is not installed, so that RSigma cannot be built" };
    console.log(`building RSigma ${rsigmaVersion} …`);
    const target = join(root, "build/bench/rsigma-target");
    // The crate states a newer compiler than it needs, and its lock file names packages that mirrors may not have.
    const attempts = [["--locked"], ["--locked", "--ignore-rust-version"], ["--ignore-rust-version"]];
    let output = "";
    for (const flags of attempts) {
      const child = Bun.spawn(
        [
          "nice",
          "-n",
          "10",
          cargo,
          "install",
          "--root",
          folder,
          "--no-default-features",
          ...flags,
          `rsigma@${rsigmaVersion}`,
        ],
        { env: { ...process.env, ...buildEnvironment, CARGO_TARGET_DIR: target }, stdout: "ignore", stderr: "pipe" },
      );
      output = await new Response(child.stderr).text();
      if ((await child.exited) === 0) break;
    }
    rmSync(target, { recursive: true, force: true });
    if (!existsSync(path)) {
      const reason = output.split("\n").find((line) => line.startsWith("error")) ?? "no error was told";
      return { missing: `cargo could not build RSigma: ${reason}` };
    }
  }
  const version = Bun.spawnSync([path, "--version"]).stdout.toString().split("\n")[0]?.trim() ?? "unknown";
  return { path, version, build: given === undefined ? `release, fat LTO, for ${cpus()[0]?.model}` : "as given" };
}

/** A way to run it; which is best depends on the events. */
export interface Variant {
  readonly name: string;
  readonly flags: readonly string[];
}

/** For events that say nothing of their log source. */
export const plainVariants: readonly Variant[] = [
  { name: "no flags", flags: [] },
  {
    name: "--logsource-routing, product given",
    flags: ["--logsource-routing", "--event-logsource", "product=windows"],
  },
  { name: "-p sysmon", flags: ["-p", "sysmon"] },
  { name: "--bloom-prefilter", flags: ["--bloom-prefilter"] },
];

/** For events with product, category and service as fields. */
export const taggedVariants: readonly Variant[] = [
  { name: "no flags", flags: [] },
  { name: "--logsource-routing", flags: ["--logsource-routing"] },
  { name: "--logsource-routing --bloom-prefilter", flags: ["--logsource-routing", "--bloom-prefilter"] },
];

export function rsigmaCommand(
  { path }: Rsigma,
  { flags }: Variant,
  rules: string,
  events: string,
  more: readonly string[] = [],
): string[] {
  const output = ["--quiet", "--output-format", "ndjson", "--input-format", "json"];
  return [path, "engine", "eval", "-r", rules, ...flags, ...output, ...more, "-e", `@${events}`];
}
