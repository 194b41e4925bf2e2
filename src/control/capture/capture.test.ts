// The format of captures: what goes in comes out, damage is noticed where it is, and nothing that a file says makes the reader
// throw, hang or grow.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readHost } from "../agent/mod.ts";
import { blockHeaderBytes, encodeBlock, headBytes } from "./format.ts";
import {
  type CaptureEntry,
  CaptureError,
  type CaptureManifest,
  CaptureReader,
  CaptureWriter,
  encodeManifest,
  entriesOf,
  entryType,
} from "./mod.ts";

const manifest = encodeManifest({
  agent: { version: "1.2.3", commit: "c" },
  kernel: "6.1.0",
  host: { ...readHost(), id: "machine", name: "n", hostname: "n" },
  hostId: "machine|boot",
  hostMountNs: 4_026_531_840,
  startedMs: 1_700_000_000_000,
  sensitiveFiles: [],
  foldIntervalMs: 60_000,
  probes: [{ name: "process_exec", state: "attached", error: "" }],
});

type Put = readonly [type: number, bytes: Buffer];

/** A whole capture; `flushEvery` entries make a block. */
function written(puts: readonly Put[], flushEvery = 2): Buffer {
  const parts: Buffer[] = [];
  const writer = new CaptureWriter(manifest, (bytes) => parts.push(Buffer.from(bytes)));
  puts.forEach(([type, bytes], index) => {
    writer.add(type, 1, bytes);
    if (index % flushEvery === flushEvery - 1) writer.flush();
  });
  writer.end({ reason: "duration" });
  return Buffer.concat(parts);
}

interface Read {
  readonly manifest: CaptureManifest | undefined;
  readonly entries: CaptureEntry[];
  readonly damage: { readonly offset: number; readonly problem: string }[];
  readonly reason: unknown;
}

function read(file: Buffer, chunkBytes = file.length): Read {
  let found: CaptureManifest | undefined;
  const entries: CaptureEntry[] = [];
  const damage: { offset: number; problem: string }[] = [];
  const reader = new CaptureReader({
    onManifest: (value) => {
      found = value;
    },
    onEntries: (_, plain) => {
      const bytes = plain();
      if (bytes !== undefined) entries.push(...entriesOf(bytes));
    },
    onDamage: (offset, problem) => damage.push({ offset, problem }),
  });
  for (let at = 0; at < file.length; at += Math.max(1, chunkBytes)) reader.push(file.subarray(at, at + chunkBytes));
  reader.end();
  return { manifest: found, entries, damage, reason: reader.summary?.reason };
}

/** Offsets of the blocks of a capture, the manifest first. */
function blocksOf(file: Buffer): number[] {
  const found: number[] = [];
  for (let at = headBytes; at < file.length; at += blockHeaderBytes + file.readUInt32LE(at + 8)) found.push(at);
  return found;
}

const five: Put[] = [1, 2, 3, 4, 5].map((n) => [entryType.record, Buffer.alloc(n * 8, n)]);

describe("a capture", () => {
  test("gives back what was put in, in order, whatever pieces it comes in", () => {
    const put = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.uint8Array({ maxLength: 3000 }).map(Buffer.from));
    fc.assert(
      fc.property(
        fc.array(put, { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5000 }),
        (puts, every, chunk) => {
          const { entries, damage, reason } = read(written(puts, every), chunk);
          expect(entries.map(({ type, bytes }) => [type, bytes.toString("hex")])).toEqual(
            puts.map(([type, bytes]) => [type, bytes.toString("hex")]),
          );
          expect([damage, reason]).toEqual([[], "duration"]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("says where it comes from", () => {
    const { manifest: found } = read(written(five));
    expect(found).toMatchObject({ hostId: "machine|boot", hostMountNs: 4_026_531_840, kernel: "6.1.0" });
    expect(found?.host.name).toBe("n");
    expect(found?.agent.version).toBe("1.2.3");
  });

  test("is usable up to where it was cut, wherever that is", () => {
    const file = written(five);
    const blocks = blocksOf(file);
    expect(blocks.length).toBe(5);
    for (let length = headBytes; length < file.length; length++) {
      const { entries, damage, reason } = read(file.subarray(0, length), 7);
      const whole = [0, 0, 2, 4, 5][blocks.filter((at) => at <= length).length - 1] ?? 0;
      expect([length, entries.length, damage.length, reason]).toEqual([
        length,
        length === blocks[0] ? 0 : whole,
        1,
        undefined,
      ]);
      expect(damage[0]?.problem).toBe("it ends early");
    }
  });

  test("is usable up to a changed byte, whichever it is", () => {
    const file = written(five);
    const blocks = blocksOf(file);
    for (let at = blocks[1] as number; at < file.length; at++) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] as number) ^ 0x10;
      const { entries, damage } = read(changed);
      const block = blocks.filter((start) => start <= at).length - 1;
      expect([at, entries.length, damage.length]).toEqual([at, [0, 0, 2, 4, 5][block] as number, 1]);
      expect(damage[0]?.offset).toBe(blocks[block] as number);
    }
  });

  test("shows that a block was taken out, or put elsewhere", () => {
    const file = written(five);
    const [, second = 0, third = 0, fourth = 0] = blocksOf(file);
    const without = Buffer.concat([file.subarray(0, second), file.subarray(third)]);
    expect(read(without).damage[0]).toEqual({ offset: second, problem: "a block does not match its checksum" });
    const swapped = Buffer.concat([
      file.subarray(0, second),
      file.subarray(third, fourth),
      file.subarray(second, third),
      file.subarray(fourth),
    ]);
    expect(read(swapped).damage[0]?.offset).toBe(second);
    expect(read(Buffer.concat([file, Buffer.from("more")])).damage[0]?.problem).toBe(
      "bytes follow the end of the capture",
    );
  });

  test("of another version, of another layout, or none at all is refused by name", () => {
    const file = written(five);
    const other = Buffer.from(file);
    other.writeUInt32LE(2, 8);
    expect(() => read(other)).toThrow("its format has version 2; this program reads version 1");
    const text = Buffer.from(file.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
    expect(() => read(text)).toThrow("transferred as text");
    expect(() => read(Buffer.from("SIGIL"))).toThrow(CaptureError);
    const layout = Buffer.from(manifest.toString().replace(/"digest":"[0-9a-f]+"/, '"digest":"00ff"'));
    const { block } = encodeBlock(1, layout, 0, 0, Buffer.alloc(32));
    expect(() => read(Buffer.concat([file.subarray(0, headBytes), block]))).toThrow(
      "its records have the layout 00ff, this program knows",
    );
  });

  test("that is sealed and lies costs no more than its limits", () => {
    const head = written([]).subarray(0, blocksOf(written([]))[1]);
    const hash = Buffer.from(head.subarray(headBytes + 32, headBytes + 64));
    const sealed = (plain: Buffer, change: (block: Buffer) => void): Read => {
      const { block } = encodeBlock(2, plain, 0, 1, hash);
      change(block);
      const again = new Bun.CryptoHasher("sha256")
        .update(hash)
        .update(block.subarray(0, 32))
        .update(block.subarray(blockHeaderBytes))
        .digest();
      again.copy(block, 32);
      return read(Buffer.concat([head, block]));
    };
    // A bomb: a megabyte of zeros that says it is small.
    const bomb = sealed(Buffer.alloc(1 << 20), (block) => block.writeUInt32LE(64, 12));
    expect(bomb.entries).toEqual([]);
    const lying = Buffer.alloc(16);
    lying.writeUInt32LE(0xffff_ffff, 4);
    expect(sealed(lying, () => {}).entries.map(({ type }) => type)).toEqual([0]);
    expect(sealed(Buffer.alloc(16), (block) => block.writeUInt32LE(0xffff_ffff, 12)).damage[0]?.problem).toBe(
      "what should be a block is none",
    );
  });

  test("of any bytes is read without an error other than that it is none", () => {
    const file = written(five);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: file.length }),
        (changes, chunk) => {
          const changed = Buffer.from(file);
          for (const [at, value] of changes) changed[at] = value;
          try {
            expect(read(changed, chunk).entries.length).toBeLessThanOrEqual(5);
          } catch (error) {
            expect(error).toBeInstanceOf(CaptureError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
