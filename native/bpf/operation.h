/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of kernel operations share: the registers of the system call that is about to return, files by descriptor,
 * and the list of protected processes. Registers are taken from the kernel's own copy: another thread
 * cannot change them as it can change memory that they point to. */
#ifndef SIGIL_BPF_OPERATION_H
#define SIGIL_BPF_OPERATION_H
#include "throttle.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct list_head { struct list_head *next, *prev; };
struct task_struct___ptrace { struct list_head ptraced; struct list_head ptrace_entry; };
#pragma clang attribute pop

struct exit_context {
  u64 common;
  long nr;
  long ret;
};
struct raw_context { u64 args[6]; };

/* The first four and a half: what the programs here ask for. */
struct call {
  u64 arg[5];
};

/* Bytes of a kernel stack: a page order that neither machine has changed since 5.8, but for kernels with KASAN. Only used where the
 * helper does not exist, which came with 5.15. */
#define STACK_BYTES 16384

INLINE void call_read(struct call *c) {
  struct pt_regs *regs;
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
    regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
  else
    regs = BPF_CORE_READ(current_task(), stack) + STACK_BYTES - bpf_core_type_size(struct pt_regs);
#if defined(__TARGET_ARCH_x86)
  c->arg[0] = BPF_CORE_READ(regs, di);
  c->arg[1] = BPF_CORE_READ(regs, si);
  c->arg[2] = BPF_CORE_READ(regs, dx);
  c->arg[3] = BPF_CORE_READ(regs, r10);
  c->arg[4] = BPF_CORE_READ(regs, r8);
#else
  c->arg[0] = BPF_CORE_READ(regs, orig_x0);
  c->arg[1] = BPF_CORE_READ(regs, regs[1]);
  c->arg[2] = BPF_CORE_READ(regs, regs[2]);
  c->arg[3] = BPF_CORE_READ(regs, regs[3]);
  c->arg[4] = BPF_CORE_READ(regs, regs[4]);
#endif
}

INLINE struct file *file_of(struct task_struct *task, u32 fd) {
  struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
  struct file **table = BPF_CORE_READ(fdt, fd);
  struct file *file = NULL;
  if (fd >= BPF_CORE_READ(fdt, max_fds)) return NULL;
  bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
  return file;
}

/* The agent's own processes: whoever does something to them is told with the mark PROTECTED. Written by the shim. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, u8);
} protected_pids SEC(".maps");

INLINE bool is_protected(u32 pid) { return bpf_map_lookup_elem(&protected_pids, &pid) != NULL; }

#define OPERATION_BYTES ((u32)sizeof(struct sigil_operation))
#define CREDENTIALS_BYTES ((u32)sizeof(struct sigil_credentials))

/* What `enabled` says of a kind: all of it that matters, all without a filter, or only what is done to the agent. */
#define ENABLED_ALL 2
#define ENABLED_GUARD 3

/* Begins a record of `kind`; leaves `c`, `s` and `o`, or the program. `sections` is a constant. */
#define OPERATION_BEGIN(KIND, SECTIONS)                                                            \
  struct sigil_counters *c = counters_of(KIND);                                                    \
  if (!c) return 0;                                                                                \
  c->seen++;                                                                                       \
  if (throttled(KIND, c)) return 0;                                                                \
  struct activity_scratch *s = activity_begin(c, KIND, OPERATION_BYTES, SECTIONS, 0);              \
  if (!s) return 0;                                                                                \
  struct sigil_operation *o __attribute__((unused)) = FIXED(s);

INLINE void put_file(struct activity_scratch *s, struct sigil_operation *o, u32 index, struct file *file) {
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
  o->inode = BPF_CORE_READ(inode, i_ino);
  o->major = dev >> 20;
  o->minor = dev & 0xfffff;
  o->marks |= SIGIL_OPERATION_RESOLVED;
  if (BPF_CORE_READ(inode, i_nlink) == 0) o->marks |= SIGIL_OPERATION_DELETED;
  path_walk(s->slot, current_task(), BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
  put_text(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_PATH);
}

/* A name in the kernel's memory, of at most 255 bytes. */
INLINE void put_kernel_name(struct activity_scratch *s, u32 index, u32 type, const void *text) {
  long n = bpf_probe_read_kernel_str(&s->record[s->used & ACTIVITY_MASK], 256, text);
  if (n < 1) put_section(s, OPERATION_BYTES, index, type, SIGIL_UNREADABLE, 0);
  else put_section(s, OPERATION_BYTES, index, type, 0, (n - 1) & 255);
}

INLINE void put_nothing(struct activity_scratch *s, u32 index, u32 type) { put_section(s, OPERATION_BYTES, index, type, 0, 0); }

INLINE void put_target(struct sigil_operation *o, struct task_struct *target) {
  struct task_struct *leader = BPF_CORE_READ(target, group_leader);
  o->target_pid = BPF_CORE_READ(target, tgid);
  o->target_start_ns = BPF_CORE_READ(leader, start_boottime);
  o->target_uid = BPF_CORE_READ(target, real_cred, uid.val);
  if (is_protected(o->target_pid)) o->marks |= SIGIL_OPERATION_PROTECTED;
}
#endif
