// What the sensor needs from its host, by name: looked at before anything is opened, so that a missing right is a sentence and
// not an errno from deep inside.

import { existsSync, readFileSync } from "node:fs";
import { capabilityNames } from "../../normalize/mod.ts";

export interface Missing {
  /** `permission`: more rights would help; `unavailable`: nothing on this kernel would. */
  readonly kind: "permission" | "unavailable";
  readonly what: string;
  readonly hint: string;
}

function effectiveCapabilities(): ReadonlySet<string> {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return new Set(capabilityNames(BigInt(`0x${mask}`)));
}

/** What is missing here; empty when the sensor can be tried. */
export function missingPrerequisites(): Missing[] {
  if (process.platform !== "linux")
    return [{ kind: "unavailable", what: `a sensor for ${process.platform}`, hint: "this version watches Linux" }];
  const missing: Missing[] = [];
  let held: ReadonlySet<string>;
  try {
    held = effectiveCapabilities();
  } catch {
    return [{ kind: "unavailable", what: "/proc", hint: "mount proc on /proc" }];
  }
  // Since 5.8 the two stand for what CAP_SYS_ADMIN used to allow (capabilities(7)).
  if (!held.has("CAP_SYS_ADMIN"))
    for (const name of ["CAP_BPF", "CAP_PERFMON"])
      if (!held.has(name))
        missing.push({ kind: "permission", what: name, hint: "run as root, or with this capability" });
  if (!existsSync("/sys/kernel/btf/vmlinux"))
    missing.push({
      kind: "unavailable",
      what: "kernel type information (/sys/kernel/btf/vmlinux)",
      hint: "mount sysfs on /sys, and use a kernel built with CONFIG_DEBUG_INFO_BTF (5.8 or newer)",
    });
  return missing;
}
