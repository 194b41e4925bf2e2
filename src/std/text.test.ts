import { expect, test } from "bun:test";
import { printable, shorten } from "./text.ts";

test("escape sequences cannot reach the terminal", () => {
  expect(printable("a\x1b[31mred\x07\x9b")).toBe("a\\x1b[31mred\\x07\\x9b");
});

test("line breaks and tabs stay readable, on one line", () => {
  expect(printable("a\r\n\tb\u2028c")).toBe("a\\r\\n\\tb\\u2028c");
});

test("direction marks and lone surrogates are written out", () => {
  expect(printable("a\u202eb\ud800c")).toBe("a\\u202eb\\ud800c");
});

test("letters outside ASCII and emoji pass unchanged", () => {
  expect(printable("größe 漢字 😀")).toBe("größe 漢字 😀");
});

test("shortening marks the cut and never splits a pair", () => {
  expect(shorten("abcdef", 6)).toBe("abcdef");
  expect(shorten("abcdefg", 6)).toBe("abcde…");
  expect(shorten("abcd😀xyz", 6)).toBe("abcd…");
});
