import { expect, test } from "bun:test";
import { scriptOf } from "./script-argument.ts";

const of = (image: string, ...rest: string[]): string | undefined =>
  scriptOf({ image, isScript: false, typedPath: image, folder: "/work", arguments: () => [image, ...rest] });

test("the script of an interpreter is its first argument that is no option", () => {
  expect(of("/bin/bash", "/tmp/a.sh", "b")).toBe("/tmp/a.sh");
  expect(of("/usr/bin/python3.11", "-u", "tool.py")).toBe("/work/tool.py");
  expect(of("/usr/bin/perl", "-w", "../x.pl")).toBe("/x.pl");
  expect(of("/usr/bin/awk", "-f", "prog.awk", "data")).toBe("/work/prog.awk");
});

test("code on the command line, modules, standard input and other programs have no script", () => {
  for (const [image, ...rest] of [
    ["/bin/sh", "-c", "echo /tmp/a.sh"],
    ["/bin/bash", "-lc", "x"],
    ["/bin/bash", "-s", "x"],
    ["/bin/bash"],
    ["/usr/bin/python3", "-m", "http.server"],
    ["/usr/bin/python3", "-"],
    ["/usr/bin/node", "--eval", "1"],
    ["/usr/bin/cat", "/tmp/a.sh"],
    ["/usr/bin/bash-tool", "/tmp/a.sh"],
  ] as const)
    expect([image, ...rest, of(image, ...rest)]).toEqual([image, ...rest, undefined]);
});

test("a file that names its interpreter is the script, whatever the interpreter is called", () => {
  const start = { image: "/opt/own", isScript: true, folder: "/work", arguments: () => [] };
  expect(scriptOf({ ...start, typedPath: "./run" })).toBe("/work/run");
  expect(scriptOf({ ...start, typedPath: "/srv/run" })).toBe("/srv/run");
  expect(scriptOf({ ...start, typedPath: "run", folder: "" })).toBeUndefined();
});
