import { describe, expect, test } from "bun:test";
import { agrees, errorOf, matches, ruleOf, selectionOf } from "./test-kit.ts";

describe("plain values", () => {
  test("text is compared whole and without regard to case", () => {
    expect(matches("f: Abc", { f: "aBC" })).toBe(true);
    expect(matches("f: abc", { f: "abcd" })).toBe(false);
    expect(matches("f: abc", { f: " abc" })).toBe(false);
    expect(matches("f: STRASSE", { f: "straße" })).toBe(false);
    expect(matches("f: ÀÉ", { f: "àé" })).toBe(true);
  });

  test("case folding is the same on both sides where Unicode is treacherous", () => {
    expect(matches("f: kelvin", { f: "\u212Aelvin" })).toBe(true);
    expect(matches("f|contains: elvin", { f: "\u212Aelvin" })).toBe(true);
    expect(matches("f|startswith: k", { f: "\u212Aelvin" })).toBe(true);
    expect(matches("f: ΟΔΟΣ", { f: "οδος" })).toBe(true);
    expect(matches("f|contains: ΟΔΟΣ", { f: "ΟΔΟΣΑ" })).toBe(true);
    expect(matches("f: 'a?c'", { f: "a\u0130c" })).toBe(true);
    expect(matches("f|endswith: '\u0130x'", { f: "y\u0130X" })).toBe(true);
  });

  test("star is any run, question mark exactly one character", () => {
    expect(matches("f: 'a*c'", { f: "a-b-c" })).toBe(true);
    expect(matches("f: 'a*c'", { f: "ac" })).toBe(true);
    expect(matches("f: 'a*c'", { f: "a\nb\r\nc" })).toBe(true);
    expect(matches("f: 'a?c'", { f: "abc" })).toBe(true);
    expect(matches("f: 'a?c'", { f: "ac" })).toBe(false);
    expect(matches("f: 'a?c'", { f: "a\nc" })).toBe(true);
    expect(matches("f: 'a??'", { f: "abc" })).toBe(true);
    expect(matches("f: 'a??'", { f: "ab" })).toBe(false);
    expect(matches("f: '?'", { f: "😀" })).toBe(true);
    expect(matches("f: '*?*'", { f: "" })).toBe(false);
    expect(matches("f: 'a*b*c*d'", { f: "aXbXbXcXcXd" })).toBe(true);
    expect(matches("f: 'a*b*c*d'", { f: "aXcXbXd" })).toBe(false);
  });

  test("a value of stars alone asks for presence", () => {
    for (const item of ["f: '*'", "f: '**'", "f|contains: ''", "f|startswith: ''"]) {
      expect(matches(item, { f: "x" })).toBe(true);
      expect(matches(item, { f: "" })).toBe(true);
      expect(matches(item, { f: 0 })).toBe(true);
      expect(matches(item, { f: null })).toBe(false);
      expect(matches(item, {})).toBe(false);
    }
  });

  test.each([
    ["\\*", "*", "x"],
    ["\\?", "?", "x"],
    ["a\\\\b", "a\\b", "a\\\\b"],
    ["a\\b", "a\\b", "ab"],
    ["a\\", "a\\", "a"],
    ["\\\\*", "\\anything", "*"],
    ["\\\\\\*", "\\*", "\\x"],
    ["\\\\\\\\", "\\\\", "\\"],
    ["C:\\Windows\\\\*", "c:\\windows\\x", "c:\\windows"],
    ["C:\\Windows\\*", "c:\\windows*", "c:\\windows\\x"],
    ["\\\\\\\\server\\\\share", "\\\\server\\share", "\\server\\share"],
  ])("%s matches %s and not %s", (pattern, yes, no) => {
    expect(matches(`f: '${pattern}'`, { f: yes })).toBe(true);
    expect(matches(`f: '${pattern}'`, { f: no })).toBe(false);
  });

  test("numbers match the number and its text, and nothing that merely looks alike", () => {
    for (const value of [4688, "4688"]) expect(matches("f: 4688", { f: value })).toBe(true);
    for (const value of ["04688", "4688 ", "0x1250", 46880, true, null, "4688.0"])
      expect(matches("f: 4688", { f: value })).toBe(false);
    expect(matches("f: '4688'", { f: 4688 })).toBe(true);
    expect(matches("f: -1", { f: -1 })).toBe(true);
    expect(matches("f: 1.5", { f: "1.5" })).toBe(true);
    expect(matches("f|contains: 68", { f: 4688 })).toBe(true);
  });

  test("scalars that are no canonical numbers stay the text they are", () => {
    expect(matches("f: 00000429", { f: "00000429" })).toBe(true);
    expect(matches("f: 00000429", { f: 429 })).toBe(false);
    expect(matches("f: 0x1f", { f: "0x1F" })).toBe(true);
    expect(matches("f: 1e5", { f: "1e5" })).toBe(true);
    expect(matches("f: 1_000", { f: "1_000" })).toBe(true);
    expect(matches("f: 9007199254740993", { f: "9007199254740993" })).toBe(true);
    expect(matches("f: 9007199254740993", { f: "9007199254740992" })).toBe(false);
  });

  test("booleans match themselves and their text in any case", () => {
    for (const value of [true, "true", "True", "TRUE"]) expect(matches("f: true", { f: value })).toBe(true);
    for (const value of [false, "yes", 1, "1", null]) expect(matches("f: true", { f: value })).toBe(false);
    expect(matches("f: 'false'", { f: false })).toBe(true);
  });

  test("null is absent or null, the empty text is present and empty", () => {
    for (const item of ["f: null", "f:", "f: ~"]) {
      expect(matches(item, {})).toBe(true);
      expect(matches(item, { f: null })).toBe(true);
      expect(matches(item, { f: "" })).toBe(false);
      expect(matches(item, { f: "-" })).toBe(false);
    }
    expect(matches("f: ''", { f: "" })).toBe(true);
    expect(matches("f: ''", { f: null })).toBe(false);
    expect(matches("f: ''", {})).toBe(false);
    expect(matches("f:\n  - ''\n  - x", { f: "" })).toBe(true);
    expect(matches("f: []", {})).toBe(true);
  });

  test("an absent field fails everything, so that its negation holds", () => {
    for (const item of [
      "f: x",
      "f|contains: x",
      "f|re: .*",
      "f|cidr: 10.0.0.0/8",
      "f|lt: 5",
      "f|exists: true",
      "f|fieldref: g",
    ]) {
      expect(matches(item, { g: "x" })).toBe(false);
      expect(agrees(ruleOf(selectionOf(item).replace("condition: sel", "condition: not sel")), { g: "x" })).toBe(true);
    }
  });

  test("arrays are asked member by member, objects match nothing", () => {
    expect(matches("f|endswith: b", { f: ["ax", "ab"] })).toBe(true);
    expect(matches("f|endswith: b", { f: [["x"], [["ab"]]] })).toBe(true);
    expect(matches("f|endswith: b", { f: [] })).toBe(false);
    expect(matches("f: 5", { f: [1, 5] })).toBe(true);
    expect(matches("f: null", { f: ["x", null] })).toBe(true);
    expect(matches("f|re: '^b$'", { f: ["a", "b"] })).toBe(true);
    expect(matches("f|contains: x", { f: { x: "x" } })).toBe(false);
    expect(matches("f|contains|all: [a, b]", { f: ["a", "b"] })).toBe(true);
    let deep: unknown = "x";
    for (let i = 0; i < 10_000; i++) deep = [deep];
    expect(matches("f: x", { f: deep as never })).toBe(false);
  });
});

describe("selections", () => {
  test("items of a map are linked by and, values of a list by or", () => {
    expect(matches("f: [a, b]\ng: c", { f: "b", g: "c" })).toBe(true);
    expect(matches("f: [a, b]\ng: c", { f: "b" })).toBe(false);
  });

  test("a list of maps is alternatives", () => {
    const item = "- f: a\n  g: b\n- h: c";
    expect(matches(item, { h: "c" })).toBe(true);
    expect(matches(item, { f: "a", g: "b" })).toBe(true);
    expect(matches(item, { f: "a" })).toBe(false);
  });

  test("a list of text is keywords, found anywhere in any value", () => {
    expect(matches("- one\n- two", { x: "number TWO!" })).toBe(true);
    expect(matches("- one\n- two", { one: "three" })).toBe(false);
    expect(matches("- one", { a: [{ b: ["xONEx"] }] })).toBe(true);
    expect(matches("- 17", { n: 1176 })).toBe(true);
    expect(matches("- 'a*c'", { n: "xx a-b-c yy" })).toBe(true);
    expect(matches("- true", { n: true })).toBe(true);
  });

  test("scalars and maps may be mixed in a list, and lists nested", () => {
    const item = "- word\n- f: a\n- - deep\n  - g: b";
    expect(matches(item, { z: "a word here" })).toBe(true);
    expect(matches(item, { f: "a" })).toBe(true);
    expect(matches(item, { g: "b" })).toBe(true);
    expect(matches(item, { z: "too deep" })).toBe(true);
    expect(matches(item, { f: "b" })).toBe(false);
  });

  test("keywords linked by all may stand in different fields", () => {
    const item = "'|all':\n  - one\n  - two";
    expect(matches(item, { a: "one", b: "two" })).toBe(true);
    expect(matches(item, { a: "one two" })).toBe(true);
    expect(matches(item, { a: "one" })).toBe(false);
  });

  test("keywords take text modifiers", () => {
    expect(matches("'|re': 'a[0-9]b'", { x: "-a5b-" })).toBe(true);
    expect(matches("'|contains': abc", { x: "-ABC-" })).toBe(true);
    expect(matches("'|startswith': abc", { x: "-abc" })).toBe(false);
    expect(matches("'|startswith': abc", { x: "-", y: "abcd" })).toBe(true);
    expect(matches("'|cased': ABC", { x: "-abc-" })).toBe(false);
    expect(matches("'|cased': ABC", { x: "-ABC-" })).toBe(true);
  });

  test.each([
    ["sel: {}\ncondition: sel", "empty_selection"],
    ["sel: []\ncondition: sel", "empty_selection"],
    ["sel:\ncondition: sel", "empty_selection"],
    ["condition: sel", "no_selection"],
    ["sel:\n  f: 1", "no_condition"],
    ["sel:\n  f: 1\ncondition: []", "no_condition"],
    ["sel:\n  f: 1\ncondition: {a: b}", "wrong_type"],
    ["sel:\n  f: {g: 1}\ncondition: sel", "wrong_type"],
    ["sel:\n  f: [[1]]\ncondition: sel", "wrong_type"],
    ["sel:\n  f: 1\n  f: 2\ncondition: sel", "duplicate_key"],
    ["sel:\n  f: 1\nsel:\n  f: 2\ncondition: sel", "duplicate_key"],
    ["sel:\n  - null\ncondition: sel", "empty_selection"],
  ])("%p is refused as %s", (detection, code) => {
    expect(errorOf(detection).code).toBe(code);
  });
});
