import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { auditEvent, execve, path, syscall, untrusted, userMessage } from "../../../test/fixtures/audit-writer.ts";
import { FieldTable, sourceRow } from "../../event/mod.ts";
import { type Fields, JsonNormalizer, type RecordedEvent } from "../json/mod.ts";
import { AuditNormalizer } from "./normalizer.ts";
import { parseAuditLine } from "./record.ts";

const fieldsOf = (body: string, type = "SYSCALL"): Fields => {
  const record = parseAuditLine(`type=${type} msg=audit(1604996384.965:93777): ${body}`);
  if (typeof record !== "object") throw new Error(record ?? "nothing");
  const { type: _, ...fields } = record.fields;
  return fields;
};

interface Read {
  readonly events: RecordedEvent[];
  readonly positions: number[];
  readonly problems: string[];
}

function read(lines: readonly string[]): Read {
  const result: Read = { events: [], positions: [], problems: [] };
  const normalizer = new AuditNormalizer({
    table: new FieldTable(),
    onEvent: (event, position) => {
      result.events.push(event);
      result.positions.push(position);
    },
    onDamage: (position, problem) => result.problems.push(`${position}: ${problem}`),
  });
  for (const [position, line] of lines.entries()) {
    const problem = normalizer.line(line, position);
    if (problem !== undefined) result.problems.push(`${position}: ${problem}`);
  }
  normalizer.flush();
  return result;
}

describe("a record of the audit log", () => {
  test("says when it was, on which host, and what belongs to it", () => {
    const record = parseAuditLine('node=web1 type=CWD msg=audit(1604996384.965:93777): cwd="/home/a"');
    expect(record).toMatchObject({
      type: "CWD",
      timeMs: 1_604_996_384_965,
      serial: "93777",
      node: "web1",
      fields: { type: "CWD", cwd: "/home/a" },
    });
  });

  test("is found behind the header of a syslog line", () => {
    const line =
      'Nov 10 08:19:44 web1 kernel: audit: type=1400 audit(1604996384.965:7): apparmor="DENIED" operation="open"';
    expect(parseAuditLine(line)).toMatchObject({ type: "AVC", serial: "7", fields: { apparmor: "DENIED" } });
  });

  test("has values in quotes, in hexadecimal where text may be, and plain", () => {
    expect(fieldsOf('name="a b" cwd=2F746D702F6120C3A4 a1=DEADBEEF pid=1234 key=(null) comm=""')).toEqual({
      name: "a b",
      cwd: "/tmp/a ä",
      a1: "DEADBEEF",
      pid: "1234",
      key: null,
      comm: "",
    });
  });

  test("names its system call by architecture and number", () => {
    expect(fieldsOf("arch=c000003e syscall=59").SYSCALL).toBe("execve");
    expect(fieldsOf("arch=c00000b7 syscall=221").SYSCALL).toBe("execve");
    expect(fieldsOf("arch=c000003e syscall=462").SYSCALL).toBe("mseal");
    expect(fieldsOf("arch=40000003 syscall=11").SYSCALL).toBeUndefined();
    expect(fieldsOf("arch=40000003 syscall=11\x1dARCH=i386 SYSCALL=execve").SYSCALL).toBe("execve");
    expect(fieldsOf("arch=c000003e syscall=99999").SYSCALL).toBeUndefined();
  });

  test("keeps what auditd added when it enriches", () => {
    const body =
      'uid=0 exe="/bin/x" key=61\x1dARCH=x86_64 UID="root" SADDR={ saddr_fam=inet laddr=10.0.0.1 lport=443 }';
    expect(fieldsOf(body)).toMatchObject({
      uid: "0",
      key: "a",
      ARCH: "x86_64",
      UID: "root",
      SADDR: "saddr_fam=inet laddr=10.0.0.1 lport=443",
    });
  });

  test("has several keys when several rules matched", () => {
    expect(fieldsOf(`key=${Buffer.from("one\x01two").toString("hex").toUpperCase()}`).key).toEqual(["one", "two"]);
  });

  test("of user space is taken apart as well; the kernel's own words stand", () => {
    const message = `op=adding user acct="o'brien" uid=0 exe="/usr/sbin/useradd" hostname=? res=success`;
    expect(fieldsOf(`pid=5 uid=1000 auid=1000 msg='${message}'\x1dUID="alice"`, "ADD_USER")).toEqual({
      pid: "5",
      uid: "1000",
      auid: "1000",
      op: "adding user",
      acct: "o'brien",
      exe: "/usr/sbin/useradd",
      hostname: "?",
      res: "success",
      UID: "alice",
    });
  });

  test("of an access check says the verdict", () => {
    const body = 'avc:  denied  { read open } for  pid=5 comm="x" scontext=a:b tcontext=c:d tclass=file permissive=0';
    expect(fieldsOf(body, "AVC")).toMatchObject({
      text: "avc: denied { read open } for",
      seresult: "denied",
      seperms: "read open",
      pid: "5",
      tclass: "file",
    });
  });

  test("of an address says it", () => {
    const saddr = (hex: string) => {
      const { saddr: _, ...rest } = fieldsOf(`saddr=${hex}`, "SOCKADDR");
      return rest;
    };
    expect(saddr("020001BBCB00710500000000000000000000")).toEqual({
      saddr_fam: "inet",
      laddr: "203.0.113.5",
      lport: "443",
    });
    expect(saddr("0A0000350000000020010DB800000000000000000000000100000000")).toEqual({
      saddr_fam: "inet6",
      laddr: "2001:db8::1",
      lport: "53",
    });
    expect(saddr(`0100${Buffer.from("/run/x.sock\0").toString("hex").toUpperCase()}`)).toEqual({
      saddr_fam: "local",
      path: "/run/x.sock",
    });
    for (const hex of ["02", "0200", "0A00003500", "FFFF", "XYZ"]) expect(saddr(hex)).toEqual({});
  });

  test("of a title is the command line", () => {
    expect(fieldsOf("proctitle=6C73002D6C61002F746D7000", "PROCTITLE").proctitle).toBe("ls -la /tmp");
    expect(fieldsOf('proctitle="ls"', "PROCTITLE").proctitle).toBe("ls");
  });

  test("is none when the line says something else", () => {
    for (const line of ["", "  ", "----", "time->Tue Nov 10 08:19:44 2020"])
      expect(parseAuditLine(line)).toBeUndefined();
    for (const line of [
      "hello",
      "type=SYSCALL",
      "type=SYSCALL msg=audit(x:1): a=b",
      `type=A msg=${"x".repeat(70_000)}`,
    ])
      expect(parseAuditLine(line)).toBeString();
  });
});

describe("the records of an event", () => {
  const lines = auditEvent(7, [
    syscall("execve", { exe: "/usr/bin/cp", comm: "cp" }),
    execve("cp", "a file", "/tmp/b"),
    ["CWD", 'cwd="/root"'],
    path("/usr/bin/cp"),
    ["PROCTITLE", "proctitle=637000"],
  ]);

  test("are events each, in their order, with their own fields, and share what is known of the process", () => {
    const { events, positions, problems } = read(lines);
    expect(problems).toEqual([]);
    expect(positions).toEqual([0, 1, 2, 3, 4]);
    expect(events.map(({ fields }) => fields.type)).toEqual(["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]);
    expect(events.map(({ source }) => sourceRow(source).services)).toEqual(Array(5).fill(["auditd"]));
    expect(events[1]?.fields).toEqual({
      type: "EXECVE",
      argc: "3",
      a0: "cp",
      a1: "a file",
      a2: "/tmp/b",
      argv: "cp a file /tmp/b",
    });
    for (const { origin } of events)
      expect(origin.process).toMatchObject({
        pid: "200",
        ppid: "100",
        exe: "/usr/bin/cp",
        argv: ["cp", "a file", "/tmp/b"],
        cwd: "/root",
      });
  });

  test("stay what they are while they wait on disk", () => {
    const normalizer = new JsonNormalizer(new FieldTable());
    for (const event of read(lines).events) {
      const again = normalizer.unpack(normalizer.pack(event), event.timeMs);
      expect([again.fields, again.source, again.origin.process]).toEqual([
        event.fields,
        event.source,
        event.origin.process,
      ]);
    }
  });

  test("may stand between those of others", () => {
    const other = auditEvent(8, [syscall("openat", { exe: "/bin/other" }), path("/etc/x"), ["EOE", ""]]);
    const mixed = [lines[0], other[0], lines[1], other[1], other[2], lines[2], lines[3], lines[4]].map(
      (line) => line ?? "",
    );
    const { events, positions } = read(mixed);
    expect(positions).toEqual([1, 3, 0, 2, 5, 6, 7]);
    expect(events.map(({ origin }) => origin.process?.exe)).toEqual([
      "/bin/other",
      "/bin/other",
      ...Array(5).fill("/usr/bin/cp"),
    ]);
  });

  test("are given without their end when others come later, and when many are open at once", () => {
    const normalizer = new AuditNormalizer({ table: new FieldTable(), onEvent: () => seen++, onDamage: () => {} });
    let seen = 0;
    for (let serial = 0; serial < 1000; serial++)
      for (const line of auditEvent(serial, [syscall("openat")])) normalizer.line(line, serial);
    expect(seen).toBeGreaterThanOrEqual(1000 - 64);
    for (const line of auditEvent(2000, [syscall("openat")], 1_600_000_005)) normalizer.line(line, 1000);
    expect(seen).toBe(1000);
  });

  test("of user space are complete in themselves", () => {
    const normalizer = new AuditNormalizer({ table: new FieldTable(), onEvent: () => seen++, onDamage: () => {} });
    let seen = 0;
    for (const line of auditEvent(1, [userMessage("USER_LOGIN", "op=login res=failed")])) normalizer.line(line, 0);
    expect(seen).toBe(1);
  });

  test("are one event where a command line takes several", () => {
    const long = "x".repeat(7000);
    const wide = Buffer.from("ü".repeat(3)).toString("hex").toUpperCase();
    const event = auditEvent(9, [
      syscall("execve"),
      ["EXECVE", `argc=5 a0="sh" a1_len=12 a1[0]=${wide.slice(0, 6)}`],
      ["EXECVE", ` a1[1]=${wide.slice(6)}  a2="${long}"`],
      ["EXECVE", `a3="-c" a4=6120620A`],
    ]);
    const { events, positions } = read(event);
    expect(positions).toEqual([0, 1]);
    expect(events[1]?.fields).toMatchObject({ a0: "sh", a1: "üüü", a2: long, a3: "-c", a4: "a b\n" });
    expect(events[1]?.fields.argv).toBe(`sh üüü ${long} -c a b\n`);
    expect(Object.keys(events[1]?.fields ?? {})).not.toContain("a1[0]");
  });

  test("with more arguments than anybody reads lose those, aloud", () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `a${index}="x"`);
    const parts = Array.from({ length: 20 }, (_, n): [string, string] => [
      "EXECVE",
      `${n === 0 ? "argc=20000 " : ""}${many.slice(n * 1000, n * 1000 + 1000).join(" ")}`,
    ]);
    const { events, problems } = read(auditEvent(1, parts));
    expect(events).toHaveLength(1);
    expect(Object.keys(events[0]?.fields ?? {}).length).toBeLessThan(8200);
    expect(problems).toEqual(["0: 11808 arguments beyond the first 8192 are left out"]);
  });
});

describe("any text", () => {
  test("that Linux writes as an argument comes back", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 8 }), (texts) => {
        // What follows a NUL no program was ever given.
        const argv = texts.map((text) => text.replaceAll("\0", ""));
        const [event] = read(auditEvent(1, [execve(...argv)])).events;
        // An empty one is "" in quotes.
        expect(argv.map((_, index) => event?.fields[`a${index}`])).toEqual(argv);
        expect(fieldsOf(`name=${untrusted(argv[0] ?? "")}`, "PATH").name).toBe(argv[0] ?? "");
      }),
      { numRuns: 1000 },
    );
  }, 60_000);

  test("in a line neither throws nor takes long, and every event can be read whole", () => {
    const word = fc.constantFrom(
      "a0=",
      "a1[0]=",
      '"',
      "'",
      "=",
      " ",
      "\x1d",
      "{",
      "}",
      "msg='",
      "00",
      "FF",
      "key=",
      "(null)",
      "\0",
      "é",
      "__proto__=",
      "avc:",
      "saddr=0200",
    );
    const body = fc
      .array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 60 })
      .map((words) => words.join(""));
    const type = fc.constantFrom(
      "SYSCALL",
      "EXECVE",
      "PATH",
      "PROCTITLE",
      "EOE",
      "USER_CMD",
      "SOCKADDR",
      "1300",
      "UNKNOWN[9999]",
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(type, body, fc.nat({ max: 3 })), { maxLength: 10 }), (records) => {
        const lines = records.map(([of, text, serial]) => `type=${of} msg=audit(1.000:${serial}): ${text}`);
        const { events } = read(lines);
        expect(events.length).toBeLessThanOrEqual(lines.length);
        for (const event of events) event.eachText((text) => expect(text).toBeString());
      }),
      { numRuns: 1000 },
    );
  }, 60_000);

  test("of a megabyte without a blank is refused, not searched", () => {
    expect(parseAuditLine(`type=A ${"audit(1.000:".repeat(100_000)}`)).toBeString();
  });
});
