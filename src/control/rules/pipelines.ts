// Pipeline files of the configuration, read beside the rules that they are applied to. When one of them cannot be used, no Sigma rule is given out: rules
// that were meant for other names of fields would load, and never match.

import { createHash } from "node:crypto";
import { readPipelines } from "../../detect/sigma/mod.ts";
import { loadTextFiles, type RuleFiles } from "./load.ts";

/** Attaches the pipelines in `paths`, in their order. Never rejects for what is in a file. */
export function withPipelines(files: RuleFiles, paths: readonly string[]): RuleFiles {
  if (paths.length === 0) return files;
  const read = loadTextFiles(paths);
  const { pipelines, diagnostics } = readPipelines(read.files);
  const all = [...files.diagnostics, ...read.diagnostics, ...diagnostics];
  const isBad =
    all.length > files.diagnostics.length &&
    all.slice(files.diagnostics.length).some(({ severity }) => severity === "error");
  const digest = createHash("sha256").update(files.digest);
  for (const { text } of read.files) digest.update(`pipeline\0${Buffer.byteLength(text)}\0`).update(text);
  return {
    ...files,
    ...(isBad || pipelines === undefined ? {} : { pipelines }),
    files: isBad ? files.files.filter(({ kind }) => kind !== "sigma") : files.files,
    pipelineFiles: read.files,
    diagnostics: all,
    digest: digest.digest("hex"),
  };
}
