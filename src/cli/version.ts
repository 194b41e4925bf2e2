// `agent version`: what this binary is made of. No build time: two builds of one commit are the same bytes.

import { buildInfo } from "../build-info.gen.ts";
import type { CommandArgs } from "./commands.ts";
import { ExitCode } from "./exit-code.ts";
import { writeOut } from "./output.ts";

/** `agent 0.1.0 (commit 1234567, linux-x64)`. */
export function versionLine(): string {
  return `agent ${buildInfo.version} (commit ${buildInfo.commit}, ${buildInfo.target})\n`;
}

export async function versionEntry({ json }: CommandArgs<"version">): Promise<ExitCode> {
  if (!json) {
    writeOut(versionLine());
    return ExitCode.ok;
  }
  const { embeddedRules } = await import("../control/rules/embedded.gen.ts");
  const { abiDigest } = await import("../event/layout.gen.ts");
  const facts = {
    name: "sigil",
    version: buildInfo.version,
    commit: buildInfo.commit,
    target: buildInfo.target,
    bun: buildInfo.bun,
    platform: process.platform,
    architecture: process.arch,
    /** Of the record layout: the shim and this binary must have the same one. */
    abi: abiDigest.toString(16).padStart(16, "0"),
    embedded_rules: embeddedRules.length,
  };
  writeOut(`${JSON.stringify(facts)}\n`);
  return ExitCode.ok;
}
