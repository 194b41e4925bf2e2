// What the built shim asks of a host: libc alone, and nothing of it that is newer than the floor. A host with an older glibc
// could not load it, and one without libelf or libbpf must be able to.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { glibcFloor, importedShim, isNewer, shimDemands } from "../../native/build-shim.ts";
import { filesBelow, root, run } from "../../native/build-steps.ts";

const shim = join(root, importedShim);

test("the shim needs no library but libc", async () => {
  const { libraries } = await shimDemands("objdump", shim);
  // The dynamic loader is a part of glibc, and always there already: libelf's per-thread error number asks for it.
  expect(libraries.filter((name) => name !== "ld-linux-x86-64.so.2")).toEqual(["libc.so.6"]);
});

test("the shim asks for no glibc symbol newer than the floor", async () => {
  const { versioned } = await shimDemands("objdump", shim);
  // It does call libc: an empty list would mean that the listing was not understood.
  expect(versioned.map(([symbol]) => symbol)).toContain("memcpy");
  expect(versioned.filter(([, version]) => isNewer(version, glibcFloor))).toEqual([]);
  expect(versioned.filter(([, version]) => isNewer(version, [2, 31]))).toEqual([]);
});

test("the shim exports its own functions and none of the libraries inside it", async () => {
  const { exported } = await shimDemands("objdump", shim);
  expect(exported).toContain("sigil_abi_digest");
  expect(exported.filter((name) => !name.startsWith("sigil_"))).toEqual([]);
});

test("the shim has no writable and executable memory and binds everything at load", async () => {
  const header = await run(["objdump", "-p", shim]);
  expect(header).toMatch(/STACK[^\n]*\n[^\n]*flags rw-/);
  expect(header).toContain("RELRO");
  expect(header).toMatch(/FLAGS\s+0x0*8\b|FLAGS_1\s+0x0*1\b/);
  expect(header).not.toMatch(/flags rwx/);
});

test("the shim and the eBPF objects name no path of the machine that built them", async () => {
  const files = [importedShim, ...filesBelow("build/native/x64", (path) => path.endsWith(".bpf.o"))];
  expect(files.length).toBeGreaterThan(1);
  for (const path of files) {
    const bytes = Buffer.from(await Bun.file(join(root, path)).arrayBuffer());
    expect(bytes.includes(root)).toBe(false);
  }
});

test("the eBPF objects carry BTF and no debug information", async () => {
  const objects = filesBelow("build/native/x64", (path) => path.endsWith(".bpf.o"));
  expect(objects.length).toBeGreaterThan(0);
  for (const object of objects) {
    const sections = await run(["objdump", "-h", join(root, object)]);
    expect(sections).toContain(" .BTF ");
    expect(sections).toContain(" .BTF.ext ");
    expect(sections).not.toContain(".debug_info");
  }
});

test("a symbol version is compared by its numbers, not by its text", () => {
  expect(isNewer("GLIBC_2.9", [2, 26])).toBe(false);
  expect(isNewer("GLIBC_2.27", [2, 26])).toBe(true);
  expect(isNewer("GLIBC_2.2.5", [2, 26])).toBe(false);
  expect(isNewer("GLIBC_3.0", [2, 26])).toBe(true);
});

test("a build leaves the executable and its notices", async () => {
  expect(existsSync(join(root, "dist/agent"))).toBe(true);
  const notices = await Bun.file(join(root, "dist/THIRD_PARTY_NOTICES")).text();
  for (const name of ["libbpf 1.1.2", "elfutils 0.188", "zlib 1.2.13", "JavaScriptCore", "smol-toml"]) {
    expect(notices).toContain(name);
  }
  expect(notices).toContain("GNU LESSER GENERAL PUBLIC LICENSE");
});
