// `agent rules validate`.

import { lintRules, packIndicators, parseSigmaFiles, readRuleFiles, type SigmaRules } from "../control/rules/mod.ts";
import { Engine, type InertRule } from "../detect/sigma/mod.ts";
import { createCatalogue, FieldTable, liveSources, type Platform } from "../event/mod.ts";
import { type Diagnostic, printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig, thisPlatform, usesColor } from "./context.ts";
import { formatDiagnostics } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";

/** Inert rules that are listed one by one for people; `--json` has them all. */
const inertShownMax = 20;

/** Warnings that are shown to people, for the same reason; faults are all shown. */
const warningsShownMax = 50;

export async function validateEntry(args: CommandArgs<"rules validate">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const files = await readRuleFiles(config);
  // Every rule is judged, whatever the configuration would filter.
  const sigma = parseSigmaFiles(files, config.sigma.placeholders);
  const { documents, rules, correlations, filters, templates, diagnostics } = sigma;
  const platform = args.platform ?? thisPlatform();
  const inert = inertRules(sigma, platform);
  const indicators = packIndicators(files.files, config.ioc, Date.now());
  const { checkYara, loadYara } = await import("../control/scan/mod.ts");
  const yaraFiles = await loadYara(config.yara);
  const yara = await checkYara(yaraFiles.set, true);
  const yaraRules = yara.rules.length;
  // A file that both loaders met is told of once.
  const ofFiles = yaraFiles.files.diagnostics.filter(
    ({ file, code }) => !diagnostics.some((known) => known.file === file && known.code === code),
  );
  const others = [...indicators.diagnostics, ...ofFiles, ...yara.diagnostics];
  const rejected = [...diagnostics, ...others].filter((one) => one.severity === "error");
  const lints = lintRules(files, config.sigma.placeholders);
  const warnings = inOrder([
    ...[...diagnostics, ...others].filter((one) => one.severity === "warning"),
    ...lints.warnings,
  ]);
  const warningCount = warnings.length + lints.omitted;
  const active = rules.length + correlations.length + yaraRules - inert.length;
  const loaded = rules.length + correlations.length + filters + templates + yaraRules;
  const allDocuments = documents + yaraRules + yara.rejected;

  if (args.json) {
    const bare = ({ file, line, column, code, message, hint }: (typeof diagnostics)[number]) => {
      return { file, line, column, code, message, hint };
    };
    const result = {
      documents: allDocuments,
      loaded,
      correlations: correlations.length,
      filters,
      templates,
      active,
      inert,
      rejected: rejected.map(bare),
      warnings: warnings.map(bare),
      ...(lints.omitted === 0 ? {} : { warnings_omitted: lints.omitted }),
      indicators: {
        loaded: indicators.count,
        files: indicators.reports.map(({ diagnostics: _, ...report }) => report),
      },
      yara: { files: yaraFiles.files.files.length, rules: yaraRules, files_rejected: yara.rejected },
      skipped: { files: files.skippedCount, named: files.skipped },
    };
    writeOut(`${JSON.stringify(result)}\n`);
  } else {
    const sources = new Map(
      [
        ...files.files.filter(({ kind }) => kind !== "ioc"),
        ...yaraFiles.files.files,
        ...(files.pipelineFiles ?? []),
      ].map(({ path, text }) => [path, text]),
    );
    const style = { color: usesColor(2), sources };
    writeErr(formatDiagnostics(rejected, 0, style) + formatDiagnostics(warnings.slice(0, warningsShownMax), 0, style));
    if (warningCount > warningsShownMax)
      writeErr(`… and ${warningCount - warningsShownMax} more warnings (see --json)\n`);
    for (const { path, reason } of files.skipped.slice(0, inertShownMax)) {
      writeErr(`${printable(path)}: skipped: ${reason}\n`);
    }
    writeOut(summary());
  }
  return rejected.length > 0 ? ExitCode.findings : ExitCode.ok;

  function summary(): string {
    let text = "";
    for (const { title, id, reason } of inert.slice(0, inertShownMax)) {
      text += `inert: ${printable(title)} (${printable(id)}): ${printable(reason)}\n`;
    }
    if (inert.length > inertShownMax) text += `… and ${inert.length - inertShownMax} more inert rules (see --json)\n`;
    const skipped = files.skippedCount === 0 ? "" : `, ${files.skippedCount} files skipped`;
    text += `${allDocuments} documents: ${loaded} loaded, ${active} active on ${platform}, ${inert.length} inert, `;
    text += `${rejected.length} rejected, ${warningCount} warnings${skipped}`;
    for (const [count, what] of [
      [correlations.length, "correlations"],
      [filters, "filters"],
      [templates, "templates"],
      [indicators.count, "indicators"],
      [yaraRules, "YARA rules"],
    ] as const)
      if (count > 0) text += `, ${count} ${what}`;
    return `${text}\n`;
  }
}

/** Warnings of one file together, from its top to its end; files in the order of loading. */
function inOrder(warnings: readonly Diagnostic[]): readonly Diagnostic[] {
  const byFile = [...Map.groupBy(warnings, ({ file }) => file).values()];
  return byFile.flatMap((list) => list.sort((a, b) => a.line - b.line || a.column - b.column));
}

/** Rules that can never fire on `platform`, each with the reason. */
function inertRules({ rules, correlations }: SigmaRules, platform: Platform): readonly InertRule[] {
  const catalogue = createCatalogue({ live: liveSources[platform], platform });
  const engine = new Engine(rules, {
    slots: new FieldTable(),
    route: (logsource, isKeywordsOnly) => catalogue.route(logsource, isKeywordsOnly),
    fieldReason: (source, field) => catalogue.fieldReason(source, field),
    correlations,
  });
  return engine.inert;
}
