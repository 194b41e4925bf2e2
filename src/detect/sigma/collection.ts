// Rule collections: `action: global`, `reset` and `repeat` (Sigma 1 "Rule Collections", as pySigma still reads them). Gives back
// documents that stand for themselves; what was merged keeps the positions of where it was written.

import { nodeCountMax } from "./limits.ts";
import { didYouMean } from "./nearest.ts";
import { RuleError } from "./problem.ts";
import { child, type YamlEntry, type YamlMap, type YamlNode } from "./yaml.ts";

const actions = ["global", "reset", "repeat"];

/**
 * The documents of one file, in order. A `global` document is merged over each plain rule that follows, until the next `global`
 * or a `reset`; `repeat` merges itself over the rule before it. Maps merge key by key, anything else is replaced. Correlations
 * and filters are taken as they are.
 */
export class Collection {
  #global: YamlMap | undefined;
  #previous: YamlMap | undefined;
  /** What merging may still make: documents that repeat a large template would multiply it. */
  #nodesLeft = nodeCountMax;

  /** The rule that a document comes to; `undefined` for one that only changes what others come to. Throws {@link RuleError}. */
  resolve(root: YamlMap): YamlMap | undefined {
    const entry = root.entries.find(({ key }) => key === "action");
    if (entry === undefined) {
      if (child(root, "correlation") !== undefined || child(root, "filter") !== undefined) return root;
      this.#previous = this.#global === undefined ? root : this.#merged(root, this.#global);
      return this.#previous;
    }
    const action = entry.value.kind === "scalar" ? entry.value.text : "";
    const rest: YamlMap = { ...root, entries: root.entries.filter((one) => one !== entry) };
    switch (action) {
      case "global":
        this.#global = rest;
        this.#previous = rest;
        return undefined;
      case "reset":
        this.#global = undefined;
        return undefined;
      case "repeat":
        if (this.#previous === undefined)
          throw new RuleError("nothing_to_repeat", entry.keyOffset, "Cannot read document: no rule stands before it");
        this.#previous = this.#merged(this.#previous, rest);
        return this.#previous;
      default: {
        const hint = didYouMean(action, actions) || `one of ${actions.join(", ")}`;
        throw new RuleError(
          "unknown_action",
          entry.value.offset,
          `Cannot read document: unknown action '${action}'`,
          hint,
        );
      }
    }
  }

  /** A rule that could not be read is nothing that the next one may repeat. */
  forget(): void {
    this.#previous = undefined;
  }

  #merged(base: YamlMap, over: YamlMap): YamlMap {
    const result = merge(base, over);
    this.#nodesLeft -= countNodes(result, this.#nodesLeft + 1);
    if (this.#nodesLeft < 0) {
      this.#nodesLeft = 0;
      throw new RuleError(
        "collection_too_large",
        over.offset,
        `Cannot read document: the rules of this file come to more than ${nodeCountMax} values when merged`,
      );
    }
    return result;
  }
}

/** Trees are at most `nodeDepthMax` deep, and so is the recursion. */
function merge(base: YamlMap, over: YamlMap): YamlMap {
  const entries = new Map<string, YamlEntry>(base.entries.map((entry) => [entry.key, entry]));
  for (const entry of over.entries) {
    const below = entries.get(entry.key)?.value;
    const isBoth = below?.kind === "map" && entry.value.kind === "map";
    entries.set(entry.key, isBoth ? { ...entry, value: merge(below, entry.value) } : entry);
  }
  return { ...base, entries: [...entries.values()] };
}

/** Nodes of a tree, counted no further than `limit`. */
function countNodes(node: YamlNode, limit: number): number {
  let count = 1;
  const below = node.kind === "map" ? node.entries.map(({ value }) => value) : node.kind === "list" ? node.items : [];
  for (const one of below) {
    if (count >= limit) break;
    count += countNodes(one, limit - count);
  }
  return count;
}
