// Puts the configuration together: defaults, then the file, then the environment, then flags. Two stages: `RawConfig`
// is every value with where it came from, `AppConfig` is checked and frozen. All faults are reported at once.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { type Diagnostic, nearest, shorten } from "../../std/mod.ts";
import { type AppConfig, type KeyName, type Row, rows, rowsByName, type SectionName, sections } from "./keys.ts";
import { configDepthMax, configFileSizeMaxBytes, diagnosticsMax } from "./limits.ts";
import { locateKeys, type Place, placeKey } from "./locate.ts";
import { Invalid } from "./value-type.ts";

export type OriginKind = "default" | "file" | "environment" | "flag";

export interface Origin {
  readonly kind: OriginKind;
  /** `/etc/sigil/config.toml:12`, `EDR__SIGMA__MIN_LEVEL`, `--min-level`; empty for a default. */
  readonly name: string;
}

export interface RawValue {
  readonly row: Row;
  readonly value: unknown;
  readonly origin: Origin;
}

/** Every key of the table, in its order, with the layer that won. */
export interface RawConfig {
  /** The file that was read; `undefined` when there is none. */
  readonly file: string | undefined;
  readonly values: ReadonlyMap<KeyName, RawValue>;
}

export interface FlagValue {
  readonly key: KeyName;
  /** `--min-level`. */
  readonly flag: string;
  /** As the type of the key reads it from TOML: text, list, boolean, number. */
  readonly value: unknown;
}

export interface LoadOptions {
  /** The file to read: must exist. `undefined`: the first of `search` that exists, or none. */
  readonly file?: string | undefined;
  /** `--config`, `EDR_CONFIG`: for messages about `file`. */
  readonly fileFrom?: string;
  /** Where to look, in order; absolute paths. A file found here that others may write is refused to root. */
  readonly search?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly FlagValue[];
  /** Base of relative paths in the environment; a relative `file` is taken from it as well. */
  readonly folder: string;
  /** Whether the effective user is root: then the file's owner and mode matter. */
  readonly isRoot?: boolean;
}

export interface LoadedConfig {
  /** `undefined` when a diagnostic is an error. */
  readonly config: AppConfig | undefined;
  readonly raw: RawConfig;
  readonly diagnostics: readonly Diagnostic[];
  /** Diagnostics beyond {@link diagnosticsMax}. */
  readonly diagnosticsOmitted: number;
  /** Text of the files that diagnostics point into, by name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Never throws for any input; reads at most one file. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const loader = new Loader(options);
  loader.readFile();
  loader.readEnvironment();
  loader.readFlags();
  return loader.finish();
}

/** The configuration that nobody changed: for tests and for a program that has to run before it can read one. */
export function defaultConfig(): AppConfig {
  return loadConfig({ folder: "/" }).config!;
}

class Loader {
  readonly #options: LoadOptions;
  readonly #values = new Map<KeyName, RawValue>();
  readonly #diagnostics: Diagnostic[] = [];
  readonly #sources = new Map<string, string>();
  #omitted = 0;
  #failed = false;
  #file: string | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    for (const row of rows) {
      this.#values.set(row.dotted, { row, value: row.key.default, origin: { kind: "default", name: "" } });
    }
  }

  readFile(): void {
    const explicit = this.#options.file;
    const candidates = explicit === undefined ? (this.#options.search ?? []) : [explicit];
    for (const file of candidates) {
      const text = this.#readText(file, explicit !== undefined);
      if (text === undefined) continue;
      this.#file = file;
      this.#sources.set(file, text);
      this.#readToml(file, text);
      return;
    }
  }

  readEnvironment(): void {
    const env = this.#options.env ?? {};
    const byEnvironment = new Map(rows.map((row) => [row.environment, row]));
    for (const name of Object.keys(env).sort()) {
      const value = env[name];
      const upper = name.toUpperCase();
      if (value === undefined || !upper.startsWith("EDR__")) continue;
      // Names of variables differ by case on Linux and do not on Windows; only the documented spelling is taken.
      const row = byEnvironment.get(name);
      if (row === undefined) {
        const near = byEnvironment.has(upper) ? upper : nearest(name, byEnvironment.keys());
        this.#report(shorten(name, 100), undefined, "unknown_key", "unknown environment variable", didYouMean(near));
        continue;
      }
      const got = row.key.type.readText(value);
      if (got instanceof Invalid) this.#report(name, undefined, got.code, maskFor(row, got), got.hint);
      else this.#set(row, got, { kind: "environment", name }, this.#options.folder);
    }
  }

  readFlags(): void {
    for (const { key, flag, value } of this.#options.flags ?? []) {
      const row = rowsByName.get(key)!;
      const got = row.key.type.read(value);
      if (got instanceof Invalid) this.#report(flag, undefined, got.code, maskFor(row, got), got.hint);
      // Paths stay as typed (the program never changes its folder), and so do the names that results carry.
      else this.#set(row, got, { kind: "flag", name: flag }, undefined);
    }
  }

  finish(): LoadedConfig {
    const raw: RawConfig = { file: this.#file, values: this.#values };
    return {
      config: this.#failed ? undefined : build(raw),
      raw,
      diagnostics: this.#diagnostics,
      diagnosticsOmitted: this.#omitted,
      sources: this.#sources,
    };
  }

  /** The text of a configuration file, or `undefined` after a diagnostic (or silently when it need not exist). */
  #readText(file: string, isExplicit: boolean): string | undefined {
    const from = this.#options.fileFrom ?? "--config";
    let fd: number;
    try {
      // Not blocking: the path may name a FIFO that nobody writes to.
      fd = openSync(resolve(this.#options.folder, file), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (!isExplicit && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
      const why = code === "ENOENT" ? "no such file" : code === "EACCES" ? "permission denied" : code;
      const hint = isExplicit ? `given by ${from}` : "";
      this.#report(file, undefined, "cannot_read", `cannot read the configuration: ${why}`, hint);
      return undefined;
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) {
        this.#report(file, undefined, "cannot_read", "cannot read the configuration: not a regular file", "");
        return undefined;
      }
      if (!this.#isTrusted(file, stat, isExplicit)) return undefined;
      // One byte more than allowed shows a file that is too large without believing its stated size.
      const buffer = Buffer.alloc(Math.min(stat.size, configFileSizeMaxBytes) + 1);
      let length = 0;
      for (;;) {
        const got = readSync(fd, buffer, length, buffer.length - length, null);
        length += got;
        if (got === 0 || length === buffer.length) break;
      }
      if (length > configFileSizeMaxBytes) {
        const hint = `at most ${configFileSizeMaxBytes} bytes are read`;
        this.#report(file, undefined, "too_large", "cannot read the configuration: it is too large", hint);
        return undefined;
      }
      return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
    } catch (error) {
      const isEncoding = error instanceof TypeError;
      const why = isEncoding ? "it is not valid UTF-8" : ((error as NodeJS.ErrnoException).code ?? "read error");
      this.#report(
        file,
        undefined,
        isEncoding ? "not_utf8" : "cannot_read",
        `cannot read the configuration: ${why}`,
        "",
      );
      return undefined;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * What root reads must not be writable by others: they would decide what the agent runs and hides. A file that was
   * named is used with a warning, one that was merely found is refused.
   */
  #isTrusted(file: string, stat: { uid: number; mode: number }, isExplicit: boolean): boolean {
    if (!this.#options.isRoot) return true;
    if ((stat.mode & 0o022) !== 0) {
      const who = (stat.mode & 0o002) !== 0 ? "everybody" : "its group";
      const message = `the configuration of a program that runs as root is writable by ${who}`;
      const severity = isExplicit ? "warning" : "error";
      this.#report(file, undefined, "unsafe_mode", message, "chmod go-w it", severity);
      return isExplicit;
    }
    if (stat.uid !== 0) {
      const message = `the configuration of a program that runs as root belongs to user ${stat.uid}`;
      this.#report(file, undefined, "unsafe_owner", message, "chown it to root", "warning");
    }
    return true;
  }

  #readToml(file: string, text: string): void {
    let document: Record<string, unknown>;
    try {
      document = parse(text, { maxDepth: configDepthMax });
    } catch (error) {
      if (error instanceof TomlError) {
        const message = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
        const place = { line: error.line, column: error.column, length: 1 };
        this.#report(file, place, "syntax", `cannot parse: ${message}`, "");
        return;
      }
      // The parser's own recursion or number limits.
      const why = error instanceof Error ? error.message : String(error);
      this.#report(file, undefined, "syntax", `cannot parse: ${shorten(why.split("\n", 1)[0]!, 200)}`, "");
      return;
    }
    const places = locateKeys(text);
    for (const section of Object.keys(document)) this.#readSection(file, places, section, document[section]);
  }

  #readSection(file: string, places: ReadonlyMap<string, Place>, section: string, table: unknown): void {
    const place = places.get(placeKey([section]));
    if (!Object.hasOwn(sections, section)) {
      const home = rows.filter((row) => row.name === section);
      const hint =
        home.length === 1
          ? `did you mean '${home[0]!.name}' in [${home[0]!.section}]?`
          : didYouMean(nearest(section, Object.keys(sections)));
      const what = isTable(table) ? "section" : "key";
      this.#report(file, place, "unknown_key", `unknown ${what} '${shorten(section, 60)}'`, hint);
      return;
    }
    if (!isTable(table)) {
      const hint = `write [${section}] on a line of its own and the keys below it`;
      this.#report(file, place, "wrong_type", `'${section}' is a section, not a value`, hint);
      return;
    }
    const known = Object.keys(sections[section as SectionName].keys);
    for (const [name, value] of Object.entries(table)) {
      const keyPlace = places.get(placeKey([section, name]));
      const row = rowsByName.get(`${section}.${name}`);
      if (row === undefined) {
        const message = `unknown key '${shorten(name, 60)}' in [${section}]`;
        this.#report(file, keyPlace, "unknown_key", message, hintForKey(section, name, known));
        continue;
      }
      const got = row.key.type.read(value);
      if (got instanceof Invalid) {
        this.#report(file, keyPlace, got.code, `${row.dotted}: ${maskFor(row, got)}`, got.hint);
        continue;
      }
      const name_ = keyPlace === undefined ? file : `${file}:${keyPlace.line}`;
      this.#set(row, got, { kind: "file", name: name_ }, dirname(resolve(this.#options.folder, file)));
    }
  }

  /** `folder`: what relative paths are taken from; `undefined` leaves them. */
  #set(row: Row, value: unknown, origin: Origin, folder: string | undefined): void {
    const { type } = row.key;
    const isResolved = type.resolve !== undefined && folder !== undefined;
    this.#values.set(row.dotted, { row, value: isResolved ? type.resolve!(value, folder) : value, origin });
  }

  #report(
    file: string,
    place: Place | undefined,
    code: string,
    message: string,
    hint: string,
    severity: Diagnostic["severity"] = "error",
  ): void {
    if (severity === "error") this.#failed = true;
    if (this.#diagnostics.length >= diagnosticsMax) {
      this.#omitted++;
      return;
    }
    const { line, column } = place ?? { line: 0, column: 0 };
    this.#diagnostics.push({ file, line, column, severity, code, message, hint });
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function didYouMean(word: string | undefined): string {
  return word === undefined ? "" : `did you mean '${word}'?`;
}

function hintForKey(section: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return didYouMean(near);
  const elsewhere = rows.find((row) => row.name === name);
  if (elsewhere !== undefined) return `'${name}' belongs to [${elsewhere.section}]`;
  return known.length === 0 ? `[${section}] has no keys in this version` : `known keys: ${known.join(", ")}`;
}

/** Messages quote the value; that of a secret must not be seen. */
function maskFor(row: Row, fault: Invalid): string {
  return row.key.secret ? "the value does not fit (not shown: it is secret)" : fault.message;
}

function build(raw: RawConfig): AppConfig {
  const config: Record<string, Record<string, unknown>> = {};
  for (const section of Object.keys(sections)) config[section] = {};
  for (const { row, value } of raw.values.values()) config[row.section]![row.property] = deepFreeze(value);
  for (const section of Object.values(config)) Object.freeze(section);
  return Object.freeze(config) as AppConfig;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
