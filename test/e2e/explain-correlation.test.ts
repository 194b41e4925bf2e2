// The page about correlations, tried: its example passes the tests beside it, and `rules explain` says what it waits for and how far a recording brings it.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-e2e-explain-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
put("empty.toml", "");

const page = readFileSync(join(root, "docs/how-to/correlations.md"), "utf8");
const [rules = "", tests = ""] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
put("enumeration.yml", rules);
put("enumeration.tests.yml", tests);
const events = (...list: readonly (readonly [image: string, user: string])[]): string =>
  list
    .map(([image, User], at) => ({
      product: "linux",
      category: "process_creation",
      UtcTime: `2026-03-01 10:00:${String(at).padStart(2, "0")}`,
      Image: `/usr/bin/${image}`,
      ...(User === "" ? {} : { User }),
    }))
    .map((event) => `${JSON.stringify(event)}\n`)
    .join("");
put(
  "fires.ndjson",
  events(["id", "bob"], ["whoami", "bob"], ["id", "eve"], ["id", ""], ["ls", "bob"], ["uname", "bob"]),
);
put("half.ndjson", events(["id", "bob"], ["id", "bob"], ["whoami", "bob"], ["id", "eve"]));

function agent(...argv: string[]): { out: string; err: string; code: number } {
  const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, join(root, "src/main.ts"), ...argv], {
    cwd: folder,
    env: { HOME: folder, TERM: "dumb", EDR_CONFIG: join(folder, "empty.toml") },
  });
  return { out: stdout.toString(), err: stderr.toString(), code: exitCode };
}
const id = "0a8f7b0e-6a55-4a57-9a4e-0c6f1f0d2b11";

describe("a correlation", () => {
  test("passes the tests beside it", () => {
    const { out, code } = agent("rules", "test", "--rules", "enumeration.yml");
    expect(out).toContain("1 rules, 2 events: 2 passed, 0 failed");
    expect(code).toBe(0);
  });

  test("is told in words", () => {
    const { out, code } = agent("rules", "explain", "--rule", "enumeration.yml");
    expect(code).toBe(0);
    expect(out).toContain(
      "fires when: events of host_question with the same User that have at least 3 different values of Image within 30s\n",
    );
    expect(out).toContain("host_question (rule, linux/process_creation): Question about the host\n");
    // The rule that it refers to is told as ever.
    expect(out).toContain("ends with one of");
  });

  test("is held against a recording: how often it fires, and for whom", () => {
    const { out, code } = agent(
      "rules",
      "explain",
      "--rule",
      id,
      "--rules",
      "enumeration.yml",
      "--event",
      "fires.ndjson",
    );
    expect(code).toBe(0);
    expect(out).toContain("fires once over 6 events\n  at event 5: User=bob: 3 (gte 3)\n");
    expect(out).toContain("host_question: 5 events\nevents without User: 1\n");
  });

  test("that does not fire says how far its groups came", () => {
    const args = ["rules", "explain", "--rule", id, "--rules", "enumeration.yml", "--event", "half.ndjson"];
    const { out, code } = agent(...args);
    expect(code).toBe(1);
    expect(out).toContain("does not fire over 4 events\n");
    // The newest event of a value is what is kept of it.
    expect(out).toContain(
      "fullest groups at the end:\n  User=bob: 2 events, 2 different values\n  User=eve: 1 event, 1 different value\n",
    );
    const { correlations } = JSON.parse(agent(...args, "--json").out) as { correlations: Record<string, unknown>[] };
    expect(correlations[0]).toMatchObject({ id, fired: 0, matched: { host_question: 4 }, without_group: 0 });
  });
});

test("the rules inside the binary are tested without a folder", () => {
  const { out, code } = agent("rules", "test");
  expect(out).toMatch(/^\d+ rules, \d+ events: \d+ passed, 0 failed$/m);
  expect(code).toBe(0);
});

test("a name that nothing has gets the nearest one, also of correlations", () => {
  const { err, code } = agent(
    "rules",
    "explain",
    "--rule",
    "Many questions about the host in a short tim",
    "--rules",
    "enumeration.yml",
  );
  expect(code).toBe(2);
  expect(err).toContain("did you mean 'Many questions about the host in a short time'?");
});
