// What the kernel says about a process and neither Sysmon nor ECS has a name for: `sigil.process` of an alert.

import { exeFlag, type ProcessRecord, processLayout, sectionFlag } from "../event/mod.ts";
import { systemdUnitOf } from "../state/mod.ts";

/** Audit's "no session". */
const unset = 0xffff_ffff;

const definite = <T extends object>(value: T): T => {
  for (const key in value) if (value[key] === undefined) delete value[key];
  return value;
};

/** What the kernel says about the process and ECS has no place for: `sigil.process`. */
export function kernelFacts(record: ProcessRecord): Record<string, unknown> {
  const field = (offset: number): number => record.field(offset);
  const flags = field(processLayout.exeFlags);
  const auditSession = field(processLayout.auditSession);
  const unreadable = (["filename", "interp", "args", "env"] as const).filter(
    (section) => (record.flags(section) & sectionFlag.unreadable) !== 0,
  );
  return definite({
    namespaces: {
      mnt: field(processLayout.mntNs),
      pid: field(processLayout.pidNs),
      net: field(processLayout.netNs),
      user: field(processLayout.userNs),
      uts: field(processLayout.utsNs),
      ipc: field(processLayout.ipcNs),
      cgroup: field(processLayout.cgroupNs),
    },
    ns_pid: field(processLayout.nsPid),
    memfd: (flags & exeFlag.memfd) !== 0,
    deleted: (flags & exeFlag.deleted) !== 0,
    overlay_upper: (flags & exeFlag.overlayUpper) !== 0,
    script: (flags & exeFlag.script) !== 0,
    secure_exec: (flags & exeFlag.secure) !== 0,
    chrooted: (flags & exeFlag.chrooted) !== 0,
    detached: (record.flags("exe") & sectionFlag.detached) !== 0,
    unreadable: unreadable.length === 0 ? undefined : unreadable,
    typed_path: record.text("filename") || undefined,
    interpreter: record.text("interp") || undefined,
    cgroup: record.text("cgroup") || undefined,
    cgroup_id: String(record.cgroupId),
    systemd_unit: systemdUnitOf(record.text("cgroup")),
    audit_session: auditSession === unset ? undefined : auditSession,
    args_bytes: field(processLayout.argsBytes),
  });
}
