// Many scans of small files of changing content through one confined worker: what it holds at most, from one piece of the run to the next.

import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileYara, ScanPool, yaraSet } from "../../../src/control/scan/mod.ts";

export interface ScanSample {
  readonly scans: number;
  /** The most that the worker ever held. */
  readonly workerPeakBytes: number;
  /** What this process holds. */
  readonly ownBytes: number;
  readonly scansPerSecond: number;
}

export interface ScanFlatReport {
  readonly samples: readonly ScanSample[];
  readonly findings: number;
  readonly expectedFindings: number;
  readonly workersStarted: number;
}

export interface ScanFlatOptions {
  readonly scans: number;
  readonly sampleEvery: number;
  readonly random: () => number;
  readonly onSample?: (sample: ScanSample) => void;
}

const memoryMaxBytes = 1024 * 1024 * 1024;
const filesCount = 64;
const fileSizeMaxBytes = 64 * 1024;

/** Rejects when a scan is not answered. */
export async function runScanFlat(options: ScanFlatOptions): Promise<ScanFlatReport> {
  const folder = mkdtempSync(join(tmpdir(), "sigil-scan-flat-"));
  const text = `import "elf"
rule marked : t1 { meta: description = "soak" strings: $a = "evil content" $b = { 7f 45 4c 46 } condition: $a or ($b at 0 and elf.type == 77) }`;
  const set = yaraSet([{ namespace: "soak", file: "soak.yar", name: "soak.yar", text, read: () => "none" }]);
  const pool = new ScanPool({ scanWorkers: 1, hashWorkers: 0, deadlineMs: 60_000, memoryMaxBytes });
  try {
    const { snapshot } = await compileYara(set, undefined, memoryMaxBytes);
    if (snapshot === undefined) throw new Error("Cannot scan: the rules do not compile");
    pool.use(snapshot);
    const files = Array.from({ length: filesCount }, (_, index) => fileOf(folder, index, options.random));
    const samples: ScanSample[] = [];
    let [findings, expectedFindings, beganMs] = [0, 0, performance.now()];
    for (let done = 1; done <= options.scans; done++) {
      const file = files[Math.floor(options.random() * files.length)]!;
      const result = await pool.submit("scan", {
        descriptor: openSync(file.path, "r"),
        request: {
          ...{ type: "scan", sizeMaxBytes: 1024 * 1024, hashes: ["sha256"], archives: true },
          externals: { filename: `file-${done}`, filepath: file.path, extension: "", filetype: "", owner: "root" },
        },
      });
      if (result?.status !== "scanned") throw new Error(`Scan ${done} was not answered: ${result?.reason}`);
      findings += result.answer.findings.length;
      if (file.isMarked) expectedFindings++;
      if (done % options.sampleEvery !== 0) continue;
      const now = performance.now();
      const sample = {
        scans: done,
        workerPeakBytes: (result.answer as unknown as { readonly peakBytes: number }).peakBytes,
        ownBytes: process.memoryUsage.rss(),
        scansPerSecond: Math.round((options.sampleEvery / (now - beganMs)) * 1000),
      };
      beganMs = now;
      samples.push(sample);
      options.onSample?.(sample);
    }
    return { samples, findings, expectedFindings, workersStarted: pool.stats("scan").workersStarted };
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An ELF header or none, noise, and in a third of them what the rule looks for. */
function fileOf(
  folder: string,
  index: number,
  random: () => number,
): { readonly path: string; readonly isMarked: boolean } {
  const bytes = Buffer.alloc(64 + Math.floor(random() * fileSizeMaxBytes));
  for (let at = 0; at < bytes.length; at++) bytes[at] = random() * 256;
  bytes.writeUInt32LE(index % 2 === 0 ? 0x464c457f : 0x20202020, 0);
  const isMarked = random() < 1 / 3;
  if (isMarked) bytes.write("evil content", 32);
  const path = join(folder, `file-${index}`);
  writeFileSync(path, bytes);
  return { path, isMarked };
}

/** What is wrong: a worker or this process that grew in the second half by more than a limit, or rules that did not find what is there. */
export function scanFlatFaults(report: ScanFlatReport, growthMaxBytes: number): string[] {
  const { samples, findings, expectedFindings } = report;
  const faults: string[] = [];
  if (findings !== expectedFindings) faults.push(`${findings} findings where ${expectedFindings} are`);
  const half = Math.ceil(samples.length / 2);
  for (const [what, of] of [
    ["the worker", ({ workerPeakBytes }: ScanSample) => workerPeakBytes],
    ["this process", ({ ownBytes }: ScanSample) => ownBytes],
  ] as const) {
    const most = (part: readonly ScanSample[]): number => Math.max(...part.map(of));
    const growth = samples.length < 2 ? 0 : most(samples.slice(half)) - most(samples.slice(0, half));
    if (growth > growthMaxBytes) faults.push(`${what} grew by ${growth} bytes in the second half`);
  }
  return faults;
}
