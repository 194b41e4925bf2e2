// Real recordings as EVTX: every one is read whole, as the counters in its own chunks say, and damage to them is survived.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import fc from "fast-check";
import { FieldTable, sourceRow } from "../../src/event/mod.ts";
import { EvtxReader, type EvtxRecord, JsonNormalizer } from "../../src/normalize/mod.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsData } from "../needs.ts";
import { controlOf, fuzzOnce, mutationKinds, seedChunks } from "../soak/lib/evtx-fuzz.ts";

/** What the chunks themselves count: last minus first number of records, of each chunk in use. */
function countedRecords(file: Buffer): { chunks: number; records: number } {
  let chunks = 0;
  let records = 0;
  for (let at = 4096; at + 65_536 <= file.length; at += 65_536) {
    if (file.toString("latin1", at, at + 7) !== "ElfChnk") continue;
    chunks++;
    records += Number(file.readBigUInt64LE(at + 16) - file.readBigUInt64LE(at + 8)) + 1;
  }
  return { chunks, records };
}

for (const set of ["evtx", "sigma-regression"])
  describeWhere(`the recordings of ${set}`, [needsData(set)], () => {
    const folder = sharedData(set) ?? "";
    const names = [...new Glob("**/*.evtx").scanSync(folder)].sort();

    test("are read whole, without damage, every record with what an event needs", () => {
      expect(names.length).toBeGreaterThan(60);
      const normalizer = new JsonNormalizer(new FieldTable());
      let total = 0;
      for (const name of names) {
        const file = readFileSync(join(folder, name));
        const records: EvtxRecord[] = [];
        const damage: unknown[] = [];
        const reader = new EvtxReader({ onRecord: (it) => records.push(it), onDamage: (it) => damage.push(it) });
        reader.push(file);
        reader.end();
        const counted = countedRecords(file);
        expect({ name, damage, chunks: reader.stats.chunks, records: records.length }).toEqual({
          name,
          damage: [],
          ...counted,
        });
        for (const record of records) {
          expect(record.channel).not.toBe("");
          expect(record.provider).not.toBe("");
          expect(record.computer).not.toBe("");
          expect(Number.isInteger(record.eventId)).toBe(true);
          expect(record.timeMs).toBeWithin(Date.UTC(2005, 0, 1), Date.UTC(2100, 0, 1));
          const { recordId } = record;
          const event = normalizer.normalizeEvtx(record);
          expect(event.undated).toBe(false);
          expect(event.origin).toMatchObject({ product: "windows", recordId });
          expect(sourceRow(event.source).product).toBe("windows");
        }
        total += records.length;
      }
      console.log(`${names.length} files of ${set}, ${total} records`);
    });
  });

describeWhere("damage to a recording", [needsData("evtx")], () => {
  const chunks = seedChunks(sharedData("evtx") ?? "");
  const control = controlOf(chunks[0]!);

  test("is never thrown, never hangs, is accounted for and stays in its chunk", () => {
    const where = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 0.08, noNaN: true }));
    const mutation = fc.record({ kind: fc.constantFrom(...mutationKinds), where, value: fc.nat(0xffff_ffff) });
    fc.assert(
      fc.property(
        fc.nat(chunks.length - 1),
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 19 }),
        (index, mutations, repairs, die) => {
          fuzzOnce(chunks[index]!, mutations, repairs, die === 0, control);
        },
      ),
      { numRuns: 1500, seed: 20_260_101 },
    );
  });

  test("of any bytes behind a file's signature is never thrown either", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("ElfFile\0", "ElfChnk\0"),
        fc.uint8Array({ maxLength: 9000 }),
        fc.nat(9000),
        (magic, noise, pieceBytes) => {
          const file = Buffer.concat([Buffer.from(magic, "latin1"), noise]);
          const reader = new EvtxReader({ onRecord: () => {}, onDamage: () => {} });
          for (let at = 0; at < file.length; at += pieceBytes + 1) reader.push(file.subarray(at, at + pieceBytes + 1));
          reader.end();
          expect(reader.stats.records).toBe(0);
        },
      ),
      { numRuns: 300, seed: 20_260_102 },
    );
  });
});
