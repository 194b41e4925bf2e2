// Digests: what a scan worker does in its lane for digests, against coreutils, on the same files in the same run. One process each, files
// in the page cache.
//
//   npm run bench -- hash

import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { HashName } from "../../src/control/scan/mod.ts";
import { WorkerProcess } from "../../src/control/scan/worker-process.ts";
import { needsProgram } from "../needs.ts";
import { benchmark, InvalidMeasurement } from "./lib/report.ts";

const sets: readonly (readonly [string, readonly HashName[]])[] = [
  ["sha256sum", ["sha256"]],
  ["sha1sum", ["sha1"]],
  ["md5sum", ["md5"]],
];
const rounds = 5;

/** Programs of this machine, the largest first, a quarter of a gigabyte at most. */
function corpus(): { readonly paths: string[]; readonly bytes: number } {
  const folder = "/usr/bin";
  const all = readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat?.isFile() === true ? [{ path, size: stat.size }] : [];
    })
    .sort((a, b) => b.size - a.size);
  const paths: string[] = [];
  let bytes = 0;
  for (const { path, size } of all) {
    if (bytes + size > 256 * 1024 * 1024) continue;
    paths.push(path);
    bytes += size;
  }
  return { paths, bytes };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

await benchmark(
  "hash",
  sets.map(([program]) => needsProgram(program)),
  async () => {
    const { paths, bytes } = corpus();
    const worker = await WorkerProcess.start({ yara: false, memoryMaxBytes: 2 ** 31, nice: 0 });
    const figures: Record<string, number> = { files: paths.length, megabytes: bytes / 1e6 };
    const digest = async (path: string, hashes: readonly HashName[]): Promise<string> => {
      const fd = openSync(path, "r");
      const answer = await worker.ask({ type: "hash", sizeMaxBytes: Number.MAX_SAFE_INTEGER, hashes }, 60_000, [fd]);
      closeSync(fd);
      if (answer.type !== "scanned") throw new InvalidMeasurement(`${path}: ${answer.type}`);
      return Object.values(answer.hash).join(" ");
    };
    try {
      for (const [program, hashes] of sets) {
        const native: number[] = [];
        const ours: number[] = [];
        let expected = "";
        let found = "";
        for (let round = 0; round < rounds; round++) {
          let began = performance.now();
          const { stdout } = Bun.spawnSync([program, ...paths]);
          native.push(performance.now() - began);
          expected = stdout.toString().replace(/^\\?([0-9a-f]+) .*$/gm, "$1");
          began = performance.now();
          const lines: string[] = [];
          for (const path of paths) lines.push(await digest(path, hashes));
          ours.push(performance.now() - began);
          found = `${lines.join("\n")}\n`;
        }
        if (found !== expected) throw new InvalidMeasurement(`${program} and the worker do not agree`);
        const [theirs, mine] = [bytes / 1000 / median(native), bytes / 1000 / median(ours)];
        console.log(
          `${program.padEnd(10)} ${theirs.toFixed(0).padStart(6)} MB/s   worker ${mine.toFixed(0).padStart(6)} MB/s   ${(mine / theirs).toFixed(2)}x`,
        );
        figures[`${program} MB/s`] = theirs;
        figures[`worker ${hashes[0]} MB/s`] = mine;
        figures[`${hashes[0]} ratio`] = mine / theirs;
      }
      const began = performance.now();
      for (const path of paths) await digest(path, ["md5", "sha1", "sha256"]);
      figures["all three MB/s"] = bytes / 1000 / (performance.now() - began);
      console.log(`all three in one read: ${figures["all three MB/s"].toFixed(0)} MB/s`);
    } finally {
      worker.kill();
      await worker.gone;
    }
    return figures;
  },
);
