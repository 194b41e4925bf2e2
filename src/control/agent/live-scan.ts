// Scans for the running agent: owns the pool and the rules, gets a descriptor of what the detect worker asks for, and answers. The
// descriptor comes from the kernel's own event about the execution, else from /proc, else by name; in each case it is held against
// what the kernel said of the file when it was executed, so that nothing else is scanned in its place.

import { closeSync } from "node:fs";
import { LRUCache } from "lru-cache";
import type {
  IndicatorSet,
  ScanFinding,
  ScanSettled,
  ScanSubject,
  ScanWanted,
  YaraHandlerStats,
} from "../../detect/mod.ts";
import { ExecWatch } from "../../sensor/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import type { Log } from "../log/mod.ts";
import {
  compileYara,
  externalsOf,
  fileFields,
  hitOf,
  jobsWaitingMax,
  loadYara,
  openStore,
  RuleInfos,
  ScanPool,
  yaraFacts,
} from "../scan/mod.ts";
import { ListedDigests } from "./listed-digests.ts";
import { copyOf, identityOf, type Opened, openSubject, settledStat } from "./open-subject.ts";

export interface LiveScanOptions {
  readonly config: Pick<AppConfig, "scanner" | "yara">;
  readonly log: Log;
  readonly settled: (settled: ScanSettled) => void;
  /** Something that whoever watches the agent should know. */
  readonly tell: (action: string, message: string, values: Readonly<Record<string, unknown>>) => void;
}

/** Results kept of files that events name without saying what they are, and for how long. */
const resultsMax = 10_000;
const resultTtlMs = 6 * 60 * 60 * 1000;
/** How long a worker stays without work: it holds some 80 MB, starts in a third of a second, and most hosts start little that is new. */
const workerIdleMaxMs = 60_000;

export class LiveScan {
  readonly #options: LiveScanOptions;
  readonly #pool: ScanPool;
  readonly #digests: ListedDigests;
  /** While there are rules or digests. */
  #watch: ExecWatch | undefined;
  #infos = new RuleInfos([]);
  /** By identity: what was found in scripts, libraries and written files. */
  readonly #results = new LRUCache<string, readonly ScanFinding[]>({ max: resultsMax, ttl: resultTtlMs });
  /** Of the set that is live. */
  #digest = "";
  #wanted: LiveScanOptions["config"] | undefined;
  #loading: Promise<void> | undefined;
  #isClosed = false;
  #isReady = false;
  /** Descriptors taken before the pool has them. */
  #held = 0;
  #lost = 0;
  #troubles = 0;
  /** Resolves when rules are loaded, or cannot be. */
  readonly ready: Promise<void>;

  constructor(options: LiveScanOptions) {
    const { scanner } = options.config;
    this.#options = options;
    this.#pool = new ScanPool({
      scanWorkers: Math.max(1, scanner.workers),
      hashWorkers: 1,
      idleMaxMs: workerIdleMaxMs,
      deadlineMs: scanner.fileTimeoutMs,
      memoryMaxBytes: scanner.memoryMaxBytes,
      onTrouble: (what, details) => {
        options.log.warn(what, details);
        // Once: a host on which no worker runs would say it for every program.
        if (this.#troubles++ === 0) options.tell("scan_worker_failed", what, details);
      },
    });
    this.#digests = new ListedDigests(this.#pool, scanner.fileSizeMaxBytes);
    this.ready = this.reload(options.config);
  }

  get rules(): number {
    return this.#infos.size;
  }

  /** What became of the files of starts, for the log and for state documents. */
  account(scans: YaraHandlerStats | undefined): Readonly<Record<string, number>> {
    if (scans === undefined) return {};
    const { asked, scanned, unscannable, known, allowed, refused, lost, gone } = scans;
    const { timeouts, crashes, memoryKills } = this.#pool.stats("scan");
    const hash = this.#pool.stats("hash");
    return {
      ...{
        scans_asked: asked,
        scans_done: scanned,
        scans_known: known,
        scans_refused: refused,
        scans_allowed: allowed,
        scans_gone: gone,
      },
      ...{
        unscannable: unscannable + lost,
        unscannable_no_file: this.#lost,
        scan_timeouts: timeouts + hash.timeouts,
        scan_crashes: crashes + hash.crashes,
      },
      ...{ files_hashed: hash.answered - hash.unscannable },
      ...{ scan_memory_kills: memoryKills + hash.memoryKills, executions_overflowed: this.#watch?.overflows ?? 0 },
    };
  }

  /**
   * Reads and compiles rules; what runs stays when that fails. One set at a time: of those asked for meanwhile only the newest is
   * loaded. Never rejects.
   */
  reload(config: LiveScanOptions["config"]): Promise<void> {
    this.#wanted = config;
    this.#loading ??= this.#loadAll().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadAll(): Promise<void> {
    for (let config = this.#wanted; config !== undefined; config = this.#wanted) {
      this.#wanted = undefined;
      await this.#load(config);
    }
  }

  /** Indicators whose digests are looked for from now on. What is known of files must be forgotten by whoever keeps it. */
  useIndicators(set: IndicatorSet | undefined): void {
    this.#digests.use(set);
    this.#results.clear();
    if (this.#digests.isAsked) this.#watchExecutions();
  }

  async #load(config: LiveScanOptions["config"]): Promise<void> {
    const { log, tell } = this.#options;
    if (!config.yara.enabled) return;
    try {
      const { files, set } = await loadYara(config.yara);
      if (set.digest === this.#digest) return;
      const compiled = await compileYara(set, openStore(config.scanner, log), config.scanner.memoryMaxBytes);
      const { snapshot } = compiled;
      if (this.#isClosed) {
        if (snapshot !== undefined) closeSync(snapshot.descriptor);
        return;
      }
      for (const { file, line, column, message, hint } of [
        ...files.diagnostics,
        ...set.diagnostics,
        ...compiled.diagnostics,
      ])
        log.warn("rule rejected", { file, line, column, reason: message, hint });
      if (compiled.plainReason !== "") log.warn("scans run slowly", { reason: compiled.plainReason });
      this.#infos = new RuleInfos(compiled.rules);
      this.#digest = set.digest;
      this.#results.clear();
      if (snapshot === undefined) return;
      this.#watchExecutions();
      this.#pool.use(snapshot);
      log.info("YARA rules live", {
        rules: this.#infos.size,
        rejected: compiled.rejected,
        stored: compiled.isStored,
        milliseconds: Math.round(compiled.milliseconds),
      });
    } catch (error) {
      log.error("YARA rules cannot be loaded", { error: (error as Error).message });
      tell("yara_failed", "YARA rules cannot be loaded", { error: (error as Error).message });
    }
  }

  /** Not without rules: what nobody asks about costs the host nothing. */
  #watchExecutions(): void {
    // What was known was known by other rules.
    if (this.#watch !== undefined) this.#watch.forgetIgnored();
    else this.#watch = ExecWatch.open();
    if (this.#watch === undefined)
      this.#options.log.warn("executions cannot be watched: files that are gone at once are not scanned");
  }

  /** File systems that were mounted since. */
  watchMounts(): void {
    this.#watch?.watchMounts();
  }

  /** Takes what the detect worker wants; the answer goes to `settled`, always. */
  async take({ id, subject }: ScanWanted): Promise<void> {
    const { identity } = subject;
    if (this.#isReady && this.#infos.size === 0 && !this.#digests.isAsked) {
      // Without rules nothing is found in any file: known until there are some.
      this.#options.settled({ id, identity, status: "scanned", findings: [] });
      return;
    }
    const nothing = { id, identity, status: "lost", findings: [] } as const;
    const isFull = this.#held >= jobsWaitingMax;
    const opened = isFull ? undefined : await openSubject(subject, this.#watch);
    if (opened === undefined) {
      const isLost = isFull || subject.origin === "program";
      if (isLost) this.#lost++;
      this.#options.settled(isLost ? nothing : { ...nothing, status: "gone" });
      return;
    }
    this.#held++;
    try {
      if (subject.origin !== "program") {
        this.#options.settled({ id, identity, ...(await this.#examineNamed(subject, opened)) });
        return;
      }
      const partial = (findings: readonly ScanFinding[]): void =>
        this.#options.settled({ id, identity, status: "partial", findings });
      this.#options.settled({ id, identity, ...(await this.#examine(subject, opened, partial)) });
    } catch (error) {
      this.#options.log.error("a scan failed", { error: String(error) });
      this.#options.settled(nothing);
    } finally {
      this.#held--;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch?.close();
    await this.#pool.close();
  }

  /** What an event named: known by what was opened. Findings come at once, and a file that was only written again without a change has none. */
  async #examineNamed(
    subject: ScanSubject,
    { descriptor, stat: first }: Opened,
  ): Promise<Pick<ScanSettled, "status" | "findings">> {
    const isWritten = subject.origin === "written";
    const stat = isWritten ? await settledStat({ descriptor, stat: first }) : first;
    const key = identityOf(stat);
    const known = this.#results.get(key);
    if (known !== undefined) {
      closeSync(descriptor);
      return { status: "scanned", findings: isWritten ? [] : known };
    }
    const early: ScanFinding[] = [];
    const { status, findings } = await this.#examine(subject, { descriptor, stat }, (more) => early.push(...more));
    const all = [...early, ...findings];
    if (status === "scanned" || status === "unscannable") this.#results.set(key, all);
    return { status, findings: all };
  }

  /** Digests and content at once; listed digests are told as soon as they are found. */
  async #examine(
    subject: ScanSubject,
    opened: Opened,
    partial: (findings: readonly ScanFinding[]) => void,
  ): Promise<Pick<ScanSettled, "status" | "findings">> {
    const { path } = subject;
    // Whatever comes of it is kept by the file's identity.
    if (subject.origin === "program") this.#watch?.ignore(opened.descriptor);
    // Each lane closes what it is given.
    const copy = this.#digests.isAsked ? copyOf(opened.descriptor) : undefined;
    const looking =
      copy === undefined
        ? undefined
        : this.#digests.look(copy, path, opened.stat).then((looked) => {
            if (looked.findings.length > 0) partial(looked.findings);
            if (looked.reason !== "") this.#options.log.warn("not hashed", { path, reason: looked.reason });
            return looked.status;
          });
    const scanned = await this.#scan(subject, opened);
    const hashed = looking === undefined ? (this.#digests.isAsked ? "lost" : "scanned") : await looking;
    const isHashWorse = hashed === "lost" || scanned.status === "scanned";
    return isHashWorse ? { ...scanned, status: hashed } : scanned;
  }

  async #scan({ path }: ScanSubject, { descriptor, stat }: Opened): Promise<Pick<ScanSettled, "status" | "findings">> {
    await this.ready;
    this.#isReady = true;
    const lost = { status: "lost", findings: [] } as const;
    if (this.#infos.size === 0 || this.#isClosed) {
      closeSync(descriptor);
      return { status: this.#isClosed ? "lost" : "scanned", findings: [] };
    }
    const { scanner } = this.#options.config;
    const result = await this.#pool.submit("scan", {
      descriptor,
      request: {
        ...{ type: "scan", sizeMaxBytes: scanner.fileSizeMaxBytes, hashes: [], archives: false },
        externals: externalsOf(path, stat.uid),
      },
    });
    if (result === undefined || this.#isClosed) return lost;
    if (result.status === "unscannable") {
      this.#options.log.warn("not scanned", { path, reason: result.reason });
      return { status: "unscannable", findings: [] };
    }
    const { findings, hash } = result.answer;
    const file = fileFields(path, stat, hash);
    return {
      status: "scanned",
      findings: findings.map((finding): ScanFinding => {
        const { rule, matches } = hitOf(finding, this.#infos.of(finding));
        return { engine: "yara", rule, matches, file, hash, facts: yaraFacts(finding) };
      }),
    };
  }
}
