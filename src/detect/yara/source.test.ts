import { expect, test } from "bun:test";
import { type FileClass, ruleClasses } from "./file-class.ts";
import { numberOf, outline, placeOf } from "./source.ts";

const classes = (text: string): Record<string, string> => {
  const source = outline(text);
  expect(source.isPartial).toBe(false);
  const found = ruleClasses([source])[0] as (readonly FileClass[])[];
  return Object.fromEntries(source.rules.map((rule, index) => [rule.name, found[index]!.join(" ")]));
};

test("an outline has rules with their tags, meta entries and places, whatever stands in texts, patterns and comments", () => {
  const text = `
/* rule not_this { condition: true } */ import "pe"
include "other.yar"
private global rule first : one two { // } a brace
  meta:
    description = "say \\"rule x {\\" \\x41"
    score = -70
    ok = true
    condition = "odd"
  strings:
    $ = "anonymous }"
    $="tight"
    $hex = { 4D 5A [2-4] ( 00 | 01 ) } private
    $re = /a\\/b{1,3}[}]/i wide
  condition: any of them and for any s in ("}", "{") : ( s != "" ) and !hex[1] > 2
}
rule second{condition:first and filesize<1MB}`;
  const { rules, includes, isPartial } = outline(text);
  expect(isPartial).toBe(false);
  expect(includes.map(({ path }) => path)).toEqual(["other.yar"]);
  expect(rules.map(({ name, tags, isPrivate, isGlobal }) => [name, tags, isPrivate, isGlobal])).toEqual([
    ["first", ["one", "two"], true, true],
    ["second", [], false, false],
  ]);
  expect(rules[0]!.meta).toEqual([
    ["description", 'say "rule x {" A'],
    ["score", -70],
    ["ok", true],
    ["condition", "odd"],
  ]);
  expect(rules[0]!.bytes.get("$hex")).toEqual([0x4d, 0x5a]);
  expect(placeOf(text, rules[0]!.from)).toEqual({ line: 4, column: 1 });
  expect(text.slice(rules[1]!.from, rules[1]!.to)).toBe("rule second{condition:first and filesize<1MB}");
});

test("a source that breaks off says so", () => {
  for (const text of [
    "rule x { condition: true",
    "rule x { strings: $a = ",
    'rule x { meta: a = "',
    "garbage",
    "rule x { }}",
  ])
    expect([text, outline(text).isPartial || outline(text).rules[0]?.condition.length === 0]).toEqual([text, true]);
});

test("large hostile sources are read in linear time", () => {
  const count = 400_000;
  for (const piece of [" ", "\n", "/**/", '"', "{", "rule x {", '"""', "//\n", "$a = ", "("])
    expect(outline(piece.repeat(count / piece.length)).rules.length).toBe(0);
});

test("numbers are read as YARA writes them", () => {
  expect(["0x5A4D", "10", "2KB", "1MB", "0o17", "1_000"].map(numberOf)).toEqual([
    0x5a4d, 10, 2048, 1_048_576, 15, 1000,
  ]);
});

test("a rule is left out of a class only where its condition cannot hold", () => {
  const rule = (name: string, condition: string): string =>
    `rule ${name} { strings: $mz = "MZ" $elf = { 7F 45 4C 46 02 } $t = "MZ" nocase $w = "MZ" wide $x = "y" condition: ${condition} }`;
  const found = classes(
    [
      rule("pe1", "uint16(0) == 0x5A4D and $x"),
      rule("pe2", "$x and (uint16be(0) == 0x4d5a and filesize < 1KB)"),
      rule("pe3", "0x00905a4d == uint32(0) and all of them"),
      rule("pe4", "$mz at 0 and $x"),
      rule("pe5", "(((uint16(0) == 23117))) and not $x"),
      rule("elf1", "uint32(0) == 0x464c457f and $x"),
      rule("elf2", "$elf at 0"),
      rule("half", "uint16(0) == 0x457f and $x"),
      rule("pdf", "uint32be(0) == 0x25504446 and $x"),
      rule("either", "(uint16(0) == 0x5A4D or uint32be(0) == 0x7f454c46) and $x"),
      rule("loose", "uint16(0) == 0x5A4D and $x or $mz"),
      rule("negated", "not uint16(0) == 0x5A4D and $x"),
      rule("elsewhere", "uint16(1) == 0x5A4D and $x"),
      rule("folded", "$t at 0 and $x"),
      rule("spread", "$w at 0 and $x"),
      rule("compared", "uint16(0) == 0x5A4D == false and $x"),
      rule("added", "uint16(0) == 0x5A4D + 1 and $x"),
      rule("deep", "for any i in (0..1) : ( uint16(0) == 0x5A4D and $x )"),
      rule("byte", "uint8(0) == 0x4d and $x"),
    ].join("\n"),
  );
  expect(found).toEqual({
    ...{ pe1: "mz", pe2: "mz", pe3: "mz", pe4: "mz", pe5: "mz", elf1: "elf", elf2: "elf" },
    ...{ half: "elf other", pdf: "other", either: "mz elf", loose: "mz elf other", negated: "mz elf other" },
    ...{ elsewhere: "mz elf other", folded: "mz elf other", spread: "mz elf other", compared: "mz elf other" },
    ...{ added: "mz elf other", deep: "mz elf other", byte: "mz other" },
  });
});

test("what a rule refers to goes with it, and global rules go everywhere", () => {
  const found = classes(`
    private rule base { condition: uint16(0) == 0x5a4d }
    rule far1 { condition: uint16(0) == 0x5a4d }
    rule far2 { condition: uint32(0) == 0x464c457f }
    rule near { condition: not base }
    rule some { condition: any of (far*) and filesize > 1 }
    global rule everywhere { condition: uint16(0) == 0x5a4d }`);
  expect(found).toEqual({
    ...{ base: "mz elf other", far1: "mz elf other", far2: "mz elf other", near: "mz elf other", some: "mz elf other" },
    everywhere: "mz elf other",
  });
});
