import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FieldTable, sourceRow } from "../../event/mod.ts";
import type { RecordedEvent } from "../json/mod.ts";
import { facilityNames, logLineLengthMax, parseLogLine, SyslogNormalizer, severityNames } from "./mod.ts";

const table = new FieldTable();
const normalizer = new SyslogNormalizer(table);
const clock = { referenceMs: Date.UTC(2026, 5, 15, 12), zone: "utc" } as const;
const parse = (line: string) => parseLogLine(line, clock);
const place = (path = "/var/log/syslog") => ({ ...clock, path });
const read = (line: string, path?: string): RecordedEvent => {
  const event = normalizer.line(line, place(path));
  if (event === undefined) throw new Error(`Cannot read ${line}`);
  return event;
};
const source = (event: RecordedEvent): string => sourceRow(event.source).name;

describe("a line's header", () => {
  const base = { facility: undefined, severity: undefined };

  test("rsyslog's traditional file format", () => {
    expect(parse("Jun  5 07:08:09 web1 sshd[1337]: Server listening on :: port 22.")).toEqual({
      ...base,
      timeMs: Date.UTC(2026, 5, 5, 7, 8, 9),
      host: "web1",
      program: "sshd",
      pid: "1337",
      message: "Server listening on :: port 22.",
    });
  });

  test("rsyslog's precise file format, with and without a pid", () => {
    expect(parse("2026-06-05T07:08:09.123456+02:00 web1 kernel: [  1.5] eth0: link up")).toEqual({
      ...base,
      timeMs: Date.UTC(2026, 5, 5, 5, 8, 9, 123) + 0.456,
      host: "web1",
      program: "kernel",
      pid: "",
      message: "[  1.5] eth0: link up",
    });
    expect(parse("2026-06-05T07:08:09Z db postfix/smtpd[7]: x")).toMatchObject({ program: "postfix/smtpd", pid: "7" });
  });

  test("RFC 3164 with a priority, and what logger sends without a host", () => {
    expect(parse("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8")).toMatchObject({
      facility: 4,
      severity: 2,
      timeMs: Date.UTC(2025, 9, 11, 22, 14, 15),
      host: "mymachine",
      program: "su",
      message: "'su root' failed for lonvick on /dev/pts/8",
    });
    expect(parse("<13>Jun  1 00:00:00 root[5]: hello: world")).toMatchObject({
      host: "",
      program: "root",
      pid: "5",
      message: "hello: world",
    });
  });

  test("RFC 5424: the examples of its section 6.5", () => {
    expect(
      parse("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick"),
    ).toEqual({
      timeMs: Date.UTC(2003, 9, 11, 22, 14, 15, 3),
      facility: 4,
      severity: 2,
      host: "mymachine.example.com",
      program: "su",
      pid: "",
      message: "'su root' failed for lonvick",
    });
    expect(
      parse(
        '<165>1 2003-10-11T22:14:15.003Z h evntslog 8710 ID47 [exampleSDID@32473 iut="3" eventSource="a\\"b]c"][x@1 y="z"] An application event',
      ),
    ).toMatchObject({ program: "evntslog", pid: "8710", facility: 20, severity: 5, message: "An application event" });
    expect(parse("<165>1 - - - - - -")).toMatchObject({ timeMs: undefined, host: "", program: "", message: "" });
  });

  test("BusyBox's words for facility and severity", () => {
    expect(parse("Jun  5 07:08:09 router authpriv.warn dropbear[12]: Bad password")).toMatchObject({
      host: "router",
      facility: 10,
      severity: 4,
      program: "dropbear",
      message: "Bad password",
    });
    expect(parse("Jun  5 07:08:09 router nothing.like this")).toMatchObject({ message: "nothing.like this" });
  });

  test("programs with files of their own: vsftpd, ClamAV, dpkg", () => {
    expect(parse('Mon Jun  1 10:11:12 2026 [pid 2] CONNECT: Client "192.0.2.1"')).toMatchObject({
      timeMs: Date.UTC(2026, 5, 1, 10, 11, 12),
      program: "",
      message: '[pid 2] CONNECT: Client "192.0.2.1"',
    });
    expect(parse("Mon Jun  1 10:11:12 2026 -> /tmp/x: Eicar-Test-Signature FOUND").message).toBe(
      "/tmp/x: Eicar-Test-Signature FOUND",
    );
    expect(parse("2026-06-01 10:11:12 status installed nmap:amd64 7.93").message).toBe(
      "status installed nmap:amd64 7.93",
    );
  });

  test("what has no header is a message", () => {
    for (const line of ["last words", "Xyz  5 07:08:09 a b: c", "<999>x", "2026-13-01T00:00:00Z a b: c", "a b: c"])
      expect(parse(line)).toMatchObject({ timeMs: undefined, program: "", message: line });
    expect(parse("Jun  5 07:08:09 web1 last message repeated 2 times")).toMatchObject({
      host: "web1",
      program: "",
      message: "last message repeated 2 times",
    });
  });

  describe("a time without a year", () => {
    const yearOf = (text: string, referenceMs: number) =>
      new Date(parseLogLine(`${text} h p: m`, { referenceMs, zone: "utc" }).timeMs ?? 0).getUTCFullYear();

    test("is of the year that puts it before the reference, or a little ahead of it", () => {
      expect(yearOf("Dec 31 23:59:59", Date.UTC(2026, 0, 1))).toBe(2025);
      expect(yearOf("Jan  1 00:00:01", Date.UTC(2025, 11, 31, 23, 59))).toBe(2026);
      expect(yearOf("Jun 14 00:00:00", Date.UTC(2026, 5, 15))).toBe(2026);
      expect(yearOf("Jun 20 00:00:00", Date.UTC(2026, 5, 15))).toBe(2025);
    });

    test("is of a leap year on a leap day", () => {
      expect(yearOf("Feb 29 00:00:00", Date.UTC(2026, 5, 15))).toBe(2024);
      expect(parse("Feb 30 00:00:00 h p: m").timeMs).toBeUndefined();
    });

    test("in local time comes back as what it was", () => {
      const now = new Date(2026, 2, 4, 5, 6, 7).getTime();
      const got = parseLogLine("Mar  4 05:06:07 h p: m", { referenceMs: now, zone: "local" });
      expect(got.timeMs).toBe(now);
    });
  });
});

describe("an event", () => {
  test("belongs to the service of its program, its facility or its file", () => {
    for (const [line, path, want] of [
      ["Jun  5 07:08:09 h sshd-session[1]: x", "/var/log/auth.log", "linux/sshd"],
      ["Jun  5 07:08:09 h CRON[1]: (root) CMD (true)", "/var/log/syslog", "linux/cron"],
      ["Jun  5 07:08:09 h crontab[1]: (root) REPLACE (root)", "/var/log/syslog", "linux/cron"],
      ["Jun  5 07:08:09 h useradd[1]: new user: name=a", "/srv/all", "linux/auth"],
      ["Jun  5 07:08:09 h anything[1]: x", "/var/log/secure-20260101", "linux/auth"],
      ["<86>Jun  5 07:08:09 h anything[1]: x", "/srv/all", "linux/auth"],
      ["Jun  5 07:08:09 h named[1]: x", "/var/log/syslog", "linux/syslog"],
      ["Mon Jun  1 10:11:12 2026 -> /tmp/x: Eicar FOUND", "/var/log/clamav/clamav.log", "linux/clamav"],
      ["Jun  5 07:08:09 h constructor: x", "/var/log/syslog", "linux/syslog"],
    ] as const)
      expect([line, source(read(line, path))]).toEqual([line, want]);
  });

  test("of sudo has the fields of its list; a command keeps what looks like a field", () => {
    const event = read(
      "Jun  5 07:08:09 h sudo:    alice : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/al ice ; USER=#-1 ; COMMAND=/bin/sh -c a ; USER=root",
    );
    expect(event.fields).toMatchObject({
      user: "alice",
      reason: "user NOT in sudoers",
      TTY: "pts/0",
      PWD: "/home/al ice",
      USER: "#-1",
      COMMAND: "/bin/sh -c a ; USER=root",
    });
  });

  test("of sshd says who came from where, and whether in", () => {
    expect(
      read("Jun  5 07:08:09 h sshd[1]: Accepted publickey for bob from 2001:db8::1 port 51 ssh2").fields,
    ).toMatchObject({
      auth_method: "publickey",
      user: "bob",
      src_ip: "2001:db8::1",
      src_port: "51",
      outcome: "success",
    });
    expect(
      read("Jun  5 07:08:09 h sshd[1]: Failed password for invalid user eve from 192.0.2.1 port 9 ssh2").fields,
    ).toMatchObject({ user: "eve", src_ip: "192.0.2.1", outcome: "failure" });
  });

  test("of useradd and systemd has the account and the unit", () => {
    expect(
      read("Jun  5 07:08:09 h useradd[9]: new user: name=butter1, UID=1000, GID=0, home=/root, shell=/bin/bash").fields,
    ).toMatchObject({ name: "butter1", UID: "1000", GID: "0", home: "/root", shell: "/bin/bash" });
    expect(read("Jun  5 07:08:09 h systemd[1]: Stopped ufw.service - Uncomplicated firewall.").fields).toMatchObject({
      unit: "ufw.service",
      action: "stopped",
    });
  });

  test("of a journal record prefers what the journal vouches for", () => {
    const event = normalizer.journal({
      MESSAGE: [72, 105, 0xff],
      SYSLOG_IDENTIFIER: "sshd",
      SYSLOG_FACILITY: "4",
      PRIORITY: "6",
      SYSLOG_PID: "666",
      _PID: "42",
      _HOSTNAME: "web1",
      _SOURCE_REALTIME_TIMESTAMP: "1780000000123456",
      __REALTIME_TIMESTAMP: "1780000001000000",
    }) as RecordedEvent;
    expect(source(event)).toBe("linux/sshd");
    expect(event.timeMs).toBe(1780000000123.456);
    expect(event.fields).toEqual({
      message: "Hi\ufffd",
      program: "sshd",
      pid: "42",
      hostname: "web1",
      facility: "auth",
      severity: "info",
    });
    expect(normalizer.journal({ MESSAGE: ["a", [98]], _COMM: "x" })?.fields).toEqual({ message: "a\nb", program: "x" });
    for (const MESSAGE of [undefined, null, {}, [], [[[1]]], 7])
      expect(normalizer.journal({ MESSAGE })).toBeUndefined();
  });

  test("is searched by keywords in its message", () => {
    const texts: string[] = [];
    read("Jun  5 07:08:09 h crontab[1]: (root) REPLACE (root)").eachText((text) => void texts.push(text));
    expect(texts).toContain("(root) REPLACE (root)");
  });
});

describe("whatever is written", () => {
  const word = fc
    .stringMatching(/^[a-z][a-z0-9._-]{0,20}$/)
    .filter((it) => !facilityNames.some((name) => it.startsWith(`${name}.`)));
  const pid = fc.integer({ min: 1, max: 4194304 });
  const time = fc.date({ min: new Date(Date.UTC(2025, 6, 1)), max: new Date(clock.referenceMs), noInvalidDate: true });
  const message = fc.string({ maxLength: 200 }).map((text) => text.replace(/[\r\n]/g, " "));
  const monthNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  test("a header of each form comes back as it was put in", () => {
    fc.assert(
      fc.property(word, word, pid, time, message, fc.nat(191), (host, program, id, when, text, priority) => {
        const at = new Date(Math.floor(when.getTime() / 1000) * 1000);
        const clockText = at.toISOString().slice(11, 19);
        const classic = `${monthNames[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${clockText}`;
        const want = { timeMs: at.getTime(), host, program, pid: String(id), message: text };
        const numbers = { facility: priority >> 3, severity: priority & 7 };
        const tagged = `${host} ${program}[${id}]: ${text}`;
        const words = `${facilityNames[priority >> 3]}.${severityNames[priority & 7]}`;
        expect(parse(`${classic} ${tagged}`)).toMatchObject(want);
        expect(parse(`${at.toISOString()} ${tagged}`)).toMatchObject(want);
        expect(parse(`<${priority}>${classic} ${tagged}`)).toMatchObject({ ...want, ...numbers });
        expect(parse(`${classic} ${host} ${words} ${program}[${id}]: ${text}`)).toMatchObject({ ...want, ...numbers });
        const modern = parse(
          `<${priority}>1 ${at.toISOString()} ${host} ${program} ${id} - [a b="${program}"] x${text}`,
        );
        expect(modern).toMatchObject({ ...want, ...numbers, message: `x${text}` });
      }),
    );
  });

  test("never throws, and never grows", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.constantFrom(
        "<34>",
        "1 ",
        "Jun  5 07:08:09 ",
        "2026-06-05T07:08:09Z ",
        "h ",
        "sudo: ",
        "sshd[1]: ",
        "[",
        "]",
        '"',
        "\\",
      ),
      fc.constantFrom(
        " ; ",
        "USER=",
        "COMMAND=",
        "a : ",
        "Failed password for ",
        " from ",
        " port 1",
        "- ",
        "auth.info ",
      ),
    );
    const hostile = fc.array(piece, { maxLength: 20 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(hostile, (line) => {
        const event = normalizer.line(line, place());
        if (event === undefined) return line.trim() === "";
        expect(String(event.fields.message).length).toBeLessThanOrEqual(line.length);
        expect(sourceRow(event.source).product).toBe("linux");
        return true;
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("MESSAGE", "_PID", "PRIORITY", "SYSLOG_FACILITY", "UNIT"), fc.jsonValue()),
        (record) => {
          normalizer.journal(record as never);
        },
      ),
    );
  });

  test("is cut at its limit, so that no line costs more than any other", () => {
    const parsed = parse(`Jun  5 07:08:09 h sudo: ${"a".repeat(10 * logLineLengthMax)}`);
    expect(parsed.message.length).toBeLessThan(logLineLengthMax);
    for (const line of [
      " : ; ".repeat(4000),
      "Failed a for ".repeat(2000),
      "[".repeat(16_000),
      `<1>1 - ${"a".repeat(9000)} [b="\\`,
    ])
      expect(normalizer.line(`Jun  5 07:08:09 h sudo: ${line}`, place())).toBeDefined();
  });
});
