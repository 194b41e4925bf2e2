// What an event says of odd starts is true: one case a test, each compared with what the test itself arranged. All cases share
// one agent, which alerts on every process of this test.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename } from "node:path";
import { describeWhere, needsBpf, needsFile, needsProgram } from "../needs.ts";
import { type Alert, at, cutsOf, LiveAgent, type RunOptions, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

const word = uniqueToken("sigil-truth-");

describeWhere("truth of start events", [needsBpf(), needsProgram(compiler)], () => {
  const folder = new TestFolder("truth");
  let agent: LiveAgent;
  let idle = "";
  let act = "";
  let dynamic = "";
  let count = 0;

  beforeAll(async () => {
    idle = await folder.compile("idle");
    act = await folder.compile("act");
    dynamic = await folder.compile("idle", { dynamic: true, as: "dynamic" });
    agent = await LiveAgent.start({ rules: [folder.write("truth.yml", startRule(word))] });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  /** A word for one case. */
  const token = (): string => `${word}-${++count}x`;

  /** Runs a command and returns the one alert among its processes that `choose` takes. */
  async function observe(
    command: string[],
    choose: (alert: Alert) => boolean,
    options: RunOptions = {},
  ): Promise<Alert> {
    const { exitCode, output } = await runProgram(command, options);
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${output}`);
    await agent.barrier();
    const alerts = agent.alerts.filter(choose);
    expect(alerts.length).toBe(1);
    return alerts[0]!;
  }

  /** Chooses the process whose last argument is `t`, and that is none of the tools that only pass it on. */
  const lastArgument =
    (t: string, image?: string) =>
    (alert: Alert): boolean =>
      (at(alert, "process.args") as string[] | undefined)?.at(-1) === t &&
      (image === undefined || at(alert, "process.executable") === image);

  const field = (alert: Alert, name: string): unknown => at(alert, `sigil.event.${name}`);
  const fact = (alert: Alert, name: string): unknown => at(alert, `sigil.process.${name}`);

  test("a relative start: image and working directory are absolute, the typed name is as typed", async () => {
    const t = token();
    mkdirSync(folder.in("relative"));
    folder.copy(idle, "relative", "prog");
    const alert = await observe(["/bin/sh", "-c", `exec ./prog ${t}`], lastArgument(t), { cwd: folder.in("relative") });
    expect(field(alert, "Image")).toBe(folder.in("relative/prog"));
    expect(field(alert, "ImageTyped")).toBe("./prog");
    expect(field(alert, "CommandLine")).toBe(`./prog ${t}`);
    expect(field(alert, "CurrentDirectory")).toBe(folder.in("relative"));
    expect(at(alert, "process.executable")).toBe(folder.in("relative/prog"));
    expect(at(alert, "process.name")).toBe("prog");
    expect(at(alert, "file.inode")).toBe(String(statSync(folder.in("relative/prog")).ino));
    expect(cutsOf(alert)).toBeUndefined();
  });

  test("a symbolic link: the image is what it leads to, the typed name is the link", async () => {
    const t = token();
    symlinkSync(idle, folder.in("link"));
    const alert = await observe([folder.in("link"), t], lastArgument(t));
    expect(field(alert, "Image")).toBe(idle);
    expect(field(alert, "ImageTyped")).toBe(folder.in("link"));
    expect(at(alert, "process.args")).toEqual([folder.in("link"), t]);
  });

  test("a folder behind a symbolic link and .. in the path are resolved", async () => {
    const t = token();
    mkdirSync(folder.in("real/inner"), { recursive: true });
    folder.copy(idle, "real", "prog");
    symlinkSync(folder.in("real"), folder.in("alias"));
    const typed = `${folder.in("alias")}/inner/../prog`;
    const alert = await observe([typed, t], lastArgument(t));
    expect(field(alert, "Image")).toBe(folder.in("real/prog"));
    expect(field(alert, "ImageTyped")).toBe(typed);
  });

  test("an anonymous memory file says so, and has no path", async () => {
    const t = token();
    const alert = await observe([act, "memfd", idle, t], lastArgument(t, "/memfd:sigil-test"));
    expect(field(alert, "ImageMemfd")).toBe("true");
    expect(field(alert, "ImageDeleted")).toBe("false");
    expect(field(alert, "Image")).toBe("/memfd:sigil-test");
    expect(field(alert, "CommandLine")).toBe(`${idle} ${t}`);
    expect(String(field(alert, "ImageTyped"))).toStartWith("/dev/fd/");
    expect(fact(alert, "memfd")).toBe(true);
    expect(at(alert, "sigil.file.links")).toBe(0);
  });

  test("a program whose only name is gone says so, with the path it had", async () => {
    const t = token();
    const path = folder.copy(idle, "gone");
    const inode = String(statSync(path).ino);
    const alert = await observe([act, "deleted", path, t], lastArgument(t, path));
    expect(existsSync(path)).toBe(false);
    expect(field(alert, "Image")).toBe(path);
    expect(field(alert, "ImageDeleted")).toBe("true");
    expect(field(alert, "ImageMemfd")).toBe("false");
    expect(at(alert, "file.inode")).toBe(inode);
    expect(at(alert, "sigil.file.links")).toBe(0);
  });

  test("a program with another hard link is deleted under the name it was opened by", async () => {
    const t = token();
    const path = folder.copy(idle, "one-of-two");
    await runProgram(["/bin/ln", path, folder.in("two-of-two")]);
    const alert = await observe([act, "deleted", path, t], lastArgument(t, path));
    expect(field(alert, "ImageDeleted")).toBe("true");
    expect(at(alert, "sigil.file.links")).toBe(1);
  });

  test("a start through /proc/self/fd/N: the image is the file behind it", async () => {
    const t = token();
    const alert = await observe([act, "descriptor", idle, t], lastArgument(t, idle));
    expect(field(alert, "Image")).toBe(idle);
    expect(String(field(alert, "ImageTyped"))).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect(field(alert, "ImageDeleted")).toBe("false");
  });

  test("ld.so given a program: the image is ld.so, the program is an argument", async () => {
    const t = token();
    const loader = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
    const alert = await observe([loader, "./dynamic", t], lastArgument(t), { cwd: folder.path });
    expect(field(alert, "Image")).toBe(realpathSync(loader));
    expect(field(alert, "ImageTyped")).toBe(loader);
    expect(at(alert, "process.args")).toEqual([loader, "./dynamic", t]);
    expect(dynamic).toBe(folder.in("dynamic"));
  });

  test("a script: the image is its interpreter, which is named, and the script is what was typed", async () => {
    const t = token();
    const script = folder.write("script.sh", "#!/bin/sh -e\nexit 0\n");
    chmodSync(script, 0o755);
    const alert = await observe([script, t], lastArgument(t));
    expect(field(alert, "Image")).toBe(realpathSync("/bin/sh"));
    expect(field(alert, "Interpreter")).toBe("/bin/sh");
    expect(field(alert, "ImageTyped")).toBe(script);
    expect(field(alert, "CommandLine")).toBe(`/bin/sh -e ${script} ${t}`);
    expect(fact(alert, "script")).toBe(true);
  });

  test("a program that is no script has no interpreter", async () => {
    const t = token();
    const alert = await observe([idle, t], lastArgument(t));
    expect(field(alert, "Interpreter")).toBeUndefined();
    expect(fact(alert, "script")).toBe(false);
  });

  test("a command line of 10 KiB is complete", async () => {
    const t = token();
    const alert = await observe([act, "long", idle, t, "100", "100"], lastArgument(t, idle));
    const args = [
      idle,
      ...Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + ((i + 1) % 26)).repeat(100)),
      t,
    ];
    expect(at(alert, "process.args")).toEqual(args);
    expect(at(alert, "process.command_line")).toBe(args.join(" "));
    expect(field(alert, "CommandLine")).toBe(args.join(" "));
    expect(at(alert, "process.args_count")).toBe(102);
    // Only what sigil.match repeats of it is cut.
    expect(cutsOf(alert)).toEqual(["sigil.match.value"]);
  });

  test("of a command line of 100 KiB the tail is kept, the count is right, and the cut is said", async () => {
    const t = token();
    const alert = await observe([act, "long", idle, t, "1000", "100"], lastArgument(t, idle));
    const whole = [
      idle,
      ...Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + ((i + 1) % 26)).repeat(1000)),
      t,
    ].join(" ");
    const line = String(field(alert, "CommandLine"));
    expect(line.length).toBeGreaterThan(16_000);
    expect(line.length).toBeLessThan(17_000);
    expect(whole.endsWith(line)).toBe(true);
    expect(at(alert, "process.args_count")).toBe(102);
    expect(at(alert, "sigil.truncated")).toContain("process.command_line");
    expect(fact(alert, "args_bytes")).toBe(whole.length + 1);
  });

  test("without any argument the kernel makes an empty one, and the event has it", async () => {
    const t = token();
    const path = folder.copy(idle, `empty-${t}`);
    const alert = await observe([act, "empty", path], (one) => at(one, "process.executable") === path);
    expect(at(alert, "process.args_count")).toBe(1);
    expect(at(alert, "process.args")).toEqual([""]);
    expect(field(alert, "CommandLine")).toBe("");
  });

  test("arguments with newlines, tabs, escapes, empty ones and bytes that are no UTF-8 arrive as they are", async () => {
    const t = token();
    const alert = await observe(
      [act, "odd", idle, t],
      (one) => (at(one, "process.args") as string[] | undefined)?.[1] === t && at(one, "process.executable") === idle,
    );
    const args = [
      idle,
      t,
      "line\nbreak\ttab",
      "\u001b[31mred\u001b[0m",
      "\ufffd\ufffd\ufffd(",
      "",
      "  two  spaces ",
      "€",
    ];
    expect(at(alert, "process.args")).toEqual(args);
    expect(field(alert, "CommandLine")).toBe(args.join(" "));
    expect(at(alert, "process.args_count")).toBe(args.length);
  });

  test("of an ancestor's long command line the tail is kept, and the cut is said", async () => {
    const t = token();
    // The inner shell is the parent; the outer one is an ancestor.
    const script = `sh -c '${idle} ${t}; true'; : ${"p".repeat(8_000)} end-${t}`;
    const alert = await observe(["/bin/sh", "-c", script], lastArgument(t));
    const lines = (at(alert, "sigil.ancestors") as { command_line?: string }[]).map((one) => one.command_line ?? "");
    const own = lines.filter((line) => line.includes(`end-${t}`));
    expect(own.length).toBeGreaterThan(0);
    for (const line of own) expect(line.length).toBeLessThanOrEqual(1024);
    expect(at(alert, "sigil.truncated")).toContain("sigil.ancestors.command_line");
  });

  test("a path 60 components deep is whole", async () => {
    const t = token();
    const names = Array.from({ length: 60 }, (_, i) => `d${i}`);
    const path = folder.copy(idle, ...names, "prog");
    const alert = await observe([path, t], lastArgument(t));
    expect(field(alert, "Image")).toBe(path);
    expect(cutsOf(alert)).toBeUndefined();
  });

  for (const [what, length, depth] of [
    ["longer than 4096 bytes", 200, 40],
    ["of more than 128 components", 8, 200],
  ] as const)
    test(`of a path ${what} the tail is kept, and the cut is said`, async () => {
      const t = token();
      const top = folder.in(`deep-${length}`);
      mkdirSync(top);
      const alert = await observe([act, "deep", idle, t, String(length), String(depth)], lastArgument(t), { cwd: top });
      const name = "d".repeat(length);
      const whole = `${top}/${`${name}/`.repeat(depth)}prog`;
      const image = String(field(alert, "Image"));
      expect(whole.endsWith(image)).toBe(true);
      // Whole components, and as many as there is room for: 4,095 bytes or 128 components.
      expect(image).toStartWith(`/${name}/`);
      expect(image.length).toBeGreaterThan(Math.min(4095 - length - 1, 128 * (length + 1) - length));
      expect(at(alert, "sigil.truncated")).toEqual(
        expect.arrayContaining(["process.executable", "process.working_directory"]),
      );
      expect(field(alert, "ImageTyped")).toBe("./prog");
    });

  test("an exec from a thread that is not the first is one start of its process", async () => {
    const t = token();
    const { output } = await runProgram([act, "thread", idle, t]);
    await agent.barrier();
    const alerts = agent.alerts.filter(lastArgument(t, idle));
    expect(alerts.map((alert) => at(alert, "process.pid"))).toEqual([Number(output)]);
    expect(at(alerts[0]!, "process.parent.pid")).toBe(process.pid);
    expect(at(alerts[0]!, "process.command_line")).toBe(`${idle} ${t}`);
  });

  test("a set-uid program: secure execution, the effective user is its owner's, the real one who started it", async () => {
    const t = token();
    const path = folder.copy(idle, "suid");
    chmodSync(folder.path, 0o755);
    chownSync(path, 2, 3);
    chmodSync(path, 0o4755);
    const alert = await observe([act, "as", "1", "1", path, t], lastArgument(t, path));
    expect(field(alert, "ImageSecureExec")).toBe("true");
    expect(field(alert, "User")).toBe("bin");
    expect(field(alert, "RealUser")).toBe("daemon");
    expect(at(alert, "process.user")).toEqual({ id: "2", name: "bin" });
    expect(at(alert, "process.real_user")).toEqual({ id: "1", name: "daemon" });
    expect(at(alert, "file.mode")).toBe("4755");
    expect(at(alert, "file.uid")).toBe("2");
    expect(at(alert, "file.gid")).toBe("3");
    expect(field(alert, "EffectiveCapabilities")).toBeUndefined();
  });

  test("an ordinary program is no secure execution", async () => {
    const t = token();
    const alert = await observe([act, "as", "1", "1", idle, t], lastArgument(t, idle));
    expect(field(alert, "ImageSecureExec")).toBe("false");
    expect(field(alert, "User")).toBe("daemon");
    expect(field(alert, "RealUser")).toBe("daemon");
  });

  test("a uid without a name is shown as its number", async () => {
    const t = token();
    const alert = await observe([act, "as", "54321", "54322", idle, t], lastArgument(t, idle));
    expect(field(alert, "User")).toBe("54321");
    expect(at(alert, "process.user")).toEqual({ id: "54321" });
    expect(at(alert, "process.group.id")).toBe("54322");
  });

  test("effective capabilities are those that the process has", async () => {
    const t = token();
    const setpriv = Bun.which("setpriv");
    if (setpriv === null) throw new Error("setpriv of util-linux is missing");
    const alert = await observe([setpriv, "--bounding-set", "-all,+chown,+net_raw", idle, t], lastArgument(t, idle));
    expect(field(alert, "EffectiveCapabilities")).toBe("CAP_CHOWN,CAP_NET_RAW");
    expect(at(alert, "process.thread.capabilities.effective")).toEqual(["CAP_CHOWN", "CAP_NET_RAW"]);
  });

  test("in a chroot the path is the one seen inside", async () => {
    const t = token();
    folder.copy(idle, "jail", "bin", "prog");
    const alert = await observe([act, "root", folder.in("jail"), "/bin/prog", t], lastArgument(t, "/bin/prog"));
    expect(field(alert, "Image")).toBe("/bin/prog");
    expect(field(alert, "CurrentDirectory")).toBe("/");
    expect(field(alert, "ImageChrooted")).toBe("true");
    expect(at(alert, "file.inode")).toBe(String(statSync(folder.in("jail/bin/prog")).ino));
  });

  test("through a bind mount in a mount namespace the path is the one inside it", async () => {
    const t = token();
    mkdirSync(folder.in("mounted"));
    folder.copy(idle, "source", "prog");
    const script = `mount --bind ${folder.in("source")} ${folder.in("mounted")} && exec ${folder.in("mounted/prog")} ${t}`;
    const alert = await observe(["unshare", "-m", "/bin/sh", "-c", script], lastArgument(t));
    expect(field(alert, "Image")).toBe(folder.in("mounted/prog"));
    expect(field(alert, "ImageChrooted")).toBe("false");
    const own = Number(/\d+/.exec(readlinkSync("/proc/self/ns/mnt"))?.[0]);
    expect(fact(alert, "namespaces.mnt")).toBeNumber();
    expect(fact(alert, "namespaces.mnt")).not.toBe(own);
    expect(fact(alert, "namespaces.net")).toBe(Number(/\d+/.exec(readlinkSync("/proc/self/ns/net"))?.[0]));
  });

  test("in a pid namespace both pids are told", async () => {
    const t = token();
    const alert = await observe(["unshare", "-p", "-f", idle, t], lastArgument(t, idle));
    expect(fact(alert, "ns_pid")).toBe(1);
    expect(at(alert, "process.pid")).not.toBe(1);
    expect(fact(alert, "namespaces.pid")).not.toBe(Number(/\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0]));
  });

  test("a variable is found in front of more padding than a record holds", async () => {
    // It runs long enough for the rest of its environment to be read. env(1) keeps the order: the first is furthest from the end.
    const program = folder.copy("/bin/sleep", `${token()}-sleep`);
    const padding = Array.from({ length: 6 }, (_, i) => `PADDING_${i}=${"p".repeat(10_000)}`).join(" ");
    const script = folder.write("padded.sh", `exec env -i LD_PRELOAD=/nowhere.so ${padding} ${program} 0.2\n`);
    const alert = await observe(["/bin/sh", script], (one) => at(one, "process.executable") === program);
    expect(field(alert, "EnvLdPreload")).toBe("/nowhere.so");
    expect(at(alert, "process.env_vars")).toEqual(["LD_PRELOAD=/nowhere.so"]);
    expect(at(alert, "sigil.truncated") ?? []).not.toContain("Environment");
  });

  test("of the environment the chosen variables arrive and no other", async () => {
    const t = token();
    const secret = uniqueToken("secret");
    const environment = {
      LD_LIBRARY_PATH: "/nowhere",
      LD_PRELOAD: "",
      SSH_CONNECTION: "192.0.2.7 50000 192.0.2.2 22",
      SUDO_USER: "mallory",
      SUDO_COMMAND: "/bin/id -u",
      HISTFILE: "/dev/null",
      LD_PRELOADED: secret,
      API_TOKEN: secret,
      XLD_AUDIT: secret,
    };
    const alert = await observe([idle, t], lastArgument(t), { environment });
    expect(field(alert, "EnvLdLibraryPath")).toBe("/nowhere");
    expect(field(alert, "EnvLdPreload")).toBe("");
    expect(field(alert, "EnvSshConnection")).toBe("192.0.2.7 50000 192.0.2.2 22");
    expect(field(alert, "EnvSudoUser")).toBe("mallory");
    expect(field(alert, "EnvSudoCommand")).toBe("/bin/id -u");
    expect(field(alert, "EnvHistfile")).toBe("/dev/null");
    expect(field(alert, "EnvLdAudit")).toBeUndefined();
    expect(JSON.stringify(alert)).not.toContain(secret);
    expect([...(at(alert, "process.env_vars") as string[])].sort()).toEqual([
      "HISTFILE=/dev/null",
      "LD_LIBRARY_PATH=/nowhere",
      "LD_PRELOAD=",
      "SSH_CONNECTION=192.0.2.7 50000 192.0.2.2 22",
      "SUDO_COMMAND=/bin/id -u",
      "SUDO_USER=mallory",
    ]);
  });

  for (const [name, redirection, kinds] of [
    ["null, a file and nothing", "</dev/null >FILE 2>&-", ["null", "file", "closed"]],
    ["a folder, a character device and null", "</ >/dev/zero 2>/dev/null", ["directory", "char", "null"]],
  ] as const)
    test(`descriptors: ${name}`, async () => {
      const t = token();
      const line = `exec ${idle} ${t} ${redirection.replace("FILE", folder.in("out"))}`;
      const alert = await observe(["/bin/sh", "-c", line], lastArgument(t, idle));
      expect(["Stdin", "Stdout", "Stderr"].map((one) => field(alert, one))).toEqual([...kinds]);
    });

  test("descriptors: pipes", async () => {
    const t = token();
    const alert = await observe(["/bin/sh", "-c", `: | ${idle} ${t} | :`], lastArgument(t, idle));
    expect([field(alert, "Stdin"), field(alert, "Stdout")]).toEqual(["pipe", "pipe"]);
  });

  test("descriptors: a socket, a pipe and nothing", async () => {
    const t = token();
    const alert = await observe([act, "socket", idle, t], lastArgument(t, idle));
    expect(["Stdin", "Stdout", "Stderr"].map((one) => field(alert, one))).toEqual(["socket", "pipe", "closed"]);
  });

  test("on a terminal: descriptors, device and session", async () => {
    const t = token();
    const alert = await observe(["script", "-qec", `exec ${idle} ${t}`, "/dev/null"], lastArgument(t, idle));
    expect(["Stdin", "Stdout", "Stderr"].map((one) => field(alert, one))).toEqual(["tty", "tty", "tty"]);
    expect(at(alert, "process.interactive")).toBe(true);
    expect(at(alert, "process.tty.char_device.major")).toBe(136);
    // script makes a session of its own for what it runs: the shell that became the program leads it.
    expect(field(alert, "TerminalSessionId")).toBe(String(at(alert, "process.pid")));
  });

  test("without a terminal: not interactive, the session of the test", async () => {
    const t = token();
    const alert = await observe([idle, t], lastArgument(t));
    expect(at(alert, "process.interactive")).toBe(false);
    expect(at(alert, "process.tty")).toBeUndefined();
    const session = (await Bun.file("/proc/self/stat").text()).split(") ")[1]!.split(" ")[3];
    expect(field(alert, "TerminalSessionId")).toBe(session!);
  });

  const hierarchies = [
    ["v2", "/sys/fs/cgroup/unified"],
    ["v2", "/sys/fs/cgroup"],
    ["v1", "/sys/fs/cgroup/memory"],
    ["v1", "/sys/fs/cgroup/pids"],
  ] as const;
  for (const version of ["v1", "v2"] as const) {
    const found = hierarchies.find(
      ([of, path]) =>
        of === version &&
        existsSync(`${path}/cgroup.procs`) &&
        existsSync(`${path}/cgroup.controllers`) === (version === "v2"),
    );
    describeWhere(
      `cgroup ${version}`,
      [found === undefined ? `needs a writable cgroup ${version} hierarchy` : undefined],
      () => {
        test(`a process in a docker container's group: path, container and runtime (${version})`, async () => {
          const t = token();
          const id = createHash("sha256").update(t).digest("hex");
          const name = `docker-${id}.scope`;
          const path = `${found![1]}/${name}`;
          mkdirSync(path);
          try {
            const alert = await observe(
              ["/bin/sh", "-c", `echo $$ > ${path}/cgroup.procs && exec ${idle} ${t}`],
              lastArgument(t, idle),
            );
            expect(String(field(alert, "CgroupPath"))).toBe(`/${name}`);
            expect(field(alert, "ContainerId")).toBe(id);
            expect(field(alert, "ContainerRuntime")).toBe("docker");
            expect(at(alert, "container.id")).toBe(id);
            expect(at(alert, "container.runtime")).toBe("docker");
            if (version === "v2") expect(fact(alert, "cgroup_id")).toBe(String(lstatSync(path).ino));
          } finally {
            rmdirSync(path);
          }
        });
      },
    );
  }

  test("in a container the names are those of its own passwd", async () => {
    const t = token();
    for (const program of [act, idle]) folder.copy(program, "container", basename(program));
    mkdirSync(folder.in("container/etc"));
    writeFileSync(folder.in("container/etc/passwd"), "root:x:0:0::/:\nghost:x:31337:31337::/:/bin/sh\n");
    const inside = ["/act", "as", "31337", "31337", "/act", "series", "4", "600", "/idle", t];
    const { exitCode } = await runProgram(["unshare", "-m", act, "root", folder.in("container"), ...inside]);
    expect(exitCode).toBe(0);
    await agent.barrier();
    // Names are read off the hot path, and again soon: the first processes of a namespace may be shown by number, or as the root that
    // they came from names them.
    const last = agent.alerts.filter(lastArgument(`${t}-4`, "/idle"));
    expect(last.map((alert) => field(alert, "User"))).toEqual(["ghost"]);
    expect(at(last[0]!, "user")).toEqual({ id: "31337", name: "ghost" });
  });

  test("of a process whose parent is gone, the parent is who forked it", async () => {
    const t = token();
    const { output } = await runProgram([act, "orphan", idle, t]);
    await agent.barrier();
    const [parent, pid] = output.trim().split(" ").map(Number);
    const [alert] = agent.alerts.filter(lastArgument(t, idle));
    expect(at(alert!, "process.pid")).toBe(pid!);
    expect(field(alert!, "ParentProcessId")).toBe(String(parent));
    expect(field(alert!, "ParentImage")).toBe(act);
    expect(field(alert!, "ParentCommandLine")).toBe(`${act} orphan ${idle} ${t}`);
  });

  test("start and event times lie between before and after", async () => {
    const t = token();
    const beganMs = Date.now();
    const alert = await observe([idle, t], lastArgument(t));
    for (const path of ["@timestamp", "process.start"]) {
      const ms = Date.parse(String(at(alert, path)));
      expect(ms).toBeGreaterThanOrEqual(beganMs - 50);
      expect(ms).toBeLessThanOrEqual(Date.now() + 50);
    }
  });

  test("the program that was copied in is described by its own inode, owner and times", async () => {
    const t = token();
    const path = folder.copy(idle, "facts");
    chmodSync(path, 0o711);
    chownSync(path, 7, 8);
    const { ino, ctimeMs, dev } = statSync(path);
    const alert = await observe([path, t], lastArgument(t));
    expect(at(alert, "file.inode")).toBe(String(ino));
    expect(at(alert, "file.mode")).toBe("0711");
    expect([at(alert, "file.uid"), at(alert, "file.gid")]).toEqual(["7", "8"]);
    expect(at(alert, "file.device")).toBe(`${(dev >> 8) & 0xfff}:${dev & 0xff}`);
    expect(Math.abs(Date.parse(String(at(alert, "file.ctime"))) - ctimeMs)).toBeLessThanOrEqual(1);
  });

  describeWhere("login uid", [needsFile("/proc/self/loginuid")], () => {
    test("the audit login uid is that of the kernel", async () => {
      const t = token();
      const alert = await observe([idle, t], lastArgument(t));
      expect(field(alert, "LogonId")).toBe((await Bun.file("/proc/self/loginuid").text()).trim());
    });
  });
});
