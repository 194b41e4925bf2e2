// Real sensor records for benchmarks: a varied workload (shell, text tools, git, a compiler) runs under the live sensor, and its
// records are kept. For injecting them again and again, every process gets a new identity and every command line a new argument
// each time: on a live host no two are the same, and what remembers text must not look better than it is.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../native/build-steps.ts";
import {
  exitLayout,
  forkLayout,
  headerLayout,
  kind,
  processLayout,
  sectionLayout,
} from "../../../src/event/layout.gen.ts";
import { processSections } from "../../../src/event/process-record.ts";
import { lost, recordKinds, Sensor, type SensorOptions } from "../../../src/sensor/mod.ts";

const body = headerLayout.bytes;
const table = body + processLayout.bytes;
const afterReadyMs = 200;
const captureTimeoutMs = 60_000;

export interface Capture {
  /** The processes that ran before, and the record that ends their list. */
  readonly inventory: readonly Buffer[];
  readonly forks: readonly Buffer[];
  readonly execs: readonly Buffer[];
  readonly exits: readonly Buffer[];
}

/** Each round starts some twenty programs, most of them with arguments that no other round has. */
const workload = `cd "$1" || exit 1
git init -q . && git -c user.name=b -c user.email=b@localhost commit -q --allow-empty -m first
i=0
end=$(( $(date +%s) + $2 ))
while [ "$(date +%s)" -lt "$end" ]; do
  i=$((i + 1))
  echo "line $i of @VALUE@" > in.$i
  sed -e "s/@VALUE@/$i/g" -e "s/line/row-$i/" in.$i > out.$i
  grep -c --include="*.$i" "row-$i" out.$i > /dev/null
  cat out.$i | sort -u | head -n $i | wc -c > /dev/null
  find . -maxdepth 1 -name "out.$i" -newer in.$i -type f > /dev/null
  git rev-parse --verify -q "refs/heads/feature-$i" > /dev/null
  git log -1 --format="%h $i" -- "src/file-$i.c" > /dev/null
  sh -c "mkdir -p store/$i && mv -f out.$i store/$i/ && chmod 640 store/$i/out.$i"
  awk -v n=$i 'BEGIN { print n * 3 }' > /dev/null
  ls -la "store/$i" > /dev/null; basename "/srv/data/$i/report-$i.csv" > /dev/null; dirname "/opt/app-$i/bin" > /dev/null
  env LANG=C.UTF-8 date -u -d "@$((1700000000 + i))" +%F > /dev/null
  tar -cf - -C store "$i" | gzip -1 > archive.$i.tgz
  stat -c %s "archive.$i.tgz" > /dev/null; id -u > /dev/null; uname -r > /dev/null
  rm -rf "in.$i" "archive.$i.tgz" "store/$i"
  if [ $((i % 25)) = 0 ]; then printf 'int f%d(int x) { return x + %d; }' $i $i > u.c; gcc -O1 -Wall -DN=$i -c u.c -o u.$i.o; fi
done
exit 0
`;

/** Runs the workload for about `seconds` under the live sensor. Throws when the sensor lost anything. */
export async function captureRecords(options: SensorOptions, seconds: number): Promise<Capture> {
  // Not below /tmp: rules suspect what happens there, and ordinary work would not be ordinary.
  const parent = join(root, "build/bench");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "capture-"));
  const capture = { inventory: [] as Buffer[], forks: [] as Buffer[], execs: [] as Buffer[], exits: [] as Buffer[] };
  const sensor = Sensor.open(options);
  try {
    writeFileSync(join(folder, "work.sh"), workload);
    sensor.start();
    const take = (at: number): void => {
      const bytes = sensor.critical.bytes;
      const record = Buffer.from(bytes.subarray(at, at + bytes.readUInt32LE(at + headerLayout.size)));
      const of = record.readUInt16LE(headerLayout.kind);
      if (of === kind.exec) capture.execs.push(record);
      else if (of === kind.fork) capture.forks.push(record);
      else if (of === kind.exit) capture.exits.push(record);
      else capture.inventory.push(record);
    };
    let child: { exitCode: number | null; kill(signal: "SIGKILL"): void } | undefined;
    const deadline = performance.now() + captureTimeoutMs;
    const startAt = performance.now() + afterReadyMs;
    while (child === undefined || child.exitCode === null) {
      sensor.wait(20);
      sensor.critical.drain(take);
      if (child === undefined && performance.now() > startAt)
        child = Bun.spawn(["sh", join(folder, "work.sh"), folder, String(seconds)], {
          env: { PATH: "/usr/bin:/bin", HOME: folder, LANG: "C.UTF-8" },
          stdio: ["ignore", "ignore", "ignore"],
        });
      if (performance.now() > deadline) {
        child?.kill("SIGKILL");
        throw new Error(`The workload did not end within ${captureTimeoutMs} ms`);
      }
      // The end of a child is heard on the event loop.
      await Bun.sleep(0);
    }
    if (child.exitCode !== 0) throw new Error(`The workload ended with exit code ${child.exitCode}`);
    sensor.wait(50);
    sensor.critical.drain(take);
    const counters = sensor.counters();
    for (const of of recordKinds)
      if (lost(counters[of]) > 0) throw new Error(`The capture lost records: ${JSON.stringify(counters[of])}`);
    return capture;
  } finally {
    sensor.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const tokenBytes = 8;
const tokenText = `--sigil-bench=${"0".repeat(tokenBytes)}\0`;

/** An EXEC record with one more argument, the last; its digits are what {@link Replay} changes. */
function withToken(record: Buffer): { record: Buffer; tokenAt: number } {
  const sectionAt = (index: number): number => table + index * sectionLayout.bytes;
  const args = sectionAt(processSections.args);
  const env = sectionAt(processSections.env);
  const insertAt = record.readUInt32LE(args + sectionLayout.offset) + record.readUInt32LE(args + sectionLayout.length);
  const envAt = record.readUInt32LE(env + sectionLayout.offset);
  const envLength = record.readUInt32LE(env + sectionLayout.length);
  const used = insertAt + tokenText.length + envLength;
  const size = (used + 7) & ~7;
  const out = Buffer.alloc(size);
  record.copy(out, 0, 0, insertAt);
  out.write(tokenText, insertAt, "latin1");
  record.copy(out, insertAt + tokenText.length, envAt, envAt + envLength);
  out.writeUInt32LE(size, headerLayout.size);
  out.writeUInt32LE(record.readUInt32LE(args + sectionLayout.length) + tokenText.length, args + sectionLayout.length);
  out.writeUInt32LE(insertAt + tokenText.length, env + sectionLayout.offset);
  out.writeUInt32LE(record.readUInt32LE(body + processLayout.argc) + 1, body + processLayout.argc);
  out.writeUInt32LE(
    record.readUInt32LE(body + processLayout.argsBytes) + tokenText.length,
    body + processLayout.argsBytes,
  );
  return { record: out, tokenAt: insertAt + tokenText.length - 1 - tokenBytes };
}

/** A place in a record that holds a pid or a start time of the workload, with its original value. */
interface Place {
  readonly record: Buffer;
  readonly at: number;
  readonly value: number | bigint;
}

/** Above the pids of the capture, below the kernel's largest, 2^22. */
const pidRange = 2 ** 22;
const nsPerRound = 3_600_000_000_000n;

/** The captured processes that both began and ended in the capture, made new by {@link next} without garbage. */
export class Replay {
  readonly forks: readonly Buffer[];
  readonly execs: readonly Buffer[];
  readonly exits: readonly Buffer[];
  readonly #pids: Place[] = [];
  readonly #starts: Place[] = [];
  readonly #tokens: { readonly record: Buffer; readonly at: number }[] = [];
  readonly #pidStep: number;
  #round = 0;

  constructor(capture: Capture) {
    const pidOf = (record: Buffer): number => record.readUInt32LE(headerLayout.pid);
    const startOf = (record: Buffer, at: number): bigint => record.readBigUInt64LE(body + at);
    const key = (pid: number, start: bigint): string => `${pid} ${start}`;
    const ended = new Set(capture.exits.map((it) => key(pidOf(it), startOf(it, exitLayout.startNs))));
    const forks = capture.forks.filter((it) => ended.has(key(pidOf(it), startOf(it, forkLayout.startNs))));
    const known = new Set(forks.map((it) => key(pidOf(it), startOf(it, forkLayout.startNs))));
    this.forks = forks.map((it) => Buffer.from(it));
    const execs = capture.execs
      .filter((it) => known.has(key(pidOf(it), startOf(it, processLayout.startNs))))
      .map(withToken);
    this.execs = execs.map((it) => it.record);
    this.exits = capture.exits
      .filter((it) => known.has(key(pidOf(it), startOf(it, exitLayout.startNs))))
      .map((it) => Buffer.from(it));
    for (const { record, tokenAt } of execs) this.#tokens.push({ record, at: tokenAt });
    this.#pidStep = Math.max(...forks.map(pidOf)) + 1;

    const pids = new Set(forks.map(pidOf));
    const note = (record: Buffer, pidAts: readonly number[], startAts: readonly number[]): void => {
      for (const at of pidAts) if (pids.has(record.readUInt32LE(at))) this.#pids.push(place(record, at, 4));
      for (const at of startAts) this.#starts.push(place(record, at, 8));
    };
    const { pid, tid } = headerLayout;
    for (const it of this.forks)
      note(
        it,
        [pid, tid, body + forkLayout.ppid, body + forkLayout.creatorPid],
        this.#ownStarts(it, forkLayout.startNs, forkLayout.ppid, forkLayout.parentStartNs, known),
      );
    for (const it of this.execs)
      note(
        it,
        [pid, tid, body + processLayout.ppid],
        this.#ownStarts(it, processLayout.startNs, processLayout.ppid, processLayout.parentStartNs, known),
      );
    for (const it of this.exits) note(it, [pid, tid], [body + exitLayout.startNs]);
  }

  /** Bytes of one round. */
  get bytes(): number {
    return [this.forks, this.execs, this.exits].flat().reduce((sum, it) => sum + it.length, 0);
  }

  /** The start time of the process itself, and its parent's when the parent is of the workload as well. */
  #ownStarts(it: Buffer, start: number, parent: number, parentStart: number, known: ReadonlySet<string>): number[] {
    const id = `${it.readUInt32LE(body + parent)} ${it.readBigUInt64LE(body + parentStart)}`;
    return known.has(id) ? [body + start, body + parentStart] : [body + start];
  }

  /** Gives all processes new pids and start times, and all command lines new last arguments. */
  next(): void {
    const round = ++this.#round;
    const pidShift = (round % (Math.floor(pidRange / this.#pidStep) - 1)) * this.#pidStep;
    const startShift = BigInt(round) * nsPerRound;
    for (const { record, at, value } of this.#pids) record.writeUInt32LE((value as number) + pidShift, at);
    for (const { record, at, value } of this.#starts) record.writeBigUInt64LE((value as bigint) + startShift, at);
    let number = round * this.#tokens.length;
    for (const { record, at } of this.#tokens) {
      let rest = number++;
      for (let i = tokenBytes - 1; i >= 0; i--) {
        record[at + i] = 0x30 + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
  }
}

function place(record: Buffer, at: number, bytes: 4 | 8): Place {
  return { record, at, value: bytes === 4 ? record.readUInt32LE(at) : record.readBigUInt64LE(at) };
}
