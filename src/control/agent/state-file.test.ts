// The file that says that the agent lives: what is written is read, what is not ours is refused by name, and what happened since is told.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describeWhere } from "../../../test/needs.ts";
import { readState, type SavedState, unseen, writeState } from "./state-file.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const own = { version: "1.2.3", startedMs: 1_700_000_000_000, isEnded: false };

describe("the state file", () => {
  test("is read as it was written, and only its owner can read it", () => {
    const path = join(folder, "deep", "state.json");
    expect(writeState(path, own)).toBeUndefined();
    expect(readState(path)).toMatchObject(own);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(writeState(path, { ...own, isEnded: true })).toBeUndefined();
    expect(readState(path)).toMatchObject({ isEnded: true });
  });

  test("that is not there is none, and a folder that cannot be written is a reason", () => {
    expect(readState(join(folder, "nowhere.json"))).toBeUndefined();
    writeFileSync(join(folder, "file"), "");
    expect(writeState(join(folder, "file", "state.json"), own)).toBeString();
  });

  test("of a later version is refused by name", () => {
    const path = join(folder, "later.json");
    writeState(path, own);
    writeFileSync(path, readFileSync(path, "utf8").replace('"format":1', '"format":2'));
    expect(readState(path)).toBe("its format has version 2; this program knows 1");
  });

  test("of any content is read or refused, never thrown at", () => {
    const path = join(folder, "any.json");
    const json = fc.jsonValue().map((value) => JSON.stringify(value));
    const near = fc
      .record({
        format: fc.constant(1),
        version: fc.string(),
        ended: fc.boolean(),
        boot_id: fc.string(),
        started_ms: fc.double(),
        seen_ms: fc.double(),
        boot_ms: fc.double(),
        forks: fc.double(),
      })
      .map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, near), (content) => {
        writeFileSync(path, content);
        const state = readState(path);
        expect(state).toBeDefined();
        if (typeof state === "object") expect(() => new Date(state.seenMs).toISOString()).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });
});

describeWhere("what happened since", [process.platform === "linux" ? undefined : "needs /proc"], () => {
  test("is counted within one boot, and not beyond it", () => {
    const path = join(folder, "since.json");
    writeState(path, own);
    const before = readState(path) as SavedState;
    for (let i = 0; i < 3; i++) Bun.spawnSync(["true"]);
    const gap = unseen(before);
    expect(gap.isSameBoot).toBe(true);
    expect(gap.forks).toBeGreaterThanOrEqual(3);
    const { isSameBoot, seconds } = unseen({ ...before, bootId: "another", seenMs: Date.now() - 60_000 });
    expect(isSameBoot).toBe(false);
    expect(seconds).toBeGreaterThanOrEqual(60);
  });
});
