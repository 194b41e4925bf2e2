import { expect, test } from "bun:test";
import { RE2JS } from "re2js";
import { fold, foldsToAscii } from "./fold.ts";

const codePointCount = 0x11_0000;

/** All characters but surrogates, which are no characters. */
function* characters(): Generator<string> {
  for (let code = 0; code < codePointCount; code++)
    if (code < 0xd800 || code > 0xdfff) yield String.fromCodePoint(code);
}

test("folding keeps the length and is idempotent for every character", () => {
  for (const char of characters()) {
    const once = fold(char);
    if (once.length !== char.length || fold(once) !== once) throw new Error(`U+${char.codePointAt(0)!.toString(16)}`);
  }
});

test("folding never looks at neighbours", () => {
  for (const text of ["ΟΔΟΣ", "ΣΑΣ", "Σ", "aΣ", "aΣ b", "\u0130\u0130x", "ſK\u212A"]) {
    expect(fold(text)).toBe([...text].map(fold).join(""));
  }
});

test("characters that RE2 takes for equal without case are folded to the same", () => {
  for (const char of characters()) {
    const variants = new Set([char.toLowerCase(), char.toUpperCase(), fold(char)]);
    variants.delete(char);
    for (const variant of variants) {
      if ([...variant].length !== 1 || /[\\^$.*+?()[\]{}|]/.test(char)) continue;
      const isEqual = RE2JS.compile(char, RE2JS.CASE_INSENSITIVE).test(variant);
      if (isEqual !== (fold(char) === fold(variant)))
        throw new Error(`${char} ${variant} U+${char.codePointAt(0)!.toString(16)} ${isEqual}`);
    }
  }
});

test("two characters beyond ASCII fold into it, and no other", () => {
  const into = Array.from({ length: 0x10000 }, (_, code) => code).filter(
    (code) => code >= 128 && fold(String.fromCharCode(code)).charCodeAt(0) < 128,
  );
  expect(into.map((code) => String.fromCharCode(foldsToAscii(code)))).toEqual(["s", "k"]);
  expect(into).toEqual([0x17f, 0x212a]);
  expect(foldsToAscii(0x130)).toBe(128);
});
