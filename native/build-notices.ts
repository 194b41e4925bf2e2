// THIRD_PARTY_NOTICES: what other people's work is inside the executable, and under which terms. Made from what was really built in:
// the production packages of the lock file and the pinned C sources, with their own licence files, and what the Bun executable holds.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceFolder, sources } from "./build-sources.ts";
import { BuildError, root } from "./build-steps.ts";

interface Notice {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly use: string;
  readonly texts: readonly string[];
}

const sourceTerms: Record<string, { licence: string; use: string; files: readonly string[] }> = {
  elfutils: {
    licence: "LGPL-3.0-or-later OR GPL-2.0-or-later (libelf)",
    use: "libelf, unmodified, linked into the shim: reads the eBPF objects",
    files: ["COPYING-LGPLV3", "COPYING", "COPYING-GPLV2"],
  },
  libbpf: {
    licence: "LGPL-2.1-only OR BSD-2-Clause",
    use: "unmodified, linked into the shim: loads the eBPF objects",
    files: ["LICENSE", "LICENSE.BSD-2-Clause", "LICENSE.LGPL-2.1"],
  },
  zlib: { licence: "Zlib", use: "unmodified, linked into the shim: libelf asks for it", files: ["LICENSE"] },
};

/** What the Bun executable links, as its authors list it; their full texts are in Bun's source distribution. */
const insideBun: readonly (readonly [string, string])[] = [
  ["Bun", "MIT"],
  ["JavaScriptCore and WTF (WebKit)", "LGPL-2.0-or-later and BSD-2-Clause"],
  ["BoringSSL", "Apache-2.0, OpenSSL, ISC and others"],
  ["brotli", "MIT"],
  ["c-ares", "MIT"],
  ["highway", "Apache-2.0"],
  ["ICU", "Unicode-3.0"],
  ["libarchive", "BSD-2-Clause and others"],
  ["libbase64", "BSD-2-Clause"],
  ["libc++abi (part)", "Apache-2.0 WITH LLVM-exception"],
  ["libdeflate", "MIT"],
  ["libjpeg-turbo", "IJG, BSD-3-Clause and Zlib"],
  ["libspng", "BSD-2-Clause"],
  ["libwebp", "BSD-3-Clause"],
  ["lol-html", "BSD-3-Clause"],
  ["ls-hpack, ls-qpack, lsquic", "MIT and BSD-3-Clause"],
  ["mimalloc", "MIT"],
  ["picohttpparser", "Artistic-1.0-Perl OR MIT"],
  ["simdutf", "Apache-2.0"],
  ["TigerBeetle (parts)", "Apache-2.0"],
  ["TinyCC", "LGPL-2.1"],
  ["uSockets, uWebSockets", "Apache-2.0"],
  ["uucode", "MIT"],
  ["zlib-ng", "Zlib"],
  ["zstd", "BSD-3-Clause OR GPL-2.0-only"],
];

const relinking = `Libraries under the GNU LGPL are inside this executable: libelf and libbpf in the shim, JavaScriptCore and TinyCC in Bun.
You may replace them. Sigil's complete source and build program are published with it: native/sources.json names the exact source
of libelf, libbpf and zlib, 'npm run build' compiles and links them again, and a Bun executable built with another JavaScriptCore takes
the place of node_modules/@oven/*/bin/bun before that command. Reverse engineering to debug such changes is permitted.
The eBPF objects inside the shim are Sigil's own, under GPL-2.0-only OR BSD-2-Clause (native/bpf/LICENSE).`;

/** The whole text. The same packages give the same bytes. */
export function thirdPartyNotices(): string {
  const notices = [...packageNotices(), ...sourceNotices()];
  const rule = "=".repeat(80);
  const parts = [
    "Third-party notices of Sigil\n\nSigil itself is under the Apache License 2.0 (LICENSE). The executable also contains what is listed here.\n",
    `${relinking}\n`,
    `${rule}\nBun and what it links (names and licences; full texts in Bun's source distribution)\n${rule}\n`,
    `${insideBun.map(([name, licence]) => `${name}: ${licence}`).join("\n")}\n`,
    ...notices.map(
      (it) =>
        `${rule}\n${it.name} ${it.version}\nLicence: ${it.licence}\nUse: ${it.use}\n${rule}\n\n${it.texts.join("\n\n")}\n`,
    ),
  ];
  return parts.join("\n");
}

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

function packageNotices(): Notice[] {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockEntry>;
  };
  const notices: Notice[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    // The optional packages are the Bun executables, which have a section of their own.
    if (path === "" || entry.dev || entry.optional) continue;
    const folder = join(root, path);
    if (!existsSync(folder)) throw new BuildError(`${path} is in package-lock.json and not installed: run npm ci`);
    const texts = readdirSync(folder)
      .filter((name) => /^(licen[cs]e|copying|notice)/i.test(name))
      .sort()
      .map((name) => readFileSync(join(folder, name), "utf8").trim());
    if (texts.length === 0) texts.push(licenceInPackageFile(folder, path));
    notices.push({
      name: path.replace(/^.*node_modules\//, ""),
      version: entry.version ?? "unknown",
      licence: entry.license ?? licenceName(folder),
      use: "bundled JavaScript",
      texts,
    });
  }
  return notices.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function readPackage(folder: string): { license?: unknown; author?: unknown; repository?: unknown } {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function licenceName(folder: string): string {
  const licence = readPackage(folder).license;
  return typeof licence === "string" ? licence : "see text";
}

/** A package without a licence file still says its licence and author in package.json; one that says neither cannot ship. */
function licenceInPackageFile(folder: string, path: string): string {
  const { license, author, repository } = readPackage(folder);
  if (typeof license !== "string")
    throw new BuildError(`${path} has neither a licence file nor a licence in package.json`);
  const who = typeof author === "string" ? author : ((author as { name?: string } | undefined)?.name ?? "its authors");
  const where = typeof repository === "string" ? repository : ((repository as { url?: string } | undefined)?.url ?? "");
  return `Licensed under ${license}. Copyright ${who}. ${where}`.trim();
}

function sourceNotices(): Notice[] {
  return sources.map((source) => {
    const terms = sourceTerms[source.package];
    if (terms === undefined) throw new BuildError(`native/build-notices.ts says nothing about ${source.package}`);
    const folder = join(root, sourceFolder(source.package));
    const texts = terms.files.map((name) => readFileSync(join(folder, name), "utf8").trim());
    return { name: source.package, version: source.version, licence: terms.licence, use: terms.use, texts };
  });
}
