// Diagnostics as people read them: file:line:column, the line itself, a caret, a hint.

import { diagnosticLineLengthMax } from "../control/config/mod.ts";
import { type Diagnostic, printable } from "../std/mod.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr } from "./output.ts";

export interface DiagnosticStyle {
  readonly color: boolean;
  /** Text of the files that diagnostics point into; lines of others are not shown. */
  readonly sources?: ReadonlyMap<string, string>;
  /** Lines that must not be shown, because they may hold a secret. */
  readonly hides?: (line: string) => boolean;
}

/**
 * One diagnostic, ending with a line break. Nothing from the file reaches the terminal unescaped.
 *
 *     config.toml:3:1: error: unknown key 'min_levl' in [sigma]
 *       3 | min_levl = "high"
 *         | ^
 *       hint: did you mean 'min_level'?
 */
export function formatDiagnostic(one: Diagnostic, style: DiagnosticStyle): string {
  const paint = (code: string, text: string) => (style.color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const place = one.line > 0 ? `:${one.line}:${Math.max(1, one.column)}` : "";
  const severity = one.severity === "error" ? paint("1;31", "error") : paint("1;33", "warning");
  let text = `${paint("1", `${printable(one.file)}${place}`)}: ${severity}: ${printable(one.message)}\n`;
  const source = one.line > 0 ? lineAt(style.sources?.get(one.file), one.line) : undefined;
  if (source !== undefined && !style.hides?.(source)) {
    const { shown, caret } = excerpt(source, Math.max(1, one.column));
    const number = String(one.line);
    text += `  ${paint("2", `${number} |`)} ${shown}\n  ${paint("2", `${" ".repeat(number.length)} |`)} ${caret}\n`;
  }
  if (one.hint !== "") text += `  ${paint("36", "hint:")} ${printable(one.hint)}\n`;
  return text;
}

export function formatDiagnostics(all: readonly Diagnostic[], omitted: number, style: DiagnosticStyle): string {
  const text = all.map((one) => formatDiagnostic(one, style)).join("");
  return omitted === 0 ? text : `${text}… and ${omitted} more\n`;
}

function lineAt(text: string | undefined, line: number): string | undefined {
  if (text === undefined) return undefined;
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? text.length : end).replace(/\r$/, "");
}

/** The part of the line around `column` that fits, and a caret below the column. */
function excerpt(line: string, column: number): { shown: string; caret: string } {
  const half = diagnosticLineLengthMax >> 1;
  const start = column <= half ? 0 : Math.max(0, Math.min(column - 1 - half, line.length - diagnosticLineLengthMax));
  const end = Math.min(line.length, start + diagnosticLineLengthMax);
  const before = printable(line.slice(start, column - 1).replaceAll("\t", " "));
  const lead = start > 0 ? "…" : "";
  const rest = printable(line.slice(Math.max(start, column - 1), end).replaceAll("\t", " "));
  const width = Bun.stringWidth(lead + before);
  return { shown: `${lead}${before}${rest}${end < line.length ? "…" : ""}`, caret: `${" ".repeat(width)}^` };
}

/** Says on stderr how many documents were rejected, and gives the exit status that this means for a command about the others. */
export function sayRejected(count: number): ExitCode {
  if (count === 0) return ExitCode.ok;
  writeErr(`${count} documents were rejected and are left out (see: agent rules validate)\n`);
  return ExitCode.partial;
}

/** The SGR code in which a level is shown. */
export function levelColor(level: string): string | undefined {
  return { critical: "1;31", high: "31", medium: "33", low: "36", informational: "2" }[level];
}
