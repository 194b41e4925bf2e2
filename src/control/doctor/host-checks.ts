// Checks of the machine: what the sensor needs of its kernel, and what takes from it.

import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { missingPrerequisites } from "../agent/mod.ts";
import { bad, type Check, type Finding, good } from "./check.ts";

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
};

/** Below it the agent's programs do not load: BPF ring buffers came with it. */
const kernelMin = [5, 8] as const;
/** Below it a storm of events ends in the kernel's killer. */
const memoryMinBytes = 256 * 1024 * 1024;

const kernel: Check = {
  id: "kernel",
  run: () => {
    const version = release();
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > kernelMin[0] || (major === kernelMin[0] && minor >= kernelMin[1])
      ? [good("kernel", `Linux ${version}`)]
      : [
          bad(
            "kernel",
            "failure",
            `Linux ${version} is older than 5.8`,
            "the sensor: it needs the BPF ring buffer of 5.8",
            "use a newer kernel; replay and rules work here",
          ),
        ];
  },
};

const rights: Check = {
  id: "rights",
  run: () => {
    const missing = missingPrerequisites();
    if (missing.length === 0)
      return [good("rights", "the rights and the type information that the sensor needs are there")];
    return missing.map(({ kind, what, hint }) =>
      bad(
        kind === "permission" ? "rights" : "kernel_types",
        "failure",
        `${what} is missing`,
        `the sensor: the agent would end with exit status ${kind === "permission" ? 77 : 69}`,
        hint,
      ),
    );
  },
};

const jit: Check = {
  id: "bpf_jit",
  run: ({ root }) => {
    const value = read(join(root, "/proc/sys/net/core/bpf_jit_enable"));
    if (value === undefined || value === "1" || value === "2")
      return [good("bpf_jit", "the kernel compiles BPF programs")];
    return [
      bad(
        "bpf_jit",
        "warning",
        "the kernel interprets BPF programs",
        "speed: everything that is watched gets slower",
        "sysctl -w net.core.bpf_jit_enable=1",
      ),
    ];
  },
};

const lockdown: Check = {
  id: "lockdown",
  run: ({ root }) => {
    const value = read(join(root, "/sys/kernel/security/lockdown"));
    return value?.includes("[confidentiality]") === true
      ? [
          bad(
            "lockdown",
            "failure",
            "the kernel is locked down for confidentiality",
            "the sensor: BPF programs may not read kernel memory",
            "boot with lockdown=integrity",
          ),
        ]
      : [good("lockdown", "the kernel lets BPF programs read what they need")];
  },
};

const controlGroups: Check = {
  id: "cgroup2",
  run: ({ root }) => {
    const mounts = read(join(root, "/proc/self/mounts")) ?? "";
    return / cgroup2 /.test(mounts)
      ? [good("cgroup2", "cgroup v2 is mounted")]
      : [
          bad(
            "cgroup2",
            "warning",
            "cgroup v2 is not mounted",
            "events about DNS, whose programs are attached there",
            "mount -t cgroup2 none /sys/fs/cgroup/unified",
          ),
        ];
  },
};

const memory: Check = {
  id: "memory_limit",
  run: ({ root }) => {
    const group = /^0::(.*)$/m.exec(read(join(root, "/proc/self/cgroup")) ?? "")?.[1] ?? "";
    const limit = Number(read(join(root, "/sys/fs/cgroup", group, "memory.max")));
    if (!(limit < memoryMinBytes)) return [good("memory_limit", "no tight limit of memory is set")];
    return [
      bad(
        "memory_limit",
        "warning",
        `memory is limited to ${Math.round(limit / 1024 / 1024)} MiB`,
        "the agent may be killed in a storm of events",
        "give the control group at least 256 MiB",
      ),
    ];
  },
};

/** Variables that change what the executable is, or what runs inside of it. */
const dangerous = ["BUN_OPTIONS", "BUN_BE_BUN", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "NODE_OPTIONS"];

const environment: Check = {
  id: "environment",
  run: ({ env }) => {
    const found = dangerous.filter((name) => (env[name] ?? "") !== "");
    return found.length === 0
      ? [good("environment", "no variable changes what the agent executes")]
      : found.map(
          (name): Finding =>
            bad(
              "environment",
              "warning",
              `${name} is set`,
              "the agent: it changes what runs inside of it",
              `start the agent without ${name}`,
            ),
        );
  },
};

const logs: Check = {
  id: "logs",
  run: ({ root }) =>
    [
      "/run/systemd/journal/socket",
      "/var/log/auth.log",
      "/var/log/secure",
      "/var/log/syslog",
      "/var/log/messages",
    ].some((path) => existsSync(join(root, path)))
      ? [good("logs", "there is a journal, or files of syslog")]
      : [
          bad(
            "logs",
            "warning",
            "neither a journal nor files of syslog are there",
            "rules about sshd, sudo, cron, auth and syslog never fire",
            "install rsyslog or run systemd-journald, or name the files in sensor.log_files",
          ),
        ],
};

export const hostChecks: readonly Check[] = [kernel, rights, jit, lockdown, controlGroups, memory, environment, logs];
