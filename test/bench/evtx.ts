// What reading event log files costs: the chunks of all recordings as one file, over and over, through the reader alone and on to the
// event that detectors see. Beside it, in the same run and turn by turn, what bounds it: copying and checking the same bytes (the reader
// does both once), and parsing the same records from JSON.
//
//   bun test/bench/evtx.ts [--rounds 60]

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Glob } from "bun";
import { FieldTable } from "../../src/event/mod.ts";
import { EvtxReader, JsonNormalizer } from "../../src/normalize/mod.ts";
import { sharedData } from "../data.ts";
import { fileHeader } from "../fixtures/evtx-writer.ts";
import { needsData } from "../needs.ts";
import { benchmark, InvalidMeasurement, numberArgument, printTable, short, shown } from "./lib/report.ts";
import { type Estimate, estimate, seededRandom } from "./lib/stats.ts";

const aimPerSecond = 100_000;
/** As the replay reads. */
const pieceBytes = 1024 * 1024;

await benchmark("evtx", [needsData("evtx")], async () => {
  const rounds = numberArgument("rounds", 60);
  const folder = sharedData("evtx") ?? "";
  const chunks = [...new Glob("**/*.evtx").scanSync(folder)]
    .sort()
    .map((name) => readFileSync(join(folder, name)).subarray(4096));
  const file = Buffer.concat([fileHeader(0), ...chunks]);
  const copy = Buffer.alloc(file.length);

  const lines: string[] = [];
  const collect = new EvtxReader({
    onRecord: ({ fields }) => void lines.push(JSON.stringify(fields)),
    onDamage: ({ problem }) => {
      throw new InvalidMeasurement(`the recordings are damaged: ${problem}`);
    },
  });
  collect.push(file);
  collect.end();
  const count = lines.length;
  const jsonBytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);

  const normalizer = new JsonNormalizer(new FieldTable());
  let seen = 0;
  const readAll = (onRecord: ConstructorParameters<typeof EvtxReader>[0]["onRecord"]): void => {
    seen = 0;
    const reader = new EvtxReader({ onRecord, onDamage: () => {} });
    for (let at = 0; at < file.length; at += pieceBytes) reader.push(file.subarray(at, at + pieceBytes));
    reader.end();
    if (seen !== count || reader.stats.lost > 0) throw new InvalidMeasurement(`${seen} of ${count} records were read`);
  };
  const lanes: Readonly<Record<string, () => void>> = {
    "copy the bytes (limit)": () => void copy.set(file),
    "CRC-32 of the bytes (limit)": () => void crc32(file),
    "read the records": () => readAll(() => seen++),
    "read, and make events": () =>
      readAll((record) => {
        if (normalizer.normalizeEvtx(record).undated) throw new InvalidMeasurement("an event has no time");
        seen++;
      }),
    "the same records from JSON": () => {
      for (const line of lines) JSON.parse(line);
    },
    "JSON, and make events": () => {
      for (const line of lines) normalizer.normalize(JSON.parse(line));
    },
  };

  const random = seededRandom(1);
  const times = new Map<string, number[]>(Object.keys(lanes).map((name) => [name, []]));
  for (let round = -10; round < rounds; round++) {
    const turn = Object.entries(lanes);
    while (turn.length > 0) {
      const [name, run] = turn.splice(Math.floor(random() * turn.length), 1)[0]!;
      const start = performance.now();
      run();
      // The first rounds compile the code.
      if (round >= 0) times.get(name)!.push(performance.now() - start);
    }
  }

  const figures: Record<string, Estimate> = {};
  const rows = [...times].map(([name, ms]) => {
    const perSecond = estimate(ms.map((it) => (count / it) * 1000));
    figures[name] = perSecond;
    const bytes = name.includes("JSON") ? jsonBytes : file.length;
    const mbPerSecond = (perSecond.value / count) * (bytes / 1e6);
    const isOurs = name.startsWith("read");
    const aim = !isOurs
      ? ""
      : perSecond.low > aimPerSecond
        ? `> ${aimPerSecond / 1000} k`
        : `below ${aimPerSecond / 1000} k`;
    return [name, shown(perSecond, 1e-3), short(1e6 / perSecond.value), short(mbPerSecond), aim];
  });
  console.log(
    `${count} records, ${(file.length / 1e6).toFixed(1)} MB as EVTX, ${(jsonBytes / 1e6).toFixed(1)} MB as JSON`,
  );
  printTable(["lane", "thousand records/s [95 %]", "µs a record", "MB/s", "aim"], rows);
  return { rounds, records: count, bytes: file.length, aim_per_second: aimPerSecond, records_per_second: figures };
});
