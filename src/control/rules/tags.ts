// Tags of rules: the namespaces of the Sigma specification (appendix "Tags"), and ATT&CK's words and ids in the spelling that
// other tools find them by.

import { tactics, techniques } from "../../alert/mod.ts";
import type { Finding } from "../../detect/sigma/mod.ts";
import { nearest } from "../../std/mod.ts";

/** What must follow the name of each namespace. */
const namespaces: Readonly<Record<string, RegExp>> = {
  attack: /./,
  car: /^\d{4}-\d{2}-\d{3}$/,
  // One dot after the year is how rules of some years ago are written.
  cve: /^\d{4}[-.]\d{4,}$/,
  d3fend: /^[a-z0-9-]+$/,
  detection: /^[a-z0-9-]+$/,
  stp: /^\d[a-z]?$/,
  tlp: /^(?:red|amber|amber-strict|green|clear|white)$/,
};

/** What is wrong with a tag, or `undefined`. O(names). */
export function checkTag(tag: string): Finding | undefined {
  const dot = tag.indexOf(".");
  const namespace = dot === -1 ? tag : tag.slice(0, dot);
  const rest = dot === -1 ? "" : tag.slice(dot + 1);
  const lower = namespace.toLowerCase();
  const form = Object.hasOwn(namespaces, lower) ? namespaces[lower] : undefined;
  if (form === undefined) {
    const near = nearest(lower, Object.keys(namespaces));
    // Words of one's own are allowed; only what looks like a slip of the hand is told.
    if (near === undefined || dot === -1) return undefined;
    return finding("unknown_tag", `No namespace of tags is called '${namespace}'`, `did you mean '${near}'?`);
  }
  if (rest === "")
    return finding("unknown_tag", `The tag '${tag}' says nothing after its namespace`, `write '${lower}.…'`);
  if (tag !== tag.toLowerCase() || /[\s_]/.test(tag)) {
    const right = tag.trim().toLowerCase().replaceAll(/[\s_]/g, "-");
    return (
      checkTag(right) ??
      finding("tag_spelling", `Tags are written in lower case, with dashes: '${tag}'`, `write '${right}'`)
    );
  }
  if (lower === "attack") return checkAttack(rest);
  return form.test(rest)
    ? undefined
    : finding("unknown_tag", `'${rest}' is nothing that '${lower}.' can be followed by`, "");
}

/** Groups, software, campaigns, data sources and mitigations are told by their ids only. */
const otherIds = /^(?:[gsmc]\d{4}|ds\d{4})$/;

function checkAttack(word: string): Finding | undefined {
  if (tactics.has(word) || otherIds.test(word)) return undefined;
  if (/^t\d/.test(word)) {
    const id = word.toUpperCase();
    if (techniques.has(id)) return undefined;
    if (!/^T\d{4}(?:\.\d{3})?$/.test(id)) {
      return finding("unknown_tag", `'${word}' is not the id of a technique`, "write 't1059' or 't1059.004'");
    }
    const parent = id.slice(0, 5);
    const hint = techniques.has(parent) ? `${parent} is ${techniques.get(parent)}` : "";
    return finding("unknown_tag", `No technique of ATT&CK 18 or 19 that is known here has the id ${id}`, hint);
  }
  const near = nearest(word, tactics.keys());
  return finding(
    "unknown_tag",
    `'${word}' is no tactic of ATT&CK`,
    near === undefined ? "" : `did you mean 'attack.${near}'?`,
  );
}

function finding(code: string, message: string, hint: string): Finding {
  return { code, message, hint };
}
