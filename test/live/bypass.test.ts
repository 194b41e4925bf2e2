// Ways to be seen as somebody else, or not at all, each tried and each seen through: other roads to the same file, layers of a file
// system, names that a process gives itself, a storm to hide in, and a pid that had another owner. (Relative paths, links, memory files, deleted
// and scripted programs, ld.so, chroot, bind mounts, namespaces, padding and threads: truth.test.ts. io_uring, 32-bit calls:
// kernel-ops.test.ts, file-storm.test.ts. The agent itself stopped or killed: tamper.test.ts.)

import { afterAll, beforeAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { describeWhere, needsBpf, needsFile, needsProgram } from "../needs.ts";
import { type Alert, at, cutsOf, LiveAgent, type RunOptions, runProgram, uniqueToken } from "./agent.ts";
import { closedAccount, compiler, endRule, startRule, TestFolder } from "./programs.ts";
import { storm } from "./storm.ts";

const word = uniqueToken("sigil-bypass-");
const lastPidFile = "/proc/sys/kernel/ns_last_pid";

describeWhere("ways around the sensor", [needsBpf(), needsProgram(compiler), needsProgram("unshare")], () => {
  const folder = new TestFolder("bypass");
  let agent: LiveAgent;
  let idle = "";
  let stormProgram = "";
  let count = 0;

  beforeAll(async () => {
    idle = await folder.compile("idle");
    stormProgram = await folder.compile("storm");
    const rules = [folder.write("start.yml", startRule(word)), folder.write("end.yml", endRule(word))];
    agent = await LiveAgent.start({ rules });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  const token = (): string => `${word}-${++count}x`;
  const event = (alert: Alert): Record<string, string> => at(alert, "sigil.event") as Record<string, string>;

  /** Runs a command; the starts of processes whose last argument is `t`, in order. */
  async function starts(t: string, command: string[], options: RunOptions = {}): Promise<Alert[]> {
    const { exitCode, output } = await runProgram(command, options);
    if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${output}`);
    await agent.barrier();
    return agent.alerts.filter(
      (alert) => at(alert, "event.action") === "exec" && (at(alert, "process.args") as string[]).at(-1) === t,
    );
  }

  async function start(t: string, command: string[], options: RunOptions = {}): Promise<Alert> {
    const found = await starts(t, command, options);
    if (found.length !== 1) throw new Error(`${found.length} starts of ${command.join(" ")}`);
    return found[0]!;
  }

  test("the road through /proc/self/root leads to the file's own path", async () => {
    const t = token();
    const alert = await start(t, [`/proc/self/root${idle}`, t]);
    expect(event(alert).Image).toBe(idle);
    expect(event(alert).ImageTyped).toBe(`/proc/self/root${idle}`);
    expect(cutsOf(alert)).toBeUndefined();
  });

  test("so does the road through the working directory and root of another process", async () => {
    const t = token();
    // The parent's folder is that of the agent's test; its root is the machine's.
    const alert = await start(t, ["/bin/sh", "-c", `/proc/$$/root${idle} ${t}`]);
    expect(event(alert).Image).toBe(idle);
    const other = token();
    const byFolder = await start(other, ["/bin/sh", "-c", `/proc/$$/cwd/idle ${other}`], { cwd: folder.path });
    expect(event(byFolder).Image).toBe(idle);
  });

  test("a hard link is the name that was used, with the inode that gives it away", async () => {
    const t = token();
    const link = folder.in("innocent");
    linkSync(idle, link);
    const direct = token();
    const alert = await start(t, [link, t]);
    const original = await start(direct, [idle, direct]);
    expect(event(alert).Image).toBe(link);
    expect(at(alert, "file.inode")).toBe(at(original, "file.inode"));
    expect(at(alert, "sigil.file.links")).toBeGreaterThan(1);
  });

  test("a name in argv[0] does not become the image or the process's name", async () => {
    const t = token();
    const alert = await start(t, ["/bin/bash", "-c", `exec -a '[kworker/0:1-events]' ${idle} ${t}`]);
    expect(event(alert).Image).toBe(idle);
    expect(at(alert, "process.name")).toBe("idle");
    expect(event(alert).CommandLine).toBe(`[kworker/0:1-events] ${t}`);
  });

  test("in an overlay the path is the merged one, and what was written into its upper layer says so", async () => {
    const lower = folder.in("lower");
    const merged = folder.in("merged");
    for (const name of ["lower", "upper", "merged"]) mkdirSync(folder.in(name));
    folder.copy(idle, "lower", "shipped");
    const [shipped, written] = [token(), token()];
    // An overlay may not lie on an overlay: a tmpfs below makes it the same everywhere.
    const script = [
      `mount -t tmpfs none ${folder.in("upper")}`,
      `mkdir ${folder.in("upper")}/u ${folder.in("upper")}/w`,
      `mount -t overlay -o lowerdir=${lower},upperdir=${folder.in("upper")}/u,workdir=${folder.in("upper")}/w none ${merged}`,
      `cp ${idle} ${merged}/dropped`,
      `${merged}/shipped ${shipped}`,
      `${merged}/dropped ${written}`,
    ].join(" && ");
    const { exitCode, output } = await runProgram(["unshare", "-m", "sh", "-c", script]);
    if (exitCode !== 0) throw new Error(output);
    await agent.barrier();
    const of = (t: string): Alert =>
      agent.alerts.find((alert) => (at(alert, "process.args") as string[] | undefined)?.at(-1) === t)!;
    expect([event(of(shipped)).Image, event(of(shipped)).ImageOverlayUpper]).toEqual([`${merged}/shipped`, "false"]);
    expect([event(of(written)).Image, event(of(written)).ImageOverlayUpper]).toEqual([`${merged}/dropped`, "true"]);
  });

  test("a storm of twenty thousand processes hides nobody: those among them are seen once, with their parents", async () => {
    const hidden = Array.from({ length: 20 }, () => token());
    await using watcher = await LiveAgent.start({ rules: [folder.in("start.yml")] });
    const cover = storm(stormProgram, { program: "/bin/true", prefix: "cover", count: 20_000, lanes: 2 });
    for (const t of hidden) {
      await runProgram([idle, t]);
      await Bun.sleep(20);
    }
    await cover;
    await watcher.barrier(60_000);
    const { log } = await watcher.stop();
    expect(closedAccount(log)).toMatchObject({ exec_lost: 0, fork_lost: 0, exit_lost: 0, exec_unaccounted: 0 });
    for (const t of hidden) {
      const found = watcher.alerts.filter((alert) => (at(alert, "process.args") as string[]).at(-1) === t);
      expect([t, found.length]).toEqual([t, 1]);
      expect(at(found[0]!, "process.parent.pid")).toBe(process.pid);
    }
  }, 120_000);

  describeWhere("pids", [needsFile(lastPidFile)], () => {
    test("a pid that had another owner is another process, and its children are its own", async () => {
      const [first, second] = [token(), token()];
      const script = (t: string): string[] => ["/bin/sh", "-c", `${idle} ${t}; : ${t}-parent`];
      const parentOf = (t: string): Alert =>
        agent.alerts.find(
          (alert) => at(alert, "event.action") === "exec" && event(alert).CommandLine?.includes(`${t}-parent`),
        )!;
      const before = (await runProgram(script(first))).pid;
      let reused = 0;
      // Whoever starts something meanwhile takes the number: then again.
      for (let attempt = 0; attempt < 50 && reused !== before; attempt++) {
        writeFileSync(lastPidFile, String(before - 1));
        reused = (await runProgram(script(second))).pid;
      }
      expect(reused).toBe(before);
      await agent.barrier();
      const childrenOf = (t: string): Alert[] =>
        agent.alerts.filter(
          (alert) => at(alert, "event.action") === "exec" && event(alert).CommandLine === `${idle} ${t}`,
        );
      const [one, two] = [parentOf(first), childrenOf(second).at(-1)!];
      const newest = agent.alerts.findLast(
        (alert) => at(alert, "event.action") === "exec" && event(alert).CommandLine?.includes(`${second}-parent`),
      )!;
      expect(at(one, "process.pid")).toBe(at(newest, "process.pid"));
      expect(at(one, "process.entity_id")).not.toBe(at(newest, "process.entity_id"));
      expect(at(two, "process.parent.entity_id")).toBe(at(newest, "process.entity_id"));
      expect(at(childrenOf(first)[0]!, "process.parent.entity_id")).toBe(at(one, "process.entity_id"));
      // The ends as well: each says which of the two ended.
      const ends = agent.alerts.filter(
        (alert) => at(alert, "event.action") === "end" && at(alert, "process.pid") === before,
      );
      const ids = ends.map((alert) => at(alert, "process.entity_id"));
      expect(ids).toContain(at(one, "process.entity_id"));
      expect(ids).toContain(at(newest, "process.entity_id"));
      expect(new Set(ids).size).toBe(ids.length);
    });
  });
});
