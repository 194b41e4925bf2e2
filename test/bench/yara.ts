// YARA: a scan worker against native yara, the same rules and files in one run, one thread each, every byte scanned, nothing cached but
// pages. The two take turns, so that other people's work hits both alike.
//
//   npm run bench -- yara [--megabytes 120]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedData } from "../data.ts";
import { needsData, needsProgram } from "../needs.ts";
import { benchmark, InvalidMeasurement, numberArgument } from "./lib/report.ts";
import { machineFiles, ruleFiles, scanInWorker, scanNatively, setOf } from "./lib/yara.ts";

/** Five rules of the usual kinds: texts, a hex string, a regular expression, the first bytes, a module. */
const small = `
import "elf"
rule texts { strings: $a = "socket" $b = "connect" $c = "/etc/passwd" condition: all of them }
rule bytes { strings: $a = { 48 89 E5 48 83 EC ?? 89 7D } condition: #a > 3 }
rule expression { strings: $a = /https?:\\/\\/[a-z0-9.-]{4,40}\\/[a-z]{2,20}\\.sh/ condition: $a }
rule head { strings: $a = "GLIBC_2.34" condition: uint32(0) == 0x464c457f and $a }
rule module { condition: elf.type == elf.ET_DYN and elf.number_of_sections > 30 and filesize > 1MB }
`;
const rounds = 2;
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

await benchmark("yara", [needsProgram("yara"), needsProgram("yarac"), needsData("yara/signature-base")], async () => {
  const { paths, bytes } = machineFiles(numberArgument("megabytes", 120) * 1e6);
  const folder = mkdtempSync(join(tmpdir(), "sigil-bench-yara-"));
  try {
    const file = join(folder, "small.yar");
    writeFileSync(file, small);
    const all = ruleFiles(sharedData("yara/signature-base")!);
    const sets = [
      ["5 rules", [file]],
      // Every sixth file holds about a thousand rules.
      ["a sixth of signature-base", all.filter((_, index) => index % 6 === 0)],
      ["signature-base", all],
    ] as const;
    console.log(`${paths.length} files, ${(bytes / 1e6).toFixed(0)} MB`);
    const figures: Record<string, Record<string, number>> = {};
    for (const [name, files] of sets) {
      const set = setOf(files);
      const native: number[] = [];
      const ours: Awaited<ReturnType<typeof scanInWorker>>[] = [];
      for (let round = 0; round < rounds; round++) {
        const theirs = scanNatively(files, paths);
        native.push(theirs.seconds);
        const mine = await scanInWorker(set, paths);
        ours.push(mine);
        const differing = [...new Set(theirs.hits).symmetricDifference(new Set(mine.hits))];
        if (differing.length > 0)
          throw new InvalidMeasurement(`hits differ: ${differing.slice(0, 5).join("; ")} (${differing.length} in all)`);
      }
      const last = ours.at(-1)!;
      const [nativeSeconds, seconds] = [median(native), median(ours.map((it) => it.seconds))];
      figures[name] = {
        hits: last.hits.length,
        "native MB/s": bytes / 1e6 / nativeSeconds,
        "worker MB/s": bytes / 1e6 / seconds,
        ratio: nativeSeconds / seconds,
        "native files/s": paths.length / nativeSeconds,
        "worker files/s": paths.length / seconds,
        "compile s": last.compileSeconds,
        "snapshot MB": last.snapshotBytes / 1e6,
        "restore and first scan ms": median(ours.map((it) => it.restoreMs)),
        "worker start ms": median(ours.map((it) => it.startMs)),
        "worker peak MB": last.peakBytes / 1e6,
      };
      console.log(name, figures[name]);
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
