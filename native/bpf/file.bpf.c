/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file family: what processes do to files, told when the system call returns. The file is taken from the descriptor that
 * the call gave back, so its path is the kernel's own and not what the caller said; see docs/design/file-events.md.
 * Base tier: helpers and program types of kernel 5.8. */
#include "activity.h"

#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define S_IFMT 0170000
#define FILE_BYTES ((u32)sizeof(struct sigil_file))

struct exit_context {
  u64 common;
  long nr;
  long ret;
};

INLINE struct file *file_of(struct task_struct *task, u32 fd) {
  struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
  struct file **table = BPF_CORE_READ(fdt, fd);
  struct file *file = NULL;
  if (fd >= BPF_CORE_READ(fdt, max_fds)) return NULL;
  bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
  return file;
}

INLINE void inode_facts(struct sigil_file *f, struct inode *inode) {
  u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
  f->inode = BPF_CORE_READ(inode, i_ino);
  f->size = BPF_CORE_READ(inode, i_size);
  f->major = dev >> 20;
  f->minor = dev & 0xfffff;
  f->mode = BPF_CORE_READ(inode, i_mode);
  f->uid = BPF_CORE_READ(inode, i_uid.val);
  f->gid = BPF_CORE_READ(inode, i_gid.val);
  f->links = BPF_CORE_READ(inode, i_nlink);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int file_openat(struct exit_context *ctx) {
  if (ctx->ret < 0) return 0;
  struct task_struct *task = current_task();
  struct file *file = file_of(task, ctx->ret);
  if (!file) return 0;
  u32 mode = BPF_CORE_READ(file, f_mode);
  if (!(mode & FMODE_WRITE)) return 0;
  u32 kind = mode & FMODE_CREATED ? SIGIL_KIND_FILE_CREATE : SIGIL_KIND_FILE_WRITE;
  if (!enabled[kind]) return 0;
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != 0100000) return 0;
  struct sigil_counters *c = counters_of(kind);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, kind, FILE_BYTES, 1, 0);
  if (!s) return 0;
  struct sigil_file *f = FIXED(s);
  inode_facts(f, inode);
  f->open_flags = BPF_CORE_READ(file, f_flags);
  f->flags = SIGIL_FILE_RESOLVED;
  path_walk(&s->text, task, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
  put_text(s, FILE_BYTES, 0, SIGIL_SECTION_FILE_PATH);
  activity_end(s, c);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
