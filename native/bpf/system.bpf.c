/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel operations on the system as a whole: modules, bpf(2), mounts, namespaces, prctl, personality, keyrings. All rare. Base tier:
 * helpers and program types of kernel 5.8. */
#include "operation.h"

#define EXIT(name) SEC("tracepoint/syscalls/sys_exit_" #name) int system_##name(struct exit_context *ctx)

/* ---- modules ---- */

/* A module from a file; the name follows from the file, and from module_load when it succeeds. */
EXIT(finit_module) {
  if (!enabled[SIGIL_KIND_OPERATION_MODULE]) return 0;
  struct call call;
  call_read(&call);
  struct file *file = file_of(current_task(), call.arg[0]);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MODULE, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[2];
  if (file) put_file(s, o, 0, file);
  else put_nothing(s, 0, SIGIL_SECTION_OPERATION_PATH);
  put_nothing(s, 1, SIGIL_SECTION_OPERATION_NAME);
  activity_end_critical(s, c);
  return 0;
}

/* A module from memory: there is no file. */
EXIT(init_module) {
  if (!enabled[SIGIL_KIND_OPERATION_MODULE]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MODULE, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->address = call.arg[0];
  o->length = call.arg[1];
  activity_end_critical(s, c);
  return 0;
}

EXIT(delete_module) {
  if (!enabled[SIGIL_KIND_OPERATION_UNLOAD]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_UNLOAD, 1)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[1];
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_NAME, (void *)call.arg[0]);
  activity_end_critical(s, c);
  return 0;
}

struct module { char name[56]; } __attribute__((preserve_access_index));

/* The kernel has taken the module: its own name for it. */
SEC("raw_tp/module_load")
int system_module_load(struct raw_context *ctx) {
  if (!enabled[SIGIL_KIND_OPERATION_MODULE]) return 0;
  struct module *module = (void *)ctx->args[0];
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MODULE, 1)
  put_kernel_name(s, 0, SIGIL_SECTION_OPERATION_NAME, &module->name);
  activity_end_critical(s, c);
  return 0;
}

/* ---- bpf(2) ---- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_prog_aux { u32 id; char name[16]; };
enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC };
struct bpf_prog { enum bpf_prog_type type; struct bpf_prog_aux *aux; };
struct bpf_link { u32 id; struct bpf_prog *prog; };
struct file___private { void *private_data; };
#pragma clang attribute pop

enum {
  OBJ_PIN = 6,
  OBJ_GET = 7,
  PROG_LOAD = 5,
  PROG_ATTACH = 8,
  PROG_DETACH = 9,
  PROG_GET_FD_BY_ID = 13,
  MAP_GET_FD_BY_ID = 14,
  RAW_TRACEPOINT_OPEN = 17,
  LINK_CREATE = 28,
  LINK_UPDATE = 29,
  LINK_GET_FD_BY_ID = 30,
  LINK_DETACH = 34,
};
#define BPF_COMMANDS                                                                                                       \
  (1ull << OBJ_PIN | 1ull << OBJ_GET | 1ull << PROG_LOAD | 1ull << PROG_ATTACH | 1ull << PROG_DETACH |                     \
   1ull << PROG_GET_FD_BY_ID | 1ull << MAP_GET_FD_BY_ID | 1ull << RAW_TRACEPOINT_OPEN | 1ull << LINK_CREATE |              \
   1ull << LINK_UPDATE | 1ull << LINK_GET_FD_BY_ID | 1ull << LINK_DETACH)

/* Those by which somebody takes hold of what another loaded, or takes it away. */
#define GUARD_COMMANDS                                                                                           \
  (1ull << OBJ_GET | 1ull << PROG_DETACH | 1ull << PROG_GET_FD_BY_ID | 1ull << MAP_GET_FD_BY_ID | 1ull << LINK_UPDATE | \
   1ull << LINK_GET_FD_BY_ID | 1ull << LINK_DETACH)

INLINE void *private_of(u32 fd) {
  struct file *file = file_of(current_task(), fd);
  return file ? BPF_CORE_READ((struct file___private *)file, private_data) : NULL;
}

EXIT(bpf) {
  u8 wanted = enabled[SIGIL_KIND_OPERATION_BPF];
  if (!wanted) return 0;
  long ret = ctx->ret, nr = ctx->nr;
  barrier_var(ret); /* or the compiler reads through a pointer into the context, which the verifier refuses */
  barrier_var(nr);
  struct call call;
  call_read(&call);
  u32 command = call.arg[0];
  if (command >= 64 || !((wanted == ENABLED_GUARD ? GUARD_COMMANDS : BPF_COMMANDS) & 1ull << command)) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_BPF, 1)
  o->call = nr;
  o->result = ret;
  o->code = command;
  u64 first = 0; /* of union bpf_attr: as the caller's memory has it now */
  bpf_probe_read_user(&first, sizeof(first), (void *)call.arg[1]);
  if (command == PROG_LOAD && ret >= 0) {
    struct bpf_prog *prog = private_of(ret);
    o->value = BPF_CORE_READ(prog, type);
    o->value2 = BPF_CORE_READ(prog, aux, id);
    put_kernel_name(s, 0, SIGIL_SECTION_OPERATION_NAME, &BPF_CORE_READ(prog, aux)->name);
  } else if (command == OBJ_PIN || command == OBJ_GET)
    put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)first);
  else if (command == LINK_CREATE || command == LINK_UPDATE || command == LINK_DETACH || command == RAW_TRACEPOINT_OPEN) {
    u32 fd = command == LINK_CREATE || command == RAW_TRACEPOINT_OPEN ? (u32)ret : (u32)first;
    struct bpf_link *link = (s32)fd >= 0 ? private_of(fd) : NULL;
    struct bpf_prog *prog = BPF_CORE_READ(link, prog);
    o->value = BPF_CORE_READ(prog, type);
    o->value2 = BPF_CORE_READ(link, id);
    put_kernel_name(s, 0, SIGIL_SECTION_OPERATION_NAME, &BPF_CORE_READ(prog, aux)->name);
  } else {
    if (command != PROG_ATTACH && command != PROG_DETACH) o->value2 = (u32)first;
    put_nothing(s, 0, SIGIL_SECTION_OPERATION_NAME);
  }
  activity_end_critical(s, c);
  return 0;
}

/* ---- mounts ---- */

INLINE void put_cwd(struct activity_scratch *s, u32 index) {
  struct task_struct *task = current_task();
  path_walk(s->slot, task, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
  put_text(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_DIR);
}

EXIT(mount) {
  if (!enabled[SIGIL_KIND_OPERATION_MOUNT]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MOUNT, 3)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[3];
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)call.arg[1]);
  put_user_string(s, OPERATION_BYTES, 1, SIGIL_SECTION_OPERATION_OTHER, (void *)call.arg[0]);
  put_user_string(s, OPERATION_BYTES, 2, SIGIL_SECTION_OPERATION_NAME, (void *)call.arg[2]);
  activity_end(s, c);
  return 0;
}

EXIT(move_mount) {
  if (!enabled[SIGIL_KIND_OPERATION_MOUNT]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MOUNT, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[4];
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)call.arg[3]);
  put_user_string(s, OPERATION_BYTES, 1, SIGIL_SECTION_OPERATION_OTHER, (void *)call.arg[1]);
  activity_end(s, c);
  return 0;
}

EXIT(pivot_root) {
  if (!enabled[SIGIL_KIND_OPERATION_MOUNT]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MOUNT, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)call.arg[0]);
  put_user_string(s, OPERATION_BYTES, 1, SIGIL_SECTION_OPERATION_OTHER, (void *)call.arg[1]);
  activity_end(s, c);
  return 0;
}

EXIT(chroot) {
  if (!enabled[SIGIL_KIND_OPERATION_MOUNT]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MOUNT, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)call.arg[0]);
  put_cwd(s, 1);
  activity_end(s, c);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_umount")
int system_umount(struct exit_context *ctx) {
  if (!enabled[SIGIL_KIND_OPERATION_UNMOUNT]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_UNMOUNT, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[1];
  put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_PATH, (void *)call.arg[0]);
  put_cwd(s, 1);
  activity_end(s, c);
  return 0;
}

/* ---- namespaces ---- */

/* CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
#define NAMESPACES 0x7e020080u

INLINE int namespaces(struct exit_context *ctx, u64 flags) {
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_NAMESPACE, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = flags;
  activity_end(s, c);
  return 0;
}
EXIT(unshare) {
  if (!enabled[SIGIL_KIND_OPERATION_NAMESPACE]) return 0;
  struct call call;
  call_read(&call);
  return call.arg[0] & NAMESPACES ? namespaces(ctx, call.arg[0]) : 0;
}
EXIT(setns) {
  if (!enabled[SIGIL_KIND_OPERATION_NAMESPACE]) return 0;
  struct call call;
  call_read(&call);
  return namespaces(ctx, call.arg[1]);
}

/* clone and clone3 with new namespaces; the target is the child. */
SEC("raw_tp/task_newtask")
int system_newtask(struct raw_context *ctx) {
  u64 flags = ctx->args[1];
  if (!(flags & NAMESPACES & ~0xffull) || !enabled[SIGIL_KIND_OPERATION_NAMESPACE]) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_NAMESPACE, 0)
  o->flags = flags & NAMESPACES;
  put_target(o, (void *)ctx->args[0]);
  activity_end(s, c);
  return 0;
}

/* ---- a process's own standing ---- */

#define PR_SET_NAME 15
#define PR_SET_MM 35
#define PR_SET_PTRACER 0x59616d61

EXIT(prctl) {
  if (!enabled[SIGIL_KIND_OPERATION_PRCTL]) return 0;
  struct call call;
  call_read(&call);
  u32 option = call.arg[0];
  u64 id = bpf_get_current_pid_tgid();
  if (option != PR_SET_NAME && option != PR_SET_MM && option != PR_SET_PTRACER) return 0;
  /* Threads are named all day; a process's name is its first thread's. */
  if (option == PR_SET_NAME && (u32)id != id >> 32) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_PRCTL, 1)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->code = option;
  o->address = call.arg[1];
  if (option == PR_SET_NAME) put_kernel_name(s, 0, SIGIL_SECTION_OPERATION_NAME, current_task()->comm);
  else put_nothing(s, 0, SIGIL_SECTION_OPERATION_NAME);
  activity_end(s, c);
  return 0;
}

EXIT(personality) {
  if (!enabled[SIGIL_KIND_OPERATION_PERSONALITY]) return 0;
  struct call call;
  call_read(&call);
  if ((u32)call.arg[0] == 0xffffffff) return 0; /* asks only */
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_PERSONALITY, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = (u32)call.arg[0];
  activity_end(s, c);
  return 0;
}

EXIT(sysinfo) {
  if (!enabled[SIGIL_KIND_OPERATION_SYSINFO]) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_SYSINFO, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  activity_end(s, c);
  return 0;
}

/* include/linux/syslog.h: 4 reads and clears, 5 clears, 6 to 8 silence the console. Reading alone is what dmesg does all day. */
EXIT(syslog) {
  if (!enabled[SIGIL_KIND_OPERATION_KERNEL_LOG]) return 0;
  struct call call;
  call_read(&call);
  u32 action = call.arg[0];
  if (action < 4 || action > 8) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_KERNEL_LOG, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->code = action;
  o->length = call.arg[2];
  activity_end(s, c);
  return 0;
}

/* Families that everybody uses: unspecified, UNIX, INET, INET6, NETLINK. */
#define USUAL_FAMILIES (1u << 0 | 1u << 1 | 1u << 2 | 1u << 10 | 1u << 16)

EXIT(socket) {
  if (!enabled[SIGIL_KIND_OPERATION_SOCKET]) return 0;
  struct call call;
  call_read(&call);
  u32 family = call.arg[0];
  if (family < 32 && (USUAL_FAMILIES >> family & 1)) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_SOCKET, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->code = family;
  o->flags = (u32)call.arg[1];
  o->address = (u32)call.arg[2];
  activity_end(s, c);
  return 0;
}

INLINE int keyring(struct exit_context *ctx, const struct call *call, bool is_named) {
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_KEYRING, 2)
  o->call = ctx->nr;
  o->result = ctx->ret;
  if (is_named) {
    put_user_string(s, OPERATION_BYTES, 0, SIGIL_SECTION_OPERATION_OTHER, (void *)call->arg[0]);
    put_user_string(s, OPERATION_BYTES, 1, SIGIL_SECTION_OPERATION_NAME, (void *)call->arg[1]);
  } else {
    o->code = call->arg[0];
    o->address = (u32)call->arg[1];
    put_nothing(s, 0, SIGIL_SECTION_OPERATION_OTHER);
    put_nothing(s, 1, SIGIL_SECTION_OPERATION_NAME);
  }
  activity_end(s, c);
  return 0;
}
#define KEYRING(name, is_named)                            \
  EXIT(name) {                                             \
    if (!enabled[SIGIL_KIND_OPERATION_KEYRING]) return 0;  \
    struct call call;                                      \
    call_read(&call);                                      \
    return keyring(ctx, &call, is_named);                  \
  }
KEYRING(keyctl, false)
KEYRING(add_key, true)
KEYRING(request_key, true)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
