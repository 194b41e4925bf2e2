// `agent config show`: every value with where it came from, secrets masked.

import { printable } from "../../std/mod.ts";
import { sections } from "./keys.ts";
import type { RawConfig, RawValue } from "./load.ts";

const mask = "********";

/** TOML with the origin of each value behind it; can be used as a configuration file once the secrets are put back. */
export function showConfig(raw: RawConfig): string {
  const lines: string[] = [raw.file === undefined ? "# No configuration file" : `# File: ${printable(raw.file)}`];
  for (const section of Object.keys(sections)) {
    const values = [...raw.values.values()].filter(({ row }) => row.section === section);
    if (values.length === 0) continue;
    lines.push("", `[${section}]`);
    const texts = values.map((one) => `${one.row.name} = ${shownValue(one)}`);
    const width = Math.min(48, Math.max(...texts.map((one) => one.length)));
    for (const [index, one] of values.entries()) {
      lines.push(`${texts[index]!.padEnd(width)}  # ${printable(originText(one))}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The same as data: `{file, values: [{key, value, origin: {kind, name}}]}`. */
export function showConfigJson(raw: RawConfig): object {
  return {
    file: raw.file ?? null,
    values: [...raw.values.values()].map((one) => {
      const { type } = one.row.key;
      const plain = type.suffix === "" ? one.value : JSON.parse(type.write(one.value));
      return { key: one.row.dotted, value: isMasked(one) ? mask : plain, origin: one.origin };
    }),
  };
}

function isMasked({ row, value }: RawValue): boolean {
  return row.key.secret && value !== "";
}

function shownValue(one: RawValue): string {
  return isMasked(one) ? JSON.stringify(mask) : printable(one.row.key.type.write(one.value));
}

function originText({ origin }: RawValue): string {
  return origin.kind === "default" ? "default" : origin.name;
}
