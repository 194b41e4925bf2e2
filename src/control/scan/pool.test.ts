// The real thing: worker processes, confined, killed and replaced.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Externals } from "../../detect/yara/mod.ts";
import { attempts } from "../../sensor/mod.ts";
import { type JobResult, ScanPool } from "./pool.ts";
import type { ScanRequest } from "./protocol.ts";
import { compileYara, yaraSet } from "./rules.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { WorkerProcess } from "./worker-process.ts";

// Workers are processes, which start slowly where much else runs.
setDefaultTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), "sigil-pool-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MiB = 1024 * 1024;
const externals = (filename: string): Externals => ({ filename, filepath: "", extension: "", filetype: "", owner: "" });
const request = (filename = "", more: Partial<ScanRequest> = {}): ScanRequest => ({
  ...{ type: "scan", externals: externals(filename), sizeMaxBytes: 16 * MiB, hashes: [], archives: true },
  ...more,
});
const rules = `
rule evil { meta: severity = "critical" strings: $a = "evil content" condition: $a }
rule endless { condition: filename == "endless" and for all i in (0..1000000000000) : ( i >= 0 ) }`;
const set = yaraSet([{ namespace: "test", file: "test.yar", name: "test.yar", text: rules, read: () => "none" }]);
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const evil = file("evil", "some evil content here");
const open = (path: string): number => openSync(path, "r");
const found = (result: JobResult | undefined): string =>
  result?.status === "scanned"
    ? result.answer.findings.map(({ rule, member }) => `${member}:${rule}`).join(" ")
    : `${result?.status}: ${result?.status === "unscannable" ? result.reason : ""}`;

const options = { scanWorkers: 1, hashWorkers: 1, deadlineMs: 60_000, memoryMaxBytes: 1024 * MiB };

async function withPool<T>(
  more: Partial<typeof options & { waitingMax: number; idleMaxMs: number }>,
  body: (pool: ScanPool) => Promise<T>,
): Promise<T> {
  const pool = new ScanPool({ ...options, ...more });
  const { snapshot } = await compileYara(set, undefined, options.memoryMaxBytes);
  pool.use(snapshot!);
  try {
    return await body(pool);
  } finally {
    await pool.close();
  }
}

/** Processes whose parent is this one and which are scan workers. */
function workerPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("__scan-worker");
      } catch {
        return false;
      }
    })
    .map(Number);
}

test("a worker is confined before its first job: it tried and failed to execute, connect, trace, load eBPF, open and write", async () => {
  const worker = await WorkerProcess.start({ yara: true, memoryMaxBytes: 1024 * MiB });
  try {
    const status = readFileSync(`/proc/${worker.pid}/status`, "latin1");
    const line = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
    expect([line("NoNewPrivs"), line("Seccomp")]).toEqual(["1", "2"]);
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapAmb"])
      expect([name, line(name)]).toEqual([name, "0".repeat(16)]);
    if (process.geteuid?.() === 0) {
      expect([line("Uid"), line("Gid"), line("Groups")]).toEqual([
        ...["65534\t65534\t65534\t65534", "65534\t65534\t65534\t65534", ""],
      ]);
      expect(line("CapBnd")).toBe("0".repeat(16));
    }
    // Every thread, not only the one that asked.
    for (const thread of readdirSync(`/proc/${worker.pid}/task`))
      expect(readFileSync(`/proc/${worker.pid}/task/${thread}/status`, "latin1")).toMatch(/^Seccomp:\t2$/m);
  } finally {
    worker.kill();
    await worker.gone;
  }
  expect(attempts.slice(0, 6)).toEqual([
    ...(["execve", "socket (inet)", "socket (unix)", "ptrace", "bpf", "open for writing"] as const),
  ]);
});

test("a job is a descriptor: what was opened is scanned, also when its name is gone", async () => {
  await withPool({}, async (pool) => {
    const path = file("gone", "evil content in a file without a name");
    const fd = open(path);
    rmSync(path);
    const result = await pool.submit("scan", { request: request(), descriptor: fd });
    expect(found(result)).toBe(":evil");
    if (result?.status !== "scanned") throw new Error("unreachable");
    const { hash, sizeBytes, changed } = result.answer;
    expect([hash.sha256, sizeBytes, changed]).toEqual([
      ...[new Bun.CryptoHasher("sha256").update("evil content in a file without a name").digest("hex"), 37, false],
    ]);
    // The pool closed it.
    expect(() => closeSync(fd)).toThrow("EBADF");
  });
});

test("a scan without end delays no digest, is killed at its deadline and not tried again; the next job is scanned", async () => {
  await withPool({ deadlineMs: 3000 }, async (pool) => {
    pool.warm("hash");
    let isScanDone = false;
    const ending = pool.submit("scan", { request: request("endless"), descriptor: open(evil) })?.finally(() => {
      isScanDone = true;
    });
    const following = pool.submit("scan", { request: request(), descriptor: open(evil) });
    const digest = await pool.submit("hash", {
      request: { type: "hash", sizeMaxBytes: MiB, hashes: ["md5"] },
      descriptor: open(evil),
    });
    expect(isScanDone).toBe(false);
    const md5 = new Bun.CryptoHasher("md5").update("some evil content here").digest("hex");
    expect(digest?.status === "scanned" && digest.answer.hash).toEqual({ md5 });
    const [slow, next] = await Promise.all([ending, following]);
    expect(slow).toEqual({ status: "unscannable", reason: "it took too long", failure: "timeout" });
    expect(found(next)).toBe(":evil");
    const { timeouts, answered, unscannable, workersStarted } = pool.stats("scan");
    expect({ timeouts, answered, unscannable, workersStarted }).toEqual({
      ...{ timeouts: 1, answered: 2, unscannable: 1, workersStarted: 2 },
    });
  });
});

test("when a worker is killed from outside, no queued job is lost, and the one it had is scanned by the next", async () => {
  await withPool({}, async (pool) => {
    // Large enough to be at work when it dies.
    const large = file("large", Buffer.alloc(12 * MiB, "harmless "));
    pool.warm("scan");
    while (pool.stats("scan").workersStarted === 0) await Bun.sleep(20);
    const jobs = [large, evil, evil].map((path) => pool.submit("scan", { request: request(), descriptor: open(path) }));
    for (const pid of workerPids()) process.kill(pid, "SIGKILL");
    expect((await Promise.all(jobs)).map(found)).toEqual(["", ":evil", ":evil"]);
    expect(pool.stats("scan").crashes).toBeLessThanOrEqual(1);
    expect(pool.stats("scan").answered).toBe(3);
  });
});

test("a worker without work ends, and the next job has another", async () => {
  await withPool({ idleMaxMs: 100 }, async (pool) => {
    const scan = () => pool.submit("scan", { request: request(), descriptor: open(evil) });
    expect(found(await scan())).toBe(":evil");
    while (workerPids().length > 0) await Bun.sleep(20);
    expect(found(await scan())).toBe(":evil");
    expect(pool.stats("scan")).toMatchObject({ answered: 2, unscannable: 0, crashes: 0, workersStarted: 2 });
  });
});

test("a full lane refuses and counts", async () => {
  await withPool({ waitingMax: 2, scanWorkers: 0 }, async (pool) => {
    const submit = () => pool.submit("scan", { request: request(), descriptor: open(evil) });
    const waiting = [submit(), submit()];
    expect(pool.hasRoom("scan")).toBe(false);
    expect(submit()).toBeUndefined();
    expect([pool.stats("scan").refused, pool.stats("scan").waiting]).toEqual([1, 2]);
    await pool.close();
    expect((await Promise.all(waiting)).map(found)).toEqual(Array(2).fill("unscannable: scanning stopped"));
  });
});

test("a worker above its memory is replaced", async () => {
  await withPool({ memoryMaxBytes: 32 * MiB * 8 }, async (pool) => {
    const scan = (path: string) =>
      pool.submit("scan", { request: request("", { sizeMaxBytes: 128 * MiB }), descriptor: open(path) });
    // Read, copied into the engine: more than the ceiling, less than what it is killed for.
    await scan(file("big", Buffer.alloc(90 * MiB)));
    expect(found(await scan(evil))).toBe(":evil");
    const { recycled, memoryKills } = pool.stats("scan");
    expect(recycled + memoryKills).toBeGreaterThan(0);
  });
});

test("files that are too large, grow or cannot be read end by their limit", async () => {
  await withPool({}, async (pool) => {
    const scan = async (path: string, sizeMaxBytes = MiB) =>
      found(await pool.submit("scan", { request: request("", { sizeMaxBytes }), descriptor: open(path) }));
    expect(await scan(file("large2", Buffer.alloc(2 * MiB)))).toBe(`unscannable: larger than ${MiB} bytes`);
    // Says that it is empty, and never ends.
    expect(await scan("/dev/zero")).toBe(`unscannable: larger than ${MiB} bytes`);
    expect(await scan("/proc/self/status")).toBe("");
    expect(await scan(folder)).toBe("unscannable: cannot read: EISDIR");
    expect(await scan(file("empty", ""))).toBe("");
  });
});

describe("compiled rules", () => {
  const store = join(folder, "store");

  test("are kept as a signed snapshot, and a start from it finds the same", async () => {
    const first = await compileYara(set, new SnapshotStore(store), options.memoryMaxBytes);
    const second = await compileYara(set, new SnapshotStore(store), options.memoryMaxBytes);
    expect([first.isStored, second.isStored]).toEqual([false, true]);
    expect(second.rules).toEqual(first.rules);
    expect(second.rules.map(({ name, line }) => [name, line])).toEqual([
      ["evil", 2],
      ["endless", 3],
    ]);
    const pool = new ScanPool(options);
    pool.use(first.snapshot!);
    pool.use(second.snapshot!);
    try {
      expect(found(await pool.submit("scan", { request: request(), descriptor: open(evil) }))).toBe(":evil");
    } finally {
      await pool.close();
    }
  });

  test("are compiled again when the snapshot was touched", async () => {
    const name = readdirSync(store).find((one) => one.endsWith(".snapshot"))!;
    const path = join(store, name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    const kept = new SnapshotStore(store);
    expect(kept.open(set.digest)).toBeUndefined();
    expect(kept.trouble).toContain("signature");
    const again = await compileYara(set, kept, options.memoryMaxBytes);
    closeSync(again.snapshot!.descriptor);
    expect(again.isStored).toBe(false);
  });

  test("change under running workers", async () => {
    await withPool({}, async (pool) => {
      const text = 'rule other { strings: $a = "evil" condition: $a }';
      const next = yaraSet([{ namespace: "n", file: "n.yar", name: "n.yar", text, read: () => "none" }]);
      expect(found(await pool.submit("scan", { request: request(), descriptor: open(evil) }))).toBe(":evil");
      pool.use((await compileYara(next, undefined, options.memoryMaxBytes)).snapshot!);
      expect(found(await pool.submit("scan", { request: request(), descriptor: open(evil) }))).toBe(":other");
    });
  });
});
