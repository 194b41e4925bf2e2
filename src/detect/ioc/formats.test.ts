import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { csvRows } from "./csv.ts";
import { observablesOf } from "./stix.ts";
import { engineOf } from "./test-kit.ts";

const sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

describe("text lists", () => {
  test("comments, blanks, marks of byte order and other line ends are understood; faults are named with their line", () => {
    const { reports, find } = engineOf({
      "rules/domains.txt":
        "\ufeff# a list\r\n\r\n  a.example ; first \r\nnot a name\r\nb.example\r\na.example\r\nlocalhost\r\n1.2.3.4",
    });
    const [report] = reports;
    expect(report).toMatchObject({ file: "rules/domains.txt", taken: 3, duplicates: 1, rejected: 3, skipped: 0 });
    expect(report!.diagnostics.map(({ line, code }) => `${line} ${code}`)).toEqual([
      "4 bad_domain",
      "7 bad_domain",
      "8 bad_domain",
    ]);
    expect(find({ QueryName: "b.example" }).length).toBe(1);
  });

  test("many faults are counted, few are named", () => {
    const { reports } = engineOf({ "ips.txt": "x\n".repeat(1_000) });
    expect(reports[0]!.rejected).toBe(1_000);
    expect(reports[0]!.diagnostics.length).toBe(21);
    expect(reports[0]!.diagnostics.at(-1)!.message).toContain("980 more");
  });

  test("the quick way and the careful way take the same names", () => {
    const part = fc.string({ unit: fc.constantFrom(..."aZ09-_."), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const name = parts.join(".");
        if (name.startsWith(".") || name.startsWith("*.") || name.startsWith("#")) return;
        const quick = engineOf({ "domains.txt": name });
        const careful = engineOf({ "x.csv": `value,type\n${name},domain` });
        // The careful way forgives a dot at the end; so does the quick one, by leaving it to the careful.
        expect(quick.engine.count).toBe(careful.engine.count);
        if (quick.engine.count > 0) expect(quick.find({ QueryName: name })).toEqual(careful.find({ QueryName: name }));
      }),
      { numRuns: 500 },
    );
  });
});

describe("CSV", () => {
  test("columns by their names; level, expiry, source and reference come with the hit", () => {
    const { engine, reports, find } = engineOf(
      {
        "feed.csv": [
          "# exported",
          "Indicator,Type,Severity,Valid_Until,Source,Reference,Description",
          'evil.example,domain,critical,2030-01-01T00:00:00Z,"Feed, one",https://r.example/1,"says ""x"""',
          "192.0.2.1,hostname,low,,,,",
          `${sha256},FileHash-SHA256,85,,,,`,
          "gone.example,domain,high,2020-01-01,,,",
          "x@y,email-src,high,,,,",
          "bad name,domain,high,,,,",
        ].join("\n"),
      },
      Date.UTC(2026, 0, 1),
    );
    expect(reports[0]).toMatchObject({ taken: 3, skipped: 2, rejected: 1 });
    expect(reports[0]!.diagnostics.map(({ line, code }) => `${line} ${code}`)).toEqual([
      "7 unknown_type",
      "8 bad_domain",
    ]);
    expect(engine.counts).toMatchObject({ domain: 1, ip: 1, sha256: 1 });
    expect(engine.digest("sha256", sha256, 0)).toMatchObject({ level: "high" });
    expect(find({ QueryName: "evil.example" }).length).toBe(1);
  });

  test("without a header that names a value it says what is missing", () => {
    const { reports } = engineOf({ "feed.csv": "a.example\nb.example\n" });
    expect(reports[0]!.diagnostics).toMatchObject([{ line: 1, code: "no_header" }]);
  });

  test("rows that were written come back as they were", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é", "#"), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (rows) => {
        const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",")).join("\r\n");
        expect([...csvRows(text)].map(({ fields }) => [...fields])).toEqual(rows);
      }),
      { numRuns: 500 },
    );
  });
});

describe("STIX", () => {
  test("patterns of single observables, and nothing else, are taken", () => {
    expect(observablesOf("[domain-name:value = 'a.example']")).toEqual([{ kind: "domain", value: "a.example" }]);
    expect(observablesOf("[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value ISSUBSET '198.51.100.0/24']")?.length).toBe(
      2,
    );
    expect(observablesOf("[url:value = 'http://a.example/it\\'s'] OR [file:hashes.'SHA-256' = 'aa']")).toEqual([
      { kind: "url", value: "http://a.example/it's" },
      { kind: "sha256", value: "aa" },
    ]);
    expect(observablesOf("[domain-name:value IN ('a.example', 'b.example')]")?.length).toBe(2);
    for (const other of [
      "[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']",
      "[domain-name:value != 'a.example']",
      "[process:command_line = 'x']",
      "[domain-name:value = 'a'] FOLLOWEDBY [domain-name:value = 'b']",
      "[domain-name:value = 'a.example'",
      "domain-name:value = ",
      "",
      "[]",
    ])
      expect([other, observablesOf(other)]).toEqual([other, undefined]);
  });

  test("no pattern makes the reader throw or hang", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."[]()'=\\: aORIN,.*-"), maxLength: 60 }), (pattern) => {
        observablesOf(pattern);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a bundle: name, producer, reference and expiry are kept; revoked and expired are left out", () => {
    const indicator = (id: string, pattern: string, more: object = {}): object => ({
      type: "indicator",
      id: `indicator--${id}`,
      pattern,
      pattern_type: "stix",
      ...more,
    });
    const objects = [
      { type: "identity", id: "identity--1", name: "CERT" },
      indicator("1", `[file:hashes.'SHA-256' = '${sha256}']`, {
        name: "Loader",
        description: "stage two",
        created_by_ref: "identity--1",
        external_references: [{ source_name: "x" }, { url: "https://r.example" }],
        severity: "critical",
      }),
      indicator("2", "[domain-name:value = 'a.example']", { revoked: true }),
      indicator("3", "[domain-name:value = 'b.example']", { valid_until: "2020-01-01T00:00:00Z" }),
      indicator("4", "[process:pid = 1]"),
    ];
    const { engine, reports } = engineOf(
      { "x.stix.json": JSON.stringify({ type: "bundle", objects }) },
      Date.UTC(2026),
    );
    expect(reports[0]).toMatchObject({ taken: 1, skipped: 3, rejected: 0 });
    expect(engine.digest("sha256", sha256, 0)).toMatchObject({
      level: "critical",
      description: "Loader: stage two",
      reference: "https://r.example",
      provider: "CERT",
      feedId: "indicator--1",
    });
  });
});

describe("MISP", () => {
  test("attributes of events and objects; composites give their parts; what is not for detection is left out", () => {
    const event = {
      info: "Campaign",
      threat_level_id: "2",
      Orgc: { name: "Org" },
      Attribute: [
        { type: "domain|ip", value: "a.example|192.0.2.1", to_ids: true, uuid: "u1" },
        { type: "ip-dst|port", value: "192.0.2.2|443", to_ids: true },
        { type: "domain", value: "benign.example", to_ids: false },
        { type: "comment", value: "x", to_ids: true },
        { type: "filename|sha256", value: `a.exe|${sha256}`, to_ids: true, comment: "loader", uuid: "u2" },
      ],
      Object: [{ Attribute: [{ type: "url", value: "https://a.example/x", to_ids: true }] }],
    };
    for (const document of [{ Event: event }, { response: [{ Event: event }] }, [{ Event: event }]]) {
      const { engine, reports } = engineOf({ "x.misp.json": JSON.stringify(document) });
      expect(reports[0]).toMatchObject({ taken: 5, skipped: 2, rejected: 0 });
      expect(engine.digest("sha256", sha256, 0)).toMatchObject({
        level: "medium",
        description: "Campaign: loader",
        provider: "Org",
        feedId: "u2",
      });
    }
  });

  test("what is no JSON, or no export, is said", () => {
    expect(engineOf({ "x.misp.json": "{" }).reports[0]!.diagnostics[0]).toMatchObject({ code: "bad_json" });
    expect(engineOf({ "x.misp.json": "[]" }).reports[0]!.diagnostics[0]).toMatchObject({ code: "no_event" });
    expect(engineOf({ "x.stix.json": "{}" }).reports[0]!.diagnostics[0]).toMatchObject({ code: "no_bundle" });
  });
});

test("of a value in two lists the more severe counts", () => {
  const low = `value,type,severity,description\n${sha256},sha256,low,one`;
  const high = `value,type,severity,description\n${sha256},sha256,critical,two`;
  for (const files of [
    { "a.csv": low, "b.csv": high },
    { "a.csv": high, "b.csv": low },
  ])
    expect(engineOf(files).engine.digest("sha256", sha256, 0)).toMatchObject({ level: "critical" });
});

test("an indicator counts for events from before it expired", () => {
  const list = { "a.csv": "value,type,expires\na.example,domain,1970-01-01T00:00:01Z" };
  const { engine, find } = engineOf(list, 0);
  expect(find({ QueryName: "a.example" }, 999).length).toBe(1);
  expect(engine.stats.expired).toBe(0);
  expect(find({ QueryName: "a.example" }, 1_000)).toEqual([]);
  expect(engine.stats.expired).toBe(1);
  expect(engineOf(list, 2_000).reports[0]).toMatchObject({ taken: 0, skipped: 1 });
});
