// A capture as an input of the replay. It is read twice: first every block's seal is checked (and the digest of the file is made), then
// its records go through the decoder of the live agent, in the order in which the sensor delivered them. Nothing waits in memory
// but one block: what an alert says of a process has to be joined at the moment of the event.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostContext } from "../../alert/mod.ts";
import { type FieldTable, headerLayout, type NormalizedEvent } from "../../event/mod.ts";
import {
  type AnyLiveEvent,
  type AuditDemand,
  AuditEvent,
  AuditTrail,
  networkMemoryDefaults,
  SensitiveFiles,
} from "../../normalize/mod.ts";
import { type CaptureEntry, type CaptureManifest, CaptureReader, entriesOf, entryType } from "../capture/mod.ts";
import {
  exitedProcessesMax,
  processAncestorsMax,
  processBytesMax,
  processesMax,
  userNamespacesMax,
} from "../config/limits.ts";
import { EarlyRecords, type LiveContext, RecordDecoder } from "../detect/mod.ts";
import type { InputReader, ReaderOptions } from "./readers.ts";
import { openSources } from "./sources.ts";
import { UnpackBudget } from "./unpack.ts";

/** The first reading of a capture. */
export class CaptureScan implements InputReader {
  readonly undated = 0;
  damageCount = 0;
  /** Blocks of entries that can be used. */
  blocks = 0;
  manifest: CaptureManifest | undefined;
  /** Where the bytes are that the second reading needs, when the input cannot be opened again. */
  spooled: string | undefined;
  readonly #reader: CaptureReader;
  #spool: { readonly fd: number; readonly folder: string } | undefined;

  constructor(options: Pick<ReaderOptions, "onDamage">, isSpooled: boolean) {
    if (isSpooled) {
      const folder = mkdtempSync(join(tmpdir(), "sigil-replay-"));
      this.spooled = join(folder, "capture");
      this.#spool = { fd: openSync(this.spooled, "wx", 0o600), folder };
    }
    this.#reader = new CaptureReader({
      onManifest: (manifest) => {
        this.manifest = manifest;
      },
      onEntries: () => {
        this.blocks++;
      },
      onDamage: (offset, problem) => {
        this.damageCount++;
        options.onDamage({ offset }, problem, 0);
      },
    });
  }

  /** Records that are damaged are not countable: what follows the first damage is not looked at. */
  get malformed(): number {
    return this.damageCount;
  }

  /** How the capture ended, as its writer says; `undefined` when its end is missing. */
  get summary(): Readonly<Record<string, unknown>> | undefined {
    return this.#reader.summary;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
    if (this.#spool !== undefined)
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#spool.fd, chunk, at, chunk.length - at);
  }

  end(): void {
    this.#reader.end();
  }

  /** Removes what was spooled. Safe to call twice. */
  close(): void {
    if (this.#spool === undefined) return;
    closeSync(this.#spool.fd);
    rmSync(this.#spool.folder, { recursive: true, force: true });
    this.#spool = undefined;
  }
}

/** A capture that was read once. */
export interface CapturedSource {
  readonly scan: CaptureScan;
  /** Number of the input. */
  readonly input: number;
  /** Where it can be read again, unless it was spooled. */
  readonly path: string;
}

/** Opens a capture for the second reading; `undefined` when the first found nothing in it. Rejects when it cannot be read again. */
export async function openCapture(
  { scan, input, path }: CapturedSource,
  fields: FieldTable,
): Promise<CaptureStream | undefined> {
  const { manifest, blocks, spooled } = scan;
  if (manifest === undefined) return undefined;
  const sources = openSources(spooled ?? path, process.stdin, false, new UnpackBudget());
  const found = await sources.next();
  if (found.done === true || "problem" in found.value) throw new Error(`Cannot read ${path} again: it was changed`);
  const { chunks } = found.value;
  const all = (async function* () {
    try {
      yield* chunks;
    } finally {
      await sources.return(undefined);
    }
  })();
  return new CaptureStream({ fields, input, manifest, blocks, chunks: all });
}

export interface CaptureStreamOptions {
  readonly fields: FieldTable;
  readonly input: number;
  readonly manifest: CaptureManifest;
  /** Blocks that the first reading found sound; nothing behind them is used. */
  readonly blocks: number;
  /** The bytes once more, from the start. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** An event at the head of a capture, valid until the next `advance`. */
export interface CapturedEvent {
  readonly event: NormalizedEvent;
  readonly input: number;
  readonly sequence: number;
}

/** The second reading: events one by one. */
export class CaptureStream {
  head: CapturedEvent | undefined;
  readonly input: number;
  readonly host: HostContext;
  /** Entries that this program could not make sense of. */
  malformed = 0;
  /** Events that the sensor lost, by kind and stage, as it said last. */
  lost: Readonly<Record<string, number>> = {};
  readonly #decoder: RecordDecoder;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #reader: CaptureReader;
  #blocksLeft: number;
  #plains: Buffer[] = [];
  #entries: Iterator<CaptureEntry> | undefined;
  #early: EarlyRecords | undefined = new EarlyRecords();
  /** Records that were held and are due. */
  #due: Buffer[] = [];
  #dueAt = 0;
  #event: AnyLiveEvent | undefined;
  #audit: AuditTrail | undefined;
  #sequence = 0;
  #bootOffsetMs = 0;

  constructor(options: CaptureStreamOptions) {
    const { hostId, hostMountNs, host, sensitiveFiles, foldIntervalMs } = options.manifest;
    this.host = host;
    this.input = options.input;
    this.#blocksLeft = options.blocks;
    this.#chunks = options.chunks[Symbol.asyncIterator]();
    this.#decoder = new RecordDecoder({
      fields: options.fields,
      processes: {
        entriesMax: processesMax,
        exitedMax: exitedProcessesMax,
        bytesMax: processBytesMax,
        ancestorsMax: processAncestorsMax,
      },
      namespacesMax: userNamespacesMax,
      hostId,
      hostMountNs,
      sensitive: new SensitiveFiles(sensitiveFiles),
      network: {
        ...networkMemoryDefaults,
        connections: { ...networkMemoryDefaults.connections, intervalMs: foldIntervalMs },
      },
      bootOffsetMs: () => this.#bootOffsetMs,
      usersWanted: () => {},
      nowMs: () => 0,
    });
    this.#reader = new CaptureReader({
      onManifest: () => {},
      onEntries: (_, plain) => {
        if (this.#blocksLeft-- <= 0) return;
        const bytes = plain();
        if (bytes === undefined) this.malformed++;
        else this.#plains.push(bytes);
      },
      onDamage: () => {},
    });
  }

  /** Goes on to the next event; `head` is undefined when there is none. Rejects when the bytes cannot be read again. */
  async advance(): Promise<void> {
    this.head = undefined;
    for (;;) {
      const event = this.#next();
      if (event !== undefined) {
        this.#event = event;
        this.head = { event, input: this.input, sequence: this.#sequence++ };
        return;
      }
      if (!(await this.#fill())) break;
    }
    this.malformed += this.#decoder.stats.malformed;
    await this.close();
  }

  /**
   * Audit records that rules ask for are made of events from now on (as the live agent makes them): `route` gets each while
   * {@link audit} runs.
   */
  makeAudit(demand: AuditDemand, route: (event: AuditEvent) => void): void {
    this.#audit = new AuditTrail(demand, this.#decoder.context, (event) => {
      if (event instanceof AuditEvent) route(event);
    });
  }

  /** Makes the audit records of the event at the head. */
  audit(): void {
    if (this.#event !== undefined) this.#audit?.take(this.#event);
  }

  /** A position for an event that was made of the one at the head. */
  nextSequence(): number {
    return this.#sequence++;
  }

  /** What an alert says about the event at the head, or about one that was made of it. */
  context(made?: AuditEvent): LiveContext {
    const event = made ?? this.#event;
    if (event === undefined) throw new Error("Cannot give the context of no event");
    return this.#decoder.contextOf(event);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** More entries, or what is still held; false at the end. */
  async #fill(): Promise<boolean> {
    for (;;) {
      const plain = this.#plains.shift();
      if (plain !== undefined) {
        this.#entries = entriesOf(plain)[Symbol.iterator]();
        return true;
      }
      const next = this.#blocksLeft > 0 ? await this.#chunks.next() : undefined;
      if (next === undefined || next.done === true) break;
      this.#reader.push(next.value);
    }
    if (this.#early === undefined) return false;
    // Recorded for so short a time, or damaged so early, that the inventory never became complete.
    this.#release();
    return true;
  }

  /** The next event of what is in memory. */
  #next(): AnyLiveEvent | undefined {
    const another = this.#decoder.next();
    if (another !== undefined) return another;
    for (;;) {
      if (this.#dueAt < this.#due.length) {
        const event = this.#decoder.take(this.#due[this.#dueAt++] as Buffer, 0);
        if (event !== undefined) return event;
        continue;
      }
      const entry = this.#entries?.next();
      if (entry === undefined || entry.done === true) return undefined;
      const event = this.#take(entry.value);
      if (event !== undefined) return event;
    }
  }

  #take({ type, bytes }: CaptureEntry): AnyLiveEvent | undefined {
    switch (type) {
      case entryType.record:
        if (bytes.length < headerLayout.bytes || bytes.readUInt32LE(headerLayout.size) !== bytes.length) {
          this.malformed++;
          return undefined;
        }
        switch (this.#early?.hold(bytes, 0)) {
          case "held":
            return undefined;
          case "full":
            this.#release();
            this.#due.push(bytes);
            return undefined;
          default:
            return this.#decoder.take(bytes, 0);
        }
      case entryType.clock: {
        const offset = bytes.length === 8 ? bytes.readDoubleLE(0) : Number.NaN;
        if (!Number.isFinite(offset)) this.malformed++;
        else {
          this.#bootOffsetMs = offset;
          this.#decoder.clock.measure();
        }
        return undefined;
      }
      case entryType.ready:
        this.#release();
        return undefined;
      case entryType.users: {
        const { mountNs, passwd } = jsonOf(bytes);
        if (typeof mountNs !== "number") this.malformed++;
        else this.#decoder.setUsers(mountNs, typeof passwd === "string" ? passwd : undefined);
        return undefined;
      }
      case entryType.counters:
        this.lost = lossesOf(jsonOf(bytes));
        return undefined;
      default:
        this.malformed++;
        return undefined;
    }
  }

  #release(): void {
    this.#due = [...(this.#early?.records ?? [])];
    this.#dueAt = 0;
    this.#early = undefined;
  }
}

function jsonOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

const lossStages = ["droppedKernelRing", "droppedSharedRing", "missed", "malformed"] as const;
const kindsMax = 256;

/** `exec.droppedKernelRing: 12`, from the counters that the sensor gave. */
function lossesOf(counters: Readonly<Record<string, unknown>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [kind, columns] of Object.entries(counters).slice(0, kindsMax)) {
    if (typeof columns !== "object" || columns === null) continue;
    for (const stage of lossStages) {
      const count = (columns as Readonly<Record<string, unknown>>)[stage];
      if (typeof count === "number" && count > 0) found[`${kind.slice(0, 64)}.${stage}`] = count;
    }
  }
  return found;
}
