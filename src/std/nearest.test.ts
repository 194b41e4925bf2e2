import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

const words = ["rules", "run", "replay", "config", "min-level", "format"];

test("a word with one wrong letter finds the right one", () => {
  expect(nearest("ruls", words)).toBe("rules");
  expect(nearest("confg", words)).toBe("config");
});

test("two swapped letters count as one mistake", () => {
  expect(nearest("rnu", words)).toBe("run");
  expect(nearest("min-lveel", words)).toBe("min-level");
});

test("case alone is no difference", () => {
  expect(nearest("RULES", words)).toBe("rules");
});

test("the beginning of a word finds it", () => {
  expect(nearest("form", words)).toBe("format");
});

test("a word that resembles nothing finds nothing", () => {
  expect(nearest("xyzzy", words)).toBeUndefined();
  expect(nearest("", words)).toBeUndefined();
  expect(nearest("a".repeat(10_000), words)).toBeUndefined();
});
