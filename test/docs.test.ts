// Holds the pages to the tree and to the program: links lead somewhere, headings that are linked exist, command lines parse, files that
// are named exist. Each check is tried here on a page that breaks it, so that none can fall silent.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { targets } from "../build.ts";
import { root } from "../native/build-steps.ts";
import packageJson from "../package.json" with { type: "json" };
import { commands, families } from "../src/cli/commands.ts";
import { parseArgv, UsageError } from "../src/cli/parse.ts";
import { rowsByName } from "../src/control/config/keys.ts";

interface Page {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

function listPages(): Page[] {
  const listed = Bun.spawnSync(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: root,
  });
  if (listed.exitCode !== 0) throw new Error(listed.stderr.toString());
  return listed.stdout
    .toString()
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** The page without fenced and indented code and without code spans: what a reader sees as text. */
function proseOf(text: string): string {
  return text
    .replaceAll(/^```[^\n]*\n[\s\S]*?^```$/gm, "")
    .replaceAll(/^ {4}.*$/gm, "")
    .replaceAll(/`[^`\n]*`/g, "");
}

/** The name under which a heading can be linked: lower case, blanks to dashes, punctuation gone (as the usual hosts do it). */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} +(.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      (heading as string)
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function linkComplaints(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  const anchors = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
  return pages.flatMap(({ path, text }) =>
    // Code spans inside the words of a link stand for text; the target is kept.
    [...proseOf(text.replaceAll(/`/g, "")).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
      const link = match[1] as string;
      if (/^[a-z]+:/.test(link)) return [];
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : normalize(join(dirname(path), file));
      if (target.startsWith("..") || !exists(target)) return [`${path}: leads nowhere: ${link}`];
      const known = anchors.get(target);
      if (anchor !== undefined && known !== undefined && !known.has(anchor))
        return [`${path}: no such heading: ${link}`];
      return [];
    }),
  );
}

/** What stands behind the name of the program in lines of code blocks, fenced or indented, and in code spans. */
function commandLines(text: string, program: string): string[] {
  const fenced = [...text.matchAll(/^```(?:sh|console|bash)?\n([\s\S]*?)^```$/gm)].flatMap((it) =>
    (it[1] as string).split("\n"),
  );
  const indented = [...text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^ {4,}(.*)$/gm)].map(
    (it) => it[1] as string,
  );
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map((it) => it[1] as string);
  const start = new RegExp(`(?:^|[|(] *)(?:\\$ )?(?:[A-Z_0-9]+=\\S+ )*(?:dist/)?${program} +(\\S.*)$`);
  return [...fenced, ...indented, ...spans].flatMap((line) => start.exec(line)?.[1] ?? []);
}

/** The words of a simple shell command: up to a pipe, a redirection, a remark or the end; quotes taken off. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [token] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (/^(?:[|>;&#]|\d?>)/.test(token)) break;
    words.push(token.replaceAll(/["']/g, "").replace(/[;)]+$/, ""));
  }
  return words;
}

/** A synopsis (`agent run [--config FILE]`) shows a form, not a command. */
const isSynopsis = (line: string): boolean => /[[\]…]|\.\.\.|\b(ARGS|COMMAND|SHELL|WORDS)\b/.test(line);
/** Messages of the log that begin with the name. */
const logMessages: ReadonlySet<string> = new Set(["ready", "stopped"]);
/** A sentence may name a command without its arguments. */
const namesOf: ReadonlySet<string> = new Set([...commands.map(({ id }) => id), ...Object.keys(families)]);
const isCommand = (line: string): boolean =>
  !isSynopsis(line) && !logMessages.has(line) && !namesOf.has(line) && /^(?:-|[a-z])/.test(line);

function agentComplaints(pages: readonly Page[]): string[] {
  return pages.flatMap(({ path, text }) =>
    commandLines(text, "agent")
      .filter(isCommand)
      .flatMap((line) => {
        try {
          parseArgv(wordsOf(line));
          return [];
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          return [`${path}: agent ${line}: ${error.message}`];
        }
      }),
  );
}

function npmComplaints(pages: readonly Page[]): string[] {
  const scripts = Object.keys(packageJson.scripts);
  const names = new Set(targets.map(({ name }) => name));
  return pages.flatMap(({ path, text }) =>
    commandLines(text, "npm").flatMap((line) => {
      const [first = "", second = "", ...rest] = wordsOf(line.replaceAll(/[[\]]/g, ""));
      // What our own scripts are not about: `npm ci` in a sentence.
      if (first === "ci") return [];
      const script = first === "run" ? second : first;
      if (script !== "" && !script.split("|").every((it) => scripts.includes(it)))
        return [`${path}: npm ${line}: no script ${script}`];
      const target = rest[rest.indexOf("--target") + 1] ?? "";
      const asks = rest.includes("--target") && !/^[A-Z]/.test(target);
      return asks && !names.has(target) ? [`${path}: npm ${line}: no target ${target}`] : [];
    }),
  );
}

/** Paths in code spans that look like files of this tree. */
function pathComplaints(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:src|test|native|docs|rules)\/[A-Za-z0-9_./-]*)`/g)].flatMap(([, named]) =>
      exists((named as string).replace(/\/$/, "")) ? [] : [`${path}: names what is not there: ${named}`],
    ),
  );
}

/** `section.key` in a code span, where the section is one of ours, is a key of the configuration, or one of the ECS fields that begin alike. */
const ecsNames = new Set(
  ["bytes", "direction", "iana_number", "protocol", "transport", "type"].map((name) => `network.${name}`),
);
function keyComplaints(pages: readonly Page[]): string[] {
  const sections = [...new Set([...rowsByName.keys()].map((name) => name.split(".")[0] as string))];
  const pattern = new RegExp(`\`((?:${sections.join("|")})\\.[a-z_]+)\``, "g");
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].flatMap(([, name]) =>
      rowsByName.has(name as string) || ecsNames.has(name as string)
        ? []
        : [`${path}: no such configuration key: ${name}`],
    ),
  );
}

const pages = listPages();
const existsHere = (path: string): boolean => existsSync(join(root, path));

describe("the pages", () => {
  test("link to files and headings that are there", () => {
    expect(linkComplaints(pages, existsHere)).toEqual([]);
  });
  test("show command lines that the agent understands", () => {
    expect(agentComplaints(pages)).toEqual([]);
    // Were the lines not found, nothing would have been checked.
    const readme = pages.find(({ path }) => path === "README.md")?.text ?? "";
    expect(commandLines(readme, "agent").filter(isCommand).length).toBeGreaterThanOrEqual(5);
  });
  test("name npm scripts and build targets that exist", () => {
    expect(npmComplaints(pages)).toEqual([]);
  });
  test("name files that exist", () => {
    expect(pathComplaints(pages, existsHere)).toEqual([]);
  });
  test("name configuration keys that exist", () => {
    expect(keyComplaints(pages)).toEqual([]);
  });
  test("are all reachable from the index", () => {
    const index = pages.find(({ path }) => path === "docs/README.md")?.text ?? "";
    const missing = pages
      .filter(({ path }) => path.startsWith("docs/") && path !== "docs/README.md")
      .filter(({ path }) => !index.includes(`(${path.slice("docs/".length)})`));
    expect(missing.map(({ path }) => path)).toEqual([]);
  });
});

describe("the checks themselves", () => {
  const page = (text: string): Page[] => [{ path: "docs/a.md", text }];
  const always = (): boolean => true;
  const never = (): boolean => false;

  test("see a link that leads nowhere, out of the tree, or to no heading", () => {
    expect(linkComplaints(page("[a](b.md)"), never)).toHaveLength(1);
    expect(linkComplaints(page("[`a`](../../b.md)"), always)).toHaveLength(1);
    expect(linkComplaints(page("# One two\n[a](#one-two) [b](#three)"), always)).toHaveLength(1);
    expect(linkComplaints(page("[a](https://example.org/b.md)"), never)).toEqual([]);
    expect(linkComplaints(page("    [a](b.md)"), never)).toEqual([]);
  });
  test("see a command that the agent does not understand, in a block, behind a pipe and in a sentence", () => {
    expect(agentComplaints(page("    agent run --no-such-flag"))).toHaveLength(1);
    expect(agentComplaints(page("    $ zcat x | agent replai -"))).toHaveLength(1);
    expect(agentComplaints(page("    EDR_A=b agent confg show   # remark"))).toHaveLength(1);
    expect(agentComplaints(page("```sh\nagent run --duration soon\n```"))).toHaveLength(1);
    expect(agentComplaints(page("see `agent replay --sumary x`"))).toHaveLength(1);
    expect(agentComplaints(page("    agent replay --summary 'a b' x | head -1"))).toEqual([]);
  });
  test("see an npm script or a target that is not there", () => {
    expect(npmComplaints(page("    npm run biuld"))).toHaveLength(1);
    expect(npmComplaints(page("    npm run build -- --target linux-x65"))).toHaveLength(1);
  });
  test("see a file that is not there", () => {
    expect(pathComplaints(page("in `src/a/b.ts`"), never)).toHaveLength(1);
  });
  test("see a configuration key that is not there", () => {
    expect(keyComplaints(page("set `alerts.outptu`"))).toHaveLength(1);
  });
});
