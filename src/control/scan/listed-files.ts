// Files in front of the indicators: by what they contain (digests) and by where they lie (path expressions).

import type { AlertInput } from "../../alert/mod.ts";
import { IocEngine, indicatorHit } from "../../detect/mod.ts";
import { FieldTable, type NormalizedEvent, sourceId } from "../../event/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import type { Log } from "../log/mod.ts";
import { packIndicators, readRuleFiles } from "../rules/mod.ts";
import { type FileScanned, fileFields } from "./alert.ts";
import { type HashName, hashNames } from "./protocol.ts";

const diagnosticsLoggedMax = 10;

export class ListedFiles {
  /** Digests that files need: of the kinds that any list has. */
  readonly hashes: readonly HashName[];
  readonly #engine: IocEngine;
  readonly #slots = new FieldTable();

  private constructor(set: ConstructorParameters<typeof IocEngine>[0]) {
    this.hashes = hashNames.filter((name) => set.counts[name] > 0);
    this.#engine = new IocEngine(set, this.#slots);
  }

  /** Indicators of the configured rule files; `undefined` when none of them is about files. */
  static async load(config: AppConfig, log: Log): Promise<ListedFiles | undefined> {
    const { files } = await readRuleFiles(config);
    const { set, diagnostics } = packIndicators(files, config.ioc, Date.now());
    for (const { file, line, message, hint } of diagnostics.slice(0, diagnosticsLoggedMax))
      log.warn("indicators", { file, line, reason: message, hint });
    if (set === undefined || (hashNames.every((name) => set.counts[name] === 0) && set.counts.path === 0))
      return undefined;
    return new ListedFiles(set);
  }

  /** An alert for each indicator that the file is. */
  look({ path, stat, hash }: Omit<FileScanned, "changed">): AlertInput[] {
    const now = Date.now();
    const event = {
      kind: "other" as const,
      timeMs: now,
      provider: "scan",
      code: "",
      fields: {},
      truncated: [],
      ecs: { file: fileFields(path, stat, hash) },
    };
    const found: AlertInput[] = [];
    for (const name of this.hashes) {
      const observable = hash[name] ?? "";
      const indicator = this.#engine.digest(name, observable, now);
      if (indicator !== undefined)
        found.push({ hit: indicatorHit({ indicator, field: `file.hash.${name}`, observable }), event, createdMs: now });
    }
    const place = this.#slots.slot("TargetFilename");
    const lies: NormalizedEvent = {
      kind: "other",
      source: sourceId("linux/file_event"),
      timeMs: now,
      get: (slot) => (slot === place ? path : undefined),
      eachText: () => {},
    };
    this.#engine.match(lies, ({ indicator, observable }) => {
      found.push({ hit: indicatorHit({ indicator, field: "file.path", observable }), event, createdMs: now });
    });
    return found;
  }
}
