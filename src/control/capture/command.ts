// The command `agent capture`: opens the sensor and writes down exactly what it delivers, with what a replay needs to make the same
// events of it. No rule is evaluated. One thread: it sleeps in the shim, drains the rings into the file, and hears signals between.

import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { buildInfo } from "../../build-info.gen.ts";
import { activityKinds, headerLayout, processLayout, recordKind } from "../../event/mod.ts";
import {
  bootOffsetMs,
  configureNetwork,
  lost,
  procInventory,
  recordKinds,
  Sensor,
  SensorError,
  ShimError,
  waitResult,
} from "../../sensor/mod.ts";
import { parsePasswd, UserNames } from "../../state/mod.ts";
import {
  bootIdentity,
  missingPrerequisites,
  mountNamespace,
  networkOptions,
  readHost,
  readPasswd,
  readPasswdOf,
  sensorOptions,
} from "../agent/mod.ts";
import {
  captureFlushMs,
  captureSleepMs,
  captureUsersTextMax,
  detectReportMs,
  processesMax,
  userNamespacesMax,
} from "../config/limits.ts";
import type { AppConfig } from "../config/mod.ts";
import { type Log, openLog } from "../log/mod.ts";
import { entryType } from "./format.ts";
import { encodeManifest } from "./manifest.ts";
import { CaptureWriter, writeAll } from "./writer.ts";

export interface CaptureCommand {
  readonly output: string;
  /** Stop after this time; `undefined`: when told to. */
  readonly durationMs: number | undefined;
  /** Stop before the file is larger than this. */
  readonly sizeMaxBytes: number;
  readonly config: AppConfig;
}

/** Records until its time is over, the file is full, or a signal comes; gives the exit status. */
export async function captureCommand(command: CaptureCommand): Promise<0 | 2 | 64 | 69 | 77> {
  const { logging } = command.config;
  const root = openLog({ level: logging.level, format: logging.format, file: logging.file });
  try {
    return await run(command, root.child("capture"));
  } finally {
    await root.close();
  }
}

async function run(command: CaptureCommand, log: Log): Promise<0 | 2 | 64 | 69 | 77> {
  const missing = missingPrerequisites();
  for (const { what, hint } of missing) log.error("cannot start: something is missing", { missing: what, hint });
  if (missing.length > 0) return missing.some(({ kind }) => kind === "permission") ? 77 : 69;
  let file: CaptureFile;
  try {
    file = new CaptureFile(command.output);
  } catch (error) {
    log.error("the output cannot be opened", { path: command.output, reason: (error as Error).message });
    return 64;
  }
  try {
    const sensor = Sensor.open(sensorOptions(command.config));
    try {
      return await new Recorder(command, sensor, file, log).run();
    } finally {
      sensor.close();
    }
  } catch (error) {
    if (!(error instanceof SensorError) && !(error instanceof ShimError)) throw error;
    log.error("the sensor cannot run here", { error: error.message });
    const errno = error instanceof SensorError ? error.errno : 0;
    return errno === 1 || errno === 13 ? 77 : 69;
  } finally {
    file.close();
  }
}

/** The output: what is written whole stays, also when the disk is full. */
class CaptureFile {
  readonly #fd: number;
  readonly #isRegular: boolean;
  #bytes = 0;

  constructor(path: string) {
    // Command lines and environments stand in it: nobody else reads it, and no link leads it elsewhere.
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NOCTTY } = constants;
    this.#fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NOCTTY, 0o600);
    this.#isRegular = fstatSync(this.#fd).isFile();
    if (this.#isRegular) fchmodSync(this.#fd, 0o600);
  }

  write(bytes: Buffer): void {
    try {
      writeAll(this.#fd, bytes);
    } catch (error) {
      // Half a block would be damage; without it the capture just ends.
      if (this.#isRegular) ftruncateSync(this.#fd, this.#bytes);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  sync(): void {
    if (this.#isRegular) fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Records taken from one ring before signals are heard again. */
const drainMax = 8192;
/** Room for the last block and what is still in the rings' blocks. */
const endRoomBytes = 4 * 1024 * 1024;

class Recorder {
  readonly #command: CaptureCommand;
  readonly #sensor: Sensor;
  readonly #file: CaptureFile;
  readonly #log: Log;
  readonly #writer: CaptureWriter;
  readonly #users: UserNames;
  readonly #hostMountNs = mountNamespace("self");
  /** Tables written, by mount namespace: one that did not change is not written again. */
  readonly #written = new Map<number, string>();
  /** Pids that the kernel's inventory or a live record named; until the inventory is complete. */
  #known: Set<number> | undefined = new Set();
  #hasInventory = false;
  readonly #records = new Map<number, number>();
  #reason = "";
  #failure: NodeJS.ErrnoException | undefined;

  constructor(command: CaptureCommand, sensor: Sensor, file: CaptureFile, log: Log) {
    this.#command = command;
    this.#sensor = sensor;
    this.#file = file;
    this.#log = log;
    const host = readHost();
    const probes = sensor.probes().map(({ name, state, error }) => ({ name, state, error }));
    const manifest = encodeManifest({
      agent: { version: buildInfo.version, commit: buildInfo.commit },
      kernel: kernelVersion(),
      host,
      hostId: bootIdentity(host),
      hostMountNs: this.#hostMountNs,
      startedMs: Date.now(),
      sensitiveFiles: command.config.sensor.sensitiveFiles,
      foldIntervalMs: command.config.network.foldIntervalMs,
      probes,
    });
    this.#writer = new CaptureWriter(manifest, (bytes) => this.#write(bytes));
    this.#users = new UserNames({
      namespacesMax: userNamespacesMax,
      hostMountNs: this.#hostMountNs,
      wanted: (mountNs, pid) => this.#putUsers(mountNs, readPasswdOf(mountNs, [pid])),
    });
  }

  async run(): Promise<0 | 2> {
    const stop = (reason: string): void => {
      if (this.#reason === "") this.#reason = reason;
    };
    const onSignal = (): void => stop("signal");
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
    let timer: Timer | undefined;
    try {
      this.#writer.clock(bootOffsetMs());
      this.#putUsers(this.#hostMountNs, readPasswd(""));
      this.#sensor.start();
      this.#enable();
      let flushAt = performance.now() + captureFlushMs;
      let reportAt = performance.now() + detectReportMs;
      while (this.#reason === "") {
        this.#turn();
        const now = performance.now();
        if (this.#hasInventory && this.#known !== undefined) {
          this.#completeInventory();
          this.#log.info("capture ready", { path: this.#command.output });
          const { durationMs } = this.#command;
          if (durationMs !== undefined) timer = setTimeout(() => stop("duration"), durationMs);
        }
        if (now >= reportAt) {
          reportAt = now + detectReportMs;
          this.#writer.clock(bootOffsetMs());
          this.#putCounters();
        }
        if (now >= flushAt) {
          flushAt = now + captureFlushMs;
          this.#writer.flush();
        }
        if (this.#writer.writtenBytes + endRoomBytes > this.#command.sizeMaxBytes) stop("size");
        if (this.#failure !== undefined) stop("output");
        await new Promise((resolve) => setImmediate(resolve));
      }
      return this.#end();
    } finally {
      clearTimeout(timer);
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
    }
  }

  /** Everything that a rule might ask about: which rules it will be replayed with is not known. */
  #enable(): void {
    const { config } = this.#command;
    try {
      this.#sensor.enable([...activityKinds.map(({ kind }) => kind), recordKind.compat], (sensor) => {
        configureNetwork(sensor, networkOptions(config).sensor);
      });
    } catch (error) {
      if (!(error instanceof SensorError)) throw error;
      this.#log.warn("activities cannot be recorded", { error: error.message });
    }
    for (const { name, state, error } of this.#sensor.probes())
      if (state === "failed") this.#log.warn("an eBPF program does not run here", { program: name, error });
  }

  /** Takes what is in the rings; false when there was nothing and nothing more will come. */
  #turn(): boolean {
    const woken = this.#sensor.wait(captureSleepMs);
    const { critical, bulk } = this.#sensor;
    // In the order of the live agent: an activity comes when all process starts before it have come.
    const bulkEnd = bulk.end;
    let taken = critical.drain(this.#takeCritical, drainMax);
    if (taken < drainMax) taken += bulk.drain(this.#takeBulk, drainMax, bulkEnd);
    return taken > 0 || (woken & waitResult.drained) === 0;
  }

  readonly #takeCritical = (at: number): void => this.#take("critical", this.#sensor.critical.bytes, at);
  readonly #takeBulk = (at: number): void => this.#take("bulk", this.#sensor.bulk.bytes, at);

  #take(ring: "critical" | "bulk" | "proc", bytes: Buffer, at: number): void {
    const kind = bytes.readUInt16LE(at + headerLayout.kind);
    const record = bytes.subarray(at, at + bytes.readUInt32LE(at + headerLayout.size));
    this.#records.set(kind, (this.#records.get(kind) ?? 0) + 1);
    this.#writer.record(ring, record);
    this.#known?.add(record.readUInt32LE(headerLayout.pid));
    if (kind === recordKind.inventoryEnd) this.#hasInventory = true;
    // Whose names an alert would show: asked for while the process runs, which it rarely does for long.
    if (kind === recordKind.exec || kind === recordKind.task) {
      const field = (offset: number): number => record.readUInt32LE(headerLayout.bytes + offset);
      const { mntNs, userNs, uid } = processLayout;
      this.#users.name(field(mntNs), field(userNs), field(uid), record.readUInt32LE(headerLayout.pid));
    }
  }

  /** Whom the kernel's inventory left out, and the word that it is complete. */
  #completeInventory(): void {
    const known = this.#known ?? new Set();
    this.#known = undefined;
    for (const record of procInventory((pid) => known.has(pid)).slice(0, processesMax)) this.#take("proc", record, 0);
    this.#writer.add(entryType.ready, 0, Buffer.alloc(0));
  }

  #putUsers(mountNs: number, passwd: string | undefined): void {
    if (passwd === undefined) this.#users.forget(mountNs);
    else this.#users.set(mountNs, parsePasswd(passwd));
    // Names and numbers alone: no home, no shell, no word about passwords.
    const lines = [...parsePasswd(passwd ?? "")].map(([uid, name]) => `${name}::${uid}`);
    const text = lines.join("\n").slice(0, captureUsersTextMax);
    const entry = { mountNs, passwd: passwd === undefined ? null : text };
    const said = JSON.stringify(entry);
    if (this.#written.get(mountNs) === said) return;
    if (this.#written.size >= userNamespacesMax) this.#written.clear();
    this.#written.set(mountNs, said);
    this.#writer.json(entryType.users, entry);
  }

  #putCounters(): void {
    const { activities, ...processes } = this.#sensor.counters();
    this.#writer.json(entryType.counters, { ...processes, ...activities });
  }

  /** After the first failure nothing more is written: what comes after a gap would be another stream. */
  #write(bytes: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      this.#file.write(bytes);
    } catch (error) {
      this.#failure = error as NodeJS.ErrnoException;
    }
  }

  /** Takes what is under way, and closes the account. */
  #end(): 0 | 2 {
    this.#sensor.detach();
    const untilMs = performance.now() + this.#command.config.service.shutdownTimeoutMs;
    const wantsRest = this.#failure === undefined && this.#reason !== "size";
    while (wantsRest && performance.now() < untilMs && this.#turn());
    const counters = this.#sensor.counters();
    this.#putCounters();
    const records = Object.fromEntries(this.#records);
    const entries = this.#writer.entries;
    const digest = this.#writer.end({ reason: this.#reason, endedMs: Date.now(), entries, records, counters });
    const losses =
      recordKinds.reduce((sum, kind) => sum + lost(counters[kind]), 0) +
      Object.values(counters.activities).reduce((sum, one) => sum + lost(one), 0);
    const facts = { path: this.#command.output, reason: this.#reason, records: entries, lost: losses };
    if (this.#failure === undefined) {
      this.#file.sync();
      this.#log.info("capture ended", { ...facts, bytes: this.#writer.writtenBytes, checksum: digest });
      if (losses > 0) this.#log.warn("events were lost; the capture says which", { lost: losses });
      return 0;
    }
    this.#log.error("the capture is not complete: it cannot be written", {
      ...facts,
      reason: this.#failure.code ?? this.#failure.message,
    });
    return 2;
  }
}

function kernelVersion(): string {
  try {
    return readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  } catch {
    return "";
  }
}
