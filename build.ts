// Builds everything: static libraries, eBPF objects, the shim, generated files, dist/agent and its notices. Each step is
// skipped while what it reads is unchanged. Started through bootstrap.mjs, which has installed what this needs:
//   npm run build [-- --target linux-x64|linux-x64-baseline|linux-arm64|windows-x64] [-- --out FOLDER] [-- --native-only]

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { generate } from "./native/build-generated.ts";
import { buildLibraries, type Toolchain } from "./native/build-libraries.ts";
import { thirdPartyNotices } from "./native/build-notices.ts";
import { runtimeFor } from "./native/build-runtime.ts";
import { buildShim, publishShim, shimFile } from "./native/build-shim.ts";
import { fetchSources } from "./native/build-sources.ts";
import { BuildError, filesBelow, root, run, say, step, withBuildLock } from "./native/build-steps.ts";
import packageJson from "./package.json" with { type: "json" };

export interface Target {
  readonly name: string;
  readonly arch: "x64" | "arm64";
  /** The npm package whose Bun executable carries the agent. */
  readonly runtime: string;
  /** Where the executable goes, below the output folder. */
  readonly file: string;
}

/** The first is the default. */
export const targets: readonly Target[] = [
  { name: "linux-x64", arch: "x64", runtime: "@oven/bun-linux-x64", file: "agent" },
  {
    name: "linux-x64-baseline",
    arch: "x64",
    runtime: "@oven/bun-linux-x64-baseline",
    file: "linux-x64-baseline/agent",
  },
  { name: "linux-arm64", arch: "arm64", runtime: "@oven/bun-linux-aarch64", file: "linux-arm64/agent" },
];

const hostArch = process.arch === "arm64" ? "arm64" : "x64";

async function toolchainFor(arch: Target["arch"]): Promise<Toolchain> {
  const prefix = arch === hostArch ? "" : arch === "arm64" ? "aarch64-linux-gnu-" : "x86_64-linux-gnu-";
  const cc = `${prefix}gcc`;
  if (Bun.which(cc) === null) {
    throw new BuildError(
      `${cc} is not installed: npm run build installs it as root (Debian package gcc-${prefix.slice(0, -1)})`,
      77,
    );
  }
  return {
    arch,
    cc,
    ar: `${prefix}ar`,
    objdump: `${prefix}objdump`,
    bpfArch: arch === "x64" ? "x86" : "arm64",
    version: await run([cc, "--version"]),
  };
}

/** The commit that the sources are at; `+changed` when the tree differs from it, `unknown` outside a repository. */
async function commitName(): Promise<string> {
  try {
    const commit = (await run(["git", "rev-parse", "HEAD"])).trim();
    const changes = await run(["git", "status", "--porcelain", "--untracked-files=no"]);
    return changes.trim() === "" ? commit : `${commit}+changed`;
  } catch {
    return "unknown";
  }
}

async function buildNative(target: Target): Promise<void> {
  await fetchSources();
  const toolchain = await toolchainFor(target.arch);
  await generate("native");
  await buildLibraries(toolchain);
  await buildShim(toolchain, "clang-16", "llvm-strip-16");
  if (target.arch === hostArch) publishShim(target.arch);
}

/** Bundles src/main.ts and the worker files into one executable around the target's Bun. */
async function buildAgent(target: Target, outFolder: string): Promise<void> {
  const entry = "src/main.ts";
  if (!existsSync(join(root, entry))) throw new BuildError(`${entry} is missing`);
  const workers = filesBelow("src", (path) => /^src\/[a-z0-9-]+\.worker\.ts$/.test(path));
  const runtime = await runtimeFor(target.runtime);
  const outfile = join(outFolder, target.file);
  const info = {
    version: packageJson.version,
    commit: await commitName(),
    bun: Bun.version,
    target: target.name,
  };
  const notices = thirdPartyNotices();
  const isTest = (path: string): boolean => path.endsWith(".test.ts");
  await step({
    name: `agent ${target.name} ${outFolder}`,
    inputs: [
      ...filesBelow("src", (path) => !isTest(path)),
      ...filesBelow("wasm", (path) => !isTest(path)),
      ...filesBelow("rules", () => true),
      ...["build.ts", "package.json", "package-lock.json", "tsconfig.json", shimFile(target.arch)],
      ...["config.toml"].filter((path) => existsSync(join(root, path))),
    ],
    facts: [runtime, JSON.stringify(info), notices],
    outputs: [outfile],
    run: async () => {
      const partial = join(outFolder, "partial", target.name, "agent");
      mkdirSync(join(partial, ".."), { recursive: true });
      mkdirSync(join(outfile, ".."), { recursive: true });
      const shim = join(root, shimFile(target.arch));
      const result = await Bun.build({
        entrypoints: [entry, ...workers].map((path) => `./${path}`),
        root: "./src",
        target: "bun",
        // esm: with any other format the compiled code keeps the build machine's path in import.meta.url.
        format: "esm",
        minify: true,
        bytecode: true,
        sourcemap: "inline",
        allowUnresolved: [],
        plugins: [
          {
            name: "target",
            setup(builder) {
              // Only matters when cross building: the path that src/ imports holds the shim of the machine that builds.
              builder.onResolve({ filter: /\/libsigil\.so$/ }, () => ({ path: shim }));
              // The committed file stands for a run from source; the tree stays as it is.
              builder.onLoad({ filter: /\/src\/build-info\.gen\.ts$/ }, () => ({
                loader: "ts",
                contents: `export const buildInfo = ${JSON.stringify(info)};`,
              }));
            },
          },
        ],
        // A bunfig.toml or .env in the working directory must not be able to run code as root.
        compile: {
          outfile: partial,
          executablePath: runtime,
          autoloadDotenv: false,
          autoloadBunfig: false,
          autoloadTsconfig: false,
          autoloadPackageJson: false,
        },
        throw: false,
      });
      try {
        if (!result.success) throw new BuildError(`bundling failed\n${result.logs.map(String).join("\n")}`);
        if (target.arch === hostArch) await smoke(partial);
        renameSync(partial, outfile);
      } finally {
        rmSync(join(outFolder, "partial"), { recursive: true, force: true });
      }
      writeFileSync(join(outFolder, "THIRD_PARTY_NOTICES"), notices);
    },
  });
}

/** Before it takes the place of a working one, the finished file must at least start and say what it is. */
async function smoke(outfile: string): Promise<void> {
  const version = await run([outfile, "version"]);
  if (!version.includes(packageJson.version)) throw new BuildError(`${outfile} version printed: ${version}`);
}

interface Order {
  readonly target: Target;
  readonly outFolder: string;
  readonly nativeOnly: boolean;
}

function parseOrder(args: readonly string[]): Order {
  let values: { target?: string; out?: string; "native-only"?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { target: { type: "string" }, out: { type: "string" }, "native-only": { type: "boolean" } },
    }));
  } catch (cause) {
    throw new BuildError((cause as Error).message, 64);
  }
  const name = values.target ?? "linux-x64";
  if (name === "windows-x64")
    throw new BuildError("the target windows-x64 comes with its own issue; nothing was built", 64);
  const target = targets.find((it) => it.name === name);
  if (target === undefined) {
    throw new BuildError(`unknown target ${name}; known: ${targets.map((it) => it.name).join(", ")}, windows-x64`, 64);
  }
  return { target, outFolder: resolve(root, values.out ?? "dist"), nativeOnly: values["native-only"] ?? false };
}

async function main(): Promise<void> {
  const order = parseOrder(process.argv.slice(2));
  process.chdir(root);
  await withBuildLock(async () => {
    await buildNative(order.target);
    if (order.nativeOnly) return;
    await generate("src");
    await buildAgent(order.target, order.outFolder);
  });
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    say(error.message);
    process.exitCode = error.exitCode;
  }
}
