import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { locateKeys, placeKey } from "./locate.ts";

function place(text: string, ...path: string[]) {
  return locateKeys(text).get(placeKey(path));
}

test("keys of tables are found by line and column", () => {
  const text = '# a comment with [brackets] = 1\n[sigma]\n  min_level = "high" # [x]\n\n[logging]\nlevel="info"\n';
  expect(place(text, "sigma")).toEqual({ line: 2, column: 2, length: 5 });
  expect(place(text, "sigma", "min_level")).toEqual({ line: 3, column: 3, length: 9 });
  expect(place(text, "logging", "level")).toEqual({ line: 6, column: 1, length: 5 });
});

test("dotted keys give a place for each part", () => {
  const text = 'sigma . "min_level" = 1\n[a.b]\nc.d = 2';
  expect(place(text, "sigma")).toEqual({ line: 1, column: 1, length: 5 });
  expect(place(text, "sigma", "min_level")).toEqual({ line: 1, column: 9, length: 11 });
  expect(place(text, "a", "b", "c", "d")).toEqual({ line: 3, column: 3, length: 1 });
});

test("keys of inline tables and of arrays of tables are found", () => {
  const text = "x = { a = 1, b = { c = [ {d = 1}, { e = 2 } ] } }\n[[t]]\nk = 1\n[[t]]\nk = 2\n[t.u]\nv = 3";
  expect(place(text, "x", "a")).toEqual({ line: 1, column: 7, length: 1 });
  expect(place(text, "x", "b", "c", "1", "e")).toEqual({ line: 1, column: 37, length: 1 });
  expect(place(text, "t", "0", "k")).toEqual({ line: 3, column: 1, length: 1 });
  expect(place(text, "t", "1", "k")).toEqual({ line: 5, column: 1, length: 1 });
  expect(place(text, "t", "1", "u", "v")).toEqual({ line: 7, column: 1, length: 1 });
});

test("what looks like a key inside strings and comments is none", () => {
  const text = ['a = """', "no = 1", '[no]"""', "b = '''", "c = 'd' '''", 'e = "x # \\" y = 1" # f = 2', "g = 1"].join(
    "\n",
  );
  expect([...locateKeys(text).keys()]).toEqual(["a", "b", "e", "g"]);
  expect(place(text, "g")?.line).toBe(7);
});

test("long strings may end with quotes of their own", () => {
  expect(place('a = """x"""""\nb = 1', "b")).toEqual({ line: 2, column: 1, length: 1 });
});

test("escapes in quoted keys are undone, as the parser does", () => {
  expect(place('"\\u0061b" = 1', "ab")?.column).toBe(1);
  expect(place("'\\u0061b' = 1", "\\u0061b")?.column).toBe(1);
});

test("carriage returns, tabs and characters beyond the BMP do not shift places", () => {
  const text = "# 😀\r\n\tkey = '😀'\r\n\t\tother = 1";
  expect(place(text, "key")).toEqual({ line: 2, column: 2, length: 3 });
  expect(place(text, "other")).toEqual({ line: 3, column: 3, length: 5 });
});

test("every key that the parser finds has a place where it stands", () => {
  const name = fc.oneof(
    fc.stringMatching(/^[a-z_-]{1,6}$/),
    fc.string({ minLength: 0, maxLength: 6 }).map((text) => JSON.stringify(text)),
  );
  const scalar = fc.oneof(
    fc.integer().map(String),
    fc.constantFrom("true", "1979-05-27T07:32:00Z", "[ 1, # ]\n 2 ]", "'''\nx = 1'''", '"""\n[y]\n"""', "[]", "{}"),
    fc.string().map((text) => JSON.stringify(text)),
  );
  const pair = fc.tuple(name, scalar).map(([key, value]) => `${key} = ${value}`);
  const inline = fc.tuple(name, fc.array(pair, { maxLength: 3 })).map(([key, of]) => `${key} = { ${of.join(", ")} }`);
  const line = fc.oneof(
    pair,
    inline,
    name.map((key) => `[${key}]`),
    name.map((key) => `[[${key}]]`),
    fc.constant("# [c]"),
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const text = lines.join("\n");
      let document: unknown;
      try {
        document = parse(text);
      } catch {
        return;
      }
      accepted++;
      const places = locateKeys(text);
      const rows = text.split("\n");
      const visit = (value: unknown, path: string[]) => {
        if (typeof value !== "object" || value === null || value instanceof Date) return;
        for (const [key, inner] of Object.entries(value)) {
          const at = places.get(placeKey([...path, key]));
          expect(at).toBeDefined();
          const shown = rows[at!.line - 1]!.slice(at!.column - 1, at!.column - 1 + at!.length);
          if (!Array.isArray(value)) expect([key, JSON.stringify(key)]).toContain(decode(shown));
          visit(inner, [...path, key]);
        }
      };
      visit(document, []);
    }),
    { numRuns: 2000, seed: 7 },
  );
  expect(accepted).toBeGreaterThan(500);
});

function decode(shown: string): string {
  return shown.startsWith('"') ? (JSON.parse(shown) as string) : shown;
}

test("any text is walked to its end without a fault", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: fc.constantFrom(..."[]{}=\"'.,#\n\r\t\\a1 😀") }), (text) => {
      locateKeys(text);
    }),
    { numRuns: 5000, seed: 7 },
  );
});

test("a long line of a hundred thousand keys is walked in linear time", () => {
  const text = `a = [${"{b=1},".repeat(100_000)}]`;
  const startMs = performance.now();
  expect(locateKeys(text).size).toBe(200_001);
  // Quadratic work would take minutes: the bound only tells the two apart.
  expect(performance.now() - startMs).toBeLessThan(20_000);
});
