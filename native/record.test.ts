// record_finish, the shim's check of what the kernel side wrote, on right and on damaged records under the sanitizers. A slice of
// seconds with fixed seeds; SIGIL_FUZZ_ROUNDS makes it longer.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, needsProgram } from "../test/needs.ts";
import { root, run } from "./build-steps.ts";

const rounds = Number(process.env.SIGIL_FUZZ_ROUNDS ?? 100_000);

describeWhere("record_finish", [needsProgram("gcc")], () => {
  const folder = mkdtempSync(join(tmpdir(), "sigil-record-"));
  const program = join(folder, "record-fuzz");

  beforeAll(async () => {
    const sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    const sources = ["test/fixtures/record-fuzz.c", "native/shim/record.c", "native/shim/file.c"].map((path) =>
      join(root, path),
    );
    await run([
      "gcc",
      "-O1",
      "-g",
      "-D_GNU_SOURCE",
      "-Wall",
      "-Wextra",
      "-Werror",
      ...sanitize,
      "-o",
      program,
      ...sources,
    ]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const seed of [1, 2, 3])
    test(`damaged records are refused or come out possible, right ones come through (seed ${seed}, ${rounds} rounds)`, async () => {
      const [all, right, through] = (await run([program, String(seed), String(rounds)])).trim().split(" ").map(Number);
      expect(all).toBe(rounds);
      // A quarter is right; of the damaged some come through and most do not, or the damage would prove nothing.
      expect(right).toBeGreaterThan(rounds / 5);
      expect(through).toBeGreaterThan(right!);
      expect(through).toBeLessThan((rounds * 3) / 4);
    });
});
