// Builds the three C libraries that the shim links in, position independent and with hidden symbols: Debian's own archives of
// libelf and libbpf are neither. The upstream build systems are left aside (elfutils' configure alone takes longer
// than everything here): each library is a handful of files with the same few flags.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { sourceFolder } from "./build-sources.ts";
import { filesBelow, forEachParallel, root, run, step } from "./build-steps.ts";

/** The C toolchain of one machine type. */
export interface Toolchain {
  /** `x64` or `arm64`: names folders under build/. */
  readonly arch: string;
  readonly cc: string;
  readonly ar: string;
  readonly objdump: string;
  /** What libbpf's tracing macros call the machine: `__TARGET_ARCH_<name>`. */
  readonly bpfArch: string;
  /** The compiler's own word for its version: part of what decides whether an object is fresh. */
  readonly version: string;
}

/**
 * Shared by everything that ends up in the shim. The prefix map keeps the place of the checkout out of the bytes;
 * glibc-floor.h binds to symbol versions that old hosts have.
 */
export function compileFlags(): string[] {
  return [
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-plt",
    "-fstack-protector-strong",
    `-ffile-prefix-map=${root}=.`,
    "-include",
    join(root, "native/shim/glibc-floor.h"),
  ];
}

/**
 * What elfutils' configure would find out on any Linux with a glibc of the last ten years. Locks stay off: no two threads of the
 * shim have the same file open.
 */
const elfutilsConfig = `${[
  "HAVE_VISIBILITY",
  "HAVE_GCC_STRUCT",
  "HAVE_FALLTHROUGH",
  "HAVE_STDATOMIC_H",
  "HAVE_DECL_MEMPCPY",
  "HAVE_DECL_MEMRCHR",
  "HAVE_DECL_POWEROF2",
  "HAVE_DECL_RAWMEMCHR",
  "HAVE_DECL_REALLOCARRAY",
  "HAVE_ERROR_H",
  "HAVE_ERR_H",
  "HAVE_MREMAP",
  "_GNU_SOURCE",
]
  .map((name) => `#define ${name} 1\n`)
  .join("")}#include <eu-config.h>\n`;

interface Library {
  readonly name: string;
  readonly sources: readonly string[];
  readonly headers: readonly string[];
  readonly flags: readonly string[];
}

function libraries(arch: string): Library[] {
  const elfutils = sourceFolder("elfutils");
  const libbpf = sourceFolder("libbpf");
  const zlib = sourceFolder("zlib");
  const headers = (folder: string): string[] => filesBelow(folder, (path) => path.endsWith(".h"));
  return [
    {
      name: "z",
      sources: filesBelow(zlib, (path) => path.endsWith(".c") && !path.slice(zlib.length + 1).includes("/")),
      headers: headers(zlib).filter((path) => !path.slice(zlib.length + 1).includes("/")),
      flags: ["-D_LARGEFILE64_SOURCE=1", "-DHAVE_HIDDEN", "-DHAVE_UNISTD_H"],
    },
    {
      name: "elf",
      sources: filesBelow(`${elfutils}/libelf`, (path) => path.endsWith(".c")),
      headers: [...headers(`${elfutils}/libelf`), ...headers(`${elfutils}/lib`), `${elfutils}/lib/crc32.c`].concat(
        `${elfutils}/lib/next_prime.c`,
      ),
      flags: [
        "-std=gnu99",
        "-DHAVE_CONFIG_H",
        `-I${join(root, "build/native", arch, "elfutils-config")}`,
        `-I${join(root, elfutils, "libelf")}`,
        `-I${join(root, elfutils, "lib")}`,
        `-I${join(root, zlib)}`,
      ],
    },
    {
      name: "bpf",
      sources: filesBelow(`${libbpf}/src`, (path) => path.endsWith(".c")),
      headers: [...headers(`${libbpf}/src`), ...headers(`${libbpf}/include`)],
      // Both machines have a 64-bit off_t; _FILE_OFFSET_BITS would only ask for fcntl64, which is newer than the floor.
      flags: [
        "-include",
        join(root, "native/shim/libbpf-weak.h"),
        `-I${join(root, libbpf, "include")}`,
        `-I${join(root, libbpf, "include/uapi")}`,
        `-I${join(root, elfutils, "libelf")}`,
      ],
    },
  ];
}

/** The archives in link order, relative to the root. */
export function libraryFiles(arch: string): string[] {
  return ["bpf", "elf", "z"].map((name) => `build/native/${arch}/lib${name}.a`);
}

/** Builds what is not fresh. */
export async function buildLibraries(toolchain: Toolchain): Promise<void> {
  const configFolder = join(root, "build/native", toolchain.arch, "elfutils-config");
  mkdirSync(configFolder, { recursive: true });
  if (!existsSync(join(configFolder, "config.h"))) writeFileSync(join(configFolder, "config.h"), elfutilsConfig);
  const common = compileFlags();
  for (const library of libraries(toolchain.arch)) {
    const archive = `build/native/${toolchain.arch}/lib${library.name}.a`;
    await step({
      name: `lib${library.name} ${toolchain.arch}`,
      inputs: [...library.sources, ...library.headers, "native/shim/glibc-floor.h", "native/shim/libbpf-weak.h"],
      facts: [toolchain.version, ...common, ...library.flags, elfutilsConfig],
      outputs: [archive],
      run: async () => {
        writeFileSync(join(configFolder, "config.h"), elfutilsConfig);
        const folder = join(root, "build/native", toolchain.arch, `obj-${library.name}`);
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder, { recursive: true });
        const objects = library.sources.map((path) => join(folder, `${basename(path, ".c")}.o`));
        await forEachParallel([...library.sources.keys()], async (at) => {
          const source = library.sources[at] as string;
          // Warnings in code that is not ours tell its authors something, not the person who builds.
          await run([toolchain.cc, ...common, ...library.flags, "-w", "-c", source, "-o", objects[at] as string]);
        });
        rmSync(join(root, archive), { force: true });
        // D: no time stamps or owners in the archive.
        await run([toolchain.ar, "crsD", join(root, archive), ...objects]);
        rmSync(folder, { recursive: true, force: true });
      },
    });
  }
}
