// Two builds of one commit: a copy of the tree in another folder, built from nothing, gives the same bytes. The downloads
// (node_modules, source tarballs) are shared, being pinned by digest; everything made from them is made again.

import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sources } from "../../native/build-sources.ts";
import { root, run, sha256File } from "../../native/build-steps.ts";

const copy = join(mkdtempSync(join(tmpdir(), "sigil-again-")), "a different folder");
afterAll(() => rmSync(dirname(copy), { recursive: true, force: true }));

test("two builds of one tree in different folders give the same bytes", async () => {
  await run([process.execPath, "build.ts"]);
  const listed = await run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  for (const path of listed.split("\0")) {
    if (path === "" || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(root, path), join(copy, path));
  }
  // Copied, not linked: a bundler follows links, and the packages must lie below the other folder. The runtime is only read.
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (/^(@oven|@biomejs|@typescript|typescript)$/.test(name)) continue;
    cpSync(join(root, "node_modules", name), join(copy, "node_modules", name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules/@oven"), join(copy, "node_modules/@oven"));
  mkdirSync(join(copy, "build/sources"), { recursive: true });
  for (const source of sources)
    cpSync(join(root, "build/sources", source.file), join(copy, "build/sources", source.file));
  // The commit is part of the executable: the copy gets the same repository and index, so it has the same name.
  const gitFolder = (await run(["git", "rev-parse", "--absolute-git-dir"])).trim();
  const env = { GIT_DIR: gitFolder, GIT_WORK_TREE: root };
  await run([process.execPath, "build.ts"], { cwd: copy, env });
  const shim = "build/native/libsigil.so";
  expect(sha256File(join(copy, shim))).toBe(sha256File(join(root, shim)));
  expect(sha256File(join(copy, "dist/THIRD_PARTY_NOTICES"))).toBe(sha256File(join(root, "dist/THIRD_PARTY_NOTICES")));
  expect(sha256File(join(copy, "dist/agent"))).toBe(sha256File(join(root, "dist/agent")));
});
