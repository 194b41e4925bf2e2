import { expect, test } from "bun:test";
import { address, isoTime, parseInteger, Shaper, splitPath } from "./shaper.ts";

test("paths of both platforms are split as their systems do", () => {
  const cases: [string, ReturnType<typeof splitPath>][] = [
    ["/usr/bin/bash", { directory: "/usr/bin", name: "bash" }],
    ["/bash", { directory: "/", name: "bash" }],
    ["/tmp/a\\b.sh", { directory: "/tmp", name: "a\\b.sh", extension: "sh" }],
    ["/home/a/.bashrc", { directory: "/home/a", name: ".bashrc" }],
    ["/tmp/x.", { directory: "/tmp", name: "x." }],
    ["relative", { name: "relative" }],
    ["C:\\Windows\\a.b.exe", { directory: "C:\\Windows", name: "a.b.exe", extension: "exe", driveLetter: "C" }],
    ["c:\\a", { directory: "c:\\", name: "a", driveLetter: "C" }],
    ["C:/x/y.dll", { directory: "C:/x", name: "y.dll", extension: "dll", driveLetter: "C" }],
    ["\\\\server\\share\\f.txt", { directory: "\\\\server\\share", name: "f.txt", extension: "txt" }],
    ["\\Device\\HarddiskVolume2\\x", { directory: "\\Device\\HarddiskVolume2", name: "x" }],
    ["/dir/", { directory: "/dir" }],
    ["", {}],
  ];
  for (const [path, parts] of cases) expect(splitPath(path)).toEqual(parts);
});

test("numbers, addresses and times are taken only when an index would take them", () => {
  expect([parseInteger("0x1a2C"), parseInteger("42"), parseInteger("65536", 65_535)]).toEqual([6700, 42, undefined]);
  for (const text of ["", "-1", "1.5", "0x", "1e3", " 1", "9".repeat(17), undefined])
    expect(parseInteger(text)).toBeUndefined();
  expect([address("fe80::1%eth0"), address("::ffff:1.2.3.4"), address("1.2.3.4")]).toEqual([
    "fe80::1",
    "::ffff:1.2.3.4",
    "1.2.3.4",
  ]);
  for (const text of ["1.2.3", "[::1]", "1.2.3.4:80", "%eth0", "", "x".repeat(100), 7])
    expect(address(text)).toBeUndefined();
  expect([isoTime(-62_135_596_800_000), isoTime(253_402_300_799_999.9)]).toEqual([
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
  ]);
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_800_000, -62_135_596_800_001, undefined])
    expect(isoTime(time)).toBeUndefined();
});

test("a shrinking shaper keeps names and hashes whole", () => {
  const shaper = new Shaper(64, true);
  expect(shaper.text("a".repeat(64), "x", 256)).toHaveLength(64);
  expect(shaper.text("a".repeat(8192), "x")).toHaveLength(128);
  expect([...shaper.truncated]).toEqual(["x"]);
});
