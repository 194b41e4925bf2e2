// Kernel operations, one test a kind: a small program does it, says what it did, and the event has to say the same.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, TestFolder, waiting } from "./programs.ts";

const categories = [
  "process_access",
  "signal",
  "credential_change",
  "memory_change",
  "memfd_create",
  "image_load",
  "bpf",
  "mount",
  "namespace_change",
  "system_call",
  "io_uring",
  "file_event",
  "file_delete",
  "sysmon_status",
] as const;

const word = "sigil-operates-";

/** A rule a category: everything that the test's program does there. */
const rules = categories
  .map(
    (category, index) => `title: Operation ${category}
id: 3f1c0b1e-7a52-4a34-8f53-0000000000${10 + index}
logsource: { product: linux, category: ${category} }
level: low
detection:
  line: { CommandLine|contains: ${word} }
  condition: line
`,
  )
  .join("---\n");

type Fields = Readonly<Record<string, string>>;

describeWhere("kernel operations", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("operations");
  let program = "";
  let agent: LiveAgent;

  beforeAll(async () => {
    program = await folder.compile("operate");
    agent = await LiveAgent.start({ rules: [folder.write("rules.yml", rules)] });
  }, 120_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  interface Done {
    readonly token: string;
    readonly facts: Fields;
  }

  /** Does one operation; what it said, and the word that its events contain. */
  async function operate(...way: readonly string[]): Promise<Done> {
    const token = uniqueToken(word);
    const { exitCode, output } = await runProgram([program, ...way, token]);
    if (exitCode !== 0) throw new Error(`${way.join(" ")} ended with ${exitCode}: ${output}`);
    const facts = Object.fromEntries(
      output
        .trim()
        .split("\n")
        .map((line) => line.split("=", 2) as [string, string]),
    );
    return { token, facts };
  }

  /** The fields of the alerts about a token, once `count` of them are there. */
  async function events(token: string, count: number): Promise<Fields[]> {
    let seen: Alert[] = [];
    const isEnough = (): boolean => {
      seen = agent.containing(token).filter((alert) => at(alert, "event.kind") === "alert");
      return seen.length >= count;
    };
    for (const endMs = performance.now() + 45_000; !isEnough() && performance.now() < endMs; ) await Bun.sleep(20);
    return seen.map((alert) => at(alert, "sigil.event") as Fields);
  }

  const byType = (all: readonly Fields[], type: string): Fields => {
    const found = all.find(({ EventType }) => EventType === type);
    if (found === undefined)
      throw new Error(`No ${type} among ${JSON.stringify(all.map(({ EventType }) => EventType))}`);
    return found;
  };

  test("a change of user says from whom to whom", async () => {
    const { token, facts } = await operate("setuid", "1");
    const [event] = await events(token, 1);
    expect(event).toMatchObject({
      EventType: "ids",
      Syscall: "setresuid",
      ProcessId: facts.self as string,
      Image: program,
      UidBefore: "0",
      EuidBefore: "0",
      SuidBefore: "0",
      Uid: "0",
      Euid: "1",
      Suid: "0",
      Gid: "0",
      UserBefore: "root",
      User: "daemon",
    });
    expect(event?.CapabilitiesGained).toBeUndefined();
    const [alert] = agent.containing(token);
    expect(at(alert as Alert, "event.action")).toBe("credential_change");
    expect(at(alert as Alert, "process.pid")).toBe(Number(facts.self));
    expect(at(alert as Alert, "process.executable")).toBe(program);
  }, 120_000);

  test("a capability that is taken back is a gain, one that is given up is none", async () => {
    const { token } = await operate("capset");
    const [event, ...others] = await events(token, 1);
    expect(others).toEqual([]);
    expect(event).toMatchObject({ EventType: "capabilities", Syscall: "capset", CapabilitiesGained: "CAP_SYS_TIME" });
    expect(event?.CapabilitiesEffective?.split(",")).toContain("CAP_SYS_TIME");
  }, 120_000);

  test("ptrace says who takes hold of whom, and who changes whom", async () => {
    const { token, facts } = await operate("ptrace");
    const all = await events(token, 3);
    const common = {
      SourceProcessId: facts.self as string,
      SourceImage: program,
      SourceUser: "root",
      TargetIsAgent: "false",
    };
    expect(byType(all, "ptrace_seize")).toMatchObject({
      ...common,
      TargetProcessId: facts.target as string,
      TargetImage: program,
      TargetUser: "root",
      Result: "0",
    });
    expect(byType(all, "ptrace_pokedata")).toMatchObject({
      ...common,
      TargetProcessId: facts.poked as string,
      Address: facts.address as string,
    });
    expect(byType(all, "ptrace_traceme")).toMatchObject({
      SourceProcessId: facts.poked as string,
      TargetProcessId: facts.self as string,
    });
    const seize = all.find(({ EventType }) => EventType === "ptrace_seize");
    expect(seize?.TargetProcessGuid).not.toBe(seize?.SourceProcessGuid as string);
  }, 120_000);

  test("memory of another process, written and read", async () => {
    const { token, facts } = await operate("vm");
    const all = await events(token, 2);
    for (const type of ["memory_write", "memory_read"])
      expect(byType(all, type)).toMatchObject({
        SourceProcessId: facts.self as string,
        TargetProcessId: facts.target as string,
        TargetImage: program,
        Result: "6",
      });
  }, 120_000);

  test("a signal that ends a process says who sent it, also by a 32-bit call", async () => {
    for (const [way, compat] of process.arch === "x64"
      ? [
          ["signal", "false"],
          ["int80", "true"],
        ]
      : [["signal", "false"]]) {
      const victim = await waiting(program);
      const { token, facts } = await operate(way as string, String(victim.pid), "9");
      await victim.exited;
      if (facts.result !== undefined && facts.result !== "0") return; // a kernel without 32-bit calls
      const [event] = await events(token, 1);
      expect(event).toMatchObject({
        Signal: "SIGKILL",
        SourceProcessId: facts.self as string,
        SourceImage: program,
        TargetProcessId: String(victim.pid),
        TargetImage: program,
        TargetCommandLine: `${program} wait`,
        Compat: compat as string,
      });
    }
  }, 120_000);

  test("a parent that ends its own child is no event", async () => {
    // The program of the test before this ends its sleeping children with SIGKILL, too.
    const { token } = await operate("vm");
    const all = await events(token, 2);
    expect(all.some(({ Signal }) => Signal !== undefined)).toBe(false);
  }, 120_000);

  test("a file in memory has its name", async () => {
    const { token, facts } = await operate("memfd", "sigil name");
    expect((await events(token, 1))[0]).toMatchObject({
      MemoryFileName: "sigil name",
      Sealable: "true",
      CloseOnExec: "true",
      ProcessId: facts.self as string,
    });
  }, 120_000);

  test("memory that becomes executable is told once for each way", async () => {
    const { token, facts } = await operate("executable");
    const all = await events(token, 2);
    expect(all.length).toBe(2);
    expect(byType(all, "mmap")).toMatchObject({ Protection: "rwx", Address: facts.both as string, Length: "8192" });
    expect(byType(all, "mprotect")).toMatchObject({
      Protection: "r-x",
      Address: facts.later as string,
      Length: "4096",
    });
  }, 120_000);

  test("a library from an unusual place has its path as the kernel knows it; one from a usual place is no event", async () => {
    mkdirSync(folder.in("deep"), { recursive: true });
    // Not below /opt, where packages live.
    const path = `/var/tmp/${uniqueToken("sigil-lib-")}.so`;
    await Bun.write(path, await Bun.file(program).arrayBuffer());
    try {
      const { token, facts } = await operate("library", `/var/tmp/../tmp${path.slice("/var/tmp".length)}`);
      expect((await events(token, 1))[0]).toMatchObject({
        ImageLoaded: path,
        ImageLoadedInode: facts.inode as string,
        ImageLoadedDeleted: "false",
        Image: program,
      });
      const alert = agent.containing(token)[0] as Alert;
      expect([at(alert, "dll.path"), at(alert, "event.action")]).toEqual([path, "load"]);
    } finally {
      await Bun.file(path).delete();
    }
    const usual = await operate("library", program);
    const marker = await operate("memfd", "after");
    await events(marker.token, 1);
    expect(await events(usual.token, 0)).toEqual([]);
  }, 120_000);

  test("programs of the kernel that are loaded, and pins that are looked for", async () => {
    const pin = "/sys/fs/bpf/sigil-is-not-there";
    const { token, facts } = await operate("bpf", pin);
    const all = await events(token, 2);
    const load = byType(all, "prog_load");
    expect(load).toMatchObject({
      ProgramName: "sigil_probe",
      ProgramType: "socket_filter",
      ProcessId: facts.self as string,
    });
    expect(Number(load.ObjectId)).toBeGreaterThan(0);
    expect(byType(all, "obj_get")).toMatchObject({ TargetFilename: pin, Result: facts.get as string });
  }, 120_000);

  test("mounts, and namespaces that change", async () => {
    mkdirSync(folder.in("mnt"), { recursive: true });
    const { token } = await operate("mount", folder.in("mnt"));
    const all = await events(token, 4);
    expect(all.find(({ FileSystem }) => FileSystem === "tmpfs")).toMatchObject({
      EventType: "mount",
      MountPoint: folder.in("mnt"),
      Device: "sigil-test",
      MountFlags: "nosuid,noexec",
      Result: "0",
    });
    expect(byType(all, "umount")).toMatchObject({ MountPoint: folder.in("mnt"), Result: "0" });
    expect(byType(all, "unshare")).toMatchObject({ Namespaces: "mnt", Result: "0" });
    const second = await operate("namespace");
    const more = await events(second.token, 2);
    expect(byType(more, "clone")).toMatchObject({
      Namespaces: "uts,ipc",
      ChildProcessId: second.facts.child as string,
    });
    expect(byType(more, "setns")).toMatchObject({ Namespaces: "uts", Result: "0" });
  }, 120_000);

  test("prctl, personality, keys, userfaultfd", async () => {
    const { token, facts } = await operate("calls", "sigil-renamed");
    const all = await events(token, 5);
    const of = (name: string): Fields => all.find(({ Syscall }) => Syscall === name) ?? {};
    expect(of("prctl")).toMatchObject({ Operation: "PR_SET_NAME", Name: "sigil-renamed", ThreadName: "sigil-renamed" });
    expect(of("personality")).toMatchObject({ Operation: "ADDR_NO_RANDOMIZE", Flags: "0x40000" });
    expect(of("add_key")).toMatchObject({ KeyType: "user", Name: "sigil-renamed" });
    expect(of("keyctl")).toMatchObject({ Operation: "revoke", Argument: facts.key as string });
    expect(Number(of("userfaultfd").Result)).toBeGreaterThanOrEqual(0);
  }, 120_000);

  test("requests of io_uring, which make no system calls, have their paths and addresses", async () => {
    mkdirSync(folder.in("ring"), { recursive: true });
    const ring = folder.in("ring");
    const { token, facts } = await operate("uring", ring);
    expect(facts.connect).toBe("-111");
    // The set-up, and each request by the rule for io_uring; those on files also by the rules for files.
    const all = await events(token, 8);
    byType(all, "setup");
    expect(byType(all, "io_uring_openat")).toMatchObject({
      TargetFilename: `${ring}/made`,
      ProcessId: facts.self as string,
    });
    expect(byType(all, "io_uring_renameat")).toMatchObject({ TargetFilename: `${ring}/moved`, SourceFilename: "made" });
    expect(byType(all, "io_uring_unlinkat")).toMatchObject({ TargetFilename: `${ring}/moved` });
    expect(byType(all, "io_uring_connect")).toMatchObject({ DestinationIp: "127.0.0.1", DestinationPort: "9" });
    expect(existsSync(`${ring}/moved`)).toBe(false);
    const names = (type: string): unknown[] =>
      agent
        .containing(token)
        .filter((alert) => at(alert, "sigil.event.EventType") === type)
        .map((alert) => at(alert, "rule.name"))
        .sort();
    expect(names("io_uring_openat")).toEqual(["Operation file_event", "Operation io_uring"]);
    expect(names("io_uring_unlinkat")).toEqual(["Operation file_delete", "Operation io_uring"]);
    expect(names("io_uring_renameat")).toEqual(["Operation file_event", "Operation io_uring"]);
  }, 120_000);

  test("a thread that swaps a name during the call changes nothing: what is told is what the kernel took", async () => {
    const count = 300;
    const { token, facts } = await operate("swap", String(count));
    const all = await events(token, count);
    expect(all.length).toBe(count);
    const named = (name: string): number => all.filter(({ MemoryFileName }) => MemoryFileName === name).length;
    expect([named("sigil-aaaa"), named("sigil-bbbb")]).toEqual([Number(facts.a), Number(facts.b)]);
  }, 120_000);

  test("two processes with one pid are two", async () => {
    // The second begins when the first has been told: docs/limitations.md says what happens otherwise.
    const go = folder.in("reuse-go");
    const done = operate("reuse", go);
    await agent.waitFor((alert) => at(alert, "sigil.event.MemoryFileName") === "sigil-first", "the first of two");
    writeFileSync(go, "");
    const { token, facts } = await done;
    expect(facts.second).toBe(facts.first as string);
    const all = await events(token, 2);
    const of = (name: string): Fields | undefined => all.find(({ MemoryFileName }) => MemoryFileName === name);
    const [first, second] = [of("sigil-first"), of("sigil-second")];
    expect([first?.ProcessId, second?.ProcessId]).toEqual([facts.first, facts.first]);
    expect(first?.ProcessGuid).toMatch(/^\{.{36}\}$/);
    expect(second?.ProcessGuid).not.toBe(first?.ProcessGuid as string);
    for (const event of [first, second])
      expect(event).toMatchObject({ Image: program, ParentProcessId: facts.self as string });
  }, 120_000);
});
