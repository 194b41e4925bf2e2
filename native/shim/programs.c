/* The table of eBPF objects and programs: what is loaded, which kinds each program delivers, and which two do the same. A new
 * family adds a row to `sources` and a block to `rows`; nothing else in the shim knows it. */
#include "programs.h"

#define OBJECT(name) \
  extern const unsigned char sigil_##name##_object[]; \
  extern const unsigned int sigil_##name##_object_size;
OBJECT(process)
OBJECT(file)
OBJECT(operation)
OBJECT(system)
OBJECT(uring)
OBJECT(connection)
OBJECT(datagram)

/* In the order of enum object_id. */
const struct object_source object_sources[OBJECTS] = {
  {"process", sigil_process_object, &sigil_process_object_size},
  {"file", sigil_file_object, &sigil_file_object_size},
  {"operation", sigil_operation_object, &sigil_operation_object_size},
  {"system", sigil_system_object, &sigil_system_object_size},
  {"uring", sigil_uring_object, &sigil_uring_object_size},
  {"connection", sigil_connection_object, &sigil_connection_object_size},
  {"datagram", sigil_datagram_object, &sigil_datagram_object_size},
};

#define OPENS {SIGIL_KIND_FILE_CREATE, SIGIL_KIND_FILE_WRITE, SIGIL_KIND_FILE_ACCESS}
#define CALL(call, kind, some_) {OBJECT_FILE, "file_call", "syscalls/sys_exit_" call, .kinds = {SIGIL_KIND_FILE_##kind}, .some = some_}

/* The process family comes first; it is always on. Attached in the reverse order: the end of a process before its start,
 * because an exit whose start was not seen is harmless and the reverse leaves a ghost. */
const struct program_row program_rows[] = {
  {OBJECT_PROCESS, "process_exec", .kinds = {SIGIL_KIND_EXEC}},
  {OBJECT_PROCESS, "process_fork", .kinds = {SIGIL_KIND_FORK}},
  {OBJECT_PROCESS, "process_exit_group", .instead = "process_exit_live", .kinds = {SIGIL_KIND_EXIT}},
  {OBJECT_PROCESS, "process_exit_live", .instead = "process_exit_group", .kinds = {SIGIL_KIND_EXIT}},
  {OBJECT_PROCESS, "process_inventory", .kinds = {SIGIL_KIND_TASK}},

  /* file */
  {OBJECT_FILE, "file_openat", .kinds = OPENS},
  {OBJECT_FILE, "file_openat", "syscalls/sys_exit_openat2", .kinds = OPENS},
  {OBJECT_FILE, "file_open", .kinds = OPENS, .some = 1},
  {OBJECT_FILE, "file_open", "syscalls/sys_exit_creat", .kinds = OPENS, .some = 1},
  {OBJECT_FILE, "file_open_by_handle", .kinds = OPENS},
  {OBJECT_FILE, "file_close", .kinds = {SIGIL_KIND_FILE_CLOSE}},
  CALL("unlinkat", DELETE, 0),
  CALL("unlink", DELETE, 1),
  CALL("rmdir", DELETE, 1),
  CALL("renameat2", RENAME, 0),
  CALL("renameat", RENAME, 1),
  CALL("rename", RENAME, 1),
  CALL("linkat", LINK, 0),
  CALL("link", LINK, 1),
  CALL("symlinkat", SYMLINK, 0),
  CALL("symlink", SYMLINK, 1),
  CALL("mkdirat", MKDIR, 0),
  CALL("mkdir", MKDIR, 1),
  CALL("mknodat", MKNOD, 0),
  CALL("mknod", MKNOD, 1),
  CALL("fchmodat", CHMOD, 0),
  CALL("fchmod", CHMOD, 0),
  CALL("chmod", CHMOD, 1),
  CALL("fchmodat2", CHMOD, 1),
  CALL("fchownat", CHOWN, 0),
  CALL("fchown", CHOWN, 0),
  CALL("chown", CHOWN, 1),
  CALL("lchown", CHOWN, 1),
  CALL("setxattr", SETXATTR, 0),
  CALL("lsetxattr", SETXATTR, 0),
  CALL("fsetxattr", SETXATTR, 0),
  CALL("removexattr", SETXATTR, 0),
  CALL("lremovexattr", SETXATTR, 0),
  CALL("fremovexattr", SETXATTR, 0),
  CALL("setxattrat", SETXATTR, 1),
  CALL("removexattrat", SETXATTR, 1),
  CALL("truncate", TRUNCATE, 0),
  CALL("ftruncate", TRUNCATE, 0),
  CALL("utimensat", UTIMES, 0),
  CALL("futimesat", UTIMES, 1),
  CALL("utimes", UTIMES, 1),
  CALL("utime", UTIMES, 1),
#ifdef __x86_64__
  {OBJECT_FILE, "file_compat", .kinds = {SIGIL_KIND_COMPAT}, .optional = 1},
#endif

  /* kernel operations */
  {OBJECT_OPERATION, "operation_setuid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setuid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setgid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setgid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setreuid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setreuid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setregid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setregid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setresuid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setresuid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setresgid_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_setresgid", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_capset_enter", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_capset", .kinds = {SIGIL_KIND_OPERATION_CREDENTIALS, SIGIL_KIND_OPERATION_CAPABILITIES}},
  {OBJECT_OPERATION, "operation_ptrace", .kinds = {SIGIL_KIND_OPERATION_PTRACE}},
  {OBJECT_OPERATION, "operation_process_vm_readv", .kinds = {SIGIL_KIND_OPERATION_MEMORY}, .some = 1},
  {OBJECT_OPERATION, "operation_process_vm_writev", .kinds = {SIGIL_KIND_OPERATION_MEMORY}, .some = 1},
  {OBJECT_OPERATION, "operation_signal", .kinds = {SIGIL_KIND_OPERATION_SIGNAL}},
  {OBJECT_OPERATION, "operation_memfd_create", .kinds = {SIGIL_KIND_OPERATION_MEMFD}, .some = 1},
  {OBJECT_OPERATION, "operation_mmap", .kinds = {SIGIL_KIND_OPERATION_EXECUTABLE, SIGIL_KIND_OPERATION_LIBRARY}},
  {OBJECT_OPERATION, "operation_mprotect", .kinds = {SIGIL_KIND_OPERATION_EXECUTABLE}},
  {OBJECT_OPERATION, "operation_pkey_mprotect", .kinds = {SIGIL_KIND_OPERATION_EXECUTABLE}, .some = 1},
  {OBJECT_OPERATION, "operation_userfaultfd", .kinds = {SIGIL_KIND_OPERATION_USERFAULTFD}, .some = 1},
  {OBJECT_SYSTEM, "system_finit_module", .kinds = {SIGIL_KIND_OPERATION_MODULE}, .some = 1},
  {OBJECT_SYSTEM, "system_init_module", .kinds = {SIGIL_KIND_OPERATION_MODULE}, .some = 1},
  {OBJECT_SYSTEM, "system_module_load", .kinds = {SIGIL_KIND_OPERATION_MODULE}, .some = 1},
  {OBJECT_SYSTEM, "system_delete_module", .kinds = {SIGIL_KIND_OPERATION_UNLOAD}, .some = 1},
  {OBJECT_SYSTEM, "system_bpf", .kinds = {SIGIL_KIND_OPERATION_BPF}},
  {OBJECT_SYSTEM, "system_mount", .kinds = {SIGIL_KIND_OPERATION_MOUNT}},
  {OBJECT_SYSTEM, "system_move_mount", .kinds = {SIGIL_KIND_OPERATION_MOUNT}},
  {OBJECT_SYSTEM, "system_pivot_root", .kinds = {SIGIL_KIND_OPERATION_MOUNT}},
  {OBJECT_SYSTEM, "system_chroot", .kinds = {SIGIL_KIND_OPERATION_MOUNT}},
  {OBJECT_SYSTEM, "system_umount", .kinds = {SIGIL_KIND_OPERATION_UNMOUNT}},
  {OBJECT_SYSTEM, "system_unshare", .kinds = {SIGIL_KIND_OPERATION_NAMESPACE}},
  {OBJECT_SYSTEM, "system_setns", .kinds = {SIGIL_KIND_OPERATION_NAMESPACE}},
  {OBJECT_SYSTEM, "system_newtask", .kinds = {SIGIL_KIND_OPERATION_NAMESPACE}},
  {OBJECT_SYSTEM, "system_prctl", .kinds = {SIGIL_KIND_OPERATION_PRCTL}},
  {OBJECT_SYSTEM, "system_personality", .kinds = {SIGIL_KIND_OPERATION_PERSONALITY}},
  {OBJECT_SYSTEM, "system_sysinfo", .kinds = {SIGIL_KIND_OPERATION_SYSINFO}},
  {OBJECT_SYSTEM, "system_syslog", .kinds = {SIGIL_KIND_OPERATION_KERNEL_LOG}, .some = 1},
  {OBJECT_SYSTEM, "system_socket", .kinds = {SIGIL_KIND_OPERATION_SOCKET}},
  {OBJECT_SYSTEM, "system_keyctl", .kinds = {SIGIL_KIND_OPERATION_KEYRING}, .some = 1},
  {OBJECT_SYSTEM, "system_add_key", .kinds = {SIGIL_KIND_OPERATION_KEYRING}, .some = 1},
  {OBJECT_SYSTEM, "system_request_key", .kinds = {SIGIL_KIND_OPERATION_KEYRING}, .some = 1},
  {OBJECT_URING, "uring_setup", .kinds = {SIGIL_KIND_OPERATION_URING}, .some = 1},
  {OBJECT_URING, "uring_request", .instead = "uring_request_sqe", .kinds = {SIGIL_KIND_OPERATION_URING_REQUEST, SIGIL_KIND_OPERATION_URING_CREATE, SIGIL_KIND_OPERATION_URING_DELETE, SIGIL_KIND_OPERATION_URING_RENAME}, .some = 1},
  {OBJECT_URING, "uring_request_sqe", .instead = "uring_request", .kinds = {SIGIL_KIND_OPERATION_URING_REQUEST, SIGIL_KIND_OPERATION_URING_CREATE, SIGIL_KIND_OPERATION_URING_DELETE, SIGIL_KIND_OPERATION_URING_RENAME}, .some = 1},

  /* network */
  {OBJECT_CONNECTION, "network_tcp_begin", .kinds = {SIGIL_KIND_NETWORK_CONNECT, SIGIL_KIND_NETWORK_LISTEN, SIGIL_KIND_NETWORK_CLOSE}, .covered = 1},
  {OBJECT_CONNECTION, "network_tcp_state", .kinds = {SIGIL_KIND_NETWORK_CONNECT, SIGIL_KIND_NETWORK_CLOSE}, .covered = 1},
  {OBJECT_CONNECTION, "network_tcp_state_again", .kinds = {SIGIL_KIND_NETWORK_CONNECT, SIGIL_KIND_NETWORK_CLOSE}, .covered = 1},
  {OBJECT_CONNECTION, "network_tcp_retransmit", .kinds = {SIGIL_KIND_NETWORK_CONNECT}},
  {OBJECT_CONNECTION, "network_connect_failed", .kinds = {SIGIL_KIND_NETWORK_CONNECT}},
  {OBJECT_CONNECTION, "network_accept", .kinds = {SIGIL_KIND_NETWORK_ACCEPT, SIGIL_KIND_NETWORK_CLOSE}},
  {OBJECT_CONNECTION, "network_accept4", .kinds = {SIGIL_KIND_NETWORK_ACCEPT, SIGIL_KIND_NETWORK_CLOSE}},
  {OBJECT_DATAGRAM, "network_bind4", .kinds = {SIGIL_KIND_NETWORK_BIND}},
  {OBJECT_DATAGRAM, "network_bind6", .kinds = {SIGIL_KIND_NETWORK_BIND}},
  {OBJECT_DATAGRAM, "network_egress", .kinds = {SIGIL_KIND_NETWORK_SEND, SIGIL_KIND_DNS_QUERY}},
  {OBJECT_DATAGRAM, "network_ingress", .kinds = {SIGIL_KIND_DNS_ANSWER, SIGIL_KIND_NETWORK_SEND}},
  /* Attached before those above: who sends is put down before anything is sent. */
  {OBJECT_DATAGRAM, "network_connect4", .kinds = {SIGIL_KIND_NETWORK_SEND, SIGIL_KIND_NETWORK_CONNECT, SIGIL_KIND_DNS_QUERY, SIGIL_KIND_DNS_ANSWER}},
  {OBJECT_DATAGRAM, "network_connect6", .kinds = {SIGIL_KIND_NETWORK_SEND, SIGIL_KIND_NETWORK_CONNECT, SIGIL_KIND_DNS_QUERY, SIGIL_KIND_DNS_ANSWER}},
  {OBJECT_DATAGRAM, "network_sendmsg4", .kinds = {SIGIL_KIND_NETWORK_SEND, SIGIL_KIND_DNS_QUERY, SIGIL_KIND_DNS_ANSWER}},
  {OBJECT_DATAGRAM, "network_sendmsg6", .kinds = {SIGIL_KIND_NETWORK_SEND, SIGIL_KIND_DNS_QUERY, SIGIL_KIND_DNS_ANSWER}},
  {OBJECT_DATAGRAM, "network_socket", .kinds = {SIGIL_KIND_NETWORK_SEND}},
};
const u32 program_count = sizeof(program_rows) / sizeof(program_rows[0]);
_Static_assert(sizeof(program_rows) / sizeof(program_rows[0]) <= PROGRAMS_MAX, "PROGRAMS_MAX");
