import { describe, expect, test } from "bun:test";
import {
  auditKeys,
  auditRows,
  auditSyscalls,
  FieldTable,
  fileKind,
  fileLayout,
  fileSection,
  liveFields,
  liveValues,
  recordKind,
  sectionFlag,
  writeActivityRecord,
  writeProcessRecord,
} from "../../event/mod.ts";
import { BootClock, ProcessCache, UserNames } from "../../state/mod.ts";
import type { RecordedEvent } from "../json/mod.ts";
import { NetworkMemory } from "../network/memory.ts";
import { Normalizer } from "../normalizer.ts";
import { SyslogNormalizer } from "../syslog/mod.ts";
import { auditFields } from "./audit-event.ts";
import { loggedAuditFields } from "./from-log.ts";
import { executionKey } from "./keys.ts";
import {
  type AuditDemand,
  AuditEvent,
  type AuditRule,
  AuditTrail,
  auditDemand,
  auditTypes,
  loggedAuditTypes,
} from "./mod.ts";
import { pathNames } from "./paths.ts";
import { syscallNumber } from "./syscalls.ts";

const rule = (fields: Readonly<Record<string, string>>, isDiscovery = false): AuditRule => ({
  isDiscovery,
  fields: Object.keys(fields),
  hasKeywords: false,
  tests: (field) =>
    fields[field] === undefined ? [] : [(value) => value.toLowerCase() === fields[field]?.toLowerCase()],
});

/** Everything that a demand makes of records, as the fields of each. */
function world(demand: AuditDemand) {
  const fields = new FieldTable();
  const processes = new ProcessCache({ entriesMax: 100, bytesMax: 1 << 20, exitedMax: 50, ancestorsMax: 16 });
  const users = new UserNames({ namespacesMax: 4, wanted: () => {} });
  users.set(
    9,
    new Map([
      [0, "root"],
      [33, "www-data"],
    ]),
  );
  const context = { fields, processes, users, hostId: "host", network: new NetworkMemory() };
  const normalizer = new Normalizer({ ...context, clock: new BootClock(() => 1_700_000_000_000) });
  const made: Record<string, unknown>[] = [];
  const texts: string[][] = [];
  const trail = new AuditTrail(demand, context, (event) => {
    made.push(event instanceof AuditEvent ? event.snapshot() : { ...event.fields });
    const all: string[] = [];
    event.eachText((text) => void all.push(text));
    texts.push(all);
  });
  const take = (record: Buffer): void => {
    const event = normalizer.take(record, 0);
    if (event !== undefined) trail.take(event);
  };
  const logs = new SyslogNormalizer(fields);
  const log = (line: string): void =>
    trail.logged(logs.line(line, { path: "/var/log/syslog", referenceMs: 0, zone: "utc" }) as RecordedEvent);
  const journal = (record: Record<string, string>): void => trail.logged(logs.journal(record) as RecordedEvent);
  return { made, texts, take, log, journal, trail };
}

type Sections = Parameters<typeof writeProcessRecord>[0]["sections"];

function exec(args: string, more: { sections?: Sections; fields?: object; isCut?: boolean } = {}): Buffer {
  return writeProcessRecord({
    kind: recordKind.exec,
    pid: 7,
    timeNs: 20_000_000n,
    fields: {
      startNs: 10_000_000n,
      mntNs: 9,
      userNs: 0xeffffffd,
      ppid: 1,
      euid: 33,
      uid: 0,
      loginUid: 4294967295,
      auditSession: 4294967295,
      ttyMajor: 136,
      ttyMinor: 3,
      argc: args.split("\0").length - 1,
      ...more.fields,
    },
    comm: "curl",
    sections: { exe: "/usr/bin/curl", filename: "./curl", cwd: "/srv", args, ...more.sections },
    ...(more.isCut === true ? { sectionFlags: { args: sectionFlag.cut } } : {}),
  });
}

const file = (kind: number, path: string, other = ""): Buffer =>
  writeActivityRecord({
    kind,
    pid: 7,
    startNs: 10_000_000n,
    timeNs: 30_000_000n,
    comm: "worker",
    actor: { uid: 1000, euid: 33 },
    fixed: new Uint8Array(fileLayout.bytes),
    sections: [
      { type: fileSection.path, bytes: path },
      { type: fileSection.dir, bytes: "/srv" },
      ...(other === ""
        ? []
        : [
            { type: fileSection.other, bytes: other },
            { type: fileSection.otherDir, bytes: "/srv" },
          ]),
    ],
  });

const everything = auditDemand([rule({})]);

describe("the audit records of an execution", () => {
  test("say what auditd says: SYSCALL, EXECVE, CWD, PATH", () => {
    const { made, take, trail } = world(everything);
    take(exec("curl\0-o\0a b\0"));
    expect(made).toEqual([
      {
        type: "SYSCALL",
        arch: process.arch === "arm64" ? "c00000b7" : "c000003e",
        syscall: process.arch === "arm64" ? "221" : "59",
        success: "yes",
        exit: "0",
        ppid: "1",
        pid: "7",
        auid: "4294967295",
        uid: "0",
        gid: "0",
        euid: "33",
        suid: "0",
        egid: "0",
        sgid: "0",
        tty: "pts3",
        ses: "4294967295",
        comm: "curl",
        exe: "/usr/bin/curl",
        key: "susp_activity",
        ARCH: process.arch === "arm64" ? "aarch64" : "x86_64",
        SYSCALL: "execve",
        AUID: "unset",
        UID: "root",
        EUID: "www-data",
        SUID: "root",
      },
      { type: "EXECVE", argc: "3", a0: "curl", a1: "-o", a2: "a b" },
      { type: "CWD", cwd: "/srv" },
      { type: "PATH", item: "0", name: "./curl", nametype: "NORMAL" },
    ]);
    expect(trail.stats.made).toBe(4);
  });

  test("are searched by keywords in the whole command line, so that one may span two words", () => {
    const { texts, take } = world(auditDemand([rule({ type: "execve" })]));
    take(exec("iptables\0--to-ports\x0042\0"));
    expect(texts).toEqual([["iptables --to-ports 42"]]);
  });

  test("number the words that are left of a command line that was cut as they were", () => {
    const { made, take } = world(auditDemand([rule({ type: "EXECVE" })]));
    take(exec("rt\0last\0", { fields: { argc: 5 }, isCut: true }));
    expect(made).toEqual([{ type: "EXECVE", argc: "5", a3: "rt", a4: "last" }]);
  });

  test("have a key only where the watched program stands, by either name", () => {
    expect(executionKey("nc", "/usr/bin/nc.openbsd")).toBe("susp_activity");
    expect(executionKey("/bin/wget", "/bin/busybox")).toBe("susp_activity");
    expect(executionKey("/tmp/wget", "/tmp/wget")).toBeUndefined();
    expect(executionKey("wget")).toBeUndefined();
  });
});

describe("the audit records of an activity", () => {
  test("name its paths with what became of them", () => {
    const { made, take } = world(auditDemand([rule({ type: "PATH" })]));
    take(exec("curl\0"));
    made.length = 0;
    take(file(fileKind.create, "new"));
    take(file(fileKind.delete, "/etc/old"));
    take(file(fileKind.rename, "/etc/b", "/etc/a"));
    take(file(fileKind.chmod, "/etc/c"));
    const path = (item: number, name: string, nametype: string) => ({
      type: "PATH",
      item: String(item),
      name,
      nametype,
    });
    expect(made).toEqual([
      path(0, "/srv/new", "CREATE"),
      path(0, "/etc/old", "DELETE"),
      path(0, "/etc/a", "DELETE"),
      path(1, "/etc/b", "CREATE"),
      path(0, "/etc/c", "NORMAL"),
    ]);
  });

  test("have a SYSCALL record only when a rule asks for that call", () => {
    const { made, take } = world(auditDemand([rule({ type: "SYSCALL", SYSCALL: "mknod" })]));
    take(exec("curl\0"));
    made.length = 0;
    take(file(fileKind.create, "/srv/a"));
    take(file(fileKind.mknod, "/srv/b"));
    expect(made).toMatchObject([
      {
        type: "SYSCALL",
        SYSCALL: "mknod",
        uid: "1000",
        EUID: "www-data",
        comm: "worker",
        exe: "/usr/bin/curl",
        success: "yes",
      },
    ]);
  });
});

describe("a path in an audit record", () => {
  test("is asked for under every name that it has", () => {
    expect(pathNames("/run/xinetd.lock")).toEqual(["/run/xinetd.lock", "/var/run/xinetd.lock"]);
    expect(pathNames("/lib/systemd/system/x")).toEqual(["/lib/systemd/system/x", "/usr/lib/systemd/system/x"]);
    expect(pathNames("/usr/lib/os-release")).toEqual(["/usr/lib/os-release", "/lib/os-release", "/etc/os-release"]);
    expect(pathNames("/running")).toEqual(["/running"]);
    const { made, texts, take } = world(auditDemand([rule({ type: "PATH" })]));
    take(exec("curl\0"));
    made.length = texts.length = 0;
    take(file(fileKind.create, "/run/a.pid"));
    expect(made).toMatchObject([{ name: "/run/a.pid" }]);
    expect(texts).toEqual([["/run/a.pid", "/var/run/a.pid"]]);
  });

  test("is watched for reading when a rule about discovery names it, and then alone", () => {
    const read = (name: string, isDiscovery: boolean) => auditDemand([rule({ type: "PATH", name }, isDiscovery)]).reads;
    expect(read("/etc/os-release", true)).toEqual(["/etc/os-release", "/usr/lib/os-release"]);
    expect(read("/sys/class/dmi/id/product_name", true)).toContain("/sys/devices/virtual/dmi/id/product_name");
    expect(read("/etc/os-release", false)).toEqual([]);
    expect(read("/root/.bashrc", true)).toEqual([]);
    expect(auditDemand([rule({ type: "EXECVE", name: "/etc/issue" }, true)]).reads).toEqual([]);
  });
});

describe("the audit records of a log line", () => {
  test("are those of accounts and services", () => {
    const { made, log, journal } = world(everything);
    log("Jan  1 00:00:00 h useradd[5]: new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/sh");
    log("Jan  1 00:00:00 h groupadd[5]: new group: name=x, GID=5");
    log("Jan  1 00:00:00 h userdel[6]: delete user 'eve'");
    log("Jan  1 00:00:00 h systemd[1]: Stopped firewalld.service - firewalld - dynamic firewall daemon.");
    journal({
      MESSAGE: "Gestoppt",
      SYSLOG_IDENTIFIER: "systemd",
      UNIT: "ufw.service",
      MESSAGE_ID: "9d1aaa27d60140bd96365438aad20286",
    });
    log("Jan  1 00:00:00 h systemd[1]: Stopping ufw.service - x");
    log("Jan  1 00:00:00 h systemd[1]: Stopped session-1.scope - x");
    log("Jan  1 00:00:00 h evil[1]: new user: name=eve, UID=0");
    const stopped = { type: "SERVICE_STOP", comm: "systemd", pid: "1", uid: "0", res: "success" };
    expect(made).toEqual([
      { type: "ADD_USER", op: "adding user", acct: "eve", id: "0", pid: "5", res: "success" },
      { type: "ADD_GROUP", op: "adding group", acct: "x", pid: "5", res: "success" },
      { type: "DEL_USER", op: "deleting user", acct: "eve", pid: "6", res: "success" },
      { ...stopped, unit: "firewalld" },
      { ...stopped, unit: "ufw" },
    ]);
  });
});

describe("what is made", () => {
  test("is what some rule may match, and nothing else", () => {
    const { made, take, log } = world(auditDemand([rule({ type: "cwd" }), rule({ type: "TTY" })]));
    take(exec("curl\0"));
    log("Jan  1 00:00:00 h useradd[5]: new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/sh");
    expect(made).toEqual([{ type: "CWD", cwd: "/srv" }]);
    expect(world(auditDemand([rule({ type: "TTY" })])).trail.kinds).toEqual([]);
    // A rule that names no type: only types that have its fields.
    expect([...auditDemand([rule({ a7: "x" })]).types]).toEqual(["EXECVE"]);
    expect([...auditDemand([rule({ key: "susp_activity" })]).types]).toEqual(["SYSCALL"]);
    expect([...auditDemand([rule({ unit: "ufw" })]).types]).toContain("SERVICE_STOP");
    expect(auditDemand([{ ...rule({}), hasKeywords: true }]).types.size).toBe(10);
    expect(world(auditDemand([rule({ type: "ADD_USER" })])).trail.readsLogs).toBe(true);
    expect(world(auditDemand([rule({ type: "EXECVE" })])).trail.readsLogs).toBe(false);
  });

  test("is what the tables of the room event say: types, fields, calls and their numbers", () => {
    const values = liveValues["linux/auditd"];
    expect([...auditTypes, ...loggedAuditTypes].map(String).sort()).toEqual([...(values?.type ?? [])].sort());
    expect(values?.SYSCALL).toEqual([...auditSyscalls]);
    expect(values?.key).toEqual([...auditKeys]);
    const made = new Set(Object.values(auditFields).flatMap((readers) => Object.keys(readers)));
    expect([...new Set([...made, ...loggedAuditFields])].sort()).toEqual(
      (liveFields["linux/auditd"] ?? []).map(({ name }) => name).sort(),
    );
    for (const call of auditSyscalls)
      expect([call, syscallNumber(call)]).toEqual([call, expect.stringMatching(/^\d+$/)]);
    expect(auditRows.size).toBeGreaterThan(10);
  });
});
