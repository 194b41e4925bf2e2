// Who this machine is: `host.*` of every alert, and the part of a process's identity that tells hosts and boots apart.

import { readFileSync } from "node:fs";
import { arch, hostname, networkInterfaces, release } from "node:os";
import type { HostContext } from "../../alert/mod.ts";

function readLine(path: string): string {
  try {
    return (readFileSync(path, "utf8").split("\n")[0] ?? "").trim();
  } catch {
    return "";
  }
}

/** KEY=value lines of os-release(5), unquoted. */
function osRelease(): Map<string, string> {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      const pairs = new Map<string, string>();
      for (const line of readFileSync(path, "utf8").slice(0, 65_536).split("\n")) {
        const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
        if (match) pairs.set(match[1] as string, match[2] ?? match[3] ?? match[4] ?? "");
      }
      return pairs;
    } catch {
      // The next one, or none: an initramfs has no such file.
    }
  }
  return new Map();
}

/** Addresses shown in an alert: hosts with thousands of virtual interfaces exist. */
const addressesMax = 32;

/** Reads what this machine says about itself. Everything may be absent; nothing throws. */
export function readHost(): HostContext {
  const os = osRelease();
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const external = addresses.filter(({ internal }) => !internal);
  const unique = (values: string[]): string[] => [...new Set(values)].sort().slice(0, addressesMax);
  const name = hostname();
  return {
    id: readLine("/etc/machine-id") || readLine("/proc/sys/kernel/random/boot_id"),
    name,
    hostname: name,
    // ECS asks for the kernel's word.
    architecture: ({ x64: "x86_64", arm64: "aarch64" } as Record<string, string>)[arch()] ?? arch(),
    ip: unique(external.map(({ address }) => address)),
    mac: unique(
      external.map(({ mac }) => mac.toUpperCase().replaceAll(":", "-")).filter((mac) => !/^[0-]+$/.test(mac)),
    ),
    os: {
      type: "linux",
      family: os.get("ID_LIKE")?.split(" ")[0] ?? os.get("ID") ?? "",
      platform: os.get("ID") ?? "",
      name: os.get("NAME") ?? "Linux",
      version: os.get("VERSION_ID") ?? "",
      kernel: release(),
      full: os.get("PRETTY_NAME") ?? "",
    },
  };
}

/** Host and boot: a pid and a start time since boot mean the same process only within one boot. */
export function bootIdentity(host: HostContext): string {
  return `${host.id}|${readLine("/proc/sys/kernel/random/boot_id")}`;
}
