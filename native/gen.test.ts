import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, needsProgram } from "../test/needs.ts";
import { run } from "./build-steps.ts";
import { digestOf, generateLayout, parseAbi, readAbi } from "./gen.ts";

const root = join(import.meta.dir, "..");
const abiText = readAbi(root);

const struct = (body: string): string => `struct s {\n${body}\n};`;

test("fields lie where the C compiler puts them: each at a multiple of its width, the whole a multiple of the widest", () => {
  const { structs } = parseAbi(struct("u8 a; u32 b; u16 c; u64 d; u8 e[3]; s64 f; u8 g;"));
  expect(structs[0]?.fields.map(({ name, offset }) => [name, offset])).toEqual([
    ["a", 0],
    ["b", 4],
    ["c", 8],
    ["d", 16],
    ["e", 24],
    ["f", 32],
    ["g", 40],
  ]);
  expect(structs[0]?.bytes).toBe(48);
});

test("an empty struct has no bytes, comments and spacing do not matter", () => {
  expect(parseAbi("struct s {\n};").structs[0]?.bytes).toBe(0);
  const plain = parseAbi(struct("u32 a; u32 b;"));
  const commented = parseAbi(struct("  u32 a; /* u64 not_a_field; */\n\n  u32 b; /* line\n two */"));
  expect(digestOf(commented)).toBe(digestOf(plain));
});

test("what is not the small C that it knows is refused, not guessed", () => {
  for (const body of [
    "int a;",
    "u32 *a;",
    "u32 a, b;",
    "unsigned int a;",
    "struct t a;",
    "u32 a : 3;",
    "u32 a[N];",
    "u32 a[2][2];",
    "u32  a;",
    "const u32 a;",
  ])
    expect(() => parseAbi(struct(body))).toThrow(SyntaxError);
  for (const body of ["A", "A = B", "A = 1 << 2", "A = -1", "A = 0x10"])
    expect(() => parseAbi(`enum e { ${body} };`)).toThrow(SyntaxError);
});

test("the digest changes with everything that changes the layout", () => {
  const base = "#define SIGIL_A 1\nenum e { X = 1 };\nstruct s { u32 a; u32 b; };";
  const digest = digestOf(parseAbi(base));
  for (const other of [
    base.replace("SIGIL_A 1", "SIGIL_A 2"),
    base.replace("X = 1", "X = 2"),
    base.replace("X = 1", "Y = 1"),
    base.replace("u32 a; u32 b;", "u32 b; u32 a;"),
    base.replace("u32 a;", "s32 a;"),
    base.replace("u32 a;", "u64 a;"),
    base.replace("u32 b;", "u32 b; u32 c;"),
    base.replace("u32 b;", "u8 b[4];"),
  ])
    expect(digestOf(parseAbi(other))).not.toBe(digest);
});

test("every declaration of abi.h is read", () => {
  const abi = parseAbi(abiText);
  const code = abiText.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  expect(abi.structs.map(({ name }) => name)).toEqual([...code.matchAll(/^struct (\w+) \{/gm)].map((one) => one[1]!));
  expect(abi.enums.map(({ name }) => name)).toEqual([...code.matchAll(/^enum (\w+) \{/gm)].map((one) => one[1]!));
  // Every constant but the include guard and the guarded typedefs.
  const defines = [...code.matchAll(/^#define (SIGIL_\w+) \S+/gm)].map((one) => one[1]!);
  expect([...abi.defines.keys()]).toEqual(defines);
  for (const { name, fields } of abi.structs)
    for (const { offset, bytes } of fields) expect([name, offset % bytes]).toEqual([name, 0]);
});

describeWhere("abi.gen.h", [needsProgram("gcc")], () => {
  test("the C compiler agrees with every offset and size", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sigil-gen-"));
    try {
      const generated = generateLayout(root).get("native/shim/abi.gen.h")!;
      writeFileSync(join(folder, "abi.gen.h"), generated.replace('"../abi.h"', `"${join(root, "native/abi.h")}"`));
      writeFileSync(join(folder, "check.c"), '#include "abi.gen.h"\nint x;\n');
      await run(["gcc", "-Wall", "-Werror", "-c", "-o", join(folder, "check.o"), join(folder, "check.c")]);
      // And it would notice: one offset moved is an error.
      const abi = parseAbi(abiText);
      const { name, fields } = abi.structs.find((one) => one.name === "sigil_process")!;
      const field = fields.at(-1)!;
      const wrong = `_Static_assert(offsetof(struct ${name}, ${field.name}) == ${field.offset + 1}, "moved");\n`;
      writeFileSync(join(folder, "wrong.c"), `#include "abi.gen.h"\n${wrong}`);
      const compile = run(["gcc", "-c", "-o", join(folder, "wrong.o"), join(folder, "wrong.c")]);
      expect(compile).rejects.toThrow("moved");
      await compile.catch(() => {});
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test("what lies in the repository is what abi.h gives", () => {
  for (const [path, text] of generateLayout(root)) expect(readFileSync(join(root, path), "utf8")).toBe(text);
});
