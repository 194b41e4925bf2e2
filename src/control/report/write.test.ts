import { afterAll, beforeAll, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeReport } from "./write.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a report replaces a file whole, for its owner only", () => {
  const path = join(folder, "plain.html");
  writeFileSync(path, "something longer", { mode: 0o644 });
  writeReport(path, "page");
  expect([readFileSync(path, "utf8"), lstatSync(path).mode & 0o777]).toEqual(["page", 0o600]);
  expect(readdirSync(folder)).toEqual(["plain.html"]);
});

test("a report goes where a link leads, and the link stays", () => {
  const [file, link] = [join(folder, "file.html"), join(folder, "link.html")];
  writeFileSync(file, "old");
  symlinkSync("file.html", link);
  writeReport(link, "page");
  expect([readFileSync(file, "utf8"), lstatSync(link).isSymbolicLink()]).toEqual(["page", true]);
});

test("a report into a pipe is written to it, and the pipe stays", async () => {
  const pipe = join(folder, "pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  const read = join(folder, "read");
  // To a file: this thread, which would take its output, waits for it.
  const reader = Bun.spawn(["sh", "-c", 'cat "$0" > "$1"', pipe, read]);
  const page = "page ".repeat(100_000);
  writeReport(pipe, page);
  expect(await reader.exited).toBe(0);
  expect(readFileSync(read, "utf8")).toBe(page);
  expect(lstatSync(pipe).isFIFO()).toBe(true);
});

test("a report that cannot be written leaves nothing behind", () => {
  expect(() => writeReport(folder, "page")).toThrow("EISDIR");
  expect(() => writeReport(join(folder, "nowhere/report.html"), "page")).toThrow("ENOENT");
});
