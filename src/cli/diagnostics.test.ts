import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Diagnostic } from "../std/mod.ts";
import { formatDiagnostic, formatDiagnostics } from "./diagnostics.ts";
import { ExitCode, exitCodeDocs } from "./exit-code.ts";

const fault: Diagnostic = {
  file: "a.toml",
  line: 2,
  column: 3,
  severity: "error",
  code: "x",
  message: "unknown key",
  hint: "did you mean 'y'?",
};

test("a diagnostic shows place, line, caret and hint", () => {
  const sources = new Map([["a.toml", "one\n  two = 1\r\nthree"]]);
  expect(formatDiagnostic(fault, { color: false, sources })).toBe(
    "a.toml:2:3: error: unknown key\n  2 |   two = 1\n    |   ^\n  hint: did you mean 'y'?\n",
  );
});

test("without a line, a source or a hint these parts are left out", () => {
  expect(formatDiagnostic({ ...fault, line: 0, column: 0, hint: "" }, { color: false })).toBe(
    "a.toml: error: unknown key\n",
  );
  expect(formatDiagnostic({ ...fault, hint: "" }, { color: false })).toBe("a.toml:2:3: error: unknown key\n");
});

test("the caret stands below wide, escaped and tabbed characters", () => {
  const sources = new Map([["a.toml", "\t漢\x1bx = 1"]]);
  const text = formatDiagnostic({ ...fault, line: 1, column: 4, hint: "" }, { color: false, sources });
  expect(text).toBe("a.toml:1:4: error: unknown key\n  1 |  漢\\x1bx = 1\n    |        ^\n");
});

test("a line that may hold a secret is not shown", () => {
  const sources = new Map([["a.toml", "one\nsecret = 'hunter2'"]]);
  const text = formatDiagnostic(fault, { color: false, sources, hides: (line) => line.includes("secret") });
  expect(text).not.toContain("hunter2");
});

test("a very long line is cut around the place", () => {
  const sources = new Map([["a.toml", `${"x".repeat(50_000)}HERE${"y".repeat(50_000)}`]]);
  const text = formatDiagnostic({ ...fault, line: 1, column: 50_001 }, { color: false, sources });
  expect(text).toContain("xxHEREyy");
  for (const line of text.split("\n")) expect(line.length).toBeLessThan(200);
  const [, shown, caret] = text.split("\n");
  expect(shown!.slice(caret!.indexOf("^"))).toStartWith("HERE");
});

test("nothing of a file reaches the terminal as a control character", () => {
  const any = fc.string({ unit: "binary", maxLength: 60 });
  fc.assert(
    fc.property(any, any, any, any, fc.nat(5), fc.nat(80), (file, message, hint, source, line, column) => {
      const one = { ...fault, file, message, hint, line, column };
      const text = formatDiagnostic(one, { color: false, sources: new Map([[file, source]]) });
      expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    }),
    { seed: 17, numRuns: 1000 },
  );
});

test("what was left out is counted", () => {
  expect(formatDiagnostics([{ ...fault, line: 0 }], 7, { color: false })).toEndWith("… and 7 more\n");
});

test("every exit status is documented once", () => {
  expect(exitCodeDocs.map(([code]) => code)).toEqual(Object.values(ExitCode));
});
