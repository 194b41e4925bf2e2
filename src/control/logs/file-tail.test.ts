import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { FileTail } from "./file-tail.ts";
import { logLineSizeMaxBytes } from "./limits.ts";

let folder = "";
let path = "";
let tail: FileTail | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-tail-"));
  path = join(folder, "auth.log");
});
afterEach(() => {
  tail?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** All that a tail gives until it has no more. */
function all(from: FileTail): string[] {
  const lines: string[] = [];
  while (from.poll((line) => lines.push(line.toString()) > 0));
  return lines;
}

test("what was there before is not news; what is appended is", () => {
  writeFileSync(path, "old\n");
  tail = new FileTail(path);
  expect(all(tail)).toEqual([]);
  appendFileSync(path, "one\ntwo\n");
  expect(all(tail)).toEqual(["one", "two"]);
  expect(all(tail)).toEqual([]);
});

test("the rest of a line that was being written at the start is not a line", () => {
  writeFileSync(path, "half a li");
  tail = new FileTail(path);
  appendFileSync(path, "ne\nwhole\n");
  expect(all(tail)).toEqual(["whole"]);
});

test("a line is given when it is whole, however it was written", () => {
  writeFileSync(path, "");
  tail = new FileTail(path);
  const got: string[] = [];
  for (const part of ["a", "b\nc", "", "\n\n", "d", "e\n"]) {
    appendFileSync(path, part);
    got.push(...all(tail));
  }
  expect(got).toEqual(["ab", "c", "", "de"]);
});

test("a file that comes later is read from its beginning, also through a link and after its folder", () => {
  const later = join(folder, "new", "link.log");
  tail = new FileTail(later);
  expect(all(tail)).toEqual([]);
  mkdirSync(join(folder, "new"));
  writeFileSync(path, "first\n");
  symlinkSync(path, later);
  expect(all(tail)).toEqual(["first"]);
  expect(tail.problem).toBe("");
});

test("rotation by renaming: the old file is read to its end, a last line without an end too, then the new one", () => {
  writeFileSync(path, "");
  tail = new FileTail(path);
  appendFileSync(path, "1\n");
  expect(all(tail)).toEqual(["1"]);
  appendFileSync(path, "2\n");
  renameSync(path, `${path}.1`);
  expect(all(tail)).toEqual(["2"]);
  // Nothing in its place yet: the writer still has the old one open.
  appendFileSync(`${path}.1`, "3\nlast");
  expect(all(tail)).toEqual(["3"]);
  writeFileSync(path, "4\n");
  expect(all(tail)).toEqual(["last", "4"]);
  expect(tail.stats).toEqual({ lines: 5, cut: 0, rotations: 1, truncations: 0 });
});

test("rotation by copying and truncating: reading begins anew", () => {
  writeFileSync(path, "");
  tail = new FileTail(path);
  appendFileSync(path, "1\n2\nunfin");
  expect(all(tail)).toEqual(["1", "2"]);
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  appendFileSync(path, "3\n");
  expect(all(tail)).toEqual(["3"]);
  expect(tail.stats).toMatchObject({ truncations: 1, rotations: 0 });
});

test("a line without an end costs a limit's worth of memory: it is cut once, and what follows it is whole again", () => {
  writeFileSync(path, "");
  tail = new FileTail(path);
  appendFileSync(path, "x".repeat(5 * 1024 * 1024));
  const lines = all(tail);
  expect(lines.map((line) => line.length)).toEqual([logLineSizeMaxBytes]);
  appendFileSync(path, "yyy\nnext\n");
  expect(all(tail)).toEqual(["next"]);
  expect(tail.stats).toMatchObject({ lines: 2, cut: 1 });
});

test("a taker without room is offered the same line again, and none is lost or given twice", () => {
  writeFileSync(path, "");
  tail = new FileTail(path);
  const wanted = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
  appendFileSync(path, `${wanted.join("\n")}\n`);
  renameSync(path, `${path}.1`);
  writeFileSync(path, "after\n");
  const got: string[] = [];
  for (let i = 0; i < 3000; i++) {
    let room = 3;
    if (
      !tail.poll((line) => {
        if (room-- === 0) return false;
        got.push(line.toString());
        return true;
      })
    )
      break;
  }
  expect(got).toEqual([...wanted, "after"]);
});

test("what is not a regular file is refused and told, and a directory and a FIFO hold nobody up", async () => {
  mkdirSync(path);
  tail = new FileTail(path);
  expect(all(tail)).toEqual([]);
  expect(tail.problem).toContain("not a regular file");
  const fifo = join(folder, "fifo");
  await Bun.spawn(["mkfifo", fifo]).exited;
  const second = new FileTail(fifo);
  expect(all(second)).toEqual([]);
  expect(second.problem).toContain("not a regular file");
});

test("however a file is written, rotated and looked at, its lines come once and in order", () => {
  const step = fc.oneof(
    fc.record({ write: fc.stringMatching(/^[a-z\n]{0,12}$/) }),
    fc.constant("rotate" as const),
    fc.constant("look" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      rmSync(path, { force: true });
      writeFileSync(path, "");
      const one = new FileTail(path);
      const got: string[] = [];
      const files = [""];
      for (const [i, what] of steps.entries()) {
        if (what === "look") got.push(...all(one));
        else if (what === "rotate") {
          // Whoever rotates faster than anybody looks loses a file between; here everybody looks.
          got.push(...all(one));
          renameSync(path, `${path}.${i}`);
          writeFileSync(path, "");
          files.push("");
        } else {
          appendFileSync(path, what.write);
          files[files.length - 1] += what.write;
        }
      }
      got.push(...all(one));
      one.close();
      const want = files.flatMap((text, index) => {
        const lines = text.split("\n");
        const rest = lines.pop() ?? "";
        return index < files.length - 1 && rest !== "" ? [...lines, rest] : lines;
      });
      expect(got).toEqual(want);
    }),
    { numRuns: 60 },
  );
});
