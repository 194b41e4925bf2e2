// The workload of the benchmarks and long runs: a C program that starts processes at full speed or at a given rate and measures
// itself (test/bench/programs). Compiled when asked for, into the tree's build folder: below /tmp every start would be an alert of
// SigmaHQ's, and what would be measured is the making of alerts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "../../../native/build-steps.ts";

/** `nothing` is one system call without libc; `true` a dynamically linked program; `compile` one run of gcc, of four processes. */
export type SpawnedProgram = "nothing" | "true" | "compile";

/** A unit of C of ordinary size: what `compile` compiles. */
const unitSource = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
${Array.from(
  { length: 60 },
  (_, i) => `static int part_${i}(const char *text, int n) {
  int sum = ${i};
  for (int i = 0; i < n && text[i]; i++) sum = sum * 31 + (text[i] ^ ${i * 7 + 1});
  if (sum % ${i + 2} == 0) printf("%d %s\\n", sum, text);
  return sum;
}`,
).join("\n")}
int all(const char *text) {
  int n = (int)strlen(text);
  return ${Array.from({ length: 60 }, (_, i) => `part_${i}(text, n)`).join(" + ")};
}
`;

export interface StormOptions {
  readonly count: number;
  /** Processes that start others at the same time. */
  readonly lanes: number;
  /** Starts a second over all lanes; 0: as fast as it goes. */
  readonly rate?: number;
  /** First part of each process's argument; a hyphen and a number of six digits follow. */
  readonly prefix: string;
  /** Default: `nothing`. */
  readonly program?: SpawnedProgram;
}

export interface StormResult {
  /** Processes that were started and ended with 0. */
  readonly started: number;
  readonly wallNs: number;
  /** User and system time of the spawner and all that it started. */
  readonly cpuNs: number;
}

export class Spawner {
  readonly #folder: string;
  readonly #spawn: string;
  readonly #programs: Readonly<Record<SpawnedProgram, string>>;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#spawn = join(folder, "spawn");
    this.#programs = {
      nothing: join(folder, "nothing"),
      true: Bun.which("true") ?? "/bin/true",
      compile: join(folder, "compile"),
    };
  }

  /** `parent`: where its folder goes; the tree's build folder when absent. */
  static async compile(parent = join(root, "build/bench")): Promise<Spawner> {
    mkdirSync(parent, { recursive: true });
    const it = new Spawner(mkdtempSync(join(parent, "spawner-")));
    const source = (name: string): string => join(import.meta.dir, "../programs", `${name}.c`);
    const strict = ["-O2", "-Wall", "-Wextra", "-Werror", "-static"];
    await run(["gcc", ...strict, "-o", it.#spawn, source("spawn")]);
    await run(["gcc", ...strict, "-nostdlib", "-fno-stack-protector", "-o", it.#programs.nothing, source("nothing")]);
    const unit = join(it.#folder, "unit.c");
    writeFileSync(unit, unitSource);
    const script = `#!/bin/sh\nPATH=/usr/bin:/bin exec gcc -O1 -c ${unit} -o ${it.#folder}/$1.o\n`;
    writeFileSync(it.#programs.compile, script, { mode: 0o755 });
    return it;
  }

  /** Runs one storm. Throws when a process could not be started or did not end with 0. */
  async storm({ count, lanes, rate = 0, prefix, program = "nothing" }: StormOptions): Promise<StormResult> {
    const path = this.#programs[program];
    const text = await run([this.#spawn, path, prefix, String(count), String(lanes), String(rate)]);
    return JSON.parse(text) as StormResult;
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
