// The indicators that ship inside the binary: every one is taken, every one is found in an event that holds it, and none in what
// is installed on an ordinary machine.

import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/control/config/mod.ts";
import { loadRuleFiles, packIndicators } from "../../src/control/rules/mod.ts";
import { IocEngine } from "../../src/detect/mod.ts";
import { type FieldObject, FieldTable, sourceId } from "../../src/event/mod.ts";

const { files, diagnostics } = loadRuleFiles([join(import.meta.dir, "../../rules/ioc")], new Set(["ioc"]));
const packed = packIndicators(files, defaultConfig().ioc, Date.now());
const slots = new FieldTable();
if (packed.set === undefined) throw new Error("rules/ioc has no indicator");
const engine = new IocEngine(packed.set, slots);

function found(fields: FieldObject): string[] {
  const values: string[] = [];
  const get = (slot: number) => fields[slots.name(slot)];
  const source = sourceId("linux/process_creation");
  engine.match({ kind: "other", source, timeMs: Date.now(), get, eachText: () => {} }, ({ indicator }) => {
    values.push(`${indicator.kind} ${indicator.value}`);
  });
  return values;
}

test("every line of every list is taken, and says what it is about", () => {
  expect(diagnostics).toEqual([]);
  expect(packed.diagnostics).toEqual([]);
  for (const { file, taken, rejected, skipped, duplicates } of packed.reports)
    expect([file, taken > 0, rejected, skipped, duplicates]).toEqual([file, true, 0, 0, 0]);
});

test("each kind is found where its thing is seen", () => {
  expect(found({ QueryName: "x.indicator-test.sigil.invalid" })).toEqual(["domain .indicator-test.sigil.invalid"]);
  expect(found({ DestinationIp: "192.0.2.255", DestinationPort: 47_808 })).toEqual(["ip 192.0.2.255:47808"]);
  expect(found({ DestinationIp: "192.0.2.255", DestinationPort: 443 })).toEqual([]);
  expect(found({ CommandLine: "curl http://indicator-test.sigil.invalid/download/x" })).toEqual([
    "url indicator-test.sigil.invalid/download",
    "domain .indicator-test.sigil.invalid",
  ]);
  expect(found({ Hashes: "MD5=44D88612FEA8A8F36DE82E1278ABB02F" })).toEqual(["md5 44d88612fea8a8f36de82e1278abb02f"]);
  expect(found({ Image: "/tmp/kdevtmpfsi" }).length).toBe(1);
  expect(found({ Image: "/usr/bin/xmrig" })).toEqual([]);
  expect(found({ CommandLine: "xmrig -o pool.supportxmr.com:443" })).toEqual(["domain .supportxmr.com"]);
});

test("nothing that is installed here is an indicator by its path", () => {
  const paths: string[] = [];
  const walk = (folder: string, depth: number): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && depth < 4) walk(path, depth + 1);
      else if (entry.isFile()) paths.push(path);
    }
  };
  for (const folder of ["/usr/bin", "/usr/lib", "/usr/sbin"]) if (existsSync(folder)) walk(folder, 0);
  expect(paths.length).toBeGreaterThan(500);
  expect(paths.filter((path) => found({ Image: path, TargetFilename: path }).length > 0)).toEqual([]);
});
