// The same rules over the same files, by native yara and by a scan worker: shared by the benchmark and the test of parity.

import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileYara, type YaraSet, yaraSet } from "../../../src/control/scan/mod.ts";
import { WorkerProcess } from "../../../src/control/scan/worker-process.ts";
import { type Externals, externalNames } from "../../../src/detect/yara/mod.ts";

/** Programs and libraries of this machine, chosen by their names alone, so that two runs on one machine are alike. */
export function machineFiles(
  bytesMax: number,
  sizeMaxBytes = 20e6,
): { readonly paths: string[]; readonly bytes: number } {
  const all = ["/usr/bin", "/usr/lib/x86_64-linux-gnu"].flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
  const order = (path: string): bigint => Bun.hash.xxHash64(path) as bigint;
  all.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const paths: string[] = [];
  let bytes = 0;
  for (const path of all) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.size === 0 || stat.size > sizeMaxBytes) continue;
    if (bytes + stat.size > bytesMax) break;
    paths.push(path);
    bytes += stat.size;
  }
  return { paths, bytes };
}

/** Rule files below a folder, in order of name. */
export function ruleFiles(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => /\.yara?$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

export function setOf(files: readonly string[]): YaraSet {
  return yaraSet(
    files.map((file, index) => ({
      ...{ namespace: `n${index}`, file, name: `n${index}.yar`, text: readFileSync(file, "utf8") },
      read: () => "not read here",
    })),
  );
}

const noExternals = Object.fromEntries(externalNames.map((name) => [name, ""])) as Externals;

/** `path rule`, sorted, each once. */
export type Hits = readonly string[];

export interface Measured {
  readonly hits: Hits;
  readonly seconds: number;
}

/** By one process of native yara, rules compiled before. */
export function scanNatively(files: readonly string[], paths: readonly string[]): Measured {
  const folder = mkdtempSync(join(tmpdir(), "sigil-yara-"));
  try {
    const compiled = join(folder, "rules.yac");
    const list = join(folder, "list");
    writeFileSync(list, `${paths.join("\n")}\n`);
    const variables = externalNames.flatMap((name) => ["-d", `${name}=`]);
    const inputs = files.map((file, index) => `n${index}:${file}`);
    const built = Bun.spawnSync(["yarac", "-w", ...variables, ...inputs, compiled]);
    if (built.exitCode !== 0) throw new Error(`yarac: ${built.stderr.toString().slice(0, 500)}`);
    const began = performance.now();
    const { stdout, stderr, exitCode } = Bun.spawnSync(["yara", "-C", "-p", "1", "-w", compiled, "--scan-list", list]);
    const seconds = (performance.now() - began) / 1000;
    if (exitCode !== 0) throw new Error(`yara: ${stderr.toString().slice(0, 500)}`);
    const lines = stdout
      .toString()
      .split("\n")
      .filter((line) => line !== "");
    const hits = lines.map((line) => `${line.slice(line.indexOf(" ") + 1)} ${line.slice(0, line.indexOf(" "))}`);
    return { hits: [...new Set(hits)].sort(), seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface WorkerMeasured extends Measured {
  /** Compiling and taking the snapshot, in a worker of its own. */
  readonly compileSeconds: number;
  readonly snapshotBytes: number;
  /** From asking a started worker to take the snapshot to the end of its first scan. */
  readonly restoreMs: number;
  /** From nothing to a started worker. */
  readonly startMs: number;
  readonly peakBytes: number;
}

/** By one scan worker, every byte scanned, one file after the other. */
export async function scanInWorker(set: YaraSet, paths: readonly string[]): Promise<WorkerMeasured> {
  const compiled = await compileYara(set, undefined, 2 ** 32);
  const { snapshot } = compiled;
  if (snapshot === undefined) throw new Error("Cannot scan: no rule was compiled");
  let began = performance.now();
  const worker = await WorkerProcess.start({ yara: true, memoryMaxBytes: 2 ** 32, nice: 0 });
  const startMs = performance.now() - began;
  let peakBytes = 0;
  const scan = async (path: string): Promise<string[]> => {
    const fd = openSync(path, "r");
    try {
      const request = {
        type: "scan",
        externals: noExternals,
        sizeMaxBytes: 2 ** 30,
        hashes: [],
        archives: false,
      } as const;
      const answer = await worker.ask(request, 300_000, [fd]);
      if (answer.type !== "scanned") throw new Error(`${path}: ${answer.type}`);
      peakBytes = answer.peakBytes;
      return answer.findings.map(({ rule }) => `${path} ${rule}`);
    } finally {
      closeSync(fd);
    }
  };
  try {
    began = performance.now();
    const { digest: rulesDigest, sizeBytes, descriptor } = snapshot;
    const restored = await worker.ask({ type: "restore", rulesDigest, sizeBytes }, 60_000, [descriptor]);
    if (restored.type !== "restored" || restored.error !== "") throw new Error("Cannot restore the snapshot");
    await scan(paths[0]!);
    const restoreMs = performance.now() - began;
    began = performance.now();
    const hits: string[] = [];
    for (const path of paths) hits.push(...(await scan(path)));
    const seconds = (performance.now() - began) / 1000;
    const figures = { seconds, compileSeconds: compiled.milliseconds / 1000, snapshotBytes: sizeBytes };
    return { ...figures, hits: [...new Set(hits)].sort(), restoreMs, startMs, peakBytes };
  } finally {
    closeSync(snapshot.descriptor);
    worker.kill();
    await worker.gone;
  }
}
