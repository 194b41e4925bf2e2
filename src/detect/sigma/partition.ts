// All rules that see one source of events, compiled together: scan each field once, look at the rules whose witnesses turned
// up, run those. Nothing here allocates for an event without a match, except what the memos keep.

import { type Check, type CheckKind, compileChecks } from "./check.ts";
import { buildExpression, type Expression, Groups, type IsDead, type Literal } from "./expression.ts";
import type { RuleIr } from "./ir.ts";
import { valueDepthMax, valueMembersMax } from "./limits.ts";
import { FieldScanner, type ScannedLiteral } from "./scanner.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { witnesses } from "./witness.ts";

/** Gives the rules of a partition that hold for an event, in the order the rules were given. */
export class Partition {
  readonly kinds: readonly CheckKind[];
  /** Rules that no index can rule out: looked at for every event. */
  readonly openCount: number;
  readonly #rules: readonly RuleIr[];
  readonly #checks: readonly Check[];
  readonly #open: Int32Array;
  readonly #slots: Int32Array;
  readonly #scanners: readonly FieldScanner[];
  /** Per scanner: whether it knows the keywords too, so that its field's text need not be scanned again for them. */
  readonly #knowsKeywords: readonly boolean[];
  readonly #keywordScanner: FieldScanner | undefined;
  /** Per group: 1 when its literals are keywords. */
  readonly #isKeyword: Uint8Array;
  /** Texts shorter than this hold no keyword. */
  readonly #keywordLengthMin: number;
  /** Of the event at hand: the texts of scanners that know keywords, and what was found in them. */
  readonly #scannedTexts: string[] = [];
  readonly #scannedGroups: Int32Array[] = [];
  #scannedCount = 0;
  /** Per group: the epoch it was last found in; an epoch is one event. */
  readonly #flags: Int32Array;
  /** Rules woken by group g: `#woken[#wokenStart[g] … #wokenStart[g + 1]]`. */
  readonly #wokenStart: Int32Array;
  readonly #woken: Int32Array;
  /** Per rule: the epoch it was last woken in. */
  readonly #stamps: Int32Array;
  readonly #candidates: Int32Array;
  #candidateCount = 0;
  #epoch = 0;
  /** Checks and scans that threw: a fault of ours, never of the event; such a rule counts as not matching. */
  faultCount = 0;
  /** Rules looked at, over all events. */
  checkedCount = 0;

  constructor(rules: readonly RuleIr[], slots: SlotTable, isDead: IsDead, jit: boolean) {
    const groups = new Groups();
    const entries = rules.map((rule) => ({ rule, expression: buildExpression(rule, groups, isDead) }));
    const compiled = compileChecks(entries, slots, jit);
    this.#rules = rules;
    this.#checks = compiled.map(({ check }) => check);
    this.kinds = compiled.map(({ kind }) => kind);

    const woken: number[][] = groups.members.map(() => []);
    const open: number[] = [];
    for (const [rule, { expression }] of entries.entries()) wake(expression, rule, groups, woken, open);
    this.#open = Int32Array.from(open);
    this.openCount = open.length;
    this.#wokenStart = new Int32Array(woken.length + 1);
    for (const [group, list] of woken.entries()) this.#wokenStart[group + 1] = this.#wokenStart[group]! + list.length;
    this.#woken = Int32Array.from(woken.flat());
    this.#flags = new Int32Array(woken.length);
    this.#stamps = new Int32Array(rules.length);
    this.#candidates = new Int32Array(rules.length);

    this.#isKeyword = Uint8Array.from(groups.members, (members) =>
      groups.literals[members[0]!]?.field === null ? 1 : 0,
    );
    const byField = literalsByField(groups);
    const keywords = byField.get(null);
    byField.delete(null);
    const groupCount = groups.members.length;
    this.#keywordScanner = keywords === undefined ? undefined : new FieldScanner(keywords, groupCount, true);
    this.#keywordLengthMin = (keywords ?? []).reduce(
      (least, { text }) => Math.min(least, text.length),
      Number.MAX_SAFE_INTEGER,
    );
    this.#slots = Int32Array.from([...byField.keys()].map((field) => slots.slot(field!)));
    const lists = [...byField.values()];
    this.#knowsKeywords = lists.map((list) => keywords !== undefined && isLarge(list));
    this.#scanners = lists.map(
      (list, i) => new FieldScanner(this.#knowsKeywords[i] ? [...list, ...keywords!] : list, groupCount),
    );
  }

  /** Bytes of the scanners' tables. */
  get byteLength(): number {
    return this.#scanners.reduce((sum, scanner) => sum + scanner.byteLength, this.#keywordScanner?.byteLength ?? 0);
  }

  /** The rules that hold, or `undefined` when there are none (the usual case, which allocates nothing). */
  evaluate(event: SigmaEvent): RuleIr[] | undefined {
    if (this.#epoch === 0x7fffffff) this.#restartEpochs();
    const epoch = ++this.#epoch;
    this.#candidateCount = 0;
    this.#scannedCount = 0;
    for (const rule of this.#open) this.#candidates[this.#candidateCount++] = rule;
    try {
      for (let i = 0; i < this.#slots.length; i++) {
        const value = event.get(this.#slots[i]!);
        if (typeof value === "string") this.#scanText(i, value);
        else if (value !== undefined && value !== null) this.#scanValue(this.#scanners[i]!, value, 0);
      }
      if (this.#keywordScanner !== undefined) event.eachText(this.#visitText, this.#keywordLengthMin);
    } catch {
      this.faultCount++;
    }
    const count = this.#candidateCount;
    this.checkedCount += count;
    let matched: number[] | undefined;
    for (let i = 0; i < count; i++) {
      const rule = this.#candidates[i]!;
      if (!this.#holds(rule, event, epoch)) continue;
      if (matched === undefined) matched = [rule];
      else matched.push(rule);
    }
    return matched?.sort((a, b) => a - b).map((rule) => this.#rules[rule]!);
  }

  #scanText(scanner: number, text: string): void {
    const found = this.#scanners[scanner]!.scan(text);
    if (this.#knowsKeywords[scanner]) {
      this.#scannedTexts[this.#scannedCount] = text;
      this.#scannedGroups[this.#scannedCount++] = found;
    }
    this.#mark(found, 0);
  }

  /** A text that keywords may be in: usually one that a field's scanner has just seen. */
  readonly #visitText = (text: string): void => {
    if (text.length < this.#keywordLengthMin) return;
    const texts = this.#scannedTexts;
    const count = this.#scannedCount;
    for (let i = 0; i < count; i++) {
      if (texts[i] === text) {
        this.#mark(this.#scannedGroups[i]!, 1);
        return;
      }
    }
    this.#mark(this.#keywordScanner!.scan(text), 1);
  };

  #holds(rule: number, event: SigmaEvent, epoch: number): boolean {
    try {
      return this.#checks[rule]!(event, this.#flags, epoch);
    } catch {
      this.faultCount++;
      return false;
    }
  }

  /** Numbers and booleans as text, arrays member by member: as `anyMember` and `scalarText` define it. */
  #scanValue(scanner: FieldScanner, value: Value, depth: number): void {
    if (typeof value === "string") this.#mark(scanner.scan(value), 0);
    else if (typeof value === "number" || typeof value === "boolean") this.#mark(scanner.scan(String(value)), 0);
    else if (Array.isArray(value) && depth < valueDepthMax) {
      const count = Math.min(value.length, valueMembersMax);
      for (let i = 0; i < count; i++) this.#scanValue(scanner, value[i], depth + 1);
    }
  }

  /** Sets the flags of the groups that are about keywords (1) or fields (0), and wakes their rules. */
  #mark(groups: Int32Array, isKeyword: 0 | 1): void {
    const epoch = this.#epoch;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!;
      if (this.#flags[group] === epoch || this.#isKeyword[group] !== isKeyword) continue;
      this.#flags[group] = epoch;
      const end = this.#wokenStart[group + 1]!;
      for (let at = this.#wokenStart[group]!; at < end; at++) {
        const rule = this.#woken[at]!;
        if (this.#stamps[rule] === epoch) continue;
        this.#stamps[rule] = epoch;
        this.#candidates[this.#candidateCount++] = rule;
      }
    }
  }

  #restartEpochs(): void {
    this.#flags.fill(0);
    this.#stamps.fill(0);
    this.#epoch = 0;
  }
}

/** Literals from which on a field's texts are so costly to scan that the keywords had better come along. */
const largeLiteralCount = 64;

function isLarge(literals: readonly ScannedLiteral[]): boolean {
  return literals.filter(({ how }) => how === "contains").length >= largeLiteralCount;
}

function wake(expression: Expression, rule: number, groups: Groups, woken: number[][], open: number[]): void {
  const found = witnesses(expression, groups);
  if (found === undefined) open.push(rule);
  else for (const group of found) woken[group]!.push(rule);
}

function literalsByField(groups: Groups): Map<string | null, ScannedLiteral[]> {
  const groupsOf: number[][] = groups.literals.map(() => []);
  for (const [group, members] of groups.members.entries())
    for (const literal of members) groupsOf[literal]!.push(group);
  const byField = new Map<string | null, ScannedLiteral[]>();
  for (const [number, { field, how, text }] of groups.literals.entries() as Iterable<[number, Literal]>) {
    const scanned: ScannedLiteral = { how, text, groups: groupsOf[number]! };
    const list = byField.get(field);
    if (list === undefined) byField.set(field, [scanned]);
    else list.push(scanned);
  }
  return byField;
}
