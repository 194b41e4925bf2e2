// YARA rules as the configuration names them: files, folders, or what is inside the binary; each file a namespace of its own.

import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { ruleFileSizeMaxBytes } from "../config/limits.ts";
import type { AppConfig } from "../config/mod.ts";
import { loadEmbeddedRules, loadRuleFiles, type RuleFile, type RuleFiles } from "../rules/mod.ts";
import { type YaraSet, type YaraSource, yaraSet } from "./rules.ts";

const yaraOnly = new Set(["yara"] as const);

export interface YaraFiles {
  readonly files: RuleFiles;
  readonly set: YaraSet;
}

/** Reads all rules; what cannot be read is a diagnostic. Never rejects for what is in a file. */
export async function loadYara(yara: Pick<AppConfig["yara"], "rulesPaths">): Promise<YaraFiles> {
  const isEmbedded = yara.rulesPaths.length === 0;
  const files = isEmbedded ? await loadEmbeddedRules(yaraOnly) : loadRuleFiles(yara.rulesPaths, yaraOnly);
  const embedded = new Map(files.files.map((file) => [file.name, file]));
  const taken = new Set<string>();
  const sources = files.files.map((file): YaraSource => {
    const bare = file.name.replace(/\.[^./]*$/, "");
    let namespace = bare;
    // Two folders may hold files of one name.
    for (let number = 2; taken.has(namespace); number++) namespace = `${bare}#${number}`;
    taken.add(namespace);
    const read = isEmbedded
      ? (name: string) => {
          const found = embedded.get(name);
          return found === undefined ? "no such rule in the agent" : { file: found.path, text: found.text };
        }
      : (name: string) => readBelow(file, name);
    return { namespace, file: file.path, name: file.name, text: file.text, read };
  });
  return { files, set: yaraSet(sources) };
}

/** A file below the folder that `from` was found in; links that lead out of it are not followed. */
function readBelow(from: RuleFile, name: string): { readonly file: string; readonly text: string } | string {
  const folder = from.path.slice(0, from.path.length - from.name.length) || ".";
  const path = join(folder, name);
  let fd: number | undefined;
  try {
    const real = realpathSync(path);
    const root = realpathSync(folder);
    if (dirname(real) !== root && !real.startsWith(root.endsWith("/") ? root : `${root}/`))
      return "it lies outside of the rules' folder";
    fd = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(fd);
    if (!stat.isFile()) return "not a regular file";
    if (stat.size > ruleFileSizeMaxBytes) return `larger than ${ruleFileSizeMaxBytes} bytes`;
    const bytes = Buffer.alloc(stat.size);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    return { file: path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (error) {
    return error instanceof TypeError ? "not valid UTF-8" : ((error as NodeJS.ErrnoException).code ?? String(error));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
