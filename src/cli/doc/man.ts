// The manual page, in the man macros of roff.

import { buildInfo } from "../../build-info.gen.ts";
import { programName, topFlags } from "../commands.ts";
import { exitCodeDocs } from "../exit-code.ts";
import type { Command } from "../spec.ts";
import { allCommands, flagsOf, flagText, usageText, wrap } from "./layout.ts";

/** Section 8: a program for administrators. */
export function manPage(): string {
  const lines = [
    `.TH ${programName.toUpperCase()} 8 "" "Sigil ${buildInfo.version}" "System administration"`,
    ".SH NAME",
    `${programName} \\- watch a machine and report what rules match`,
    ".SH SYNOPSIS",
    ...allCommands.flatMap((command, index) => [...(index === 0 ? [] : [".br"]), `.B ${roff(usageText(command))}`]),
    ".SH DESCRIPTION",
    ...text(
      "Sigil is an endpoint detection and response agent. Its sensors see what happens on the machine, Sigma rules say what is " +
        "worth reporting, and alerts leave as ECS documents, one JSON object a line. Alerts go to stdout, the log to stderr.",
    ),
    ".SH COMMANDS",
    ...allCommands.flatMap(commandSection),
    ".SH OPTIONS",
    "Without a command:",
    ...topFlags.flatMap((flag) => [".TP", `.B ${roff(flagText(flag))}`, sentence(flag.doc)]),
    ".SH EXIT STATUS",
    ...exitCodeDocs.flatMap(([code, doc]) => [".TP", `.B ${code}`, sentence(doc)]),
    ".SH ENVIRONMENT",
    ".TP",
    ".B EDR_CONFIG",
    "The configuration file, when",
    ".B \\-\\-config",
    "is not given.",
    ".TP",
    ".B EDR__SECTION__KEY",
    "The value of a configuration key; see",
    '.BR "agent config show" .',
    ".TP",
    '.BR NO_COLOR ", " FORCE_COLOR',
    "Switch colours off or on.",
    ".SH FILES",
    ".TP",
    ".I /etc/sigil/config.toml",
    "The configuration. Next comes",
    ".I config.toml",
    "beside the binary; the working directory is never searched.",
    ".SH SIGNALS",
    ".TP",
    ".B SIGTERM, SIGINT",
    "Deliver what is under way and stop.",
    ".TP",
    ".B SIGHUP",
    "Reload rules and configuration.",
    ".TP",
    ".B SIGUSR1",
    "Reopen files.",
  ];
  return `${lines.join("\n")}\n`;
}

function commandSection(command: Command): string[] {
  const lines = [`.SS ${roff(command.id)}`, sentence(command.summary)];
  for (const paragraph of command.description) lines.push(".PP", ...text(paragraph));
  const { operand } = command;
  if (operand !== undefined) lines.push(".TP", `.I ${roff(operand.value.name)}`, sentence(operand.doc));
  for (const flag of flagsOf(command)) {
    lines.push(".TP", `.B ${roff(flagText(flag))}`, sentence(`${flag.doc}${flag.repeat ? " (repeatable)" : ""}`));
    if (flag.more !== undefined) lines.push(...text(flag.more));
  }
  if (command.examples.length > 0) {
    lines.push(".PP", command.examples.length === 1 ? "Example:" : "Examples:");
    for (const { line, doc } of command.examples) {
      lines.push(".PP", ".nf", `.RS`, `# ${roff(doc)}`, roff(line), ".RE", ".fi");
    }
  }
  return lines;
}

/** Short lines: some formatters count them. */
function text(paragraph: string): string[] {
  return wrap(paragraph, 76).map(roff);
}

function sentence(phrase: string): string {
  return roff(`${phrase[0]!.toUpperCase()}${phrase.slice(1)}.`);
}

/** Backslashes, dashes (a plain one may become a hyphen) and what would be a request at the start of a line. */
function roff(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq").replaceAll("'", "\\(aq");
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}
