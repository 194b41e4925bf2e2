// How the build reads a machine's apt set-up: binary archives become source archives, and nothing else is taken over.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineSources } from "../../native/build-sources.ts";

const etc = mkdtempSync(join(tmpdir(), "sigil-apt-"));
afterAll(() => rmSync(etc, { recursive: true, force: true }));

test("deb822 and one-line archives of a machine become source archives", () => {
  mkdirSync(join(etc, "sources.list.d"));
  writeFileSync(
    join(etc, "sources.list"),
    "# comment\ndeb [signed-by=/k.gpg] mirror://a bookworm main\ndeb-src mirror://a bookworm main\n",
  );
  writeFileSync(join(etc, "sources.list.d/more.list"), "  deb mirror://b x y\n# deb mirror://c x y\n");
  writeFileSync(
    join(etc, "sources.list.d/debian.sources"),
    "Types: deb\n# note\nURIs: mirror://d\nSuites: s\n\nTypes: deb deb-src\nURIs: mirror://e\nSuites: s\n\nEnabled: no\nTypes: deb\nURIs: mirror://f\n",
  );
  writeFileSync(join(etc, "sources.list.d/old.sources.disabled"), "Types: deb\nURIs: mirror://g\n");
  const found = machineSources(etc);
  expect(found.oneLine).toBe("deb-src [signed-by=/k.gpg] mirror://a bookworm main\ndeb-src mirror://b x y\n");
  expect(found.deb822.match(/^Types: deb-src$/gm)).toHaveLength(2);
  expect(found.deb822).toContain("mirror://d");
  expect(found.deb822).toContain("mirror://e");
  expect(found.deb822).not.toContain("mirror://f");
  expect(found.deb822).not.toContain("mirror://g");
});

test("a machine without archives has none", () => {
  expect(machineSources(join(etc, "nowhere"))).toEqual({ deb822: "", oneLine: "" });
});
