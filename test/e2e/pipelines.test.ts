// Processing pipelines from outside: the example of the how-to page does what the page says, and a pipeline with a fault stops everything.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-e2e-pipelines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
put("empty.toml", "");

const page = readFileSync(join(root, "docs/how-to/pipelines.md"), "utf8");
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? "";
put("acme.yml", block("yaml"));
put("events.ndjson", block("json"));
const rule = (title: string, id: string, selection: string): string =>
  `title: ${title}\nid: ${id}1111111-1111-4111-8111-111111111111\nlogsource: { product: linux, category: process_creation }\ndetection:\n  sel: ${selection}\n  condition: sel\n`;
put(
  "rules.yml",
  [
    rule("Curl to a file", "1", "{ Image|endswith: /curl, CommandLine|contains: ' -o ', User: root }"),
    rule("Another user", "2", "{ Image|endswith: /curl, User: bob }"),
    rule("By its parent", "3", "{ Image|endswith: /curl, ParentImage: x }"),
  ].join("---\n"),
);
put("bad.yml", "transformations:\n  - { type: field_name_maping, mapping: { Image: x } }\n");

function agent(...argv: string[]): { out: string; err: string; code: number } {
  const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, join(root, "src/main.ts"), ...argv], {
    cwd: folder,
    env: { HOME: folder, TERM: "dumb", EDR_CONFIG: join(folder, "empty.toml") },
  });
  return { out: stdout.toString(), err: stderr.toString(), code: exitCode };
}
const titles = (out: string): string[] =>
  out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { rule: { name: string } }).rule.name);

test("the pipeline of the how-to page reads rules for Linux as rules for its logs", () => {
  const { out, code } = agent("replay", "--rules", "rules.yml", "--pipeline", "acme.yml", "events.ndjson");
  expect(code).toBe(0);
  expect(titles(out)).toEqual(["Curl to a file"]);
  expect(titles(agent("replay", "--rules", "rules.yml", "events.ndjson").out)).toEqual([]);
});

test("rules that the pipeline refuses are named, with its message", () => {
  const { err, code } = agent("rules", "validate", "--rules", "rules.yml", "--pipeline", "acme.yml");
  expect(code).toBe(1);
  expect(err).toContain("acme has no parent processes");
});

test("a pipeline with a fault is told with its place, and nothing is evaluated without it", () => {
  const validated = agent("rules", "validate", "--rules", "rules.yml", "--pipeline", "bad.yml");
  expect(validated.code).toBe(1);
  expect(validated.err).toContain("bad.yml:2:13");
  expect(validated.err).toContain("did you mean 'field_name_mapping'?");
  const replayed = agent("replay", "--rules", "rules.yml", "--pipeline", "bad.yml", "events.ndjson");
  expect(replayed).toMatchObject({ code: 78, out: "" });
});

test("the configuration can name pipelines", () => {
  put("config.toml", '[sigma]\nrules_paths = ["rules.yml"]\npipelines = ["acme.yml"]\n');
  const { out } = agent("replay", "--config", "config.toml", "events.ndjson");
  expect(titles(out)).toEqual(["Curl to a file"]);
});
