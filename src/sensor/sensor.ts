// The Linux sensor: opens the shim, owns the memory of its rings, and reports which eBPF programs run. Lives in the detect
// worker; only `wake` is meant for other threads.

import { kind, openFlag, optionsLayout, waitResult } from "../event/layout.gen.ts";
import { createRing, RingReader } from "../ring/mod.ts";
import { countersBytes, decodeCounters, type SensorCounters } from "./counters.ts";
import { type FileSettings, fileMapEntries } from "./file-settings.ts";
import { loadShim, type Pointer, ptr, type Shim, ShimError } from "./shim.ts";

export interface SensorOptions {
  /** Kernel ring of the process family; a power of two. */
  readonly kernelRingBytes: number;
  /** Kernel ring of the activities, made when the first is enabled; a power of two. */
  readonly kernelBulkRingBytes: number;
  /** Shared rings, between the shim and this thread; powers of two. */
  readonly criticalRingBytes: number;
  readonly bulkRingBytes: number;
  /** Environment variables whose values a process event carries. */
  readonly envNames: readonly string[];
  /** Pause of the shim between two drains of the kernel's ring. */
  readonly batchUs: number;
  /** Nothing of it when absent. */
  readonly files?: FileSettings;
  /** No eBPF: records come from {@link Sensor.inject}. Tests and benchmarks. */
  readonly injectOnly?: boolean;
  /** Leave the task iterator out, as on a kernel where it does not load. Tests. */
  readonly withoutIterator?: boolean;
  /** Load program by program, as on a kernel that refuses some. Tests. */
  readonly loadApart?: boolean;
}

/** State of one eBPF program. */
export interface Probe {
  readonly name: string;
  /** `unused`: another program of the same purpose runs instead. */
  readonly state: "attached" | "failed" | "unused";
  readonly error: string;
  readonly message: string;
  /** The program that does the same on other kernels; empty when there is none. */
  readonly instead: string;
}

/** The sensor cannot run here at all. `errno` is the kernel's word: EPERM, ENOENT … */
export class SensorError extends Error {
  readonly code = "E_SENSOR";
  readonly errno: number;
  constructor(message: string, errno: number) {
    super(message);
    this.errno = errno;
  }
}

/** The errors that loading and attaching meet in practice; others are shown by number. */
const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  7: "E2BIG",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  22: "EINVAL",
  28: "ENOSPC",
  38: "ENOSYS",
  95: "EOPNOTSUPP",
  524: "ENOTSUPP",
};
const errnoName = (errno: number): string => (errno === 0 ? "" : (errnoNames[errno] ?? `errno ${errno}`));

/** As `env_names` in native/shim/shim.h. */
const envNamesMaxBytes = 16_384;
const reportRoomBytes = 64 * 1024;

const checkRoomBytes = 4096;
/** Programs, links and maps together: far more than the shim's table has rows. */
const objectsMax = 2048;

/** What programs do about a kind that is enabled (native/bpf/operation.h): all that matters, all without a filter, or only what is
 * done to the agent. Kinds that know no such difference take any for the first. */
export const enableMode = { normal: 1, all: 2, guard: 3 } as const;

export interface KernelObjects {
  readonly programs: ReadonlySet<number>;
  readonly maps: ReadonlySet<number>;
  readonly links: ReadonlySet<number>;
}

export class Sensor {
  readonly critical: RingReader;
  readonly bulk: RingReader;
  readonly #shim: Shim;
  readonly #handle: Pointer;
  /** The shim's thread writes here until `close` returned. */
  readonly #memory: { critical: SharedArrayBuffer; bulk: SharedArrayBuffer };
  readonly #counters = Buffer.alloc(countersBytes);
  #open = true;

  #files: FileSettings | undefined;

  private constructor(
    shim: Shim,
    handle: Pointer,
    files: FileSettings | undefined,
    memory: { critical: SharedArrayBuffer; bulk: SharedArrayBuffer },
  ) {
    this.#shim = shim;
    this.#handle = handle;
    this.#files = files;
    this.#memory = memory;
    this.critical = new RingReader(memory.critical);
    this.bulk = new RingReader(memory.bulk);
  }

  /** Loads and attaches what this kernel takes. Throws {@link ShimError}, or {@link SensorError} when nothing loads. */
  static open(options: SensorOptions): Sensor {
    const shim = loadShim();
    // An empty name would end the list.
    const names = Buffer.from(`${options.envNames.filter((name) => name !== "").join("\0")}\0\0`);
    if (names.length > envNamesMaxBytes)
      throw new SensorError(
        `Cannot take ${names.length} bytes of names of environment variables: at most ${envNamesMaxBytes}`,
        7,
      );
    const raw = Buffer.alloc(optionsLayout.bytes);
    raw.writeUInt32LE(options.kernelRingBytes, optionsLayout.criticalRingBytes);
    const flags =
      (options.injectOnly ? openFlag.injectOnly : 0) |
      (options.withoutIterator ? openFlag.noIterator : 0) |
      (options.loadApart ? openFlag.loadApart : 0);
    raw.writeUInt32LE(flags, optionsLayout.flags);
    raw.writeBigUInt64LE(BigInt(ptr(names)), optionsLayout.envNames);
    raw.writeUInt32LE(options.batchUs, optionsLayout.batchUs);
    raw.writeUInt32LE(options.kernelBulkRingBytes, optionsLayout.bulkRingBytes);
    const error = Buffer.alloc(512);
    const failure = new Int32Array(1);
    const handle = shim.sigil_open(ptr(raw), ptr(error), error.length - 1, ptr(failure));
    if (handle === null) {
      const text = error.toString("utf8", 0, Math.max(0, error.indexOf(0)));
      const errno = failure[0] ?? 0;
      throw new SensorError(`Cannot load the eBPF programs: ${text || errnoName(errno)}`, errno);
    }
    const memory = { critical: createRing(options.criticalRingBytes), bulk: createRing(options.bulkRingBytes) };
    return new Sensor(shim, handle as Pointer, options.files, memory);
  }

  /** Address of the native instance, for {@link wakeSensor} from another thread; valid until `close`. */
  get handle(): number {
    return this.#handle as number;
  }

  /** The memory that the shim's thread writes: whoever may outlive this thread keeps it referenced until the sensor is closed. */
  get memory(): readonly SharedArrayBuffer[] {
    return [this.#memory.critical, this.#memory.bulk];
  }

  /** Starts the shim's thread: first the inventory of running processes, ended by its own record, then live events. */
  start(): void {
    const { critical, bulk } = this.#memory;
    const headBytes = critical.byteLength - this.critical.bytes.length;
    const result = this.#shim.sigil_start(
      this.#handle,
      ptr(new Uint8Array(critical)),
      critical.byteLength - headBytes,
      ptr(new Uint8Array(bulk)),
      bulk.byteLength - headBytes,
    );
    if (result !== 0) throw new ShimError(`Cannot start the shim's thread: ${errnoName(-result)}`);
  }

  /** Blocks this thread until there is something to do or the time is up; answers bits of `waitResult`, 0 for time up. */
  wait(timeoutMs: number): number {
    return this.#shim.sigil_wait(this.#handle, timeoutMs);
  }

  /**
   * Records these kinds of activities (`activityKinds`) from now on and no others: loads and attaches the programs that deliver them,
   * detaches those that nobody needs. `configure` is called between the two, to fill their maps ({@link setMap}). A program
   * that does not load or attach is no error: {@link probes} tells. Throws SensorError when nothing of it works. Takes tens of
   * milliseconds for a family that was not loaded before.
   */
  enable(kinds: Iterable<number | readonly [kind: number, mode: number]>, configure?: (sensor: Sensor) => void): void {
    const wanted = new Uint8Array(kind.max);
    for (const one of kinds) {
      const [of, mode] = typeof one === "number" ? [one, enableMode.normal] : one;
      wanted[of] = mode;
    }
    let result = this.#shim.sigil_prepare(this.#handle, ptr(wanted));
    if (result === 0) {
      if (this.#files !== undefined)
        for (const { map, key, value } of fileMapEntries(this.#files)) this.setMap(map, key, value);
      configure?.(this);
      result = this.#shim.sigil_enable(this.#handle, ptr(wanted));
    }
    if (result !== 0) throw new SensorError(`Cannot enable the programs of activities: ${errnoName(-result)}`, -result);
  }

  /**
   * Begins to load what these kinds need, on a thread of its own, so that {@link enable} finds it done. Everything else that is asked
   * about programs waits until it is; records do not. That a kind cannot be loaded shows when it is enabled.
   */
  loadAhead(kinds: Iterable<number>): void {
    const wanted = new Uint8Array(kind.max);
    for (const one of kinds) wanted[one] = 1;
    this.#shim.sigil_load_ahead(this.#handle, ptr(wanted));
  }

  /** Last components of the names of files whose being read is told, from the next {@link enable} on, instead of those it was opened with. */
  set sensitiveNames(names: readonly string[]) {
    this.#files = { excludedPrefixes: this.#files?.excludedPrefixes ?? [], sensitiveNames: names };
  }

  /**
   * Sets an entry of a map of the loaded programs, or deletes it without `value`; key and value must be as wide as the map says. False
   * when no loaded program has the map, or the kernel refuses.
   */
  setMap(name: string, key: Uint8Array, value?: Uint8Array): boolean {
    const label = Buffer.from(`${name}\0`);
    return this.#shim.sigil_map_set(this.#handle, ptr(label), ptr(key), value === undefined ? null : ptr(value)) === 0;
  }

  /** Makes attachments again that somebody has taken away, and names their programs. Some 100 µs. */
  check(): string[] {
    const room = Buffer.alloc(checkRoomBytes);
    const length = this.#shim.sigil_check(this.#handle, ptr(room), room.length);
    return room
      .toString("utf8", 0, length)
      .split("\n")
      .filter((line) => line !== "");
  }

  /** Ids by which bpf(2) and bpftool know what this sensor loaded. */
  objects(): KernelObjects {
    const room = new BigUint64Array(objectsMax);
    const count = this.#shim.sigil_objects(this.#handle, ptr(room), room.length);
    const ids = (of: bigint): Set<number> =>
      new Set([...room.subarray(0, count)].filter((id) => id >> 32n === of).map((id) => Number(id & 0xffff_ffffn)));
    return { programs: ids(1n), maps: ids(2n), links: ids(3n) };
  }

  counters(): SensorCounters {
    this.#shim.sigil_counters(this.#handle, ptr(this.#counters));
    return decodeCounters(this.#counters);
  }

  /** State of every eBPF program of this version. */
  probes(): Probe[] {
    const room = Buffer.alloc(reportRoomBytes);
    const length = this.#shim.sigil_report(this.#handle, ptr(room), room.length);
    return room
      .toString("utf8", 0, length)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [name = "", state = "failed", errno = "0", instead = "", message = ""] = line.split("\t");
        return { name, state: state as Probe["state"], error: errnoName(Number(errno)), instead, message };
      });
  }

  /** Puts a whole record into a ring as the shim's thread would. False when there is no room. `injectOnly` instances. */
  inject(record: Uint8Array, ring: "critical" | "bulk" = "critical"): boolean {
    const result = this.#shim.sigil_inject(this.#handle, ring === "critical" ? 0 : 1, ptr(record), record.length);
    if (result < 0) throw new RangeError(`Cannot inject a record of ${record.length} bytes: ${errnoName(-result)}`);
    return result === 1;
  }

  /** No new events; what is in the rings is still delivered, then `wait` answers `drained`. */
  detach(): void {
    this.#shim.sigil_detach(this.#handle);
  }

  /** Ends the thread and frees the native side. The instance is of no use afterwards. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#shim.sigil_close(this.#handle);
  }
}

/** Ends the `wait` of a sensor that another thread owns; `handle` must be open. */
export function wakeSensor(handle: number): void {
  loadShim().sigil_wake(handle as Pointer);
}

/** Closes a sensor of another thread, which has died or is done with it; `handle` must be open, its memory have been kept. */
export function closeSensor(handle: number): void {
  loadShim().sigil_close(handle as Pointer);
}

/** Gives back the memory of code that only starting up needs; see native/shim/shim.c. Returns the bytes looked at. */
export function trimCode(): number {
  return Number(loadShim().sigil_trim_code());
}

/** Milliseconds since the Unix epoch when CLOCK_BOOTTIME was 0, measured now; moves when the wall clock is set. */
export function bootOffsetMs(): number {
  return Number(loadShim().sigil_boot_offset_ns()) / 1e6;
}

export { kind as recordKind, waitResult };
