// From YARA files to compiled rules that every worker can take: namespaces with their includes, compiled in a worker of their own, and
// kept as a signed snapshot, so that the next start only reads it.

import { closeSync, writeSync } from "node:fs";
import { buildInfo } from "../../build-info.gen.ts";
import { resolveIncludes, type YaraFile, type YaraNamespace, type YaraRule } from "../../detect/yara/mod.ts";
import { memoryFile } from "../../sensor/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import { compileTimeoutMs } from "./limits.ts";
import type { LoadedSnapshot } from "./pool.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Everything that a set of compiled rules depends on, the engine aside. */
export interface YaraSet {
  readonly namespaces: readonly YaraNamespace[];
  /** SHA-256, hex. */
  readonly digest: string;
  readonly diagnostics: readonly Diagnostic[];
}

export interface YaraSource extends YaraFile {
  /** Reads another file below the folder that this one came from, or says why not. */
  readonly read: (name: string) => { readonly file: string; readonly text: string } | string;
}

/** Rules sorted into classes of files by other means than before make another set. */
const compilerVersion = 1;

export function yaraSet(sources: readonly YaraSource[]): YaraSet {
  const diagnostics: Diagnostic[] = [];
  const namespaces: YaraNamespace[] = [];
  for (const source of sources) {
    const resolved = resolveIncludes(source, (_, name) => source.read(name));
    diagnostics.push(...resolved.diagnostics);
    // Without all it includes, a file would be judged by what it does not hold.
    if (resolved.diagnostics.length === 0) namespaces.push(resolved.namespace);
  }
  const digest = new Bun.CryptoHasher("sha256")
    .update(`${compilerVersion}\0${buildInfo.version}\0${buildInfo.commit}\0`)
    .update(JSON.stringify(namespaces))
    .digest("hex");
  return { namespaces, digest, diagnostics };
}

export interface CompiledSet {
  /** Absent when there is no rule to scan with; its descriptor is the caller's. */
  readonly snapshot: LoadedSnapshot | undefined;
  readonly rules: readonly YaraRule[];
  readonly diagnostics: readonly Diagnostic[];
  /** Files that were rejected. */
  readonly rejected: number;
  /** Why scans run the slow way; empty when they do not. */
  readonly plainReason: string;
  /** Whether it was read rather than compiled. */
  readonly isStored: boolean;
  readonly milliseconds: number;
}

/** What is kept beside a snapshot: an alert names rules by it. */
export type StoredFacts = Pick<CompiledSet, "rules" | "diagnostics" | "rejected" | "plainReason">;

/** Takes the set from the store, or compiles it in a confined worker and stores it. Rejects with `WorkerError` when that fails. */
export async function compileYara(
  set: YaraSet,
  store: SnapshotStore | undefined,
  memoryMaxBytes: number,
): Promise<CompiledSet> {
  const began = performance.now();
  const nothing = { snapshot: undefined, rules: [], diagnostics: [], rejected: 0, plainReason: "", isStored: false };
  if (set.namespaces.length === 0) return { ...nothing, milliseconds: 0 };
  const stored = store?.open(set.digest);
  if (stored !== undefined) return { ...stored, isStored: true, milliseconds: performance.now() - began };
  const worker = await WorkerProcess.start({ yara: true, memoryMaxBytes: Math.max(memoryMaxBytes * 1.5, 2 ** 31) });
  const input = memoryFile();
  const output = memoryFile();
  try {
    const text = Buffer.from(JSON.stringify(set.namespaces));
    for (let at = 0; at < text.length; ) at += writeSync(input, text, at);
    const compiled = await worker.ask({ type: "compile", sizeBytes: text.length, warnings: false }, compileTimeoutMs, [
      input,
    ]);
    const written = await worker.ask({ type: "snapshot", rulesDigest: set.digest }, compileTimeoutMs, [output]);
    const tested = await worker.ask({ type: "test" }, compileTimeoutMs);
    if (compiled.type !== "compiled" || written.type !== "snapshot" || tested.type !== "tested")
      throw new Error("Cannot compile YARA rules: the worker said something else");
    const facts: StoredFacts = {
      rules: compiled.rules,
      diagnostics: compiled.diagnostics,
      rejected: compiled.rejected,
      plainReason: tested.plainReason,
    };
    if (compiled.rules.length === 0) {
      closeSync(output);
      return { ...nothing, ...facts, milliseconds: performance.now() - began };
    }
    const snapshot = { digest: set.digest, descriptor: output, sizeBytes: written.sizeBytes };
    store?.put(snapshot, facts);
    return { ...facts, snapshot, isStored: false, milliseconds: performance.now() - began };
  } catch (error) {
    closeSync(output);
    throw error;
  } finally {
    closeSync(input);
    worker.kill();
    await worker.gone;
  }
}

/** What `rules validate` and `rules list` say: every rule, every fault and, if asked for, what makes rules slow or pointless. */
export async function checkYara(
  set: YaraSet,
  warnings: boolean,
): Promise<Pick<CompiledSet, "rules" | "diagnostics" | "rejected">> {
  if (set.namespaces.length === 0) return { rules: [], diagnostics: set.diagnostics, rejected: 0 };
  const worker = await WorkerProcess.start({ yara: true, memoryMaxBytes: 2 ** 32 });
  const input = memoryFile();
  try {
    const text = Buffer.from(JSON.stringify(set.namespaces));
    for (let at = 0; at < text.length; ) at += writeSync(input, text, at);
    const answer = await worker.ask({ type: "compile", sizeBytes: text.length, warnings }, compileTimeoutMs, [input]);
    if (answer.type !== "compiled") throw new Error("Cannot check YARA rules: the worker said something else");
    const { rules, rejected, diagnostics } = answer;
    return { rules, rejected, diagnostics: [...set.diagnostics, ...diagnostics] };
  } finally {
    closeSync(input);
    worker.kill();
    await worker.gone;
  }
}
