import { expect, test } from "bun:test";
import fc from "fast-check";
import { commands } from "./commands.ts";
import { parseArgv, readRaw, UsageError } from "./parse.ts";
import type { Command } from "./spec.ts";

function parsed(line: string) {
  const request = parseArgv(line === "" ? [] : line.split(" "));
  if (request.kind !== "command") throw new Error(`not a command: ${request.kind}`);
  return request;
}

function fault(...argv: string[]): UsageError {
  try {
    parseArgv(argv);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("no fault");
}

test("without a command it is run, with its flags", () => {
  expect(parsed("").id).toBe("run");
  const { id, args } = parsed("--rules a --rules=b --min-level high --duration 1m30s --alerts -");
  expect(id).toBe("run");
  expect(args).toMatchObject({
    rules: ["a", "b"],
    minLevel: "high",
    duration: 90_000,
    alerts: "-",
    format: undefined,
    operands: [],
  });
});

test("what was typed is kept as it was typed", () => {
  const replay = commands.find(({ id }) => id === "replay") as Command;
  const raw = readRaw(replay, ["--summary", "a", "--min-level=bogus", "--", "--not-a-flag", "-"]);
  expect(raw.command).toBe("replay");
  expect([...raw.flags]).toEqual([
    ["summary", [true]],
    ["min-level", ["bogus"]],
  ]);
  expect(raw.operands).toEqual(["a", "--not-a-flag", "-"]);
});

test("the last of several values wins unless the flag is repeatable", () => {
  expect(parsed("run --min-level low --min-level high").args.minLevel).toBe("high");
});

test("switches are true or false, never absent", () => {
  expect(parsed("replay --summary x").args).toMatchObject({ summary: true, perFile: false, failOnAlert: false });
});

test("help and version are found everywhere", () => {
  expect(parseArgv(["--help"])).toEqual({ kind: "help", topic: "" });
  expect(parseArgv(["-h"])).toEqual({ kind: "help", topic: "" });
  expect(parseArgv(["config", "--help"])).toEqual({ kind: "help", topic: "config" });
  expect(parseArgv(["config", "show", "-h"])).toEqual({ kind: "help", topic: "config show" });
  expect(parseArgv(["--min-level", "nonsense", "--help"])).toEqual({ kind: "help", topic: "run" });
  expect(parseArgv(["--version"])).toEqual({ kind: "version" });
  expect(parseArgv(["-V"])).toEqual({ kind: "version" });
});

test("wrong words are answered with the nearest right one", () => {
  expect(fault("rnu").hint).toBe("did you mean 'run'?");
  expect(fault("config", "chekc").hint).toBe("did you mean 'check'?");
  expect(fault("--ruls", "x").hint).toBe("did you mean '--rules'?");
  expect(fault("run", "--min-level", "hgih").hint).toBe("did you mean 'high'?");
  expect(fault("completion", "bsh").hint).toBe("did you mean 'bash'?");
  expect(fault("run", "--fail-on-alert").hint).toBe("'agent replay' has such a flag");
});

test("a value is never taken from the next flag", () => {
  expect(fault("run", "--rules", "--alerts").message).toBe("--rules needs a value: PATH");
  expect(fault("run", "--rules").message).toBe("--rules needs a value: PATH");
  expect(parsed("run --rules=--odd").args.rules).toEqual(["--odd"]);
});

test("a switch takes no value, a command no operands that it does not have", () => {
  expect(fault("replay", "--summary=yes", "x").message).toBe("--summary takes no value");
  expect(fault("run", "x").message).toBe("unexpected argument 'x'");
  expect(fault("--min-level", "low", "replay", "x").hint).toBe("put the command first: agent replay …");
  expect(fault("replay").message).toBe("PATH is missing");
  expect(fault("config").hint).toBe("one of check, show, init, schema");
});

test("durations and times are checked", () => {
  for (const text of ["0s", "30", "1x", "99999d"]) expect(fault("run", "--duration", text).topic).toBe("run");
  const { args } = parsed("replay --since 2026-02-01 --until 2026-02-01T10:30:00+02:00 x");
  expect(args).toMatchObject({ since: Date.UTC(2026, 1, 1), until: Date.UTC(2026, 1, 1, 8, 30) });
  for (const text of ["2026-02-30", "2026-13-01", "yesterday", "2026-02-01T25:00", "1700000000"]) {
    expect(fault("replay", "--since", text, "x").hint).toContain("2026-11-22");
  }
});

test("names of JavaScript's own objects are no commands and no flags", () => {
  for (const word of ["__proto__", "constructor", "toString"]) {
    expect(fault(word).message).toContain("unknown command");
    expect(fault(`--${word}`).message).toContain("unknown flag");
  }
});

test("any arguments give a request or a usage error, in one line", () => {
  const words = commands.flatMap(({ id, flags }: Command) => [
    ...id.split(" "),
    ...flags.map(({ name }) => `--${name}`),
  ]);
  const word = fc.oneof(fc.constantFrom(...words, "-", "--", "-h", "=", "high", "30s"), fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      try {
        parseArgv(argv);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as UsageError).message).not.toMatch(/\p{Cc}/u);
        expect((error as UsageError).hint).not.toMatch(/\p{Cc}/u);
      }
    }),
    { numRuns: 5000, seed: 13 },
  );
});
