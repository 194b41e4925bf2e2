// `agent rules explain`: what a rule asks, or why it does or does not match recorded events.

import { existsSync } from "node:fs";
import type { AppConfig } from "../control/config/mod.ts";
import { readFirstEvents } from "../control/replay/mod.ts";
import {
  loadRuleFiles,
  parseSigmaFiles,
  readRuleFiles,
  ruleName,
  ruleStates,
  withPipelines,
} from "../control/rules/mod.ts";
import { type Explanation, explain, isKeywordsOnly, type RuleHeader, type RuleIr } from "../detect/sigma/mod.ts";
import { createCatalogue, FieldTable, liveSources, type Platform, replayCatalogue, sourceRow } from "../event/mod.ts";
import type { RecordedEvent } from "../normalize/mod.ts";
import { nearest, printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig, thisPlatform, usesColor } from "./context.ts";
import { formatDiagnostics } from "./diagnostics.ts";
import { ExitCode } from "./exit-code.ts";
import {
  aboutCorrelation,
  correlationText,
  correlationVerdict,
  correlationVerdictText,
  type Loaded,
} from "./explain-correlation.ts";
import { explanationText } from "./explanation-text.ts";
import { writeErr, writeOut } from "./output.ts";
import { UsageError } from "./parse.ts";
import { sourceText } from "./rules-list.ts";

/** Events that are explained when nobody says how many: one page each. */
const eventsDefault = 10;

/** Events that a correlation is held against when nobody says how many: a correlation is about many. */
const correlationEventsDefault = 10_000;

/** Rules that one call explains: a folder of thousands is nothing to read. */
const rulesMax = 100;

export async function explainEntry(args: CommandArgs<"rules explain">): Promise<ExitCode> {
  if (args.rule === undefined)
    throw new UsageError("--rule is missing", "the id, the title or the file of a rule", "rules explain");
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const found = await findRules(args.rule, config);
  if (found === undefined) return ExitCode.partial;
  const { rules, correlations, loaded } = found;
  const platform = args.platform ?? thisPlatform();
  const above = correlations.map((index) => aboutCorrelation(index, loaded, platform));
  const about = rules.map((rule) => aboutRule(rule, platform));
  if (args.event === undefined) {
    if (args.json)
      writeOut(
        `${JSON.stringify({ rules: about.map((one, at) => ({ ...one, explanation: explain(rules[at]!) })), ...(above.length === 0 ? {} : { correlations: above }) })}\n`,
      );
    else
      writeOut(
        [
          ...rules.map(
            (rule, at) => ruleText(rule, about[at]!, platform) + explanationText(explain(rule), treeStyle()),
          ),
          ...above.map((one) => correlationText(one, platform, bold)),
        ].join("\n"),
      );
    return ExitCode.ok;
  }
  const slots = new FieldTable();
  const limit = args.limit ?? (correlations.length > 0 ? correlationEventsDefault : eventsDefault);
  const read = await readFirstEvents(args.event, slots, limit);
  const name = args.event === "-" ? "standard input" : printable(args.event);
  if (read.problem !== undefined) writeErr(`agent: ${name}: ${printable(read.problem)}\n`);
  if (read.events.length === 0) {
    if (read.problem === undefined) writeErr(`agent: ${name}: there is no event\n`);
    return ExitCode.partial;
  }
  // Beside a correlation rules are told event by event only as far as a person reads.
  const single = args.limit === undefined ? read.events.slice(0, eventsDefault) : read.events;
  const verdicts = rules.map((rule) => single.map((event, sequence) => verdict(rule, event, sequence, slots)));
  const together = correlations.map((index) => correlationVerdict(index, loaded, read.events, slots));
  if (args.json) {
    const results = about.map((one, at) => ({ ...one, events: verdicts[at]! }));
    const more = above.length === 0 ? {} : { correlations: above.map((one, at) => ({ ...one, ...together[at]! })) };
    writeOut(`${JSON.stringify({ rules: results, ...more, has_more: read.hasMore, malformed: read.malformed })}\n`);
  } else {
    const texts = rules.map((rule, at) => heading(rule) + verdicts[at]!.map(verdictText).join(""));
    for (const [at, one] of above.entries()) {
      const outcome = correlationVerdictText(
        loaded.correlations[correlations[at]!]!,
        together[at]!,
        read.events.length,
      );
      texts.push(`${correlationText(one, platform, bold)}${outcome}`);
    }
    writeOut(texts.join("\n"));
    if (read.hasMore) writeErr(`Only the first ${read.events.length} events were looked at (see --limit)\n`);
  }
  const isHit = verdicts.flat().some(({ matched }) => matched) || together.some(({ fired }) => fired > 0);
  return isHit ? ExitCode.ok : ExitCode.findings;
}

interface Found {
  readonly rules: readonly RuleIr[];
  /** Indices into the correlations of `loaded`. */
  readonly correlations: readonly number[];
  readonly loaded: Loaded;
}

/** The rules that a person means, after everything that stands in the way was said. */
async function findRules(wanted: string, config: AppConfig): Promise<Found | undefined> {
  const isPath = /\.ya?ml$/i.test(wanted) || existsSync(wanted);
  const files = isPath
    ? withPipelines(loadRuleFiles([wanted], new Set(["sigma"])), config.sigma.pipelines)
    : await readRuleFiles(config);
  const sigma = parseSigmaFiles(files, config.sigma.placeholders);
  const found = isPath ? sigma.rules : named(sigma.rules, wanted);
  const above = isPath ? sigma.correlations : named(sigma.correlations, wanted);
  if (isPath || found.length + above.length === 0) {
    const errors = isPath ? sigma.diagnostics.filter(({ severity }) => severity === "error") : [];
    const sources = new Map([...files.files, ...(files.pipelineFiles ?? [])].map(({ path, text }) => [path, text]));
    writeErr(formatDiagnostics(errors, 0, { color: usesColor(2), sources }));
  }
  if (found.length + above.length > 0) {
    if (found.length > rulesMax) writeErr(`Only the first ${rulesMax} of ${found.length} rules are explained\n`);
    const correlations = above.slice(0, rulesMax).map((one) => sigma.correlations.indexOf(one));
    return { rules: found.slice(0, rulesMax), correlations, loaded: sigma };
  }
  if (isPath) writeErr(`agent: ${printable(wanted)}: no rule was loaded from it\n`);
  else {
    const names = [...sigma.rules, ...sigma.correlations].flatMap(({ id, title, file }) => [id, title, ruleName(file)]);
    const near = nearest(wanted, names);
    const hint = near === undefined ? "see: agent rules list" : `did you mean '${printable(near)}'?`;
    writeErr(`agent: no rule has the id, title or file name '${printable(wanted)}'\n  hint: ${hint}\n`);
  }
  return undefined;
}

/** By id, else by file name, else by title; case does not matter. */
function named<Rule extends RuleHeader>(rules: readonly Rule[], wanted: string): readonly Rule[] {
  const lower = wanted.toLowerCase();
  const words = [({ id }: Rule) => id, ({ file }: Rule) => ruleName(file), ({ title }: Rule) => title];
  for (const of of words) {
    const found = rules.filter((rule) => of(rule).toLowerCase() === lower);
    if (found.length > 0) return found;
  }
  return [];
}

interface About {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly line: number;
  readonly level: string;
  readonly status: string;
  readonly logsource: RuleIr["logsource"];
  readonly condition: readonly string[];
  /** Live sources of the platform that the rule sees. */
  readonly sources: readonly string[];
  readonly state: "active" | "inert";
  readonly reason: string;
  /** Fields that it asks for, and why a live source never fills one. */
  readonly fields: readonly { readonly name: string; readonly reason?: string }[];
}

function aboutRule(rule: RuleIr, platform: Platform): About {
  const { id, title, file, line, level, status, logsource, conditions } = rule;
  const catalogue = createCatalogue({ live: liveSources[platform], platform });
  const route = catalogue.route(logsource, isKeywordsOnly(rule));
  const ids = "sources" in route ? route.sources : [];
  const names = [...new Set(rule.predicates.flatMap(({ field }) => field ?? []))];
  const [judged] = ruleStates({ rules: [rule], correlations: [] }, platform);
  return {
    id,
    title,
    file,
    line,
    level,
    status,
    logsource,
    condition: conditions,
    sources: ids.map((source) => sourceRow(source).name),
    state: judged!.state === "inert" ? "inert" : "active",
    reason: judged!.reason,
    fields: names.map((name) => {
      const reasons = ids.map((source) => catalogue.fieldReason(source, name));
      const reason = reasons.length > 0 && reasons.every((one) => one !== undefined) ? reasons[0] : undefined;
      return reason === undefined ? { name } : { name, reason };
    }),
  };
}

interface Verdict {
  /** 0-based, as `event.sequence` of a replay's alerts. */
  readonly sequence: number;
  readonly source: string;
  /** `null` when the event says none. */
  readonly time: string | null;
  /** Whether the rule is shown such events at all. */
  readonly routed: boolean;
  readonly matched: boolean;
  readonly explanation: Explanation;
}

function verdict(rule: RuleIr, event: RecordedEvent, sequence: number, slots: FieldTable): Verdict {
  const route = replayCatalogue.route(rule.logsource);
  const routed = "sources" in route && route.sources.includes(event.source);
  const explanation = explain(rule, { event, slots });
  const time = event.undated || !Number.isFinite(event.timeMs) ? null : timeText(event.timeMs);
  const matched = routed && explanation.holds === true;
  return { sequence, source: sourceRow(event.source).name, time, routed, matched, explanation };
}

function timeText(timeMs: number): string | null {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function verdictText({ sequence, source, time, routed, matched, explanation }: Verdict): string {
  const color = usesColor(1);
  const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const word = matched ? paint("1;32", "matches") : paint("1;31", "does not match");
  let text = `event ${sequence} (${[source, time].filter((part) => part !== null).join(", ")}): ${word}\n`;
  if (!routed) {
    text += `  the rule is not shown such events: its log source is another one\n`;
    if (explanation.holds === true)
      text += "  its condition would hold; does the event say its product and category?\n";
  }
  return text + explanationText(explanation, treeStyle());
}

const bold = (text: string): string => (usesColor(1) ? `\x1b[1m${text}\x1b[0m` : text);

function heading({ title, id, level, status, file, line, logsource }: RuleIr): string {
  const facts = [id, level, status, sourceText(logsource)].filter((part) => part !== "").map(printable);
  return `${bold(printable(title))}\n${facts.join("  ")}\n${printable(file)}:${line}\n`;
}

function ruleText(rule: RuleIr, about: About, platform: Platform): string {
  let text = heading(rule);
  const where = about.sources.length > 0 ? `sees ${about.sources.join(", ")}` : "sees no live source";
  text += `on ${platform}: ${about.state}${about.reason === "" ? "" : ` (${printable(about.reason)})`}, ${where}\n`;
  for (const { name, reason } of about.fields)
    if (reason !== undefined) text += `never filled: ${printable(name)} (${printable(reason)})\n`;
  for (const condition of about.condition) text += `condition: ${printable(condition)}\n`;
  return text;
}

function treeStyle(): { readonly color: boolean; readonly indent: string } {
  return { color: usesColor(1), indent: "  " };
}
