// What `npm run build` and its neighbours say to wrong orders, and that their chatter never gets on stdout.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import packageJson from "../../package.json" with { type: "json" };
import { describeWhere, needsProgram, needsRoot } from "../needs.ts";
import { skippedNames } from "../run.ts";

function start(command: readonly string[]): { code: number | null; out: string; err: string } {
  const child = Bun.spawnSync([...command], { cwd: root, stdin: "ignore" });
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

test("an unknown target is a usage error that names the known ones", () => {
  const { code, out, err } = start([process.execPath, "build.ts", "--target", "linux-x86"]);
  expect(code).toBe(64);
  expect(out).toBe("");
  expect(err).toContain("linux-x64-baseline");
});

test("the Windows target says that it is not there yet", () => {
  const { code, err } = start([process.execPath, "build.ts", "--target", "windows-x64"]);
  expect(code).toBe(64);
  expect(err).toContain("its own issue");
});

test("an unknown option of the build is a usage error", () => {
  expect(start([process.execPath, "build.ts", "--tragte"]).code).toBe(64);
});

test("the bootstrap refuses an unknown command", () => {
  const { code, out, err } = start(["node", join(root, "bootstrap.mjs"), "strat"]);
  expect(code).toBe(64);
  expect(out).toBe("");
  expect(err).toContain("start");
});

test("a build through npm prints nothing on stdout", () => {
  const { code, out } = start(["npm", "run", "build"]);
  expect(code).toBe(0);
  expect(out).toBe("");
});

test("npm start gives the agent its arguments, stdout and exit code, and adds nothing", () => {
  const direct = start([join(root, "dist/agent"), "version"]);
  const through = start(["npm", "start", "--", "version"]);
  expect(through.out).toBe(direct.out);
  expect(through.code).toBe(0);
  expect(start(["npm", "start", "--", "no-such-command"]).code).toBe(
    start([join(root, "dist/agent"), "no-such-command"]).code,
  );
});

test("every npm script takes the place of its shell, which would otherwise swallow signals", () => {
  for (const script of Object.values(packageJson.scripts)) expect(script).toStartWith("exec node bootstrap.mjs ");
});

test("skipped tests are listed with their file, whatever their name", () => {
  const xml = [
    '<testcase name="runs" classname="" time="0" file="a.test.ts" line="1" assertions="1" />',
    '<testcase name="a &lt;b&gt; &amp; c (cannot run here: needs root)" classname="x &gt; y" time="0" file="b.test.ts" line="3" assertions="0">',
    "  <skipped />",
    "</testcase>",
  ].join("\n");
  expect(skippedNames(xml)).toEqual(["b.test.ts: a <b> & c (cannot run here: needs root)"]);
});

describeWhere("an ordinary user", [needsRoot(), needsProgram("setpriv"), needsProgram("apt-get")], () => {
  test("is told the one step that needs root, with exit code 77, before anything is done", () => {
    // A machine without a toolchain, as far as the search path shows.
    const programs = mkdtempSync(join(tmpdir(), "sigil-path-"));
    try {
      for (const name of ["node", "apt-get"]) symlinkSync(Bun.which(name) as string, join(programs, name));
      Bun.spawnSync(["chmod", "755", programs]);
      const order = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", `PATH=${programs}`];
      const { code, out, err } = start([...order, join(programs, "node"), join(root, "bootstrap.mjs"), "start"]);
      expect(err).toContain(
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends clang-16 llvm-16 gcc",
      );
      expect(err).not.toContain("installing");
      expect(out).toBe("");
      expect(code).toBe(77);
    } finally {
      rmSync(programs, { recursive: true, force: true });
    }
  });
});
