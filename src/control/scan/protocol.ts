// What the pool and a scan worker say to each other. Jobs go to the worker one at a time, as JSON in one message with the open
// descriptor beside it; answers come back as one line of JSON each. The pool takes no answer on trust: what a worker sees, others wrote.

import type { Externals, YaraFinding, YaraNamespace, YaraRule } from "../../detect/yara/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";

export interface Hashes {
  readonly md5?: string;
  readonly sha1?: string;
  readonly sha256?: string;
}
export const hashNames = ["md5", "sha1", "sha256"] as const;
export type HashName = (typeof hashNames)[number];

export interface ScanRequest {
  readonly type: "scan";
  readonly externals: Externals;
  readonly sizeMaxBytes: number;
  /** Digests wanted in any case; when something is found there are all three. */
  readonly hashes: readonly HashName[];
  /** Look into archives. */
  readonly archives: boolean;
}

/** Digests alone. */
export interface HashRequest {
  readonly type: "hash";
  readonly sizeMaxBytes: number;
  readonly hashes: readonly HashName[];
}

/** A piece of a process's memory; the descriptor is `/proc/PID/mem`. Offsets are addresses. */
export interface MemoryRequest {
  readonly type: "memory";
  readonly externals: Externals;
  readonly address: number;
  readonly sizeBytes: number;
}

export type JobRequest = ScanRequest | HashRequest | MemoryRequest;

export type ToWorker =
  /** First of all. Without `yara` the worker loads no engine: it is for digests. */
  | { readonly type: "start"; readonly yara: boolean; readonly nice: number; readonly parent: number }
  /** The descriptor holds {@link YaraNamespace}s as JSON. With `warnings` the answer has them too, which costs as much again. */
  | { readonly type: "compile"; readonly sizeBytes: number; readonly warnings: boolean }
  /** The descriptor is to be written to. */
  | { readonly type: "snapshot"; readonly rulesDigest: string }
  /** The descriptor holds a snapshot; `sizeBytes` of it, signature cut off. */
  | { readonly type: "restore"; readonly rulesDigest: string; readonly sizeBytes: number }
  /** Runs the engine's self-test; afterwards no snapshot can be taken. */
  | { readonly type: "test" }
  | JobRequest;

export type CompileInput = readonly YaraNamespace[];

/** A finding, and in which member of an archive it was (`inner.zip/evil.exe`; empty: in the file itself). */
export interface FileFinding extends YaraFinding {
  readonly member: string;
}

export interface ScanAnswer {
  readonly type: "scanned";
  readonly findings: readonly FileFinding[];
  /** Findings that were left out. */
  readonly omitted: number;
  readonly sizeBytes: number;
  readonly hash: Hashes;
  /** The file was written to while it was read. */
  readonly changed: boolean;
  /** Members of archives that were scanned. */
  readonly members: number;
  /** Members that were not, all of them and the first with the reason. */
  readonly unscannedMembers: number;
  readonly unscanned: readonly { readonly member: string; readonly reason: string }[];
}

export type FromWorker =
  | { readonly type: "ready"; readonly refused: readonly string[] }
  | {
      readonly type: "compiled";
      readonly rules: readonly YaraRule[];
      readonly diagnostics: readonly Diagnostic[];
      readonly rejected: number;
      readonly milliseconds: number;
    }
  | { readonly type: "restored"; readonly error: string; readonly milliseconds: number }
  /** Why scans run the slow way; empty when they do not. */
  | { readonly type: "tested"; readonly plainReason: string }
  | { readonly type: "snapshot"; readonly sizeBytes: number }
  | (ScanAnswer & { readonly peakBytes: number })
  /** The file could not be read or is too large; the worker is well. */
  | { readonly type: "unscannable"; readonly reason: string; readonly peakBytes: number };
