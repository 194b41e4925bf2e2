// Runs the stand-ins of the starter rules (`detonations` in NAME.tests.yml): puts the files in place, runs the program, removes
// the files. What should be seen of it is worked out here from the definition, before anything is compared.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Detonation, placeholders } from "../rules/rule-tests.ts";
import { type Ran, runProgram, searchPath, uniqueToken } from "./agent.ts";

/** One run of a stand-in, and the process that it must show. Absent fields are not compared. */
export interface Detonated {
  readonly token: string;
  readonly ran: Ran;
  /** Before and after, milliseconds since the epoch. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly expected: {
    readonly by: "self" | "child";
    readonly image?: string;
    readonly commandLine: string;
    readonly parentImage?: string;
    readonly workingDirectory: string;
  };
}

/** Not below /tmp: stand-ins must not look as if they lay in a folder that everybody may write to. */
const parentFolder = "/opt";

/** The dynamic loader of this machine's own programs. */
function loaderPath(): string {
  return process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
}

/** Stages, runs and cleans up one stand-in. Throws when it does not end in time; its exit code is the caller's to judge. */
export async function detonate(detonation: Detonation): Promise<Detonated> {
  const token = uniqueToken("sigil-");
  mkdirSync(parentFolder, { recursive: true });
  const dir = mkdtempSync(join(parentFolder, `${token}-`));
  const values: Record<(typeof placeholders)[number], string> = {
    dir,
    token,
    tmp: `/tmp/${token}`,
    shm: `/dev/shm/${token}`,
    sh: realpathSync("/bin/sh"),
    loader: loaderPath(),
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key as keyof typeof values] ?? whole);
  // Everything staged lies in a folder that carries the token, and those are all that is removed.
  const folders = new Set([dir, values.tmp, values.shm, `/tmp/.${token}`]);
  const stage = (path: string, put: (target: string) => void): void => {
    const target = fill(path.includes("/") ? path : `{dir}/${path}`);
    if (![...folders].some((folder) => target.startsWith(`${folder}/`)))
      throw new Error(`Cannot stage outside: ${target}`);
    mkdirSync(dirname(target), { recursive: true });
    put(target);
  };
  const copy = (source: string) => (target: string) => {
    copyFileSync(source, target);
    chmodSync(target, 0o755);
  };
  try {
    mkdirSync(values.tmp);
    mkdirSync(values.shm);
    for (const path of detonation.standIns) stage(path, copy("/bin/true"));
    for (const [path, source] of Object.entries(detonation.copies)) stage(path, copy(source));
    for (const { path, text, mode } of detonation.files)
      stage(path, (target) => {
        writeFileSync(target, fill(text));
        chmodSync(target, Number.parseInt(mode ?? "644", 8));
      });
    const command = detonation.run.map(fill);
    const environment = Object.fromEntries(
      Object.entries(detonation.environment).map(([key, one]) => [key, fill(one)]),
    );
    const image = programPath(command[0]!);
    const { by, Image, CommandLine, ParentImage } = detonation.expect;
    const isOther = CommandLine !== undefined;
    const beganMs = Date.now();
    const ran = await runProgram(command, { cwd: dir, environment });
    return {
      token,
      ran,
      beganMs,
      endedMs: Date.now(),
      expected: {
        by,
        // Where something else is executed, its image is what the definition says, or nothing.
        ...(Image === undefined ? (isOther || image === undefined ? {} : { image }) : { image: fill(Image) }),
        commandLine: fill(CommandLine ?? command.join(" ")),
        ...(ParentImage === undefined ? {} : { parentImage: fill(ParentImage) }),
        workingDirectory: dir,
      },
    };
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the kernel will find a program: the search path of {@link runProgram}, links resolved. */
function programPath(name: string): string | undefined {
  const path = name.includes("/") ? name : Bun.which(name, { PATH: searchPath });
  try {
    return path === null ? undefined : realpathSync(path);
  } catch {
    return undefined;
  }
}
