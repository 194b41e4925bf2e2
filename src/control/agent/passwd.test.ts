import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { passwdSizeMaxBytes } from "../../state/mod.ts";
import { mountNamespace, readPasswd, readPasswdOf } from "./passwd.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-passwd-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function rootWith(make: (etc: string) => void): string {
  const root = join(folder, String(count++));
  mkdirSync(join(root, "etc"), { recursive: true });
  make(join(root, "etc"));
  return root;
}

test("a regular file is read, up to its limit", () => {
  expect(readPasswd(rootWith((etc) => writeFileSync(join(etc, "passwd"), "root:x:0:0\n")))).toBe("root:x:0:0\n");
  const large = "x".repeat(passwdSizeMaxBytes + 10);
  expect(readPasswd(rootWith((etc) => writeFileSync(join(etc, "passwd"), large))).length).toBe(passwdSizeMaxBytes);
});

test("what is no regular file is not read, and nothing waits: links, FIFOs, folders, devices, nothing", () => {
  const secret = join(folder, "secret");
  writeFileSync(secret, "secret:x:0:0\n");
  const beganMs = performance.now();
  for (const make of [
    (etc: string) => symlinkSync(secret, join(etc, "passwd")),
    (etc: string) => symlinkSync("/dev/zero", join(etc, "passwd")),
    (etc: string) => void Bun.spawnSync(["mkfifo", join(etc, "passwd")]),
    (etc: string) => mkdirSync(join(etc, "passwd")),
    () => {},
  ])
    expect(readPasswd(rootWith(make))).toBe("");
  expect(performance.now() - beganMs).toBeLessThan(5000);
});

test("in the namespace of this process it is the host's, whoever is asked", () => {
  const own = mountNamespace("self");
  expect(own).toBeGreaterThan(0);
  expect(readPasswdOf(own, [])).toBe(readPasswd(""));
});

test("of a namespace in which nobody lives there is none", () => {
  expect(readPasswdOf(1, [process.pid, 2 ** 22 + 1, 0])).toBeUndefined();
  expect(mountNamespace(2 ** 22 + 1)).toBe(0);
});
