// The kernel matrix: one scene on Debian's kernels and on the host's. What alerts say of a process is compared with what the
// process said of itself, and how it ended with what its parent saw.

import { describe, expect, test } from "bun:test";
import { release } from "node:os";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { cutsOf } from "../live/agent.ts";
import { field, lineOf, lookupLine, questionLines, told } from "../live/network-lines.ts";
import { describeWhere, needsBpf, needsFile, needsProgram, type Obstacle } from "../needs.ts";
import { guestTimeoutMs, hostTimeoutMs, type Played, playInGuest, playOnHost } from "./guest.ts";
import { type KernelSeries, kernelPackages, needsKernel } from "./images.ts";
import { at, type Document, Scene, type Truth } from "./scene.ts";

/** The longest deadline of a scene, and time to read what it left. */
const sceneTimeoutMs = Math.max(guestTimeoutMs, hostTimeoutMs) + 30_000;

/** Clock ticks of 10 ms, and the offset between boot and wall clock, which the agent takes once. */
const startToleranceMs = 100;

const stormSize = 300;

/** The programs that run on a kernel: since 6.16 the exit tracepoint says whether the whole process ended. */
function programsOf(kernel: string): string[] {
  const [major = 0, minor = 0] = kernel.split(".").map(Number);
  const saysGroup = major > 6 || (major === 6 && minor >= 16);
  return ["process_exec", "process_fork", saysGroup ? "process_exit_group" : "process_exit_live", "process_inventory"];
}

/** Short names of signals by number, for those that the scene uses. */
const signalNames: Readonly<Record<number, string>> = { 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM" };

/** What scene.sh does to files: kind, path, the other name, and the result where it is not 0. */
const fileEvents: readonly string[] = [
  "create /srv/files/made",
  "create /srv/files/at",
  "create /srv/files/here",
  "write /srv/files/made",
  "create /srv/files/closed",
  "close /srv/files/closed",
  "chmod /srv/files/made",
  "chmod /srv/files/made",
  "chown /srv/files/made",
  "truncate /srv/files/made",
  "utimes /srv/files/made",
  "setxattr /srv/files/made",
  "link /srv/files/linked < /srv/files/made",
  "symlink /srv/files/soft",
  "mkdir /srv/files/real/directory",
  "mknod /srv/files/pipe",
  "rename /srv/files/real/moved < /srv/files/made",
  "rename /srv/files/moved-at < /srv/files/at",
  "delete /srv/files/linked",
  "delete /srv/files/closed",
  "delete /srv/files/real/directory",
  "access /etc/shadow",
  "access /etc/shadow -13",
  "create /srv/files/last",
];

/** What scene.sh does to the kernel and to processes. */
const operations: readonly string[] = [
  "setresuid ids 1000",
  "capset capabilities CAP_SYS_TIME",
  "ptrace_seize /bin/operate",
  "ptrace_traceme /bin/operate",
  "ptrace_pokedata /bin/operate",
  "memory_write /bin/operate",
  "memory_read /bin/operate",
  "scene-memory",
  "scene-last",
  "mmap rwx",
  "mprotect r-x",
  "/srv/library.so",
  "prog_load sigil_probe",
  "obj_get /sys/fs/bpf/sigil-is-not-there",
  "unshare mnt",
  "mount /",
  "mount /srv/mnt",
  "umount /srv/mnt",
  "clone uts,ipc",
  "setns uts",
  "prctl scene-name",
  "personality ADDR_NO_RANDOMIZE",
  "add_key scene-name",
  "keyctl revoke",
  "userfaultfd",
  "setup",
  "io_uring_openat /srv/ring/made",
  "io_uring_renameat /srv/ring/moved",
  "io_uring_unlinkat /srv/ring/moved",
  "io_uring_connect 127.0.0.1",
  "SIGKILL /bin/operate",
];

/** What an alert must say of a witness, by the witness's own account. */
function expectedOf(scene: Scene, truth: Truth): Record<string, unknown> {
  const isMemfd = truth.exe.startsWith("/memfd:");
  const isDeleted = !isMemfd && truth.exe.endsWith(" (deleted)");
  const pid = scene.pidOf(truth);
  const executable = truth.exe.replace(/ \(deleted\)$/, "");
  // From inside a pid namespace a session that was begun outside has no number.
  const session = scene.outsidePids.has(truth.token) ? scene.truth(`${truth.token}.before`).sid : truth.sid;
  return {
    "event.action": "exec",
    "process.pid": pid,
    "process.executable": executable,
    "process.name": executable.slice(executable.lastIndexOf("/") + 1),
    "process.command_line": truth.args.join(" "),
    "process.args": truth.args,
    "process.args_count": truth.args.length,
    "process.working_directory": truth.cwd,
    "process.user.id": String(truth.euid),
    "process.real_user.id": String(truth.uid),
    "process.group.id": String(truth.egid),
    "process.session_leader.pid": session === 0 ? undefined : session,
    "file.path": executable,
    "file.inode": String(truth.inode),
    "file.device": truth.device,
    "file.mode": truth.mode.toString(8).padStart(4, "0"),
    "file.ctime": new Date(truth.ctimeMs).toISOString(),
    "sigil.file.links": truth.links,
    "sigil.process.namespaces": truth.namespaces,
    "sigil.process.ns_pid": truth.pid,
    "sigil.process.memfd": isMemfd,
    "sigil.process.deleted": isDeleted,
    // No witness but the one with too long a command line has any part cut, except what the match shows of it.
    "sigil.truncated": truth.token === "long" ? ["sigil.match.value"] : undefined,
  };
}

/**
 * A busy machine may give an emulator no processor for seconds; the agent in it then rightly says that it did not run. Nothing else may
 * be wrong in a guest.
 */
const isPause = (state: Document): boolean =>
  at(state, "event.kind") === "state" && at(state, "event.action") === "agent_paused";

const seen = (alert: Document, paths: Iterable<string>): Record<string, unknown> =>
  Object.fromEntries([...paths].map((path) => [path, path === "sigil.truncated" ? cutsOf(alert) : at(alert, path)]));

/** The one start of a witness. */
function startOf(scene: Scene, token: string): Document {
  const starts = scene.starts(token);
  expect(starts.map((alert) => at(alert, "process.command_line"))).toHaveLength(1);
  return starts[0] as Document;
}

function scenePlayed(name: string, isHost: boolean, play: () => Promise<Played>): void {
  let scene: Scene;
  let played: Promise<void> | undefined;
  const on = (title: string, body: () => void): void =>
    test(
      title,
      async () => {
        played ??= play().then((left) => {
          scene = new Scene(left);
        });
        await played;
        body();
      },
      sceneTimeoutMs,
    );

  on("the agent starts, judges everything and ends with 0", () => {
    const kernel = scene.facts.get("kernel") ?? "";
    if (isHost) expect(kernel).toBe(release());
    else expect(kernel).toStartWith(`${name}.`);
    const ready = scene.between("began", "ready").toFixed(1);
    const boot = isHost ? "" : `boot ${scene.facts.get("began")} s, `;
    console.log(`${kernel}: ${boot}agent ready after ${ready} s, all ${(scene.totalMs / 1000).toFixed(1)} s`);
    expect(Object.fromEntries(scene.facts)).toMatchObject({ overlay: "mounted", last: "seen", exit: "0" });
    expect(new Set(scene.alerts.map((alert) => at(alert, "host.os.kernel")))).toEqual(new Set([kernel]));
  });

  on("every program is attached and nothing is degraded", () => {
    const opened = scene.log.find(({ message }) => message === "sensor opened");
    expect(String(opened?.programs).split(" ")).toEqual(programsOf(scene.facts.get("kernel") ?? ""));
    expect(scene.log.some(({ message }) => message === "activities watched")).toBe(true);
    expect(scene.log.filter(({ level }) => level !== "info")).toEqual([]);
    expect(scene.states.filter((state) => isHost || !isPause(state))).toEqual([]);
  });

  on("the account closes: nothing lost, nothing unaccounted for", () => {
    const account = (scene.log.find(({ message }) => message === "agent stopped") ?? {}) as Record<string, number>;
    for (const kind of ["exec", "fork", "exit", "task"]) {
      expect(account[`${kind}_seen`]).toBeGreaterThan(kind === "task" ? 1 : stormSize);
      expect({ kind, delivered: account[`${kind}_delivered`] }).toEqual({ kind, delivered: account[`${kind}_seen`] });
      expect([kind, account[`${kind}_lost`], account[`${kind}_unaccounted`]]).toEqual([kind, 0, 0]);
    }
    expect([account.alerts_sent, account.alerts_dropped]).toEqual([scene.alerts.length - scene.states.length, 0]);
  });

  on("an alert says of each process what the process says of itself", () => {
    const live = scene.truths.filter(({ token }) => token !== "elder" && token !== "cut");
    // One for each way to start and to end that scene.sh tries: a scene that stopped half-way must not pass.
    expect(live.length).toBeGreaterThan(50);
    for (const truth of live) {
      const alert = startOf(scene, truth.token);
      const expected = { token: truth.token, ...expectedOf(scene, truth) };
      expect({ token: truth.token, ...seen(alert, Object.keys(expectedOf(scene, truth))) }).toEqual(expected);
      const startMs = Date.parse(String(at(alert, "process.start")));
      expect(Math.abs(startMs - truth.startMs)).toBeLessThan(startToleranceMs);
      expect(Date.parse(String(at(alert, "@timestamp")))).toBeGreaterThanOrEqual(startMs);
      expect(Date.parse(String(at(alert, "@timestamp")))).toBeLessThan(truth.nowMs + startToleranceMs);
      const bits = [...BigInt(`0x${truth.capabilities}`).toString(2)].filter((bit) => bit === "1").length;
      const names = (at(alert, "process.thread.capabilities.effective") ?? []) as string[];
      expect([truth.token, names.length]).toEqual([truth.token, bits]);
    }
  });

  on("each process has its right parent", () => {
    for (const truth of scene.truths.filter(({ token }) => token !== "elder")) {
      const alert = startOf(scene, truth.token);
      // A container's first process cannot see its parent, and for an orphan whoever made it counts, not who adopted it.
      const isBlind = scene.outsidePids.has(truth.token) || truth.token === "orphan";
      const ppid = isBlind ? scene.truth(`${truth.token}.before`).pid : truth.ppid;
      expect([truth.token, at(alert, "process.parent.pid")]).toEqual([truth.token, ppid]);
      const parent = scene.truths.findLast(({ pid }) => pid === ppid);
      if (parent === undefined || parent.token === "elder") continue;
      expect(at(alert, "process.parent.executable")).toBe(parent.exe);
      expect(at(alert, "process.parent.command_line")).toBe(parent.args.join(" "));
      expect(at(alert, "process.parent.entity_id")).toBe(at(startOf(scene, parent.token), "process.entity_id"));
    }
  });

  on("paths are absolute and true whichever way a program was named", () => {
    const image = (token: string): unknown => at(startOf(scene, token), "process.executable");
    const typed = (token: string): unknown => at(startOf(scene, token), "sigil.event.ImageTyped");
    expect([image("relative"), typed("relative")]).toEqual(["/srv/here/witness", "./witness"]);
    expect([image("upward"), typed("upward")]).toEqual(["/bin/witness", "../../bin/witness"]);
    expect([image("link"), typed("link")]).toEqual(["/bin/witness", "/srv/here/linked"]);
    expect(image("loader")).toStartWith("/lib64/ld-linux");
    expect(image("memory")).toBe("/memfd:sigil-memory");
    expect(image("deleted")).toBe("/srv/here/doomed");
    expect(typed("descriptor")).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect(String(image("deep")).split("/")).toHaveLength(2 + 1 + 60 + 1);
    expect(at(startOf(scene, "deep"), "process.working_directory")).toBe(
      `/srv/deep${"/a/b/c/d/e/f/g/h/i/j".repeat(6)}`,
    );
  });

  on("a script is its interpreter, and its own name is kept", () => {
    const script = scene.alerts.find(
      (alert) => at(alert, "rule.name") === "A witness starts" && at(alert, "sigil.process.script") === true,
    );
    expect(seen(script ?? {}, ["process.executable", "sigil.event.ImageTyped", "sigil.event.Interpreter"])).toEqual({
      "process.executable": "/bin/busybox",
      "sigil.event.ImageTyped": "/srv/here/script",
      "sigil.event.Interpreter": "/bin/sh",
    });
    expect(at(script ?? {}, "process.args.1")).toBe("/srv/here/script");
  });

  on("a command line of 18 KiB keeps its end and says that it was cut", () => {
    const truth = scene.truth("cut");
    const alert = startOf(scene, "cut");
    const line = String(at(alert, "process.command_line"));
    expect(line.length).toBeGreaterThan(16_000);
    expect(truth.args.join(" ")).toEndWith(line);
    expect(at(alert, "process.args_count")).toBe(truth.args.length);
    expect(at(alert, "sigil.truncated")).toContain("process.command_line");
    expect(at(alert, "process.pid")).toBe(truth.pid);
  });

  on("environment, terminal, users and set-uid are seen, and other variables are not", () => {
    const environment = startOf(scene, "environment");
    expect(at(environment, "process.env_vars")).toEqual(["LD_PRELOAD=/nowhere.so", "HISTFILE=/dev/null"]);
    expect(
      JSON.stringify(scene.alerts.filter((alert) => at(alert, "process.executable") !== "/bin/busybox")),
    ).not.toContain("SECRET");
    expect(at(startOf(scene, "terminal"), "process.tty.char_device.major")).toBe(136);
    expect(at(startOf(scene, "terminal"), "sigil.event.Stdin")).toBe("tty");
    expect(at(startOf(scene, "terminal.before"), "sigil.event.Stdin")).toBe("null");
    expect(at(startOf(scene, "user"), "process.user.name")).toBe("alice");
    const rising = startOf(scene, "rising");
    expect([at(rising, "process.user.name"), at(rising, "process.real_user.name")]).toEqual(["root", "alice"]);
    const match = (rule: string): unknown[] => scene.ofRule(rule).map((alert) => at(alert, "process.pid"));
    expect(match("A witness runs from a memory file")).toEqual([scene.truth("memory").pid]);
    expect(match("A witness runs from a deleted file")).toEqual([scene.truth("deleted").pid]);
    expect(match("A witness has a preloaded library")).toEqual([scene.truth("environment").pid]);
    expect(match("A witness rises to another user")).toEqual([scene.truth("rising").pid]);
  });

  on("a container is known by its control group, its namespaces and its overlay", () => {
    const inside = (token: string): Document => startOf(scene, `contained-${token}`);
    for (const token of ["witness", "dropped"]) {
      const truth = scene.truth(`contained-${token}`);
      expect(truth.pid).toBe(1);
      expect(at(inside(token), "container")).toEqual({ id: "0123456789abcdef".repeat(4), runtime: "docker" });
      expect(at(inside(token), "sigil.event.CgroupPath")).toBe(truth.cgroup);
    }
    expect(at(inside("witness"), "sigil.process.overlay_upper")).toBe(false);
    expect(at(inside("dropped"), "sigil.process.overlay_upper")).toBe(true);
    expect(scene.ofRule("A witness was dropped into a container")).toHaveLength(1);
  });

  on("each process ends once, with the status that its parent saw", () => {
    for (const truth of scene.truths) {
      const pid = scene.pidOf(truth);
      const ends = scene.ends(pid);
      expect([truth.token, ends.length]).toEqual([truth.token, 1]);
      const status = scene.endings.get(truth.token) ?? scene.endings.get(truth.token.replace(/\.before$/, ""));
      if (status === undefined) continue;
      const end = ends[0] as Document;
      const fields = seen(end, ["process.exit_code", "sigil.event.ExitCode", "sigil.event.ExitSignal"]);
      const expected =
        status > 128
          ? { "sigil.event.ExitSignal": signalNames[status - 128] }
          : { "process.exit_code": status, "sigil.event.ExitCode": String(status) };
      expect({ token: truth.token, ...fields }).toEqual({
        token: truth.token,
        "process.exit_code": undefined,
        "sigil.event.ExitCode": undefined,
        "sigil.event.ExitSignal": undefined,
        ...expected,
      });
      if (truth.token !== "elder" && scene.starts(truth.token).length === 1)
        expect(at(end, "process.entity_id")).toBe(at(startOf(scene, truth.token), "process.entity_id"));
    }
    expect(scene.ofRule("A witness is killed").map((alert) => at(alert, "process.pid"))).toEqual([
      scene.truth("signal-9").pid,
    ]);
    expect(scene.ofRule("A witness ends with 42").map((alert) => at(alert, "process.pid"))).toContain(
      scene.truth("code-42").pid,
    );
  });

  on("a process that ran before the agent is known by its child and by its end", () => {
    const elder = scene.truth("elder");
    expect(scene.starts("elder")).toEqual([]);
    const parent = at(startOf(scene, "elder-child"), "process.parent") as Document;
    expect(seen(parent, ["pid", "executable", "command_line", "working_directory"])).toEqual({
      pid: elder.pid,
      executable: elder.exe,
      command_line: elder.args.join(" "),
      working_directory: elder.cwd,
    });
    expect(Math.abs(Date.parse(String(at(parent, "start"))) - elder.startMs)).toBeLessThan(startToleranceMs);
    expect(at(scene.ends(elder.pid)[0] ?? {}, "process.exit_code")).toBe(7);
  });

  on("what is done to files is told with the kernel's own paths, whatever way they were named", () => {
    expect(scene.fileEvents("/bin/files")).toEqual([...fileEvents]);
  });

  on("kernel operations are told, whatever the kernel calls its insides", () => {
    expect(scene.operations()).toEqual([...operations].sort());
    // Where overlayfs is a module, loading it is told by the kernel's own name for it.
    const modules = scene.ofRule("A module is loaded").map((alert) => at(alert, "sigil.event.ModuleName"));
    if (!isHost) expect(modules).toContain("overlay");
  });

  on(`a storm of ${stormSize} programs is seen whole`, () => {
    const wanted = Array.from({ length: stormSize }, (_, index) => `storm-${index}`).sort();
    const got = scene.startTokens().filter((token) => /^storm-\d+$/.test(token));
    expect(got.sort()).toEqual(wanted);
    const stormer = scene.truth("storm.before").pid;
    for (const token of wanted) {
      const alert = startOf(scene, token);
      expect(at(alert, "process.parent.pid")).toBe(stormer);
      const ends = scene.ends(at(alert, "process.pid") as number);
      expect(ends.map((end) => at(end, "process.exit_code"))).toEqual([0]);
    }
  });

  on("connections, datagrams and sockets that wait are told as the program says that it made them", () => {
    expect([scene.facts.get("network"), scene.facts.get("questions")]).toEqual(["0", "0"]);
    const said = told(scene.network);
    expect(said.length).toBeGreaterThan(50);
    const pids = new Set(said.map((line) => line.split(" ")[2]));
    const alerts = scene
      .ofRule("The network program does something")
      .filter((alert) => pids.has(field(alert, "ProcessId")));
    expect(alerts.map(lineOf).sort()).toEqual(said);
  });

  on("lookups are told with their answers, over UDP and TCP, IPv4 and IPv6", () => {
    const lookups = scene.ofRule("The network program looks something up");
    expect(lookups.map(lookupLine).sort()).toEqual(questionLines("sigil-scene.test"));
  });
}

/** Guests boot side by side when the first is asked for: they need little memory, and a boot does not fill two cores. */
const guests = new Map<KernelSeries, Promise<Played>>();
const bootable: KernelSeries[] = [];
function guest(series: KernelSeries): Promise<Played> {
  if (guests.size === 0)
    for (const one of bootable) {
      const played = playInGuest(one);
      // Whoever asks for this guest hears of its failure; until then nobody listens.
      played.catch(() => {});
      guests.set(one, played);
    }
  return guests.get(series) as Promise<Played>;
}

const scene: readonly Obstacle[] = [
  needsBpf(),
  needsProgram("gcc"),
  needsProgram("setpriv"),
  needsFile("/bin/busybox"),
  needsFile(join(root, "dist/agent")),
];

for (const series of Object.keys(kernelPackages) as KernelSeries[]) {
  const obstacles = [...scene, needsProgram("qemu-system-x86_64"), needsProgram("xz"), await needsKernel(series)];
  if (obstacles.every((it) => it === undefined)) bootable.push(series);
  describeWhere(`Linux ${series}`, obstacles, () => scenePlayed(series, false, () => guest(series)));
}
describeWhere("the host's Linux", [...scene, needsProgram("unshare")], () =>
  scenePlayed("host", true, () => playOnHost()),
);

describe("programsOf", () => {
  test("knows the kernel from which the exit tracepoint says that the whole process ended", () => {
    expect(programsOf("6.15.9")).toContain("process_exit_live");
    expect(programsOf("6.16.0")).toContain("process_exit_group");
    expect(programsOf("7.0.1-rc1")).toContain("process_exit_group");
  });
});
