// What a command takes from the process (environment, user, folder), and the configuration that follows from its flags.

import { basename } from "node:path";
import { isatty } from "node:tty";
import {
  type AppConfig,
  type FlagValue,
  findConfig,
  type KeyName,
  type LoadedConfig,
  loadConfig,
  secretKeyNames,
} from "../control/config/mod.ts";
import type { Platform } from "../event/mod.ts";
import { commands } from "./commands.ts";
import { formatDiagnostics } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr } from "./output.ts";
import { type Command, propertyName, type RawArgs } from "./spec.ts";

/**
 * Whether text for this descriptor may be coloured: never with NO_COLOR, always with FORCE_COLOR, else on a
 * terminal that is not dumb.
 */
export function usesColor(fd: 1 | 2, env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if (env.TERM === "dumb") return false;
  return isTerminal(fd);
}

export function isTerminal(fd: 0 | 1 | 2): boolean {
  return isatty(fd);
}

/** Columns of the terminal that stdout is; COLUMNS where it is none, or does not say. */
export function terminalWidth(): number {
  const width = process.stdout.columns ?? Number(process.env.COLUMNS);
  return Number.isInteger(width) && width >= 20 ? Math.min(width, widthMax) : 100;
}

/** Wider lines are not read; a terminal that claims more would make tables of megabytes. */
const widthMax = 400;

/** What a command judges for when nobody names a platform. */
export function thisPlatform(): Platform {
  return process.platform === "win32" ? "windows" : "linux";
}

export function isRoot(): boolean {
  return process.platform !== "win32" && process.geteuid?.() === 0;
}

/** Path of the compiled agent; `undefined` when the program runs from source. */
export function binaryPath(): string | undefined {
  const name = basename(process.execPath).toLowerCase();
  return name === "bun" || name === "bun.exe" || name === "bun-profile" ? undefined : process.execPath;
}

interface WithConfig {
  readonly config?: string | undefined;
  readonly raw: RawArgs;
}

/** Reads the configuration that `args` and the process ask for. Never throws; says nothing. */
export function readConfig(args: WithConfig): LoadedConfig {
  const env = process.env;
  const folder = process.cwd();
  const found = findConfig({ flag: args.config, env, platform: process.platform, binary: binaryPath() });
  return loadConfig({ ...found, env, flags: flagValues(args), folder, isRoot: isRoot() });
}

/** The configuration, or the exit status after every fault was said on stderr. Warnings are said as well. */
export function requireConfig(args: WithConfig): AppConfig | ExitCode {
  const loaded = readConfig(args);
  sayDiagnostics(loaded);
  return loaded.config ?? ExitCode.config;
}

export function sayDiagnostics(loaded: LoadedConfig): void {
  const { diagnostics, diagnosticsOmitted, sources } = loaded;
  const hides = (line: string) => secretKeyNames.some((name) => line.includes(name));
  writeErr(formatDiagnostics(diagnostics, diagnosticsOmitted, { color: usesColor(2), sources, hides }));
}

/** Flags of the table that set configuration keys, as typed. */
function flagValues(args: WithConfig): FlagValue[] {
  const command: Command = commands.find(({ id }) => id === args.raw.command)!;
  const values = args as unknown as Readonly<Record<string, unknown>>;
  return command.flags.flatMap((flag) => {
    const value = values[propertyName(flag.name)];
    const isAbsent = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
    if (isAbsent || flag.keys === undefined) return [];
    return flag.keys.map((key: KeyName) => ({ key, flag: `--${flag.name}`, value }));
  });
}
