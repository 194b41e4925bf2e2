// A scan worker finds what native yara finds: signature-base on programs and libraries of this machine, and own rules about what is easy to get
// wrong, on bytes made for them.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineFiles, ruleFiles, scanInWorker, scanNatively, setOf } from "../bench/lib/yara.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsData, needsProgram } from "../needs.ts";

const own = `
import "math"
import "hash"
private rule is_mz { condition: uint16(0) == 0x5a4d }
rule text_wide { strings: $a = "wide text" wide condition: $a }
rule text_nocase { strings: $a = "NoCase" nocase fullword condition: $a }
rule text_xor { strings: $a = "xored text" xor(1-255) condition: $a }
rule text_base64 { strings: $a = "base64 text" base64 condition: $a }
rule hex_jump { strings: $a = { AA [2-4] BB ?C ( DD | EE FF ) } condition: $a }
rule regex { strings: $a = /ab{2,4}c[^d]e/ condition: $a }
rule counts { strings: $a = "again" condition: #a == 3 and @a[2] > @a[1] and !a[1] == 5 }
rule in_range { strings: $a = "again" condition: $a in (0..16) and $a at 8 }
rule of_them { strings: $a1 = "one" $a2 = "two" $a3 = "three" condition: 2 of ($a*) and not all of them }
rule sizes { condition: filesize > 10 and filesize < 1KB }
rule mz { condition: is_mz and uint32(filesize - 4) == 0x04030201 }
rule elf { condition: uint32(0) == 0x464c457f and uint16be(4) == 0x0201 }
rule past { condition: uint32(filesize) == 0 or uint8(filesize - 1) == 4 }
rule loops { strings: $a = "again" condition: for all i in (1..#a) : ( @a[i] < 100 ) and #a > 0 }
rule entropy { condition: math.entropy(0, filesize) > 4.5 }
rule digest { condition: hash.md5(0, 4) == "08d6c05a21512a79a1dfeb9d2a8f262f" }
`;
const samples: Readonly<Record<string, Buffer>> = {
  wide: Buffer.from([..."wide text"].flatMap((sign) => [sign.charCodeAt(0), 0])),
  nocase: Buffer.from("a nOcAsE b, noCaseX"),
  xored: Buffer.from([...Buffer.from("xored text")].map((byte) => byte ^ 0x5c)),
  base64: Buffer.from(Buffer.from("..base64 text..").toString("base64")),
  hex: Buffer.from([0xaa, 1, 2, 3, 0xbb, 0x1c, 0xee, 0xff, 0]),
  regex: Buffer.from("xabbbcxe"),
  again: Buffer.from("........again again again"),
  two: Buffer.from("one and two"),
  three: Buffer.from("one, two, three"),
  mz: Buffer.from([0x4d, 0x5a, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
  elf: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0]),
  short: Buffer.from([0x4d]),
  digits: Buffer.from([1, 2, 3, 4]),
  mixed: Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 167) & 255)),
};

describeWhere("parity with native yara", [needsProgram("yara"), needsProgram("yarac")], () => {
  test("on bytes made for what is easy to get wrong", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sigil-parity-"));
    try {
      const rules = join(folder, "own.yar");
      writeFileSync(rules, own);
      const paths = Object.entries(samples).map(([name, data]) => {
        const path = join(folder, name);
        writeFileSync(path, data);
        return path;
      });
      const native = scanNatively([rules], paths);
      const { hits } = await scanInWorker(setOf([rules]), paths);
      expect(hits).toEqual(native.hits);
      // Every rule found something, or it proves nothing.
      const found = new Set(hits.map((hit) => hit.slice(hit.lastIndexOf(" ") + 1)));
      const all = [...own.matchAll(/^rule (\w+)/gm)].map(([, name]) => name!);
      expect(all.filter((name) => !found.has(name))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

describeWhere(
  "parity with native yara on public rules",
  [needsProgram("yara"), needsProgram("yarac"), needsData("yara/signature-base")],
  () => {
    test("signature-base finds the same in programs and libraries", async () => {
      const files = ruleFiles(sharedData("yara/signature-base")!);
      const { paths } = machineFiles(30e6, 4e6);
      expect(paths.length).toBeGreaterThan(20);
      const native = scanNatively(files, paths);
      const { hits } = await scanInWorker(setOf(files), paths);
      expect(hits).toEqual(native.hits);
    }, 300_000);
  },
);
