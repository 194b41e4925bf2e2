// Fetches the source tarballs that native/sources.json pins, with the apt sources this machine already has: their deb entries
// are read as deb-src in a private configuration under build/, so the machine's own apt set-up stays as it is and no mirror
// is named here. Needs no privileges.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError, root, run, say, sha256File } from "./build-steps.ts";
import pinned from "./sources.json" with { type: "json" };

export type Source = (typeof pinned.sources)[number];
export const sources: readonly Source[] = pinned.sources;

const cache = "build/sources";

/** Where a source lies unpacked, relative to the root. */
export function sourceFolder(name: string): string {
  const source = sources.find((it) => it.package === name);
  if (source === undefined) throw new BuildError(`native/sources.json has no package ${name}`);
  return `${cache}/${source.folder}`;
}

/** Every pinned source, verified and unpacked under build/sources; touches the network only for what is not there yet. */
export async function fetchSources(): Promise<void> {
  mkdirSync(join(root, cache), { recursive: true });
  const missing = sources.filter((source) => !isVerified(source));
  if (missing.length > 0) await download(missing);
  for (const source of sources) {
    if (!isVerified(source))
      throw new BuildError(unobtainable(source, "the archive does not have that version any more"));
    await unpack(source);
  }
}

function isVerified(source: Source): boolean {
  const path = join(root, cache, source.file);
  if (!existsSync(path)) return false;
  const found = sha256File(path);
  if (found === source.sha256) return true;
  rmSync(path);
  throw new BuildError(
    `${cache}/${source.file} has SHA-256 ${found}, native/sources.json pins ${source.sha256}; the file was removed`,
  );
}

async function unpack(source: Source): Promise<void> {
  const done = join(root, cache, source.folder, ".unpacked");
  if (existsSync(done) && readFileSync(done, "utf8") === source.sha256) return;
  rmSync(join(root, cache, source.folder), { recursive: true, force: true });
  await run(["tar", "--no-same-owner", "-xf", join(root, cache, source.file), "-C", join(root, cache)]);
  if (!existsSync(join(root, cache, source.folder))) throw new BuildError(`${source.file} holds no ${source.folder}`);
  writeFileSync(done, source.sha256);
}

async function download(missing: readonly Source[]): Promise<void> {
  const config = privateAptConfig();
  const env = { APT_CONFIG: config };
  say(`fetching the sources of ${missing.map((it) => it.package).join(", ")}`);
  try {
    await run(["apt-get", "-qq", "update"], { env });
  } catch (cause) {
    throw new BuildError(`cannot read the Debian source index: ${(cause as Error).message}`);
  }
  const landing = join(root, "build/apt/landing");
  rmSync(landing, { recursive: true, force: true });
  mkdirSync(landing, { recursive: true });
  for (const source of missing) {
    try {
      await run(["apt-get", "-qq", "source", "--download-only", source.package], { env, cwd: landing });
    } catch (cause) {
      throw new BuildError(unobtainable(source, (cause as Error).message));
    }
    if (!existsSync(join(landing, source.file))) {
      const found = readdirSync(landing).filter((name) => name.startsWith(`${source.package}_`));
      throw new BuildError(unobtainable(source, `the archive offers ${found.join(", ")}`));
    }
    renameSync(join(landing, source.file), join(root, cache, source.file));
  }
  rmSync(landing, { recursive: true, force: true });
}

function unobtainable(source: Source, why: string): string {
  return (
    `cannot get ${source.file} (source package ${source.package} of Debian 12): ${why}\n` +
    `Put the file with SHA-256 ${source.sha256} into ${cache}/ by hand and build again.`
  );
}

/** Writes an apt configuration that sees this machine's archives as source archives; returns its path. */
function privateAptConfig(): string {
  const base = join(root, "build/apt");
  for (const folder of ["parts", "lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(base, folder), { recursive: true });
  }
  const entries = machineSources("/etc/apt");
  if (entries.deb822 === "" && entries.oneLine === "") {
    throw new BuildError("no Debian archive is configured on this machine (/etc/apt/sources.list, sources.list.d)");
  }
  writeFileSync(join(base, "parts/machine.sources"), entries.deb822);
  writeFileSync(join(base, "parts/machine.list"), entries.oneLine);
  const config = join(base, "apt.conf");
  writeFileSync(
    config,
    [
      `Dir::Etc::sourcelist "/dev/null";`,
      `Dir::Etc::sourceparts "${join(base, "parts")}";`,
      `Dir::State::lists "${join(base, "lists")}";`,
      `Dir::Cache "${join(base, "cache")}";`,
      // The landing folder belongs to whoever builds; apt's own user could not write there.
      `APT::Sandbox::User "";`,
      "",
    ].join("\n"),
  );
  return config;
}

/** The machine's archives, rewritten from binary to source entries. Entries that already are source entries stay. */
export function machineSources(folder: string): { deb822: string; oneLine: string } {
  const parts = join(folder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const read = (name: string): string => readFileSync(join(parts, name), "utf8");
  const lists = names.filter((name) => name.endsWith(".list")).map(read);
  const main = join(folder, "sources.list");
  if (existsSync(main)) lists.unshift(readFileSync(main, "utf8"));
  const deb822 = names
    .filter((name) => name.endsWith(".sources"))
    .flatMap((name) => read(name).split(/\n[ \t]*\n/))
    .filter((stanza) => /^Types:/im.test(stanza) && !/^Enabled:\s*(no|false|0|off)/im.test(stanza))
    .map((stanza) => `${stanza.trim().replace(/^Types:.*$/im, "Types: deb-src")}\n`);
  const oneLine = lists
    .flatMap((text) => text.split("\n"))
    .filter((line) => /^\s*deb\s/.test(line))
    .map((line) => line.replace(/^\s*deb\s/, "deb-src "));
  return {
    deb822: [...new Set(deb822)].join("\n"),
    oneLine: [...new Set(oneLine)].map((line) => `${line}\n`).join(""),
  };
}
