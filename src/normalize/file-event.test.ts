// From a file record to the event that rules see: which name stands where, what is text and what is absent, and which reads are
// events at all.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type ActivityParts,
  FieldTable,
  fileFlag,
  fileKind,
  fileLayout,
  fileSection,
  recordKind,
  sectionFlag,
  writeActivityRecord,
  writeProcessRecord,
} from "../event/mod.ts";
import { BootClock, ProcessCache, UserNames } from "../state/mod.ts";
import { type AnyLiveEvent, Normalizer, SensitiveFiles } from "./mod.ts";
import { absolutePath } from "./paths.ts";

function world(sensitive?: SensitiveFiles) {
  const fields = new FieldTable();
  const processes = new ProcessCache({ entriesMax: 100, bytesMax: 1 << 20, exitedMax: 50, ancestorsMax: 16 });
  const users = new UserNames({ namespacesMax: 4, wanted: () => {} });
  const clock = new BootClock(() => 1_700_000_000_000);
  const options = { fields, processes, users, hostId: "host", clock };
  const normalizer = new Normalizer(sensitive === undefined ? options : { ...options, sensitive });
  return { normalizer, processes };
}

type Numbers = Partial<Record<keyof typeof fileLayout, number>>;
const wide: ReadonlySet<string> = new Set(["inode", "size", "rootInode"]);

function file(kind: number, numbers: Numbers, sections: ActivityParts["sections"], more: Partial<ActivityParts> = {}) {
  const fixed = Buffer.alloc(fileLayout.bytes);
  for (const [name, value] of Object.entries(numbers)) {
    const at = fileLayout[name as keyof typeof fileLayout];
    if (wide.has(name)) fixed.writeBigUInt64LE(BigInt(value), at);
    else fixed.writeInt32LE(value | 0, at);
  }
  const parts = { kind, pid: 10, startNs: 1_000n, timeNs: 50_000_000n, sequence: 3n, comm: "worker", fixed };
  return writeActivityRecord({ ...parts, sections: sections ?? [], ...more });
}

const exec = (pid: number, startNs: bigint, timeNs: bigint, exe: string, args: string): Buffer =>
  writeProcessRecord({ kind: recordKind.exec, pid, timeNs, fields: { startNs, mntNs: 9 }, sections: { exe, args } });

const name = (text: string, flags = 0) => ({ type: fileSection.path, bytes: text, flags });
const dir = (text: string) => ({ type: fileSection.dir, bytes: text });

describe("file events", () => {
  test("the fields of an open are those of its record and of the process that did it", () => {
    const { normalizer } = world();
    normalizer.take(exec(10, 1_000n, 2_000n, "/usr/bin/tool", "tool\0-x\0"), 0);
    const numbers = { inode: 77, mode: 0o100640, uid: 5, openFlags: 0o101, flags: fileFlag.resolved };
    const event = normalizer.take(file(fileKind.create, numbers, [name("/etc/cron.d/x")]), 0) as AnyLiveEvent;
    expect(event.kind).toBe("file_create");
    expect(event.snapshot()).toMatchObject({
      TargetFilename: "/etc/cron.d/x",
      EventType: "create",
      Image: "/usr/bin/tool",
      CommandLine: "tool -x",
      ProcessId: "10",
      ThreadName: "worker",
      FileInode: "77",
      FileMode: "0640",
      OpenFlags: "O_WRONLY,O_CREAT",
      PathResolved: "true",
    });
    expect(event.details().ecs).toMatchObject({ file: { inode: "77", mode: "0640", uid: "5" } });
  });

  test("an event is of the program that its process ran then, not of the one that it runs by now", () => {
    const { normalizer } = world();
    normalizer.take(exec(10, 1_000n, 2_000n, "/bin/sh", "sh\0"), 0);
    normalizer.take(exec(10, 1_000n, 60_000_000n, "/bin/cat", "cat\0"), 0);
    const before = normalizer.take(file(fileKind.create, {}, [name("/x")]), 0) as AnyLiveEvent;
    expect(before.snapshot().Image).toBe("/bin/sh");
    const after = normalizer.take(file(fileKind.create, {}, [name("/x")], { timeNs: 70_000_000n }), 0) as AnyLiveEvent;
    expect(after.snapshot().Image).toBe("/bin/cat");
  });

  test("of a process that the table does not know it says what the record says", () => {
    const { normalizer } = world();
    const event = normalizer.take(file(fileKind.delete, {}, [name("/x")]), 0) as AnyLiveEvent;
    expect(event.snapshot()).toMatchObject({ ProcessId: "10", ThreadName: "worker", User: "0", TargetFilename: "/x" });
    expect(event.snapshot().Image).toBeUndefined();
    expect(event.entry).toBeUndefined();
  });

  test("another process with the same pid is not taken for it", () => {
    const { normalizer } = world();
    normalizer.take(exec(10, 999n, 2_000n, "/usr/bin/other", "other\0"), 0);
    const event = normalizer.take(file(fileKind.delete, {}, [name("/x")]), 0) as AnyLiveEvent;
    expect(event.snapshot().Image).toBeUndefined();
  });

  test("a relative name starts from its directory; without one that could be read it stays relative to the root", () => {
    const { normalizer } = world();
    const of = (...sections: NonNullable<ActivityParts["sections"]>): unknown =>
      (normalizer.take(file(fileKind.delete, {}, sections), 0) as AnyLiveEvent).snapshot().TargetFilename;
    expect(of(name("../b/./c"), dir("/a/x"))).toBe("/a/b/c");
    expect(of(name("/b//c"), dir("/a"))).toBe("/b/c");
    expect(of(name(""), dir("/a"))).toBe("/a");
    expect(of(name("c"), dir(""))).toBe("/c");
    expect(of()).toBeUndefined();
  });

  test("a cut path is said to be cut", () => {
    const { normalizer } = world();
    const record = file(fileKind.write, {}, [name("/tail", sectionFlag.cut)]);
    expect((normalizer.take(record, 0) as AnyLiveEvent).details().truncated).toEqual(["TargetFilename"]);
  });

  test("a read is an event when the file is of the list, wherever the kernel side found its name", () => {
    const { normalizer } = world(new SensitiveFiles(["/home/*/.ssh/id_rsa", "/**/secrets/key"]));
    const told = (path: string): boolean => normalizer.take(file(fileKind.access, {}, [name(path)]), 0) !== undefined;
    expect(told("/home/eve/.ssh/id_rsa")).toBe(true);
    expect(told("/home/eve/x/.ssh/id_rsa")).toBe(false);
    expect(told("/secrets/key")).toBe(true);
    expect(told("/a/b/secrets/key")).toBe(true);
    expect(told("/a/b/nosecrets/key")).toBe(false);
    expect(normalizer.stats.activities.file_access).toBe(5);
  });

  test("patterns are literal but for their stars", () => {
    const list = new SensitiveFiles(["/a.b/(x)+", "/c/[d]"]);
    expect(list.names).toEqual(["(x)+", "[d]"]);
    expect(list.has("/a.b/(x)+")).toBe(true);
    expect(list.has("/aXb/(x)+")).toBe(false);
    expect(list.has("/c/[d]")).toBe(true);
    expect(list.has("/c/d")).toBe(false);
  });

  test("whatever the bytes of a record, it is an event or counted, never a crash that the loop does not expect", () => {
    const { normalizer } = world();
    const whole = file(fileKind.rename, {}, [name("/x"), dir("/y")]);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 9), fc.nat(255)), { maxLength: 20 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at + 8] = value;
        try {
          const event = normalizer.take(bytes, 0);
          event?.snapshot();
          event?.details();
        } catch (error) {
          // What readers of a Buffer throw; the loop counts it as malformed.
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

test("a path that is put together is absolute, has no empty or dotted component, and stays what it is when it has none", () => {
  const part = fc.constantFrom("a", "b", "..", ".", "", "...", "a.b", ".c");
  fc.assert(
    fc.property(fc.array(part), fc.array(part), (directory, parts) => {
      const path = absolutePath(`/${directory.join("/")}`, parts.join("/"));
      expect(path).toStartWith("/");
      expect(
        path
          .slice(1)
          .split("/")
          .filter((one) => one === "." || one === ".."),
      ).toEqual([]);
      expect(path === "/" || !/\/\/|\/$/.test(path)).toBe(true);
      expect(absolutePath("/elsewhere", path)).toBe(path);
    }),
  );
});
