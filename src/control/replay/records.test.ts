import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LineSplitter, type OnRecord, type Splitter, ValueSplitter } from "./records.ts";

type Made = { readonly records: string[]; readonly problems: string[] };

/** Feeds `text` in chunks of `size` bytes. */
function split(make: (on: OnRecord) => Splitter, text: string | Buffer, size = 1 << 20): Made {
  const made: Made = { records: [], problems: [] };
  const splitter = make((record, line, problem) => {
    if (record === undefined) made.problems.push(`${line}: ${problem}`);
    else made.records.push(record);
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) splitter.push(Buffer.from(bytes.subarray(at, at + size)));
  splitter.end();
  return made;
}
const lines = (on: OnRecord) => new LineSplitter(on);
const values = (on: OnRecord) => new ValueSplitter(on);

describe("records a line", () => {
  test("are the lines that hold something, with any line ending", () => {
    expect(split(lines, '{"a":1}\n\n{"b":2}\r\n  \n{"c":3}').records.map((text) => JSON.parse(text))).toEqual([
      { a: 1 },
      { b: 2 },
      { c: 3 },
    ]);
  });

  test("are the same in chunks of any size", () => {
    const text = '{"a":"ä€😀"}\n{"b":2}\n\n{"c":3}';
    for (let size = 1; size < 12; size++)
      expect(split(lines, text, size).records).toEqual(['{"a":"ä€😀"}', '{"b":2}', '{"c":3}']);
  });

  test("that are too long are skipped, and the ones after them are read", () => {
    for (const size of [1, 7, 1000]) {
      const made = split((on) => new LineSplitter(on, 10), `short\n${"x".repeat(50)}\nafter\n${"y".repeat(11)}`, size);
      expect(made.records).toEqual(["short", "after"]);
      expect(made.problems).toEqual(["2: the line is longer than 10 bytes", "4: the line is longer than 10 bytes"]);
    }
  });
});

describe("values in a row", () => {
  const parsed = (text: string, size?: number) => split(values, text, size).records.map((record) => JSON.parse(record));

  test("are cut at their ends, however they are printed", () => {
    expect(parsed('{"a":{"b":[1,{"c":2}]}}{"d":"}{"}\n\n{\n  "e": 1\n}\n')).toEqual([
      { a: { b: [1, { c: 2 }] } },
      { d: "}{" },
      { e: 1 },
    ]);
  });

  test("may stand in an array", () => {
    expect(parsed('[{"a":1},\n {"b":[2]}, {"c":"]"}]\n{"d":4}')).toEqual([{ a: 1 }, { b: [2] }, { c: "]" }, { d: 4 }]);
    expect(parsed("[]")).toEqual([]);
  });

  test("know strings and escapes", () => {
    expect(parsed('{"a":"\\"}{"}{"b":"\\\\"}')).toEqual([{ a: '"}{' }, { b: "\\" }]);
  });

  test("are the same in chunks of any size", () => {
    const text = '[{"a":"ä\\"}"},{"b":2}] {"c":{"d":[3]}}';
    for (let size = 1; size < 20; size++)
      expect(parsed(text, size)).toEqual([{ a: 'ä"}' }, { b: 2 }, { c: { d: [3] } }]);
  });

  test("that are damaged cost themselves only", () => {
    const made = split(values, '{"a":1}\n{"b":"cut\n{"c":3}\n');
    expect(made.records).toEqual(['{"a":1}', '{"c":3}']);
    expect(made.problems).toEqual(["2: a string is not closed"]);
    const cut = split(values, '{"a":1}\n{"b":{"c":');
    expect(cut.records).toEqual(['{"a":1}']);
    expect(cut.problems).toEqual(["2: the input ends inside of a value"]);
  });

  test("between which something else stands are still found", () => {
    const made = split(values, 'hello {"not":"lost"}\nworld\n{"a":1} trailing\n{"b":2}');
    expect(made.records).toEqual(['{"not":"lost"}', '{"a":1}', '{"b":2}']);
    expect(made.problems).toHaveLength(3);
  });

  test("may have evtx_dump's record numbers between them", () => {
    expect(split(values, 'Record 1\n{\n "a": 1\n}\nRecord 2\r\n{"b":2}\n')).toEqual({
      records: ['{\n "a": 1\n}', '{"b":2}'],
      problems: [],
    });
    expect(split(values, 'Records\n{"b":2}').problems).toEqual(["1: this is not the beginning of a JSON object"]);
  });

  test("that are too long are skipped, and the ones after them are read", () => {
    for (const size of [1, 7, 1000]) {
      const made = split((on) => new ValueSplitter(on, 12), `{"a":1}{"b":"${"x".repeat(50)}"}{"c":3}`, size);
      expect(made.records).toEqual(['{"a":1}', '{"c":3}']);
      expect(made.problems).toEqual(["1: the value is longer than 12 bytes"]);
    }
  });

  test("nested a million deep are bounded by their size, not by the stack", () => {
    expect(split(values, `{"a":${"[".repeat(1_000_000)}`).problems).toHaveLength(1);
  });
});

describe("any input", () => {
  const chunk = fc.integer({ min: 1, max: 40 });
  const jsonish = fc
    .array(fc.constantFrom("{", "}", "[", "]", '"', "\\", ",", ":", "\n", " ", "a", "1", "ü", "\u0000"), {
      maxLength: 200,
    })
    .map((parts) => parts.join(""));

  test("of random bytes neither throws nor hangs, and no record is longer than allowed", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
          jsonish.map((text) => Buffer.from(text)),
        ),
        chunk,
        (bytes, size) => {
          for (const make of [
            (on: OnRecord) => new LineSplitter(on, 64),
            (on: OnRecord) => new ValueSplitter(on, 64),
          ]) {
            for (const record of split(make, bytes, size).records)
              expect(Buffer.byteLength(record)).toBeLessThanOrEqual(3 * 64);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("does not depend on where its chunks end", () => {
    fc.assert(
      fc.property(jsonish, chunk, (text, size) => {
        for (const make of [lines, values]) expect(split(make, text, size)).toEqual(split(make, text));
      }),
      { numRuns: 1000 },
    );
  });

  test("of objects gives the objects back from either reader", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), { maxLength: 6 }),
        chunk,
        (objects, size) => {
          const expected = JSON.parse(JSON.stringify(objects));
          const back = (make: (on: OnRecord) => Splitter, text: string) =>
            split(make, text, size).records.map((record) => JSON.parse(record));
          expect(back(lines, objects.map((each) => JSON.stringify(each)).join("\n"))).toEqual(expected);
          expect(back(values, objects.map((each) => JSON.stringify(each, null, 2)).join(""))).toEqual(expected);
          expect(back(values, JSON.stringify(objects, null, 1))).toEqual(expected);
        },
      ),
    );
  });
});
