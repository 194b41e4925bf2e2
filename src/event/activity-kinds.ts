// Every kind of activity (native/abi/*.h) as one row: its number in records, its name in accounts, and the log source whose
// events it becomes. A new kind is a row here, a reader in src/normalize, and a program in native/bpf.

import { dnsKind, fileKind, networkKind, operationKind } from "./layout.gen.ts";

export interface ActivityKind {
  /** As in the header of its records. */
  readonly kind: number;
  /** In the account of losses: `file_create`. */
  readonly name: string;
  /** The row of the catalogue that its events belong to; that row says the kind of event. */
  readonly source: string;
  /** Other sources whose events need what this kind brings: it is recorded whenever a rule asks for one of those, too. */
  readonly feeds: readonly string[];
}

const of = (name: string, kind: number, source: string, ...feeds: readonly string[]): ActivityKind => ({
  kind,
  name,
  source,
  feeds,
});

export const activityKinds: readonly ActivityKind[] = [
  // file
  of("file_create", fileKind.create, "linux/file_event"),
  of("file_write", fileKind.write, "linux/file_write"),
  of("file_close", fileKind.close, "linux/file_change"),
  of("file_delete", fileKind.delete, "linux/file_delete"),
  of("file_rename", fileKind.rename, "linux/file_rename"),
  of("file_link", fileKind.link, "linux/file_event"),
  of("file_symlink", fileKind.symlink, "linux/file_event"),
  of("file_mkdir", fileKind.mkdir, "linux/file_event"),
  of("file_mknod", fileKind.mknod, "linux/file_event"),
  of("file_chmod", fileKind.chmod, "linux/file_change"),
  of("file_chown", fileKind.chown, "linux/file_change"),
  of("file_setxattr", fileKind.setxattr, "linux/file_change"),
  of("file_truncate", fileKind.truncate, "linux/file_change"),
  of("file_utimes", fileKind.utimes, "linux/file_change"),
  of("file_access", fileKind.access, "linux/file_access"),
  // network
  of("network_connect", networkKind.connect, "linux/network_connection"),
  of("network_accept", networkKind.accept, "linux/network_accept"),
  of("network_send", networkKind.send, "linux/network_connection"),
  of("network_bind", networkKind.bind, "linux/network_bind"),
  of("network_listen", networkKind.listen, "linux/network_listen"),
  of("network_close", networkKind.close, "linux/network_close"),

  // dns: names of addresses come from the answers.
  of("dns_query", dnsKind.query, "linux/dns_query"),
  of(
    "dns_answer",
    dnsKind.answer,
    "linux/dns_query",
    "linux/network_connection",
    "linux/network_accept",
    "linux/network_close",
  ),

  // kernel operations
  of("credentials", operationKind.credentials, "linux/credential_change"),
  of("capabilities", operationKind.capabilities, "linux/credential_change"),
  of("ptrace", operationKind.ptrace, "linux/process_access"),
  of("process_memory", operationKind.memory, "linux/process_access"),
  of("memfd", operationKind.memfd, "linux/memfd_create"),
  of("executable_memory", operationKind.executable, "linux/memory_change"),
  of("library_load", operationKind.library, "linux/image_load"),
  of("module_load", operationKind.module, "linux/driver_load"),
  of("module_unload", operationKind.unload, "linux/driver_unload"),
  of("bpf", operationKind.bpf, "linux/bpf"),
  of("mount", operationKind.mount, "linux/mount"),
  of("unmount", operationKind.unmount, "linux/mount"),
  of("namespace", operationKind.namespace, "linux/namespace_change"),
  of("signal", operationKind.signal, "linux/signal"),
  of("prctl", operationKind.prctl, "linux/system_call"),
  of("personality", operationKind.personality, "linux/system_call"),
  of("keyring", operationKind.keyring, "linux/system_call"),
  of("sysinfo", operationKind.sysinfo, "linux/system_call"),
  of("kernel_log", operationKind.kernelLog, "linux/system_call"),
  of("socket", operationKind.socket, "linux/system_call"),
  of("userfaultfd", operationKind.userfaultfd, "linux/system_call"),
  of("io_uring_setup", operationKind.uring, "linux/io_uring"),
  of("io_uring_request", operationKind.uringRequest, "linux/io_uring"),
  of("io_uring_create", operationKind.uringCreate, "linux/io_uring_create"),
  of("io_uring_delete", operationKind.uringDelete, "linux/io_uring_delete"),
  of("throttle", operationKind.throttle, "linux/sysmon"),
  of("io_uring_rename", operationKind.uringRename, "linux/io_uring_rename"),
];

/** By number; holes are no activities. */
export const activityByKind: readonly (ActivityKind | undefined)[] = activityKinds.reduce<(ActivityKind | undefined)[]>(
  (all, row) => {
    if (all[row.kind] !== undefined) throw new Error(`Cannot number activity ${row.name}: ${row.kind} is taken`);
    all[row.kind] = row;
    return all;
  },
  [],
);
