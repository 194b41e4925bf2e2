import { expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ruleFileSizeMaxBytes, ruleWalkDepthMax } from "../config/limits.ts";
import { loadEmbeddedRules, loadRuleFiles, type RuleKind, ruleKind } from "./load.ts";

const sigma: ReadonlySet<RuleKind> = new Set<RuleKind>(["sigma"]);
const all: ReadonlySet<RuleKind> = new Set<RuleKind>(["sigma", "yara", "ioc"]);

function tree(files: Record<string, string | Uint8Array>): string {
  const root = mkdtempSync(join(tmpdir(), "sigil-rules-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function names(root: string, files: readonly { readonly path: string }[]): string[] {
  return files.map(({ path }) => path.slice(root.length + 1));
}

test("the kind of a file follows from its name", () => {
  const kinds: Record<string, RuleKind | undefined> = {
    "a.yml": "sigma",
    "A.YAML": "sigma",
    "a.tests.yml": undefined,
    "a.yar": "yara",
    "a.yara": "yara",
    "hashes.txt": "ioc",
    "paths_regex.txt": "ioc",
    "x.csv": "ioc",
    "x.stix.json": "ioc",
    "x.misp.json": "ioc",
    "x.json": undefined,
    "notes.txt": undefined,
    yml: undefined,
  };
  for (const [name, kind] of Object.entries(kinds)) expect([name, ruleKind(`/x/${name}`)]).toEqual([name, kind]);
});

test("files below a folder come in order of name, hidden ones and other files left out", () => {
  const root = tree({
    "b.yml": "b",
    "a/z.yaml": "z",
    "a/B.yml": "B",
    "a.yml": "a",
    "README.md": "x",
    ".hidden.yml": "x",
    ".git/x.yml": "x",
    "a.tests.yml": "x",
  });
  const { files, diagnostics, skippedCount } = loadRuleFiles([root], sigma);
  expect(names(root, files)).toEqual(["a/B.yml", "a/z.yaml", "a.yml", "b.yml"]);
  expect(files.map(({ text }) => text)).toEqual(["B", "z", "a", "b"]);
  expect(diagnostics).toEqual([]);
  expect(skippedCount).toBe(0);
});

test("kinds that nothing evaluates yet are skipped visibly", () => {
  const root = tree({ "a.yml": "a", "b.yar": "b", "hashes.txt": "c" });
  const { files, skipped, skippedCount } = loadRuleFiles([root], sigma);
  expect(names(root, files)).toEqual(["a.yml"]);
  expect(names(root, skipped)).toEqual(["hashes.txt"]);
  expect(skippedCount).toBe(1);
  expect(loadRuleFiles([root], all).files.map(({ kind }) => kind)).toEqual(["sigma", "yara", "ioc"]);
});

test("symbolic links are followed, circles and doubles end", () => {
  const root = tree({ "a/x.yml": "x", "b/y.yml": "y" });
  symlinkSync(root, join(root, "a", "loop"));
  symlinkSync(join(root, "a", "x.yml"), join(root, "z.yml"));
  symlinkSync("self.yml", join(root, "self.yml"));
  const { files, diagnostics } = loadRuleFiles([root, root, join(root, "b/y.yml")], sigma);
  expect(names(root, files)).toEqual(["a/x.yml", "b/y.yml"]);
  expect(diagnostics.map(({ message }) => message)).toEqual(["cannot read: symbolic links in a circle"]);
});

test("what cannot be read is told by name, and the rest is loaded", () => {
  const root = tree({ "good.yml": "g", "bytes.yml": new Uint8Array([0xff, 0xfe]), "\ufeffbom.yml": "\ufeffb" });
  writeFileSync(join(root, "large.yml"), Buffer.alloc(ruleFileSizeMaxBytes + 1, 0x23));
  writeFileSync(join(root, "largest.yml"), Buffer.alloc(ruleFileSizeMaxBytes, 0x23));
  Bun.spawnSync(["mkfifo", join(root, "fifo.yml")]);
  symlinkSync("/dev/zero", join(root, "zero.yml"));
  symlinkSync("/nowhere", join(root, "gone.yml"));
  const { files, diagnostics } = loadRuleFiles([root, join(root, "missing"), join(root, "what.txt")], sigma);
  expect(files.map(({ text }) => text.slice(0, 3))).toEqual(["g", "###", "b"]);
  expect(diagnostics.map(({ file, code }) => [file.slice(root.length + 1), code])).toEqual([
    ["bytes.yml", "not_utf8"],
    ["fifo.yml", "not_a_file"],
    ["gone.yml", "cannot_read"],
    ["large.yml", "too_large"],
    ["zero.yml", "not_a_file"],
    ["missing", "cannot_read"],
    ["what.txt", "cannot_read"],
  ]);
  writeFileSync(join(root, "what.txt"), "x");
  expect(loadRuleFiles([join(root, "what.txt")], sigma).diagnostics[0]?.code).toBe("unknown_kind");
});

test("folders that are too deep end the walk with a diagnostic", () => {
  const root = tree({ [`${"d/".repeat(ruleWalkDepthMax + 2)}x.yml`]: "x", "a.yml": "a" });
  const { files, diagnostics } = loadRuleFiles([root], sigma);
  expect(names(root, files)).toEqual(["a.yml"]);
  expect(diagnostics.map(({ code }) => code)).toEqual(["too_deep"]);
});

test("the digest follows names and texts, not the place of the folder", () => {
  const root = tree({ "a.yml": "a", "b/c.yml": "c" });
  const copy = mkdtempSync(join(tmpdir(), "sigil-rules-"));
  cpSync(root, copy, { recursive: true });
  const before = loadRuleFiles([root], sigma).digest;
  expect(loadRuleFiles([copy], sigma).digest).toBe(before);
  writeFileSync(join(copy, "a.yml"), "b");
  expect(loadRuleFiles([copy], sigma).digest).not.toBe(before);
  rmSync(join(root, "a.yml"));
  expect(loadRuleFiles([root], sigma).digest).not.toBe(before);
});

test("an unreadable folder is told, for users who are not root", () => {
  const root = tree({ "a/x.yml": "x", "b.yml": "b" });
  chmodSync(join(root, "a"), 0);
  const { files, diagnostics } = loadRuleFiles([root], sigma);
  const isRoot = process.getuid?.() === 0;
  expect(files.length).toBe(isRoot ? 2 : 1);
  expect(diagnostics.length).toBe(isRoot ? 0 : 1);
  chmodSync(join(root, "a"), 0o700);
});

test("the rules inside the binary have names of their own and no tests among them", async () => {
  const { files } = await loadEmbeddedRules(sigma);
  expect(files.length).toBeGreaterThanOrEqual(25);
  for (const { path, text } of files) {
    expect(path).toMatch(/^embedded:sigma\/.*\.ya?ml$/);
    expect(path).not.toContain(".tests.");
    expect(text.length).toBeGreaterThan(0);
  }
});
