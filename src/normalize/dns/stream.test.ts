import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { framed } from "./dns-kit.ts";
import { DnsStreams, pendingMaxBytes } from "./stream.ts";

const roomy = { streamsMax: 100, bytesMax: 10 * pendingMaxBytes };

function reader(streams: DnsStreams): {
  readonly seen: string[];
  take(key: string, sequence: number, payload: Buffer): void;
} {
  const seen: string[] = [];
  return {
    seen,
    take: (key, sequence, payload) =>
      streams.take(key, sequence, payload, (bytes, from, to) =>
        seen.push(`${key}:${bytes.toString("latin1", from, to)}`),
      ),
  };
}
const message = (text: string): Buffer => framed(Buffer.from(text, "latin1"));

describe("messages over TCP", () => {
  test("come out whole however the segments are cut, at any sequence number", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (messages, cuts, start) => {
          const { seen, take } = reader(new DnsStreams(roomy));
          const all = Buffer.concat(messages.map((bytes) => framed(Buffer.from(bytes))));
          let at = 0;
          for (let i = 0; at < all.length; i++) {
            const end = Math.min(all.length, at + (cuts[i % cuts.length] as number));
            take("a", (start + at) >>> 0, all.subarray(at, end));
            // Now and then a segment comes again, whole or in part.
            if (i % 3 === 0) take("a", (start + at) >>> 0, all.subarray(at, end));
            at = end;
          }
          expect(seen).toEqual(messages.map((bytes) => `a:${Buffer.from(bytes).toString("latin1")}`));
        },
      ),
    );
  });

  test("of several connections do not mix", () => {
    const { seen, take } = reader(new DnsStreams(roomy));
    const [one, two] = [message("first"), message("second")];
    take("a", 0, one.subarray(0, 4));
    take("b", 0, two.subarray(0, 3));
    take("a", 4, one.subarray(4));
    take("b", 3, two.subarray(3));
    expect(seen).toEqual(["a:first", "b:second"]);
  });

  test("with a segment missing are given up, counted, and the next segment begins anew", () => {
    const streams = new DnsStreams(roomy);
    const { seen, take } = reader(streams);
    const one = message("lost in the middle");
    take("a", 100, one.subarray(0, 6));
    take("a", 100 + one.length, message("next"));
    expect(seen).toEqual(["a:next"]);
    expect(streams.stats.abandoned).toBe(1);
    expect(streams.bytes).toBe(0);
  });

  test("that came again after they were whole are not told twice", () => {
    const streams = new DnsStreams(roomy);
    const { seen, take } = reader(streams);
    const one = message("once");
    take("a", 7, one);
    take("a", 7, one);
    take("a", 7 + one.length, message("twice"));
    expect(seen).toEqual(["a:once", "a:twice"]);
    expect(streams.stats.repeated).toBe(1);
  });

  test("half-finished when the connection ends are counted", () => {
    const streams = new DnsStreams(roomy);
    const { take } = reader(streams);
    take("a", 0, message("whole"));
    streams.end("a");
    expect(streams.stats.abandoned).toBe(0);
    take("a", 0, message("half").subarray(0, 3));
    streams.end("a");
    streams.end("a");
    expect([streams.size, streams.bytes, streams.stats.abandoned]).toEqual([0, 0, 1]);
  });

  test("never hold more than the bounds, whoever sends what", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(1000), fc.uint8Array({ maxLength: 200 })), {
          maxLength: 100,
        }),
        (segments) => {
          const streams = new DnsStreams({ streamsMax: 4, bytesMax: 400 });
          for (const [key, sequence, payload] of segments) {
            streams.take(String(key), sequence, Buffer.from(payload), (bytes, from, to) => {
              expect(from >= 0 && to <= bytes.length && to >= from).toBe(true);
            });
            expect(streams.size).toBeLessThanOrEqual(4);
            expect(streams.bytes).toBeLessThanOrEqual(400);
            expect(streams.bytes).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });

  test("a byte at a time cost no more copies than a few of the whole", () => {
    const { seen, take } = reader(new DnsStreams(roomy));
    const one = framed(Buffer.alloc(65_535, 0x61));
    for (let i = 0; i < one.length; i++) take("a", i, one.subarray(i, i + 1));
    expect(seen[0]?.length).toBe(65_535 + 2);
  });
});
