// Scanner: YARA rules over bytes. One a thread (YARA-X keeps its state in one WebAssembly memory). It has no time limit of its
// own, because nothing can stop WebAssembly from inside: whoever scans what strangers wrote does it in a process that can be killed.

import { printable } from "../../std/mod.ts";
import { type Compiled, compileRules, type Externals, externalNames, type YaraNamespace } from "./compile.ts";
import { classOf, type FileClass } from "./file-class.ts";
import {
  findingsPerScanMax,
  matchesShownMax,
  metaCountMax,
  metaTextLengthMax,
  patternsShownMax,
  snippetSizeMaxBytes,
  tagCountMax,
} from "./limits.ts";
import { type LoadedRules, type RawRule, type YaraRuntime, yaraRuntime } from "./runtime.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";

/** A place where a pattern matched. */
export interface PatternMatch {
  readonly offset: number;
  readonly length: number;
  /** The first bytes as printable ASCII, others as `\xNN`; see `snippetSizeMaxBytes`. */
  readonly snippet: string;
  /** The key that a pattern with the modifier `xor` was found under. */
  readonly xorKey?: number;
}

export interface YaraFinding {
  readonly namespace: string;
  readonly rule: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string | number | boolean>>;
  /** Patterns that matched, with how often; the first places are listed. */
  readonly patterns: readonly {
    readonly name: string;
    readonly count: number;
    readonly matches: readonly PatternMatch[];
  }[];
}

export interface ScanOutcome {
  readonly findings: readonly YaraFinding[];
  /** Findings beyond `findingsPerScanMax`. */
  readonly omitted: number;
}

export class Scanner {
  readonly #runtime: YaraRuntime;
  readonly #sets: ReadonlyMap<FileClass, LoadedRules>;
  readonly #externals = new Map<LoadedRules, Externals>();

  private constructor(runtime: YaraRuntime, sets: ReadonlyMap<FileClass, LoadedRules>) {
    this.#runtime = runtime;
    this.#sets = sets;
  }

  /** Compiles; a bad file costs only itself. Seconds for thousands of rules. */
  static compile(namespaces: readonly YaraNamespace[]): { readonly scanner: Scanner; readonly compiled: Compiled } {
    const runtime = yaraRuntime();
    const compiled = compileRules(runtime, namespaces);
    return { scanner: new Scanner(runtime, compiled.sets), compiled };
  }

  /** From a snapshot whose signature was checked, in a thread that has compiled nothing. Throws `SnapshotError`. */
  static restore(bytes: Uint8Array, rulesDigest: string): Scanner {
    const runtime = yaraRuntime();
    return new Scanner(runtime, readSnapshot(runtime, bytes, rulesDigest));
  }

  /** Before the first scan. */
  snapshot(rulesDigest: string, write: (bytes: Uint8Array) => void): void {
    writeSnapshot(this.#runtime, this.#sets, rulesDigest, write);
  }

  /** Why scans run the slow way; empty when they do not. Runs the self-test unless it ran; throws `YaraCrash` when that fails. */
  get plainReason(): string {
    return this.#runtime.test();
  }

  /** Bytes of the engine's memory, which never shrinks. */
  get memoryBytes(): number {
    return this.#runtime.memoryBytes;
  }

  /**
   * Rules that match, private ones left out. Time linear in the data for sane rules, unbounded for others. Throws `YaraCrash` when
   * the engine broke: this thread must not scan any more.
   */
  scan(data: Uint8Array, externals: Externals): ScanOutcome {
    const set = this.#sets.get(classOf(data));
    if (set === undefined) return { findings: [], omitted: 0 };
    const before = this.#externals.get(set);
    for (const name of externalNames)
      if ((before?.[name] ?? "") !== externals[name]) this.#runtime.setGlobal(set, name, externals[name]);
    this.#externals.set(set, externals);
    const told = this.#runtime.scan(set, data).matches.filter((rule) => !rule.isPrivate);
    const findings = told.slice(0, findingsPerScanMax).map((rule) => findingOf(rule, data));
    return { findings, omitted: told.length - findings.length };
  }
}

function findingOf({ identifier, namespace, tags, metadata, patterns }: RawRule, data: Uint8Array): YaraFinding {
  const meta: Record<string, string | number | boolean> = Object.create(null) as Record<string, string>;
  for (const { identifier: key, value } of metadata.slice(0, metaCountMax)) {
    const plain = typeof value === "bigint" ? Number(value) : value;
    meta[key] = typeof plain === "string" ? plain.slice(0, metaTextLengthMax).toWellFormed() : plain;
  }
  const seen = patterns.filter((pattern) => !pattern.isPrivate && pattern.matches.length > 0);
  return {
    namespace,
    rule: identifier,
    tags: tags.slice(0, tagCountMax),
    meta: { ...meta },
    patterns: seen.slice(0, patternsShownMax).map(({ identifier: name, matches }) => ({
      name,
      count: matches.length,
      matches: matches.slice(0, matchesShownMax).map(({ offset, length, xorKey }) => ({
        offset,
        length,
        snippet: snippetOf(data, offset, length),
        ...(xorKey === undefined ? {} : { xorKey }),
      })),
    })),
  };
}

function snippetOf(data: Uint8Array, offset: number, length: number): string {
  const bytes = data.subarray(offset, offset + Math.min(length, snippetSizeMaxBytes));
  let text = "";
  for (const byte of bytes)
    text +=
      byte === 0x5c
        ? "\\\\"
        : byte >= 0x20 && byte < 0x7f
          ? String.fromCharCode(byte)
          : `\\x${byte.toString(16).padStart(2, "0")}`;
  return printable(length > snippetSizeMaxBytes ? `${text}…` : text);
}
