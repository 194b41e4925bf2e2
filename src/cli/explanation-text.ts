// The explanation of a condition as a tree of lines: what holds, what does not, and what the event has instead.

import type { Explanation, ItemExplanation } from "../detect/sigma/mod.ts";
import { printable } from "../std/mod.ts";

export interface TreeStyle {
  readonly color: boolean;
  /** Before every line. */
  readonly indent: string;
}

interface Branch {
  readonly holds: boolean | undefined;
  readonly label: string;
  /** Lines below the label. */
  readonly notes: readonly string[];
  readonly children: readonly Branch[];
}

/**
 *     ✗ all of
 *     ├─ ✓ tool: Image|endswith: /curl
 *     │    has "/usr/bin/curl", which ends with "/curl"
 *     └─ ✗ target: CommandLine|contains: docker.sock
 *          wants: contains "docker.sock"
 *          has "curl http://x"
 */
export function explanationText(explanation: Explanation, style: TreeStyle): string {
  const lines: string[] = [];
  draw(branchOf(explanation), style.indent, "", "", style.color, lines);
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function draw(branch: Branch, indent: string, first: string, rest: string, color: boolean, lines: string[]): void {
  const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const mark = branch.holds === undefined ? "" : branch.holds ? `${paint("32", "✓")} ` : `${paint("31", "✗")} `;
  lines.push(`${indent}${paint("2", first)}${mark}${branch.label}`);
  const { children, notes } = branch;
  const stem = children.length > 0 ? "│  " : "";
  for (const note of notes) lines.push(`${indent}${paint("2", rest + stem)}  ${paint("2", note)}`);
  for (const [at, child] of children.entries()) {
    const isLast = at === children.length - 1;
    draw(child, indent, `${rest}${isLast ? "└─ " : "├─ "}`, `${rest}${isLast ? "   " : "│  "}`, color, lines);
  }
}

function branchOf(node: Explanation): Branch {
  switch (node.kind) {
    case "const":
      return { holds: node.holds, label: node.holds ? "always" : "never", notes: [], children: [] };
    case "not": {
      const inner = branchOf(node.of);
      return { ...inner, holds: node.holds, label: `not ${inner.label}` };
    }
    case "selection": {
      const name = printable(node.name);
      if (node.of === undefined) return { holds: node.holds, label: `${name} (as above)`, notes: [], children: [] };
      const inner = branchOf(node.of);
      return { ...inner, holds: node.holds, label: `${name}: ${inner.label}` };
    }
    case "item":
      return item(node);
    case "and":
    case "or": {
      const children = node.of.map(branchOf);
      if (node.omitted > 0)
        children.push({ holds: undefined, label: `… and ${node.omitted} more`, notes: [], children: [] });
      return { holds: node.holds, label: node.kind === "and" ? "all of" : "any of", notes: [], children };
    }
  }
}

function item(node: ItemExplanation): Branch {
  const { field, modifier, values, count, holds } = node;
  const key = `${field === "" ? "keyword" : field}${modifier === "" ? "" : `|${modifier}`}`;
  const patterns = values.map(({ pattern }) => (pattern === "" ? '""' : pattern)).join(", ");
  const more = count > values.length ? `, … ${count - values.length} more` : "";
  const label = printable(`${key}: ${patterns}${more}`);
  const notes = holds === undefined ? [wish(node)] : holds ? [reason(node)] : [`wants: ${wish(node)}`, obstacle(node)];
  return { holds, label, notes: notes.map(printable), children: [] };
}

/** What the item asks. Of `all`, held against an event, only what is missing. */
function wish({ values, count, link, holds }: ItemExplanation): string {
  const isLack = link === "all" && holds === false;
  const missing = isLack ? values.filter((one) => one.holds !== true) : values;
  const words = [...new Set(missing.map(({ meaning }) => meaning))];
  if (count === 1) return brief(words[0] ?? "");
  const rest = count > values.length ? ", …" : "";
  const quantity = isLack ? "" : link === "all" ? "all of " : "one of ";
  const parts = words.map((word) => /^((?:is|contains|starts with|ends with|is like) )(".*")$/s.exec(word));
  const verb = parts[0]?.[1];
  // The same verb before every value need not be repeated.
  if (verb !== undefined && parts.every((part) => part?.[1] === verb))
    return `${verb}${quantity}${parts.map((part) => part![2]).join(", ")}${rest}`;
  return `${quantity}${words.join("; ")}${rest}`;
}

function reason(node: ItemExplanation): string {
  const decisive = node.values.filter((one) => one.holds === true).slice(0, node.link === "all" ? undefined : 1);
  const what = decisive.map(({ meaning }) => (node.count === 1 ? brief(meaning) : meaning)).join(" and ");
  if (node.found === undefined) return `the field ${what}`;
  return `has "${node.found}", which ${what}`;
}

/** A single expression stands in the line above already. */
function brief(meaning: string): string {
  return meaning.startsWith("matches /") ? "matches the expression" : meaning;
}

function obstacle({ field, why, found }: ItemExplanation): string {
  switch (why) {
    case "absent":
      return `the event has no field ${field}`;
    case "null":
      return "the field is null";
    case "no_text":
      return `has an object, which has no text: ${found}`;
    default:
      return field === "" ? "no text of the event does" : `has "${found ?? ""}"`;
  }
}
