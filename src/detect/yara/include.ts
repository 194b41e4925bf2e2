// `include "other.yar"`, resolved here because YARA-X's build for JavaScript cannot. An included file becomes a source of its own in
// the same namespace, before the one that includes it, once: diagnostics then name the right file and line.

import { dirname, isAbsolute, join, normalize } from "node:path";
import type { Diagnostic } from "../../std/mod.ts";
import type { YaraNamespace } from "./compile.ts";
import { includeDepthMax, includesMax } from "./limits.ts";
import { outline, placeOf } from "./source.ts";

export interface YaraFile {
  /** Names the rules' namespace; must be unique. */
  readonly namespace: string;
  /** Where it lies: for diagnostics. */
  readonly file: string;
  /** Its path below the folder that includes may not leave, with forward slashes. */
  readonly name: string;
  readonly text: string;
}

/** The text of a file below the same folder, or why not. `name` is normalized, relative and stays below. */
export type ReadInclude = (from: YaraFile, name: string) => { readonly file: string; readonly text: string } | string;

export function resolveIncludes(
  root: YaraFile,
  read: ReadInclude,
): { readonly namespace: YaraNamespace; readonly diagnostics: readonly Diagnostic[] } {
  const parts: { file: string; text: string }[] = [];
  const diagnostics: Diagnostic[] = [];
  const taken = new Set<string>([root.name]);
  const take = (file: string, name: string, text: string, depth: number): void => {
    let blanked = "";
    let from = 0;
    for (const include of outline(text).includes) {
      blanked += text.slice(from, include.from) + text.slice(include.from, include.to).replace(/[^\n]/g, " ");
      from = include.to;
      const reason = follow(include.path, name, depth);
      if (reason === "") continue;
      const message = `cannot include ${JSON.stringify(include.path)}: ${reason}`;
      const place = placeOf(text, include.from);
      diagnostics.push({ file, ...place, severity: "error", code: "yara_include", message, hint: "" });
    }
    parts.push({ file, text: blanked + text.slice(from) });
  };
  const follow = (path: string, from: string, depth: number): string => {
    if (isAbsolute(path) || path.includes("\\") || path.includes("\0")) return "only relative paths are followed";
    const name = normalize(join(dirname(from), path));
    if (name.startsWith("..")) return "it lies outside of the rules' folder";
    if (taken.has(name)) return "";
    if (depth >= includeDepthMax) return `includes are followed ${includeDepthMax} levels deep`;
    if (taken.size > includesMax) return `a rule file may include ${includesMax} files`;
    taken.add(name);
    const found = read(root, name);
    if (typeof found === "string") return found;
    take(found.file, name, found.text, depth + 1);
    return "";
  };
  take(root.file, root.name, root.text, 0);
  return { namespace: { name: root.namespace, parts }, diagnostics };
}
