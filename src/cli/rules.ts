// `agent rules validate`.

import { parseSigmaFiles, readRuleFiles, type SigmaRules } from "../control/rules/mod.ts";
import { Engine, type InertRule } from "../detect/sigma/mod.ts";
import { createCatalogue, FieldTable, liveSources, type Platform } from "../event/mod.ts";
import { printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig, usesColor } from "./context.ts";
import { formatDiagnostics } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";

/** Inert rules that are listed one by one for people; `--json` has them all. */
const inertShownMax = 20;

export async function validateEntry(args: CommandArgs<"rules validate">): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const files = await readRuleFiles(config.sigma);
  // Every rule is judged, whatever the configuration would filter.
  const sigma = parseSigmaFiles(files, config.sigma.placeholders);
  const { documents, rules, correlations, filters, templates, diagnostics } = sigma;
  const platform = args.platform ?? (process.platform === "win32" ? "windows" : "linux");
  const inert = inertRules(sigma, platform);
  const rejected = diagnostics.filter((one) => one.severity === "error");
  const warnings = diagnostics.filter((one) => one.severity === "warning");
  const active = rules.length + correlations.length - inert.length;
  const loaded = rules.length + correlations.length + filters + templates;

  if (args.json) {
    const bare = ({ file, line, column, code, message, hint }: (typeof diagnostics)[number]) => {
      return { file, line, column, code, message, hint };
    };
    const result = {
      documents,
      loaded,
      correlations: correlations.length,
      filters,
      templates,
      active,
      inert,
      rejected: rejected.map(bare),
      warnings: warnings.map(bare),
      skipped: { files: files.skippedCount, named: files.skipped },
    };
    writeOut(`${JSON.stringify(result)}\n`);
  } else {
    const sources = new Map(files.files.map(({ path, text }) => [path, text]));
    writeErr(formatDiagnostics(diagnostics, 0, { color: usesColor(2), sources }));
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
    text += `${documents} documents: ${loaded} loaded, ${active} active on ${platform}, ${inert.length} inert, `;
    text += `${rejected.length} rejected, ${warnings.length} warnings${skipped}`;
    for (const [count, what] of [
      [correlations.length, "correlations"],
      [filters, "filters"],
      [templates, "templates"],
    ] as const)
      if (count > 0) text += `, ${count} ${what}`;
    return `${text}\n`;
  }
}

/** Rules that can never fire on `platform`, each with the reason. */
function inertRules({ rules, correlations }: SigmaRules, platform: Platform): readonly InertRule[] {
  const catalogue = createCatalogue({ live: liveSources[platform], platform });
  const engine = new Engine(rules, {
    slots: new FieldTable(),
    route: (logsource) => catalogue.route(logsource),
    fieldReason: (source, field) => catalogue.fieldReason(source, field),
    correlations,
  });
  return engine.inert;
}
