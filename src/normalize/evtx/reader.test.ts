import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import {
  type Body,
  ChunkWriter,
  event,
  evtxFile,
  fileHeader,
  fileTime,
  fragment,
  le,
  le64,
  namedData,
  none,
  plainChunk,
  sid,
  string,
  systemElement,
  utf16,
  type Value,
} from "../../../test/fixtures/evtx-writer.ts";
import { type EvtxDamage, EvtxError, EvtxReader, type EvtxRecord, type EvtxStats } from "./mod.ts";

interface Read {
  readonly records: EvtxRecord[];
  readonly damage: EvtxDamage[];
  readonly stats: EvtxStats;
}

function read(bytes: Uint8Array, pieceBytes = bytes.length): Read {
  const records: EvtxRecord[] = [];
  const damage: EvtxDamage[] = [];
  const reader = new EvtxReader({
    onRecord: (record) => records.push(record),
    onDamage: (it) => damage.push(it),
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  reader.end();
  expect(reader.stats.records).toBe(records.length);
  expect(reader.stats.lost).toBe(damage.reduce((sum, it) => sum + it.lost, 0));
  return { records, damage, stats: reader.stats };
}

const ids = ({ records }: Read): string[] => records.map(({ recordId }) => recordId);
const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** The fields of the one event with this data, without those of System. */
function fieldsOf(data: Body, values: readonly Value[]): Record<string, unknown> {
  const chunk = new ChunkWriter();
  chunk.record(1, () => event(chunk, 1, "t", data, values)).seal();
  const { records, damage } = read(evtxFile(chunk));
  expect(damage).toEqual([]);
  expect(records).toHaveLength(1);
  const { Channel, Computer, EventRecordID, EventID, Version, Provider_Name, UserID, ...rest } =
    records[0]?.fields ?? {};
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
}
const decoded = (...value: Value): unknown => fieldsOf(namedData("X"), [value]).X;

describe("a record", () => {
  test("has System's elements as fields and as facts", () => {
    const chunk = new ChunkWriter();
    const created = Date.UTC(2021, 4, 6, 7, 8, 9, 123);
    chunk.record(77, () => event(chunk, 77, "t", namedData("A"), [string("b")], created)).seal();
    const [record] = read(evtxFile(chunk)).records;
    expect(record).toMatchObject({
      channel: "Test/Operational",
      provider: "Test-Provider",
      computer: "host",
      eventId: 7,
      recordId: "77",
      timeMs: created,
    });
    expect(record?.fields).toEqual({
      Channel: "Test/Operational",
      Computer: "host",
      EventID: 7,
      EventRecordID: 77,
      Version: 3,
      Provider_Name: "Test-Provider",
      UserID: "S-1-5-18",
      A: "b",
      Level: undefined,
      Task: undefined,
      Opcode: undefined,
      Keywords: undefined,
    });
  });

  test("has its time to the microsecond", () => {
    const chunk = new ChunkWriter();
    const ticks = 132_223_104_000_000_000n + 1_234_567n;
    chunk.record(1, () =>
      chunk.instance(
        "t",
        () =>
          chunk.element("Event", () =>
            chunk.element("System", () =>
              chunk.element("TimeCreated", undefined, { attributes: { SystemTime: () => chunk.value(0) } }),
            ),
          ),
        [[0x11, le64(ticks)]],
      ),
    );
    expect(read(evtxFile(chunk.seal())).records[0]?.timeMs).toBe(Date.UTC(2020, 0, 1) + 123.456);
  });

  test("whose System says nothing keeps the number and the time of its header", () => {
    const chunk = new ChunkWriter();
    const written = Date.UTC(2022, 1, 2);
    chunk.record(9, () => chunk.element("Event", () => chunk.element("System", () => {})), written).seal();
    expect(read(evtxFile(chunk)).records[0]).toMatchObject({
      recordId: "9",
      timeMs: written,
      channel: "",
      eventId: NaN,
    });
  });

  test("keeps what System says of it when its own data has the same names", () => {
    const chunk = new ChunkWriter();
    const data = namedData("Channel", "EventID", "__proto__");
    chunk.record(1, () => event(chunk, 1, "t", data, [string("Cleared"), string("x"), string("p")])).seal();
    const [record] = read(evtxFile(chunk)).records;
    expect(record).toMatchObject({ channel: "Test/Operational", eventId: 7 });
    expect(record?.fields).toMatchObject({ Channel: "Cleared", EventID: "x" });
    expect(Object.getPrototypeOf(record?.fields)).toBe(Object.prototype);
    expect(Object.hasOwn(record?.fields ?? {}, "__proto__")).toBe(true);
  });
});

describe("a value", () => {
  test("of every type is what Windows means by it", () => {
    const guid = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
    const date = Buffer.concat([2021, 2, 3, 17, 4, 5, 6, 7].map((part) => le(2, part)));
    const float = Buffer.alloc(4);
    float.writeFloatLE(0.1);
    const double = Buffer.alloc(8);
    double.writeDoubleLE(0.1);
    const wanted: readonly (readonly [...Value, unknown])[] = [
      [0x00, Buffer.alloc(0), null],
      [0x01, utf16("häß € 😀"), "häß € 😀"],
      [0x01, utf16("cut\0\0"), "cut"],
      [0x01, Buffer.alloc(0), ""],
      [0x01, utf16("x".repeat(1000)), "x".repeat(1000)],
      [0x01, Buffer.from([0x3d, 0xd8]), "\ud83d"],
      [0x02, Buffer.from([0x41, 0xe4, 0x80, 0]), "Aä€"],
      [0x03, le(1, -5), -5],
      [0x04, le(1, 250), 250],
      [0x05, le(2, -300), -300],
      [0x06, le(2, 65_000), 65_000],
      [0x07, le(4, -70_000), -70_000],
      [0x08, le(4, 4_000_000_000), 4_000_000_000],
      [0x09, le64(-5n), -5],
      [0x09, le64(-(2n ** 63n)), "-9223372036854775808"],
      [0x0a, le64(2n ** 53n - 1n), 9007199254740991],
      [0x0a, le64(2n ** 64n - 1n), "18446744073709551615"],
      [0x0b, float, 0.1],
      [0x0c, double, 0.1],
      [0x0c, Buffer.from("000000000000f07f", "hex"), "1.#INF"],
      [0x0d, le(4, 1), true],
      [0x0d, le(4, 0), false],
      [0x0e, Buffer.from("00ff7f", "hex"), "00FF7F"],
      [0x0f, guid, "03020100-0504-0706-0809-0A0B0C0D0E0F"],
      [0x10, le(4, 255), "0xff"],
      [0x10, le64(2n ** 40n), "0x10000000000"],
      [0x11, fileTime(Date.UTC(2020, 0, 1)), "2020-01-01T00:00:00.000000Z"],
      [0x11, le64(0n), "1601-01-01T00:00:00.000000Z"],
      [0x11, le64(2n ** 64n - 1n), "+060056-05-28T05:36:10.955161Z"],
      [0x12, date, "2021-02-17T04:05:06.007000Z"],
      [0x13, sid, "S-1-5-18"],
      [0x14, le(4, 0x1f0fff), "0x1f0fff"],
      [0x15, le64(0x8000_0000_0000_0001n), "0x8000000000000001"],
      [0x20, le64(16n), "0x10"],
      [0x23, utf16("<a/>"), "<a/>"],
      [0x81, utf16("a\0\0bc\0"), ["a", "", "bc"]],
      [0x81, utf16("a\0b"), ["a", "b"]],
      [0x82, Buffer.from("a\0b\0"), ["a", "b"]],
      [0x83, Buffer.from([1, 255]), [1, -1]],
      [0x84, Buffer.from([1, 255]), [1, 255]],
      [0x85, Buffer.concat([le(2, 1), le(2, -1)]), [1, -1]],
      [0x86, le(2, 9), [9]],
      [0x87, le(4, -9), [-9]],
      [0x88, Buffer.concat([le(4, 1), le(4, 2)]), [1, 2]],
      [0x89, le64(-1n), [-1]],
      [0x8a, le64(1n), [1]],
      [0x8b, float, [0.1]],
      [0x8c, double, [0.1]],
      [0x8d, Buffer.concat([le(4, 1), le(4, 0)]), [true, false]],
      [0x8f, guid, ["03020100-0504-0706-0809-0A0B0C0D0E0F"]],
      [0x90, Buffer.concat([le64(1n), le64(2n)]), ["0x1", "0x2"]],
      [0x91, fileTime(0), ["1970-01-01T00:00:00.000000Z"]],
      [0x92, date, ["2021-02-17T04:05:06.007000Z"]],
      [0x93, Buffer.concat([sid, sid]), ["S-1-5-18", "S-1-5-18"]],
      [0x94, Buffer.concat([le(4, 1), le(4, 255)]), ["0x1", "0xff"]],
      [0x95, le64(255n), ["0xff"]],
    ];
    for (const [type, content, expected] of wanted)
      expect([type, decoded(type, content)]).toEqual([type, expected as never]);
  });

  test("that is shorter than its type, or of no known type, costs the record", () => {
    for (const value of [
      [0x08, le(2, 1)],
      [0x0f, le(4, 1)],
      [0x13, sid.subarray(0, 10)],
      [0x55, le(4, 1)],
      [0xd5, le(4, 1)],
    ] as const) {
      const chunk = new ChunkWriter();
      chunk.record(1, () => event(chunk, 1, "t", namedData("X"), [value]));
      chunk.record(2, () => event(chunk, 2, "t", namedData("X"), [string("fine")])).seal();
      const result = read(evtxFile(chunk));
      expect(ids(result)).toEqual(["2"]);
      expect(result.stats).toMatchObject({ lost: 1, damagedChunks: 1 });
    }
  });
});

describe("event data", () => {
  test("without names is the field Data, one value or all of them", () => {
    const one: Body = (to) => to.element("EventData", () => to.element("Data", () => to.value(5)));
    expect(fieldsOf(one, [string("a")])).toEqual({ Data: "a" });
    expect(fieldsOf(one, [[0x81, utf16("a\0b\0")]])).toEqual({ Data: ["a", "b"] });
    const two: Body = (to) =>
      to.element("EventData", () =>
        to
          .element("Data", () => to.value(5))
          .element("Data", () => to.value(6))
          .element("Binary", () => to.value(7)),
      );
    expect(fieldsOf(two, [string("a"), u8(2), [0x0e, Buffer.from([171])]])).toEqual({ Data: ["a", 2], Binary: "AB" });
  });

  test("has names without spaces, also names that are values", () => {
    const named: Body = (to) =>
      to.element("EventData", () =>
        to
          .element("Data", () => to.value(5), { attributes: { Name: () => to.text("Threat Name") } })
          .element("Data", () => to.value(5), { attributes: { Name: () => to.value(6) } }),
      );
    expect(fieldsOf(named, [string("x"), string("Other Name")])).toEqual({ ThreatName: "x", OtherName: "x" });
  });

  test("whose name comes again is numbered, so that nothing is hidden", () => {
    const data = namedData("A", "A", "A_1", "A", "constructor");
    const values = ["a", "b", "c", "d", "e"].map(string);
    expect(fieldsOf(data, values)).toEqual({ A: "a", A_1: "b", A_1_1: "c", A_2: "d", constructor: "e" } as never);
  });

  test("is null where its value is null or its element does not exist, and empty where it is empty", () => {
    const data: Body = (to) =>
      to.element("EventData", () =>
        to
          .element("Data", () => to.value(5), { attributes: { Name: () => to.text("A") } })
          .element("Data", () => to.value(6), { attributes: { Name: () => to.text("B") } })
          .element("Binary", () => to.value(5, 0x0e, true), { dependency: 5 })
          .element("Data", undefined, { attributes: { Name: () => to.text("C") } }),
      );
    expect(fieldsOf(data, [none, string("")])).toEqual({ A: null, B: "", Binary: null, C: null });
  });

  test("may be text, entities, character references, CDATA, instructions and values in a row", () => {
    const data: Body = (to) =>
      to.element("EventData", () =>
        to.element(
          "Data",
          () =>
            to
              .text("a ")
              .entity("lt")
              .charRef(0x20ac)
              .instruction("pi", "ignored")
              .cdata("<&>")
              .entity("unknown")
              .value(5)
              .text("/")
              .value(6)
              .value(7),
          { attributes: { Name: () => to.text("X").entity("amp") } },
        ),
      );
    expect(fieldsOf(data, [u8(5), [0x0d, le(4, 1)], none])).toEqual({ "X&": "a <€<&>&unknown;5/true" });
  });

  test("may be a fragment in a value, with its own template and values", () => {
    const data: Body = (to) => to.value(5, 0x21);
    const inner = (to: ChunkWriter): void => {
      to.put(0x0f, 1, 1, 0).instance(
        "inner",
        () =>
          to.element("EventData", () =>
            to
              .element("Data", () => to.value(0), { attributes: { Name: () => to.text("A") } })
              .element("Data", () => to.value(1), { attributes: { Name: () => to.text("B") } }),
          ),
        [string("deep"), u8(1)],
      );
    };
    expect(fieldsOf(data, [fragment(inner)])).toEqual({ A: "deep", B: 1 });
  });

  test("may be a fragment of bare elements in a value", () => {
    const inner = (to: ChunkWriter): void => {
      to.element("EventData", () =>
        to.element("Data", () => to.text("v"), { attributes: { Name: () => to.text("A") } }),
      );
    };
    expect(fieldsOf((to) => to.value(5, 0x21), [fragment(inner)])).toEqual({ A: "v" });
  });
});

const u8 = (value: number): Value => [4, le(1, value)];

test("UserData gives its leaves, at any depth, and none that have only attributes", () => {
  const data: Body = (to) =>
    to.element("UserData", () =>
      to.element(
        "LogFileCleared",
        () =>
          to
            .element("SubjectUserName", () => to.value(5))
            .element("Empty", () => to.value(6))
            .element("Error", undefined, { attributes: { Code: () => to.text("5") } })
            .element("More", () => to.element("Deep", () => to.text("x")).value(7, 0x21)),
        { attributes: { xmlns: () => to.text("http://example.org/") } },
      ),
    );
  const more = fragment((to) => void to.element("InValue", () => to.text("y")));
  expect(fieldsOf(data, [string("alice"), string(""), more])).toEqual({
    SubjectUserName: "alice",
    Empty: null,
    Deep: "x",
    InValue: "y",
  });
});

test.each([false, true])("a record without a template is read like any other (dependencies: %p)", (everywhere) => {
  const chunk = new ChunkWriter();
  chunk.everywhereDependencies = everywhere;
  chunk.record(3, () =>
    chunk.element("Event", () =>
      chunk
        .element("System", () =>
          chunk
            .element("Provider", undefined, { attributes: { Name: () => chunk.text("P") } })
            .element("EventID", () => chunk.text("4624"), { attributes: { Qualifiers: () => chunk.text("0") } })
            .element("TimeCreated", undefined, {
              attributes: { SystemTime: () => chunk.text("2020-03-04T05:06:07.1234567Z") },
            })
            .element("EventRecordID", () => chunk.text("12"))
            .element("Channel", () => chunk.text("Security"))
            .element("Computer", () => chunk.text("pc")),
        )
        .element("EventData", () =>
          chunk.element("Data", () => chunk.text("bob"), { attributes: { Name: () => chunk.text("User") } }),
        ),
    ),
  );
  const { records, damage } = read(evtxFile(chunk.seal()));
  expect(damage).toEqual([]);
  expect(records[0]).toMatchObject({
    channel: "Security",
    provider: "P",
    computer: "pc",
    eventId: 4624,
    recordId: "12",
    fields: { User: "bob", EventID: "4624" },
  });
  expect(records[0]?.timeMs).toBe(Date.UTC(2020, 2, 4, 5, 6, 7, 123) + 0.456);
});

describe("a file", () => {
  test("is the same in pieces of any size", () => {
    const file = evtxFile(plainChunk(1, 40), plainChunk(41, 3));
    const whole = read(file);
    expect(ids(whole)).toEqual(range(1, 43));
    expect(whole.damage).toEqual([]);
    expect(whole.stats).toMatchObject({ chunks: 2, records: 43, lost: 0, checksumMismatches: 0, isDirty: false });
    for (const bytes of [1, 7, 4096, 65_535, 70_000]) expect(read(file, bytes)).toEqual(whole);
  });

  test("may be a header alone, and chunks that were never used are nothing", () => {
    expect(read(fileHeader(0))).toMatchObject({ records: [], damage: [], stats: { chunks: 0 } });
    const file = Buffer.concat([evtxFile(plainChunk(1, 2)), Buffer.alloc(3 * 65_536)]);
    expect(read(file)).toMatchObject({ damage: [], stats: { chunks: 1, records: 2, skippedBytes: 0 } });
  });

  test("is read to its end when its header counts fewer chunks", () => {
    const file = Buffer.concat([
      fileHeader(1, 1),
      plainChunk(1, 2).bytes,
      plainChunk(3, 2).bytes,
      plainChunk(5, 2).bytes,
    ]);
    const result = read(file);
    expect(ids(result)).toEqual(range(1, 6));
    expect(result.stats).toMatchObject({ isDirty: true, chunks: 3 });
  });

  test("is recognised by its chunks when its header is damaged or gone", () => {
    const file = evtxFile(plainChunk(1, 5));
    const broken = Buffer.from(file);
    broken.fill(0x55, 0, 200);
    expect(ids(read(broken))).toEqual(range(1, 5));
    expect(read(broken).damage).toHaveLength(1);
    expect(ids(read(file.subarray(4096)))).toEqual(range(1, 5));
    const wrong = Buffer.from(file);
    wrong.writeUInt16LE(9999, 40);
    expect(ids(read(wrong))).toEqual(range(1, 5));
    expect(read(wrong).stats.checksumMismatches).toBe(1);
  });

  test("that is something else is refused, with the only error there is", () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from("{}"),
      Buffer.alloc(10_000),
      Buffer.alloc(200_000, 0x41),
      Buffer.from("ElfFile "),
    ])
      expect(() => read(bytes)).toThrow(EvtxError);
    expect(read(Buffer.from("ElfFile\0"))).toMatchObject({ records: [], damage: [{ lost: 0 }] });
  });
});

describe("damage", () => {
  const chunk = (): ChunkWriter => plainChunk(1, 20);
  /** Where record number `id` of {@link chunk} begins in the file. */
  function recordAt(file: Buffer, id: number): number {
    let at = 4096 + 512;
    for (let i = 1; i < id; i++) at += file.readUInt32LE(at + 4);
    return at;
  }

  test("in a record costs that record", () => {
    const file = evtxFile(chunk(), plainChunk(21, 2));
    const at = recordAt(file, 5);
    const cases: readonly ((copy: Buffer) => void)[] = [
      (copy) => copy.fill(0xee, at, at + 4),
      (copy) => copy.writeUInt32LE(0xffff_ffff, at + 4),
      (copy) => copy.writeUInt32LE(40, at + 4),
      (copy) => copy.fill(0xee, at + 28, at + 60),
      (copy) => copy.fill(0, at, at + 32),
    ];
    for (const spoil of cases) {
      const copy = Buffer.from(file);
      spoil(copy);
      const result = read(copy);
      expect(ids(result)).toEqual([...range(1, 4), ...range(6, 22)]);
      expect(result.stats).toMatchObject({ lost: 1, damagedChunks: 1, checksumMismatches: 1 });
      expect(result.damage.find(({ lost }) => lost === 1)?.offset).toBe(at);
    }
  });

  test("over several records costs as many as their numbers say", () => {
    const file = evtxFile(chunk(), plainChunk(21, 2));
    file.fill(0xee, recordAt(file, 5), recordAt(file, 9) + 10);
    const result = read(file);
    expect(ids(result)).toEqual([...range(1, 4), ...range(10, 22)]);
    expect(result.stats.lost).toBe(5);
  });

  test("is not seen in checksums where the writer says that it made none", () => {
    for (const [at, spoilsHeader] of [
      [120, true],
      [4096 + 120, false],
    ] as const) {
      const file = evtxFile(chunk());
      file.writeUInt32LE(4, at);
      file.writeUInt32LE(0, 4096 + 52);
      file.writeUInt32LE(0, 4096 + 124);
      if (spoilsHeader) file.writeUInt32LE(0, 124);
      expect(read(file)).toMatchObject({ damage: [], stats: { records: 20, checksumMismatches: 0 } });
    }
  });

  test("of a chunk's header costs nothing when the records end where it says", () => {
    const file = evtxFile(chunk());
    const end = 4096 + file.readUInt32LE(4096 + 48);
    file.fill(0x77, end, end + 1000);
    file.writeUInt32LE(1, 4096 + 124);
    expect(read(file)).toMatchObject({ stats: { records: 20, lost: 0, checksumMismatches: 1 } });
  });

  test("that only a checksum shows costs nothing and is told", () => {
    const file = evtxFile(chunk());
    file.writeUInt32LE(1, 4096 + 52);
    const result = read(file);
    expect(ids(result)).toEqual(range(1, 20));
    expect(result.stats).toMatchObject({ checksumMismatches: 1, lost: 0, damagedChunks: 1 });
    const records = evtxFile(chunk());
    records.writeUInt8(records.readUInt8(recordAt(records, 3) + 16) ^ 1, recordAt(records, 3) + 16);
    expect(read(records).damage).toEqual([
      { offset: 4096, problem: "the checksum of the records does not fit", lost: 0 },
    ]);
  });

  test("of a chunk's header leaves its records readable", () => {
    const file = evtxFile(plainChunk(1, 3), plainChunk(4, 3));
    file.fill(0xee, 4096, 4096 + 512);
    const result = read(file);
    expect(ids(result)).toEqual(range(1, 6));
    expect(result.stats).toMatchObject({ chunks: 2, lost: 0, damagedChunks: 1 });
  });

  test("of a whole chunk leaves the next ones, also when they no longer stand where they should", () => {
    const first = plainChunk(1, 3).bytes;
    const last = plainChunk(7, 3).bytes;
    for (const bytes of [0, 1, 512, 65_536, 70_000, 200_001]) {
      const result = read(Buffer.concat([fileHeader(3), first, Buffer.alloc(bytes, 0xee), last]));
      expect(ids(result)).toEqual([...range(1, 3), ...range(7, 9)]);
      expect(result.stats.skippedBytes).toBe(bytes);
      // Numbers 4 to 6 are missing between the two; without a byte between them, nothing says that something was there.
      if (bytes > 0) expect(result.damage).toMatchObject([{ offset: 4096 + 65_536, lost: 3 }]);
    }
  });

  test("that takes a piece out of a chunk leaves the chunk behind it", () => {
    const file = evtxFile(chunk(), plainChunk(21, 3));
    for (const [from, bytes] of [
      [recordAt(file, 3), 100],
      [4096 + 512, 4096],
      [4096 + 1, 65_535],
      [recordAt(file, 20), 50_000],
    ] as const) {
      const result = read(Buffer.concat([file.subarray(0, from), file.subarray(from + bytes)]));
      expect(ids(result).slice(-3)).toEqual(range(21, 23));
      expect(result.damage).not.toEqual([]);
    }
  });

  test("that cuts the file short costs what is gone, as the chunk's header counts it", () => {
    const file = evtxFile(chunk());
    for (const keep of [1, 7, 20]) {
      const result = read(file.subarray(0, recordAt(file, keep) + 10));
      expect(ids(result)).toEqual(range(1, keep - 1));
      expect(result.stats.lost).toBe(20 - keep + 1);
    }
    expect(read(file.subarray(0, 4096 + 100)).stats).toMatchObject({ records: 0, damagedChunks: 1 });
    expect(ids(read(file.subarray(0, recordAt(file, 20) + file.readUInt32LE(recordAt(file, 20) + 4))))).toEqual(
      range(1, 20),
    );
  });

  test("by zeros at the end of the records costs what is gone", () => {
    const file = evtxFile(chunk());
    file.fill(0, recordAt(file, 15), 4096 + 65_536);
    const result = read(file);
    expect(ids(result)).toEqual(range(1, 14));
    expect(result.stats.lost).toBe(6);
  });
});

describe("behind the used part of a chunk", () => {
  const write = (to: ChunkWriter, id: number): ChunkWriter =>
    to.record(id, () => event(to, id, "plain", namedData("CommandLine"), [string(`run ${id}`)]));

  test("records that go on were written before the log was closed, and are read", () => {
    const chunk = plainChunk(1, 3);
    write(write(chunk, 4), 5);
    expect(ids(read(evtxFile(chunk)))).toEqual(range(1, 5));
    const fresh = new ChunkWriter().seal();
    write(write(fresh, 6), 7);
    const result = read(evtxFile(plainChunk(1, 5), fresh));
    expect(ids(result)).toEqual(range(1, 7));
    expect(result.damage).toEqual([]);
  });

  test("records of an earlier round are left alone", () => {
    const chunk = plainChunk(100, 3);
    write(write(chunk, 51), 52);
    const result = read(evtxFile(chunk));
    expect(ids(result)).toEqual(range(100, 102));
    expect(result.damage).toEqual([]);
  });
});

describe("a hostile record", () => {
  /** Reads one record with this body and one that is well formed. */
  function survivors(body: (to: ChunkWriter) => void): Read {
    const chunk = new ChunkWriter();
    chunk.record(1, () => body(chunk));
    chunk.record(2, () => event(chunk, 2, "good", namedData("A"), [string("fine")])).seal();
    const startMs = performance.now();
    const result = read(evtxFile(chunk));
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(ids(result).at(-1)).toBe("2");
    return result;
  }

  test("that nests elements without end is lost", () => {
    const nest = (to: ChunkWriter, depth: number): void => {
      to.element("E", () => {
        if (depth > 0) nest(to, depth - 1);
      });
    };
    expect(survivors((to) => to.element("Event", () => nest(to, 400))).stats.lost).toBe(1);
  });

  test("whose fragments multiply is lost", () => {
    // Twelve levels, each read eight times by the level above: 8^12 without a bound.
    const level = (to: ChunkWriter, depth: number): void => {
      to.instance(
        `level${depth}`,
        () =>
          to.element(depth === 12 ? "Event" : "UserData", () => {
            for (let i = 0; i < 8; i++) to.value(0, 0x21);
            to.element("Leaf", () => to.value(0, 0x21).value(0, 0x21));
          }),
        [depth === 0 ? string("x") : fragment(() => level(to, depth - 1))],
      );
    };
    expect(survivors((to) => level(to, 12)).stats.lost).toBe(1);
  });

  test("whose text multiplies is lost", () => {
    const data: Body = (to) =>
      to.element("EventData", () => {
        for (let i = 0; i < 600; i++)
          to.element("Data", () => to.value(5).value(5), { attributes: { Name: () => to.text(String(i)) } });
      });
    expect(survivors((to) => event(to, 1, "t", data, [string("x".repeat(5000))])).stats.lost).toBe(1);
  });

  test("whose template contains an instance of itself is lost", () => {
    const body: Body = (to) =>
      to.instance(
        "self",
        () => to.element("Event", () => to.element("UserData", () => to.instance("self", () => {}, []))),
        [],
      );
    expect(survivors(body).stats.lost).toBe(1);
  });

  test("that is no event is lost", () => {
    expect(survivors((to) => to.element("Other", () => {})).stats.lost).toBe(1);
    expect(survivors(() => {}).stats.lost).toBe(1);
    expect(survivors((to) => void systemElement(to)).stats.lost).toBe(1);
  });

  test("with lengths that lead outside is lost", () => {
    const bodies: readonly ((to: ChunkWriter) => void)[] = [
      (to) => to.put(0x0c, 1).u32(0).u32(0xffff_fff0).u32(0),
      (to) => to.put(0x0c, 1).u32(0).u32(600).u32(0x4000_0000),
      (to) => to.put(0x01).u16(0xffff).u32(0).u32(0xffff_ffff),
      (to) => to.put(0x01).u16(0xffff).u32(0).u32(65_530),
      (to) => to.put(0x41).u16(0xffff).u32(0).name("Event").u32(0).put(0x06).name("a").put(0x05, 1).u16(0xffff),
      (to) => to.put(0x0a).name("pi").put(0x0b).u16(0xffff),
    ];
    for (const body of bodies) expect(survivors(body).stats.lost).toBe(1);
  });
});

test("chunks whose templates overlap do not cost time without bound", () => {
  const chunk = new ChunkWriter();
  // One long run of tokens that is a template from wherever one begins.
  const at = 20_000;
  for (let i = at; i < 60_000; i += 4) chunk.bytes.writeUInt32LE(0x0f0f_0f0f, i);
  for (let id = 1; id < 200; id++)
    chunk.record(id, () =>
      chunk
        .put(0x0c, 1)
        .u32(0)
        .u32(at + 4 * id)
        .u32(0),
    );
  for (let id = 1; id < 200; id++) chunk.bytes.writeUInt32LE(30_000, at + 4 * id + 20);
  chunk.seal();
  const startMs = performance.now();
  expect(read(evtxFile(chunk)).stats.lost).toBe(199);
  expect(performance.now() - startMs).toBeLessThan(2000);
  expect(crc32(chunk.bytes)).toBeGreaterThan(0);
});
