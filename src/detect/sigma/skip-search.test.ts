import { expect, test } from "bun:test";
import fc from "fast-check";
import { fold } from "./fold.ts";
import { SkipSearch } from "./skip-search.ts";

/** Characters that go wrong: case, what folds into ASCII, what shares a bit, none at all. */
const character = fc.constantFrom(..."abkKsS\u017f\u212a\u0130[{@`\0:*-é");
const literal = fc
  .array(fc.constantFrom(..."abks[{@`\0:*-"), { minLength: 6, maxLength: 24 })
  .map((chars) => chars.join(""));

test("a search that skips finds what stands in the folded text, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(literal, { minLength: 1, maxLength: 12 }),
      fc.array(fc.oneof(character, literal, fc.nat(11)), { maxLength: 40 }),
      (literals, parts) => {
        const text = parts
          .map((part) => (typeof part === "number" ? (literals[part] ?? "").toUpperCase() : part))
          .join("");
        const found = new Set<number>();
        const search = new SkipSearch(new Map(literals.map((it, i) => [it, [i]])));
        search.scan(text, { hit: (number) => found.add(number) });
        const wanted = literals.flatMap((it, i) => (fold(text).includes(it) ? [i] : []));
        expect([...found].sort((a, b) => a - b)).toEqual(wanted);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a literal is found at every place of a text, wherever the window stands", () => {
  const search = new SkipSearch(
    new Map([
      ["sekurlsa::", [7]],
      ["lsadump::dcsync", [8]],
    ]),
  );
  for (let before = 0; before < 40; before++)
    for (const [text, number] of [
      ["SEKURLSA::", 7],
      ["lsaDump::DCsync", 8],
      ["ſe\u212aurlsa::", 7],
    ] as const) {
      const found: number[] = [];
      search.scan(`${"x".repeat(before)}${text}${"y".repeat(40 - before)}`, { hit: (it) => void found.push(it) });
      expect(found).toEqual([number]);
    }
});
