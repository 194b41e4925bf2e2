// What a scan worker does: a child process of the same executable that confines itself before it takes its first job, and then lives
// for one job after the other. It can be killed at any moment; nobody but its parent talks to it.

import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { Scanner, SnapshotError, validateYara, yaraRuntime } from "../../detect/yara/mod.ts";
import { attempts, confine, Receiver, refusedAttempts } from "../../sensor/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { newBudget, unfold } from "./archive.ts";
import { hashDescriptor, hashesOf } from "./digest.ts";
import { membersNamedMax, pathLengthMax, workerGid, workerUid } from "./limits.ts";
import type {
  CompileInput,
  FileFinding,
  FromWorker,
  HashRequest,
  MemoryRequest,
  ScanRequest,
  ToWorker,
} from "./protocol.ts";
import { hashNames } from "./protocol.ts";
import { emptyXz, unpackXz } from "./xz.ts";

/** The descriptor that the parent gives: its end of the channel. */
export const channelDescriptor = 3;

/** Findings of one job, members of archives included: each member alone is bounded by the engine's own limit. */
const findingsMax = 1000;

/** Runs until the parent goes; rejects for what this process must not survive. */
export async function runScanWorker(): Promise<void> {
  const worker = new ScanWorker();
  const receiver = new Receiver(channelDescriptor);
  for (;;) {
    const message = receiver.next();
    if (message === undefined) return;
    const [fd] = message.descriptors;
    try {
      answer(await worker.take(JSON.parse(message.text) as ToWorker, fd ?? -1));
    } finally {
      for (const one of message.descriptors) closeSync(one);
    }
  }
}

function answer(message: FromWorker): void {
  let rest: Uint8Array = Buffer.from(`${JSON.stringify(message)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
}

class ScanWorker {
  #scanner: Scanner | undefined;
  /** Kept from job to job, so that a large file does not become garbage; grows to the largest. */
  #room = Buffer.alloc(0);

  async take(message: ToWorker, fd: number): Promise<FromWorker> {
    switch (message.type) {
      case "start":
        return this.#start(message);
      case "compile":
        return this.#compile(fd, message);
      case "snapshot":
        return this.#snapshot(fd, message.rulesDigest);
      case "restore":
        return this.#restore(fd, message.rulesDigest, message.sizeBytes);
      case "test":
        return { type: "tested", plainReason: this.#scanner?.plainReason ?? "" };
      case "scan":
        return this.#guard(() => this.#scan(fd, message));
      case "hash":
        return this.#guard(() => this.#hash(fd, message));
      case "memory":
        return this.#guard(() => this.#memory(fd, message));
    }
  }

  /** Everything that has to be opened is opened here; then the door is shut and tried. */
  async #start({ yara, nice, parent }: Extract<ToWorker, { type: "start" }>): Promise<FromWorker> {
    if (yara) {
      yaraRuntime();
      await unpackXz(emptyXz, 1);
    }
    // The time zone is read from a file at first use.
    new Date().toString();
    confine({ uid: workerUid, gid: workerGid, nice, parent });
    const refused = refusedAttempts();
    if (refused.length !== attempts.length)
      throw new Error(`Cannot scan unconfined: ${attempts.filter((one) => !refused.includes(one)).join(", ")} worked`);
    return { type: "ready", refused };
  }

  #compile(fd: number, { sizeBytes, warnings }: Extract<ToWorker, { type: "compile" }>): FromWorker {
    const began = performance.now();
    const namespaces = JSON.parse(readAll(fd, sizeBytes).toString("utf8")) as CompileInput;
    const { scanner, compiled } = Scanner.compile(namespaces);
    this.#scanner = scanner;
    const { rules, rejected } = compiled;
    const isWarning = ({ severity }: Diagnostic): boolean => severity === "warning";
    const found = warnings ? namespaces.flatMap((one) => validateYara(yaraRuntime(), one).filter(isWarning)) : [];
    const diagnostics = [...compiled.diagnostics, ...found];
    return { type: "compiled", rules, diagnostics, rejected, milliseconds: performance.now() - began };
  }

  #snapshot(fd: number, rulesDigest: string): FromWorker {
    let sizeBytes = 0;
    this.#scanner?.snapshot(rulesDigest, (bytes) => {
      for (let rest = bytes; rest.length > 0; ) {
        const written = writeSync(fd, rest, 0, rest.length, sizeBytes);
        rest = rest.subarray(written);
        sizeBytes += written;
      }
    });
    return { type: "snapshot", sizeBytes };
  }

  #restore(fd: number, rulesDigest: string, sizeBytes: number): FromWorker {
    const began = performance.now();
    try {
      this.#scanner = Scanner.restore(readAll(fd, sizeBytes), rulesDigest);
      return { type: "restored", error: "", milliseconds: performance.now() - began };
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      return { type: "restored", error: error.message, milliseconds: performance.now() - began };
    }
  }

  /** What a file can do wrong concerns that file; what breaks the engine ends this process. */
  async #guard(job: () => FromWorker | Promise<FromWorker>): Promise<FromWorker> {
    try {
      return await job();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
      return { type: "unscannable", reason: `cannot read: ${code}`, peakBytes: peakBytes() };
    }
  }

  async #scan(fd: number, { externals, sizeMaxBytes, hashes, archives }: ScanRequest): Promise<FromWorker> {
    const before = fstatSync(fd, { bigint: true });
    if (before.size > sizeMaxBytes)
      return { type: "unscannable", reason: `larger than ${sizeMaxBytes} bytes`, peakBytes: peakBytes() };
    const data = this.#read(fd, Number(before.size), sizeMaxBytes);
    if (data === undefined)
      return { type: "unscannable", reason: `larger than ${sizeMaxBytes} bytes`, peakBytes: peakBytes() };
    const after = fstatSync(fd, { bigint: true });
    const changed =
      before.mtimeNs !== after.mtimeNs ||
      before.ctimeNs !== after.ctimeNs ||
      (before.size !== 0n && BigInt(data.length) !== before.size);
    const tally = { findings: [] as FileFinding[], omitted: 0, members: 0, unscannedMembers: 0 };
    const unscanned: { member: string; reason: string }[] = [];
    const look = (member: string, bytes: Uint8Array): void => {
      const found = this.#scanner?.scan(bytes, externals);
      if (found === undefined) return;
      tally.omitted += found.omitted;
      for (const finding of found.findings)
        if (tally.findings.length < findingsMax) tally.findings.push({ ...finding, member });
        else tally.omitted++;
    };
    look("", data);
    if (archives)
      await unfold(
        data,
        "",
        {
          scan: (path, bytes) => {
            tally.members++;
            look(path.slice(-pathLengthMax), bytes);
          },
          skip: (path, reason) => {
            tally.unscannedMembers++;
            if (unscanned.length < membersNamedMax) unscanned.push({ member: path.slice(-pathLengthMax), reason });
          },
        },
        newBudget(),
      );
    const wanted = tally.findings.length > 0 ? hashNames : hashes;
    return {
      type: "scanned",
      ...tally,
      unscanned,
      sizeBytes: data.length,
      hash: hashesOf(data, wanted),
      changed,
      peakBytes: peakBytes(),
    };
  }

  #hash(fd: number, { hashes, sizeMaxBytes }: HashRequest): FromWorker {
    const before = fstatSync(fd, { bigint: true });
    const hashed = before.size > sizeMaxBytes ? undefined : hashDescriptor(fd, hashes, sizeMaxBytes);
    if (hashed === undefined)
      return { type: "unscannable", reason: `larger than ${sizeMaxBytes} bytes`, peakBytes: peakBytes() };
    const { hash, sizeBytes } = hashed;
    const after = fstatSync(fd, { bigint: true });
    const changed = before.mtimeNs !== after.mtimeNs || before.ctimeNs !== after.ctimeNs;
    return { ...nothingFound, sizeBytes, hash, changed, peakBytes: peakBytes() };
  }

  #memory(fd: number, { externals, address, sizeBytes }: MemoryRequest): FromWorker {
    if (this.#room.length < sizeBytes) this.#room = Buffer.allocUnsafe(sizeBytes);
    const from = Number(address);
    let length = 0;
    while (length < sizeBytes) {
      // Pages may go away while they are read: what was read until then is scanned.
      let got = 0;
      try {
        got = readSync(fd, this.#room, length, sizeBytes - length, from + length);
      } catch (error) {
        if (length === 0) throw error;
      }
      if (got === 0) break;
      length += got;
    }
    const found = this.#scanner?.scan(this.#room.subarray(0, length), externals);
    return {
      ...nothingFound,
      findings: (found?.findings ?? []).map((finding) => ({ ...finding, member: "" })),
      omitted: found?.omitted ?? 0,
      sizeBytes: length,
      peakBytes: peakBytes(),
    };
  }

  /** Everything up to the limit; `undefined` when there is more. Files of `/proc` say that they are empty and are not. */
  #read(fd: number, sizeBytes: number, sizeMaxBytes: number): Uint8Array | undefined {
    let length = 0;
    for (;;) {
      const want = Math.min(sizeMaxBytes + 1, Math.max(sizeBytes + 1, 65_536, length * 2));
      if (this.#room.length < want) {
        const larger = Buffer.allocUnsafe(want);
        this.#room.copy(larger, 0, 0, length);
        this.#room = larger;
      }
      while (length < Math.min(this.#room.length, sizeMaxBytes + 1)) {
        const got = readSync(fd, this.#room, length, Math.min(this.#room.length, sizeMaxBytes + 1) - length, length);
        if (got === 0) return this.#room.subarray(0, length);
        length += got;
      }
      if (length > sizeMaxBytes) return undefined;
    }
  }
}

const nothingFound = {
  type: "scanned",
  findings: [],
  omitted: 0,
  changed: false,
  members: 0,
  unscannedMembers: 0,
  unscanned: [],
  hash: {},
} as const;

function readAll(fd: number, sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  while (length < sizeBytes) {
    const got = readSync(fd, bytes, length, sizeBytes - length, length);
    if (got === 0) throw new Error(`Cannot read ${sizeBytes} bytes: the file ends after ${length}`);
    length += got;
  }
  return bytes;
}

/** The most memory this process ever had: the engine's never shrinks. */
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
