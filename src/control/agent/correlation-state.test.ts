import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { correlationStateSizeMaxBytes } from "../config/limits.ts";
import { CorrelationStateFile, readCorrelationState } from "./correlation-state.ts";

const folder = mkdtempSync(join(tmpdir(), "sigil-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function written(name: string, ...texts: string[]): Promise<{ path: string; failures: string[] }> {
  const path = join(folder, name);
  const failures: string[] = [];
  const file = new CorrelationStateFile(path, (reason) => failures.push(reason));
  for (const text of texts) file.put(text);
  await file.settled();
  return { path, failures };
}

const refusal = (path: string): string => {
  const read = readCorrelationState(path);
  return "refused" in read ? read.refused : JSON.stringify(read);
};

describe("a saved state", () => {
  test("comes back as it was, the newest of several", async () => {
    const { path, failures } = await written("one", '{"a":1}', '{"b":2}', '{"c":"ü"}');
    expect(failures).toEqual([]);
    expect(readCorrelationState(path)).toEqual({ text: '{"c":"ü"}' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  test("that was never written is no fault", () => {
    expect(readCorrelationState(join(folder, "never"))).toEqual({ absent: true });
  });

  test("is refused when a bit of it changed, or its end is missing", async () => {
    const { path } = await written("damaged", JSON.stringify({ version: 1, correlations: [] }));
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 1;
      writeFileSync(path, bytes);
      expect([at, "refused" in readCorrelationState(path)]).toEqual([at, true]);
      writeFileSync(path, whole.subarray(0, at));
      expect([at, "refused" in readCorrelationState(path)]).toEqual([at, true]);
    }
  });

  test("is refused when it is of another version, or something else", async () => {
    const { path } = await written("other", "{}");
    writeFileSync(path, readFileSync(path, "utf8").replace('"version":1', '"version":2'));
    expect(refusal(path)).toContain("another version");
    writeFileSync(path, "title: a rule\n");
    expect(refusal(path)).toBe("it is no saved state");
    writeFileSync(path, "null\n{}");
    expect(refusal(path)).toBe("it is no saved state");
  });

  test("is refused when others may write it, or when it is no file of its own", async () => {
    const { path } = await written("open", "{}");
    chmodSync(path, 0o666);
    expect(refusal(path)).toBe("others may write it");
    chmodSync(path, 0o600);
    symlinkSync(path, join(folder, "link"));
    expect(refusal(join(folder, "link"))).toBe("it is a symbolic link");
    mkdirSync(join(folder, "directory"));
    expect(refusal(join(folder, "directory"))).toBe("it is not a regular file");
  });

  test("that cannot be written leaves the one before, and is told", async () => {
    const { path } = await written("kept", "{}");
    const { failures } = await written("kept", "x".repeat(correlationStateSizeMaxBytes + 1));
    expect(failures[0]).toContain("more than");
    expect(readCorrelationState(path)).toEqual({ text: "{}" });
    expect((await written("no/such/folder", "{}")).failures).toEqual(["ENOENT"]);
  });
});
