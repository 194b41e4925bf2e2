// Sigma's `attack.*` tags as the ECS fields `threat.*`. Tags are what people wrote: either case, `_` or `-` between
// words, ids of several ATT&CK versions. What is not understood is left alone (it still stands in `tags`), never an error.

import { type Tactic, tactics, techniques } from "./attack-names.ts";

/** Tags that are read at most; the widest public rule has 14. */
const tagCountMax = 64;

export interface ThreatGroup {
  readonly id: string[];
  /** Names of those ids that the table knows; absent when it knows none. */
  readonly name?: string[];
  readonly reference: string[];
}

/** `threat.*`. */
export interface Threat {
  readonly framework: "MITRE ATT&CK";
  readonly tactic?: ThreatGroup;
  readonly technique?: ThreatGroup & { readonly subtechnique?: ThreatGroup };
}

const tacticsById: ReadonlyMap<string, Tactic> = byId();

function byId(): Map<string, Tactic> {
  const map = new Map<string, Tactic>();
  // The first spelling of an id is the newest one.
  for (const tactic of tactics.values()) if (!map.has(tactic.id)) map.set(tactic.id, tactic);
  return map;
}

/** The tactics and techniques that the tags name, in their order; `undefined` when they name none. */
export function threatOf(tags: readonly string[]): Threat | undefined {
  const tactic = emptyGroup();
  const technique = emptyGroup();
  const subtechnique = emptyGroup();
  for (const tag of tags.slice(0, tagCountMax)) {
    const word = attackWord(tag);
    if (word === undefined) continue;
    const id = /^t(\d{4})(?:[.-](\d{3}))?$/.exec(word);
    if (id !== null) {
      const parent = `T${id[1]}`;
      add(technique, parent, techniques.get(parent), `techniques/${parent}/`);
      if (id[2] !== undefined) {
        const child = `${parent}.${id[2]}`;
        add(subtechnique, child, techniques.get(child), `techniques/${parent}/${id[2]}/`);
      }
      continue;
    }
    const known = tactics.get(word) ?? tacticsById.get(word.toUpperCase());
    if (known !== undefined) add(tactic, known.id, known.name, `tactics/${known.id}/`);
  }
  if (tactic.id.length === 0 && technique.id.length === 0) return undefined;
  return {
    framework: "MITRE ATT&CK",
    ...(tactic.id.length === 0 ? {} : { tactic: withNames(tactic) }),
    ...(technique.id.length === 0
      ? {}
      : {
          technique:
            subtechnique.id.length === 0
              ? withNames(technique)
              : { ...withNames(technique), subtechnique: withNames(subtechnique) },
        }),
  };
}

/** What follows `attack.`, in lower case with `-` between words; `undefined` for other tags. */
function attackWord(tag: unknown): string | undefined {
  if (typeof tag !== "string" || tag.length > 64) return undefined;
  const lower = tag.trim().toLowerCase();
  return lower.startsWith("attack.") ? lower.slice("attack.".length).replaceAll(/[_ ]/g, "-") : undefined;
}

function emptyGroup(): Required<ThreatGroup> {
  return { id: [], name: [], reference: [] };
}

function withNames({ id, name, reference }: Required<ThreatGroup>): ThreatGroup {
  return name.length === 0 ? { id, reference } : { id, name, reference };
}

function add(group: Required<ThreatGroup>, id: string, name: string | undefined, page: string): void {
  if (group.id.includes(id)) return;
  group.id.push(id);
  if (name !== undefined) group.name.push(name);
  group.reference.push(`https://attack.mitre.org/${page}`);
}
