/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel operations, told when the system call returns or at the kernel's own tracepoint: what processes do to others, to the
 * kernel, and to their own standing. All of these calls are rare but mmap, mprotect, prctl and signals, which are filtered by their
 * registers before anything else. Base tier: helpers and program types of kernel 5.8. */
#include "operation.h"

#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define EXIT(name) SEC("tracepoint/syscalls/sys_exit_" #name) int operation_##name(struct exit_context *ctx)

/* ---- credentials: before and after ---- */

struct ids { u64 effective, permitted; u32 uid, euid, suid, gid, egid, sgid; };
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192); /* threads inside such a call at one time */
  __type(key, u32);
  __type(value, struct ids);
} before SEC(".maps");

INLINE void ids_read(struct ids *i) {
  const struct cred *cred = BPF_CORE_READ(current_task(), real_cred);
  i->uid = BPF_CORE_READ(cred, uid.val);
  i->euid = BPF_CORE_READ(cred, euid.val);
  i->suid = BPF_CORE_READ(cred, suid.val);
  i->gid = BPF_CORE_READ(cred, gid.val);
  i->egid = BPF_CORE_READ(cred, egid.val);
  i->sgid = BPF_CORE_READ(cred, sgid.val);
  bpf_core_read(&i->effective, sizeof(i->effective), &cred->cap_effective);
  bpf_core_read(&i->permitted, sizeof(i->permitted), &cred->cap_permitted);
}

INLINE int credentials_enter(void) {
  struct ids now;
  u32 tid = (u32)bpf_get_current_pid_tgid();
  ids_read(&now);
  if (bpf_map_update_elem(&before, &tid, &now, BPF_ANY)) {
    struct sigil_counters *c = counters_of(SIGIL_KIND_OPERATION_CREDENTIALS);
    if (c) {
      c->seen++;
      c->map_full++;
    }
  }
  return 0;
}

static __noinline __attribute__((unused)) int credentials_exit(long nr, long ret) {
  u32 tid = (u32)bpf_get_current_pid_tgid();
  struct ids *known = bpf_map_lookup_elem(&before, &tid);
  if (!known) return 0;
  struct ids was = *known, is;
  bpf_map_delete_elem(&before, &tid);
  if (ret < 0) return 0;
  ids_read(&is);
  bool changed = was.uid != is.uid || was.euid != is.euid || was.suid != is.suid || was.gid != is.gid || was.egid != is.egid || was.sgid != is.sgid;
  bool gained = (is.effective & ~was.effective) | (is.permitted & ~was.permitted);
  if (!changed && !gained) return 0;
  u32 kind = changed ? SIGIL_KIND_OPERATION_CREDENTIALS : SIGIL_KIND_OPERATION_CAPABILITIES;
  if (!enabled[kind]) return 0;
  struct sigil_counters *c = counters_of(kind);
  if (!c) return 0;
  c->seen++;
  if (throttled(kind, c)) return 0;
  struct activity_scratch *s = activity_begin(c, kind, CREDENTIALS_BYTES, 0, 0);
  if (!s) return 0;
  struct sigil_credentials *o = FIXED(s);
  o->cap_effective_before = was.effective;
  o->cap_permitted_before = was.permitted;
  o->cap_effective = is.effective;
  o->cap_permitted = is.permitted;
  o->uid_before = was.uid;
  o->euid_before = was.euid;
  o->suid_before = was.suid;
  o->gid_before = was.gid;
  o->egid_before = was.egid;
  o->sgid_before = was.sgid;
  o->uid = is.uid;
  o->euid = is.euid;
  o->suid = is.suid;
  o->gid = is.gid;
  o->egid = is.egid;
  o->sgid = is.sgid;
  o->call = nr;
  activity_end_critical(s, c);
  return 0;
}

#define CREDENTIALS(name)                                                                                        \
  SEC("tracepoint/syscalls/sys_enter_" #name) int operation_##name##_enter(void *ctx) { return credentials_enter(); } \
  EXIT(name) { return credentials_exit(ctx->nr, ctx->ret); }
CREDENTIALS(setuid)
CREDENTIALS(setgid)
CREDENTIALS(setreuid)
CREDENTIALS(setregid)
CREDENTIALS(setresuid)
CREDENTIALS(setresgid)
CREDENTIALS(capset)

/* ---- other processes ---- */

#define PTRACE_TRACEME 0
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206

/* Requests that take hold of a process or change it; reading is what debuggers do all day. */
INLINE bool ptrace_matters(u32 request) {
  switch (request) {
    case PTRACE_TRACEME:
    case 4: /* POKETEXT */
    case 5: /* POKEDATA */
    case 6: /* POKEUSER */
    case 13: /* SETREGS */
    case 15: /* SETFPREGS */
    case PTRACE_ATTACH:
    case 0x4203: /* SETSIGINFO */
    case 0x4205: /* SETREGSET */
    case PTRACE_SEIZE:
    case 0x420b: /* SETSIGMASK */ return true;
    default: return false;
  }
}

EXIT(ptrace) {
  if (!enabled[SIGIL_KIND_OPERATION_PTRACE]) return 0;
  struct call call;
  call_read(&call);
  u32 request = call.arg[0], wanted = enabled[SIGIL_KIND_OPERATION_PTRACE];
  if (!ptrace_matters(request)) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_PTRACE, 0)
  struct task_struct *task = current_task();
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->code = request;
  o->address = call.arg[2];
  o->target_ns_pid = call.arg[1];
  if (request == PTRACE_TRACEME) {
    o->target_ns_pid = 0;
    put_target(o, BPF_CORE_READ(task, real_parent));
  } else if (ctx->ret >= 0 && (request == PTRACE_ATTACH || request == PTRACE_SEIZE)) {
    /* The kernel puts whom it attached at the head of the tracer's list. */
    struct list_head *first = BPF_CORE_READ((struct task_struct___ptrace *)task, ptraced.next);
    put_target(o, (void *)first - bpf_core_field_offset(struct task_struct___ptrace, ptrace_entry));
  } else if (is_protected(o->target_ns_pid)) o->marks |= SIGIL_OPERATION_PROTECTED;
  if (wanted == ENABLED_GUARD && !(o->marks & SIGIL_OPERATION_PROTECTED)) {
    c->filtered++;
    activity_give(s);
    return 0;
  }
  activity_end_critical(s, c);
  return 0;
}

INLINE int process_vm(struct exit_context *ctx, u32 writes) {
  u8 wanted = enabled[SIGIL_KIND_OPERATION_MEMORY];
  if (!wanted) return 0;
  struct call call;
  call_read(&call);
  if (wanted == ENABLED_GUARD && !is_protected(call.arg[0])) return 0;
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MEMORY, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->target_ns_pid = call.arg[0];
  o->value = writes;
  if (is_protected(o->target_ns_pid)) o->marks |= SIGIL_OPERATION_PROTECTED;
  activity_end_critical(s, c);
  return 0;
}
EXIT(process_vm_readv) { return process_vm(ctx, 0); }
EXIT(process_vm_writev) { return process_vm(ctx, 1); }

struct kernel_siginfo { int si_code; } __attribute__((preserve_access_index));

/* Sent by a process (si_code of a user, or by the kernel at kill(2)'s asking), not by the kernel itself. */
SEC("raw_tp/signal_generate")
int operation_signal(struct raw_context *ctx) {
  u8 wanted = enabled[SIGIL_KIND_OPERATION_SIGNAL];
  if (!wanted) return 0;
  u32 signal = ctx->args[0];
  struct kernel_siginfo *info = (void *)ctx->args[1];
  struct task_struct *target = (void *)ctx->args[2];
  if ((u64)info <= 1) return 0;
  int code = BPF_CORE_READ(info, si_code);
  if (code > 0 || (code < 0 && code != -6 && code != -1)) return 0;
  u32 sender = bpf_get_current_pid_tgid() >> 32, pid = BPF_CORE_READ(target, tgid);
  if (sender == pid) return 0;
  bool guarded = is_protected(pid);
  if (!guarded && wanted == ENABLED_GUARD) return 0;
  if (!guarded && wanted != ENABLED_ALL) {
    bool ends = signal == 9 || signal == 19;
    bool hurts = ends || signal == 3 || signal == 6 || signal == 11 || signal == 15 || signal == 20;
    if (!hurts) return 0;
    /* A parent that ends its child, as shells and service managers do all day. */
    if ((u32)BPF_CORE_READ(target, group_leader, real_parent, tgid) == sender) return 0;
    if (!ends && BPF_CORE_READ(target, real_cred, uid.val) == (u32)bpf_get_current_uid_gid()) return 0;
  }
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_SIGNAL, 0)
  o->code = signal;
  o->value = code;
  o->result = (int)ctx->args[4];
  if (ctx->args[3]) o->marks |= SIGIL_OPERATION_GROUP;
  put_target(o, target);
  activity_end_critical(s, c);
  return 0;
}

/* ---- memory ---- */

EXIT(memfd_create) {
  if (!enabled[SIGIL_KIND_OPERATION_MEMFD] || ctx->ret < 0) return 0;
  struct file *file = file_of(current_task(), ctx->ret);
  if (!file) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_MEMFD, 1)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[1];
  o->inode = BPF_CORE_READ(file, f_inode, i_ino);
  put_kernel_name(s, 0, SIGIL_SECTION_OPERATION_NAME, BPF_CORE_READ(file, f_path.dentry, d_name.name));
  activity_end(s, c);
  return 0;
}

/* What of this sort was told of an address space already: the second time says nothing new. Keyed by the address space, so
 * that a new program begins anew; the start tells a reused address apart. */
struct told_key { u64 mm; u32 what; u32 reserved; };
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct told_key);
  __type(value, u64);
} told SEC(".maps");

static __noinline __attribute__((unused)) int executable_memory(struct exit_context *ctx, u64 address, u64 length, u64 prot_marks) {
  u32 marks = prot_marks;
  struct task_struct *task = current_task();
  struct told_key key = {.mm = (u64)BPF_CORE_READ(task, mm), .what = marks};
  u64 start = BPF_CORE_READ(task, group_leader, start_boottime);
  u64 *known = bpf_map_lookup_elem(&told, &key);
  if (known && *known == start) {
    struct sigil_counters *again = counters_of(SIGIL_KIND_OPERATION_EXECUTABLE);
    if (again) {
      again->seen++;
      again->filtered++;
    }
    return 0;
  }
  bpf_map_update_elem(&told, &key, &start, BPF_ANY);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_EXECUTABLE, 0)
  o->address = address;
  o->length = length;
  o->marks = marks;
  activity_end(s, c);
  return 0;
}

/* Files whose path was found usual, so that the walk is made once a file. */
struct file_key { u64 inode; u32 dev; u32 reserved; };
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct file_key);
  __type(value, u8);
} usual SEC(".maps");

#define FIRST(n) ((1ull << (8 * (n))) - 1)
#define TEXT(a, b, c, d, e, f) \
  ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40)

/* Below /usr/, /lib*, /bin/, /sbin/, /opt/, /snap/, /nix/, /gnu/: where packages put what is executed. */
INLINE bool is_usual(struct text *t) {
  u64 head = 0;
  u32 start = t->pos & (PATH_ROOM - 1);
  bpf_probe_read_kernel(&head, sizeof(head), &t->path[start]);
  return !t->flags && ((head & FIRST(5)) == TEXT('/', 'u', 's', 'r', '/', 0) || (head & FIRST(4)) == TEXT('/', 'l', 'i', 'b', 0, 0) ||
    (head & FIRST(5)) == TEXT('/', 'b', 'i', 'n', '/', 0) || (head & FIRST(6)) == TEXT('/', 's', 'b', 'i', 'n', '/') ||
    (head & FIRST(5)) == TEXT('/', 'o', 'p', 't', '/', 0) || (head & FIRST(6)) == TEXT('/', 's', 'n', 'a', 'p', '/') ||
    (head & FIRST(5)) == TEXT('/', 'n', 'i', 'x', '/', 0) || (head & FIRST(5)) == TEXT('/', 'g', 'n', 'u', '/', 0));
}

static __noinline __attribute__((unused)) int library(struct exit_context *ctx, u32 fd, u64 length) {
  struct task_struct *task = current_task();
  struct file *file = file_of(task, fd);
  if (!file) return 0;
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  struct file_key key = {.inode = BPF_CORE_READ(inode, i_ino), .dev = BPF_CORE_READ(inode, i_sb, s_dev)};
  if (bpf_map_lookup_elem(&usual, &key)) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_OPERATION_LIBRARY);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, SIGIL_KIND_OPERATION_LIBRARY, OPERATION_BYTES, 1, 0);
  if (!s) return 0;
  struct sigil_operation *o = FIXED(s);
  put_file(s, o, 0, file);
  if (is_usual(&s->text)) {
    u8 yes = 1;
    bpf_map_update_elem(&usual, &key, &yes, BPF_ANY);
    c->filtered++;
    activity_give(s);
    return 0;
  }
  if (throttled(SIGIL_KIND_OPERATION_LIBRARY, c)) {
    activity_give(s);
    return 0;
  }
  o->call = ctx->nr;
  o->address = ctx->ret;
  o->length = length;
  activity_end(s, c);
  return 0;
}

EXIT(mmap) {
  if ((unsigned long)ctx->ret > -4096ul) return 0;
  struct call call;
  call_read(&call);
  if (!(call.arg[2] & PROT_EXEC)) return 0;
  if (call.arg[3] & MAP_ANONYMOUS) {
    if (!enabled[SIGIL_KIND_OPERATION_EXECUTABLE]) return 0;
    return executable_memory(ctx, ctx->ret, call.arg[1], call.arg[2] & PROT_WRITE ? SIGIL_OPERATION_WRITABLE : 0);
  }
  if (!enabled[SIGIL_KIND_OPERATION_LIBRARY]) return 0;
  return library(ctx, call.arg[4], call.arg[1]);
}

INLINE int protection(struct exit_context *ctx) {
  if (ctx->ret != 0 || !enabled[SIGIL_KIND_OPERATION_EXECUTABLE]) return 0;
  struct call call;
  call_read(&call);
  if (!(call.arg[2] & PROT_EXEC)) return 0;
  return executable_memory(ctx, call.arg[0], call.arg[1],
    SIGIL_OPERATION_CHANGED | (call.arg[2] & PROT_WRITE ? SIGIL_OPERATION_WRITABLE : 0));
}
EXIT(mprotect) { return protection(ctx); }
EXIT(pkey_mprotect) { return protection(ctx); }

EXIT(userfaultfd) {
  if (!enabled[SIGIL_KIND_OPERATION_USERFAULTFD]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_USERFAULTFD, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->flags = call.arg[0];
  activity_end(s, c);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
