// `agent rules test`: runs the tests that lie beside rules, for people, for scripts and for build servers.

import {
  type EventOutcome,
  junitXml,
  loadEmbeddedTests,
  parseSigmaFiles,
  type RuleOutcome,
  readRuleFiles,
  ruleName,
  runRuleTests,
} from "../control/rules/mod.ts";
import { printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig, usesColor } from "./context.ts";
import { formatDiagnostics } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import { explanationText } from "./explanation-text.ts";
import { writeErr, writeFile, writeOut } from "./output.ts";

export async function testEntry(args: CommandArgs<"rules test">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const files = await readRuleFiles(config);
  const sigma = parseSigmaFiles(files, config.sigma.placeholders);
  const hasEmbedded = files.files.some(({ path }) => path.startsWith("embedded:"));
  const report = runRuleTests(sigma, hasEmbedded ? await loadEmbeddedTests() : undefined);
  const errors = [...sigma.diagnostics.filter(({ severity }) => severity === "error"), ...report.diagnostics];
  const events = report.outcomes.flatMap((one) => one.events);
  const failed = events.filter(({ problem }) => problem !== "").length;
  const detonations = report.outcomes.reduce((sum, one) => sum + one.detonations.length, 0);

  if (args.junit !== undefined) {
    const written = writeFile(args.junit, junitXml({ ...report, diagnostics: errors }, explained));
    if (written !== ExitCode.ok) return written;
  }
  const sources = new Map([...files.files, ...(files.pipelineFiles ?? [])].map(({ path, text }) => [path, text]));
  writeErr(formatDiagnostics(errors, 0, { color: usesColor(2), sources }));
  const counts = {
    rules: report.outcomes.length,
    untested_files: report.untestedFiles,
    events: events.length,
    passed: events.length - failed,
    failed,
    errors: errors.length,
    detonations,
  };
  if (args.json) writeOut(`${JSON.stringify({ ...counts, results: report.outcomes.map(asJson) })}\n`);
  else {
    writeOut(report.outcomes.map(outcomeText).join(""));
    writeOut(
      `${counts.rules} rules, ${counts.events} events: ${counts.passed} passed, ${failed} failed` +
        `${errors.length === 0 ? "" : `, ${errors.length} errors`}\n`,
    );
    if (detonations > 0)
      writeOut(`${detonations} detonations were not run: they start programs, and belong to a live test\n`);
    if (report.untestedFiles > 0)
      writeOut(`${report.untestedFiles} rule files have no tests (NAME.tests.yml beside NAME.yml)\n`);
  }
  if (failed > 0) return ExitCode.findings;
  if (events.length === 0 && errors.length === 0) writeErr("agent: there was nothing to test\n");
  return errors.length > 0 || events.length === 0 ? ExitCode.partial : ExitCode.ok;
}

function asJson({ rule, testsFile, events, detonations }: RuleOutcome): Readonly<Record<string, unknown>> {
  const { id, title, file } = rule;
  return { id, title, file, tests_file: testsFile, events, detonations: detonations.length };
}

function outcomeText({ rule, testsFile, events }: RuleOutcome): string {
  const color = usesColor(1);
  const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const bad = events.filter(({ problem }) => problem !== "");
  const name = printable(ruleName(rule.file));
  if (bad.length === 0) return `${paint("32", "pass")}  ${name}  ${paint("2", `${events.length} events`)}\n`;
  let text = `${paint("1;31", "FAIL")}  ${name}  ${paint("2", `${bad.length} of ${events.length} events`)}\n`;
  for (const event of bad) {
    text += `  ${paint("1", printable(`${testsFile}:${event.line}`))}: ${printable(event.name)}: ${printable(event.problem)}\n`;
    if (event.explanation !== undefined) text += explanationText(event.explanation, { color, indent: "    " });
  }
  return text;
}

function explained({ problem, explanation }: EventOutcome): string {
  const tree = explanation === undefined ? "" : explanationText(explanation, { color: false, indent: "" });
  return `${problem}\n${tree}`;
}
