// `agent doctor`: all checks, for people and for scripts.

import { examine, type Verdict } from "../control/doctor/mod.ts";
import { printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { readConfig, usesColor } from "./context.ts";
import { ExitCode } from "./exit-code.ts";
import { writeOut } from "./output.ts";

const words: Readonly<Record<Verdict, string>> = { ok: "ok  ", warning: "warn", failure: "FAIL" };
const colors: Readonly<Record<Verdict, string>> = { ok: "32", warning: "33", failure: "1;31" };

export async function doctorEntry(args: CommandArgs<"doctor">): Promise<ExitCode> {
  const findings = await examine({ config: readConfig(args), env: process.env, root: "" });
  const count = (verdict: Verdict): number => findings.filter((one) => one.verdict === verdict).length;
  const [warnings, failures] = [count("warning"), count("failure")];
  if (args.json) writeOut(`${JSON.stringify({ warnings, failures, checks: findings })}\n`);
  else {
    const color = usesColor(1);
    let text = "";
    for (const { id, verdict, message, affects, hint } of findings) {
      const word = color ? `\x1b[${colors[verdict]}m${words[verdict]}\x1b[0m` : words[verdict];
      text += `${word}  ${id}: ${printable(message)}\n`;
      if (affects !== "") text += `        affects ${printable(affects)}\n`;
      if (hint !== "") text += `        try: ${printable(hint)}\n`;
    }
    text += `${findings.length} findings: ${warnings} warnings, ${failures} failures\n`;
    writeOut(text);
  }
  return failures > 0 ? ExitCode.partial : warnings > 0 ? ExitCode.findings : ExitCode.ok;
}
