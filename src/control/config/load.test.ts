import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { rows } from "./keys.ts";
import { configFileSizeMaxBytes, diagnosticsMax } from "./limits.ts";
import { defaultConfig, type LoadOptions, loadConfig } from "./load.ts";
import { findConfig } from "./search.ts";
import { showConfig, showConfigJson } from "./show.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-config-"));
let fileCount = 0;

function written(text: string | Uint8Array): string {
  const file = join(folder, `config-${fileCount++}.toml`);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function loadText(text: string | Uint8Array, options: Partial<LoadOptions> = {}) {
  const file = written(text);
  return { file, ...loadConfig({ file, folder, ...options }) };
}

test("without anything, every value is the default and has no missing property", () => {
  const { config, raw, diagnostics } = loadConfig({ folder });
  expect(diagnostics).toEqual([]);
  expect(config).toEqual(defaultConfig());
  expect(raw.values.size).toBe(rows.length);
  for (const { row, value, origin } of raw.values.values()) {
    expect(origin).toEqual({ kind: "default", name: "" });
    expect(value).toEqual(row.key.default);
    const section = config![row.section] as Record<string, unknown>;
    expect(section[row.property]).toBeDefined();
  }
});

test("the configuration is frozen to its leaves", () => {
  const config = defaultConfig();
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.sigma)).toBe(true);
  expect(Object.isFrozen(config.sigma.statuses)).toBe(true);
  expect(Object.isFrozen(config.sigma.placeholders)).toBe(true);
});

test("every default passes its own check and survives being written and read", () => {
  for (const { key } of rows) {
    const { config, diagnostics } = loadConfig({ folder });
    expect(diagnostics).toEqual([]);
    expect(config).toBeDefined();
    const value = (Bun.TOML.parse(`x = ${key.type.write(key.default)}`) as { x: unknown }).x;
    expect(key.type.read(value)).toEqual(key.default);
  }
});

test("later layers win: defaults, file, environment, flags", () => {
  const text = '[logging]\nlevel = "warn"\nformat = "json"\n[sigma]\nmin_level = "low"\n';
  const { file, config, raw } = loadText(text, {
    env: { EDR__LOGGING__LEVEL: "debug", EDR__SIGMA__MIN_LEVEL: "medium", OTHER: "x" },
    flags: [{ key: "sigma.min_level", flag: "--min-level", value: "high" }],
  });
  expect(config?.logging.format).toBe("json");
  expect(config?.logging.level).toBe("debug");
  expect(config?.sigma.minLevel).toBe("high");
  expect(raw.values.get("logging.format")?.origin).toEqual({ kind: "file", name: `${file}:3` });
  expect(raw.values.get("logging.level")?.origin).toEqual({ kind: "environment", name: "EDR__LOGGING__LEVEL" });
  expect(raw.values.get("sigma.min_level")?.origin).toEqual({ kind: "flag", name: "--min-level" });
});

test("an unknown key is an error with line, column and the nearest key", () => {
  const { config, diagnostics, file } = loadText('[sigma]\n  min_levl = "high"\n');
  expect(config).toBeUndefined();
  expect(diagnostics).toEqual([
    {
      file,
      line: 2,
      column: 3,
      severity: "error",
      code: "unknown_key",
      message: "unknown key 'min_levl' in [sigma]",
      hint: "did you mean 'min_level'?",
    },
  ]);
});

test("a wrong type is an error with line and column of its key, dotted, quoted or inline", () => {
  for (const [text, line, column] of [
    ["\nlogging.level = 3", 2, 9],
    ['logging = { format = "text", "level" = [] }', 1, 30],
    ["[logging]\n'level' = 1979-05-27", 2, 1],
    ["[logging]\nlevel.deeper = 1", 2, 1],
  ] as const) {
    const { diagnostics } = loadText(text);
    expect(diagnostics.map((one) => [one.code, one.line, one.column])).toEqual([["wrong_type", line, column]]);
  }
});

test("all faults of all layers are reported at once", () => {
  const { diagnostics } = loadText('[sgima]\n[sigma]\nmin_level = "hgih"\nenabled = "yes"\n[alerts]\nqueue_size = 5', {
    env: { EDR__LOGGING__LEVEL: "loud", EDR__LOGING__LEVEL: "info" },
  });
  expect(diagnostics.map((one) => [one.code, one.hint])).toEqual([
    ["unknown_key", "did you mean 'sigma'?"],
    ["wrong_value", "did you mean 'high'?"],
    ["wrong_type", "write true or false"],
    ["wrong_type", 'write a string such as "64MiB"'],
    ["wrong_value", "write one of error, warn, info, debug, trace"],
    ["unknown_key", "did you mean 'EDR__LOGGING__LEVEL'?"],
  ]);
});

test("a key of another section is told where it belongs", () => {
  const { diagnostics } = loadText("[yara]\nmin_level = 1\n[alerts]\nshutdown_timeout = 1\n");
  expect(diagnostics[0]?.hint).toBe("'min_level' belongs to [sigma]");
  expect(diagnostics[1]?.hint).toBe("'shutdown_timeout' belongs to [service]");
});

test("a syntax error has the place that the parser gives", () => {
  const { diagnostics } = loadText("[sigma]\nenabled = = true\n");
  expect(diagnostics).toHaveLength(1);
  expect(diagnostics[0]).toMatchObject({ code: "syntax", line: 2, severity: "error" });
  expect(diagnostics[0]!.column).toBeGreaterThan(0);
});

test("names of JavaScript's own objects are keys like any other", () => {
  const { diagnostics } = loadText('__proto__ = 1\nconstructor = 1\n[sigma]\ntoString = 1\n"__proto__" = 2\n');
  expect(diagnostics.map((one) => [one.code, one.line])).toEqual([
    ["unknown_key", 1],
    ["unknown_key", 2],
    ["unknown_key", 4],
    ["unknown_key", 5],
  ]);
});

test("relative paths are taken from the folder of the file that holds them, and in the environment from the working folder", () => {
  mkdirSync(join(folder, "etc"), { recursive: true });
  const file = join(folder, "etc", "c.toml");
  writeFileSync(file, '[sigma]\nrules_paths = ["rules", "/abs", "../up"]\n[logging]\nfile = "x.log"\n');
  const { config } = loadConfig({ file, folder: "/srv", env: { EDR__LOGGING__FILE: "y.log" } });
  expect(config?.sigma.rulesPaths).toEqual([join(folder, "etc", "rules"), "/abs", join(folder, "up")]);
  expect(config?.logging.file).toBe("/srv/y.log");
});

test("paths of flags stay as typed, '-' and the empty path too", () => {
  const flags = [{ key: "sigma.rules_paths", flag: "--rules", value: ["./rules"] }] as const;
  const { config } = loadConfig({ folder: "/work", flags, env: { EDR__LOGGING__FILE: "" } });
  expect(config?.sigma.rulesPaths).toEqual(["./rules"]);
  expect(config?.alerts.output).toBe("-");
  expect(config?.logging.file).toBe("");
});

test("lists and tables can be given in the environment", () => {
  const { config } = loadConfig({
    folder: "/w",
    env: {
      EDR__SIGMA__STATUSES: "stable, test",
      EDR__SIGMA__PLACEHOLDERS: "admins=alice|bob,x=1",
      EDR__SIGMA__INCLUDE_TAGS: "",
    },
  });
  expect(config?.sigma.statuses).toEqual(["stable", "test"]);
  expect(config?.sigma.includeTags).toEqual([]);
  expect({ ...config?.sigma.placeholders }).toEqual({ admins: ["alice", "bob"], x: ["1"] });
});

test("numbers out of bounds are refused with the bounds", () => {
  const { diagnostics } = loadText('[alerts]\nqueue_size = "1B"\n[service]\nshutdown_timeout = "1h"\n');
  expect(diagnostics.map((one) => [one.code, one.hint])).toEqual([
    ["out_of_range", "write one from 64KiB to 1GiB"],
    ["out_of_range", "write one from 1s to 30s"],
  ]);
});

test("a file that was named must exist, one that is looked for need not", () => {
  const missing = join(folder, "missing.toml");
  const named = loadConfig({ file: missing, folder, fileFrom: "EDR_CONFIG" });
  expect(named.config).toBeUndefined();
  expect(named.diagnostics[0]).toMatchObject({ code: "cannot_read", file: missing, hint: "given by EDR_CONFIG" });
  const second = written("[sigma]\nenabled = false\n");
  const searched = loadConfig({ search: [missing, second], folder });
  expect(searched.raw.file).toBe(second);
  expect(searched.config?.sigma.enabled).toBe(false);
});

test("what is no file of text is refused: folders, FIFOs, devices without end, other encodings, giants", () => {
  const fifo = join(folder, "fifo");
  Bun.spawnSync(["mkfifo", fifo]);
  const cases: [string, string][] = [
    [folder, "cannot_read"],
    [fifo, "cannot_read"],
    ["/dev/zero", "cannot_read"],
    [written(new Uint8Array([0x5b, 0xff, 0xfe])), "not_utf8"],
    [written("#".repeat(configFileSizeMaxBytes + 1)), "too_large"],
  ];
  for (const [file, code] of cases) {
    const { config, diagnostics } = loadConfig({ file, folder });
    expect(config).toBeUndefined();
    expect(diagnostics.map((one) => one.code)).toEqual([code]);
  }
});

test("root is warned of a named file that others may write, and refuses one that was merely found", () => {
  const file = written("[sigma]\nenabled = false\n");
  chmodSync(file, 0o666);
  const named = loadConfig({ file, folder, isRoot: true });
  expect(named.config?.sigma.enabled).toBe(false);
  expect(named.diagnostics.map((one) => [one.code, one.severity])).toEqual([["unsafe_mode", "warning"]]);
  const found = loadConfig({ search: [file], folder, isRoot: true });
  expect(found.config).toBeUndefined();
  expect(loadConfig({ search: [file], folder, isRoot: false }).diagnostics).toEqual([]);
});

test("a file full of faults is reported up to the limit, the rest counted", () => {
  const text = Array.from({ length: 300 }, (_, index) => `key${index} = 1`).join("\n");
  const { diagnostics, diagnosticsOmitted } = loadText(text);
  expect(diagnostics).toHaveLength(diagnosticsMax);
  expect(diagnosticsOmitted).toBe(300 - diagnosticsMax);
});

test("no document and no environment makes it throw", () => {
  const value = fc.oneof(
    fc.constantFrom(
      "1",
      "true",
      '"x"',
      "[]",
      "{}",
      "[1, [2]]",
      '{ a = "b" }',
      "inf",
      "nan",
      "1979-05-27",
      "9007199254740993",
    ),
    fc.string().map((text) => JSON.stringify(text)),
  );
  const key = fc.oneof(
    fc.constantFrom(...rows.map((row) => row.dotted)),
    fc.constantFrom("sigma", "[logging]", "[[sigma]]", "x", '"a.b"', "sigma.min_level.x"),
  );
  const line = fc.oneof(
    fc.tuple(key, value).map(([name, text]) => `${name} = ${text}`),
    key,
    fc.string({ maxLength: 20 }),
  );
  const environment = fc.dictionary(
    fc.constantFrom(...rows.map((row) => row.environment), "EDR__", "EDR____X"),
    fc.string(),
  );
  const file = written("");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), environment, (lines, env) => {
      writeFileSync(file, lines.join("\n"));
      const { config, diagnostics } = loadConfig({ file, folder, env });
      expect(config === undefined).toBe(diagnostics.some((one) => one.severity === "error"));
      for (const one of diagnostics) expect(one.message).not.toContain("\n");
    }),
    { numRuns: 1500, seed: 11 },
  );
});

test("the file is looked for by flag, EDR_CONFIG, managed path, beside the binary, never in the working folder", () => {
  const base = { flag: undefined, env: {}, platform: "linux", binary: "/opt/sigil/agent" };
  expect(findConfig(base)).toEqual({
    file: undefined,
    fileFrom: "",
    search: ["/etc/sigil/config.toml", "/opt/sigil/config.toml"],
  });
  expect(findConfig({ ...base, env: { EDR_CONFIG: "/a" } })).toMatchObject({ file: "/a", fileFrom: "EDR_CONFIG" });
  expect(findConfig({ ...base, env: { EDR_CONFIG: "/a" }, flag: "b" })).toMatchObject({
    file: "b",
    fileFrom: "--config",
  });
  expect(findConfig({ ...base, binary: undefined }).search).toEqual(["/etc/sigil/config.toml"]);
});

test("show prints every key with its origin, and what it prints is a configuration of the same values", () => {
  const { raw, config } = loadText('[sigma]\nplaceholders = { admins = ["a"] }\nmin_level = "low"\n', {
    env: { EDR__ALERTS__QUEUE_SIZE: "1MiB" },
  });
  const shown = showConfig(raw);
  for (const row of rows) expect(shown).toContain(`\n${row.name} = `);
  expect(shown).toMatch(/min_level = "low" +# .*config-\d+\.toml:3\n/);
  expect(shown).toMatch(/queue_size = "1MiB" +# EDR__ALERTS__QUEUE_SIZE\n/);
  const again = loadText(shown);
  expect(again.diagnostics).toEqual([]);
  expect(again.config).toEqual(config!);
  const json = showConfigJson(raw) as { values: { key: string; value: unknown }[] };
  expect(json.values.map((one) => one.key)).toEqual(rows.map((row) => row.dotted));
  expect(json.values.find((one) => one.key === "alerts.queue_size")?.value).toBe("1MiB");
});

test("a symbolic link to a configuration is followed", () => {
  const link = join(folder, "link.toml");
  symlinkSync(written("[sigma]\nenabled = false\n"), link);
  expect(loadConfig({ file: link, folder }).config?.sigma.enabled).toBe(false);
});

test("sizes of rings are powers of two, and a wrong one is answered with its neighbours", () => {
  for (const [name, text, hint] of [
    ["kernel_ring_size", "100KiB", "64KiB or 128KiB"],
    ["critical_ring_size", "3MiB", "2MiB or 4MiB"],
    ["bulk_ring_size", "257KiB", "256KiB or 512KiB"],
  ] as const) {
    const { config, diagnostics } = loadText(`[sensor]\n${name} = "${text}"\n`);
    expect(config).toBeUndefined();
    expect(diagnostics.map(({ line, message, hint: said }) => [line, message.includes("power of two"), said])).toEqual([
      [2, true, `write ${hint}`],
    ]);
  }
  expect(loadText('[sensor]\nkernel_ring_size = "64KiB"\n').config?.sensor.kernelRingSizeBytes).toBe(65_536);
});
