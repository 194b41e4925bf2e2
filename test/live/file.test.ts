// What is told of files is what was done to them: one case a system call, each compared with what the test itself arranged and
// with what stat(2) says. All cases share one agent, whose rules take every file event that names the test's word.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../native/build-steps.ts";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { type Alert, at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, TestFolder } from "./programs.ts";

const word = uniqueToken("sigil-file-");

const rule = (category: string, digit: number): string => `title: File of the test, ${category}
id: 5b0f2f4e-1c7d-4b1a-9f55-3f7a4c0000${digit}${digit}
logsource: { product: linux, category: ${category} }
detection:
  s:
    - TargetFilename|contains: ${word}
    - SourceFilename|contains: ${word}
  condition: s
level: low
`;

type Fields = Readonly<Record<string, string>>;

describeWhere("file events", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder(word);
  let agent: LiveAgent;
  let files = "";
  let count = 0;

  beforeAll(async () => {
    files = await folder.compile("files");
    const categories = ["file_event", "file_change", "file_delete", "file_access"];
    const rules = categories.map((category, i) => folder.write(`${category}.yml`, rule(category, i + 1)));
    const config = `[sensor]\nsensitive_files = ["/**/${word}-secrets/key"]\nfile_exclude_paths = ["${folder.in("left-out")}/"]\n`;
    agent = await LiveAgent.start({ rules, config });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  /** A path in the test's folder with a name of its own. */
  const fresh = (name = "f"): string => folder.in(`${name}${++count}`);
  const made = (name?: string): string => {
    const path = fresh(name);
    writeFileSync(path, "content");
    return path;
  };

  /** Fields of the events of `type` that running `files` made, each event once. */
  async function events(type: string, ...command: string[]): Promise<Alert[]> {
    const before = agent.alerts.length;
    const { exitCode, output } = await runProgram([files, ...command]);
    if (exitCode === 3) return [];
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${output}`);
    await agent.fileBarrier(fresh("barrier"));
    const seen = new Set<string>();
    return agent.alerts.slice(before).filter((alert) => {
      const fields = at(alert, "sigil.event") as Fields;
      // An event that two categories see makes two alerts.
      const key = JSON.stringify([at(alert, "event.sequence"), at(alert, "@timestamp"), fields?.EventType]);
      if (fields?.Image !== files || fields.EventType !== type || seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }

  async function one(type: string, ...command: string[]): Promise<Fields & { alert: Alert }> {
    const found = await events(type, ...command);
    expect(found.length).toBe(1);
    const alert = found[0]!;
    return { ...(at(alert, "sigil.event") as Fields), alert } as Fields & { alert: Alert };
  }

  /** Identity and mode of an alert are those of the file that is there. */
  function expectFile(alert: Alert, path: string): void {
    const { ino, mode, uid, gid, dev } = statSync(path);
    const major = ((dev >>> 8) & 0xfff) | 0;
    const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
    expect(at(alert, "file")).toMatchObject({
      path,
      inode: String(ino),
      device: `${major}:${minor}`,
      mode: (mode & 0o7777).toString(8).padStart(4, "0"),
      uid: String(uid),
      gid: String(gid),
    });
  }

  const creations: readonly (readonly [way: string, flags: string, split: boolean])[] = [
    ["open_create", "O_WRONLY,O_CREAT,O_EXCL", false],
    ["creat_", "O_WRONLY,O_CREAT,O_TRUNC", false],
    ["openat_create", "O_RDWR,O_CREAT", true],
    ["openat2_create", "O_WRONLY,O_CREAT", true],
    ["relative", "O_WRONLY,O_CREAT", true],
  ];
  for (const [way, flags, split] of creations)
    test(`${way} makes a file: path, identity, flags and who did it`, async () => {
      const path = fresh();
      const where = split ? [folder.path, path.slice(folder.path.length + 1)] : [path];
      const { alert, ...fields } = await one("create", way, ...where);
      expect(fields).toMatchObject({
        EventID: "11",
        TargetFilename: path,
        Image: files,
        CommandLine: [files, way, ...where].join(" "),
        User: "root",
        PathResolved: "true",
        ParentProcessId: String(process.pid),
      });
      expect(new Set(fields.OpenFlags?.split(","))).toEqual(new Set(flags.split(",")));
      expectFile(alert, path);
      expect(at(alert, "event.action")).toBe("creation");
      expect(at(alert, "process.executable")).toBe(files);
    });

  test("a file that was there is written, not made", async () => {
    const path = made();
    expect(await events("create", "append", path)).toEqual([]);
    expect(await one("write", "append", path)).toMatchObject({ TargetFilename: path, OpenFlags: "O_WRONLY,O_APPEND" });
    expect(await one("write", "overwrite", path)).toMatchObject({
      TargetFilename: path,
      OpenFlags: "O_WRONLY,O_TRUNC",
    });
  });

  test("a file without a name is made in its directory", async () => {
    const { TargetFilename, FileDeleted } = await one("create", "tmpfile_", folder.path);
    expect(TargetFilename).toStartWith(`${folder.path}/#`);
    expect(FileDeleted).toBe("true");
  });

  test("by handle: the path is the file's own", async () => {
    const path = made();
    expect((await one("write", "by_handle", path, folder.path)).TargetFilename).toBe(path);
  });

  test("closing after writing tells the size that the file has now", async () => {
    const path = fresh();
    const { alert, TargetFilename } = await one("close", "write_close", path, "twelve bytes");
    expect(TargetFilename).toBe(path);
    expect(at(alert, "file.size")).toBe(12);
    expectFile(alert, path);
  });

  test("a file that is deleted while it is open keeps its name, and is said to be deleted", async () => {
    const path = fresh();
    expect(await one("close", "close_deleted", path)).toMatchObject({ TargetFilename: path, FileDeleted: "true" });
  });

  test("reading makes no event, but of a file of the list", async () => {
    const path = made();
    for (const type of ["access", "create", "write", "close"]) expect(await events(type, "read_", path)).toEqual([]);
    const secret = folder.in(`${word}-secrets`, "key");
    mkdirSync(folder.in(`${word}-secrets`), { recursive: true });
    writeFileSync(secret, "secret");
    const { alert, ...fields } = await one("access", "read_", secret);
    expect(fields).toMatchObject({ TargetFilename: secret, Result: "0", PathResolved: "true" });
    expectFile(alert, secret);
    expect(at(alert, "event.type")).toContain("access");
    mkdirSync(folder.in("other"), { recursive: true });
    writeFileSync(folder.in("other", "key"), "no secret");
    expect(await events("access", "read_", folder.in("other", "key"))).toEqual([]);
  });

  test("an attempt to read a file of the list that is refused is told with its error", async () => {
    const secret = folder.in(`${word}-secrets`, "key");
    mkdirSync(folder.in(`${word}-secrets`), { recursive: true });
    writeFileSync(secret, "secret", { mode: 0o600 });
    chmodSync(folder.path, 0o755);
    chmodSync(secret, 0o600);
    expect(await one("access", "try_read", secret)).toMatchObject({
      TargetFilename: secret,
      Result: "-13",
      User: "nobody",
    });
  });

  for (const way of ["unlink_", "unlinkat_"])
    test(`${way} deletes`, async () => {
      const path = made();
      const where = way === "unlink_" ? [path] : [folder.path, path.slice(folder.path.length + 1)];
      const { alert, ...fields } = await one("delete", way, ...where);
      expect(fields).toMatchObject({ EventID: "23", TargetFilename: path, PathResolved: "true" });
      expect(at(alert, "event.action")).toBe("deletion");
    });
  for (const way of ["rmdir_", "unlinkat_dir"])
    test(`${way} deletes a directory`, async () => {
      const path = fresh("d");
      mkdirSync(path);
      const where = way === "rmdir_" ? [path] : [folder.path, path.slice(folder.path.length + 1)];
      expect((await one("delete", way, ...where)).TargetFilename).toBe(path);
    });

  for (const way of ["rename_", "renameat_", "renameat2_"])
    test(`${way} tells both names`, async () => {
      const from = made();
      const to = way === "renameat2_" ? made("t") : fresh("t");
      const base = (path: string): string => path.slice(folder.path.length + 1);
      const where = way === "renameat_" ? [folder.path, base(from), folder.path, base(to)] : [from, to];
      const { alert, ...fields } = await one("rename", way, ...where);
      expect(fields).toMatchObject({ TargetFilename: to, SourceFilename: from, PathResolved: "true" });
      expectFile(alert, to);
    });

  for (const way of ["link_", "linkat_"])
    test(`${way} tells both names`, async () => {
      const from = made();
      const to = fresh("l");
      const base = (path: string): string => path.slice(folder.path.length + 1);
      const where = way === "linkat_" ? [folder.path, base(from), folder.path, base(to)] : [from, to];
      const { alert, ...fields } = await one("link", way, ...where);
      expect(fields).toMatchObject({ TargetFilename: to, SourceFilename: from });
      expectFile(alert, to);
    });
  for (const way of ["symlink_", "symlinkat_"])
    test(`${way} tells the link and what it says`, async () => {
      const path = fresh("s");
      const where = way === "symlink_" ? [path] : [folder.path, path.slice(folder.path.length + 1)];
      expect(await one("symlink", way, "../some/where", ...where)).toMatchObject({
        TargetFilename: path,
        LinkTarget: "../some/where",
      });
    });
  for (const [way, type] of [
    ["mkdir_", "mkdir"],
    ["mkdirat_", "mkdir"],
    ["mknod_", "mknod"],
    ["mknodat_", "mknod"],
  ] as const)
    test(`${way} makes what is no file`, async () => {
      const path = fresh("m");
      const where = way.endsWith("at_") ? [folder.path, path.slice(folder.path.length + 1)] : [path];
      const { alert, TargetFilename } = await one(type, way, ...where);
      expect(TargetFilename).toBe(path);
      expectFile(alert, path);
    });

  const changes: readonly (readonly [way: string, type: string, more: readonly string[], fields: Fields])[] = [
    ["chmod_", "chmod", ["4711"], { NewMode: "4711" }],
    ["fchmod_", "chmod", ["0600"], { NewMode: "0600" }],
    ["fchmodat_", "chmod", ["0640"], { NewMode: "0640" }],
    ["fchmodat2_", "chmod", ["0604"], { NewMode: "0604" }],
    ["chown_", "chown", [], { NewOwner: "12", NewGroup: "34" }],
    ["lchown_", "chown", [], { NewOwner: "12", NewGroup: "34" }],
    ["fchown_", "chown", [], { NewOwner: "12" }],
    ["fchownat_", "chown", [], { NewOwner: "12", NewGroup: "34" }],
    ["setxattr_", "setxattr", [], { Attribute: "trusted.sigil" }],
    ["lsetxattr_", "setxattr", [], { Attribute: "trusted.sigil" }],
    ["fsetxattr_", "setxattr", [], { Attribute: "trusted.sigil" }],
    ["truncate_", "truncate", [], {}],
    ["ftruncate_", "truncate", [], {}],
    ["utime_", "utimes", [], {}],
    ["utimes_", "utimes", [], {}],
    ["futimesat_", "utimes", [], {}],
    ["utimensat_", "utimes", [], {}],
    ["futimens_", "utimes", [], {}],
  ];
  for (const [way, type, more, wanted] of changes)
    test(`${way} changes a file`, async () => {
      const path = made("c");
      const isAt = way.includes("at_") || way.includes("at2_");
      const where = isAt ? [folder.path, path.slice(folder.path.length + 1)] : [path];
      const found = await events(type, way, ...where, ...more);
      // A call that this kernel does not have.
      if (way === "fchmodat2_" && found.length === 0) return;
      expect(found.length).toBe(1);
      const alert = found[0]!;
      expect(at(alert, "sigil.event")).toMatchObject({ ...wanted, TargetFilename: path, PathResolved: "true" });
      expectFile(alert, path);
    });

  test("an attribute is set and removed", async () => {
    const path = made();
    const found = await events("setxattr", "removexattr_", path);
    expect(found.map((alert) => at(alert, "sigil.event.Attribute"))).toEqual(["trusted.sigil", "trusted.sigil"]);
  });

  test("whoever goes by way of a link, `..` or /proc does not hide where the file is", async () => {
    const real = folder.in("real");
    mkdirSync(real);
    const way = folder.in("way");
    symlinkSync(real, way);
    expect((await one("create", "open_create", `${way}/../way/x`)).TargetFilename).toBe(`${real}/x`);
    const proc = `/proc/self/root${real}`;
    for (const [target, via] of [
      [`${real}/a`, `${way}/a`],
      [`${real}/b`, `${folder.path}/./way/../real/b`],
      [`${real}/c`, `${proc}/c`],
    ] as const) {
      expect(await one("mkdir", "mkdir_", via)).toMatchObject({ TargetFilename: target, PathResolved: "true" });
      expect(await one("delete", "rmdir_", via)).toMatchObject({ TargetFilename: target, PathResolved: "true" });
      const from = made();
      expect(await one("rename", "rename_", from, via)).toMatchObject({ TargetFilename: target, SourceFilename: from });
    }
    const link = fresh("s");
    symlinkSync(`${real}/a`, link);
    expect((await one("chmod", "chmod_", link, "0600")).TargetFilename).toBe(`${real}/a`);
    expect((await one("delete", "unlink_", link)).TargetFilename).toBe(link);
  });

  test("a name that the path has by a rename of its directory is the new one", async () => {
    const before = fresh("d");
    const after = fresh("d");
    mkdirSync(before);
    writeFileSync(`${before}/x`, "");
    renameSync(before, after);
    expect((await one("write", "append", `${after}/x`)).TargetFilename).toBe(`${after}/x`);
  });

  test("in a chroot paths are those seen inside, however they come", async () => {
    const jail = folder.in(`jail${++count}`);
    mkdirSync(jail);
    const name = `/${word}-jailed`;
    expect((await one("create", "in_chroot", jail, name)).TargetFilename).toBe(name);
    expect((await one("delete", "in_chroot", jail, name)).TargetFilename).toBe(name);
  });

  const is32Bit = process.arch === "x64" && existsSync("/proc/sys/abi/vsyscall32");
  test.if(is32Bit)(
    "32-bit system calls are seen once a 32-bit program has been started",
    async () => {
      const compat = folder.in("compat");
      const source = join(import.meta.dir, "programs/compat.c");
      const how = ["-m32", "-nostdlib", "-static", "-no-pie", "-fno-pie", "-fno-stack-protector", "-O1"];
      await run([compiler, ...how, "-o", compat, source]);
      // The first one says that there are such programs.
      await runProgram([compat, folder.path, "first"]);
      const found: Record<string, Fields> = {};
      for (let attempt = 0; attempt < 50 && found.delete === undefined; attempt++) {
        const before = agent.alerts.length;
        await runProgram([compat, folder.path, "second"]);
        await agent.fileBarrier(fresh("barrier"));
        for (const alert of agent.alerts.slice(before)) {
          const fields = at(alert, "sigil.event") as Fields;
          if (fields?.Image === compat) found[fields.EventType as string] = fields;
        }
      }
      const path = folder.in("second");
      expect(found.create).toMatchObject({ TargetFilename: path, Compat: "true", OpenFlags: "O_WRONLY,O_CREAT" });
      expect(found.chmod).toMatchObject({
        TargetFilename: path,
        Compat: "true",
        NewMode: "0640",
      });
      expect(found.delete).toMatchObject({ TargetFilename: path, Compat: "true", PathResolved: "true" });
    },
    30_000,
  );

  test("a thread that swaps the name during the call changes nothing in the path of what was made", async () => {
    const before = agent.alerts.length;
    const { exitCode, output } = await runProgram([files, "swapped", folder.path, "300"], { timeoutMs: 60_000 });
    expect(exitCode).toBe(0);
    await agent.fileBarrier(fresh("barrier"));
    const told = agent.alerts.slice(before).flatMap((alert) => {
      const fields = at(alert, "sigil.event") as Fields;
      return fields?.EventType === "create" && fields.Image === files ? [fields.TargetFilename as string] : [];
    });
    const made = output.trim().split("\n");
    expect(made.length).toBe(300);
    expect(told.sort()).toEqual(made.sort());
  }, 90_000);

  test("below a bind mount in a mount namespace of its own the path is the one inside", async () => {
    const real = folder.in("bound");
    const mount = folder.in("mount");
    mkdirSync(real);
    mkdirSync(mount);
    const script = `mount --bind '${real}' '${mount}' && '${files}' open_create '${mount}/x' && '${files}' mkdir_ '${mount}/y'; sleep 0.2`;
    const before = agent.alerts.length;
    const { exitCode, output } = await runProgram(["unshare", "-m", "sh", "-c", script]);
    expect([exitCode, output]).toEqual([0, ""]);
    await agent.fileBarrier(fresh("barrier"));
    const told = agent.alerts.slice(before).flatMap((alert) => {
      const fields = at(alert, "sigil.event") as Fields;
      return fields?.Image === files ? [`${fields.EventType} ${fields.TargetFilename} ${fields.PathResolved}`] : [];
    });
    expect(new Set(told)).toEqual(new Set([`create ${mount}/x true`, `mkdir ${mount}/y true`]));
  });

  test("what is left out is not told", async () => {
    mkdirSync(folder.in("left-out"));
    expect(await events("create", "open_create", folder.in("left-out", "x"))).toEqual([]);
    expect(await events("close", "write_close", folder.in("left-out", "y"), "text")).toEqual([]);
  });
});
