import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { zip } from "../../../test/fixtures/zip-writer.ts";
import { pipeChunks } from "./bytes.ts";
import { isInputError } from "./input-error.ts";
import { openSources } from "./sources.ts";
import { BombError, UnpackBudget } from "./unpack.ts";
import { ZstdFrames } from "./zstd-frames.ts";

let folder = "";
const { TMPDIR } = process.env;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sigil-test-"));
  mkdirSync(join(folder, "tmp"));
  process.env.TMPDIR = join(folder, "tmp");
});
afterAll(() => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

test.skipIf(process.platform === "win32")("a named pipe is read to its end though its writer is gone", async () => {
  const pipe = join(folder, "pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  const writer = Bun.spawn(["sh", "-c", 'echo one > "$0"', pipe]);
  const file = await open(pipe, "r");
  await writer.exited;
  // Opened by name again, it would wait for another writer.
  expect(String(Buffer.concat(await Array.fromAsync(pipeChunks(file), (chunk) => Buffer.from(chunk))))).toBe("one\n");
  await file.close();
});

type Read = (string | { problem: string })[];

/** What is in `content`, each as `name: text`, or why it could not be read. Names are without that of the file. */
async function read(
  content: string | Uint8Array,
  options: { stdin?: boolean; budget?: UnpackBudget } = {},
): Promise<Read> {
  const path = options.stdin === true ? "-" : join(folder, "input");
  if (options.stdin !== true) writeFileSync(path, content);
  // In pieces: a pipe has no other.
  const bytes = Buffer.from(content);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, n) =>
    bytes.subarray(n * 1000, n * 1000 + 1000),
  );
  const all: Read = [];
  try {
    for await (const source of openSources(path, Readable.from(pieces), true, options.budget ?? new UnpackBudget())) {
      if ("problem" in source) {
        all.push({ problem: `${source.path.slice(path.length)}: ${source.problem}` });
        continue;
      }
      let text = "";
      try {
        for await (const chunk of source.chunks) text += chunk.toString("latin1");
      } catch (error) {
        if (!isInputError(error) || error instanceof BombError) throw error;
        text += " …";
      }
      all.push(`${source.path.slice(path.length)}: ${text}`);
    }
  } catch (error) {
    if (!isInputError(error)) throw error;
    all.push({ problem: error instanceof Error ? error.message : "" });
  }
  return all;
}

async function digests(content: Uint8Array): Promise<string[]> {
  const path = join(folder, "digest");
  writeFileSync(path, content);
  const all: string[] = [];
  for await (const source of openSources(path, Readable.from([]), true, new UnpackBudget())) {
    if ("problem" in source) throw new Error(source.problem);
    for await (const _ of source.chunks);
    all.push(source.digest());
  }
  return all;
}

const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 3);
const text = "hello\n".repeat(2000);

describe("compressed bytes", () => {
  test("are unpacked by what they are, from files and from standard input, also one in the other", async () => {
    for (const packed of [
      gzipSync(text),
      zstdCompressSync(text),
      gzipSync(zstdCompressSync(text)),
      Buffer.concat([gzipSync(text.slice(0, 600)), gzipSync(text.slice(600))]),
      Buffer.concat([zstdCompressSync(text.slice(0, 600)), zstdCompressSync(text.slice(600))]),
      // A skippable frame of three bytes comes first.
      Buffer.concat([Buffer.from("502a4d1803000000aabbcc", "hex"), zstdCompressSync(text)]),
    ]) {
      expect(await read(packed)).toEqual([`: ${text}`]);
      expect(await read(packed, { stdin: true })).toEqual([`: ${text}`]);
      expect(await digests(packed)).toEqual([sha256(packed)]);
    }
  });

  test("that end early or are damaged give what is there, and an error", async () => {
    const noise = Buffer.from(
      fc.sample(fc.uint8Array({ minLength: 300_000, maxLength: 300_000 }), { seed: 1, numRuns: 1 })[0] ?? [],
    );
    for (const pack of [gzipSync, zstdCompressSync]) {
      const [found] = await read(cut(pack(noise)));
      expect(String(found)).toEndWith(" …");
      expect(String(found).length).toBeGreaterThan(100_000);
      const damaged = Buffer.from(pack(text));
      damaged.fill(0xff, 5, 22);
      expect(await read(damaged)).toEqual([{ problem: expect.stringMatching(/./) }]);
    }
  });

  test("are not unpacked without end", async () => {
    let packed: Buffer = gzipSync(text);
    for (let i = 0; i < 4; i++) packed = gzipSync(packed);
    expect(await read(packed)).toEqual([{ problem: "it is compressed more than 4 times over" }]);
  });

  test("of zstd are whole when their frames are, wherever they are cut into pieces", () => {
    const frames = [text, "", "x", "z".repeat(300_000)].map((each) => zstdCompressSync(each));
    const whole = Buffer.concat(frames);
    const ends = new Set<number>();
    for (let i = 1; i <= frames.length; i++) ends.add(Buffer.concat(frames.slice(0, i)).length);
    const follower = new ZstdFrames();
    for (let at = 0; at < whole.length; at++) {
      follower.push(whole.subarray(at, at + 1));
      expect(follower.isComplete).toBe(ends.has(at + 1));
    }
    const atOnce = new ZstdFrames();
    atOnce.push(whole);
    expect(atOnce.isComplete).toBe(true);
  });
});

describe("an archive", () => {
  const members = [
    { name: "b/two.json", content: "2" },
    { name: "a.ndjson", content: "1", method: 0 },
    { name: "c.evtx", content: "3", method: 93 },
    { name: "d.json.gz", content: gzipSync("4"), isStreamed: true },
  ];
  const expected = ["!a.ndjson: 1", "!b/two.json: 2", "!c.evtx: 3", "!d.json.gz: 4"];

  test("is its recordings in sorted order, from files, standard input and inside of other compression", async () => {
    const archive = zip(...members);
    expect(await read(archive)).toEqual(expected);
    expect(await read(archive, { stdin: true })).toEqual(expected);
    expect(await read(gzipSync(archive))).toEqual(expected);
    expect(await read(zip({ name: "in.zip", content: archive }))).toEqual(expected.map((each) => `!in.zip${each}`));
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });

  test("gives its members the digests that they have outside of it", async () => {
    const contents = members.map(({ content }) => sha256(content));
    expect((await digests(zip(...members))).toSorted()).toEqual(contents.toSorted());
  });

  test("leaves out what is no recording by its name, unless it is all there is", async () => {
    const notes = { name: "README.md", content: "x" };
    const hidden = [
      { name: "__MACOSX/._a.json", content: "x" },
      { name: ".git/b.json", content: "x" },
      { name: "folder/", content: "" },
    ];
    expect(await read(zip(notes, { name: "a.json", content: "1" }, ...hidden))).toEqual(["!a.json: 1"]);
    expect(await read(zip({ name: "host.log", content: "1" }, ...hidden))).toEqual(["!host.log: 1"]);
    expect(await read(zip(notes, { name: "b.txt", content: "x" }))).toEqual([
      { problem: ": no recording is in the archive" },
    ]);
    expect(await read(zip())).toEqual([{ problem: ": no recording is in the archive" }]);
  });

  test("may have members with names that lead elsewhere: nothing is written by them", async () => {
    const names = ["../../etc/passwd.json", "/abs.json", "./here.json", "a\n\x1b[31m.json", `${"x".repeat(5000)}.json`];
    expect(await read(zip(...names.map((name) => ({ name, content: "1" }))))).toEqual([
      { problem: ": a name is longer than 4096 bytes" },
      "!../../etc/passwd.json: 1",
      "!./here.json: 1",
      "!/abs.json: 1",
      "!a\n\x1b[31m.json: 1",
    ]);
  });

  test("loses a member that is encrypted, damaged, or packed in an unknown way, and no other", async () => {
    const archive = zip(
      { name: "a.json", content: "x", isEncrypted: true },
      { name: "b.json", content: "xxxx", crc: 1 },
      { name: "c.json", content: "xxxx", size: 3 },
      { name: "d.json", content: "x", method: 14 },
      { name: "e.json", content: "5" },
    );
    expect(await read(archive)).toEqual([
      { problem: "!a.json: it is encrypted" },
      "!b.json: xxxx …",
      "!c.json: xxxx …",
      { problem: "!d.json: its compression (method 14) is not supported: only stored, deflate and zstd are" },
      "!e.json: 5",
    ]);
  });

  test("may have something behind it", async () => {
    expect(await read(Buffer.concat([zip(...members), Buffer.from("\0 PK\x05\x06 trailing")]))).toEqual(expected);
  });

  test("that is cut short or no archive at all is refused with a reason", async () => {
    const archive = zip(...members);
    for (const bad of [archive.subarray(0, archive.length - 30), Buffer.from("PK\x03\x04 and nothing more")]) {
      for (const stdin of [false, true]) {
        const found = await read(bad, { stdin });
        expect(found).toHaveLength(1);
        expect(found[0]).toMatchObject({ problem: expect.stringContaining("the archive is damaged") });
      }
    }
  });

  test("in an archive is read three deep and no deeper", async () => {
    let archive = zip({ name: "a.json", content: "1" });
    for (let i = 0; i < 2; i++) archive = zip({ name: "in.zip", content: archive });
    expect(await read(archive)).toEqual(["!in.zip!in.zip!a.json: 1"]);
    expect(await read(zip({ name: "in.zip", content: archive }))).toEqual([
      { problem: "!in.zip!in.zip!in.zip: archives are nested deeper than 3" },
    ]);
  });
});

describe("what unpacks to too much", () => {
  test("is refused when it is more than the limit and a multiple of its size", async () => {
    const budget = () => new UnpackBudget(100_000);
    const bomb = Buffer.alloc(10_000_000, 10);
    const many = Array.from({ length: 3 }, (_, n) => ({ name: `${n}.json`, content: bomb }));
    for (const packed of [
      gzipSync(bomb),
      zstdCompressSync(bomb),
      zip(...many),
      zip({ name: "z.zip", content: zip(...many) }),
    ]) {
      const found = await read(packed, { budget: budget() });
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject({ problem: expect.stringContaining("it unpacks to more than 100000 bytes") });
    }
    // As much, and not from so little.
    const noise = Buffer.from(
      fc.sample(fc.uint8Array({ minLength: 200_000, maxLength: 200_000 }), { seed: 2, numRuns: 1 })[0] ?? [],
    );
    expect(await read(gzipSync(noise), { budget: budget() })).toHaveLength(1);
    expect(String((await read(gzipSync(noise), { budget: budget() }))[0]).length).toBeGreaterThan(200_000);
  });

  test("is refused when no event comes out of it for long", () => {
    const budget = new UnpackBudget(undefined, 1000);
    budget.delivered(900, false);
    budget.delivered(900, true);
    budget.delivered(900, false);
    expect(() => budget.delivered(101, false)).toThrow(BombError);
  });
});

describe("any bytes", () => {
  test("behind the signatures of archives and compression neither throw anything else nor hang", async () => {
    const archive = zip({ name: "a.json", content: "1" }, { name: "b.json", content: gzipSync("2") });
    const start = fc.constantFrom(
      archive,
      gzipSync(archive),
      zstdCompressSync("x"),
      Buffer.from("PK\x05\x06"),
      Buffer.from([0x1f, 0x8b]),
    );
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        start,
        fc.array(change, { maxLength: 6 }),
        fc.uint8Array({ maxLength: 40 }),
        async (from, changes, tail) => {
          const bytes = Buffer.concat([from, tail]);
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          await read(bytes);
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});
