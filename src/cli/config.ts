// `agent config check|show|init|schema`.

import { closeSync, openSync, writeSync } from "node:fs";
import { configSchema, defaultConfigToml, showConfig, showConfigJson } from "../control/config/mod.ts";
import { printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { readConfig, sayDiagnostics } from "./context.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";

export function checkEntry(args: CommandArgs<"config check">): ExitCode {
  const loaded = readConfig(args);
  sayDiagnostics(loaded);
  if (loaded.config === undefined) return ExitCode.config;
  writeOut(`${printable(loaded.raw.file ?? "no configuration file")}: good\n`);
  return ExitCode.ok;
}

export function showEntry(args: CommandArgs<"config show">): ExitCode {
  const loaded = readConfig(args);
  sayDiagnostics(loaded);
  if (loaded.config === undefined) return ExitCode.config;
  writeOut(args.json ? `${JSON.stringify(showConfigJson(loaded.raw), null, 2)}\n` : showConfig(loaded.raw));
  return ExitCode.ok;
}

export function initEntry({ output }: CommandArgs<"config init">): ExitCode {
  if (output === undefined) {
    writeOut(defaultConfigToml());
    return ExitCode.ok;
  }
  let fd: number;
  try {
    // Exclusive: refuses what exists, dangling symbolic links included. A webhook's secret may be put in later.
    fd = openSync(output, "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      writeErr(
        `agent: cannot write ${printable(output)}: it exists already\n  hint: choose another name, or remove it first\n`,
      );
      return ExitCode.findings;
    }
    if (code === "EACCES" || code === "EPERM") {
      writeErr(`agent: cannot write ${printable(output)}: permission denied\n`);
      return ExitCode.noPermission;
    }
    throw new Error(`cannot write ${output}`, { cause: error });
  }
  try {
    const bytes = new TextEncoder().encode(defaultConfigToml());
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } finally {
    closeSync(fd);
  }
  writeErr(`Wrote ${printable(output)}\n`);
  return ExitCode.ok;
}

export function schemaEntry(): ExitCode {
  writeOut(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return ExitCode.ok;
}
