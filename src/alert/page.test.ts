// docs/reference/alerts.md names every field that a document can have.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { agent, inputs, linuxHost } from "../../test/fixtures/alerts/inputs.ts";
import { AlertEncoder } from "./mod.ts";

const page = readFileSync(new URL("../../docs/reference/alerts.md", import.meta.url), "utf8");

/** `a.{b,c}[].d` → `a.b.d`, `a.c.d`; more than one pair of braces too. */
function expand(name: string): string[] {
  const braces = /^(.*?)\{([^}]*)\}(.*)$/.exec(name);
  if (braces === null) return [name.replaceAll("[]", "")];
  return (braces[2] ?? "").split(",").flatMap((word) => expand(`${braces[1]}${word}${braces[3]}`));
}

const named = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => [...(line.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].flatMap(([, name = ""]) => expand(name)));

function paths(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, path));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => paths(member, path === "" ? name : `${path}.${name}`));
}

test("docs/reference/alerts.md names every field of every document", () => {
  const encoder = new AlertEncoder({ agent, host: linuxHost });
  const lines = Object.values(inputs).flatMap((input) => [encoder.alert(input).line, encoder.event(input).line]);
  lines.push(
    encoder.state({ kind: "state", timeMs: 0, action: "a", message: "m", values: { a: 1 }, outcome: "failure" }).line,
  );
  const unnamed = new Set<string>();
  for (const path of lines.flatMap((line) => paths(JSON.parse(line)))) {
    const isNamed = named.some((name) =>
      name.endsWith(".*")
        ? name !== "sigil.*" && path.startsWith(name.slice(0, -1))
        : path === name || path.startsWith(`${name}.`),
    );
    if (!isNamed) unnamed.add(path);
  }
  // What the fixture's sensor added: covered by the row "`sigil.*` otherwise".
  expect([...unnamed]).toEqual(["sigil.file.upper_layer", "sigil.memfd"]);
});
