// A finding as an alert: what the rule says, what matched where, and the file with its digests.

import type { BigIntStats } from "node:fs";
import type { AlertInput, EventContext } from "../../alert/mod.ts";
import type { Hit, Match, RuleInfo } from "../../detect/mod.ts";
import { type YaraFinding, type YaraRule, yaraRuleInfo } from "../../detect/yara/mod.ts";
import type { FileFinding, Hashes } from "./protocol.ts";

/** Rules by what a worker calls them. One object a rule: encoders cache by it. */
export class RuleInfos {
  readonly #infos = new Map<string, RuleInfo>();

  constructor(rules: readonly YaraRule[]) {
    for (const rule of rules)
      if (!rule.isPrivate) this.#infos.set(`${rule.namespace}\0${rule.name}`, yaraRuleInfo(rule));
  }

  get size(): number {
    return this.#infos.size;
  }

  /** Also for a rule that is not in the list: a finding is told in any case. */
  of({ namespace, rule, tags, meta }: YaraFinding): RuleInfo {
    const key = `${namespace}\0${rule}`;
    const known = this.#infos.get(key);
    if (known !== undefined) return known;
    return yaraRuleInfo({ namespace, name: rule, tags, meta: Object.entries(meta), file: "" });
  }
}

/** Matches that `sigil.match` shows of one finding; `sigil.yara` has the others. */
const matchesShownMax = 32;

export function hitOf(finding: YaraFinding, rule: RuleInfo): Hit {
  const matches = finding.patterns.flatMap(({ name, matches: places }) =>
    places.slice(0, 4).map(
      ({ offset, snippet }): Match => ({
        selection: name,
        field: "file.content",
        modifier: "at",
        pattern: `0x${offset.toString(16)}`,
        value: snippet,
      }),
    ),
  );
  return { engine: "yara", rule, matches: matches.slice(0, matchesShownMax) };
}

/** `sigil.yara`. */
export function yaraFacts(
  { namespace, tags, meta, patterns }: YaraFinding,
  member = "",
): Readonly<Record<string, unknown>> {
  return {
    namespace,
    tags,
    meta,
    ...(member === "" ? {} : { member }),
    strings: patterns.map(({ name, count, matches }) => ({ name, count, matches })),
  };
}

/** `file.*` of something that was opened. */
export function fileFields(path: string, stat: BigIntStats, hash: Hashes): Readonly<Record<string, unknown>> {
  const major = (stat.dev >> 8n) & 0xfffn;
  const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & 0xfff00n);
  const time = (nanoseconds: bigint): string => new Date(Number(nanoseconds / 1_000_000n)).toISOString();
  const cut = path.lastIndexOf("/");
  return {
    path,
    name: path.slice(cut + 1),
    directory: cut <= 0 ? "/" : path.slice(0, cut),
    size: Number(stat.size),
    inode: String(stat.ino),
    device: `${major}:${minor}`,
    mode: (Number(stat.mode) & 0o7777).toString(8).padStart(4, "0"),
    uid: String(stat.uid),
    gid: String(stat.gid),
    mtime: time(stat.mtimeNs),
    ctime: time(stat.ctimeNs),
    hash,
  };
}

export interface FileScanned {
  readonly path: string;
  readonly stat: BigIntStats;
  readonly hash: Hashes;
  readonly changed: boolean;
}

export function fileAlert(
  finding: FileFinding,
  { path, stat, hash, changed }: FileScanned,
  rule: RuleInfo,
): AlertInput {
  const now = Date.now();
  const event: EventContext = {
    kind: "other",
    timeMs: now,
    provider: "scan",
    code: "",
    fields: {},
    truncated: [],
    ecs: { file: fileFields(path, stat, hash) },
    extra: { yara: yaraFacts(finding, finding.member), ...(changed ? { file: { changed: true } } : {}) },
  };
  return { hit: hitOf(finding, rule), event, createdMs: now };
}
