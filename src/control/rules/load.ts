// Finds and reads rule files: paths given by a person, or the rules inside the binary. Used by `run`, `replay` and
// `rules validate`. The order is the same on every machine; everything that is left out is counted and named.

import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, opendirSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Pipelines } from "../../detect/sigma/mod.ts";
import type { Diagnostic } from "../../std/mod.ts";
import {
  diagnosticsMax,
  indicatorFileSizeMaxBytes,
  indicatorsSizeMaxBytes,
  ruleFileSizeMaxBytes,
  ruleFilesMax,
  ruleSkippedNamedMax,
  rulesSizeMaxBytes,
  ruleWalkDepthMax,
  ruleWalkEntriesMax,
} from "../config/limits.ts";

export type RuleKind = "sigma" | "yara" | "ioc";

export interface RuleFile {
  /** As given, joined with the names below; `embedded:NAME` for a rule inside the binary. */
  readonly path: string;
  /** Its path below what was given, with forward slashes: the same wherever the folder lies. */
  readonly name: string;
  readonly kind: RuleKind;
  /** Empty for indicators. */
  readonly text: string;
  /** Of indicators only: there may be millions, and a string of them would cost twice their size. */
  readonly bytes?: Uint8Array;
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

export interface RuleFiles {
  readonly files: readonly RuleFile[];
  /** Files that look like rules of a kind that `kinds` did not ask for; at most {@link ruleSkippedNamedMax}. */
  readonly skipped: readonly SkippedFile[];
  /** All skipped files, named or not. */
  readonly skippedCount: number;
  /** What could not be read. An error says that the set is not complete. */
  readonly diagnostics: readonly Diagnostic[];
  /** Applied to every rule; and the texts that they were read from, for diagnostics. */
  readonly pipelines?: Pipelines;
  readonly pipelineFiles?: readonly { readonly path: string; readonly text: string }[];
  /** SHA-256 over kinds, paths below the given ones and texts, hex: changes when a rule changes, not when a folder moves. */
  readonly digest: string;
}

const iocNames = new Set(["hashes.txt", "ips.txt", "domains.txt", "urls.txt", "paths_regex.txt"]);
const iocEndings = [".csv", ".stix.json", ".misp.json"];

/**
 * What kind of rules a file of this name holds; `undefined` when it is none. Case does not matter. `x.tests.yml` beside a
 * rule `x.yml` holds its tests and is none.
 */
export function ruleKind(path: string): RuleKind | undefined {
  const name = basename(path).toLowerCase();
  if (name.endsWith(".tests.yml") || name.endsWith(".tests.yaml")) return undefined;
  if (name.endsWith(".yml") || name.endsWith(".yaml")) return "sigma";
  if (name.endsWith(".yar") || name.endsWith(".yara")) return "yara";
  if (iocNames.has(name) || iocEndings.some((ending) => name.endsWith(ending))) return "ioc";
  return undefined;
}

/**
 * Reads all rule files at and below `paths`, in the order given, below a folder in order of name (by UTF-16 unit). A file
 * reached twice is read once. Hidden entries are left out; symbolic links are followed, circles end; only regular files
 * are opened. Never throws; at most the limits of `limits.ts` are read, and a diagnostic says when one was met.
 */
export function loadRuleFiles(paths: readonly string[], kinds: ReadonlySet<RuleKind>): RuleFiles {
  const walk = new RuleWalk(kinds);
  for (const path of paths) walk.root(path);
  return walk.result();
}

/** Reads files that are named one by one, whatever they are called, within the limits of rule files. */
export function loadTextFiles(paths: readonly string[]): Pick<RuleFiles, "files" | "diagnostics"> {
  const walk = new RuleWalk(new Set(["sigma"]));
  for (const path of paths) walk.named(path);
  return walk.result();
}

/** The rules inside the binary, in the same shape. */
export async function loadEmbeddedRules(kinds: ReadonlySet<RuleKind>): Promise<RuleFiles> {
  const { embeddedRules } = await import("./embedded.gen.ts");
  const walk = new RuleWalk(kinds);
  for (const { path, text } of embeddedRules) walk.add(`embedded:${path}`, path, text);
  return walk.result();
}

class RuleWalk {
  readonly #kinds: ReadonlySet<RuleKind>;
  readonly #files: RuleFile[] = [];
  readonly #skipped: SkippedFile[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #digest = createHash("sha256");
  /** `device:inode` of folders and files already taken: ends circles and doubles. */
  readonly #seen = new Set<string>();
  #skippedCount = 0;
  #diagnosticCount = 0;
  #entryCount = 0;
  #sizeBytes = 0;
  #indicatorsSizeBytes = 0;
  /** Set when a limit of the whole walk was met: nothing more is read. */
  #isFull = false;

  constructor(kinds: ReadonlySet<RuleKind>) {
    this.#kinds = kinds;
  }

  root(path: string): void {
    const stat = this.#stat(path, true);
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      this.#folder(path, "", stat, 0);
      return;
    }
    if (ruleKind(path) === undefined) {
      this.#report(
        path,
        "unknown_kind",
        "cannot tell what kind of rules this is",
        "name Sigma rules .yml or .yaml, YARA rules .yar or .yara",
      );
      return;
    }
    this.#file(path, basename(path), stat);
  }

  /** Takes one file, of whatever name. */
  named(path: string): void {
    const stat = this.#stat(path, true);
    if (stat === undefined) return;
    if (!stat.isFile()) {
      this.#report(path, "not_a_file", "not a regular file", "");
      return;
    }
    const bytes = this.#read(path, ruleFileSizeMaxBytes);
    if (bytes === undefined) return;
    const text = this.#decoded(path, bytes);
    if (text !== undefined) this.#files.push({ path, name: basename(path), kind: "sigma", text });
  }

  /** Takes a file whose text is known. `name` is its path below what was given: part of the digest. */
  add(path: string, name: string, text: string): void {
    const kind = ruleKind(path)!;
    this.#digest.update(`${kind}\0${name}\0${Buffer.byteLength(text)}\0`).update(text);
    if (!this.#kinds.has(kind)) this.#skip(path, kind);
    else if (kind === "ioc") this.#files.push({ path, name, kind, text: "", bytes: Buffer.from(text) });
    else this.#files.push({ path, name, kind, text });
  }

  #addIndicators(path: string, name: string, bytes: Buffer): void {
    this.#digest.update(`ioc\0${name}\0${bytes.length}\0`).update(bytes);
    this.#files.push({ path, name, kind: "ioc", text: "", bytes });
  }

  result(): RuleFiles {
    const more = this.#diagnosticCount - this.#diagnostics.length;
    if (more > 0) {
      const message = `${more} more files could not be read`;
      this.#diagnostics.push({ file: "", line: 0, column: 0, severity: "error", code: "too_many", message, hint: "" });
    }
    return {
      files: this.#files,
      skipped: this.#skipped,
      skippedCount: this.#skippedCount,
      diagnostics: this.#diagnostics,
      digest: this.#digest.digest("hex"),
    };
  }

  #folder(path: string, prefix: string, stat: Stats, depth: number): void {
    if (!this.#isNew(stat)) return;
    if (depth > ruleWalkDepthMax) {
      this.#report(path, "too_deep", `folders below ${ruleWalkDepthMax} levels are not read`, "");
      return;
    }
    for (const name of this.#names(path)) {
      if (this.#isFull) return;
      // Without `join`: "./rules" stays as given.
      const below = path.endsWith("/")
        ? `${path}${name}`
        : process.platform === "win32"
          ? join(path, name)
          : `${path}/${name}`;
      const kind = ruleKind(name);
      const entry = this.#stat(below, kind !== undefined);
      if (entry === undefined) continue;
      if (entry.isDirectory()) this.#folder(below, `${prefix}${name}/`, entry, depth + 1);
      else if (kind !== undefined) this.#file(below, `${prefix}${name}`, entry);
    }
  }

  /** Names in a folder, sorted, hidden ones left out. Read one by one, so that a huge folder costs no huge list. */
  #names(path: string): string[] {
    const names: string[] = [];
    try {
      const folder = opendirSync(path);
      try {
        for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
          if (++this.#entryCount > ruleWalkEntriesMax) {
            this.#full(path, `more than ${ruleWalkEntriesMax} files and folders below the given paths`);
            break;
          }
          if (!entry.name.startsWith(".")) names.push(entry.name);
        }
      } finally {
        folder.closeSync();
      }
    } catch (error) {
      this.#report(path, "cannot_read", `cannot read the folder: ${reason(error)}`, "");
    }
    return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  #file(path: string, name: string, stat: Stats): void {
    const kind = ruleKind(path)!;
    if (!stat.isFile()) {
      this.#report(path, "not_a_file", "not a regular file", "");
      return;
    }
    if (!this.#isNew(stat)) return;
    if (!this.#kinds.has(kind)) {
      this.#skip(path, kind);
      return;
    }
    if (this.#files.length >= ruleFilesMax) {
      this.#full(path, `more than ${ruleFilesMax} rule files`);
      return;
    }
    const bytes = this.#read(path, kind === "ioc" ? indicatorFileSizeMaxBytes : ruleFileSizeMaxBytes);
    if (bytes === undefined) return;
    if (kind === "ioc") {
      this.#indicatorsSizeBytes += bytes.length;
      if (this.#indicatorsSizeBytes > indicatorsSizeMaxBytes)
        this.#full(path, `more than ${indicatorsSizeMaxBytes} bytes of indicators`);
      else this.#addIndicators(path, name, bytes);
      return;
    }
    this.#sizeBytes += bytes.length;
    if (this.#sizeBytes > rulesSizeMaxBytes) {
      this.#full(path, `more than ${rulesSizeMaxBytes} bytes of rules`);
      return;
    }
    const text = this.#decoded(path, bytes);
    if (text !== undefined) this.add(path, name, text);
  }

  #decoded(path: string, bytes: Buffer): string | undefined {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      this.#report(path, "not_utf8", "not valid UTF-8", "save it as UTF-8");
      return undefined;
    }
  }

  #read(path: string, sizeMaxBytes: number): Buffer | undefined {
    let fd: number | undefined;
    try {
      // Not blocking: between stat and open the file may have become a FIFO.
      fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error("not a regular file");
      const buffer = Buffer.allocUnsafe(Math.min(stat.size, sizeMaxBytes) + 1);
      let length = 0;
      while (length < buffer.length) {
        const got = readSync(fd, buffer, length, buffer.length - length, null);
        if (got === 0) break;
        length += got;
      }
      // The buffer is one byte larger than the file said, so a full one is a file that grew, or one above the limit.
      if (length === buffer.length) {
        const isLarge = length > sizeMaxBytes;
        const message = isLarge ? `larger than ${sizeMaxBytes} bytes` : "the file grew while it was read";
        this.#report(path, isLarge ? "too_large" : "changed", message, isLarge ? "split it" : "load again");
        return undefined;
      }
      return buffer.subarray(0, length);
    } catch (error) {
      this.#report(path, "cannot_read", `cannot read: ${reason(error)}`, "");
      return undefined;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #stat(path: string, matters: boolean): Stats | undefined {
    try {
      return statSync(path);
    } catch (error) {
      if (matters) this.#report(path, "cannot_read", `cannot read: ${reason(error)}`, "");
      return undefined;
    }
  }

  /** Whether a file or folder was not met before. Where inodes are not known (0), everything is new. */
  #isNew(stat: Stats): boolean {
    if (stat.ino === 0) return true;
    const key = `${stat.dev}:${stat.ino}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #skip(path: string, kind: RuleKind): void {
    // YARA rules and all others are read apart, each time without a word about the others.
    if (kind === "yara" || this.#kinds.has("yara")) return;
    this.#skippedCount++;
    if (this.#skipped.length >= ruleSkippedNamedMax) return;
    const what = kind === "ioc" ? "indicators" : "Sigma rules";
    this.#skipped.push({ path, reason: `${what} are not read here in this version` });
  }

  #full(path: string, message: string): void {
    this.#isFull = true;
    this.#report(path, "too_many", message, "the rest is not read");
  }

  #report(file: string, code: string, message: string, hint: string): void {
    this.#diagnosticCount++;
    if (this.#diagnostics.length >= diagnosticsMax) return;
    this.#diagnostics.push({ file, line: 0, column: 0, severity: "error", code, message, hint });
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case "ENOENT":
      return "no such file or folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ELOOP":
      return "symbolic links in a circle";
    default:
      return code ?? (error instanceof Error ? error.message : String(error));
  }
}
