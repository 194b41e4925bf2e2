// Digests of files that start, looked up in the indicators. Hashed by workers of their own, so that no slow scan delays an answer that
// takes milliseconds.

import type { BigIntStats } from "node:fs";
import { DigestTable, type IndicatorSet, indicatorHit, type ScanFinding } from "../../detect/mod.ts";
import { fileFields, hashNames, type ScanPool } from "../scan/mod.ts";

export interface DigestsLooked {
  readonly status: "scanned" | "unscannable" | "lost";
  /** Of `unscannable`. */
  readonly reason: string;
  readonly findings: readonly ScanFinding[];
}

export class ListedDigests {
  readonly #pool: ScanPool;
  readonly #sizeMaxBytes: number;
  #table: DigestTable | undefined;

  constructor(pool: ScanPool, sizeMaxBytes: number) {
    this.#pool = pool;
    this.#sizeMaxBytes = sizeMaxBytes;
  }

  /** Whether there is a digest to look for. */
  get isAsked(): boolean {
    return this.#table !== undefined;
  }

  /** Digests of this set from now on. `imphash` is not taken of files. */
  use(set: IndicatorSet | undefined): void {
    const count = set === undefined ? 0 : hashNames.reduce((sum, name) => sum + set.counts[name], 0);
    this.#table = set === undefined || count === 0 ? undefined : new DigestTable(set);
  }

  /** Closes the descriptor, at the latest when it has answered. Never rejects. */
  async look(descriptor: number, path: string, stat: BigIntStats): Promise<DigestsLooked> {
    // All three: an alert has them, and a file is read once.
    const request = { type: "hash", sizeMaxBytes: this.#sizeMaxBytes, hashes: hashNames } as const;
    const result = await this.#pool.submit("hash", { descriptor, request });
    if (result === undefined) return { status: "lost", reason: "", findings: [] };
    if (result.status === "unscannable") return { status: "unscannable", reason: result.reason, findings: [] };
    const { hash } = result.answer;
    const findings: ScanFinding[] = [];
    for (const name of hashNames) {
      const observable = hash[name] ?? "";
      const indicator = this.#table?.find(name, observable, Date.now());
      if (indicator === undefined) continue;
      const hit = indicatorHit({ indicator, field: `file.hash.${name}`, observable });
      findings.push({ ...hit, file: fileFields(path, stat, hash), hash });
    }
    return { status: "scanned", reason: "", findings };
  }
}
