// The command `agent scan`: files, folders, archives and the memory of processes through the pool, one alert a finding.

import { closeSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { join, resolve } from "node:path";
import { AlertEncoder, type AlertInput } from "../../alert/mod.ts";
import { buildInfo } from "../../build-info.gen.ts";
import type { YaraFinding } from "../../detect/yara/mod.ts";
import { AlertSink, SinkError } from "../../sink/mod.ts";
import { bootIdentity, readHost } from "../agent/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import { type Log, openLog } from "../log/mod.ts";
import { fileAlert, hitOf, RuleInfos, yaraFacts } from "./alert.ts";
import { externalsOf } from "./externals.ts";
import { type OpenFile, openForScan, walk } from "./files.ts";
import { ListedFiles } from "./listed-files.ts";
import { loadYara } from "./load.ts";
import { openMemory } from "./memory.ts";
import { type JobResult, ScanPool } from "./pool.ts";
import { Progress } from "./progress.ts";
import type { HashName } from "./protocol.ts";
import { type CompiledSet, compileYara } from "./rules.ts";
import { SnapshotStore } from "./snapshot-store.ts";

export interface ScanCommand {
  readonly paths: readonly string[];
  readonly pids: readonly number[];
  /** NDJSON also on a terminal. */
  readonly json: boolean;
  readonly config: AppConfig;
  readonly stdout: { readonly isTerminal: boolean; readonly color: boolean };
  /** Whether to show on stderr how far it is. */
  readonly showsProgress: boolean;
}

/** How long the last alerts may take to leave. */
const closeTimeoutMs = 30_000;
/** A file that is written to while it is read is read again so often. */
const changedRetriesMax = 1;
const diagnosticsLoggedMax = 10;

/** 0: nothing found. 1: something was. 2: nothing was, and something could not be scanned. 64, 69, 78: it did not come to that. */
export type ScanExit = 0 | 1 | 2 | 64 | 69 | 78;

export async function scan(command: ScanCommand): Promise<ScanExit> {
  const { config } = command;
  const log = openLog({ level: config.logging.level, format: config.logging.format, file: config.logging.file });
  try {
    return await new ScanRun(command, log.child("scan")).run();
  } finally {
    await log.close();
  }
}

/** The folder for compiled rules that the configuration names or implies. */
export function cacheFolder(scanner: AppConfig["scanner"]): string {
  if (scanner.cacheFolder !== "") return scanner.cacheFolder;
  if (process.geteuid?.() === 0) return "/var/lib/sigil";
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "sigil");
}

/** A store there, or none with the reason in the log: then rules are compiled at each start. */
export function openStore(scanner: AppConfig["scanner"], log: Log): SnapshotStore | undefined {
  // Sources that no commit names may compile the same rules to something else tomorrow.
  if (!/^[0-9a-f]{40}$/.test(buildInfo.commit)) return undefined;
  try {
    return new SnapshotStore(cacheFolder(scanner));
  } catch (error) {
    log.warn("compiled rules are not kept", { reason: (error as Error).message });
    return undefined;
  }
}

class ScanRun {
  readonly #command: ScanCommand;
  readonly #log: Log;
  readonly #pool: ScanPool;
  readonly #inFlightMax: number;
  #encoder!: AlertEncoder;
  #sink!: AlertSink;
  #infos = new RuleInfos([]);
  #hasYara = false;
  #listed: ListedFiles | undefined;
  #isReaderGone = false;
  readonly #progress: Progress;
  readonly #count = {
    ...{ files: 0, members: 0, bytes: 0, findings: 0, unscannable: 0, skipped: 0, changed: 0 },
  };

  constructor(command: ScanCommand, log: Log) {
    const { scanner } = command.config;
    this.#command = command;
    this.#log = log;
    const workers = scanner.workers === 0 ? availableParallelism() : scanner.workers;
    this.#inFlightMax = workers * 2;
    this.#pool = new ScanPool({
      scanWorkers: workers,
      // Only where there is no YARA rule: else one read feeds both.
      hashWorkers: workers,
      deadlineMs: scanner.fileTimeoutMs,
      memoryMaxBytes: scanner.memoryMaxBytes,
      onTrouble: (what, details) => log.warn(what, details),
    });
    this.#progress = new Progress(command.showsProgress, command.paths, () => this.#count);
  }

  async run(): Promise<ScanExit> {
    const { config, json, stdout, paths, pids } = this.#command;
    this.#listed = await ListedFiles.load(config, this.#log);
    const compiled = await this.#rules();
    if (compiled?.snapshot === undefined && this.#listed === undefined) {
      await this.#pool.close();
      this.#log.error("neither a YARA rule nor an indicator of files is loaded");
      return 78;
    }
    if (compiled?.snapshot !== undefined) {
      this.#pool.use(compiled.snapshot);
      this.#infos = new RuleInfos(compiled.rules);
      this.#hasYara = true;
    }
    const host = readHost();
    this.#encoder = new AlertEncoder({
      agent: { type: "sigil", version: buildInfo.version, id: host.id, name: host.name },
      namespace: config.alerts.namespace,
      host,
    });
    try {
      const format = json || !stdout.isTerminal ? "ndjson" : "compact";
      this.#sink = new AlertSink({
        outputs: [
          {
            ...{ path: "-", format, color: stdout.color, onFailure: "close", minLevel: config.alerts.minLevel },
            width: () => process.stdout.columns ?? 0,
            queueSizeMaxBytes: config.alerts.queueSizeBytes,
          },
        ],
        onNotice: (notice) => {
          if (notice.state === "closed") this.#isReaderGone = true;
        },
      });
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      this.#log.error("output cannot be opened", { reason: error.message });
      await this.#pool.close();
      return 64;
    }
    const began = performance.now();
    this.#progress.start();
    try {
      for (const pid of pids) await this.#memory(pid, bootIdentity(host));
      await this.#files(paths);
    } finally {
      this.#progress.stop();
      await this.#pool.close();
      await this.#sink.close(closeTimeoutMs);
    }
    if (this.#isReaderGone) return 0;
    const { files, members, bytes, findings, unscannable, skipped, changed } = this.#count;
    const seconds = (performance.now() - began) / 1000;
    const { timeouts, crashes, memoryKills } = this.#pool.stats("scan");
    this.#log.info("scan done", {
      ...{
        files,
        archive_members: members,
        megabytes: Math.round(bytes / 1e6),
        findings,
        unscannable,
        skipped,
        changed,
      },
      ...{ timeouts, crashes, memory_kills: memoryKills, seconds: Number(seconds.toFixed(2)) },
    });
    return findings > 0 ? 1 : unscannable > 0 ? 2 : 0;
  }

  /** Compiled rules, or `undefined` when there are none to scan with. */
  async #rules(): Promise<CompiledSet | undefined> {
    const { config } = this.#command;
    const { files, set } = await loadYara(config.yara);
    const compiled = await compileYara(set, openStore(config.scanner, this.#log), config.scanner.memoryMaxBytes);
    const faults = [...files.diagnostics, ...set.diagnostics, ...compiled.diagnostics];
    for (const { file, line, column, message, hint } of faults.slice(0, diagnosticsLoggedMax))
      this.#log.warn("rule rejected", { file, line, column, reason: message, hint });
    if (faults.length > diagnosticsLoggedMax) this.#log.warn("rules rejected", { count: faults.length });
    if (compiled.plainReason !== "") this.#log.warn("scans run slowly", { reason: compiled.plainReason });
    const rules = compiled.rules.filter((rule) => !rule.isPrivate).length;
    this.#log.debug("rules ready", {
      ...{ rules, stored: compiled.isStored, milliseconds: Math.round(compiled.milliseconds) },
    });
    if (rules > 0) return compiled;
    if (compiled.snapshot !== undefined) closeSync(compiled.snapshot.descriptor);
    return undefined;
  }

  async #files(paths: readonly string[]): Promise<void> {
    const inFlight = new Set<Promise<void>>();
    for (const found of walk(paths)) {
      if (this.#isReaderGone) break;
      if ("skipped" in found) {
        if (found.isFault) this.#unscannable(found.path, found.skipped);
        else this.#count.skipped++;
        continue;
      }
      const job = this.#file(found.path, found.isOperand).finally(() => inFlight.delete(job));
      inFlight.add(job);
      if (inFlight.size >= this.#inFlightMax) await Promise.race(inFlight);
    }
    await Promise.all(inFlight);
  }

  async #file(path: string, isOperand: boolean): Promise<void> {
    const { scanner } = this.#command.config;
    for (let turn = 0; ; turn++) {
      const opened = openForScan(path, isOperand);
      if (typeof opened === "string") {
        this.#unscannable(path, opened);
        return;
      }
      const { descriptor, stat } = opened;
      const full = resolve(path);
      const hashes = this.#listed?.hashes ?? [];
      if (!this.#hasYara) {
        await this.#digest(path, full, opened, hashes);
        return;
      }
      const result = await this.#pool.submit("scan", {
        descriptor,
        request: {
          ...{ type: "scan", sizeMaxBytes: scanner.fileSizeMaxBytes, hashes, archives: true },
          externals: externalsOf(full, stat.uid),
        },
      });
      if (result === undefined || result.status === "unscannable") {
        this.#unscannable(path, result?.reason ?? "too many files at once");
        return;
      }
      const { answer } = result;
      if (answer.changed && turn < changedRetriesMax) continue;
      this.#count.files++;
      this.#count.bytes += answer.sizeBytes;
      this.#count.members += answer.members;
      for (const { member, reason } of answer.unscanned) this.#log.warn("not scanned", { path, member, reason });
      this.#count.unscannable += answer.unscannedMembers;
      if (answer.changed) {
        this.#count.changed++;
        this.#unscannable(path, "it changes while it is read");
      }
      const about = { path: full, stat, hash: answer.hash, changed: answer.changed };
      for (const finding of answer.findings) await this.#tell(fileAlert(finding, about, this.#infos.of(finding)));
      for (const input of this.#listed?.look(about) ?? []) await this.#tell(input);
      if (answer.omitted > 0) this.#log.warn("findings left out", { path, count: answer.omitted });
      return;
    }
  }

  /** A file in front of indicators alone. */
  async #digest(
    path: string,
    full: string,
    { descriptor, stat }: OpenFile,
    hashes: readonly HashName[],
  ): Promise<void> {
    const { fileSizeMaxBytes: sizeMaxBytes } = this.#command.config.scanner;
    const result = await this.#pool.submit("hash", { descriptor, request: { type: "hash", sizeMaxBytes, hashes } });
    if (result === undefined || result.status === "unscannable") {
      this.#unscannable(path, result?.reason ?? "too many files at once");
      return;
    }
    this.#count.files++;
    this.#count.bytes += Number(stat.size);
    const about = { path: full, stat, hash: result.answer.hash, changed: false };
    for (const input of this.#listed?.look(about) ?? []) await this.#tell(input);
  }

  /** One alert a rule, however many regions it matches in: the first is named. */
  async #memory(pid: number, hostId: string): Promise<void> {
    const memory = openMemory(pid, hostId);
    if (typeof memory === "string") {
      this.#unscannable(`pid ${pid}`, memory);
      return;
    }
    const { descriptor, regions, leftOutBytes, process: context } = memory;
    if (leftOutBytes > 0) this.#unscannable(`pid ${pid}`, `${leftOutBytes} bytes are beyond the limit`);
    const externals = externalsOf(context.executable ?? "", undefined);
    const seen = new Map<string, { readonly finding: YaraFinding; readonly region: string; count: number }>();
    let scanned = 0;
    let faults = 0;
    let fault = "";
    try {
      for (const { address, sizeBytes, name } of regions) {
        const { openSync } = await import("node:fs");
        // The pool closes what it is given.
        const copy = openSync(`/proc/self/fd/${descriptor}`, "r");
        const result: JobResult | undefined = await this.#pool.submit("scan", {
          request: { type: "memory", externals, address, sizeBytes },
          descriptor: copy,
        });
        if (result?.status !== "scanned") {
          faults++;
          fault = result?.reason ?? "";
          continue;
        }
        scanned++;
        this.#count.bytes += result.answer.sizeBytes;
        for (const finding of result.answer.findings) {
          const key = `${finding.namespace}\0${finding.rule}`;
          const known = seen.get(key);
          if (known !== undefined) known.count++;
          else seen.set(key, { finding: moved(finding, address), region: name, count: 1 });
        }
      }
    } finally {
      closeSync(descriptor);
    }
    // Guard pages and the like cannot be read in any process; when nothing could, that is another matter.
    if (scanned === 0) this.#unscannable(`pid ${pid}`, fault === "" ? "no memory of its own" : fault);
    else this.#count.files++;
    this.#count.skipped += scanned === 0 ? 0 : faults;
    const now = Date.now();
    for (const { finding, region, count } of seen.values()) {
      const rule = this.#infos.of(finding);
      const extra = { yara: { ...yaraFacts(finding), region, regions: count } };
      const event = {
        kind: "other",
        timeMs: now,
        provider: "scan",
        code: "",
        fields: {},
        truncated: [],
        extra,
      } as const;
      await this.#tell({ hit: hitOf(finding, rule), event, process: context, createdMs: now });
    }
  }

  async #tell(input: AlertInput): Promise<void> {
    this.#count.findings++;
    if (!this.#sink.write(this.#encoder.alert(input))) await this.#sink.drain();
  }

  #unscannable(path: string, reason: string): void {
    this.#count.unscannable++;
    this.#log.warn("not scanned", { path, reason });
  }
}

/** Offsets in a region become addresses. */
function moved(finding: YaraFinding, by: number): YaraFinding {
  return {
    ...finding,
    patterns: finding.patterns.map((pattern) => ({
      ...pattern,
      matches: pattern.matches.map((match) => ({ ...match, offset: match.offset + by })),
    })),
  };
}
