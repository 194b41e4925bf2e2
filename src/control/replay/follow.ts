// `agent replay --follow`: text inputs as they grow. Events are evaluated as they come: what is still to come cannot be sorted. Files
// are followed by name through rotation and truncation, as `tail -F` does.

import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hit } from "../../detect/mod.ts";
import { JsonNormalizer } from "../../normalize/mod.ts";
import { Hosts, recordedContext } from "./context.ts";
import { detectFormat } from "./format.ts";
import { errorCode, reasonOf } from "./input-error.ts";
import { isOutputReason } from "./inputs.ts";
import {
  followChunkBytes,
  followedMax,
  followGraceMs,
  followIdleMs,
  followPollMs,
  malformedLoggedMax,
  probeBytes,
} from "./limits.ts";
import type { Pending } from "./order.ts";
import type { InputKind, SourceRead } from "./read-input.ts";
import { type DirectFormat, type InputReader, openReader } from "./readers.ts";
import type { ReplayOptions, ReplayResult } from "./replay.ts";
import { compressionOf } from "./unpack.ts";
import { isZip } from "./zip.ts";

export interface FollowOptions extends Omit<ReplayOptions, "perFile" | "sortMemory" | "onProgress" | "readers"> {
  /** Ends the following. */
  readonly signal: AbortSignal;
}

/** Formats that grow at their end, record by record. */
const growing: ReadonlySet<string> = new Set(["auditd", "syslog", "ndjson", "json"]);

/**
 * Follows the inputs (files, or `-` for standard input) from their beginnings until the signal, or until standard input ends when it is the only one.
 * Rejects for faults outside of them. A file that is not there yet is waited for.
 */
export async function followEvents(options: FollowOptions): Promise<ReplayResult> {
  return await new Following(options).run();
}

class Following {
  readonly #options: FollowOptions;
  readonly #hosts = new Hosts();
  readonly #normalizer: JsonNormalizer;
  readonly #stop = new AbortController();
  readonly #startedMs = performance.now();
  readonly #handle: (record: Pending) => void;
  readonly #hits: Hit[] = [];
  /** Hits of what was read last, with their events, until they are told. */
  #untold: { readonly hit: Hit; readonly record: Pending; readonly path: string }[] = [];
  readonly #inputs: SourceRead[];
  #events = 0;
  #malformed = 0;
  #alerts = 0;
  #isUsage = false;
  #isPartial = false;
  /** Nobody reads the alerts any more. */
  #isUnwanted = false;
  readonly #saidLost = new Set<string>();

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#normalizer = new JsonNormalizer(options.fields);
    this.#inputs = options.paths.map((path, input) => ({ input, path, digest: "", events: 0, malformed: 0 }));
    const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = options;
    const handler = options.makeHandler((_, hit) => void this.#hits.push(hit));
    this.#handle = ({ event, input }) => {
      const from = this.#inputs[input];
      if (from !== undefined) from.events++;
      if (event.timeMs < sinceMs || event.timeMs >= untilMs) return;
      this.#events++;
      handler.handle(event);
    };
  }

  async run(): Promise<ReplayResult> {
    const { paths, log, signal } = this.#options;
    const stop = (): void => this.#stop.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (await this.#areFiles(paths)) {
        log.info("following", { inputs: paths.length });
        const all = paths.map((path, index) => (path === "-" ? this.#stream(index) : this.#file(path, index)));
        // One that fails for a fault of the program ends the others.
        await Promise.all(all.map((each) => each.finally(() => this.#ended(paths))));
      } else this.#isUsage = true;
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return this.#result(paths.length);
  }

  /** One that was refused, or failed for a fault of the program, ends the others. */
  #ended(paths: readonly string[]): void {
    if (this.#isUsage || paths.length === 1) this.#stop.abort();
  }

  /** Says what cannot be followed. */
  async #areFiles(paths: readonly string[]): Promise<boolean> {
    const { log, outputs = [] } = this.#options;
    const isOutput = ({ dev, ino }: Stats): boolean => outputs.some((other) => other.dev === dev && other.ino === ino);
    let isFine = paths.length <= followedMax;
    if (!isFine) log.error("too many inputs to follow", { count: paths.length, max: followedMax });
    for (const path of paths) {
      if (path === "-") continue;
      const found = await stat(path).catch((error) => errorCode(error));
      if (found === "ENOENT") log.warn("input is not there yet", { path });
      else if (typeof found === "string") log.error("input cannot be followed", { path, reason: reasonOf(found) });
      else if (!found.isFile()) log.error("input cannot be followed", { path, reason: "it is no file" });
      else if (isOutput(found)) log.error("input cannot be followed", { path, reason: isOutputReason });
      if (found !== "ENOENT" && (typeof found === "string" || !found.isFile() || isOutput(found))) isFine = false;
    }
    return isFine;
  }

  async #stream(index: number): Promise<void> {
    const { stdin = process.stdin } = this.#options;
    const input = this.#input("-", index, undefined);
    const chunks = (stdin as AsyncIterable<Buffer | string>)[Symbol.asyncIterator]();
    const aborted = new Promise<undefined>((resolve) => {
      if (this.#stop.signal.aborted) resolve(undefined);
      this.#stop.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    // Records of one event come at once: what is held after a pause is whole.
    const timer = setInterval(() => {
      input.idle();
      void this.#tell();
    }, followIdleMs);
    try {
      for (;;) {
        const next = await Promise.race([chunks.next(), aborted]);
        if (next === undefined || next.done === true) break;
        const bytes = Buffer.from(next.value as Buffer);
        for (let at = 0; at < bytes.length; at += followChunkBytes) {
          if (!input.push(bytes.subarray(at, at + followChunkBytes))) return;
          await this.#tell();
        }
      }
    } finally {
      clearInterval(timer);
      input.end();
      await this.#tell();
    }
  }

  async #file(path: string, index: number): Promise<void> {
    const { signal } = this.#stop;
    const buffer = Buffer.allocUnsafe(followChunkBytes);
    let file: Followed | undefined;
    let isRefused = false;
    try {
      while (!signal.aborted && !isRefused) {
        file ??= await this.#open(path, index);
        const bytesRead = file === undefined ? 0 : await this.#read(file, buffer);
        if (file !== undefined && bytesRead > 0) {
          isRefused = !file.input.push(buffer.subarray(0, bytesRead));
          await this.#tell();
          continue;
        }
        if (file !== undefined && !(await this.#isCurrent(file))) {
          file.input.end();
          await this.#tell();
          await file.handle.close();
          file = undefined;
          continue;
        }
        if (file !== undefined && performance.now() - file.grownMs > followIdleMs) file.input.idle();
        await this.#tell();
        await sleep(followPollMs, undefined, { signal }).catch(() => {});
      }
    } finally {
      // The last line may be unfinished: it is not looked at.
      file?.input.idle();
      await this.#tell();
      await file?.handle.close();
    }
  }

  async #open(path: string, index: number): Promise<Followed | undefined> {
    try {
      // A named pipe that has come in its place must not make this wait for a writer.
      const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stat = await handle.stat();
      if (!stat.isFile()) {
        await handle.close();
        this.#lose(path, "it is no file");
        return undefined;
      }
      const { ino, dev, mtimeMs } = stat;
      const input = this.#input(path, index, mtimeMs);
      return { path, handle, ino, dev, input, at: 0, grownMs: performance.now(), movedMs: undefined };
    } catch (error) {
      const code = errorCode(error);
      if (code === "unknown") throw error;
      // Said once; between a rotation and the first new line there is nothing to say.
      if (code !== "ENOENT") this.#lose(path, reasonOf(code));
      return undefined;
    }
  }

  #lose(path: string, reason: string): void {
    this.#isPartial = true;
    if (this.#saidLost.has(path)) return;
    this.#saidLost.add(path);
    this.#options.log.error("input cannot be read, and is tried again", { path, reason });
  }

  async #read(file: Followed, buffer: Buffer): Promise<number> {
    try {
      const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, file.at);
      file.at += bytesRead;
      if (bytesRead > 0) file.grownMs = performance.now();
      return bytesRead;
    } catch (error) {
      const code = errorCode(error);
      if (code === "unknown") throw error;
      this.#lose(file.path, reasonOf(code));
      return 0;
    }
  }

  /** Whether the name still leads to the file that is read, at its end. */
  async #isCurrent(file: Followed): Promise<boolean> {
    const { log } = this.#options;
    const { path } = file;
    const own = await file.handle.stat().catch(() => undefined);
    if (own !== undefined && own.size < file.at) {
      log.info("input was truncated, read from its start", { path });
      return false;
    }
    const now = await stat(path).catch(() => undefined);
    if (now === undefined || (now.ino === file.ino && now.dev === file.dev)) {
      file.movedMs = undefined;
      return true;
    }
    // Its writer may not have noticed yet.
    file.movedMs ??= performance.now();
    if (performance.now() - Math.max(file.movedMs, file.grownMs) < followGraceMs) return true;
    log.info("input was rotated", { path });
    return false;
  }

  #input(path: string, index: number, modifiedMs: number | undefined): GrowingInput {
    const { log, fields, input } = this.#options;
    return new GrowingInput({
      kind: input,
      open: (format) => {
        const reader: InputReader = openReader(format, {
          table: fields,
          input: index,
          path,
          modifiedMs,
          onEvent: (record) => {
            this.#handle(record);
            for (const hit of this.#hits) this.#untold.push({ hit, record, path });
            this.#hits.length = 0;
          },
          onDamage: (where, reason, lost) => {
            this.#malformed += lost;
            const from = this.#inputs[index];
            if (from !== undefined) from.malformed += lost;
            if (reader.damageCount <= malformedLoggedMax)
              log.warn("malformed record skipped", { path, ...where, reason });
          },
        });
        return reader;
      },
      onRefused: (reason) => {
        log.error("input cannot be followed", { path, reason });
        this.#isUsage = true;
      },
    });
  }

  /** Gives alerts to the output. One at a time: several inputs wait here for each other. */
  async #tell(): Promise<void> {
    while (this.#untold.length > 0) {
      const untold = this.#untold;
      this.#untold = [];
      for (const { hit, record, path } of untold) {
        if (this.#stop.signal.aborted && this.#isUnwanted) return;
        const { event, sequence } = record;
        this.#alerts++;
        // A file that grows has no digest yet: the event's own takes its place in the alert's id.
        const digest = createHash("sha256").update(this.#normalizer.pack(event)).digest("hex");
        const replay = { path, sequence, digest };
        const wanted = this.#options.emit({ hit, ...recordedContext(event, this.#hosts), replay });
        if ((typeof wanted === "boolean" ? wanted : await wanted) === false) {
          this.#isUnwanted = true;
          this.#stop.abort();
        }
      }
    }
  }
  #result(files: number): ReplayResult {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const summary = {
      files,
      events: this.#events,
      malformed: this.#malformed,
      alerts: this.#alerts,
      seconds: Math.round(seconds * 1000) / 1000,
      events_per_second: seconds > 0 ? Math.round(this.#events / seconds) : 0,
    };
    const found = this.#options.failOnAlert && this.#alerts > 0;
    return {
      summary,
      faultCount: 0,
      inputs: this.#inputs,
      exitCode: this.#isUsage ? 64 : found ? 1 : this.#isPartial ? 2 : 0,
    };
  }
}

interface Followed {
  readonly path: string;
  readonly handle: FileHandle;
  readonly ino: number;
  readonly dev: number;
  readonly input: GrowingInput;
  /** Bytes read so far. */
  at: number;
  /** When it last grew, and since when its name leads elsewhere; by the monotonic clock. */
  grownMs: number;
  movedMs: number | undefined;
}

interface GrowingOptions {
  readonly kind: InputKind;
  readonly open: (format: DirectFormat) => InputReader;
  readonly onRefused: (reason: string) => void;
}

/** What came of one file or stream: held until its format can be told, then given to a reader. */
class GrowingInput {
  readonly #options: GrowingOptions;
  #reader: InputReader | undefined;
  #head: Buffer = Buffer.alloc(0);

  constructor(options: GrowingOptions) {
    this.#options = options;
  }

  /** Takes the next bytes, which are not kept; false when this is nothing that can be followed. */
  push(bytes: Buffer): boolean {
    if (this.#reader !== undefined) {
      this.#reader.push(bytes);
      return true;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    const isEnough = this.#head.length >= probeBytes || this.#head.includes(10);
    return isEnough ? this.#begin() : true;
  }

  idle(): void {
    this.#reader?.idle?.();
  }

  /** Nothing more comes: a last line without an end is a line. */
  end(): void {
    if (this.#reader === undefined && this.#head.length > 0 && !this.#begin()) return;
    this.#reader?.end();
  }

  #begin(): boolean {
    const { kind, open: openFormat, onRefused } = this.#options;
    const head = this.#head;
    this.#head = Buffer.alloc(0);
    if (compressionOf(head) !== undefined || isZip(head)) {
      onRefused("what grows has to be text, a record after another; this is compressed");
      return false;
    }
    const mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
    const found = kind === "auto" ? detectFormat(head.subarray(mark)) : { format: kind };
    if ("unsupported" in found || !growing.has(found.format)) {
      const what = "unsupported" in found ? found.unsupported : found.format;
      onRefused(`what grows has to be text, a record after another; this is ${what}`);
      return false;
    }
    this.#reader = openFormat(found.format as DirectFormat);
    this.#reader.push(head.subarray(mark));
    return true;
  }
}
