// What rules cover of MITRE ATT&CK: a layer for the ATT&CK Navigator (layer format 4.5), and the numbers behind it. Techniques stand
// in the layer without a tactic, so that it shows them under every tactic of whichever ATT&CK version it is opened with.

import { tactics, techniques } from "../../alert/mod.ts";
import type { RuleHeader } from "../../detect/sigma/mod.ts";
import { shorten } from "../../std/mod.ts";

export interface TechniqueCoverage {
  /** `T1059` or `T1059.004`. */
  readonly id: string;
  /** Empty when the table does not know it. */
  readonly name: string;
  /** In their order; a rule for a sub-technique does not count for the technique above it. */
  readonly rules: readonly RuleHeader[];
}

export interface TacticCoverage {
  readonly id: string;
  /** The newest first where ATT&CK changed it: `Stealth / Defense Evasion`. */
  readonly name: string;
  readonly ruleCount: number;
  /** Techniques of these rules, whichever tactic a technique was meant for. */
  readonly techniqueCount: number;
}

export interface Coverage {
  readonly ruleCount: number;
  /** Rules whose tags name no technique. */
  readonly untaggedCount: number;
  /** In order of id. */
  readonly techniques: readonly TechniqueCoverage[];
  /** In the order of ATT&CK's matrix, those without a rule included. */
  readonly tactics: readonly TacticCoverage[];
  /** Tags use words or ids that only ATT&CK 19 has. */
  readonly isVersion19: boolean;
}

/** Linear in rules and their tags. */
export function coverageOf(rules: readonly RuleHeader[]): Coverage {
  const byTechnique = new Map<string, RuleHeader[]>();
  const byTactic = new Map<string, { readonly rules: Set<RuleHeader>; readonly techniques: Set<string> }>();
  let untaggedCount = 0;
  let isVersion19 = false;
  for (const rule of rules) {
    const words = rule.tags.map(attackWord).filter((word) => word !== undefined);
    const ids = [
      ...new Set(words.filter((word) => /^t\d{4}(?:\.\d{3})?$/.test(word)).map((word) => word.toUpperCase())),
    ];
    if (ids.length === 0) untaggedCount++;
    for (const id of ids) {
      const list = byTechnique.get(id);
      if (list === undefined) byTechnique.set(id, [rule]);
      else list.push(rule);
    }
    for (const word of words) {
      const tactic = tactics.get(word);
      if (tactic === undefined) continue;
      if (word === "stealth" || word === "defense-impairment") isVersion19 = true;
      const known = byTactic.get(tactic.id) ?? { rules: new Set(), techniques: new Set() };
      byTactic.set(tactic.id, known);
      known.rules.add(rule);
      for (const id of ids) known.techniques.add(id);
    }
  }
  return {
    ruleCount: rules.length,
    untaggedCount,
    techniques: [...byTechnique]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, list]) => ({ id, name: techniques.get(id) ?? "", rules: list })),
    tactics: tacticIds().map(([id, name]) => ({
      id,
      name,
      ruleCount: byTactic.get(id)?.rules.size ?? 0,
      techniqueCount: byTactic.get(id)?.techniques.size ?? 0,
    })),
    isVersion19,
  };
}

/** What follows `attack.`, in the spelling of the tables. */
function attackWord(tag: string): string | undefined {
  const lower = tag.trim().toLowerCase();
  return lower.startsWith("attack.") ? lower.slice("attack.".length).replaceAll(/[_ ]/g, "-") : undefined;
}

/** Ids with all names that they had. */
function tacticIds(): [string, string][] {
  const names = new Map<string, string>();
  for (const { id, name } of tactics.values()) {
    const before = names.get(id);
    names.set(id, before === undefined ? name : `${before} / ${name}`);
  }
  return [...names];
}

/** Titles in one comment: the Navigator shows them in a tool tip. */
const titlesMax = 40;
const titleLengthMax = 120;

/** Few rules to many; the Navigator blends between them by score. */
const gradientColors = ["#cfe8ff", "#66b1ff", "#08519c"];

/** The layer, ready for JSON. The same rules give the same bytes. */
export function navigatorLayer(
  coverage: Coverage,
  name: string,
  description: string,
): Readonly<Record<string, unknown>> {
  const scoreMax = Math.max(1, ...coverage.techniques.map(({ rules }) => rules.length));
  const covered = new Set(coverage.techniques.map(({ id }) => id));
  // A technique of which only parts are covered is opened, so that they show.
  const parents = [
    ...new Set(coverage.techniques.filter(({ id }) => id.includes(".")).map(({ id }) => id.slice(0, 5))),
  ];
  const entries = [
    ...coverage.techniques.map(({ id, rules }) => ({
      techniqueID: id,
      score: rules.length,
      comment: commentOf(rules),
      enabled: true,
      metadata: [],
      links: [],
      showSubtechniques: parents.includes(id),
    })),
    ...parents
      .filter((id) => !covered.has(id))
      .map((id) => ({ techniqueID: id, comment: "", enabled: true, metadata: [], links: [], showSubtechniques: true })),
  ].sort((a, b) => (a.techniqueID < b.techniqueID ? -1 : 1));
  return {
    name,
    versions: { attack: coverage.isVersion19 ? "19" : "18", navigator: "5.1.0", layer: "4.5" },
    domain: "enterprise-attack",
    description,
    sorting: 3,
    layout: {
      layout: "side",
      aggregateFunction: "sum",
      showID: true,
      showName: true,
      showAggregateScores: true,
      countUnscored: false,
      expandedSubtechniques: "annotated",
    },
    hideDisabled: false,
    techniques: entries,
    gradient: { colors: gradientColors, minValue: 0, maxValue: scoreMax },
    legendItems: [
      { label: "few rules", color: gradientColors[0] },
      { label: `${scoreMax} ${scoreMax === 1 ? "rule" : "rules"}`, color: gradientColors.at(-1) },
    ],
    metadata: [
      { name: "rules", value: String(coverage.ruleCount) },
      { name: "rules without a technique", value: String(coverage.untaggedCount) },
    ],
    links: [],
    showTacticRowBackground: false,
    tacticRowBackground: "#dddddd",
    selectTechniquesAcrossTactics: true,
    selectSubtechniquesWithParent: false,
    selectVisibleTechniques: false,
  };
}

function commentOf(rules: readonly RuleHeader[]): string {
  const titles = rules.slice(0, titlesMax).map(({ title }) => shorten(title, titleLengthMax));
  if (rules.length > titles.length) titles.push(`… and ${rules.length - titles.length} more`);
  return titles.join("\n");
}
