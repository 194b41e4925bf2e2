// The targets besides this machine: each is built and its executable started, under emulation of the processor that it is for. The
// baseline runs on a processor of 2008, which has no AVX: an executable that needs more ends with SIGILL there.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { shimDemands } from "../../native/build-shim.ts";
import { root, run } from "../../native/build-steps.ts";
import { describeWhere, needsFile, needsProgram } from "../needs.ts";

/** Not dist/: what a person built there stays. Kept, so that a second run is quick. */
const out = join(root, "build/test/targets");

async function build(target: string): Promise<string> {
  await run([process.execPath, "build.ts", "--target", target, "--out", out]);
  return join(out, target, "agent");
}

describeWhere("linux-x64-baseline", [needsProgram("qemu-x86_64")], () => {
  test("starts on a processor without AVX", async () => {
    const agent = await build("linux-x64-baseline");
    expect(await run(["qemu-x86_64", "-cpu", "Nehalem", agent, "version"])).toContain("linux-x64-baseline");
  });
});

const libraries = "/usr/aarch64-linux-gnu";
describeWhere(
  "linux-arm64",
  [needsProgram("qemu-aarch64"), needsProgram("aarch64-linux-gnu-gcc"), needsFile(`${libraries}/lib/libc.so.6`)],
  () => {
    test("starts on an arm64 processor", async () => {
      const agent = await build("linux-arm64");
      expect(await run(["qemu-aarch64", "-L", libraries, agent, "version"])).toContain("linux-arm64");
    });

    test("has a shim that needs nothing but libc", async () => {
      const demands = await shimDemands("aarch64-linux-gnu-objdump", join(root, "build/native/arm64/libsigil.so"));
      expect(demands.libraries.filter((name) => name !== "ld-linux-aarch64.so.1")).toEqual(["libc.so.6"]);
      expect(demands.exported).toContain("sigil_abi_digest");
    });
  },
);
