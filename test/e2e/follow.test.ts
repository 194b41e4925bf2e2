// `agent replay --follow` on files that grow, are rotated and truncated, and what a terminal shows of a replay.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-follow-"));
  writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });
  writeFileSync(
    join(folder, "rule.yml"),
    "title: seen\nid: 00000000-0000-0000-0000-000000000001\nlogsource: { product: linux, category: process_creation }\nlevel: low\ndetection: { s: { Image: /bin/bad }, condition: s }\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const binary = join(root, "dist/agent");
const program =
  process.env.SIGIL_E2E_BINARY === "1" && existsSync(binary) ? [binary] : [process.execPath, join(root, "src/main.ts")];
const env = () => ({ HOME: folder, EDR_CONFIG: join(folder, "empty.toml"), TERM: "xterm" });

const event = (n: number, image = "/bin/bad"): string =>
  `${JSON.stringify({ product: "linux", category: "process_creation", Image: image, n, "@timestamp": "2026-01-31T00:00:00Z" })}\n`;

interface Alert {
  readonly event: { readonly id: string; readonly sequence: number };
  readonly sigil: { readonly event: { readonly n: string } };
}

/** A replay that follows, and what it has said so far. */
class Follower {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #out: Promise<void>;
  readonly #err: Promise<void>;
  out = "";
  err = "";

  constructor(...args: string[]) {
    this.#child = Bun.spawn([...program, "replay", "--rules", "rule.yml", "--summary", "--follow", ...args], {
      cwd: folder,
      env: env(),
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#out = collect(this.#child.stdout, (text) => {
      this.out += text;
    });
    this.#err = collect(this.#child.stderr, (text) => {
      this.err += text;
    });
  }

  get alerts(): Alert[] {
    return this.out
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line));
  }

  get seen(): number[] {
    return this.alerts.map(({ sigil }) => Number(sigil.event.n));
  }

  get stdin(): Bun.FileSink {
    return this.#child.stdin;
  }

  async until(condition: () => boolean): Promise<void> {
    const giveUp = Date.now() + 30_000;
    while (!condition()) {
      if (Date.now() > giveUp || this.#child.exitCode !== null) throw new Error(`It did not come to that: ${this.err}`);
      await Bun.sleep(20);
    }
  }

  async stop(signal?: NodeJS.Signals): Promise<number> {
    if (signal !== undefined) this.#child.kill(signal);
    const code = await this.#child.exited;
    await Promise.all([this.#out, this.#err]);
    return code;
  }
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
}

describe("a file that is followed", () => {
  test("gives its alerts as it grows, whole lines only, and a signal ends it well", async () => {
    const path = join(folder, "grow.ndjson");
    writeFileSync(path, event(1) + event(2, "/bin/good"));
    const follower = new Follower(path);
    await follower.until(() => follower.seen.length === 1);
    const [first = "", second = ""] = [event(3).slice(0, 30), event(3).slice(30)];
    appendFileSync(path, first);
    appendFileSync(path, second + event(4));
    await follower.until(() => follower.seen.length === 3);
    expect(await follower.stop("SIGINT")).toBe(0);
    expect(follower.seen).toEqual([1, 3, 4]);
    expect(follower.alerts.map(({ event: { sequence } }) => sequence)).toEqual([0, 2, 3]);
    expect(new Set(follower.alerts.map(({ event: { id } }) => id)).size).toBe(3);
    expect(JSON.parse(follower.err.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      files: 1,
      events: 4,
      malformed: 0,
      alerts: 3,
    });
  }, 60_000);

  test("is followed by name: through rotation, with what was written to the old one last, and truncation", async () => {
    const path = join(folder, "rotate.ndjson");
    writeFileSync(path, event(1));
    const follower = new Follower(path);
    await follower.until(() => follower.seen.length === 1);
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, event(2));
    writeFileSync(path, event(3));
    appendFileSync(`${path}.1`, event(4));
    await follower.until(() => follower.seen.length === 4);
    truncateSync(path, 0);
    await follower.until(() => follower.err.includes("truncated"));
    appendFileSync(path, event(5));
    await follower.until(() => follower.seen.length === 5);
    expect(await follower.stop("SIGTERM")).toBe(0);
    expect(follower.seen).toEqual([1, 2, 4, 3, 5]);
    expect(follower.err).toContain("rotated");
  }, 60_000);

  test.skipIf(process.platform === "win32")(
    "may become a named pipe, which nobody waits for, and a file again",
    async () => {
      const path = join(folder, "swapped.ndjson");
      writeFileSync(path, event(1));
      const follower = new Follower(path);
      await follower.until(() => follower.seen.length === 1);
      renameSync(path, `${path}.1`);
      expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
      await follower.until(() => follower.err.includes("it is no file"));
      rmSync(path);
      writeFileSync(path, event(2));
      await follower.until(() => follower.seen.length === 2);
      expect(await follower.stop("SIGTERM")).toBe(2);
    },
    60_000,
  );

  test("may not be there yet", async () => {
    const path = join(folder, "later.ndjson");
    const follower = new Follower(path);
    await follower.until(() => follower.err.includes("not there yet"));
    writeFileSync(path, event(1));
    await follower.until(() => follower.seen.length === 1);
    expect(await follower.stop("SIGINT")).toBe(0);
  }, 60_000);

  test("may be standard input, whose end is the end", async () => {
    const follower = new Follower("-");
    follower.stdin.write(event(1));
    await follower.stdin.flush();
    await follower.until(() => follower.seen.length === 1);
    follower.stdin.write(event(2).trimEnd());
    await follower.stdin.end();
    expect(await follower.stop()).toBe(0);
    expect(follower.seen).toEqual([1, 2]);
  }, 60_000);

  test("has to be text that grows", async () => {
    writeFileSync(join(folder, "x.gz"), Bun.gzipSync(Buffer.from(event(1))));
    writeFileSync(join(folder, "x.evtx"), "ElfFile\0\n");
    for (const path of ["x.gz", "x.evtx", "."]) {
      const follower = new Follower(path);
      expect(await follower.stop()).toBe(64);
      expect(follower.err).toContain("cannot be followed");
    }
    const both = new Follower("--per-file", "x.gz");
    expect(await both.stop()).toBe(64);
    expect(both.err).toContain("exclude each other");
  }, 60_000);

  test("of the audit log gives the records of an event when nothing more comes", async () => {
    const path = join(folder, "audit.log");
    writeFileSync(
      join(folder, "audit.yml"),
      "title: audit\nlogsource: { product: linux, service: auditd }\ndetection: { s: { type: EXECVE, a0: id }, condition: s }\n",
    );
    writeFileSync(path, 'type=EXECVE msg=audit(1600000000.000:7): argc=1 a0="id"\n');
    const follower = new Follower("--rules", "audit.yml", path);
    await follower.until(() => follower.out.includes("audit"));
    expect(await follower.stop("SIGINT")).toBe(0);
  }, 60_000);
});

describe("progress", () => {
  const many = (): string => {
    const path = join(folder, "many.ndjson");
    writeFileSync(path, Array.from({ length: 40_000 }, (_, n) => event(n, "/bin/good")).join(""));
    return path;
  };

  test("is one line on a terminal, taken away at the end", async () => {
    let seen = "";
    const terminal = new Bun.Terminal({
      cols: 60,
      rows: 5,
      data: (_, data) => {
        seen += Buffer.from(data).toString();
      },
    });
    const child = Bun.spawn([...program, "replay", "--rules", "rule.yml", many()], {
      cwd: folder,
      env: { ...env(), NO_COLOR: "1" },
      terminal,
    });
    expect(await child.exited).toBe(0);
    // What it wrote last may still be on its way.
    for (let left = 500; left > 0 && !seen.endsWith("\r\x1b[K"); left--) await Bun.sleep(10);
    terminal.close();
    const shown = seen.split("\r\x1b[K").filter((part) => part.includes("events"));
    expect(shown.length).toBeGreaterThan(0);
    for (const line of shown) expect(line.split("\r\n")[0]?.length).toBeLessThan(60);
    expect(shown.join("")).toMatch(/\d+ % {2}/);
    // Colours are codes that end in m.
    for (const code of seen.split("\x1b[").slice(1)) expect(code).not.toMatch(/^[\d;]*m/);
    expect(seen.slice(seen.lastIndexOf("events"))).toContain("\r\x1b[K");
  }, 60_000);

  test("is nothing where nobody looks", () => {
    const { stderr } = Bun.spawnSync([...program, "replay", "--rules", "rule.yml", many()], {
      cwd: folder,
      env: env(),
    });
    for (const sign of ["\r", "\x1b"]) expect(stderr.toString()).not.toContain(sign);
  }, 60_000);
});
