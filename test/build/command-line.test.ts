// What `npm run build` and its neighbours say to wrong orders, and that their chatter never gets on stdout.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
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
  expect(start(["npm", "start", "--", "no-such-command"]).code).toBe(start([join(root, "dist/agent"), "no-such-command"]).code);
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
