// The house rules that a program can check: rooms and doors, file lengths, names, licence headers, nothing of the machine it was
// written on. Each rule is a function from files to complaints, tried here on a file that breaks it, so that none can fall silent.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "../native/build-steps.ts";

interface SourceFile {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** Data flows down this list: a room imports only rooms above itself. `control` and `cli` may see all. */
const rooms = [
  "std",
  "event",
  "ring",
  "sensor",
  "state",
  "normalize",
  "detect",
  "alert",
  "sink",
  "response",
  "control",
  "cli",
] as const;
const seeingAll = new Set(["control", "cli"]);
/** Usable as a library: imports nothing of the agent. */
const standingAlone = "src/detect/sigma/";
/** Files directly in src/ that rooms may import: constants of the build, and the one place that starts the workers beside it. */
const commonFiles = new Set(["src/build-info.gen.ts", "src/workers.ts"]);

function listFiles(): SourceFile[] {
  const listed = Bun.spawnSync(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  if (listed.exitCode !== 0) throw new Error(listed.stderr.toString());
  const files: SourceFile[] = [];
  for (const path of listed.stdout.toString().split("\0")) {
    if (path === "" || !/\.(ts|mjs|c|h|json|md|toml|yml|yaml|service|txt)$|^\.ci\/|(^|\/)LICENSE$|^\.npmrc$/.test(path))
      continue;
    try {
      files.push({ path, text: readFileSync(join(root, path), "utf8") });
    } catch {
      // Listed and gone: someone is at work in the tree. What is not there breaks no rule.
    }
  }
  return files;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|(?:^|\n)import\s*["']([^"']+)["']/g;

function importsOf(file: SourceFile): string[] {
  return [...file.text.matchAll(importPattern)].map((match) => (match[1] ?? match[2] ?? match[3]) as string);
}

const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.startsWith("test/");
const isGenerated = (path: string): boolean => /\.gen\.[a-z]+$/.test(path);
const roomOf = (path: string): string | undefined => /^src\/([a-z-]+)\//.exec(path)?.[1];

/**
 * A large room is divided (`control/config`, `detect/sigma`), and each part has a door of its own. Generated files hold
 * constants and are read where they lie.
 */
const isDoor = (path: string): boolean => path.endsWith("/mod.ts") || isGenerated(path);

/** Rooms import earlier rooms only, through their doors, and the Sigma room imports nothing of the agent. */
function layerComplaints(files: readonly SourceFile[]): string[] {
  const complaints: string[] = [];
  for (const file of files) {
    const room = roomOf(file.path);
    // A test may reach behind doors and ahead of its room for what it needs to set a scene.
    if (room === undefined || !file.path.endsWith(".ts") || isTest(file.path)) continue;
    if (!(rooms as readonly string[]).includes(room)) {
      complaints.push(`${file.path}: src/${room} is not a room`);
      continue;
    }
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith(".")) continue;
      const target = normalize(join(dirname(file.path), specifier));
      if (file.path.startsWith(standingAlone)) {
        if (!target.startsWith(standingAlone))
          complaints.push(`${file.path}: imports ${target}; the Sigma room stands alone`);
        continue;
      }
      const targetRoom = roomOf(target);
      if (targetRoom === room) {
        const crossesDoor = target.startsWith(standingAlone) && target !== `${standingAlone}mod.ts`;
        if (crossesDoor) complaints.push(`${file.path}: imports ${target}; the door is ${standingAlone}mod.ts`);
      } else if (targetRoom !== undefined) {
        if (!seeingAll.has(room) && rooms.indexOf(targetRoom as never) > rooms.indexOf(room as never)) {
          complaints.push(`${file.path}: imports the later room ${targetRoom}`);
        }
        if (!isDoor(target)) complaints.push(`${file.path}: imports ${target}; the door is src/${targetRoom}/mod.ts`);
      } else if (target.startsWith("src/") && !commonFiles.has(target)) {
        complaints.push(`${file.path}: imports ${target}, which starts programs`);
      }
    }
  }
  return complaints;
}

/** Longer files are usually two things in one. Tests and generated files are exempt, and so are files that are one table. */
const linesMax = 600;

function lengthComplaints(files: readonly SourceFile[]): string[] {
  return files
    .filter((it) => /\.(ts|mjs|c|h)$/.test(it.path) && !isTest(it.path) && !isGenerated(it.path))
    .filter((it) => !/^\/\/ Table:/m.test(it.text))
    .map((it) => ({ path: it.path, lines: it.text.split("\n").length }))
    .filter((it) => it.lines > linesMax)
    .map((it) => `${it.path}: ${it.lines} lines, more than ${linesMax}`);
}

/** Words are put together here so that this file does not accuse itself. */
const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);

function unfinishedComplaints(files: readonly SourceFile[]): string[] {
  return files.flatMap((it) =>
    it.text
      .split("\n")
      .flatMap((line, at) => (unfinished.test(line) ? [`${it.path}:${at + 1}: unfinished: ${line.trim()}`] : [])),
  );
}

/** Homes, temporary folders with random names, the folder that this checkout lies in, and hosts of package registries. */
function machineComplaints(files: readonly SourceFile[], checkout: string): string[] {
  const patterns: readonly (readonly [string, RegExp])[] = [
    ["the checkout's own path", new RegExp(`${RegExp.escape(checkout)}(?![A-Za-z0-9_-])`)],
    ["a registry host", /https?:\/\/[^\s"'/]*(registry\.|deb\.|pypi\.|snapshot\.debian)[^\s"']*/],
  ];
  const lockHosts = files.find((it) => it.path === "package-lock.json" && it.text.includes('"resolved"'));
  return [
    ...(lockHosts === undefined ? [] : ["package-lock.json: names the hosts that packages came from"]),
    ...files.flatMap((it) =>
      patterns.flatMap(([what, pattern]) => {
        const found = pattern.exec(it.text)?.[0];
        return found === undefined ? [] : [`${it.path}: holds ${what}: ${found}`];
      }),
    ),
  ];
}

/** The kernel only gives GPL-compatible programs its helpers; the rest of the native code is Apache's like everything else. */
function licenceComplaints(files: readonly SourceFile[]): string[] {
  return files
    .filter((it) => it.path.startsWith("native/bpf/") && /\.(c|h)$/.test(it.path))
    .filter((it) => !it.text.startsWith("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */"))
    .map((it) => `${it.path}: the first line must be the SPDX header of GPL-2.0-only OR BSD-2-Clause`);
}

/** Kebab-case, so that a name is the same on every file system; `utils` says nothing about what is inside. */
function nameComplaints(files: readonly SourceFile[]): string[] {
  return files
    .filter((it) => /^(src|native|test)\/.*\.(ts|c|h)$/.test(it.path))
    .flatMap((it) => {
      const base = it.path.slice(it.path.lastIndexOf("/") + 1);
      const complaints: string[] = [];
      if (!/^[a-z0-9]+([-_][a-z0-9]+)*(\.[a-z0-9]+)+$/.test(base)) complaints.push(`${it.path}: not kebab-case`);
      if (/(^|\/)(utils?|helpers?|misc|common)(\.ts|\/)/.test(it.path))
        complaints.push(`${it.path}: says nothing about what is inside`);
      return complaints;
    });
}

/** Every file starts by saying what it is for; generated files say who made them. */
function headComplaints(files: readonly SourceFile[]): string[] {
  return files
    .filter((it) => /\.(ts|mjs|c|h)$/.test(it.path) && !it.path.endsWith(".d.ts") && !isTest(it.path))
    .filter((it) => !/^(#![^\n]*\n)?(\/\/|\/\*)/.test(it.text))
    .map((it) => `${it.path}: does not start by saying what it is for`);
}

/** Tests that are switched off or that switch the others off. Tests that cannot run on a machine use describeWhere. */
function focusComplaints(files: readonly SourceFile[]): string[] {
  return files
    .filter((it) => it.path.endsWith(".test.ts") && it.path !== "test/tidy.test.ts")
    .flatMap((it) =>
      it.text
        .split("\n")
        .flatMap((line, at) =>
          /\b(test|it|describe)\.(only|todo|failing)\(/.test(line) ? [`${it.path}:${at + 1}: ${line.trim()}`] : [],
        ),
    );
}

const files = listFiles();

describe("the tree", () => {
  test("holds rooms that import earlier rooms only, through their doors", () => {
    expect(layerComplaints(files)).toEqual([]);
  });
  test("has no overlong file", () => {
    expect(lengthComplaints(files)).toEqual([]);
  });
  test("has nothing marked as unfinished", () => {
    expect(unfinishedComplaints(files)).toEqual([]);
  });
  test("names no path of this machine and no registry host", () => {
    expect(machineComplaints(files, root)).toEqual([]);
  });
  test("carries the dual licence in every eBPF source", () => {
    expect(licenceComplaints(files)).toEqual([]);
  });
  test("names its files in kebab-case and by what is inside", () => {
    expect(nameComplaints(files)).toEqual([]);
  });
  test("says at the top of each file what it is for", () => {
    expect(headComplaints(files)).toEqual([]);
  });
  test("has no focused or postponed test", () => {
    expect(focusComplaints(files)).toEqual([]);
  });
  test("has the pages that a person looks for first", () => {
    const wanted = [
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "SECURITY.md",
      "native/bpf/LICENSE",
      ".ci/run",
    ];
    expect(wanted.filter((path) => !files.some((it) => it.path === path))).toEqual([]);
  });
});

describe("the rules themselves", () => {
  const file = (path: string, text: string): SourceFile[] => [{ path, text }];

  test("see an import of a later room", () => {
    expect(layerComplaints(file("src/event/x.ts", 'import { a } from "../alert/mod.ts";'))).toHaveLength(1);
    expect(layerComplaints(file("src/alert/x.ts", 'import { a } from "../event/mod.ts";'))).toEqual([]);
    expect(layerComplaints(file("src/control/x.ts", 'import { a } from "../cli/mod.ts";'))).toEqual([]);
  });
  test("see an import past a door", () => {
    expect(layerComplaints(file("src/alert/x.ts", 'export type {\n  A,\n} from "../event/event.ts";'))).toHaveLength(1);
    expect(layerComplaints(file("src/detect/x.ts", 'import { a } from "./sigma/parse.ts";'))).toHaveLength(1);
    expect(layerComplaints(file("src/alert/x.ts", 'const a = await import("../event/event.ts");'))).toHaveLength(1);
  });
  test("see that the Sigma room imports the agent", () => {
    expect(layerComplaints(file("src/detect/sigma/x.ts", 'import { a } from "../../std/mod.ts";'))).toHaveLength(1);
    expect(layerComplaints(file("src/detect/sigma/x.ts", 'import { a } from "./y.ts"; import b from "yaml";'))).toEqual(
      [],
    );
  });
  test("see a room that is not in the list, and an import of an entry point", () => {
    expect(layerComplaints(file("src/misc/x.ts", "export const a = 1;"))).toHaveLength(1);
    expect(layerComplaints(file("src/cli/x.ts", 'import "../main.ts";'))).toHaveLength(1);
  });
  test("see a file that is too long, unless it is a table", () => {
    const long = "x\n".repeat(linesMax + 1);
    expect(lengthComplaints(file("src/a/b.ts", long))).toHaveLength(1);
    expect(lengthComplaints(file("src/a/b.ts", `// Table: all of them\n${long}`))).toEqual([]);
  });
  test("see unfinished words", () => {
    expect(unfinishedComplaints(file("a.ts", `// ${"TO" + "DO"}: later`))).toHaveLength(1);
  });
  test("see a path of the checkout and a registry host", () => {
    expect(machineComplaints(file("a.md", "see /home/me/sigil/x"), "/home/me/sigil")).toHaveLength(1);
    expect(machineComplaints(file("a.md", `see https://${"registry"}.example.org/x`), "/home/me/sigil")).toHaveLength(
      1,
    );
    expect(machineComplaints(file("package-lock.json", '"resolved": "x"'), "/home/me/sigil")).toHaveLength(1);
  });
  test("see an eBPF source without its licence", () => {
    expect(licenceComplaints(file("native/bpf/a.h", "/* SPDX-License-Identifier: MIT */"))).toHaveLength(1);
  });
  test("see names that are not kebab-case or say nothing", () => {
    expect(nameComplaints(file("src/a/fooBar.ts", ""))).toHaveLength(1);
    expect(nameComplaints(file("src/a/utils.ts", ""))).toHaveLength(1);
  });
  test("see a file that does not say what it is for", () => {
    expect(headComplaints(file("src/a/b.ts", "export const a = 1;"))).toHaveLength(1);
  });
  test("see a focused test", () => {
    expect(focusComplaints(file("src/a/b.test.ts", `${"test"}.only("x", () => {});`))).toHaveLength(1);
  });
});
