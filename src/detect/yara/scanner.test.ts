import { heapStats } from "bun:jsc";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { compileRules, type Externals, validate, type YaraNamespace } from "./compile.ts";
import { classOf } from "./file-class.ts";
import { hotImportNames, hotImportsModule } from "./hot-imports.ts";
import { resolveIncludes, type YaraFile } from "./include.ts";
import { levelOf, ruleId, yaraRuleInfo } from "./rule-info.ts";
import { yaraRuntime } from "./runtime.ts";
import { Scanner } from "./scanner.ts";
import { checkedSnapshot, SnapshotError, signSnapshot } from "./snapshot.ts";

// Compiling takes its time where much else runs.
setDefaultTimeout(120_000);

const none: Externals = { filename: "", filepath: "", extension: "", filetype: "", owner: "" };
const namespace = (name: string, text: string): YaraNamespace => ({ name, parts: [{ file: `${name}.yar`, text }] });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const rulesOf = (scanner: Scanner, data: Uint8Array, externals = none): string[] =>
  scanner.scan(data, externals).findings.map(({ rule }) => rule);

test("the pinned engine passes its self-test and runs the fast way", () => {
  expect(yaraRuntime().test()).toBe("");
});

describe("the host calls replaced by WebAssembly", () => {
  const engine = new WebAssembly.Memory({ initial: 1 });
  const rules = new WebAssembly.Memory({ initial: 1 });
  const base = new WebAssembly.Global({ value: "i32" }, 8);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(hotImportsModule()), {
    engine: { memory: engine },
    rules: { main_memory: rules, matching_patterns_bitmap_base: base },
  });
  const call = exports as Record<string, (...args: unknown[]) => unknown>;
  const globals = exports as unknown as Record<string, WebAssembly.Global>;

  test("read what a DataView reads, and are undefined outside of the data", () => {
    const readers: Record<string, (view: DataView, at: number) => number> = {
      uint8: (view, at) => view.getUint8(at),
      int8: (view, at) => view.getInt8(at),
      uint8be: (view, at) => view.getUint8(at),
      int8be: (view, at) => view.getInt8(at),
      uint16: (view, at) => view.getUint16(at, true),
      int16: (view, at) => view.getInt16(at, true),
      uint32: (view, at) => view.getUint32(at, true),
      int32: (view, at) => view.getInt32(at, true),
      uint16be: (view, at) => view.getUint16(at),
      uint32be: (view, at) => view.getUint32(at),
    };
    expect(new Set([...Object.keys(readers), "pat_range_match"])).toEqual(new Set(hotImportNames));
    const offset = fc.oneof(fc.bigInt({ min: -9n, max: 40n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 24 }), offset, (data, at) => {
        new Uint8Array(engine.buffer).fill(0xaa).set(data, 100);
        globals.at!.value = 100;
        globals.size!.value = BigInt(data.length);
        const view = new DataView(data.buffer, data.byteOffset, data.length);
        for (const [name, read] of Object.entries(readers)) {
          let expected: [bigint, number] = [0n, 1];
          try {
            if (at >= 0n && at < 1000n) expected = [BigInt(read(view, Number(at))), 0];
          } catch {
            // Outside.
          }
          expect([name, at, call[name]!(at)]).toEqual([name, at, expected]);
        }
      }),
    );
  });

  test("count matching patterns as a loop over bits does", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.nat(63),
        fc.nat(63),
        fc.nat(10),
        (map, a, b, need) => {
          new Uint8Array(rules.buffer).set(map, 8);
          const [first, last] = a < b ? [a, b] : [b, a];
          let count = 0;
          for (let i = first; i <= last; i++) count += (map[i >> 3]! >> (i & 7)) & 1;
          expect(call.pat_range_match!(first, last, BigInt(need))).toBe(count >= need ? 1 : 0);
        },
      ),
    );
  });
});

test("a finding names rule, tags, meta, and each pattern with offset and printable snippet", () => {
  const { scanner, compiled } = Scanner.compile([
    namespace(
      "a/b",
      `rule found : t1 t2 { meta: severity = "low" score = 7 strings: $a = "evil" $b = { 00 ?? 1b } $c = "secret" xor(1-3) $no = "absent"
       condition: 3 of them and filename == "x" }
       private rule hidden { condition: true }`,
    ),
  ]);
  expect(compiled.diagnostics).toEqual([]);
  expect(compiled.rules.map(({ name, line, isPrivate }) => [name, line, isPrivate])).toEqual([
    ["found", 1, false],
    ["hidden", 3, true],
  ]);
  const masked = Uint8Array.from(bytes("secret"), (byte) => byte ^ 2);
  const data = Uint8Array.from([...bytes("an evil\\evil "), 0x00, 0x07, 0x1b, ...masked]);
  expect(rulesOf(scanner, data)).toEqual([]);
  expect(scanner.scan(data, { ...none, filename: "x" })).toEqual({
    omitted: 0,
    findings: [
      {
        namespace: "a/b",
        rule: "found",
        tags: ["t1", "t2"],
        meta: { severity: "low", score: 7 },
        patterns: [
          {
            name: "$a",
            count: 2,
            matches: [
              { offset: 3, length: 4, snippet: "evil" },
              { offset: 8, length: 4, snippet: "evil" },
            ],
          },
          { name: "$b", count: 1, matches: [{ offset: 13, length: 3, snippet: "\\x00\\x07\\x1b" }] },
          { name: "$c", count: 1, matches: [{ offset: 16, length: 6, snippet: "qgapgv", xorKey: 2 }] },
        ],
      },
    ],
  });
  // The value of one scan is not that of the next.
  expect(rulesOf(scanner, data)).toEqual([]);
});

test("a bad file is rejected alone, with line and column in UTF-16 units, whatever else is loaded", () => {
  const { scanner, compiled } = Scanner.compile([
    namespace("good", 'rule good { strings: $a = "evil" condition: $a }'),
    namespace("bad", "rule fine { condition: true }\n/* 😀 */ rule bad { condition: nothing }"),
    namespace("syntax", "rule {"),
    namespace("also_good", "rule elf { condition: uint32(0) == 0x464c457f }"),
  ]);
  expect(compiled.rejected).toBe(2);
  expect(
    compiled.diagnostics.map(({ file, line, column, code, message }) => [file, line, column, code, message]),
  ).toEqual([
    ["bad.yar", 2, "/* 😀 */ rule bad { condition: ".length + 1, "yara_E009", "unknown identifier `nothing`"],
    ["syntax.yar", 1, 6, "yara_E001", "syntax error"],
  ]);
  expect(compiled.rules.map(({ name }) => name)).toEqual(["good", "elf"]);
  expect(rulesOf(scanner, bytes("evil"))).toEqual(["good"]);
  expect(rulesOf(scanner, Uint8Array.from([0x7f, 0x45, 0x4c, 0x46]))).toEqual(["elf"]);
});

test("costly patterns are told with the rule's name, and only on request", () => {
  const one = namespace(
    "slow",
    'rule ok { strings: $a = "long enough" condition: $a }\nrule costly { strings: $a = "x" condition: $a }',
  );
  expect(Scanner.compile([one]).compiled.diagnostics).toEqual([]);
  const found = validate(yaraRuntime(), one);
  expect(found.map(({ line, column, severity, code, message }) => [line, column, severity, code, message])).toEqual([
    [2, 24, "warning", "yara_slow_pattern", "slow pattern (rule costly)"],
  ]);
});

test("every module that rules import is there", () => {
  const names = [
    "pe",
    "elf",
    "hash",
    "math",
    "dotnet",
    "macho",
    "lnk",
    "console",
    "time",
    "string",
    "dex",
    "crx",
    "cuckoo",
    "vt",
  ];
  const text = `${names.map((name) => `import "${name}"`).join("\n")}\nrule x { condition: math.entropy(0, filesize) < 9.0 and console.log("noise") }`;
  const { scanner, compiled } = Scanner.compile([namespace("modules", text)]);
  expect(compiled.diagnostics).toEqual([]);
  expect(rulesOf(scanner, bytes("x"))).toEqual(["x"]);
});

test("slices of a rule set find what the whole set finds, the fast way and the plain way", () => {
  const text = `
    private rule is_mz { condition: uint16(0) == 0x5a4d }
    rule a { strings: $x = "evil" condition: is_mz and $x }
    rule b { strings: $x = "evil" condition: uint32be(0) == 0x7f454c46 and $x }
    rule c { strings: $x = "evil" condition: $x and not is_mz }
    rule d { strings: $x = "evil" condition: uint16be(0) == 0x4d5a or $x }
    rule e { condition: uint8(0) == 0x4d }
    rule f { condition: filesize == 0 }`;
  const runtime = yaraRuntime();
  const one = namespace("one", text);
  const { sets } = compileRules(runtime, [one]);
  const compiler = runtime.compiler();
  compiler.addSource(text);
  const whole = compiler.build();
  compiler.free();
  const head = fc.constantFrom(bytes("MZ"), bytes("\x7fELF"), bytes("M"), bytes("\x7fE"), bytes(""));
  const tail = fc.constantFrom(bytes(""), bytes("evil"), bytes("....evil"), bytes("nothing"));
  fc.assert(
    fc.property(head, tail, fc.boolean(), (first, second, isFast) => {
      const data = Uint8Array.from([...first, ...second]);
      runtime.useFast(isFast);
      const set = sets.get(classOf(data));
      const names = (found: { matches: readonly { identifier: string; isPrivate: boolean }[] }): string[] =>
        found.matches.filter((it) => !it.isPrivate).map((it) => it.identifier);
      const sliced = set === undefined ? [] : names(runtime.scan(set, data));
      expect(sliced).toEqual(names(whole.scan(data) as never));
    }),
    { numRuns: 25 },
  );
  runtime.useFast(true);
  whole.free();
  // A scan makes much garbage: where thousands of other tests have filled the heap, each costs a collection.
});

describe("includes", () => {
  const root: YaraFile = {
    namespace: "main",
    file: "r/main.yar",
    name: "main.yar",
    text: 'include "lib/base.yar"\nrule top { condition: base }',
  };
  const library: Record<string, string> = {
    "lib/base.yar": 'include "./more.yar"\nrule base { condition: more }',
    "lib/more.yar": 'include "base.yar"\nrule more { condition: true }',
  };
  const read = (_from: YaraFile, name: string): { file: string; text: string } | string => {
    const text = library[name];
    return text === undefined ? "no such file" : { file: `r/${name}`, text };
  };

  test("come before the file that asks for them, once, in its namespace, circles ending", () => {
    const { namespace: one, diagnostics } = resolveIncludes(root, read);
    expect(diagnostics).toEqual([]);
    expect(one.parts.map(({ file }) => file)).toEqual(["r/lib/more.yar", "r/lib/base.yar", "r/main.yar"]);
    const { scanner, compiled } = Scanner.compile([one]);
    expect(compiled.diagnostics).toEqual([]);
    expect(rulesOf(scanner, bytes("x")).sort()).toEqual(["base", "more", "top"]);
    expect(compiled.rules.map(({ name, file, line }) => [name, file, line])).toContainEqual(["top", "r/main.yar", 2]);
  });

  test("cannot leave the rules' folder, and what is not there is told with its place", () => {
    for (const [path, reason] of [
      ["../../etc/shadow", "outside"],
      ["/etc/shadow", "relative"],
      ["lib/../../x", "outside"],
      ["gone.yar", "no such file"],
    ]) {
      const { diagnostics } = resolveIncludes({ ...root, text: `\n  include "${path}"` }, read);
      expect(diagnostics.map(({ line, column, message }) => [line, column, message.includes(reason!)])).toEqual([
        [2, 3, true],
      ]);
    }
  });
});

test("severity comes from the meta entries that are in use", () => {
  for (const [meta, level] of [
    [[], "high"],
    [[["score", 95]], "critical"],
    [[["score", 60]], "medium"],
    [[["severity", "Critical"]], "critical"],
    [[["severity", 20]], "informational"],
    [[["threat_level", "3x"]], "informational"],
    [
      [
        ["severity", "odd"],
        ["score", 40],
      ],
      "low",
    ],
  ] as const)
    expect([meta, levelOf(meta)]).toEqual([meta, level]);
  expect(ruleId("a", "b")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(ruleId("a", "b")).not.toBe(ruleId("a", "c"));
  const meta = [
    ["author", "me"],
    ["date", "2026-01-02"],
    ["mitre_attack", "T1059.004, T1105"],
  ] as const;
  const info = yaraRuleInfo({ namespace: "n", name: "r", tags: ["t"], meta, file: "f" });
  expect([info.author, info.version, info.tags]).toEqual([
    ["me"],
    "2026-01-02",
    ["t", "attack.t1059.004", "attack.t1105"],
  ]);
});

test("a snapshot that is not ours, cut or changed is refused before anything is read from it", () => {
  const key = Buffer.alloc(32, 1);
  const head = Buffer.from(
    JSON.stringify({ engine: "e", rules: "r", memoryBytes: 65_536, references: 1, sets: [["elf", 1]] }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length);
  const whole = Buffer.concat([Buffer.from("SIGILYR1"), size, head]);
  const signed = Buffer.concat([whole, signSnapshot(whole, key)]);
  expect(Buffer.from(checkedSnapshot(signed, key)).equals(whole)).toBe(true);
  expect(() => checkedSnapshot(signed, Buffer.alloc(32, 2))).toThrow(SnapshotError);
  for (const at of [0, 9, 20, signed.length - 1]) {
    const changed = Buffer.from(signed);
    changed[at]! ^= 1;
    expect(() => checkedSnapshot(changed, key)).toThrow(SnapshotError);
  }
  for (let length = 0; length < signed.length; length += 7)
    expect(() => checkedSnapshot(signed.subarray(0, length), key)).toThrow(SnapshotError);
  expect(() => Scanner.restore(whole, "r")).toThrow("another version");
});

test("other values of the variables for each file leave no module and no instance behind", () => {
  const { scanner } = Scanner.compile([
    { name: "n", parts: [{ file: "n.yar", text: 'rule named { condition: filename == "name-7" }' }] },
  ]);
  const data = Buffer.from("some bytes");
  const scan = (index: number): number =>
    scanner.scan(data, { filename: `name-${index}`, filepath: `/x/${index}`, extension: "", filetype: "", owner: "" })
      .findings.length;
  const kept = (): number => {
    Bun.gc(true);
    const { "WebAssembly.Instance": instances = 0, "WebAssembly.Module": modules = 0 } = heapStats()
      .objectTypeCounts as Record<string, number>;
    return instances + modules;
  };
  scan(0);
  const before = kept();
  const found = Array.from({ length: 40 }, (_, index) => scan(index));
  expect(found.flatMap((count, index) => (count > 0 ? [index] : []))).toEqual([7]);
  expect(kept() - before).toBeLessThan(8);
});
