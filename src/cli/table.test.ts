// What is made from the table of commands is complete, fits, and is accepted by the programs it is for.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, needsProgram } from "../../test/needs.ts";
import { rows } from "../control/config/keys.ts";
import { embeddedRulesFile } from "../control/rules/mod.ts";
import { commands, families } from "./commands.ts";
import { bashCompletion } from "./complete/bash.ts";
import { fishCompletion } from "./complete/fish.ts";
import { powershellCompletion } from "./complete/powershell.ts";
import { zshCompletion } from "./complete/zsh.ts";
import { helpText } from "./doc/help.ts";
import { manPage } from "./doc/man.ts";
import { generatedFiles } from "./generated.ts";
import type { Command } from "./spec.ts";

const all: readonly Command[] = commands;
const root = join(import.meta.dir, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "sigil-cli-"));

function run(command: string[], input = "") {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { stdin: Buffer.from(input), cwd: folder });
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

test("every help text fits a screen of 80 columns and 30 lines", () => {
  for (const topic of ["", ...Object.keys(families), ...all.map(({ id }) => id)]) {
    const lines = helpText(topic).split("\n");
    expect([topic, lines.length <= 31]).toEqual([topic, true]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  }
});

test("rows of the table are in order: no flag twice, phrases without full stops, keys that exist", () => {
  const keys = new Set<string>(rows.map(({ dotted }) => dotted));
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const { id, flags, summary, examples } of all) {
    expect(new Set(flags.map(({ name }) => name)).size).toBe(flags.length);
    expect(summary).not.toEndWith(".");
    expect(examples.length).toBeGreaterThan(0);
    for (const flag of flags) {
      expect([id, flag.doc, flag.doc.length <= 54 && !flag.doc.endsWith(".")]).toEqual([id, flag.doc, true]);
      for (const key of flag.keys ?? []) expect(keys.has(key)).toBe(true);
    }
  }
});

test("the generated files of the repository are fresh (else: bun src/cli/generate.ts)", () => {
  for (const { path, text } of [...generatedFiles, embeddedRulesFile(root)]) {
    expect([path, readFileSync(join(root, path), "utf8") === text()]).toEqual([path, true]);
  }
});

test("completions of every shell know every command and flag", () => {
  for (const script of [bashCompletion(), zshCompletion(), fishCompletion(), powershellCompletion()]) {
    for (const { id, flags } of all) {
      for (const word of id.split(" ")) expect(script).toContain(word);
      for (const { name } of flags) expect(script).toContain(name);
    }
  }
});

/** What bash offers for a line, the cursor at its end. */
function bashOffers(...words: string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(" ");
  const script = `${bashCompletion()}\nCOMP_WORDS=(agent ${list}); COMP_CWORD=${words.length}\n_agent\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = run(["bash", "--norc", "-c", script]);
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash accepts its script and completes commands, flags, values and files", () => {
  expect(run(["bash", "-n"], bashCompletion())).toMatchObject({ exitCode: 0, stderr: "" });
  expect(bashOffers("rep")).toEqual(["replay"]);
  expect(bashOffers("config", "")).toEqual(["check", "show", "init", "schema"]);
  expect(bashOffers("config", "show", "--j")).toEqual(["--json"]);
  expect(bashOffers("run", "--min-level", "h")).toEqual(["high"]);
  expect(bashOffers("--min-level", "cr")).toEqual(["critical"]);
  expect(bashOffers("completion", "z")).toEqual(["zsh"]);
  writeFileSync(join(folder, "a rule.yml"), "");
  expect(bashOffers("run", "--rules", "a")).toEqual(["a rule.yml"]);
  expect(bashOffers("replay", "a")).toEqual(["a rule.yml"]);
});

for (const [shell, script, check] of [
  ["zsh", zshCompletion, ["-n"]],
  ["fish", fishCompletion, ["--no-execute"]],
] as const) {
  describeWhere(`${shell} accepts its script`, [needsProgram(shell)], () => {
    test("without a word", () => {
      const file = join(folder, `completion.${shell}`);
      writeFileSync(file, script());
      expect(run([shell, ...check, file])).toMatchObject({ exitCode: 0, stderr: "" });
    });
  });
}

describeWhere("fish completes", [needsProgram("fish")], () => {
  test("commands, flags and values", () => {
    writeFileSync(join(folder, "agent.fish"), fishCompletion());
    const offers = (line: string) => {
      const { stdout } = run(["env", `HOME=${folder}`, "fish", "-c", `source agent.fish; complete -C '${line}'`]);
      return stdout.split("\n").flatMap((offer) => (offer === "" ? [] : [offer.split("\t")[0]!]));
    };
    expect(offers("agent config ")).toEqual(["check", "init", "schema", "show"]);
    expect(offers("agent config show --j")).toEqual(["--json"]);
    expect(offers("agent run --min-level h")).toEqual(["high"]);
    expect(offers("agent --min-level cr")).toEqual(["critical"]);
  });
});

describeWhere("the manual page", [needsProgram("man")], () => {
  test("is formatted without a warning and shows every command and flag", () => {
    const file = join(folder, "agent.8");
    writeFileSync(file, manPage());
    const environment = ["MANROFFOPT=-ww", "LC_ALL=C.UTF-8", "MANWIDTH=200", "MAN_KEEP_FORMATTING="];
    const { stdout, stderr, exitCode } = run(["env", ...environment, "man", "--warnings=w", "-l", "-P", "cat", file]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    for (const { id, flags } of all) {
      expect(stdout).toContain(id);
      for (const { name } of flags) expect(stdout).toContain(`--${name}`);
    }
  });
});

test("the manual page is plain ASCII and no line of text begins as a request by accident", () => {
  for (const line of manPage().split("\n")) {
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    if (line.startsWith(".")) expect(line).toMatch(/^\.(TH|SH|SS|TP|PP|B|BR|I|br|nf|fi|RS|RE)\b/);
  }
});
