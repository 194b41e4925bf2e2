// Which file an interpreter was told to run. Command lines are read as the interpreters do as far as that is the same for all: what
// cannot be told gives no script, or a name under which there is no file.

import { posix } from "node:path";

export interface InterpreterStart {
  readonly image: string;
  /** The kernel found a first line that names an interpreter. */
  readonly isScript: boolean;
  readonly typedPath: string;
  /** The working directory; empty when it is not known. */
  readonly folder: string;
  readonly arguments: () => readonly string[];
}

const interpreters =
  /^(?:(?:ba|da|z|k|mk|a|fi|c|tc)?sh|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|bun|deno|php[\d.]*|lua[\d.]*|luajit|pwsh|tclsh[\d.]*|wish[\d.]*|Rscript|[gmn]awk|awk|guile|expect)$/;
/** Code or the name of a module follows, not a file: `-c`, `-lc`, `-e`, `-m`. */
const inlineCode = /^-(?:[A-Za-z]*[cemr]|-eval|-print|-command)$/;
const argumentsReadMax = 16;

/** An absolute path, or `undefined`. Reads at most 16 arguments. */
export function scriptOf(start: InterpreterStart): string | undefined {
  if (start.isScript) return absolute(start.typedPath, start.folder);
  if (!interpreters.test(start.image.slice(start.image.lastIndexOf("/") + 1))) return undefined;
  const list = start.arguments();
  for (let i = 1; i < Math.min(list.length, argumentsReadMax); i++) {
    const argument = list[i]!;
    if (argument === "-" || argument === "-s" || inlineCode.test(argument)) return undefined;
    if (argument === "-f" || argument === "-File" || argument === "--") continue;
    if (!argument.startsWith("-")) return absolute(argument, start.folder);
  }
  return undefined;
}

function absolute(path: string, folder: string): string | undefined {
  if (path === "" || path.length > 4096) return undefined;
  if (path.startsWith("/")) return path;
  return folder.startsWith("/") ? posix.join(folder, path) : undefined;
}
