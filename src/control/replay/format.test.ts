import { expect, test } from "bun:test";
import { detectFormat } from "./format.ts";

const of = (text: string) => detectFormat(Buffer.from(text, "latin1"));

test("one object a line is NDJSON, also when its first line is damaged", () => {
  expect(of('{"a":1}\n{"b":2}\n')).toEqual({ format: "ndjson" });
  expect(of('{"a":1}')).toEqual({ format: "ndjson" });
  expect(of('{"a":\n{"b":2}\n')).toEqual({ format: "ndjson" });
  expect(of('oops\n{"b":2}\n')).toEqual({ format: "ndjson", isGuess: true });
  expect(of("")).toEqual({ format: "ndjson" });
});

test("arrays, pretty-printed objects and objects in a row are JSON", () => {
  expect(of('[{"a":1}]')).toEqual({ format: "json" });
  expect(of('  {\n  "a": 1\n}\n')).toEqual({ format: "json" });
  expect(of('{ "Event": {\n "System": 1 }}')).toEqual({ format: "json" });
  expect(of('{"a":1}{"b":2}\n')).toEqual({ format: "json" });
  expect(of('Record 1\n{\n  "Event": {}\n}\n')).toEqual({ format: "json" });
  expect(of("{\n}\n")).toEqual({ format: "json" });
});

test("event logs of Windows are EVTX, also chunks without a file around them", () => {
  expect(of("ElfFile\0\0\0")).toEqual({ format: "evtx" });
  expect(of("ElfChnk\0\0\0")).toEqual({ format: "evtx" });
  expect(of("ElfFile ")).toEqual({ format: "ndjson", isGuess: true });
});

test("the audit log is told by its first record, also behind what ausearch puts there", () => {
  const record = "type=SYSCALL msg=audit(1604996384.965:93777): arch=c000003e";
  for (const text of [record, `node=web1 ${record}`, `----\ntime->Tue Nov 10 08:19:44 2020\n${record}`])
    expect(of(text)).toEqual({ format: "auditd" });
  expect(of("type=SYSCALL of a lens")).toEqual({ format: "ndjson", isGuess: true });
});

test("log lines are told by their times", () => {
  for (const time of [
    "Nov  5 08:19:44",
    "<34>Nov 15 08:19:44",
    "2026-11-22T05:46:00.123456+00:00",
    "<34>1 2026-11-22T05:46:00Z",
    "Sun Nov 22 05:46:00 2026",
  ])
    expect(of(`${time} host sshd[1]: hello\n`)).toEqual({ format: "syslog" });
  expect(of("On Nov 5 08:19:44 nothing happened")).toEqual({ format: "ndjson", isGuess: true });
});

test("what is not read yet is named", () => {
  expect(of("\x00\x05\x16\x07")).toEqual({ unsupported: "binary" });
});
