// From a record to an event, as the detect worker does it: fields, their laziness, and the table that keeps pace.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  activityKinds,
  exeFlag,
  exitLayout,
  FieldTable,
  fdKind,
  forkLayout,
  headerLayout,
  liveFields,
  processIdentity,
  processLayout,
  recordFlag,
  recordKind,
  sourceId,
  writeProcessRecord,
} from "../event/mod.ts";
import { BootClock, ProcessCache, UserNames } from "../state/mod.ts";
import {
  type AnyLiveEvent,
  actorFields,
  capabilityNames,
  decodeExit,
  endFields,
  families,
  Normalizer,
  startFields,
} from "./mod.ts";

const hostUserNs = 0xeffffffd;

function world() {
  const fields = new FieldTable();
  const processes = new ProcessCache({ entriesMax: 100, bytesMax: 1 << 20, exitedMax: 50, ancestorsMax: 16 });
  const asked: number[] = [];
  const users = new UserNames({ namespacesMax: 4, wanted: (mountNs) => void asked.push(mountNs) });
  users.set(
    9,
    new Map([
      [0, "root"],
      [33, "www-data"],
    ]),
  );
  const clock = new BootClock(() => 1_700_000_000_000);
  const normalizer = new Normalizer({ fields, processes, users, hostId: "host", clock });
  const get = (event: AnyLiveEvent, name: string): unknown => event.get(fields.slot(name));
  return { fields, processes, users, asked, normalizer, get };
}

type Fields = Parameters<typeof writeProcessRecord>[0]["fields"];
type Sections = Parameters<typeof writeProcessRecord>[0]["sections"];

function exec(
  pid: number,
  startNs: bigint,
  fields: Fields = {},
  sections: Sections = {},
  more: { kind?: number; flags?: number } = {},
): Buffer {
  return writeProcessRecord({
    kind: more.kind ?? recordKind.exec,
    pid,
    timeNs: startNs + 5_000_000n,
    sequence: 17n,
    flags: more.flags ?? 0,
    comm: "comm",
    fields: { startNs, mntNs: 9, userNs: hostUserNs, ...fields },
    fdKinds: [fdKind.socket, fdKind.pipe, fdKind.tty],
    sections,
  });
}

function small(kind: number, pid: number, bytes: number): Buffer {
  const record = Buffer.alloc(headerLayout.bytes + bytes);
  record.writeUInt32LE(record.length, headerLayout.size);
  record.writeUInt16LE(kind, headerLayout.kind);
  record.writeUInt32LE(pid, headerLayout.pid);
  record.writeBigUInt64LE(9_000_000_000n, headerLayout.timeNs);
  return record;
}

function fork(pid: number, startNs: bigint, ppid: number, parentStartNs: bigint, creator = ppid): Buffer {
  const record = small(recordKind.fork, pid, forkLayout.bytes);
  record.writeBigUInt64LE(startNs, headerLayout.bytes + forkLayout.startNs);
  record.writeBigUInt64LE(parentStartNs, headerLayout.bytes + forkLayout.parentStartNs);
  record.writeUInt32LE(ppid, headerLayout.bytes + forkLayout.ppid);
  record.writeUInt32LE(creator, headerLayout.bytes + forkLayout.creatorPid);
  return record;
}

function exit(pid: number, startNs: bigint, status: number): Buffer {
  const record = small(recordKind.exit, pid, exitLayout.bytes);
  record.writeBigUInt64LE(startNs, headerLayout.bytes + exitLayout.startNs);
  record.writeUInt32LE(status, headerLayout.bytes + exitLayout.exitCode);
  return record;
}

test("the fields that are filled are those that the table of live fields promises, for every source", () => {
  const filled: Record<string, readonly string[]> = {
    "linux/process_creation": Object.keys(startFields),
    "linux/process_termination": Object.keys(endFields),
  };
  for (const { name, source } of activityKinds) {
    const family = families.find(({ kinds }) => kinds.includes(name))!;
    filled[source] = Object.keys({ ...actorFields, ...family.readers });
  }
  for (const [source, names] of Object.entries(filled))
    expect([...names].sort()).toEqual(liveFields[source]!.map(({ name }) => name).sort());
});

test("a start has every field that its record and its parent fill", () => {
  const { normalizer, get } = world();
  normalizer.take(
    exec(10, 1_000n, { euid: 33, ppid: 1 }, { exe: "/usr/sbin/apache2", args: "apache2\0-k\0start\0" }),
    0,
  );
  const record = exec(
    11,
    2_000_000_000n,
    {
      ppid: 10,
      parentStartNs: 1_000n,
      euid: 0,
      uid: 33,
      loginUid: 1000,
      session: 5,
      capEffective: (1n << 0n) | (1n << 21n) | (1n << 39n),
      exeFlags: exeFlag.deleted | exeFlag.secure,
    },
    {
      exe: "/tmp/x",
      cwd: "/var/www",
      filename: "./x",
      interp: "/bin/sh",
      cgroup: `/system.slice/docker-${"ab".repeat(32)}.scope`,
      args: "./x\0a b\0",
      env: "LD_PRELOAD=/tmp/e.so\0HISTFILE=\0SSH_CONNECTION=1 2 3 4\0",
    },
  );
  const padded = Buffer.concat([Buffer.alloc(40, 7), record]);
  const event = normalizer.take(padded, 40)!;
  expect(event.kind).toBe("process_start");
  expect(event.source).toBe(sourceId("linux/process_creation"));
  expect(event.timeMs).toBe(1_700_000_000_000 + 2005);
  expect(event.sequence).toBe(17);
  expect(event.snapshot()).toEqual({
    EventID: "1",
    UtcTime: "2023-11-14 22:13:22.005",
    ProcessGuid: processIdentity("host", 11, 2_000_000_000).guid,
    ProcessId: "11",
    Image: "/tmp/x",
    User: "root",
    CommandLine: "./x a b",
    CurrentDirectory: "/var/www",
    LogonId: "1000",
    TerminalSessionId: "5",
    ParentProcessGuid: processIdentity("host", 10, 1000).guid,
    ParentProcessId: "10",
    ParentImage: "/usr/sbin/apache2",
    ParentCommandLine: "apache2 -k start",
    ParentUser: "www-data",
    RealUser: "www-data",
    ImageTyped: "./x",
    Interpreter: "/bin/sh",
    ImageMemfd: "false",
    ImageDeleted: "true",
    ImageOverlayUpper: "false",
    ImageSecureExec: "true",
    ImageChrooted: "false",
    Stdin: "socket",
    Stdout: "pipe",
    Stderr: "tty",
    EnvLdPreload: "/tmp/e.so",
    EnvHistfile: "",
    EnvSshConnection: "1 2 3 4",
    ContainerId: "ab".repeat(32),
    ContainerRuntime: "docker",
    CgroupPath: `/system.slice/docker-${"ab".repeat(32)}.scope`,
    EffectiveCapabilities: "CAP_CHOWN,CAP_SYS_ADMIN,CAP_BPF",
  });
  const texts: string[] = [];
  event.eachText((text) => texts.push(text));
  expect(texts).toContain("./x a b");
  expect(get(event, "NoSuchField")).toBeUndefined();
});

describe("laziness", () => {
  function family() {
    const here = world();
    here.normalizer.take(exec(10, 1n, {}, { exe: "/parent" }), 0);
    const event = here.normalizer.take(
      exec(11, 2n, { ppid: 10, parentStartNs: 1n }, { exe: "/child", args: "child\0" }),
      0,
    )!;
    return { ...here, event };
  }

  test("no parent is looked up for fields of the process itself", () => {
    const { processes, event, get } = family();
    for (const name of Object.keys(startFields).filter((name) => !name.startsWith("Parent"))) get(event, name);
    // The parent's pid is in the record itself.
    get(event, "ParentProcessId");
    expect(processes.stats.parentLookups).toBe(0);
  });

  test("a parent is looked up once, however many of its fields are read and however often", () => {
    const { processes, event, get } = family();
    for (let i = 0; i < 3; i++)
      for (const name of ["ParentImage", "ParentCommandLine", "ParentUser", "ParentProcessGuid"]) get(event, name);
    expect(get(event, "ParentImage")).toBe("/parent");
    expect(processes.stats.parentLookups).toBe(1);
  });

  test("a parent that is not known is not asked for again within one event", () => {
    const { processes, normalizer, get } = world();
    const event = normalizer.take(exec(11, 2n, { ppid: 10, parentStartNs: 1n }), 0)!;
    for (let i = 0; i < 3; i++) expect(get(event, "ParentImage")).toBeUndefined();
    expect(get(event, "ParentProcessId")).toBe("10");
    expect(processes.stats.parentLookups).toBe(1);
  });

  test("no names of users are asked for until a field shows one", () => {
    const { asked, normalizer, get } = world();
    const event = normalizer.take(exec(11, 2n, { mntNs: 77, euid: 5 }), 0)!;
    get(event, "Image");
    expect(asked).toEqual([]);
    expect(get(event, "User")).toBe("5");
    expect(asked).toEqual([77]);
  });

  test("the next event shows nothing of the one before", () => {
    const { normalizer, get, event } = family();
    for (const name of Object.keys(startFields)) get(event, name);
    const next = normalizer.take(exec(12, 3n, { ppid: 99, parentStartNs: 9n }), 0)!;
    expect(next).toBe(event);
    expect(next.snapshot()).toMatchObject({ ProcessId: "12", ParentProcessId: "99" });
    for (const name of ["Image", "CommandLine", "ParentImage", "ImageTyped", "EnvLdPreload", "ContainerId"])
      expect([name, get(next, name) ?? ""]).toEqual([name, ""]);
  });
});

describe("Normalizer", () => {
  test("an end is an event once, with what the process ran", () => {
    const { normalizer, get } = world();
    normalizer.take(exec(10, 1n, {}, { exe: "/bin/x", args: "x\0-v\0" }), 0);
    const event = normalizer.take(exit(10, 1n, 0x0300), 0)!;
    expect(event.kind).toBe("process_end");
    expect(event.source).toBe(sourceId("linux/process_termination"));
    expect(event.snapshot()).toMatchObject({
      EventID: "5",
      ProcessId: "10",
      Image: "/bin/x",
      CommandLine: "x -v",
      ExitCode: "3",
    });
    expect(get(event, "ExitSignal")).toBeUndefined();
    expect(normalizer.take(exit(11, 1n, 0), 0)).toBeUndefined();
  });

  test("a signal is an end without a code", () => {
    const { normalizer, get } = world();
    normalizer.take(exec(10, 1n), 0);
    const event = normalizer.take(exit(10, 1n, 9), 0)!;
    expect([get(event, "ExitSignal"), get(event, "ExitCode")]).toEqual(["SIGKILL", undefined]);
  });

  test("forks and the inventory feed the table and are no events", () => {
    const { normalizer, processes } = world();
    expect(normalizer.take(exec(1, 1n, {}, { exe: "/init" }, { kind: recordKind.task }), 0)).toBeUndefined();
    expect(normalizer.take(fork(2, 2n, 1, 1n), 0)).toBeUndefined();
    expect(processes.find(2, 2)?.program?.image).toBe("/init");
    expect(normalizer.inventoryDone).toBe(false);
    expect(normalizer.take(small(recordKind.inventoryEnd, 0, 0), 0)).toBeUndefined();
    expect(normalizer.inventoryDone).toBe(true);
  });

  test("the inventory does not undo what a live record said before it", () => {
    const { normalizer, processes } = world();
    normalizer.take(exec(5, 1n, {}, { exe: "/live", env: "LD_PRELOAD=x\0" }), 0);
    normalizer.take(exec(5, 1n, {}, { exe: "/inventory" }, { kind: recordKind.task }), 0);
    expect(processes.find(5, 1)?.program?.image).toBe("/live");
    expect(processes.stats.size).toBe(1);
  });

  test("every record is counted under its kind, one from /proc apart, an unknown kind as malformed", () => {
    const { normalizer } = world();
    normalizer.take(exec(1, 1n, {}, {}, { kind: recordKind.task }), 0);
    normalizer.take(exec(2, 1n, {}, {}, { kind: recordKind.task, flags: recordFlag.coarseStart }), 0);
    normalizer.take(exec(3, 1n), 0);
    normalizer.take(fork(4, 1n, 3, 1n), 0);
    normalizer.take(exit(4, 1n, 0), 0);
    normalizer.take(exit(99, 1n, 0), 0);
    for (const kind of [0, recordKind.max, 65_535]) expect(normalizer.take(small(kind, 1, 0), 0)).toBeUndefined();
    expect(normalizer.stats).toEqual({
      exec: 1,
      fork: 1,
      exit: 2,
      task: 1,
      recovered: 1,
      malformed: 3,
      compat: 0,
      activities: {},
    });
  });

  test("an event of a process whose start was never seen has what is known, and no more", () => {
    const { normalizer, get } = world();
    normalizer.take(fork(4, 1n, 3, 1n), 0);
    const event = normalizer.take(exit(4, 1n, 0), 0)!;
    expect(Object.keys(event.snapshot()).sort()).toEqual([
      "EventID",
      "ExitCode",
      "ProcessGuid",
      "ProcessId",
      "UtcTime",
    ]);
    expect(get(event, "Image")).toBeUndefined();
  });
});

test("the wait status says code or signal, as wait(2) has it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), (code) => {
      expect(decodeExit(code << 8)).toEqual({ code, signal: 0, signalName: "", dumpedCore: false });
    }),
  );
  // Names from signal(7), written here by hand.
  for (const [number, name] of [
    [1, "SIGHUP"],
    [2, "SIGINT"],
    [6, "SIGABRT"],
    [9, "SIGKILL"],
    [11, "SIGSEGV"],
    [13, "SIGPIPE"],
    [15, "SIGTERM"],
    [31, "SIGSYS"],
    [34, "SIGRTMIN+0"],
    [64, "SIGRTMIN+30"],
  ] as const) {
    expect(decodeExit(number)).toEqual({ code: 0, signal: number, signalName: name, dumpedCore: false });
    expect(decodeExit(number | 0x80)).toMatchObject({ signal: number, dumpedCore: true });
  }
});

test("capabilities are named by their bits, unknown bits by number", () => {
  expect(capabilityNames(0n)).toEqual([]);
  expect(capabilityNames(1n << 40n)).toEqual(["CAP_CHECKPOINT_RESTORE"]);
  expect(capabilityNames((1n << 41n) | (1n << 63n))).toEqual(["CAP_41", "CAP_63"]);
  expect(capabilityNames((1n << 64n) - 1n).length).toBe(64);
  expect(capabilityNames((1n << 19n) | (1n << 12n))).toEqual(["CAP_NET_ADMIN", "CAP_SYS_PTRACE"]);
  expect(processLayout.capEffective).toBeGreaterThan(0);
});
