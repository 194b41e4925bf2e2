// Table: which audit records an activity becomes, by the activity's name. A row says the system call of its SYSCALL record, what
// happened to its path, and the key that a Sigma rule may take for granted. Rows for activities that no sensor knows yet wait.

import { activityKinds } from "./activity-kinds.ts";

export interface AuditRow {
  /** Name in `activityKinds`. */
  readonly activity: string;
  readonly syscall: string;
  /** Further calls that the activity may have been made by. */
  readonly others?: readonly string[];
  /** `nametype` of the PATH record of its TargetFilename; absent: no path. */
  readonly path?: "CREATE" | "DELETE" | "NORMAL";
  /** The same of its SourceFilename. */
  readonly from?: "DELETE" | "NORMAL";
  /** Keys that its records can have. */
  readonly keys?: readonly string[];
}

const rows: readonly AuditRow[] = [
  { activity: "file_create", syscall: "openat", path: "CREATE" },
  { activity: "file_write", syscall: "openat", path: "NORMAL" },
  { activity: "file_access", syscall: "openat", path: "NORMAL" },
  { activity: "file_delete", syscall: "unlinkat", path: "DELETE" },
  { activity: "file_rename", syscall: "renameat2", path: "CREATE", from: "DELETE" },
  { activity: "file_link", syscall: "linkat", path: "CREATE", from: "NORMAL" },
  { activity: "file_symlink", syscall: "symlinkat", path: "CREATE" },
  { activity: "file_mkdir", syscall: "mkdirat", path: "CREATE" },
  // The name that rules use; glibc calls mknodat on some machines.
  { activity: "file_mknod", syscall: "mknod", path: "CREATE" },
  { activity: "file_chmod", syscall: "fchmodat", path: "NORMAL" },
  { activity: "file_chown", syscall: "fchownat", path: "NORMAL" },
  { activity: "file_setxattr", syscall: "setxattr", path: "NORMAL" },
  { activity: "file_truncate", syscall: "truncate", path: "NORMAL" },
  { activity: "file_utimes", syscall: "utimensat", path: "NORMAL" },
  { activity: "network_connect", syscall: "connect", keys: ["network_connect_4", "network_connect_6"] },
  { activity: "network_accept", syscall: "accept" },
  { activity: "network_bind", syscall: "bind" },
  { activity: "network_listen", syscall: "listen" },
  { activity: "ptrace", syscall: "ptrace" },
  { activity: "process_memory", syscall: "process_vm_writev", others: ["process_vm_readv"] },
  { activity: "memfd", syscall: "memfd_create" },
  { activity: "module_load", syscall: "finit_module", others: ["init_module"] },
  { activity: "module_unload", syscall: "delete_module" },
  { activity: "bpf", syscall: "bpf" },
  { activity: "mount", syscall: "mount", others: ["move_mount", "pivot_root", "chroot"] },
  { activity: "unmount", syscall: "umount2" },
  { activity: "namespace", syscall: "unshare", others: ["setns"] },
  { activity: "prctl", syscall: "prctl" },
  { activity: "personality", syscall: "personality" },
  { activity: "keyring", syscall: "keyctl", others: ["add_key", "request_key"] },
  { activity: "userfaultfd", syscall: "userfaultfd" },
  { activity: "io_uring_setup", syscall: "io_uring_setup" },
  { activity: "sysinfo", syscall: "sysinfo" },
  { activity: "kernel_log", syscall: "syslog" },
  { activity: "socket", syscall: "socket" },
];

/** Rows of activities that a sensor delivers, by name. */
export const auditRows: ReadonlyMap<string, AuditRow> = new Map(
  rows.filter(({ activity }) => activityKinds.some(({ name }) => name === activity)).map((row) => [row.activity, row]),
);

/** Every name of a system call that a SYSCALL record can have. */
export const auditSyscalls: readonly string[] = [
  ...new Set(["execve", ...[...auditRows.values()].flatMap(({ syscall, others = [] }) => [syscall, ...others])]),
];

/** Every key that one can have. */
export const auditKeys: readonly string[] = [
  "susp_activity",
  ...[...auditRows.values()].flatMap(({ keys = [] }) => keys),
];
