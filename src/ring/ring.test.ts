import { expect, test } from "bun:test";
import fc from "fast-check";
import { headerLayout, kind, ringLayout } from "../event/layout.gen.ts";
import { createRing, RingCorruptError, RingReader, RingWriter, readMessage } from "./mod.ts";

const words = (memory: SharedArrayBuffer): Int32Array => new Int32Array(memory, 0, ringLayout.bytes >> 2);

/** Everything there is, as [kind, payload]. */
function drain(reader: RingReader, max?: number): [number, string][] {
  const messages: [number, string][] = [];
  reader.drain((at) => {
    const message = readMessage(reader.bytes, at);
    messages.push([message.kind, message.payload.toString("latin1")]);
  }, max);
  return messages;
}

test("a ring is a power of two from 4 KiB to 1 GiB", () => {
  for (const bytes of [0, -4096, 4095, 4097, 2048, 6000, 2 ** 31, Number.NaN, 4096.5])
    expect(() => createRing(bytes)).toThrow(RangeError);
  for (const bytes of [4096, 65_536]) {
    const memory = createRing(bytes);
    expect(memory.byteLength).toBe(ringLayout.bytes + bytes);
    expect(new RingReader(memory).bytes.length).toBe(bytes);
  }
});

test("memory that is no ring is refused", () => {
  for (const size of [0, 4095, 8192, -1]) {
    const memory = createRing(4096);
    words(memory)[ringLayout.size >> 2] = size;
    expect(() => new RingReader(memory)).toThrow(RingCorruptError);
    expect(() => new RingWriter(memory)).toThrow(RingCorruptError);
  }
});

test("whatever is written and read in any order arrives once, whole and in order; what has no room is counted", () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ write: fc.integer({ min: 0, max: 2200 }), kind: fc.integer({ min: 1, max: 65_535 }) }),
    },
    { weight: 1, arbitrary: fc.record({ read: fc.integer({ min: 0, max: 20 }) }) },
  );
  fc.assert(
    // Heads and tails start anywhere, near the wrap of 32 bits too: they are multiples of 8.
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 2 ** 29 - 1 }), (steps, start) => {
      const memory = createRing(4096);
      words(memory)[ringLayout.head >> 2] = start * 8;
      words(memory)[ringLayout.tail >> 2] = start * 8;
      const reader = new RingReader(memory);
      const writer = new RingWriter(memory);
      const expected: [number, string][] = [];
      const got: [number, string][] = [];
      let refused = 0;
      let serial = 0;
      for (const one of steps) {
        if ("read" in one) {
          const before = expected.length - got.length;
          const taken = drain(reader, one.read);
          expect(taken.length).toBe(Math.min(one.read, before));
          got.push(...taken);
          continue;
        }
        const payload = Buffer.alloc(one.write, String.fromCharCode(97 + (serial++ % 26)), "latin1");
        const room = writer.fits(payload.length);
        const written = writer.write(one.kind, payload);
        expect(written).toBe(room);
        if (written) expected.push([one.kind, payload.toString("latin1")]);
        else refused++;
        expect(reader.pendingBytes).toBeLessThanOrEqual(4096);
      }
      got.push(...drain(reader));
      expect(got).toEqual(expected);
      expect([writer.written, writer.dropped]).toEqual([expected.length, refused]);
      expect(reader.pendingBytes).toBe(0);
      // Wherever it stands, an empty ring takes a message of half its size.
      expect(writer.fits(2048 - 16)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a message of more than half the ring never fits, one of half does in an empty ring", () => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  expect(writer.write(1, Buffer.alloc(2048 - 16 + 1))).toBe(false);
  expect(writer.write(1, Buffer.alloc(2048 - 16))).toBe(true);
  expect([writer.written, writer.dropped]).toEqual([1, 1]);
});

test("a full ring takes nothing until the reader gave room back, and then goes on", () => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  let written = 0;
  while (writer.write(7, Buffer.from(String(written)))) written++;
  expect(written).toBe(Math.floor(4096 / 24));
  expect(drain(reader, 2)).toEqual([
    [7, "0"],
    [7, "1"],
  ]);
  // What is left before the end is too little for a message: it starts over, where two were read.
  expect([1, 2, 3].map(() => writer.write(7, Buffer.from("next")))).toEqual([true, true, false]);
  expect(drain(reader).at(-1)).toEqual([7, "next"]);
});

test("an impossible size is corruption, told and never read past", () => {
  // In front of each: one good message; after it, head claims more bytes than lie there.
  for (const [size, head] of [
    [0, 64],
    [4, 64],
    [7, 64],
    [12, 64],
    [72, 64],
    [4096, 64],
    [0xffff_fff8, 64],
    [0x8000_0000, 64],
  ] as const) {
    const memory = createRing(4096);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    writer.write(1, Buffer.from("good"));
    const at = words(memory)[ringLayout.head >> 2]!;
    reader.bytes.writeUInt32LE(size, at + headerLayout.size);
    words(memory)[ringLayout.head >> 2] = at + head;
    const seen: number[] = [];
    expect(() => reader.drain((offset) => void seen.push(offset))).toThrow(RingCorruptError);
    expect(seen).toEqual([0]);
    // And again: nothing is repaired by looking away.
    expect(() => reader.drain(() => {})).toThrow(RingCorruptError);
  }
});

test("a record that would run over the end of the ring is corruption", () => {
  const memory = createRing(4096);
  words(memory)[ringLayout.head >> 2] = 4096 - 16;
  words(memory)[ringLayout.tail >> 2] = 4096 - 16;
  const reader = new RingReader(memory);
  reader.bytes.writeUInt32LE(32, 4096 - 16);
  words(memory)[ringLayout.head >> 2] = 4096 + 16;
  expect(() => reader.drain(() => {})).toThrow(RingCorruptError);
});

test("random bytes under a random head are read or refused, never read outside and never for ever", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      (bytes, head, tail) => {
        const memory = createRing(4096);
        words(memory)[ringLayout.head >> 2] = head;
        words(memory)[ringLayout.tail >> 2] = tail;
        const reader = new RingReader(memory);
        reader.bytes.set(bytes);
        try {
          reader.drain((at) => {
            expect(at).toBeGreaterThanOrEqual(0);
            expect(at).toBeLessThan(4096);
          }, 10_000);
        } catch (error) {
          if (!(error instanceof RingCorruptError) && !(error instanceof RangeError)) throw error;
          // A tail that is no multiple of 8 can point at the last bytes; a reader's own tail never does.
          if (error instanceof RangeError) expect(tail % 8).not.toBe(0);
        }
      },
    ),
  );
});

test("a payload longer than its message is corruption", () => {
  const memory = createRing(4096);
  new RingWriter(memory).write(1, Buffer.from("text"));
  const reader = new RingReader(memory);
  reader.bytes.writeUInt32LE(9, 8);
  expect(() => reader.drain((at) => void readMessage(reader.bytes, at))).toThrow(RingCorruptError);
});

test("what `take` throws passes through, and that record counts as read", () => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  for (const text of ["a", "b", "c"]) writer.write(1, Buffer.from(text));
  let calls = 0;
  expect(() =>
    reader.drain(() => {
      if (++calls === 2) throw new Error("mine");
    }),
  ).toThrow("mine");
  expect(drain(reader)).toEqual([[1, "c"]]);
});

test("a payload is a copy: it outlives what is written over it", () => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  writer.write(1, Buffer.from("first"));
  let payload: Buffer = Buffer.alloc(0);
  reader.drain((at) => {
    payload = readMessage(reader.bytes, at).payload;
  });
  for (let i = 0; i < 400; i++) {
    writer.write(1, Buffer.from("other"));
    reader.drain(() => {});
  }
  expect(payload.toString()).toBe("first");
});

test("fillers are skipped and not counted", () => {
  const memory = createRing(4096);
  const reader = new RingReader(memory);
  reader.bytes.writeUInt32LE(64, headerLayout.size);
  reader.bytes.writeUInt16LE(kind.pad, headerLayout.kind);
  words(memory)[ringLayout.head >> 2] = 64;
  expect(reader.drain(() => expect.unreachable())).toBe(0);
  expect(reader.pendingBytes).toBe(0);
});

test("wait resolves at once when there is something, when something comes, and when the time is up", async () => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  writer.write(1, Buffer.from("x"));
  await reader.wait(60_000);
  expect(drain(reader)).toEqual([[1, "x"]]);
  const waiting = reader.wait(60_000);
  writer.write(1, Buffer.from("y"));
  await waiting;
  expect(drain(reader)).toEqual([[1, "y"]]);
  const beganMs = performance.now();
  await reader.wait(30);
  expect(performance.now() - beganMs).toBeGreaterThan(20);
});

test("between two threads everything arrives in order while both run", async () => {
  const memory = createRing(65_536);
  const count = 50_000;
  // The writer tries again when there is no room: every refusal is counted, nothing is lost.
  const code = `
    const { RingWriter } = await import(${JSON.stringify(import.meta.resolve("./mod.ts"))});
    self.onmessage = ({ data }) => {
      const writer = new RingWriter(data);
      const buffer = Buffer.alloc(200);
      let tries = 0;
      for (let i = 0; i < ${count}; ) {
        buffer.writeUInt32LE(i, 0);
        tries++;
        if (writer.write(1 + (i % 7), buffer.subarray(0, 4 + (i % 190)))) i++;
      }
      self.postMessage({ written: writer.written, dropped: writer.dropped, tries });
    };
    self.postMessage("ready");
  `;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  try {
    const reader = new RingReader(memory);
    let done: { written: number; dropped: number; tries: number } | undefined;
    await new Promise<void>((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }) => {
        if (data === "ready") {
          worker.postMessage(memory);
          resolve();
        } else done = data;
      };
    });
    let next = 0;
    const deadlineMs = performance.now() + 15_000;
    while (next < count && performance.now() < deadlineMs) {
      await reader.wait(100);
      reader.drain((at) => {
        const { kind: kindOf, payload } = readMessage(reader.bytes, at);
        if (payload.readUInt32LE(0) !== next || kindOf !== 1 + (next % 7) || payload.length !== 4 + (next % 190))
          throw new Error(`Message ${next} came as ${payload.readUInt32LE(0)}`);
        next++;
      });
    }
    expect(next).toBe(count);
    for (let i = 0; i < 100 && done === undefined; i++) await Bun.sleep(10);
    expect(done?.written).toBe(count);
    expect(done!.written + done!.dropped).toBe(done!.tries);
  } finally {
    worker.terminate();
  }
});
