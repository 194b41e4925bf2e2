import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configSchema, defaultConfigToml } from "./generate.ts";
import { rows, sections } from "./keys.ts";
import { defaultConfig, loadConfig } from "./load.ts";

function load(text: string) {
  const file = join(mkdtempSync(join(tmpdir(), "sigil-generate-")), "config.toml");
  writeFileSync(file, text, { mode: 0o600 });
  return loadConfig({ file, folder: "/" });
}

test("the default configuration changes nothing as it is", () => {
  const { config, diagnostics } = load(defaultConfigToml());
  expect(diagnostics).toEqual([]);
  expect(config).toEqual(defaultConfig());
});

test("the default configuration with every key uncommented says the defaults, in full", () => {
  const { config, diagnostics, raw } = load(defaultConfigToml().replace(/^#(?=[a-z_]+ = )/gm, ""));
  expect(diagnostics).toEqual([]);
  expect(config).toEqual(defaultConfig());
  expect([...raw.values.values()].filter((one) => one.origin.kind !== "file")).toEqual([]);
});

test("the schema knows every section and key, and allows no other", () => {
  const schema = configSchema() as {
    additionalProperties: boolean;
    properties: Record<string, { additionalProperties: boolean; properties: Record<string, { default?: unknown }> }>;
  };
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties)).toEqual(Object.keys(sections));
  for (const row of rows) {
    const section = schema.properties[row.section]!;
    expect(section.additionalProperties).toBe(false);
    const key = section.properties[row.name]!;
    expect(row.key.type.read(key.default)).toEqual(row.key.default);
  }
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

test("environment names and properties are one for each key", () => {
  expect(new Set(rows.map((row) => row.environment)).size).toBe(rows.length);
  expect(new Set(rows.map((row) => `${row.section}.${row.property}`)).size).toBe(rows.length);
});
