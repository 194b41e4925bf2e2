// What is derived from the table of keys: the commented `config.toml`, the JSON Schema and the reference page.

import { type Row, rows, type SectionName, sections } from "./keys.ts";

const fromTable = "Made from src/control/config/keys.ts; do not edit.";

/** The file that `agent config init` writes: every key at its default, commented out, with its documentation. */
export function defaultConfigToml(): string {
  const lines = [
    "# Configuration of the Sigil agent. Every key stands here with its default; remove the # before one to change it.",
    "# Order of precedence: flags, then environment (EDR__SECTION__KEY), then this file, then the defaults.",
    "# Relative paths are taken from the folder of this file. Check it with: agent config check --config FILE",
    `# ${fromTable}`,
  ];
  for (const section of sectionsWithKeys()) {
    lines.push("", `# ${sections[section].doc}`, `[${section}]`);
    for (const [index, row] of rowsOf(section).entries()) {
      if (index > 0) lines.push("");
      const stability = row.key.stability === "stable" ? "" : ` (${row.key.stability})`;
      lines.push(...wrap(`${row.key.doc}${stability}`, 110).map((line) => `# ${line}`));
      lines.push(`# ${row.key.type.name.replaceAll("`", "")}`);
      lines.push(`#${row.name} = ${row.key.type.write(row.key.default)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** JSON Schema (draft 2020-12) of `config.toml`, for editors and `agent config schema`. */
export function configSchema(): object {
  const properties: Record<string, object> = {};
  for (const section of Object.keys(sections) as SectionName[]) {
    const keys = rowsOf(section).map((row) => [
      row.name,
      {
        ...row.key.type.schema,
        description: row.key.doc,
        ...(row.key.secret ? { writeOnly: true } : { default: schemaDefault(row) }),
      },
    ]);
    properties[section] = {
      type: "object",
      description: sections[section].doc,
      additionalProperties: false,
      properties: Object.fromEntries(keys),
    };
  }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of the Sigil agent",
    type: "object",
    additionalProperties: false,
    properties,
  };
}

/** `docs/reference/config.md`. */
export function configReference(): string {
  const lines = [
    "# Configuration",
    "",
    `<!-- ${fromTable} -->`,
    "",
    "Values come from the defaults, then the configuration file, then `EDR__SECTION__KEY` environment variables, then",
    "flags; the later wins. `agent config show` prints every value with its origin. The file is the one given by",
    "`--config`, else by `EDR_CONFIG`, else `/etc/sigil/config.toml` (Windows: `%ProgramData%\\Sigil\\config.toml`), else",
    "`config.toml` beside the binary; the working directory is never searched. Relative paths are taken from the folder",
    "of the file; in flags and environment variables from the working directory. An unknown key or a wrong type is an",
    "error (exit status 78).",
    "",
    "In an environment variable a list is separated by commas, a table is written `name=a|b,other=c`.",
    "",
    "Incubating keys may change in a minor version, stable ones only in a major version.",
  ];
  for (const section of sectionsWithKeys()) {
    lines.push("", `## ${section}`, "", sections[section].doc);
    for (const row of rowsOf(section)) {
      lines.push(
        "",
        `### \`${row.dotted}\``,
        "",
        row.key.doc,
        "",
        `- Type: ${row.key.type.name}${row.key.secret ? ", secret" : ""}`,
        `- Default: \`${row.key.type.write(row.key.default)}\``,
        `- Environment: \`${row.environment}\``,
        `- Stability: ${row.key.stability}`,
      );
    }
  }
  const empty = (Object.keys(sections) as SectionName[]).filter((section) => rowsOf(section).length === 0);
  if (empty.length > 0) {
    const names = empty.map((section) => `\`${section}\``).join(", ");
    lines.push("", "## Reserved sections", "", `No keys in this version: ${names}.`);
  }
  return `${lines.join("\n")}\n`;
}

function rowsOf(section: SectionName): readonly Row[] {
  return rows.filter((row) => row.section === section);
}

function sectionsWithKeys(): readonly SectionName[] {
  return (Object.keys(sections) as SectionName[]).filter((section) => rowsOf(section).length > 0);
}

/** The default as JSON would hold it: durations and sizes are texts outside. */
function schemaDefault(row: Row): unknown {
  return row.key.type.suffix === "" ? row.key.default : JSON.parse(row.key.type.write(row.key.default));
}

function wrap(text: string, widthMax: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > widthMax) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
