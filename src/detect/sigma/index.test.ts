// The parts of the index, each against the obvious way of doing the same.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Automaton, type Place } from "./aho-corasick.ts";
import { fold } from "./fold.ts";
import { globMatches } from "./glob.ts";
import { dash, dashes, many, one, type Piece } from "./ir.ts";
import { ValueMemo } from "./memo.ts";
import { compileRegex } from "./regex.ts";
import { parseRegex } from "./regex-syntax.ts";
import { requiredLiterals } from "./required.ts";
import { FieldScanner } from "./scanner.ts";

const letters = fc.constantFrom("a", "b", "c", "A", "/", " ");
const word = fc.array(letters, { minLength: 1, maxLength: 9 }).map((parts) => parts.join("").toLowerCase());
const text = fc.array(letters, { maxLength: 40 }).map((parts) => parts.join(""));

function scan(automaton: Automaton, subject: string): number[] {
  const found = new Set<number>();
  automaton.scan(subject, { hit: (number) => found.add(number) });
  return [...found].sort((a, b) => a - b);
}

describe("Automaton", () => {
  const obvious: Record<Place, (subject: string, literal: string) => boolean> = {
    anywhere: (subject, literal) => subject.includes(literal),
    start: (subject, literal) => subject.startsWith(literal),
    end: (subject, literal) => subject.endsWith(literal),
  };

  test.each(["anywhere", "start", "end"] as const)("finds literals %s, overlapping and nested ones too", (place) => {
    const property = fc.property(fc.uniqueArray(word, { minLength: 1, maxLength: 12 }), text, (literals, subject) => {
      const automaton = new Automaton(new Map(literals.map((literal, i) => [literal, [i]])), place);
      const lower = subject.toLowerCase();
      expect(scan(automaton, subject)).toEqual(
        literals.flatMap((literal, i) => (obvious[place](lower, literal) ? [i] : [])),
      );
    });
    fc.assert(property, { numRuns: 1_000, seed: 5 });
  });

  test.each(["anywhere", "start", "end"] as const)(
    "finds literals %s that are longer than a window, and none that only look like one there",
    (place) => {
      const long = fc
        .array(fc.constantFrom("a", "b", "ab", "k"), { minLength: 4, maxLength: 12 })
        .map((of) => of.join(""));
      const property = fc.property(
        fc.uniqueArray(long, { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(fc.nat(7), fc.constantFrom("", "a", "B", "é", "K")), { maxLength: 4 }),
        (literals, parts) => {
          const automaton = new Automaton(new Map(literals.map((literal, i) => [literal, [i]])), place);
          const subject = parts
            .map(([n, other]) => (literals[n % literals.length] ?? "").toUpperCase() + other)
            .join("");
          const lower = subject.toLowerCase();
          // The first character may be cut, so that only the window is there.
          for (const cut of [0, 1])
            expect(scan(automaton, subject.slice(cut))).toEqual(
              literals.flatMap((literal, i) => (obvious[place](lower.slice(cut), literal) ? [i] : [])),
            );
        },
      );
      fc.assert(property, { numRuns: 500, seed: 6 });
    },
  );

  test("reports characters beyond ASCII through the OR of all codes", () => {
    const automaton = new Automaton(new Map([["ab", [0]]]), "anywhere");
    expect(automaton.scan("xaby", { hit() {} })).toBeLessThan(128);
    expect(automaton.scan("xaéby", { hit() {} })).toBeGreaterThan(127);
    expect(scan(automaton, "aéb")).toEqual([]);
  });

  test("keeps all printable characters apart", () => {
    const chars = Array.from({ length: 127 }, (_, i) => String.fromCharCode(i + 1)).filter(
      (char) => char === char.toLowerCase(),
    );
    const automaton = new Automaton(new Map(chars.map((char, i) => [char, [i]])), "anywhere");
    for (const [i, char] of chars.entries()) expect(scan(automaton, char)).toEqual([i]);
  });
});

describe("FieldScanner", () => {
  const unit = fc.constantFrom("a", "b", "k", "\u212a", "ſ", "S", "Σ", "ς", "\u0130", "é", "É", "😀", "/");
  const wide = fc.array(unit, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
  const how = fc.constantFrom("equals", "contains", "startswith", "endswith");

  test("resolves folded literals as the string functions do, the second time as well", () => {
    const property = fc.property(
      fc.uniqueArray(fc.tuple(how, wide.map(fold)), { minLength: 1, maxLength: 10, selector: String }),
      fc.array(wide, { maxLength: 5 }),
      (literals, parts) => {
        const scanner = new FieldScanner(
          literals.map(([kind, pattern], i) => ({ how: kind, text: pattern, groups: [i] })),
          literals.length,
        );
        const subject = parts.join("");
        const folded = fold(subject);
        const expected = literals.flatMap(([kind, pattern], i) => {
          const holds = {
            equals: folded === pattern,
            contains: folded.includes(pattern),
            startswith: folded.startsWith(pattern),
            endswith: folded.endsWith(pattern),
          }[kind];
          return holds ? [i] : [];
        });
        for (let round = 0; round < 2; round++)
          expect([...scanner.scan(subject)].sort((a, b) => a - b)).toEqual(expected);
      },
    );
    fc.assert(property, { numRuns: 2_000, seed: 6 });
  });
});

describe("ValueMemo", () => {
  test("remembers recent values and forgets the others", () => {
    const memo = new ValueMemo();
    const result = Int32Array.of(1);
    memo.set("a", result);
    expect(memo.get("a")).toBe(result);
    for (let i = 0; i < 10_000; i++) memo.set(`v${i}`, result);
    expect(memo.get("a")).toBeUndefined();
    expect(memo.get("v9999")).toBe(result);
  });

  test("steps aside when values do not repeat, and comes back", () => {
    const memo = new ValueMemo();
    const result = Int32Array.of(1);
    for (let i = 0; i < 2_000; i++) if (memo.get(`v${i}`) === undefined) memo.set(`v${i}`, result);
    memo.set("x", result);
    expect(memo.get("x")).toBeUndefined();
    let isBack = false;
    for (let i = 0; i < 40_000 && !isBack; i++) {
      memo.set("x", result);
      isBack = memo.get("x") === result;
    }
    expect(isBack).toBe(true);
  });

  test("never keeps long values", () => {
    const memo = new ValueMemo();
    memo.set("x".repeat(2_000), Int32Array.of(1));
    expect(memo.get("x".repeat(2_000))).toBeUndefined();
  });
});

describe("globMatches", () => {
  const piece = fc.oneof(fc.constantFrom<Piece>(many, one, dash), fc.constantFrom("a", "b", "ab", "-"));
  const subjects = fc
    .array(fc.constantFrom("a", "b", "-", "/", "😀", "\n"), { maxLength: 8 })
    .map((parts) => parts.join(""));

  test("is what a regular expression says", () => {
    const property = fc.property(fc.array(piece, { maxLength: 6 }), subjects, (pieces, subject) => {
      const source = pieces.map((each) =>
        each === many
          ? "[^]*"
          : each === one
            ? "[^]"
            : each === dash
              ? `[${dashes.replace("-", "\\-").replace("/", "\\/")}]`
              : each,
      );
      expect(globMatches(pieces, subject)).toBe(new RegExp(`^${source.join("")}$`, "u").test(subject));
    });
    fc.assert(property, { numRuns: 5_000, seed: 8 });
  });

  test("takes no exponential time", () => {
    const pieces: Piece[] = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? many : "a"));
    // Trying all ways would never end.
    expect(globMatches([...pieces, "b"], "a".repeat(20_000))).toBe(false);
  });
});

describe("required literals of expressions", () => {
  const required = (source: string, flags = ""): string[] | undefined =>
    requiredLiterals({ op: "regex", source, flags })?.map((literal) => literal.text);

  test.each([
    ["abc", ["abc"]],
    ["^/bin/(ba|z)sh$", ["/bin/bash", "/bin/zsh"]],
    ["a+bcd*e", ["bc"]],
    ["foo.*barbaz", ["barbaz"]],
    ["(?i)AbC\\d", ["abc"]],
    ["x[ab]y", ["xay", "xby"]],
    ["\\d-[a-z]*c\\d", ["-"]],
    ["(foo|bar)?baz", ["foobaz", "barbaz", "baz"]],
    ["(abc){2,}", ["abc"]],
    ["a|.", undefined],
    [".*", undefined],
    ["\\d+", undefined],
    ["(a|b*)", undefined],
    ["\\pL", undefined],
  ])("of %s", (source, expected) => {
    expect(required(source)).toEqual(expected);
  });

  test("occur in everything the expression matches", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "k",
      "s",
      ".",
      "[ab]",
      "[^a]",
      "\\w",
      "(?:a|b)",
      "(ab|)",
      "(?i:K)",
      "\\b",
      "(?:ka|sb)",
    );
    const factor = fc
      .tuple(atom, fc.constantFrom("", "", "", "?", "*", "+", "{2}", "{1,}"))
      .map((parts) => parts.join(""));
    const source = fc
      .array(
        fc.array(factor, { maxLength: 5 }).map((parts) => parts.join("")),
        { minLength: 1, maxLength: 3 },
      )
      .map((parts) => parts.join("|"));
    const subject = fc
      .array(fc.constantFrom("a", "b", "k", "s", "A", "S", "\u212a", "ſ"), { maxLength: 10 })
      .map((parts) => parts.join(""));
    let informative = 0;
    const property = fc.property(source, fc.constantFrom("", "i"), subject, (expression, flags, value) => {
      const literals = required(expression, flags);
      const regex = compileRegex(expression, flags);
      if (literals === undefined || "fault" in regex || !regex.test(value)) return;
      informative++;
      const folded = fold(value);
      expect(literals.some((literal) => folded.includes(literal))).toBe(true);
    });
    fc.assert(property, { numRuns: 20_000, seed: 9 });
    expect(informative).toBeGreaterThan(500);
  }, 60_000);

  test("unknown syntax is unknown, not wrong", () => {
    for (const source of ["\\pL", "[[:alpha:]]", "\\Qa\\E", "(?U)a*", "a\\Cb", "(", "a)", "[", "\\"])
      expect(parseRegex(source, "")).toBeUndefined();
  });
});
