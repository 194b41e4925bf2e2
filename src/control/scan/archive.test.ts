import { expect, setDefaultTimeout, test } from "bun:test";
import zlib from "node:zlib";
import fc from "fast-check";
import { archiveKind, newBudget, unfold } from "./archive.ts";
import { archiveExpandedMaxBytes, archiveMembersMax } from "./limits.ts";

// Compiling takes its time where much else runs.
setDefaultTimeout(120_000);

const xz = Buffer.from(
  "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAJZXZpbCBpbiB4egAAADMXgLcV/IrGAAEiChUa4WcftvN9AQAAAAAEWVo=",
  "base64",
);

interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the table claims. */
  readonly sizeBytes?: number;
  readonly flags?: number;
  readonly method?: number;
}

const text = (value: string): Buffer => Buffer.from(value);

function zip(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const table: Buffer[] = [];
  let at = 0;
  for (const { name, data, sizeBytes = data.length, flags = 0, method = 8 } of entries) {
    const packed = method === 8 ? zlib.deflateRawSync(data) : Buffer.from(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(sizeBytes, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    parts.push(local, text(name), packed);
    table.push(central, text(name));
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...table, end]);
}

function tar(entries: readonly { readonly name: string; readonly data: Uint8Array; readonly type?: string }[]): Buffer {
  const parts = entries.flatMap(({ name, data, type = "0" }) => {
    const head = Buffer.alloc(512);
    head.write(name, 0, 100);
    head.write(data.length.toString(8).padStart(11, "0"), 124);
    head.write(type, 156);
    head.write("ustar\0", 257);
    return [head, Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

async function open(data: Uint8Array): Promise<{ scanned: Record<string, string>; skipped: Record<string, string> }> {
  const scanned: Record<string, string> = {};
  const skipped: Record<string, string> = {};
  await unfold(
    data,
    "",
    {
      scan: (path, bytes) => {
        scanned[path] = bytes.length > 100 ? `${bytes.length} bytes` : Buffer.from(bytes).toString();
      },
      skip: (path, reason) => {
        skipped[path] = reason;
      },
    },
    newBudget(),
  );
  return { scanned, skipped };
}

test("members of every kind are found, by their path, one archive in another", async () => {
  const inner = zlib.gzipSync(text("deep"));
  const name = `${"long/".repeat(30)}name`;
  const archive = tar([
    {
      name: "a.zip",
      data: zip([
        { name: "dir/x", data: text("one") },
        { name: "y.gz", data: inner },
      ]),
    },
    { name: "././@LongLink", data: text(`${name}\0`), type: "L" },
    { name: "cut", data: text("two") },
    { name: "link", data: text(""), type: "2" },
  ]);
  const { scanned, skipped } = await open(archive);
  expect(skipped).toEqual({});
  expect(Object.entries(scanned).filter(([path]) => path !== "a.zip")).toEqual([
    ["a.zip/dir/x", "one"],
    ["a.zip/y.gz", inner.toString()],
    ["a.zip/y.gz/(gzip)", "deep"],
    [name, "two"],
  ]);
  expect(await open(xz)).toEqual({ scanned: { "(xz)": "evil in xz" }, skipped: {} });
  expect((await open(Bun.zstdCompressSync(text("z")))).scanned).toEqual({ "(zstd)": "z" });
  expect(await open(text("no archive"))).toEqual({ scanned: {}, skipped: {} });
});

test("what cannot be unfolded is named with the reason, and the others are scanned", async () => {
  const { scanned, skipped } = await open(
    zip([
      { name: "secret", data: text("x"), flags: 1 },
      { name: "odd", data: text("x"), method: 12 },
      { name: "huge", data: text("x"), sizeBytes: 0x7fffffff },
      { name: "plain", data: text("stored"), method: 0 },
      // The table says one byte.
      { name: "liar", data: Buffer.alloc(1_000_000), sizeBytes: 1 },
    ]),
  );
  expect(scanned).toEqual({ plain: "stored", liar: "1000000 bytes" });
  expect(Object.keys(skipped)).toEqual(["secret", "odd", "huge"]);
});

test("bombs end by their limit: depth, members, bytes", async () => {
  let nested: Buffer = text("core");
  for (let i = 0; i < 6; i++) nested = zlib.gzipSync(nested);
  const deep = await open(nested);
  expect([Object.keys(deep.scanned).length, Object.values(deep.skipped)]).toEqual([
    3,
    ["archives are opened 3 levels deep"],
  ]);

  const many = zip(
    Array.from({ length: archiveMembersMax + 500 }, (_, i) => ({ name: `${i}`, data: text("x"), method: 0 })),
  );
  const members = await open(many);
  expect(Object.keys(members.scanned).length).toBe(archiveMembersMax);
  expect(Object.values(members.skipped)).toEqual([`more than ${archiveMembersMax} members in one archive`]);

  // Sixteen times the same sixty megabytes in one, and one too large by itself.
  const zeros = Buffer.alloc(60 * 1024 * 1024);
  const wide = await open(zip(Array.from({ length: 16 }, (_, i) => ({ name: `${i}`, data: zeros }))));
  expect(Object.keys(wide.scanned).length).toBe(Math.floor(archiveExpandedMaxBytes / zeros.length));
  expect(new Set(Object.values(wide.skipped))).toEqual(
    new Set([`the archive unfolds to more than ${archiveExpandedMaxBytes} bytes`]),
  );
  for (const pack of [zlib.gzipSync, Bun.zstdCompressSync]) {
    const bomb = await open(pack(Buffer.alloc(100 * 1024 * 1024)));
    expect([bomb.scanned, Object.values(bomb.skipped)]).toEqual([{}, ["it unfolds to more than is allowed"]]);
  }
});

test("no bytes make it throw", async () => {
  const seeds = [
    zip([{ name: "a", data: text("hello") }]),
    tar([{ name: "a", data: text("hello") }]),
    zlib.gzipSync("hello"),
    xz,
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
      fc.nat(),
      async (seed, edits, cut) => {
        const data = Buffer.from(seed.subarray(0, cut % 3 === 0 ? cut % seed.length : seed.length));
        for (const [at, byte] of edits) if (data.length > 0) data[at % data.length] = byte;
        archiveKind(data);
        await open(data);
      },
    ),
    { numRuns: 300 },
  );
});
