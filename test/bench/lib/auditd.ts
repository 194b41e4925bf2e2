// Debian's auditd as a peer: a daemon of the benchmark's own, with its own configuration and log, told to record the same classes of
// events as the agent. The kernel's audit state is one for the machine: it is put back as it was.

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { root, run } from "../../../native/build-steps.ts";
import { InvalidMeasurement } from "./report.ts";

/** Process starts, files opened for writing, made, renamed and removed, connections made and taken. auditd sees no names that are asked for. */
const rules = [
  ["execve,execveat"],
  ["open", "-F", "a1&3"],
  ["openat", "-F", "a2&3"],
  ["open", "-F", "a1&0100"],
  ["openat", "-F", "a2&0100"],
  ["creat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,truncate"],
  ["chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,setxattr"],
  ["connect,accept,accept4,bind,listen"],
] as const;

const configuration = (folder: string): string => `local_events = yes
write_logs = yes
log_file = ${folder}/audit.log
log_group = root
log_format = RAW
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 100
num_logs = 3
name_format = NONE
max_log_file_action = ROTATE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
q_depth = 20000
overflow_action = IGNORE
`;

/** Longest wait for the daemon to register with the kernel, or to end. */
const waitMaxMs = 5_000;

export class Auditd {
  readonly #child: Subprocess;
  readonly #folder: string;

  private constructor(child: Subprocess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  static async start(): Promise<Auditd> {
    mkdirSync(join(root, "build/bench"), { recursive: true });
    const folder = mkdtempSync(join(root, "build/bench/auditd-"));
    writeFileSync(join(folder, "auditd.conf"), configuration(folder), { mode: 0o600 });
    const child = Bun.spawn(["auditd", "-n", "-c", folder], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const auditd = new Auditd(child, folder);
    const endMs = performance.now() + waitMaxMs;
    while (!(await auditd.#status()).includes(`pid ${child.pid}\n`)) {
      if (child.exitCode !== null || performance.now() > endMs)
        throw new InvalidMeasurement("auditd did not start: is another one running?");
      await Bun.sleep(50);
    }
    await run(["auditctl", "-e", "1"]);
    await run(["auditctl", "-b", "65536"]);
    for (const [calls, ...filters] of rules)
      await run(["auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", calls, ...filters]);
    return auditd;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Records that the kernel could not hand over so far. */
  async lost(): Promise<number> {
    return Number(/^lost (\d+)$/m.exec(await this.#status())?.[1] ?? 0);
  }

  /** Bytes of its log. */
  get logBytes(): number {
    return statSync(join(this.#folder, "audit.log")).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["auditctl", "-D"]);
    await run(["auditctl", "-e", "0"]);
    this.#child.kill("SIGTERM");
    await Promise.race([this.#child.exited, Bun.sleep(waitMaxMs)]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #status(): Promise<string> {
    return run(["auditctl", "-s"]);
  }
}
